-- SPDX-License-Identifier: MIT
local folder = require "predibase.folder"
local scratch = require "spec.support.scratch"
local uv = require "luv"

describe("predibase.folder", function ()
  local path

  before_each(function () path = scratch.new() end)
  after_each(function () scratch.remove(path) end)

  local function names (prefix)
    local list = assert(folder.names(path, prefix))
    table.sort(list)
    return list
  end

  it("finds the names that begin with a text", function ()
    assert.same({}, names "")
    for _, name in ipairs { "a.0-of-2", "a.1-of-2", ".hidden", "a%.x", "b" } do
      scratch.write(path .. "/" .. name, "")
    end
    assert.same({ ".hidden", "a%.x", "a.0-of-2", "a.1-of-2", "b" }, names "")
    assert.same({ "a.0-of-2", "a.1-of-2" }, names "a.")
    assert.same({ "a%.x" }, names "a%")
    assert.same({}, names "c")
  end)

  it("returns why a folder cannot be read", function ()
    local list, problem = folder.names(path .. "/none", "")
    assert.is_nil(list)
    assert.equal(path .. "/none: No such file or directory", problem)
    list, problem = folder.names("a\0b", "")
    assert.is_nil(list)
    assert.matches("Invalid argument", problem)
  end)

  it("leaves no descriptor open", function ()
    for _ = 1, 2000 do
      folder.names(path, "")
      folder.names(path .. "/none", "")
    end
    local open = assert(uv.fs_open(path, "r", 0))
    uv.fs_close(open)
    assert.is_true(open < 500)
  end)
end)
