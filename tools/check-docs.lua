-- SPDX-License-Identifier: MIT
-- Fails when a public function has no LDoc comment, or, in the modules directly in
-- lua/predibase, when the comment leaves out a parameter. Public functions are those
-- of a table (`function M.name`, `function methods:name`, `M.name = function`), except
-- names that begin with `_`; and in src every luaL_Reg entry, except metamethods.
-- usage: lua5.4 tools/check-docs.lua

local comments = dofile "tools/docs/comments.lua"
local lines_of = comments.lines

local documented, failures = 0, 0

local function fail (path, line, ...)
  failures = failures + 1
  io.stderr:write(path, ":", line, ": ", string.format(...), "\n")
end

local function paths (pattern, folder)
  local list = {}
  local find = assert(io.popen(("find %s -name '%s' | LC_ALL=C sort"):format(folder, pattern)))
  for path in find:lines() do
    list[#list + 1] = path
  end
  find:close()
  return list
end

local function documents (parsed, name)
  for _, tag in ipairs(parsed.tags) do
    if tag.name == name then return true end
  end
  return false
end

local function check_lua_function (path, lines, number, name, parameters)
  local comment = comments.above(lines, number)
  if not comment then
    return fail(path, number, "%s has no LDoc comment", name)
  end
  documented = documented + 1
  if not path:find("^lua/predibase/[^/]+$") then
    return
  end
  local parsed = comments.parse(comment)
  for parameter in parameters:gmatch("[%w_]+") do
    if parameter ~= "self" and parameter:sub(1, 1) ~= "_" and not documents(parsed, parameter) then
      fail(path, number, "%s: parameter %s is not documented", name, parameter)
    end
  end
end

local function check_lua (path)
  local lines = lines_of(path)
  if not (lines[2] or ""):find("^%-%-%- ") then
    fail(path, 2, "the module has no LDoc header")
  end
  for number, line in ipairs(lines) do
    local owner, mark, name, parameters = comments.definition(line)
    if parameters and name:sub(1, 1) ~= "_" then
      check_lua_function(path, lines, number, owner .. mark .. name, parameters)
    end
  end
end

-- In C, an LDoc comment is `/*** … */` with an @function line.
local function check_c (path)
  local text = table.concat(lines_of(path), "\n")
  local known = {}
  for comment in text:gmatch("/%*%*%*(.-)%*/") do
    local name = comment:match("@function%s+([%w_.:]+)")
    if name then
      known[name:match("[%w_]+$")] = comment
    end
  end
  for entries in text:gmatch("luaL_Reg%s+[%w_]+%s*%[%]%s*=%s*(%b{})") do
    for name in entries:gmatch('{%s*"([%w_]+)"%s*,') do
      if name:sub(1, 2) ~= "__" then
        if known[name] then
          documented = documented + 1
        else
          fail(path, 1, "luaL_Reg entry %q has no comment with @function", name)
        end
      end
    end
  end
end

for _, path in ipairs(paths("*.lua", "lua/predibase")) do
  check_lua(path)
end
for _, path in ipairs(paths("*.c", "src")) do
  check_c(path)
end
if documented == 0 then
  fail("lua/predibase", 1, "no documented function found")
end
print(("%d public functions documented"):format(documented))
os.exit(failures == 0 and 0 or 1)
