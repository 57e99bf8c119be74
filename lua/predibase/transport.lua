-- SPDX-License-Identifier: MIT
--- Chooses the transport of a client that was given none: nginx's own sockets inside nginx,
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

--- For modules that would load libcurl into a worker of nginx.
-- @tparam string name of the module
-- @tparam string instead what to use there
-- @raise inside nginx
function M.not_in_nginx(name, instead)
  if M.in_nginx() then
    error(("%s is not for nginx, whose workers it would hold up: use %s"):format(name, instead), 0)
  end
end

--- The transport for this program.
-- @treturn table a module such as `predibase.transport.curl`
function M.default()
  if M.in_nginx() then return require "predibase.transport.resty" end
  return require "predibase.transport.curl"
end

return M
