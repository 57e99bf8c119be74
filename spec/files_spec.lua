-- SPDX-License-Identifier: MIT
local files = require "predibase.files"
local scratch = require "spec.support.scratch"

local MARK = "\239\187\191"

describe("predibase.files", function ()
  local folder, path

  before_each(function ()
    folder = scratch.new()
    path = folder .. "/file"
  end)
  after_each(function () scratch.remove(folder) end)

  it("removes a byte order mark at the beginning only", function ()
    for given, wanted in pairs { [MARK .. "a" .. MARK] = "a" .. MARK, ["a\r\n"] = "a\r\n",
      [""] = "", [MARK] = "", [MARK .. MARK] = MARK, ["\239\187"] = "\239\187" } do
      scratch.write(path, given)
      assert.equal(wanted, files.read(path))
      assert.equal(wanted, files.optional(path, 100))
    end
  end)

  it("reads at most the given number of bytes", function ()
    scratch.write(path, "12345")
    assert.equal("12345", files.read(path, 5))
    local text, problem = files.read(path, 4)
    assert.is_nil(text)
    assert.equal(path .. ": is longer than 4 bytes", problem)
    assert.equal("123", files.optional(path, 3))
  end)

  it("tells whether a file exists", function ()
    assert.is_false(files.exists(path))
    scratch.write(path, "")
    assert.is_true(files.exists(path))
  end)

  it("distinguishes a missing file from one that cannot be read", function ()
    local text, problem = files.read(folder .. "/none")
    assert.is_nil(text)
    assert.matches("No such file", problem)
    text, problem = files.optional(folder .. "/none", 1)
    assert.is_nil(text)
    assert.is_nil(problem)
    text, problem = files.optional(folder, 1)
    assert.is_nil(text)
    assert.is_truthy(problem:find(folder, 1, true), problem)
  end)

  it("returns lines without the line ends of any system", function ()
    scratch.write(path, MARK .. "a\r\nb\n\r\n" .. MARK .. "c\rd\r\n\ne")
    local lines = {}
    for line in files.lines(path) do lines[#lines + 1] = line end
    assert.same({ "a", "b", "", MARK .. "c\rd", "", "e" }, lines)
    local next_line = files.lines(path)
    for _ = 1, 6 do next_line() end
    assert.is_nil(next_line())
    assert.is_nil(next_line())
    local ok, message = pcall(function () local f = files.lines(folder .. "/none") return f end)
    assert.is_false(ok)
    assert.matches("files_spec.lua:%d+: .*No such", message)
  end)
end)
