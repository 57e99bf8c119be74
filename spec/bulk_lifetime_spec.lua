-- SPDX-License-Identifier: MIT
--- The userdata of bulk work: closed, collected, and closed by finalizers inside of their methods.

local append = require "predibase.append"
local done = require "predibase.done"
local lifetime = require "spec.support.lifetime"
local scratch = require "spec.support.scratch"

local HASH = "0123456789abcdef-01234567"

describe("a set of done rows", function ()
  it("frees its memory when it is collected", function ()
    for i = 1, 30 do
      local set = done.new(100)
      for line = 1, 10 * i do
        set:add(nil, line, HASH)
        set:repeats("id " .. line)
      end
      assert.equal(10 * i, set:count())
      assert.equal("done", set:state(nil, 10 * i, HASH))
    end
    lifetime.collect()
  end)

  it("survives errors in its methods", function ()
    local set = done.new()
    assert.is_false(pcall(set.add, set, {}, 1, HASH))
    assert.is_false(pcall(set.add, set, "x", 1, "x"))
    assert.is_false(pcall(set.state, set, nil, -1, HASH))
    assert.is_false(pcall(set.repeats, set))
    assert.is_false(pcall(done.new, -1))
    assert.is_false(pcall(set.add, nil))
    assert.equal(0, set:count())
    set:close()
  end)
end)

describe("an output file", function ()
  local folder, path

  before_each(function ()
    folder = scratch.new()
    path = folder .. "/out"
    scratch.write(path, ("x"):rep(100) .. "\n")
  end)
  after_each(function () scratch.remove(folder) end)

  it("is closed when it is collected, which releases its lock", function ()
    local files = lifetime.files()
    do
      local file = assert(append.open(path))
      assert.is_true(file:write("y\n"))
    end
    lifetime.collect()
    assert.equal(files, lifetime.files())
    local again = assert(append.open(path))
    again:close()
  end)

  it("may be closed by a finalizer inside of its methods", function ()
    local calls = {
      function (file) return file:read(0, 10) end,
      function (file) return file:write("z\n") end,
      function (file) return file:count() end,
      function (file) return tostring(file) end,
    }
    for _, call in ipairs(calls) do
      local file = assert(append.open(path))
      local _, ok, message = lifetime.inside(function () file:close() end, call, file)
      if lifetime.COLLECTS_ON_CALL and not ok then
        assert.matches("attempt to use a closed file$", message)
      else
        assert.is_true(ok)
      end
      assert.has_error(function () file:size() end, "attempt to use a closed file")
    end
  end)

  it("leaves no descriptor after errors", function ()
    local files = lifetime.files()
    local file = assert(append.open(path))
    for _ = 1, 5 do
      assert.is_nil((append.open(path)))
      assert.is_nil((append.open(folder)))
      assert.is_nil((append.open(folder .. "/none/x")))
      assert.is_false(pcall(append.open))
      assert.is_false(pcall(file.read, file, 1e9, 1))
      assert.is_false(pcall(file.truncate, file, -1))
      assert.is_false(pcall(file.write, file))
    end
    file:close()
    assert.equal(files, lifetime.files())
  end)
end)
