-- SPDX-License-Identifier: MIT
-- Threads of luv, each of which has a Lua state of its own and loads the library into it. What a C
-- program may do with states is in spec/c/host_lifetime.c.
local child = require "spec.support.child"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"

local THREADS = 4

-- Each thread ends with a stream that is still open.
local PROGRAM = [=[
local uv = require "luv"
local url, text = os.getenv "URL", os.getenv "TEXT"

local function life (number, url, text, path, cpath)
  package.path, package.cpath = path, cpath
  local predibase = require "predibase"
  local function new (where)
    return assert(predibase.new { base_url = url .. where, api_token = false, max_retries = 0 })
  end
  local client, hanging = new "", new "/hang"
  for _ = 1, 5 do
    assert(tostring(assert(client:generate "x")) == text)
    assert(client:generate_stream "x":text() == text)
    local stream = hanging:generate_stream "x"
    assert(stream:next().text == "one")
  end
  client:close()
  io.write(("thread %d has read all\n"):format(number))
end

local threads = {}
for i = 1, tonumber(os.getenv "THREADS") do
  threads[i] = uv.new_thread(life, i, url, text, package.path, package.cpath)
end
life(0, url, text, package.path, package.cpath)
for _, thread in ipairs(threads) do assert(uv.thread_join(thread)) end
if os.getenv "KEEP_STATE" then os.exit(0, false) end
]=]

-- Threads of luv alone. Some versions of it, such as Debian 13's, crash when the state is closed
-- after this.
local ONLY_LUV = [=[
local uv = require "luv"
local threads = {}
for i = 1, tonumber(os.getenv "THREADS") do
  threads[i] = uv.new_thread(function () require("luv").sleep(10) end)
end
for _, thread in ipairs(threads) do assert(uv.thread_join(thread)) end
]=]

-- Tells whether luv survives threads. A crash is a matter of memory, so this tries several times.
local function is_sound ()
  for _ = 1, 5 do
    local process = child.start(child.interpreter(), { args = { "-e", ONLY_LUV },
      env = { THREADS = THREADS } })
    if process:wait() ~= 0 then return false end
  end
  return true
end

describe("Threads with a Lua state of their own", function ()
  local s
  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)

  it("each make calls of their own", function ()
    local process = child.start(child.interpreter(), { args = { "-e", PROGRAM },
      env = { URL = s.url, TEXT = lifetime.TEXT, THREADS = THREADS,
        KEEP_STATE = not is_sound() and "1" or nil } })
    local code = process:wait()
    assert.equal("", process.stderr)
    assert.equal(0, code)
    for i = 0, THREADS do
      assert.is_truthy(process.stdout:find(("thread %d has read all\n"):format(i), 1, true),
        process.stdout)
    end
    assert.is_true(lifetime.quiet(s))
  end)
end)
