-- SPDX-License-Identifier: MIT
-- Prints which module requires which, and checks the layout rules (CONTRIBUTING.md).
-- usage: lua5.4 tools/graph.lua [--dot|--check]
-- Without an option it prints one line for each module: its size, what it requires (in parentheses
-- where the module is loaded when it is first needed), and how many modules require it.

local whole_file = dofile "tools/whole-file.lua"

local ROOT = "lua/predibase"

-- File names that may occur twice. `exchange` and `group` are the same concept for two transports.
-- `resty` may because both are public names, which stay: `predibase.resty` (for handlers) and
-- `predibase.transport.resty`.
local SAME_NAME = { exchange = true, group = true, resty = true }

--- Returns the code of a file without comments and long strings.
local function read_code (path)
  local text = whole_file.read(path)
  local _, lines = text:gsub("\n", "")
  -- Our sources have no `--` inside a string on a line that requires something.
  text = text:gsub("%-%-%[(=*)%[.-%]%1%]", ""):gsub("%-%-[^\n]*", "")
  return text, lines
end

local function read_modules ()
  local modules, names = {}, {}
  local list = assert(io.popen("find " .. ROOT .. " -name '*.lua' | LC_ALL=C sort"))
  for path in list:lines() do
    local name = path:sub(#"lua/" + 1, -5):gsub("/", "."):gsub("%.init$", "")
    local code, lines = read_code(path)
    modules[name] = { name = name, path = path, code = code, lines = lines, requires = {},
      users = 0 }
    names[#names + 1] = name
  end
  list:close()
  return modules, names
end

--- Fills in `requires`: name -> "at once" or "later". Returns lines with a `require` that could not
-- be resolved.
local function link (modules, names)
  local unknown = {}
  for _, name in ipairs(names) do
    local module = modules[name]
    for line in module.code:gmatch "[^\n]+" do
      -- `predibase.lazy` and `predibase.for_failures` may load a module later, and are called in
      -- the same way.
      local written = line:gsub("%f[%w_]lazy (\"predibase)", "require %1")
      written = written:gsub("%f[%w_]for_failures (\"predibase)", "require %1")
      for before, call in written:gmatch "()%f[%w_]require%f[^%w_]([^=]*)" do
        local wanted = call:match "^%s*,?%s*%(?%s*[\"']([%w_.]+)[\"']"
        -- After an odd number of quotes the word is part of a text.
        local _, quotes = written:sub(1, before):gsub('"', "")
        if quotes % 2 == 1 then
          wanted = nil
        elseif not wanted and (call:find "^%s*[,(]" or call:find "%.%.") then
          unknown[#unknown + 1] = module.path .. ": " .. line
        end
        if modules[wanted] and not line:find("'[^']*require \"" .. wanted, 1) then
          local at_once = line:find "^local [%w_, ]+ = require" or line:find "^require"
          if not module.requires[wanted] then
            modules[wanted].users = modules[wanted].users + 1
          end
          if at_once or not module.requires[wanted] then
            module.requires[wanted] = at_once and "at once" or "later"
          end
        end
      end
    end
  end
  return unknown
end

local function sorted (set)
  local keys = {}
  for key in pairs(set) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- Returns the cycles of requires, as texts. A require inside a function counts as well.
local function find_cycles (modules, names)
  local state, path, found = {}, {}, {}
  local function visit (name)
    state[name] = "open"
    path[#path + 1] = name
    for _, wanted in ipairs(sorted(modules[name].requires)) do
      if state[wanted] == "open" then
        local first = 1
        while path[first] ~= wanted do first = first + 1 end
        found[#found + 1] = table.concat(path, " -> ", first) .. " -> " .. wanted
      elseif not state[wanted] then
        visit(wanted)
      end
    end
    path[#path] = nil
    state[name] = "done"
  end
  for _, name in ipairs(names) do
    if not state[name] then visit(name) end
  end
  return found
end

--- Finds requires of internal modules: if there is a module `a`, only `a` and the modules below it
-- may require `a.b`.
local function find_intruders (modules, names)
  local found = {}
  for _, name in ipairs(names) do
    for _, wanted in ipairs(sorted(modules[name].requires)) do
      local owner = wanted:match "^(.+)%.[^.]+$"
      if owner ~= "predibase" and modules[owner] and name ~= owner
        and name:sub(1, #owner + 1) ~= owner .. "." then
        found[#found + 1] = ("%s requires %s, which is internal to %s"):format(name, wanted, owner)
      end
    end
  end
  return found
end

local function find_twins (names)
  local first, found = {}, {}
  for _, name in ipairs(names) do
    local base = name:match "[^.]+$"
    if first[base] and not SAME_NAME[base] then
      found[#found + 1] = ("%s and %s have the same name"):format(first[base], name)
    end
    first[base] = first[base] or name
  end
  return found
end

--- Finds modules that the map in init.lua does not name, and names in it that are not modules.
local function find_unmapped (modules, names)
  local found, named, folders = {}, { predibase = true }, {}
  for line in io.lines(ROOT .. "/init.lua") do
    local list = line:match "^%-%-   +([%w_., *]-)  +%S"
    for name in (list or ""):gmatch "[^, ]+" do
      local folder = name:match "^(.*%.)%*$"
      if folder then folders[#folders + 1] = "predibase." .. folder
      elseif modules["predibase." .. name] then named["predibase." .. name] = true
      else found[#found + 1] = name .. " is not a module" end
    end
  end
  for _, name in ipairs(names) do
    for _, folder in ipairs(folders) do
      if (name .. "."):sub(1, #folder) == folder then named[name] = true end
    end
    if not named[name] then found[#found + 1] = name .. " is missing" end
  end
  return found
end

local function check (modules, names, unknown)
  local wrong = 0
  local function report (title, list)
    if #list == 0 then return end
    wrong = wrong + #list
    print(title .. ":\n  " .. table.concat(list, "\n  "))
  end
  report("cycles", find_cycles(modules, names))
  report("internal modules that other modules require", find_intruders(modules, names))
  report("files with the same name", find_twins(names))
  report("the map in " .. ROOT .. "/init.lua", find_unmapped(modules, names))
  report("requires that this script cannot resolve", unknown)
  for _, name in ipairs(names) do
    if name:find "%.init$" then report("init.lua below lua/predibase", { name }) end
  end
  local edges = 0
  for _, name in ipairs(names) do edges = edges + #sorted(modules[name].requires) end
  print(("%d modules, %d requires, %d problems"):format(#names, edges, wrong))
  return wrong == 0
end

local function draw_text (modules, names)
  for _, name in ipairs(names) do
    local module, list = modules[name], {}
    for _, wanted in ipairs(sorted(module.requires)) do
      local short = wanted:gsub("^predibase%.", "")
      list[#list + 1] = module.requires[wanted] == "later" and "(" .. short .. ")" or short
    end
    print(("%-40s %4d lines, used by %2d: %s"):format(name, module.lines, module.users,
      #list > 0 and table.concat(list, " ") or "-"))
  end
end

local function draw_dot (modules, names)
  print 'digraph predibase {\n  rankdir=LR; node [shape=box, fontname="sans-serif"];'
  for _, name in ipairs(names) do
    for _, wanted in ipairs(sorted(modules[name].requires)) do
      print(('  "%s" -> "%s"%s;'):format(name, wanted,
        modules[name].requires[wanted] == "later" and " [style=dashed]" or ""))
    end
  end
  print "}"
end

local modules, names = read_modules()
local unknown = link(modules, names)
if arg[1] == "--check" then
  os.exit(check(modules, names, unknown))
elseif arg[1] == "--dot" then
  draw_dot(modules, names)
else
  draw_text(modules, names)
end
