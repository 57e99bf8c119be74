-- SPDX-License-Identifier: MIT
--- JSON Lines: one JSON object (RFC 8259) in each line.
-- @module predibase.bulk.rows.json_lines

local errors = require "predibase.errors"
local json = require "predibase.json"
local utf8 = require "predibase.utf8"

local M = {}

local byte, find, match = string.byte, string.find, string.match
local huge = math.huge

local ZERO, NINE = 48, 57

local AN_ARRAY = "; JSON Lines is one object in each line: jq -c '.[]' makes it of an array"

M.__index = M

--- Makes a scanner of rows.
-- @tparam table window see `predibase.bulk.rows.input_window`
-- @treturn table has `next`
function M.new (window)
  return setmetatable({ window = window }, M)
end

--- Tells whether a text has a digit, a dot and no other digit, as the number `1.` does.
local function has_bare_dot (text)
  local dot = find(text, ".", 1, true)
  while dot do
    local before, after = byte(text, dot - 1), byte(text, dot + 1)
    if before and before >= ZERO and before <= NINE and not (after and after >= ZERO
      and after <= NINE) then return true end
    dot = find(text, ".", dot + 1, true)
  end
  return false
end

--- Tells whether there is an infinity in a value.
local function has_infinity (value)
  if type(value) == "number" then return value == huge or value == -huge end
  if type(value) ~= "table" then return false end
  for _, inner in next, value do
    if type(inner) ~= "string" and has_infinity(inner) then return true end
  end
  return false
end

--- Tells whether a text may have something that `json.decode` accepts although RFC 8259 does not:
-- control characters, `1.`, `-.5`, `1e999`, half a surrogate pair. It is much faster than
-- `json.check`, but it is also true for many texts that are correct.
local function is_suspicious (text, value)
  return match(text, "^[^%c]*()") <= #text or find(text, "-.", 1, true) or has_bare_dot(text)
    or find(text, "\\", 1, true) and find(text, "\\u[dD]") or has_infinity(value)
end

--- Reads the object of a line. Returns nil and what is wrong with it when it is none.
local function object (line)
  if not find(line, "^[ \t\r]*{") then
    local array = find(line, "^[ \t\r]*%[") and AN_ARRAY or ""
    return nil, "the row is not a JSON object" .. array
  end
  local row, problem = json.decode(line)
  if row ~= nil and is_suspicious(line, row) then
    local ok
    ok, problem = json.check(line)
    if not ok then row = nil end
  end
  if row == nil then return nil, "the row is not a JSON object: " .. errors.excerpt(problem) end
  return row
end

--- Returns the next row that is not blank, and its place.
-- @treturn[1] table the row; empty when the place has an `err`
-- @treturn[1] table the place
-- @treturn[2] nil nothing follows
-- @treturn[2] nil
-- @treturn[2] ?table the error of the source
function M:next ()
  local place, err = self.window:next_line("[^ \t\r]")
  if not place then return nil, nil, err end
  if place.err then return {}, place end
  local row, problem = object(place.raw)
  if not row then return self.window.refuse(place, problem) end
  return row, place
end

--- Writes a row that has a text in each column and nothing else, as rows of CSV do. Returns nil for
-- every other row.
local function encode_texts (row, columns)
  local members, listed = {}, {}
  for i = 1, #columns do
    local name = columns[i]
    local value = row[name]
    if type(name) ~= "string" or type(value) ~= "string" or listed[name] then return nil end
    listed[name] = true
    members[i] = json.text(name) .. ":" .. json.text(value)
  end
  for name in next, row do
    if not listed[name] then return nil end
  end
  local text = "{" .. table.concat(members, ",") .. "}"
  return utf8.valid(text) and text or nil
end

--- Writes a row as JSON with some columns first.
local function encode_in_order (row, columns)
  local members, listed, others = {}, {}, {}
  for _, name in ipairs(columns) do
    listed[name] = true
    if row[name] ~= nil then members[#members + 1] = { name, row[name] } end
  end
  for name in pairs(row) do
    if not listed[name] then others[#others + 1] = name end
  end
  table.sort(others, function (a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(others) do members[#members + 1] = { name, row[name] } end
  return json.encode(json.object(members))
end

--- Writes a row as a line.
-- @tparam table row
-- @tparam ?table columns array of the names that come first, in this order; the others follow in
-- alphabetical order
-- @treturn[1] string with its line end
-- @treturn[2] nil
-- @treturn[2] string what cannot be written
function M.encode (row, columns)
  local text, problem
  if columns and not json.is_object(row) then
    text = encode_texts(row, columns)
    if not text then text, problem = encode_in_order(row, columns) end
  else
    text, problem = json.encode(row)
  end
  if not text then return nil, problem end
  if text:sub(1, 1) ~= "{" then return nil, "a row is a table with names as keys, not an array" end
  return text .. "\n"
end

return M
