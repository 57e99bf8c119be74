-- SPDX-License-Identifier: MIT
-- Compares the rockspec with the files in lua/ and with the Makefile. `--write`
-- updates the rockspec first.
-- usage: lua5.4 tools/check-rockspec.lua 'MODULE=SOURCES'... [--write]
-- (MODULE is a C module without `predibase.`, SOURCES are names without src/ and .c, separated by
-- spaces)

local whole_file = dofile "tools/whole-file.lua"

local ROCKSPEC = "predibase-scm-1.rockspec"
local BEGIN, END = "    -- Lua modules: make lint compares them with lua/\n", "  },\n  install"

-- The C modules: array of `{ name, sources }`.
local c_modules, may_write = {}, false
for _, argument in ipairs(arg) do
  local name, sources = argument:match "^([%w_]+)=(.*)$"
  if name then
    c_modules[#c_modules + 1] = { "predibase." .. name, sources }
  elseif argument == "--write" then
    may_write = true
  else
    error("cannot read the argument " .. argument)
  end
end

local failures = 0
local function fail (...)
  failures = failures + 1
  io.stderr:write(ROCKSPEC, ": ", string.format(...), "\n")
end

-- Returns the variables that a rockspec sets, without setting globals.
local function load_rockspec (text)
  local spec = {}
  local chunk
  if setfenv then -- luacheck: ignore 113
    chunk = assert(loadstring(text, ROCKSPEC)) -- luacheck: ignore 113
    setfenv(chunk, spec) -- luacheck: ignore 113
  else
    chunk = assert(load(text, ROCKSPEC, "t", spec))
  end
  chunk()
  return spec
end

-- Returns the modules below lua/: an array of `{ name, path }`, and paths by module name.
local function modules_in_tree ()
  local found = {}
  local find = assert(io.popen("find lua -name '*.lua' | LC_ALL=C sort"))
  for path in find:lines() do
    local name = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    found[#found + 1] = { name = name, path = path }
    found[name] = path
  end
  find:close()
  return found
end

local function check_sources (spec, module, names)
  local wanted, listed = {}, {}
  if not spec.build.modules[module] then
    return fail("build.modules lacks %s, which the Makefile has", module)
  end
  for name in names:gmatch("%S+") do
    wanted["src/" .. name .. ".c"] = true
  end
  for _, path in ipairs(spec.build.modules[module].sources) do
    listed[path] = true
    if not wanted[path] then
      fail("%s lists %s, the Makefile does not", module, path)
    end
  end
  for path in pairs(wanted) do
    if not listed[path] then
      fail("%s lacks %s, which the Makefile lists", module, path)
    end
  end
end

local function check_modules (spec, tree)
  for _, entry in ipairs(tree) do
    if spec.build.modules[entry.name] ~= entry.path then
      fail("build.modules lacks [%q] = %q", entry.name, entry.path)
    end
  end
  for name, value in pairs(spec.build.modules) do
    if type(value) == "string" and not tree[name] then
      fail("build.modules has %s, but %s does not exist", name, value)
    end
  end
end

-- What follows the sources of a C module that needs no library.
local PLAIN = '      defines = { "_GNU_SOURCE", "_FORTIFY_SOURCE=2" },\n    '

-- Returns the rockspec's text with the C modules of the Makefile. Only curl needs libraries; its
-- entry keeps the lines after its sources.
local function with_c_modules (text)
  local first = text:find('    ["predibase.sse"] = {', 1, true)
  local last = text:find(BEGIN, 1, true)
  local old, lines = text:sub(first, last - 1), {}
  for _, module in ipairs(c_modules) do
    lines[#lines + 1] = ('    [%q] = {\n      sources = {\n'):format(module[1])
    for name in module[2]:gmatch "%S+" do
      lines[#lines + 1] = ("        %q,\n"):format("src/" .. name .. ".c")
    end
    local entry = old:match('%["' .. module[1] .. '"%] = (%b{})')
    local rest = entry and entry:match "sources = %b{},?\n(.*)}$" or PLAIN
    lines[#lines + 1] = "      },\n" .. rest .. "},\n"
  end
  return text:sub(1, first - 1) .. table.concat(lines) .. text:sub(last)
end

local function write_modules (text, tree)
  local start = text:find(BEGIN, 1, true) or text:find(END, 1, true)
  local stop = text:find(END, start, true)
  local lines = { BEGIN }
  for _, entry in ipairs(tree) do
    lines[#lines + 1] = ("    [%q] = %q,\n"):format(entry.name, entry.path)
  end
  whole_file.write(ROCKSPEC, text:sub(1, start - 1) .. table.concat(lines) .. text:sub(stop))
end

local text, tree = whole_file.read(ROCKSPEC), modules_in_tree()
if may_write then
  text = with_c_modules(text)
  write_modules(text, tree)
  text = whole_file.read(ROCKSPEC)
end
local spec = load_rockspec(text)
for _, module in ipairs(c_modules) do check_sources(spec, module[1], module[2]) end
check_modules(spec, tree)
os.exit(failures == 0 and 0 or 1)
