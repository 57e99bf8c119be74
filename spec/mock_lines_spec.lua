-- SPDX-License-Identifier: MIT

local lines = require "predibase.mock.lines"

local function cut(...)
  local list = {}
  local feed = lines.new(function(line) list[#list + 1] = line end)
  for _, data in ipairs { ... } do feed(data) end
  return list
end

describe("predibase.mock.lines", function()
  it("gives whole lines, however the bytes were cut", function()
    assert.are.same({ "a", "", "bc" }, cut("a\n\nbc\n"))
    assert.are.same({ "a", "", "bc" }, cut("a", "\n", "\n", "b", "c", "\n"))
    assert.are.same({ "a\0b" }, cut("a\0", "b\nrest"))
    assert.are.same({}, cut("", "no end"))
  end)

  it("copies a long line once, not once per byte", function()
    local found
    local feed = lines.new(function(line) found = line end)
    for _ = 1, 200 do feed(("x"):rep(65536)) end
    feed("\n")
    assert.are.equal(200 * 65536, #found)
  end)
end)
