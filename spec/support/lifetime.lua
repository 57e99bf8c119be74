-- SPDX-License-Identifier: MIT
--- Shared by the specs of lifetimes: finalizers on every Lua, garbage collection inside a call, the
-- number of open descriptors, and a server whose streams stop in the middle.

local predibase = require "predibase"
local resources = require "spec.support.resources"
local server = require "spec.support.server"

local M = {}

--- Lua 5.2 may start the collector at each call of a C function. A finalizer then runs before the
-- function, and not between two of its instructions, as on the other Luas.
M.COLLECTS_ON_CALL = _VERSION == "Lua 5.2"

--- Returns the number of open descriptors of this process.
M.files = resources.descriptors

--- Returns an object whose finalizer calls f, on every Lua.
function M.on_collect (f)
  local newproxy = rawget(_G, "newproxy")
  if newproxy then
    local proxy = newproxy(true)
    getmetatable(proxy).__gc = f
    return proxy
  end
  return setmetatable({}, { __gc = f })
end

-- Lua 5.5 sets each parameter of the collector by its name, and the mode by another call.
local function hasten_by_parameters (wanted)
  local mode, before = collectgarbage "incremental", {}
  for name, value in pairs(wanted) do
    before[name] = collectgarbage("param", name, value)
  end
  return function ()
    for name, value in pairs(before) do collectgarbage("param", name, value) end
    collectgarbage(mode)
  end
end

--- Makes the collector's next step a complete cycle; returns a function that undoes this.
local function hasten ()
  if _VERSION == "Lua 5.4" then          -- the last argument is the step size, as a power of 2
    collectgarbage("incremental", 1, 1000, 100)
    return function () collectgarbage("incremental", 200, 100, 13) end
  end
  if _VERSION == "Lua 5.5" then
    return hasten_by_parameters { pause = 0, stepmul = 0 }    -- 0: in one step
  end
  local pause = collectgarbage("setpause", 1)
  -- 0 means "no limit" in 5.1 and LuaJIT, so garbage of earlier specs makes no difference.
  local step = collectgarbage("setstepmul", _VERSION == "Lua 5.1" and 0 or 1000000)
  return function ()
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", step)
  end
end

--- Calls a function so that f runs as a finalizer at the first allocation in it that starts the
-- collector. If there is none, f runs before this function returns.
-- @treturn boolean whether f ran before the function returned
-- @return the results of pcall, four values at most
function M.inside (f, call, ...)
  local ran = false
  local object = M.on_collect(function () -- luacheck: ignore 231
    ran = true
    f()
  end)
  local undo = hasten()
  -- A finalizer that allocates makes Lua 5.2 wait with the next cycle, so none may be left.
  for _ = 1, 4 do collectgarbage() end
  object = nil
  local ok, first, second, third = pcall(call, ...)
  local inside = ran
  undo()
  collectgarbage()
  return inside, ok, first, second, third
end

--- Collects all garbage, including objects that only finalizers kept alive.
function M.collect ()
  collectgarbage()
  collectgarbage()
end

M.ANSWER = { "one", " two", " three", " four", " five", " six" }
M.TEXT = table.concat(M.ANSWER)

--- Returns a server for the whole spec. Its streams below /hang stop after two tokens, without an
-- end.
function M.serve ()
  return server.spawn { max_seconds = 600, script = {
    ["/generate"] = { answer = M.ANSWER },
    ["/generate_stream"] = { answer = M.ANSWER },
    ["/hang/generate_stream"] = { answer = M.ANSWER, silent_after = 2, keepalive_interval = 0 },
    ["/mute/generate"] = { head_delay = 3600 },
    ["/mute/v1/embeddings"] = { head_delay = 3600 },
    ["/silent/generate_stream"] = { head_delay = 3600 },
    ["/slow/generate_stream"] = { head_delay = 0.2, answer = M.ANSWER },
    ["/late/generate"] = { head_delay = 0.2, answer = M.ANSWER },
  } }
end

--- Returns a client of that server.
-- @tparam ?string path before /generate_stream, such as "/hang"
-- @tparam ?table options further ones
function M.client (s, path, options)
  local all = { base_url = s.url .. (path or ""), api_token = false, max_retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(predibase.new(all))
end

--- Waits until the server has seen all connections close, and returns whether it did. Stop the
-- collector first if it must not close them.
function M.quiet (s)
  return s:wait(function () return s:connections().open == 0 end, 10)
end

--- Waits until the server has the given number of open connections, and returns whether it does.
function M.has_open (s, n)
  return s:wait(function () return s:connections().open == n end, 10)
end

--- Reads a stream to its end, and returns its error. Uses next, because a coroutine of Lua 5.1
-- cannot yield in a for loop.
function M.read (stream)
  local token, err
  repeat token, err = stream:next() until not token
  return err
end

--- Returns an exchange of `predibase.curl` that requests a stream; `more` are further fields.
function M.stream (pool, url, more)
  local spec = { url = url, events = true, proxy = "", body = '{"inputs":"x"}',
    headers = { "content-type: application/json" } }
  for name, value in pairs(more or {}) do spec[name] = value end
  return assert(pool:open(spec))
end

return M
