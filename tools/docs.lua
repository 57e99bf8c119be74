-- SPDX-License-Identifier: MIT
-- The parts of `make docs` before and after LDoc, which runs once for the public modules and once
-- for the internal ones. LDoc writes Markdown, and MkDocs makes the site of it and of the guide.
-- usage: lua5.4 tools/docs.lua prepare|finish
-- `prepare` checks the lists of tools/docs, and writes what LDoc reads to build/docs-source.
-- `finish` writes what MkDocs reads to the same folder: the pages, with links between them, and
-- mkdocs.yml. It fails when a link leads to a file that does not exist.

package.path = "tools/docs/?.lua;" .. package.path
local comments = require "comments"
local dialect = require "dialect"
local lists = require "modules"
local sections = require "pages"
local tables = require "tables"
local whole_file = dofile "tools/whole-file.lua"

local read, write = whole_file.read, whole_file.write

local SOURCE = "build/docs-source"
local SITE = SOURCE .. "/site"
-- Files of the repository that have no page are shown there.
local REPOSITORY = "https://github.com/predibase-lua/predibase/blob/main/"

local failures = 0
local function fail (...)
  failures = failures + 1
  io.stderr:write("make docs: ", string.format(...), "\n")
end

local function list_files (command)
  local found = {}
  local pipe = assert(io.popen(command .. " | LC_ALL=C sort"))
  for path in pipe:lines() do found[#found + 1] = path end
  pipe:close()
  return found
end

-- Modules and the two lists.

--- Returns the sources of a C module in one text, the file with its `@module` first: LDoc expects
-- one file for each module.
local function read_c_module (names)
  local first, rest = nil, {}
  for name in names:gmatch "lua_[%w_]+" do
    local text = read("src/" .. name .. ".c")
    if text:find("\n@module ", 1, true) then first = text else rest[#rest + 1] = text end
  end
  return first and first .. table.concat(rest)
end

--- Returns all modules: name -> `{ path, text }`.
local function read_modules ()
  local modules = {}
  for _, path in ipairs(list_files "find lua/predibase -name '*.lua'") do
    local name = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    -- LDoc takes a file's first comment for that of the module, so the line of the licence goes.
    local text = read(path):gsub("^%-%- SPDX[^\n]*", "")
    text = tables.with_extended(comments.for_ldoc(text))
    modules[name] = { path = path, text = text }
    local named = text:match "\n%-%- @module ([%w_.]+)"
    if named ~= name then fail("%s: @module says %s", path, tostring(named)) end
  end
  local makefile = read("Makefile"):gsub("\\\n", " ")
  for short, names in makefile:gmatch "\n([%w_]+)_SOURCES = ([^\n]*)" do
    local name = "predibase." .. short
    local text = read_c_module(names)
    if text then modules[name] = { path = "src/" .. short .. ".c", text = text } end
  end
  return modules
end

--- Replaces the patterns of a list by names. Modules that are listed by name belong to no pattern.
local function expand (groups, modules, listed)
  local expanded = {}
  for i, group in ipairs(groups) do
    local names = { title = group[1] }
    for k = 2, #group do
      local folder = group[k]:match "^(.*%.)%*$"
      local before = #names
      for name in pairs(folder and modules or {}) do
        if name:sub(1, #folder) == folder and not listed[name] then names[#names + 1] = name end
      end
      if not folder and modules[group[k]] then names[#names + 1] = group[k] end
      if #names == before then fail("tools/docs/modules.lua: there is no module %s", group[k]) end
    end
    if groups == lists.internal then table.sort(names) end
    expanded[i] = names
  end
  return expanded
end

--- Returns the groups of both parts, and the part of each module.
local function divide (modules)
  local listed, part_of = {}, {}
  for _, part in ipairs { "public", "internal" } do
    for _, group in ipairs(lists[part]) do
      for k = 2, #group do
        if listed[group[k]] then fail("tools/docs/modules.lua names %s twice", group[k]) end
        listed[group[k]] = true
      end
    end
  end
  local groups = {}
  for _, part in ipairs { "public", "internal" } do
    groups[part] = expand(lists[part], modules, listed)
    for _, names in ipairs(groups[part]) do
      for _, name in ipairs(names) do part_of[name] = part end
    end
  end
  for name in pairs(modules) do
    if not part_of[name] then
      fail("the module %s is in no list of tools/docs/modules.lua", name)
    end
  end
  return groups, part_of
end

-- The map of the source.

--- Checks that the text of docs/internals.md names every file of the library exactly once, and that
-- neither the text nor the drawing names one that does not exist. A C file stands for its header.
local function check_map ()
  local text, drawing = read "docs/internals.md", ""
  text = text:gsub("\n```.-\n```", function (block)
    drawing = drawing .. block
    return ""
  end)
  local times = {}
  for name in text:gmatch "`([%w_/]+%.[luach]+)`" do times[name] = (times[name] or 0) + 1 end
  local files = list_files "find lua src -name '*.lua' -o -name '*.c' -o -name '*.h'"
  local function short (path) return (path:gsub("^lua/predibase/", ""):gsub("^src/", "")) end
  local exists = {}
  for _, path in ipairs(files) do exists[short(path)] = true end
  for _, path in ipairs(files) do
    local name = short(path)
    local source = name:gsub("%.h$", ".c")
    if not exists[source] then source = name end
    if not times[source] then
      fail("docs/internals.md does not name %s", path)
    elseif source == name and times[name] > 1 then
      fail("docs/internals.md names %s %d times", path, times[name])
    end
  end
  for name in pairs(times) do
    if not exists[name] then fail("docs/internals.md names %s, which does not exist", name) end
  end
  for name in drawing:gmatch "[%w_/]+%.[luach]+%f[^%w]" do
    if not exists[name] then
      fail("the drawing in docs/internals.md names %s, which does not exist", name)
    end
  end
end

-- What LDoc reads.

--- The settings of one run, in Lua: LDoc runs them in an empty environment. The tags `extends` and
-- `overload` are for tools/types.lua.
local function settings (part)
  return ([[
project = 'predibase'
title = 'predibase'
dir = '../../../%s/%s/written'
file = { 'modules' }
format = 'ldoc_format'; dont_escape_underscore = true; backtick_references = false
template = '../../../tools/docs'; template_escape = '@'
custom_tags = { { 'extends', hidden = true }, { 'overload', hidden = true } }
not_luadoc = false; no_space_before_args = true; no_lua_ref = true; sort_modules = true
]]):format(SOURCE, part)
end

local function prepare (modules, part_of)
  for name, module in pairs(modules) do
    if part_of[name] then
      write(("%s/%s/modules/%s%s"):format(SOURCE, part_of[name], name,
        module.path:match "%.%w+$"), module.text)
    end
  end
  for _, part in ipairs { "public", "internal" } do
    write(("%s/%s/config.ld"):format(SOURCE, part), settings(part))
  end
end

-- What MkDocs reads.

--- Returns the page of a file: the README's is the front page, that of an example has the name of
-- its folder.
local function page_of (path)
  if path == "README.md" then return "index.md" end
  return (path:gsub("^docs/", ""):gsub("^examples/([%w_]+)/README%.md$", "example-%1.md")
    :gsub("^%u+%.md$", string.lower))
end

local function exists (path)
  return os.rename(path, path) ~= nil
end

--- Resolves `..` and `.` in a path.
local function normal (path)
  local parts = {}
  for part in path:gmatch "[^/]+" do
    if part == ".." then parts[#parts] = nil elseif part ~= "." then parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

--- The way from one page to another.
local function relative (from, to)
  local _, depth = from:gsub("/", "")
  return ("../"):rep(depth) .. to
end

--- Pages by the files, folders and modules that texts link to.
local function targets (modules, part_of)
  local by_path, by_name = { docs = "index.md" }, {}
  for name, module in pairs(modules) do
    local page = (part_of[name] == "internal" and "internal/" or "reference/") .. name .. ".md"
    by_name[name], by_path[module.path] = page, page
  end
  for _, section in ipairs(sections) do
    for k = 2, #section do
      local path = section[k][1]
      by_path[path] = page_of(path)
      by_path[path:match "^(.+)/README%.md$" or ""] = page_of(path)
    end
  end
  return by_path, by_name
end

--- Sets the links and the pictures of a page that was a file of the repository.
local function set_links (text, page, path, by_path)
  local folder = path:match "^(.*)/" or ""
  text = text:gsub("!(%b[])%(([^):]*)%)", function (label, link)
    local file = normal(folder .. "/" .. link)
    local image = "images/" .. file:gsub("/", "-")
    write(SITE .. "/" .. image, read(file))
    return ("!%s(%s)"):format(label, relative(page, image))
  end)
  return (text:gsub("(%b[])%(([^)#:]*)(#?[^):]*)%)", function (label, link, anchor)
    if link == "" or link:find "^images/" then return nil end
    local file = normal(folder .. "/" .. link)
    local found = by_path[file]
    if found then return ("%s(%s%s)"):format(label, relative(page, found), anchor) end
    if exists(file) then return ("%s(%s%s%s)"):format(label, REPOSITORY, file, anchor) end
    fail("%s links to %s, which does not exist", path, link)
  end))
end

--- Links the names of modules in a text, and on the page of the map those of their files.
local function link_names (text, page, by_name)
  if page == "internals.md" then
    text = text:gsub("`([%w_/]+)%.lua`", function (path)
      local name = path == "init" and "predibase" or "predibase." .. path:gsub("/", ".")
      if not by_name[name] then return nil end
      return ("[`%s.lua`](%s)"):format(path, relative(page, by_name[name]))
    end)
  end
  return (text:gsub("()`(predibase[%w_.]*)`()", function (at, name, behind)
    local found = by_name[name]
    local in_heading = text:sub(1, at - 1):match "[^\n]*$":find "^#"
    if not found or found == page or in_heading or text:sub(behind, behind) == "]" then
      return nil
    end
    return ("[`%s`](%s)"):format(name, relative(page, found))
  end))
end

--- Writes a page of the site.
local function write_page (page, text, by_name, about)
  text = dialect.map_prose(dialect.python(text .. "\n"), function (prose)
    return link_names(prose, page, by_name)
  end)
  write(SITE .. "/" .. page, (about or "") .. text)
end

local function write_guide (by_path, by_name)
  local known, list = {}, {}
  for _, section in ipairs(sections) do
    for k = 2, #section do
      local path = section[k][1]
      if known[path] then fail("tools/docs/pages.lua names %s twice", path) end
      known[path] = true
      if exists(path) then
        local page = page_of(path)
        list[#list + 1] = ("%s\t%s\n"):format(path, (page:gsub("%.md$", ".html")))
        write_page(page, dialect.map_prose(read(path), function (prose)
          return set_links(prose, page, path, by_path)
        end), by_name)
      else
        fail("tools/docs/pages.lua names %s, which does not exist", path)
      end
    end
  end
  write(SOURCE .. "/guide.txt", table.concat(list))      -- for tools/docs/check.py
  for _, path in ipairs(list_files "ls docs/*.md") do
    if not known[path] then
      fail('%s is not in the list tools/docs/pages.lua. Please add a line { "%s", "Its title" } '
        .. "where a reader of the manual should find the page.", path, path)
    end
  end
end

-- The beginnings of the pages that list modules.
local PUBLIC = "# Reference\n\nThe modules that a program requires, and those of the objects that "
  .. "it gets.\n"
local INTERNAL = "# Internal modules\n\nThe public modules use these modules. Programs should not "
  .. "require them, because they may change in any release.\n"

--- Returns a function that links the names of classes in a page of the reference. These links are
-- HTML, which MkDocs does not change.
local function class_linker (by_name, part_of)
  local modules, anchors = tables.modules_of_classes(), {}
  -- Only a table has a place of its own on the page of its module.
  local function anchor_of (name, class)
    if not anchors[class] then
      local text = read(("%s/%s/written/modules/%s.page"):format(SOURCE, part_of[name], name))
      anchors[class] = text:find("{ #" .. class .. " }", 1, true) and "#" .. class or ""
    end
    return anchors[class]
  end
  return function (text, page)
    return tables.link(text, function (class)
      local name = modules[class]
      local found = by_name[name or ""]
      return found and relative(page, found):gsub("%.md$", ".html") .. anchor_of(name, class)
    end)
  end
end

--- Writes the pages of the modules, and the page that lists them.
local function write_reference (part, groups, by_name, link_classes)
  local internal = part == "internal"
  local folder = internal and "internal" or "reference"
  -- A search finds the public modules only.
  local about = internal and "---\nsearch:\n  exclude: true\n---\n" or ""
  local index = { internal and INTERNAL or PUBLIC }
  for _, names in ipairs(groups) do
    index[#index + 1] = ("\n## %s\n\n"):format(names.title)
    for _, name in ipairs(names) do
      local text = read(("%s/%s/written/modules/%s.page"):format(SOURCE, part, name))
      local summary = text:match "^%s*#[^\n]*%s+(.-)\n\n" or ""
      index[#index + 1] = ("* [`%s`](%s.md): %s\n"):format(name, name, summary:gsub("\n", " "))
      text = text:gsub('<a href="%.%./modules/([%w_.]-)%.html(#?[^"]*)">(.-)</a>', "[%3](%1.md%2)")
      write_page(by_name[name], link_classes(text, by_name[name]), by_name, about)
    end
  end
  write_page(folder .. "/index.md", table.concat(index), by_name, about)
end

--- Writes the navigation: the guide, the reference and the internal modules.
local function write_settings (groups)
  local lines = {}
  local function add (...) lines[#lines + 1] = string.format(...) end
  add "INHERIT: ../../tools/docs/mkdocs.yml"
  add "docs_dir: site"
  add "site_dir: ../docs"
  add "nav:"
  add "  - Guide:"
  for _, section in ipairs(sections) do
    add("    - %s:", section[1])
    for k = 2, #section do
      add("      - '%s': %s", section[k][2], page_of(section[k][1]))
    end
  end
  for _, part in ipairs { "public", "internal" } do
    local folder = part == "internal" and "internal" or "reference"
    add("  - %s:", part == "internal" and "Internal modules" or "Reference")
    add("    - %s/index.md", folder)
    for _, names in ipairs(groups[part]) do
      add("    - %s:", names.title)
      for _, name in ipairs(names) do add("      - %s: %s/%s.md", name, folder, name) end
    end
  end
  write(SOURCE .. "/mkdocs.yml", table.concat(lines, "\n") .. "\n")
end

local function finish (modules, groups, part_of)
  local by_path, by_name = targets(modules, part_of)
  write_guide(by_path, by_name)
  local link_classes = class_linker(by_name, part_of)
  for _, part in ipairs { "public", "internal" } do
    write_reference(part, groups[part], by_name, link_classes)
  end
  for _, path in ipairs(list_files "ls tools/docs/assets/*") do
    write(SITE .. "/assets/" .. path:match "[^/]+$", read(path))
  end
  write_settings(groups)
end

--- Adds the page of the tables that internal modules describe.
local function add_tables (modules, groups, part_of)
  local sources = {}
  for name, part in pairs(part_of) do
    if part == "internal" then sources[name] = modules[name].text end
  end
  modules[tables.NAME] = { path = "lua/predibase/tables.lua", text = tables.page(sources) }
  part_of[tables.NAME] = "public"
  table.insert(groups.public, 2, { title = "Options and results", tables.NAME })
end

local modules = read_modules()
local groups, part_of = divide(modules)
add_tables(modules, groups, part_of)
if arg[1] == "prepare" then
  check_map()
  prepare(modules, part_of)
else
  finish(modules, groups, part_of)
end
if failures > 0 then os.exit(1) end
