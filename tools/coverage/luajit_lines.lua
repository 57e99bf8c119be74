-- SPDX-License-Identifier: MIT
-- Prints the lines of Lua files for which LuaJIT has an instruction: a line for each file, the path
-- and the numbers.
-- usage: luajit tools/coverage/luajit_lines.lua FILE...

local util = require "jit.util"

-- Instruction 0 of a function is its header.
local function add (f, lines)
  local info = util.funcinfo(f)
  for pc = 1, info.bytecodes - 1 do lines[util.funcinfo(f, pc).currentline] = true end
  if info.children then
    for i = -1, -1000000000, -1 do
      local constant = util.funck(f, i)
      if not constant then break end
      if type(constant) == "proto" then add(constant, lines) end
    end
  end
end

for _, path in ipairs(arg) do
  local lines, list = {}, {}
  add(assert(loadfile(path)), lines)
  for line in pairs(lines) do list[#list + 1] = line end
  table.sort(list)
  print(path .. " " .. table.concat(list, " "))
end
