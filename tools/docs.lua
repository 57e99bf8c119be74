-- SPDX-License-Identifier: MIT
-- The parts of `make docs` before and after LDoc, which runs once for the public modules and once
-- for the internal ones.
-- usage: lua5.4 tools/docs.lua prepare|finish
-- `prepare` checks the lists of tools/docs/modules.lua and writes what LDoc reads to
-- build/docs-source; `finish` sets the links between pages and fails when one leads nowhere.

local comments = dofile "tools/docs/comments.lua"
local tables = dofile "tools/docs/tables.lua"
local lists = dofile "tools/docs/modules.lua"

local SOURCE, OUT = "build/docs-source", "build/docs"

-- The pages that are not modules: the file, and its page below build/docs. A page below `internal`
-- belongs to the reference of the internal modules.
local PAGES = {
  { "README.md", "index.html", title = "Overview" },
  { "docs/install.md", "topics/install.md.html", title = "Installation" },
  { "docs/cookbook.md", "topics/cookbook.md.html", title = "Cookbook" },
  { "docs/editors.md", "topics/editors.md.html", title = "Editors" },
  { "docs/parameters.md", "topics/parameters.md.html", title = "Parameters" },
  { "docs/streams.md", "topics/streams.md.html", title = "Streams" },
  { "docs/tools.md", "topics/tools.md.html", title = "Chat completions and tools" },
  { "docs/structured.md", "topics/structured.md.html", title = "Structured output" },
  { "docs/embeddings.md", "topics/embeddings.md.html",
    title = "Embeddings and classification" },
  { "docs/errors.md", "topics/errors.md.html", title = "Errors" },
  { "docs/templates.md", "topics/templates.md.html", title = "Templates" },
  { "docs/chat.md", "topics/chat.md.html", title = "Chats and adapters" },
  { "docs/deployments.md", "topics/deployments.md.html", title = "Deployments" },
  { "docs/bulk.md", "topics/bulk.md.html", title = "Bulk runs" },
  { "docs/many.md", "topics/many.md.html", title = "Many prompts" },
  { "docs/loops.md", "topics/loops.md.html", title = "Loops" },
  { "docs/openresty.md", "topics/openresty.md.html", title = "OpenResty" },
  { "docs/mock.md", "topics/mock.md.html", title = "Stand-in server" },
  { "docs/security.md", "topics/security.md.html", title = "Security" },
  { "docs/shipping.md", "topics/shipping.md.html", title = "Shipping it" },
  { "docs/gateways.md", "topics/gateways.md.html", title = "Gateways" },
  { "docs/http2.md", "topics/http2.md.html", title = "HTTP/2" },
  { "docs/performance.md", "topics/performance.md.html", title = "Performance" },
  { "examples/love/README.md", "topics/example-love.md.html", title = "Example: LÖVE" },
  { "examples/neovim/README.md", "topics/example-neovim.md.html", title = "Example: Neovim" },
  { "examples/openresty/README.md", "topics/example-openresty.md.html",
    title = "Example: OpenResty" },
  { "CHANGELOG.md", "topics/CHANGELOG.md.html", title = "Changes" },
  { "docs/internals.md", "internal/topics/internals.md.html", title = "How a call works" },
  { "CONTRIBUTING.md", "internal/topics/CONTRIBUTING.md.html", title = "Contributing" },
}

local failures = 0
local function fail (...)
  failures = failures + 1
  io.stderr:write("make docs: ", string.format(...), "\n")
end

