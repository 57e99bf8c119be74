-- SPDX-License-Identifier: MIT
--- Tells in which program this Lua runs.
-- @module predibase.host

local M = {}

--- Whether the program makes only one call. `predibase generate` sets it before it loads more.
M.makes_one_call = false

--- Tells whether this Lua runs inside nginx (the module ngx_lua of OpenResty).
-- @treturn boolean
function M.in_nginx ()
  local ngx = rawget(_G, "ngx")
  return type(ngx) == "table" and type(ngx.config) == "table"
    and ngx.config.ngx_lua_version ~= nil
end

return M
