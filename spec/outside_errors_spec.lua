-- SPDX-License-Identifier: MIT
-- luacheck: globals jit
-- Errors that come from outside, such as Ctrl-C, are never treated as bad input.

local predibase = require "predibase"
local server = require "spec.support.server"
local outside_errors = require "predibase.outside_errors"

describe("predibase.outside_errors", function ()
  it("raises an error that does not occur again", function ()
    local calls = 0
    local function count () calls = calls + 1 end
    local ok, err = pcall(outside_errors.raise_if_outside, "from outside", count, 1)
    assert.is_false(ok)
    assert.equal("from outside", err)
    assert.equal(1, calls)
  end)

  it("returns an error that occurs again", function ()
    local err = { "mine" }
    assert.equal(err, outside_errors.raise_if_outside("first", function () error(err, 0) end, 1))
  end)

  it("passes the argument to the function", function ()
    assert.equal("7", outside_errors.raise_if_outside("first", function (x) error(x, 0) end, "7"))
  end)

  it("raises Ctrl-C even when the function fails again", function ()
    local ok, err = pcall(outside_errors.raise_if_outside, "x.lua:1: interrupted!", error,
      "bad input")
    assert.is_false(ok)
    assert.equal("x.lua:1: interrupted!", err)
  end)
end)

describe("a signal handler that raises", function ()
  local stand_in, client

  setup(function ()
    if jit then jit.off() end      -- compiled code calls no hooks
    stand_in = server.spawn()
    client = assert(predibase.new { base_url = stand_in.url, api_token = false, max_retries = 0 })
  end)

  teardown(function ()
    client:close()
    server.stop()
    if jit then jit.on() end
  end)

  --- Calls `f` while a hook raises an error after `n` instructions, until `f` succeeds.
  local function interrupted (n, f)
    local raised, fired, inside = 0, false, false
    debug.sethook(function ()
      if not inside then return end
      debug.sethook()
      fired = true
      error("out of time", 0)
    end, "", n)
    local ok, err
    repeat
      ok, err = pcall(function ()
        inside = true
        f()
        inside = false
      end)
      if not ok and err == "out of time" then raised = raised + 1 end
    until ok or err ~= "out of time"
    debug.sethook()
    assert(ok, err)
    return raised, fired
  end

  it("is not lost at any instruction of a stream", function ()
    local heard = 0
    for n = 1, 6000, 37 do
      local stream = client:generate_stream("Hello", { max_new_tokens = 4, seed = 1 })
      local raised, fired = interrupted(n, function ()
        -- The event that was being read may be lost. Then the stream ends with an error.
        repeat local token = stream:next() until not token
      end)
      stream:close()
      assert.equal(fired and 1 or 0, raised, "after " .. n .. " instructions")
      heard = heard + raised
    end
    assert.is_true(heard > 20, heard .. " were raised")
  end)

  it("is not lost at any instruction of generate", function ()
    local heard = 0
    for n = 1, 12000, 97 do
      local raised, fired = interrupted(n, function ()
        assert(client:generate("Hello", { max_new_tokens = 4, details = true }))
      end)
      assert.equal(fired and 1 or 0, raised, "after " .. n .. " instructions")
      heard = heard + raised
    end
    assert.is_true(heard > 20, heard .. " were raised")
  end)
end)
