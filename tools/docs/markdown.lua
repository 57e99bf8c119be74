-- SPDX-License-Identifier: MIT
-- Converts Markdown to HTML for LDoc, which requires this module by the name in its setting
-- `format`. It knows what the texts of this project use: headings with GitHub's anchors,
-- paragraphs, lists, tables, code, links, pictures and emphasis. LDoc itself converts code behind
-- fences before, so HTML in a text stays as it is.

-- tools/docs.lua writes this between pieces of indented code that do not belong together.
local SEPARATOR = "<!-- -->"

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

--- Escapes what is not part of HTML that LDoc has written.
local function escape_stray (text)
  text = text:gsub("&%f[^&#%w]", "&amp;"):gsub("<(%f[^%a/!])", "&lt;%1")
  return text
end

local function inline (text)
  local kept = {}
  local function keep (html)
    kept[#kept + 1] = html
    return "\1" .. #kept .. "\1"
  end
  local function keep_code (code)
    return keep("<code>" .. code:gsub("[&<>]", ENTITIES) .. "</code>")
  end
  text = text:gsub("``%s*(.-)%s*``", keep_code):gsub("`([^`]+)`", keep_code)
  text = text:gsub("\\([%p])", function (mark) return keep(ENTITIES[mark] or mark) end)
  text = escape_stray(text)
  text = text:gsub("!%[([^%]]*)%]%(([^)%s]*)%)", function (label, source)
    return keep(('<img src="%s" alt="%s">'):format(source, label))
  end)
  text = text:gsub("%[([^%]]*)%]%(([^)%s]*)%)", function (label, target)
    return keep('<a href="' .. target .. '">') .. label .. keep "</a>"
  end)
  text = text:gsub("<[^>]*>", keep)
  text = text:gsub("%*%*(%S.-)%*%*", "<strong>%1</strong>")
  text = text:gsub("%f[^%s%z(]%*(%S[^*]-)%*", "<em>%1</em>")
  repeat
    local replaced
    text, replaced = text:gsub("\1(%d+)\1", function (n) return kept[tonumber(n)] end)
  until replaced == 0
  return text
end

--- The anchor that GitHub gives a heading.
local function anchor_of (heading)
  local text = heading:gsub("`", ""):lower()
  text = text:gsub("[^%w%s_\128-\255-]", ""):gsub("%s", "-")
  return text
end

local function row (line, tag)
  local cells = {}
  local inner = line:gsub("\\|", "\2"):gsub("^%s*|", ""):gsub("|%s*$", "")
  for cell in (inner .. "|"):gmatch "([^|]*)|" do
    local text = cell:gsub("\2", "|"):gsub("^%s+", ""):gsub("%s+$", "")
    cells[#cells + 1] = ("<%s>%s</%s>"):format(tag, inline(text), tag)
  end
  return "<tr>" .. table.concat(cells) .. "</tr>"
end

-- Each function below converts the block that begins at a line, if it is of its kind, and returns
-- its HTML and the number of the line behind it.

local function heading (lines, i)
  local marks, text = lines[i]:match "^(#+)%s+(.*)$"
  if not marks then return nil end
  return ('<h%d id="%s">%s</h%d>'):format(#marks, anchor_of(text), inline(text), #marks), i + 1
end

local function table_of (lines, i)
  if not lines[i]:find "^|" or not (lines[i + 1] or ""):find "^|[%s:|-]+$" then return nil end
  local html = { "<table>" }
  if lines[i]:find "[^|%s]" then html[2] = row(lines[i], "th") end
  i = i + 2
  while lines[i] and lines[i]:find "^|" do
    html[#html + 1] = row(lines[i], "td")
    i = i + 1
  end
  html[#html + 1] = "</table>"
  return table.concat(html, "\n"), i
end

--- Code that LDoc has converted.
local function converted (lines, i)
  if not lines[i]:find "^<pre" then return nil end
  local first = i
  while lines[i + 1] and not lines[i]:find("</pre>", 1, true) do i = i + 1 end
  -- LDoc escapes nothing in comments.
  local html = table.concat(lines, "\n", first, i):gsub("<(/?%a*)", function (tag)
    if not tag:find "^/?span$" and not tag:find "^/?pre$" then
      return "&lt;" .. tag
    end
  end)
  return html, i + 1
end

local function code (lines, i)
  if not lines[i]:find "^    " then return nil end
  local least, last = 100, i
  local first = i
  while lines[i] and (lines[i]:find "^    " or lines[i] == "") do
    if lines[i]:find "%S" then
      least, last = math.min(least, #lines[i]:match "^ *"), i
    end
    i = i + 1
  end
  local text = {}
  for k = first, last do text[#text + 1] = lines[k]:sub(least + 1) end
  return "<pre>" .. table.concat(text, "\n"):gsub("[&<>]", ENTITIES) .. "</pre>", last + 1
end

local convert

local function list (lines, i)
  local mark = lines[i]:match "^[*-] " or lines[i]:match "^%d+%. "
  if not mark then return nil end
  local tag = mark:find "%d" and "ol" or "ul"
  local pattern = tag == "ol" and "^%d+%. +" or "^[*-] +"
  local html = { tag == "ul" and "<ul>" or ('<ol start="%d">'):format(mark:match "%d+") }
  while lines[i] and lines[i]:find(pattern) do
    local item = { (lines[i]:gsub(pattern, "", 1)) }
    i = i + 1
    -- A blank line belongs to the item if the next line is indented.
    while lines[i] and (lines[i]:find "^ " or lines[i] == "" and (lines[i + 1] or ""):find "^ "
      or lines[i]:find "^[^%s#]" and not lines[i]:find(pattern)) do
      item[#item + 1] = lines[i]:gsub("^  ? ?", "", 1)
      i = i + 1
    end
    local text = convert(item):gsub("^<p>(.-)</p>", "%1", 1)
    html[#html + 1] = "<li>" .. text .. "</li>"
    if lines[i] == "" and (lines[i + 1] or ""):find(pattern) then i = i + 1 end
  end
  html[#html + 1] = "</" .. tag .. ">"
  return table.concat(html, "\n"), i
end

local BLOCKS = { heading, table_of, converted, code, list }

local function other_block (lines, i)
  for _, block in ipairs(BLOCKS) do
    local html, behind = block(lines, i)
    if html then return html, behind end
  end
end

function convert (lines)
  local html, paragraph = {}, {}
  local function flush ()
    if #paragraph == 0 then return end
    html[#html + 1] = "<p>" .. inline(table.concat(paragraph, "\n")) .. "</p>"
    paragraph = {}
  end
  local i = 1
  while lines[i] do
    local block, behind
    if #paragraph == 0 or not lines[i]:find "^    " then block, behind = other_block(lines, i) end
    if block then
      flush()
      html[#html + 1] = block
      i = behind
    else
      if not lines[i]:find "%S" then
        flush()
      elseif lines[i] == SEPARATOR then
        flush()
      elseif not lines[i]:find '^<a name="[^"]*"></a>$' then      -- LDoc's anchors of sections
        paragraph[#paragraph + 1] = lines[i]
      end
      i = i + 1
    end
  end
  flush()
  return table.concat(html, "\n")
end

return function (text)
  local lines = {}
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do
    lines[#lines + 1] = line:find "%S" and line or ""
  end
  return convert(lines)
end
