-- SPDX-License-Identifier: MIT
--- The similarity of vectors.
local calling_line = require "spec.support.blame"
local predibase = require "predibase"

describe("predibase.similarity", function ()
  local similarity = predibase.similarity

  it("is the cosine of the angle between two vectors", function ()
    assert.equal(1, similarity({ 1, 0 }, { 5, 0 }))
    assert.equal(0, similarity({ 1, 0 }, { 0, 3 }))
    assert.equal(-1, similarity({ 1, 2 }, { -2, -4 }))
    assert.is_true(math.abs(similarity({ 1, 1 }, { 1, 0 }) - math.sqrt(0.5)) < 1e-12)
  end)

  it("is 0 for a vector of zeros, and never outside of -1 to 1", function ()
    assert.equal(0, similarity({ 0, 0 }, { 1, 2 }))
    assert.equal(0, similarity({ 0 }, { 0 }))
    for _, vector in ipairs { { 0.1, 0.7, -0.3 }, { 1e-300, 1e-300, 1e-300 }, { 1e300, 1e300, 0 } }
    do
      local same = similarity(vector, vector)
      assert.is_true(same <= 1 and same > 0.999999, same)
    end
  end)

  it("raises for anything but two vectors of the same size", function ()
    for _, case in ipairs {
      { "the first is nil" }, { "the second is nil", { 1 } }, { "the first is empty", {}, {} },
      { "got 1 and 2 numbers", { 1 }, { 1, 2 } },
      { 'the first has the string "1" at position 1', { "1" }, { 1 } },
      { "the second has the number nan at position 2", { 1, 2 }, { 1, 0 / 0 } },
      { "the first has the number inf at position 1", { 1 / 0 }, { 1 } },
    } do
      local text = calling_line(function () similarity(case[2], case[3]) end)
      assert.is_truthy(text:find(case[1], 1, true), text)
    end
  end)
end)
