-- SPDX-License-Identifier: MIT

local embeddings = require "predibase.mock.embeddings"

local function cosine (a, b)
  local sum = 0
  a, b = embeddings.vector(a, 256), embeddings.vector(b, 256)
  for i = 1, #a do sum = sum + a[i] * b[i] end
  return sum
end

describe("predibase.mock.embeddings", function ()
  it("gives the same text the same vector, of length 1", function ()
    assert.is_true(math.abs(cosine("The red fox", "The red fox") - 1) < 1e-9)
    assert.equal(32, #embeddings.vector("x", 32))
    assert.equal(0, cosine("", "anything"))
  end)

  it("gives texts about the same thing more similar vectors", function ()
    local question = "How do I get a refund for my order?"
    local near = "Refunds are paid within five days of your order."
    for _, far in ipairs { "The weather in Oslo is cold in winter.",
        "You can change the password in the settings.", "How do I bake bread?" } do
      assert.is_true(cosine(question, near) > cosine(question, far) + 0.1, far)
    end
    assert.is_true(cosine("buying a car", "purchase of an automobile") > 0.5)
    assert.is_true(cosine("walking", "walked") > 0.9)
    assert.is_true(cosine("electricity", "electrical") > cosine("electricity", "banana"))
  end)
end)
