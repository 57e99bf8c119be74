-- SPDX-License-Identifier: MIT
--- Functions for code inside nginx (ngx_lua): a clock, waiting, and the state of coroutines.
--
-- nginx may end a request by itself, for example because of a conditional header of the request.
-- Every later wait of that request then fails at once; a loop that took such a failure for a
-- timeout would never end.
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

--- Returns the time on a monotonic clock. `ngx.now` is not one: it follows the wall clock, and it
-- does not advance while Lua runs.
-- @treturn number seconds since some point in the past
function M.now ()
  ffi.C.clock_gettime(MONOTONIC, at)
  return tonumber(at.seconds) + tonumber(at.nanoseconds) * 1e-9
end

--- Waits until a semaphore is posted, or for a time. It never raises an error.
-- @tparam table semaphore of `ngx.semaphore`
-- @tparam number seconds
-- @treturn[1] boolean true if it was posted, false if the time has passed
-- @treturn[2] nil
-- @treturn[2] string why no wait is possible here
function M.wait (semaphore, seconds)
  local ran, ok, why = pcall(semaphore.wait, semaphore, seconds)
  if not ran then return nil, tostring(ok) end
  if ok then return true end
  if why == "timeout" then return false end
  return nil, tostring(why)
end

--- Makes the failure of an exchange whose request cannot wait any more.
-- @tparam string why the error of `wait`
-- @treturn table
function M.wait_failure (why)
  return { kind = "cancelled", phase = "closed",
    message = "nginx has probably ended this request, so its code cannot wait any more: " .. why }
end

--- Raises an error if nginx has ended the request whose code calls this. Any later call of nginx's
-- API would raise one as well. The error is a string, because nginx's log shows only strings.
function M.raise_if_ended ()
  if pcall(ngx.get_phase) then return end
  error("predibase: nginx has ended this request, so its code cannot go on; a conditional header "
    .. "of the request (such as If-Match) may be the reason", 0)
end

-- Phases in which nginx allows no network I/O, with their directives in nginx.conf.
local FORBIDDEN = {
  init = "init_by_lua", init_worker = "init_worker_by_lua", set = "set_by_lua",
  header_filter = "header_filter_by_lua", body_filter = "body_filter_by_lua", log = "log_by_lua",
  balancer = "balancer_by_lua", exit_worker = "exit_worker_by_lua",
  ssl_session_store = "ssl_session_store_by_lua",
}

--- Tells whether nginx allows network I/O in the current phase.
-- @treturn ?string a message that says why not; nil if it does
function M.why_no_network ()
  local directive = FORBIDDEN[ngx.get_phase()]
  return directive and ("nginx allows no network I/O in %s; call from a timer instead "
    .. "(ngx.timer.at(0, f)), or in rewrite_by_lua, access_by_lua or content_by_lua")
    :format(directive)
end

--- Performs the TLS handshake. If it ends without waiting and the certificate is bad,
-- lua-resty-core raises an unrelated error; the reason is then in its shared error buffer. If it
-- were not asked for the session, it would report success and close the connection.
-- @tparam table sock a cosocket that is connected
-- @tparam string name to send (SNI), and to look for in the certificate
-- @tparam boolean verify false: any certificate is accepted
-- @treturn[1] userdata the session
-- @treturn[2] nil
-- @treturn[2] string what went wrong
function M.handshake (sock, name, verify)
  local ok, session, err = pcall(sock.sslhandshake, sock, nil, name, verify)
  if ok then return session, err end
  local reason = require "resty.core.base".get_errmsg_ptr()[0]
  return nil, reason ~= nil and ffi.string(reason) or tostring(session)
end

--- Returns the state of a coroutine of this request. A suspended coroutine may never be resumed.
-- @tparam ?thread co
-- @treturn string "busy" (it runs, or waits for nginx), "suspended" or "gone"
function M.coroutine_state (co)
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

-- "HTTP", the signature at the start of nginx's structure of a request.
local SIGNATURE = 0x50545448

-- IPPROTO_TCP and TCP_NODELAY, the same on every system that nginx runs on.
local TCP, NODELAY = 6, 1

local request_type = ffi.typeof "predibase_request *"
local on = ffi.new("int[1]", 1)

--- Makes the system send small pieces of the current response at once (TCP_NODELAY).
--
-- Without it the system holds a token back until the browser has acknowledged the one before (RFC
-- 896). That costs a round trip, a tenth of a second on a phone. nginx sets the option for
-- `proxy_pass` and over TLS, but not for a response that Lua writes, and ngx_lua has no function
-- for it. So this function reads the descriptor from nginx's own structures. Their first fields are
-- the same in all versions of nginx, and the signature confirms that the structure is a request.
-- @treturn boolean false if the connection is not a TCP socket, which is then left unchanged
function M.send_at_once ()
  local r = require "resty.core.base".get_request()
  if r == nil then return false end
  local request = ffi.cast(request_type, r)
  if request.signature ~= SIGNATURE or request.connection == nil then return false end
  return ffi.C.setsockopt(request.connection.fd, TCP, NODELAY, on, ffi.sizeof(on)) == 0
end

return M
