-- SPDX-License-Identifier: MIT
-- The lines of Lua files that a test can reach.
--
-- Both compilers, that of Lua 5.4 and that of LuaJIT, must have an instruction for a line, because
-- some files run on one of them only. The instruction must be reachable: Lua 5.4 ends each function
-- with a return, which nothing reaches if the last statement of the function returns.

local M = {}

--- The instructions that jump; each is listed with its target.
local JUMPS = { JMP = true, FORLOOP = true, FORPREP = true, TFORPREP = true, TFORLOOP = true }

--- The instructions after which the next one may be left out.
local SKIPS = { EQ = true, LT = true, LE = true, EQK = true, EQI = true, LTI = true, LEI = true,
  GTI = true, GEI = true, TEST = true, TESTSET = true, LFALSESKIP = true }

--- The instructions that never continue with the next one.
local LEAVES = { RETURN = true, RETURN0 = true, RETURN1 = true, TAILCALL = true, JMP = true,
  TFORPREP = true, LFALSESKIP = true }

--- Adds the lines of one function, an array of instructions.
local function add_reachable (code, lines)
  local open, seen = { 1 }, {}
  while #open > 0 do
    local pc = table.remove(open)
    local instruction = code[pc]
    if instruction and not seen[pc] then
      seen[pc] = true
      if instruction.name ~= "VARARGPREP" then lines[instruction.line] = true end
      if instruction.target then open[#open + 1] = instruction.target end
      if SKIPS[instruction.name] then open[#open + 1] = pc + 2 end
      if not LEAVES[instruction.name] then open[#open + 1] = pc + 1 end
    end
  end
end

--- Returns the set of lines of a file that Lua 5.4 can reach.
local function of_lua54 (path)
  local pipe = assert(io.popen(("luac5.4 -l -p '%s'"):format(path)))
  local lines, code = {}, {}
  for text in pipe:lines() do
    local pc, line, name = text:match "^\t(%d+)\t%[(%d+)%]\t(%u%w*)"
    if pc then
      code[tonumber(pc)] = { line = tonumber(line), name = name,
        target = JUMPS[name] and assert(tonumber(text:match "to (%d+)$"), text) or nil }
    else
      add_reachable(code, lines)
      code = {}
    end
  end
  add_reachable(code, lines)
  assert(pipe:close(), "luac5.4 failed")
  return lines
end

local function read_luajit (paths)
  local quoted = {}
  for i, path in ipairs(paths) do quoted[i] = ("'%s'"):format(path) end
  local pipe = assert(io.popen("luajit tools/coverage/luajit_lines.lua "
    .. table.concat(quoted, " ")))
  local of = {}
  for text in pipe:lines() do
    local path, numbers = text:match "^(%S+) (.*)$"
    of[path] = {}
    for number in numbers:gmatch "%d+" do of[path][tonumber(number)] = true end
  end
  assert(pipe:close(), "luajit failed")
  return of
end

local function hits_of (folder, path)
  local file = io.open(folder .. "/" .. path:gsub("/", "%%"), "rb")
  local hits = file and file:read "a" or ""
  if file then file:close() end
  return hits
end

--- Returns what ran of Lua files.
-- @tparam table paths
-- @tparam string folder with the files that line_hits.c wrote
-- @treturn table path -> (line -> boolean: it ran)
function M.read (paths, folder)
  local of_luajit, found = read_luajit(paths), {}
  for _, path in ipairs(paths) do
    local hits = hits_of(folder, path)
    found[path] = {}
    for line in pairs(of_lua54(path)) do
      if of_luajit[path][line] then found[path][line] = hits:byte(line + 1) == 1 end
    end
  end
  return found
end

return M
