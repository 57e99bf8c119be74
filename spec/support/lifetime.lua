-- SPDX-License-Identifier: MIT
--- What specs of lifetimes need: finalizers on every Lua, the collector at work inside a call, the
-- number of open descriptors, and a server whose streams stop in the middle.

local predibase = require "predibase"
local server = require "spec.support.server"
local uv = require "luv"

local M = {}

--- How many descriptors this process has open.
function M.files()
  local n, request = 0, assert(uv.fs_scandir "/proc/self/fd")
  while uv.fs_scandir_next(request) do n = n + 1 end
  return n
end

--- An object whose finalizer calls f, on each Lua.
function M.on_collect(f)
  local newproxy = rawget(_G, "newproxy")
  if newproxy then
    local proxy = newproxy(true)
    getmetatable(proxy).__gc = f
    return proxy
  end
  return setmetatable({}, { __gc = f })
end

--- Makes the next chance of the collector a whole cycle; returns what undoes that.
local function hasten()
  if _VERSION == "Lua 5.4" then          -- where a step ends after so many bytes, as a power of 2
    collectgarbage("incremental", 1, 1000, 100)
    return function () collectgarbage("incremental", 200, 100, 13) end
  end
  local pause = collectgarbage("setpause", 1)
  -- 0 is "no limit" in 5.1 and LuaJIT, however much the specs before have left in memory.
  local step = collectgarbage("setstepmul", _VERSION == "Lua 5.1" and 0 or 1000000)
  return function ()
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", step)
  end
end

--- Calls a function so that the first allocation in it that lets the collector in runs f as a
-- finalizer; at the latest, f runs before this returns.
-- @treturn boolean whether f ran before the function returned
-- @return what pcall returned, four values at most
function M.inside(f, call, ...)
  local ran = false
  local object = M.on_collect(function () -- luacheck: ignore 231
    ran = true
    f()
  end)
  local undo = hasten()
  collectgarbage()
  object = nil
  local ok, first, second, third = pcall(call, ...)
  local inside = ran
  undo()
  collectgarbage()
  return inside, ok, first, second, third
end

--- Takes everything that is not used any more, and what only finalizers kept.
function M.collect()
  collectgarbage()
  collectgarbage()
end

M.ANSWER = { "one", " two", " three", " four", " five", " six" }
M.TEXT = table.concat(M.ANSWER)

--- A server for the whole spec. Its streams below /hang stop after two tokens, and never end.
function M.serve()
  return server.spawn { max_seconds = 600, script = {
    ["/generate"] = { answer = M.ANSWER },
    ["/generate_stream"] = { answer = M.ANSWER },
    ["/hang/generate_stream"] = { answer = M.ANSWER, silent_after = 2, keepalive_interval = 0 },
    ["/mute/generate"] = { head_delay = 3600 },
    ["/silent/generate_stream"] = { head_delay = 3600 },
    ["/slow/generate_stream"] = { head_delay = 0.2, answer = M.ANSWER },
    ["/late/generate"] = { head_delay = 0.2, answer = M.ANSWER },
  } }
end

--- A client of that server.
-- @tparam ?string path in front of /generate_stream, such as "/hang"
-- @tparam ?table options further ones
function M.client(s, path, options)
  local all = { base_url = s.url .. (path or ""), api_token = false, max_retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(predibase.new(all))
end

--- Whether the server has seen all connections close. It is told by the operating system, so this
-- waits; the collector of this process has to stand still if it must not help.
function M.quiet(s)
  return s:wait(function () return s:connections().open == 0 end, 10)
end

--- Whether the server has so many open connections, sooner or later.
function M.has_open(s, n)
  return s:wait(function () return s:connections().open == n end, 10)
end

--- An exchange of `predibase.curl` that asks for a stream; `more` are further fields of its spec.
function M.stream(pool, url, more)
  local spec = { url = url, events = true, proxy = "", body = '{"inputs":"x"}',
    headers = { "content-type: application/json" } }
  for name, value in pairs(more or {}) do spec[name] = value end
  return assert(pool:open(spec))
end

return M
