-- SPDX-License-Identifier: MIT
--- What the library needs of nginx (ngx_lua): a clock, waiting, and the state of coroutines.
--
-- nginx may end a request by itself, for example because of a conditional header of the request.
-- From then on a wait fails at once, without waiting; a loop that took this for a timeout would
-- never end.
-- @module predibase.nginx

local ffi = require "ffi"

local ngx = ngx

local M = {}

-- A program may load this module again, but a type can be declared only once.
pcall(ffi.cdef, [[
typedef struct { long seconds; long nanoseconds; } predibase_timespec;
int clock_gettime(int clock, predibase_timespec *at);
]])

-- CLOCK_MONOTONIC of each system.
local MONOTONIC = ({ Linux = 1, OSX = 6, BSD = 4 })[ffi.os] or 1

local at = ffi.new "predibase_timespec"

--- Tells the time on a clock that only goes forward. `ngx.now` follows the wall clock, and stands
-- still while Lua runs.
-- @treturn number seconds since some point in the past
function M.now()
  ffi.C.clock_gettime(MONOTONIC, at)
  return tonumber(at.seconds) + tonumber(at.nanoseconds) * 1e-9
end

--- Waits until a semaphore is posted, or for a time. Never raises.
-- @tparam table semaphore of `ngx.semaphore`
-- @tparam number seconds
-- @treturn[1] boolean true when it was posted, false when the time has passed
-- @treturn[2] nil
-- @treturn[2] string why no wait is possible here
function M.wait(semaphore, seconds)
  local ran, ok, why = pcall(semaphore.wait, semaphore, seconds)
  if not ran then return nil, tostring(ok) end
  if ok then return true end
  if why == "timeout" then return false end
  return nil, tostring(why)
end

--- The failure of an exchange whose request cannot wait any more.
-- @tparam string why see `wait`
-- @treturn table
function M.wait_failure(why)
  return { kind = "cancelled", phase = "closed",
    message = "nginx has probably ended this request, so its code cannot wait any more: " .. why }
end

--- Raises a plain string when nginx has ended the request whose code calls. Everything that this
-- code could do next would raise as well, and nginx's log shows strings only.
function M.raise_if_ended()
  if pcall(ngx.get_phase) then return end
  error("predibase: nginx has ended this request, so its code cannot go on; a condition in the "
    .. "visitor's head (If-Match and the like) may be the reason", 0)
end

--- Tells the state of a coroutine of this request. One that has ended is a "zombie" until its
-- parent asks for it, and one that is suspended may never be resumed.
-- @tparam ?thread co
-- @treturn string "busy" (it runs, or waits for nginx), "suspended" or "gone"
function M.coroutine_state(co)
  local status = co and coroutine.status(co)
  if status == "running" or status == "normal" then return "busy" end
  return status == "suspended" and status or "gone"
end

-- A program may load this module again, but a type can be declared only once.
pcall(ffi.cdef, [[
typedef struct { void *data, *read, *write; int fd; } predibase_connection;
typedef struct { uint32_t signature; predibase_connection *connection; } predibase_request;
]])
pcall(ffi.cdef, "int setsockopt(int fd, int level, int name, const void *value, uint32_t size);")

-- "HTTP" as nginx writes it in front of each request.
local SIGNATURE = 0x50545448

-- IPPROTO_TCP and TCP_NODELAY, the same on every system that nginx runs on.
local TCP, NODELAY = 6, 1

local request_type = ffi.typeof "predibase_request *"
local on = ffi.new("int[1]", 1)

--- Sends small pieces of the current answer to the browser at once (TCP_NODELAY).
--
-- Without it the system keeps a token back until the browser has acknowledged the one before (RFC
-- 896): a round trip, on a phone a tenth of a second. nginx sets it for `proxy_pass` and over TLS,
-- but not for what Lua writes, and ngx_lua has no call for it. So the descriptor is read where
-- nginx keeps it; the first fields of both structures are the same in all its versions, and the
-- signature in front of a request confirms that it is one.
-- @treturn boolean false where the connection is not a TCP socket, which stays as it is
function M.send_at_once()
  local r = require "resty.core.base".get_request()
  if r == nil then return false end
  local request = ffi.cast(request_type, r)
  if request.signature ~= SIGNATURE or request.connection == nil then return false end
  return ffi.C.setsockopt(request.connection.fd, TCP, NODELAY, on, ffi.sizeof(on)) == 0
end

return M
