-- SPDX-License-Identifier: MIT
-- Reads the LDoc comments of Lua sources, for tools/check-docs.lua and tools/types.lua.

local M = {}

--- Reads a file as an array of lines.
function M.lines (path)
  local list = {}
  for line in io.lines(path) do list[#list + 1] = line end
  return list
end

--- Returns the LDoc comment directly above a line: an array of its lines without dashes, and the
-- number of its first line. Returns nil when there is none.
function M.above (lines, number)
  local first = number
  -- The line of the licence belongs to no comment.
  while first > 1 and lines[first - 1]:find "^%s*%-%-"
    and not lines[first - 1]:find "^%-%- SPDX" do
    first = first - 1
  end
  if first == number or not lines[first]:find "^%s*%-%-%-" then return nil end
  local comment = {}
  for i = first, number - 1 do comment[#comment + 1] = lines[i]:gsub("^%s*%-%-%-? ?", "") end
  return comment, first
end

--- Returns the LDoc comments of a source in their order: array of `{ comment, line, code }`, with
-- the line of code directly below the comment, which may be empty, and its number.
function M.all (lines)
  local found = {}
  for number = 2, #lines + 1 do
    local code = lines[number] or ""
    if not code:find "^%s*%-%-" then
      local comment = M.above(lines, number)
      if comment then found[#found + 1] = { comment = comment, line = number, code = code } end
    end
  end
  return found
end

-- The tags that have a type, and those that have a name.
local TYPED = { tparam = true, treturn = true, tfield = true }
local NAMED = { tparam = true, tfield = true, param = true }

--- Reads one tag. `group` is the number in `@treturn[2]`, `optional` is true for `?table` and
-- `[opt]`.
local function read_tag (name, modifiers, rest)
  local tag = { tag = name, group = tonumber(modifiers:match "%d+") or 1,
    optional = modifiers:find "opt" ~= nil }
  if TYPED[name] then
    tag.type, rest = rest:match "^(%S+)%s*(.*)$"
    local plain = tag.type:match "^%?(.*)$"
    if plain then tag.type, tag.optional = plain, true end
  end
  if NAMED[name] then tag.name, rest = rest:match "^(%S+)%s*(.*)$" end
  tag.text = rest
  return tag
end

--- Divides a comment into its description and its tags: `{ text, tags }`. A description has the
-- line breaks of the source.
function M.parse (comment)
  local parsed, tag = { text = "", tags = {} }, nil
  for i, line in ipairs(comment) do
    local name, modifiers, rest = line:match "^%s*@(%a+)(%[?[^%]%s]*%]?)%s*(.*)$"
    if name then
      tag = read_tag(name, modifiers, rest)
      parsed.tags[#parsed.tags + 1] = tag
      parsed[name] = parsed[name] or tag
    elseif tag then
      tag.text = tag.text .. "\n" .. line
    else
      parsed.text = parsed.text .. (i > 1 and "\n" or "") .. line
    end
  end
  parsed.text = parsed.text:gsub("%s+$", "")
  return parsed
end

--- Divides a union at the bars that are not inside of brackets.
function M.members (text)
  local list, depth, part = {}, 0, ""
  for character in text:gmatch "." do
    if character:find "[({<]" then depth = depth + 1 end
    if character:find "[)}>]" then depth = depth - 1 end
    if character == "|" and depth == 0 then
      list[#list + 1] = part
      part = ""
    else
      part = part .. character
    end
  end
  list[#list + 1] = part
  return list
end

--- Returns a type as LDoc can write it: without parameters of functions and keys of tables.
local function plain_type (text)
  local mark, rest = text:match "^(%??)(.*)$"
  local list = {}
  for _, member in ipairs(M.members(rest)) do
    if member:find "^fun%(" then member = "function"
    elseif member:find "^table<" or member:find "^{" then member = "table"
    elseif member:find "^%(.*%)%[%]$" then member = "table" end
    list[#list + 1] = member:gsub("%?$", "")
  end
  return mark .. table.concat(list, "|")
end

--- Rewrites the types in the comments of a source for LDoc.
function M.for_ldoc (source)
  return (source:gsub("(\n%-%- @t%l+%[?[^%]%s]*%]? )(%S+)", function (tag, text)
    return tag .. plain_type(text)
  end))
end

--- Reads what a line of code defines: the table, "." or ":", the name, and the parameters of a
-- function (nil for another value). Returns nil for any other line.
function M.definition (code)
  local owner, mark, name, parameters =
    code:match "^function ([%w_]+)([.:])([%w_]+)%s*%((.-)%)"
  if not owner then
    owner, mark, name, parameters = code:match "^([%w_]+)(%.)([%w_]+)%s*=%s*function%s*%((.-)%)"
  end
  if not owner then owner, mark, name = code:match "^([%w_]+)(%.)([%w_]+)%s*[=,]" end
  return owner, mark, name, parameters
end

return M
