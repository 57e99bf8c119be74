-- SPDX-License-Identifier: MIT
--- Finds the dialect in which a row is written, by its fields.
-- @module predibase.bulk.dialects.recognition

local errors = require "predibase.errors"
local json = require "predibase.json"
local records = require "predibase.bulk.records"

local M = {}

--- The names of the dialects.
M.NAMES = { "template", "prompt", "predibase", "openai" }

-- The fields of OpenAI's batch form.
local OPENAI = { "custom_id", "method", "url", "body" }

-- From this number of OpenAI's fields on, a row is meant to be in OpenAI's form. Two are enough
-- where `body` is an object: tables of texts have columns such as `url`, but no objects.
local MOST_OF_OPENAI = 3

-- Most names that a message lists, and most bytes of each.
local SHOWN_FIELDS, SHOWN_BYTES = 10, 40

local EXPECTED = '"prompt" or "messages" (dialect prompt), "inputs" (dialect predibase), or '
  .. '"custom_id", "method", "url" and "body" (dialect openai); other columns need a template'

-- Dialect -> what a row of it must have, for messages.
local NEEDS = {
  prompt = '"prompt" or "messages"',
  predibase = '"inputs"',
  openai = '"custom_id", "method", "url" and "body"',
}

--- Tells whether a row has a value in a field. Null is none, and neither is an empty cell.
-- @tparam table record `row`, and `cells` (boolean): its values are cells of a table
-- @tparam string name
-- @treturn boolean
function M.has (record, name)
  local value = rawget(record.row, name)
  return value ~= nil and value ~= json.null and not (record.cells and value == "")
end

-- What a single column with another separator in its name is followed by.
local ONE_COLUMN = " (a single column: the separator is a comma in csv, a tab in tsv)"

--- Writes names in quotes, in alphabetical order.
-- @tparam table row
-- @treturn string such as `"label", "text"`, or `none`
function M.fields_of (row)
  local names = {}
  for name in next, row do
    if name ~= records.FAILURE then names[#names + 1] = tostring(name) end
  end
  if #names == 0 then return "none" end
  table.sort(names)
  local shown = {}
  for i = 1, math.min(#names, SHOWN_FIELDS) do
    shown[i] = '"' .. errors.excerpt(names[i], SHOWN_BYTES) .. '"'
  end
  local text = table.concat(shown, ", ")
  if #names == 1 and names[1]:find "[;,\t|]" then return text .. ONE_COLUMN end
  if #names <= SHOWN_FIELDS then return text end
  return ("%s and %d more"):format(text, #names - SHOWN_FIELDS)
end

local function is_openai (record)
  local count = 0
  for _, name in ipairs(OPENAI) do
    if M.has(record, name) then count = count + 1 end
  end
  return count >= MOST_OF_OPENAI or count >= 2 and type(rawget(record.row, "body")) == "table"
    and M.has(record, "body")
end

--- Returns the fields of a row that belong to a dialect: array of `{ dialect, text }`.
local function marks_of (record)
  local marks = {}
  local function note (dialect, text) marks[#marks + 1] = { dialect, text } end
  if M.has(record, "prompt") then note("prompt", '"prompt"') end
  if M.has(record, "messages") then note("prompt", '"messages"') end
  if M.has(record, "inputs") then note("predibase", '"inputs"') end
  if is_openai(record) then
    local found = {}
    for _, name in ipairs(OPENAI) do
      if M.has(record, name) then found[#found + 1] = '"' .. name .. '"' end
    end
    note("openai", table.concat(found, ", "))
  end
  return marks
end

--- Checks that a row has the fields of a dialect. Returns what is wrong, or nil.
-- @tparam table record
-- @tparam string dialect
-- @treturn ?string
function M.problem (record, dialect)
  if dialect == "prompt" then
    if record.is_line then return nil end
    local prompt, messages = M.has(record, "prompt"), M.has(record, "messages")
    if prompt and messages then
      return 'the row has both "prompt" and "messages"; give one of them'
    end
    if prompt or messages then return nil end
  elseif dialect == "predibase" then
    if M.has(record, "inputs") then return nil end
  else
    local missing = {}
    for _, name in ipairs(OPENAI) do
      if not M.has(record, name) then missing[#missing + 1] = '"' .. name .. '"' end
    end
    if #missing == 0 then return nil end
    return ("the row has no %s: a row of the dialect openai has %s; found: %s"):format(
      table.concat(missing, ", "), NEEDS.openai, M.fields_of(record.row))
  end
  return ("the row has no %s, which the dialect %s needs; found: %s"):format(NEEDS[dialect],
    dialect, M.fields_of(record.row))
end

--- Finds the dialect of a row, which has no template.
-- @tparam table record `row`, `cells`, `is_line` (the row is a plain line)
-- @treturn[1] string "prompt", "predibase" or "openai"
-- @treturn[2] nil
-- @treturn[2] string which fields were found, and which are expected
function M.find (record)
  if record.is_line then return "prompt" end
  local marks = marks_of(record)
  if #marks == 0 then
    return nil, ("the row is in no known dialect; found: %s; expected: %s"):format(
      M.fields_of(record.row), EXPECTED)
  end
  for i = 2, #marks do
    if marks[i][1] ~= marks[1][1] then
      local texts = {}
      for j, mark in ipairs(marks) do texts[j] = ("%s (%s)"):format(mark[2], mark[1]) end
      return nil, ("the row has fields of several dialects: %s; name one with the option dialect, "
        .. "or remove the other fields"):format(table.concat(texts, ", "))
    end
  end
  local dialect = marks[1][1]
  local problem = M.problem(record, dialect)
  if problem then return nil, problem end
  return dialect
end

return M
