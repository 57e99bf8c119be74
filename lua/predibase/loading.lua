-- SPDX-License-Identifier: MIT
--- Loads modules so that a failure can be repeated. An error from outside (Ctrl-C, a time limit of
-- the host program, no memory) may end the loading. Lua 5.1 and LuaJIT then keep a mark in
-- `package.loaded`, with which every later `require` of the same module fails.
-- @module predibase.loading

local load_module = require             -- under another name: tools/graph.lua reads `require "x"`

local M = {}

--- Loads a module. After a failure, no module of this library has such a mark.
-- @tparam string name
-- @treturn boolean whether it is loaded
-- @return the module, or the error
function M.try (name)
  local ok, module = pcall(load_module, name)
  if ok then return true, module end
  for other, value in pairs(package.loaded) do
    local is_mark = type(value) == "userdata" or type(value) == "number"      -- LuaJIT: a number
    if is_mark and tostring(other):find "^predibase%." then
      package.loaded[other] = nil
    end
  end
  return false, module
end

return M
