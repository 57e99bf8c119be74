-- SPDX-License-Identifier: MIT
-- Misuse names the first line on the stack that is not the library's own.

local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local scratch = require "spec.support.scratch"
local usage = require "predibase.usage"
local wire = require "spec.support.wire"

--- The line of this file on which it is called.
local function line ()
  return debug.getinfo(2, "l").currentline
end

--- Asserts that an error names a line of this file.
local function assert_line (expected, ok, err)
  assert.is_false(ok)
  assert.equal(expected, tonumber(err:match("usage_spec%.lua:(%d+): ")), err)
end

describe("Usage errors", function ()
  local client

  before_each(function () client = pipe.client { body = wire.answer() } end)

  it("name the line of the caller", function ()
    local here
    local ok, err = pcall(function ()
      here = line() + 1
      local result = client:generate(1)
      return result
    end)
    assert_line(here, ok, err)
  end)

  it("pass over frames of C", function ()
    local here = line() + 1
    local ok, err = pcall(client.generate, client, 1)
    assert_line(here, ok, err)
    here = line() + 1
    ok, err = pcall(table.sort, { 1, 2, 3 }, function () return client:generate(1) end)
    assert_line(here, ok, err)
  end)

  it("name the next line outside where the program's own frame is gone", function ()
    local function replaced () return client:generate(1) end
    local here
    local ok, err = pcall(function ()
      here = line() + 1
      local result = replaced()
      return result
    end)
    -- Lua 5.1 cannot tell a program's tail call from the library's, the others forget both.
    assert_line(here, ok, err)
  end)

  it("name the line of the program also where functions of the library tail-call", function ()
    for _, misuse in ipairs {
      function (it) local made = it.new { base_ulr = "x" } return made end,
      function (it) local made = it.template.new(5) return made end,
      function () local made = client:generate_stream("x", { nothing = 1 }) return made end,
      function () local made = client:generate_many({ "x", 5 }) return made end,
      function () local made = client:adapter("a/1", { template = 1 }) return made end,
      function () local made = client:chat_session { formats = 1 } return made end,
      function () local made = client:adapter("a/1"):generate(5) return made end,
      function () local made = client:adapter("a/1"):chat_session { formats = 1 } return made end,
    } do
      local ok, err = pcall(misuse, predibase)
      local there = debug.getinfo(misuse, "S").linedefined
      assert_line(there, ok, err)
    end
  end)

  it("name the line of a coroutine", function ()
    local here
    local thread = coroutine.create(function ()
      coroutine.yield()
      here = line() + 1
      local result = client:generate(1)
      return result
    end)
    assert.is_true(coroutine.resume(thread))
    local ok, err = coroutine.resume(thread)
    assert_line(here, ok, err)
  end)

  it("have no position in a coroutine that runs nothing but the library", function ()
    local ok, err = coroutine.resume(coroutine.create(client.generate), client, 1)
    assert.is_false(ok)
    assert.equal("the prompt must be a string, got the number 1", err)
  end)

  it("name the line of a for loop", function ()
    local prompts = function () return 5 end
    local here
    local ok, err = pcall(function ()
      here = line() + 1
      for _ in client:generate_many(prompts) do error "an outcome" end
    end)
    assert_line(here, ok, err)
  end)

  it("name the line of a hook that misuses the library itself", function ()
    local here
    local ok, err = pcall(function ()
      local result = client:generate("x", { on_request = function ()
        here = line() + 1
        local inner = client:generate("x", { max_tokens = 1 })
        return inner
      end })
      return result
    end)
    assert_line(here, ok, err)
  end)

  it("are values for callers that ask", function ()
    local ok, message = usage.catch(client.generate, client, 1)
    assert.is_false(ok)
    assert.equal("the prompt must be a string, got the number 1", message)
    assert.same({ true, "a", "b" }, { usage.catch(function (...) return ... end, "a", "b") })
    local here = line() + 1
    ok, message = pcall(client.generate, client, 1)
    assert_line(here, ok, message)
  end)

  it("tell the library from a folder of the program that has its name", function ()
    local folder = scratch.new()
    local path = folder .. "/predibase.lua"
    scratch.write(path, "local client = ...\nlocal made = client:generate(1)\nreturn made\n")
    local misuse = assert(loadfile(path))
    local ok, err = pcall(misuse, client)
    scratch.remove(folder)
    assert.is_false(ok)
    assert.is_truthy(err:find("/predibase.lua:2: ", 1, true), err)
  end)

  it("have no position where there is no debug library", function ()
    local path = debug.getinfo(usage.fail, "S").source:sub(2)
    local chunk = assert(loadfile(path))
    local all = debug
    -- luacheck: push ignore
    rawset(_G, "debug", nil)
    local fresh = chunk()
    rawset(_G, "debug", all)
    -- luacheck: pop
    local ok, err = pcall(fresh.fail, "wrong")
    assert.is_false(ok)
    assert.equal("wrong", err)
  end)
end)