local function read (path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local function write (path, text)
  os.execute(("mkdir -p '%s'"):format(path:match "^(.*)/"))
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
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

--- Rewrites what LDoc misunderstands. LDoc does not know the names of languages other than Lua, so
-- they are removed from the beginnings of code blocks. It turns these blocks into indented code, in
-- which two consecutive blocks would become one, so an empty HTML comment is put before each. It
-- also takes every line that begins with four blanks for code, even inside an item of a list, so
-- one of these blanks is removed.
local function prepare_page (text)
  local fenced, before = false, ""
  return (text:gsub("([^\n]*)\n", function (line)
    local changed
    if line:find "^```" then
      fenced = not fenced
      if fenced and line ~= "```lua" then changed = "<!-- -->\n```\n" end
    elseif not fenced and before:find "%S" and line:find "^    %S" then
      changed = line:sub(2) .. "\n"
    end
    before = line
    return changed
  end))
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

local function page_part (page)
  return page[2]:find "^internal/" and "internal" or "public"
end

--- The name of a page's copy in the folder that LDoc reads.
local function copy_name (page)
  return page[2]:match "([^/]+)%.html$":gsub("^index$", "README.md")
end

--- The settings of one run, in Lua: LDoc runs them in an empty environment.
local function settings (part, groups)
  local lines = {}
  local function add (...) lines[#lines + 1] = string.format(...) end
  add "project = 'predibase'"
  add "title = 'predibase'"
  add("dir = %q", "../../../" .. OUT .. (part == "public" and "" or "/internal"))
  add "file = { 'modules' }"
  add "topics = { 'pages' }"
  add "format = 'markdown_of_docs'; dont_escape_underscore = true; backtick_references = false"
  add "style = '../../../tools/docs'; template = '../../../tools/docs'"
  -- For tools/types.lua: the class of a table that has the fields of others, and other ways to call
  -- a function.
  add "custom_tags = { { 'extends', hidden = true }, { 'overload', hidden = true } }"
  add "not_luadoc = false; no_space_before_args = true; no_lua_ref = true; sort_modules = true"
  add("vars = { part = %q, pages = {", part)
  for _, page in ipairs(PAGES) do
    if page_part(page) == part then
      add("  { name = %q, href = %q, title = %q },", copy_name(page),
        page[2]:gsub("^internal/", ""), page.title)
    end
  end
  add "}, groups = {"
  for _, names in ipairs(groups) do
    add("  { title = %q, names = { %s } },", names.title,
      #names > 0 and "'" .. table.concat(names, "', '") .. "'" or "")
  end
  add "} }"
  return table.concat(lines, "\n") .. "\n"
end

local function prepare (modules, groups, part_of)
  for name, module in pairs(modules) do
    if part_of[name] then
      write(("%s/%s/modules/%s%s"):format(SOURCE, part_of[name], name,
        module.path:match "%.%w+$"), module.text)
    end
  end
  local known = {}
  for _, page in ipairs(PAGES) do
    known[page[1]] = true
    write(("%s/%s/pages/%s"):format(SOURCE, page_part(page), copy_name(page)),
      prepare_page(read(page[1])))
  end
  for _, path in ipairs(list_files "ls docs/*.md") do
    if not known[path] then fail("tools/docs.lua does not list the page %s", path) end
  end
  for _, part in ipairs { "public", "internal" } do
    write(("%s/%s/config.ld"):format(SOURCE, part), settings(part, groups[part]))
  end
end

-- Links.

--- Resolves `..` and `.` in a path.
local function normal (path)
  local parts = {}
  for part in path:gmatch "[^/]+" do
    if part == ".." then parts[#parts] = nil elseif part ~= "." then parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

--- The way from one page below build/docs to another.
local function relative (from, to)
  local _, depth = from:gsub("/", "")
  return ("../"):rep(depth) .. to
end

--- Pages by the files, folders and modules that texts link to.
local function targets (modules, part_of)
  local by_path, by_name = { docs = "index.html" }, {}
  for name, module in pairs(modules) do
    local folder = part_of[name] == "internal" and "internal/modules/" or "modules/"
    local page = folder .. name .. ".html"
    by_name[name], by_path[module.path] = page, page
  end
  for _, page in ipairs(PAGES) do
    by_path[page[1]] = page[2]
    by_path[page[1]:match "^(.+)/README%.md$" or ""] = page[2]
  end
  return by_path, by_name
end

--- Sets the links of a page that was a file of the repository. A link to a file without a page
-- becomes text.
local function set_links (html, page, path, by_path)
  return (html:gsub('<a href="([^"#:]*)(#?[^":]*)">(.-)</a>', function (link, anchor, label)
    if link == "" or link:find "%.html$" then return nil end
    local found = by_path[normal((path:match "^(.*)/" or "") .. "/" .. link)]
    if not found then return label end
    return ('<a href="%s%s">%s</a>'):format(relative(page, found), anchor, label)
  end):gsub('<img src="([^":]*)"', function (link)
    local file = normal((path:match "^(.*)/" or "") .. "/" .. link)
    return ('<img src="%s"'):format(relative(page, "images/" .. file:gsub("/", "-")))
  end))
end

--- Links the names of modules, and on the page of the map those of their files.
local function link_names (html, page, by_name)
  if page:find "/internals%.md%.html$" then
    html = html:gsub("<code>([%w_/]+)%.lua</code>", function (path)
      local name = path == "init" and "predibase" or "predibase." .. path:gsub("/", ".")
      if not by_name[name] then return nil end
      return ('<a href="%s"><code>%s.lua</code></a>'):format(relative(page, by_name[name]), path)
    end)
  end
  return (html:gsub("<code>(predibase[%w_.]*)</code>", function (name)
    local found = by_name[name]
    if not found or found == page then return nil end
    return ('<a href="%s"><code>%s</code></a>'):format(relative(page, found), name)
  end))
end

--- Copies the pictures of a page.
local function copy_images (path)
  local folder = path:match "^(.*)/"
  for link in read(path):gmatch "!%[[^%]]*%]%(([^):]*)%)" do
    local file = normal((folder or "") .. "/" .. link)
    write(("%s/images/%s"):format(OUT, (file:gsub("/", "-"))), read(file))
  end
end

--- Fails for links to pages and anchors that do not exist.
local function check_links (pages)
  local texts, anchors = {}, {}
  for _, page in ipairs(pages) do
    texts[page] = read(OUT .. "/" .. page)
    anchors[page] = {}
    for name in texts[page]:gmatch '%f[%w]name%s*=%s*"([^"]*)"' do anchors[page][name] = true end
    for name in texts[page]:gmatch '%f[%w]id%s*=%s*"([^"]*)"' do anchors[page][name] = true end
  end
  for _, page in ipairs(pages) do
    for link in texts[page]:gmatch '%f[%w]href="([^"]*)"' do
      local path, anchor = link:match "^([^#]*)#?(.*)$"
      if not path:find "^%a+:" then
        local found = path == "" and page or normal((page:match "^(.*)/" or "") .. "/" .. path)
        if found:find "%.html$" and not texts[found] then
          fail("%s links to %s, which does not exist", page, link)
        elseif anchor ~= "" and texts[found] and not anchors[found][anchor] then
          fail("%s links to %s, which has no such place", page, link)
        end
      end
    end
  end
end

local function finish (modules, part_of)
  local by_path, by_name = targets(modules, part_of)
  local file_of = {}
  for _, page in ipairs(PAGES) do
    file_of[page[2]] = page[1]
    copy_images(page[1])
  end
  os.remove(OUT .. "/topics/README.md.html")      -- it is index.html
  local classes, anchors = tables.modules_of_classes(), {}
  -- Only a table has a place of its own on the page of its module.
  local function anchor_of (page, class)
    if not anchors[class] then
      local has_place = read(OUT .. "/" .. page):find('id="' .. class .. '"', 1, true)
      anchors[class] = has_place and "#" .. class or ""
    end
    return anchors[class]
  end
  local pages = {}
  for _, path in ipairs(list_files("find " .. OUT .. " -name '*.html'")) do
    local page = path:sub(#OUT + 2)
    local html = read(path)
    if file_of[page] then html = set_links(html, page, file_of[page], by_path) end
    html = tables.link(html, function (class)
      local found = by_name[classes[class] or ""]
      return found and relative(page, found) .. anchor_of(found, class)
    end)
    write(path, link_names(html, page, by_name))
    pages[#pages + 1] = page
  end
  check_links(pages)
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
  prepare(modules, groups, part_of)
else
  finish(modules, part_of)
end
if failures > 0 then os.exit(1) end
if arg[1] == "finish" then print(OUT .. "/index.html") end
