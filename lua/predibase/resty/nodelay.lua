-- SPDX-License-Identifier: MIT
--- Sends small pieces to the browser at once (TCP_NODELAY).
--
-- Without it the system keeps a token back until the browser has acknowledged the one before (RFC
-- 896): a round trip, on a phone a tenth of a second. nginx sets it for `proxy_pass` and over TLS,
-- but not for what Lua writes, and ngx_lua has no call for it. So the descriptor is read where
-- nginx keeps it; the first fields of both structures are the same in all its versions, and the
-- mark in front of a request says that it is one.
-- @module predibase.resty.nodelay

local base = require "resty.core.base"
local ffi = require "ffi"

local M = {}

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

--- For the request that is being answered. What is no TCP socket stays as it is.
-- @treturn boolean whether it was done
function M.set()
  local r = base.get_request()
  if r == nil then return false end
  local request = ffi.cast(request_type, r)
  if request.signature ~= SIGNATURE or request.connection == nil then return false end
  return ffi.C.setsockopt(request.connection.fd, TCP, NODELAY, on, ffi.sizeof(on)) == 0
end

return M
