-- SPDX-License-Identifier: MIT
--- Compares JSON objects field by field.
-- @module predibase.bulk.evaluation.objects

local json = require "predibase.json"

local M = {}

--- Most fields that are counted by name. Objects whose names of fields are data would fill the
-- memory.
M.MAX_FIELDS = 100

local Objects = {}
Objects.__index = Objects

--- Reads a JSON object.
-- @param value a string, or a value that `predibase.json` decoded
-- @treturn[1] table
-- @treturn[2] nil it is something else
function M.read (value)
  if type(value) == "string" then
    if not value:find("^%s*{") then return nil end
    value = json.decode(value)
  end
  value = json.plain(value)
  if type(value) ~= "table" or json.is_array(value) or value[1] ~= nil then return nil end
  return value
end

--- Tells whether two values of JSON are equal.
local function equal (a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for name, value in next, a do
    if not equal(value, b[name]) then return false end
  end
  for name in next, b do
    if a[name] == nil then return false end
  end
  return true
end

local function field_of (self, name)
  local field = self.fields[name]
  if not field and self.known < M.MAX_FIELDS then
    field = { name = name, rows = 0, right = 0, missing = 0 }
    self.fields[name], self.known = field, self.known + 1
  elseif not field then
    self.complete = false
  end
  return field
end

--- Compares an answer with the expected object.
-- @tparam table expected
-- @tparam ?table answer nil when the answer is not a JSON object
-- @treturn boolean whether they have the same fields with equal values
function Objects:compare (expected, answer)
  self.rows = self.rows + 1
  if not answer then self.not_objects = self.not_objects + 1 end
  local right = answer ~= nil
  for name, value in next, expected do
    local given
    if answer then given = answer[name] end
    local same = given ~= nil and equal(value, given)
    right = right and same
    local field = field_of(self, name)
    if field then
      field.rows = field.rows + 1
      if same then field.right = field.right + 1 end
      if given == nil then field.missing = field.missing + 1 end
    end
  end
  for name in next, answer or {} do
    if expected[name] == nil then
      self.with_more, right = self.with_more + 1, false
      break
    end
  end
  if right then self.right = self.right + 1 end
  return right
end

--- Returns what was counted.
-- @treturn[1] table see `predibase.bulk.evaluation`
-- @treturn[2] nil nothing was compared
function Objects:result ()
  if self.rows == 0 then return nil end
  local fields = {}
  for _, field in pairs(self.fields) do
    fields[#fields + 1] = { name = field.name, rows = field.rows, right = field.right,
      missing = field.missing, accuracy = field.right / field.rows }
  end
  table.sort(fields, function (a, b)
    if a.accuracy ~= b.accuracy then return a.accuracy < b.accuracy end
    return a.name < b.name
  end)
  return { rows = self.rows, right = self.right, accuracy = self.right / self.rows,
    not_objects = self.not_objects, with_more = self.with_more, fields = fields,
    complete = self.complete }
end

--- Makes an empty comparison.
-- @treturn table
function M.new ()
  return setmetatable({ rows = 0, right = 0, not_objects = 0, with_more = 0, fields = {},
    known = 0, complete = true }, Objects)
end

return M
