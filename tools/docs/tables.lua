-- SPDX-License-Identifier: MIT
-- The tables of options and results in the API reference. Comments of internal modules describe
-- many of them, because these modules read the options. Programs find all of those on one page.

local comments = dofile "tools/docs/comments.lua"

local M = {}

--- The page of the tables that internal modules describe.
M.NAME = "predibase.tables"

local HEADER = [[
--- The tables of options and results: what functions take and return. No module has this name;
-- docs/editors.md says how an editor shows the same.
-- @module predibase.tables

]]

--- Says in the text of each table which other tables it has the fields of.
function M.with_extended (text)
  return (text:gsub("\n(%-%- @table [^\n]*\n)%-%- @extends ([^\n]*)\n", function (line, names)
    return ("\n--\n-- It also has the fields of %s.\n%s"):format(names, line)
  end))
end

--- Returns the page as the source of a module, with the tables of these modules, by their names.
-- @tparam table sources name of a module -> its source
function M.page (sources)
  local names, tables = {}, {}
  for name in pairs(sources) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local lines = {}
    for line in (sources[name] .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
    for _, item in ipairs(comments.all(lines)) do
      local text = table.concat(item.comment, "\n-- ")
      local class = text:match "@table (%u%w*)"
      if class then tables[#tables + 1] = { class, "--- " .. text } end
    end
  end
  table.sort(tables, function (a, b) return a[1] < b[1] end)
  for i, entry in ipairs(tables) do tables[i] = entry[2] end
  return HEADER .. table.concat(tables, "\n\n") .. "\n"
end

--- Returns the module that describes each class, as the files of `make types` have it.
function M.modules_of_classes ()
  local found = {}
  local pipe = assert(io.popen "find types/library -name '*.lua'")
  for path in pipe:lines() do
    local module = path:match "library/(.*)%.lua$":gsub("/", ".")
    for line in io.lines(path) do
      local class = line:match "^%-%-%-@class predibase%.(%u%w*)"
        or line:match "^%-%-%-@alias predibase%.(%u%w*)"
      if class then found[class] = module end
    end
  end
  pipe:close()
  return found
end

--- Links the names of classes where LDoc has written types.
-- @tparam string html
-- @tparam function link returns the address for a class, or nil
function M.link (html, link)
  return (html:gsub('(<span class="type">)([^<]+)(</span>)', function (open, text, close)
    return open .. text:gsub("%f[%w]%u%w*", function (class)
      local address = link(class)
      return address and ('<a href="%s">%s</a>'):format(address, class)
    end) .. close
  end):gsub("(It also has the fields of )([%w, ]+)%.", function (before, names)
    return before .. names:gsub("%u%w*", function (class)
      local address = link(class)
      return address and ('<a href="%s"><code>%s</code></a>'):format(address, class)
    end) .. "."
  end))
end

return M
