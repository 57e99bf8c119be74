-- SPDX-License-Identifier: MIT
--- Tells in which program this Lua runs.
-- @module predibase.host

local M = {}

local short = false

--- Records that the program makes only one call and ends. To be called before more is loaded.
function M.make_one_call ()
  short = true
end

--- Tells whether the program makes only one call and ends, so that its start should be short.
-- @treturn boolean
function M.makes_one_call ()
  return short
end

--- Tells whether this Lua runs inside nginx (the module ngx_lua of OpenResty).
-- @treturn boolean
function M.in_nginx ()
  local ngx = rawget(_G, "ngx")
  return type(ngx) == "table" and type(ngx.config) == "table"
    and ngx.config.ngx_lua_version ~= nil
end

return M
