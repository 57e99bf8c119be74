-- SPDX-License-Identifier: MIT
-- Loads every module of an installed rock, and checks that it comes from there.
-- usage: LUA tools/load-rock.lua FOLDER VERSION
-- (FOLDER is that of the rock inside its tree, with rock_manifest)

local folder, version = arg[1], arg[2]
local tree = folder:match "^(.*)/lib/luarocks/"

local function load_manifest ()
  local found = {}
  local path = folder .. "/rock_manifest"
  local chunk
  if rawget(_G, "setfenv") then
    chunk = assert(loadfile(path))
    setfenv(chunk, found) -- luacheck: ignore 113
  else
    chunk = assert(loadfile(path, "t", found))
  end
  chunk()
  return found.rock_manifest
end

--- Lists the modules below a table of the manifest: array of `{ name, path }`.
local function add_modules (list, files, root, prefix)
  for name, value in pairs(files) do
    local path = prefix .. name
    if type(value) == "table" then
      add_modules(list, value, root, path .. "/")
    else
      list[#list + 1] = { path:gsub("%.%w+$", ""):gsub("/init$", ""):gsub("/", "."),
        root .. "/" .. path }
    end
  end
end

local abi = _VERSION:match "%d+%.%d+"
local modules, manifest = {}, load_manifest()
add_modules(modules, manifest.lua, tree .. "/share/lua/" .. abi, "")
add_modules(modules, manifest.lib, tree .. "/lib/lua/" .. abi, "")
table.sort(modules, function (a, b) return a[1] < b[1] end)

-- Modules that need nginx, or a library that no dependency names.
local function needs_more (name)
  return name:find "resty" or name == "predibase.nginx" or name == "predibase.loop.cqueues"
end

for _, module in ipairs(modules) do
  local name, path = module[1], module[2]
  if needs_more(name) then assert(loadfile(path))
  else require(name) end
  local file = assert(io.open(path), path)
  file:close()
end
assert(#modules > 200, "the rock has only " .. #modules .. " modules")
local predibase = require "predibase"
assert(predibase._VERSION == version, "the version is " .. predibase._VERSION)
assert(debug.getinfo(predibase.new, "S").source:find(tree, 1, true), "not loaded from the tree")
print(#modules .. " modules")
