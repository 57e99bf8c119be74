-- SPDX-License-Identifier: MIT
-- Compares the rockspec with the files in lua/ and with the Makefile. `--write`
-- updates the rockspec first.
-- usage: lua5.4 tools/check-rockspec.lua SSE_SOURCES CURL_SOURCES
--   INTERRUPT_SOURCES REPLACE_SOURCES FOLDER_SOURCES [--write]
-- (SOURCES are names without src/ and .c, separated by spaces)

local ROCKSPEC = "predibase-scm-1.rockspec"
local BEGIN, END = "    -- Lua modules: make lint compares them with lua/\n", "  },\n  install"

-- In the order of the arguments.
local C_MODULES = { "predibase.sse", "predibase.curl", "predibase.interrupt",
  "predibase.replace", "predibase.folder" }

local failures = 0
local function fail (...)
  failures = failures + 1
  io.stderr:write(ROCKSPEC, ": ", string.format(...), "\n")
end

local function read (path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
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

-- Returns the rockspec's text with the sources of one C module in the Makefile's order.
local function with_sources (text, module, names)
  local lines = {}
  for name in names:gmatch("%S+") do
    lines[#lines + 1] = ("        %q,\n"):format("src/" .. name .. ".c")
  end
  local key = ('["%s"] = {\n      sources = '):format(module)
  local _, start = text:find(key, 1, true)
  local _, stop = text:find("^%b{}", start + 1)
  return ("%s{\n%s      }%s"):format(text:sub(1, start), table.concat(lines), text:sub(stop + 1))
end

local function write_modules (text, tree)
  local start = text:find(BEGIN, 1, true) or text:find(END, 1, true)
  local stop = text:find(END, start, true)
  local lines = { BEGIN }
  for _, entry in ipairs(tree) do
    lines[#lines + 1] = ("    [%q] = %q,\n"):format(entry.name, entry.path)
  end
  local file = assert(io.open(ROCKSPEC, "wb"))
  file:write(text:sub(1, start - 1), table.concat(lines), text:sub(stop))
  file:close()
end

local text, tree = read(ROCKSPEC), modules_in_tree()
if arg[#C_MODULES + 1] == "--write" then
  for i, name in ipairs(C_MODULES) do text = with_sources(text, name, arg[i]) end
  write_modules(text, tree)
  text = read(ROCKSPEC)
end
local spec = load_rockspec(text)
for i, name in ipairs(C_MODULES) do check_sources(spec, name, arg[i]) end
check_modules(spec, tree)
os.exit(failures == 0 and 0 or 1)
