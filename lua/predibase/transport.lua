-- SPDX-License-Identifier: MIT
--- Chooses the default transport of a client: nginx's own sockets inside nginx, libcurl everywhere
-- else. libcurl would block an nginx worker, so it is not even loaded there.
-- @module predibase.transport

local host = require "predibase.host"
local usage = require "predibase.usage"

local M = {}

--- Tells whether this Lua runs inside nginx, as `predibase.host` does.
-- @function in_nginx
-- @treturn boolean
M.in_nginx = host.in_nginx

--- Raises an error inside nginx. Modules that need libcurl call it when they are loaded.
-- @tparam string name name of the module
-- @tparam string instead what to use inside nginx
-- @raise inside nginx
function M.not_in_nginx (name, instead)
  if M.in_nginx() then
    usage.fail(("%s cannot be used inside nginx because it would block the worker; use %s")
      :format(name, instead))
  end
end

--- Returns the transport for this program.
-- @treturn table a module such as `predibase.transport.curl`
function M.default ()
  if M.in_nginx() then return require "predibase.transport.resty" end
  return require "predibase.transport.curl"
end

return M
