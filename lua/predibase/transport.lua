-- SPDX-License-Identifier: MIT
--- Which door to the network a client takes that was given none: nginx's own sockets inside nginx,
-- libcurl everywhere else. libcurl would hold a worker of nginx up, so it is not even loaded there.
-- @module predibase.transport

local M = {}

--- Tells whether this Lua runs inside nginx (the module ngx_lua of OpenResty).
-- @treturn boolean
function M.in_nginx()
  local ngx = rawget(_G, "ngx")
  return type(ngx) == "table" and type(ngx.config) == "table"
    and ngx.config.ngx_lua_version ~= nil
end

--- The transport for this program.
-- @treturn table a module such as `predibase.transport.curl`
function M.default()
  if M.in_nginx() then return require "predibase.transport.resty" end
  return require "predibase.transport.curl"
end

return M
