-- SPDX-License-Identifier: MIT
--- Writes HTML in the syntax of XML. A string becomes text: only the function `tag` makes markup,
-- so that no text of a model can be taken for it.
-- @module predibase.bulk.report.markup

local utf8 = require "predibase.utf8"

local M = {}

local Markup = {}

-- Elements without content.
local VOID = { meta = true, rect = true, line = true, br = true }

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

-- Stands for a byte that is not UTF-8, and for U+FFFE and U+FFFF, which XML does not allow.
local REPLACEMENT = "\239\191\189"

-- Invisible characters above ASCII: those that change the direction of a text (Unicode's UAX 9),
-- line separators, and characters without width by which texts differ.
local HIDDEN = { [0x061C] = true, [0x200B] = true, [0x200E] = true, [0x200F] = true,
  [0x2028] = true, [0x2029] = true, [0x2060] = true, [0xFEFF] = true }
for code = 0x80, 0x9F do HIDDEN[code] = true end
for code = 0x202A, 0x202E do HIDDEN[code] = true end
for code = 0x2066, 0x2069 do HIDDEN[code] = true end
for code = 0xE0000, 0xE007F do HIDDEN[code] = true end

local function code_of (char)
  local a, b, c, d = char:byte(1, 4)
  if d then return (a - 0xF0) * 0x40000 + (b - 0x80) * 0x1000 + (c - 0x80) * 0x40 + d - 0x80 end
  if c then return (a - 0xE0) * 0x1000 + (b - 0x80) * 0x40 + c - 0x80 end
  return (a - 0xC0) * 0x40 + b - 0x80
end

-- A cell of a table that is aligned to the right.
local NUMBER = "^[%d<>.,%%]+ ?%a*$"

--- Replaces characters that cannot be seen by their codes. Tabs and line feeds stay.
-- @tparam string text
-- @tparam string before stands before the code of an invisible character
-- @tparam string after stands after it
local function visible (text, before, after)
  text = text:gsub("\r\n", "\n"):gsub("[%z\1-\8\11-\31\127]", function (char)
    return ("%sU+%04X%s"):format(before, char:byte(), after)
  end)
  if not text:find("[\128-\255]") then return text end
  local out, i = {}, 1
  while i <= #text do
    local stop = text:find("[\128-\255]", i) or #text + 1
    out[#out + 1] = text:sub(i, stop - 1)
    if stop > #text then break end
    local size = utf8.size(text, stop)
    local char = size and text:sub(stop, stop + size - 1)
    local code = char and code_of(char)
    if not char or code == 0xFFFE or code == 0xFFFF then char = REPLACEMENT end
    if HIDDEN[code] then char = ("%sU+%04X%s"):format(before, code, after) end
    out[#out + 1], i = char, stop + (size or 1)
  end
  return table.concat(out)
end

local function escape (text)
  return (text:gsub("[&<>\"']", ESCAPES))
end

-- What stands around the code of an invisible character. A title cannot contain elements.
local MARKS, PLAIN_MARKS = { '<span class="code">', "</span>" }, { "[", "]" }

local function attribute (value)
  return escape(visible(tostring(value), PLAIN_MARKS[1], PLAIN_MARKS[2]))
end

local function add_children (out, children, count, marks)
  for i = 1, count do
    local child = children[i]
    if getmetatable(child) == Markup then
      out[#out + 1] = child.html
    elseif type(child) == "table" then
      add_children(out, child, #child, marks)
    elseif child then
      out[#out + 1] = visible(escape(tostring(child)), marks[1], marks[2])
    end
  end
end

--- Makes an element.
-- @tparam string name
-- @tparam ?table attributes name -> value; a value that is nil or false is left out
-- @param ... the content: strings and numbers become text, markup stays markup, arrays are
-- concatenated, nil and false are left out
-- @treturn table markup
function M.tag (name, attributes, ...)
  local names, out = {}, { "<" .. name }
  for key, value in pairs(attributes or {}) do
    if value then names[#names + 1] = key end
  end
  table.sort(names)
  for _, key in ipairs(names) do
    out[#out + 1] = (' %s="%s"'):format(key, attribute(attributes[key]))
  end
  if VOID[name] then
    out[#out + 1] = " />"
  else
    out[#out + 1] = ">"
    add_children(out, { ... }, select("#", ...), name == "title" and PLAIN_MARKS or MARKS)
    out[#out + 1] = "</" .. name .. ">"
  end
  return setmetatable({ html = table.concat(out) }, Markup)
end

--- Makes the element `style`, whose content is not escaped.
-- @tparam string css must be written in the source of this library
-- @treturn table markup
function M.style (css)
  return setmetatable({ html = "<style>" .. css .. "</style>" }, Markup)
end

--- Makes a table in a box of its own, which scrolls when the table is wider than the page.
-- @tparam string caption
-- @tparam table heads array of texts
-- @tparam table rows array of arrays of cells; the first one is the head of its row. A cell is a
-- text or markup; texts that are numbers, percentages or "none" are aligned to the right.
-- @treturn table markup
function M.table (caption, heads, rows)
  local tag, head, body = M.tag, {}, {}
  local function class_of (cell)
    return type(cell) == "string" and (cell == "none" or cell:find(NUMBER)) and "number"
  end
  for i, text in ipairs(heads) do
    local class = i > 1 and rows[1] and class_of(rows[1][i])
    head[i] = tag("th", { scope = "col", class = class }, text)
  end
  for r, row in ipairs(rows) do
    local cells = { tag("th", { scope = "row" }, row[1]) }
    for i = 2, #heads do cells[i] = tag("td", { class = class_of(row[i]) }, row[i]) end
    body[r] = tag("tr", nil, cells)
  end
  return tag("div", { class = "scroll", tabindex = 0, role = "region", ["aria-label"] = caption },
    tag("table", nil, tag("caption", nil, caption),
      tag("thead", nil, tag("tr", nil, head)), tag("tbody", nil, body)))
end

return M
