-- SPDX-License-Identifier: MIT
--- Checks a JSON value against a JSON schema (2020-12), for the keywords from which the server can
-- make a grammar, and for the limits of numbers.
--
-- Keywords: `type` (also a list), `enum`, `const`, `properties`, `required`,
-- `additionalProperties`, `minProperties`, `maxProperties`, `items`, `prefixItems`, `minItems`,
-- `maxItems`, `minLength`, `maxLength` (in characters), `pattern`, `format` (date, time, date-time,
-- uuid), `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `anyOf`, `allOf`, `oneOf`,
-- `$ref` to a place in the same schema, `true` and `false` for a schema; and those of Outlines for
-- the digits of numbers: `minDigits`, `maxDigits`, `minDigitsInteger`, `maxDigitsInteger`,
-- `minDigitsFraction`, `maxDigitsFraction`, `minDigitsExponent`, `maxDigitsExponent`. Other
-- keywords are not checked, and neither is a `pattern` with parts that
-- `predibase.validator.pattern` cannot read, or a `$ref` that leads out of the schema.
--
-- Values are those of `predibase.json` or `template.ordered`. Only the latter tell an empty list
-- from an empty object and keep how a number is written; an empty plain table passes as both.
-- @module predibase.validator

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local numbers = require "predibase.validator.numbers"
local patterns = require "predibase.validator.pattern"
local schemas = require "predibase.schema"
local template = require "predibase.template"
local usage = require "predibase.usage"

local M = {}

--- Deepest nesting of subschemas that are applied inside each other. A value may have 128 levels,
-- and references and combinations add to them.
M.MAX_DEPTH = 256

--- Most steps of one check: subschemas that are applied, members, and steps of patterns. References
-- and alternatives can multiply the work, so the size of schema and value alone does not limit it.
-- Lua 5.1 takes about two seconds for so many.
M.MAX_STEPS = 2000000

local TOO_DEEP = "is nested too deeply to be checked, or its schema refers to itself without end"
local TOO_MUCH = "takes too many steps to be checked"

--- Most bytes of a path or of a name in a message.
local MAX_SHOWN = 200

local Validator = {}
Validator.__index = Validator

-- Failures: `{ reason, keys }`. The keys lead from the value that is wrong up to the whole value.

local function failure (reason)
  return { reason = reason, keys = {} }
end

local function at (problem, key)
  problem.keys[#problem.keys + 1] = key
  return problem
end

--- Writes the path of a failure: `$.items[2].name`, with positions from 1.
local function path_of (problem)
  local parts = { "$" }
  for i = #problem.keys, 1, -1 do
    local key = problem.keys[i]
    if type(key) == "number" then
      parts[#parts + 1] = ("[%d]"):format(key)
    elseif key:find "^[%a_$][%w_$]*$" then
      parts[#parts + 1] = "." .. key
    else
      parts[#parts + 1] = "[" .. json.text(errors.excerpt(key)) .. "]"
    end
  end
  return errors.excerpt(table.concat(parts), MAX_SHOWN)
end

-- Values.

--- Returns the JSON type of a value; "empty" for a plain table that may be a list or an object.
local function kind_of (value)
  if value == json.null then return "null" end
  if numbers.is(value) then return "number" end
  if type(value) ~= "table" then return type(value) end
  if json.is_object(value) then return "object" end
  if json.is_array(value) then return "array" end
  if next(value) == nil then return "empty" end
  return rawget(value, 1) ~= nil and "array" or "object"
end

local function is_object (kind) return kind == "object" or kind == "empty" end
local function is_array (kind) return kind == "array" or kind == "empty" end

local NAMES = { object = "an object", array = "a list", empty = "an empty table" }

--- Describes a value for a reason.
local function describe (value)
  return NAMES[kind_of(value)] or checks.describe(value)
end

-- The state of one check.

local Run = {}
Run.__index = Run

--- Counts steps.
-- @tparam number count
-- @treturn boolean false when there were too many
function Run:step (count)
  self.steps = self.steps + count
  if self.steps <= M.MAX_STEPS then return true end
  self.stopped = self.stopped or TOO_MUCH
  return false
end

--- Returns the members of an object as a plain table. Those of schemas and values are kept for the
-- check, because an object made by `json.object` finds a member by looking at all of them.
-- @tparam table object
-- @treturn table
function Run:members (object)
  local fields = self.fields[object]
  if not fields then
    fields = json.fields(object)
    self.fields[object] = fields
    self:step(#object)
  end
  return fields
end

--- Returns the names of an object's members in order, so that the first failure is always the same.
-- @tparam table object
-- @treturn table array
function Run:names (object)
  local names = self.sorted[object]
  if not names then
    names = {}
    for name in next, self:members(object) do names[#names + 1] = name end
    table.sort(names, function (a, b) return tostring(a) < tostring(b) end)
    self.sorted[object] = names
  end
  self:step(#names)
  return names
end

--- Tells whether two JSON values are equal (JSON Schema, core section 4.2.2).
local function equal (run, a, b)
  if not run:step(1) then return false end
  local kind = kind_of(a)
  if kind ~= kind_of(b) then
    return (kind == "empty" or kind_of(b) == "empty") and type(a) == "table"
      and type(b) == "table" and next(a) == nil and next(b) == nil
  end
  if kind == "number" then return numbers.compare(a, b) == 0 end
  if type(a) ~= "table" then return a == b end
  local left, right = run:members(a), run:members(b)
  for key, inner in next, left do
    if rawget(right, key) == nil or not equal(run, inner, right[key]) then return false end
  end
  for key in next, right do
    if rawget(left, key) == nil then return false end
  end
  return true
end

-- Keywords. Each function gets the state of the check, the value of the keyword, the value to check
-- and its kind, and all keywords of the schema. It returns a failure, or nothing when the value
-- fits, or when the keyword does not apply to such a value.

local apply

local ARTICLES = { string = "a string", number = "a number", integer = "an integer",
  boolean = "a boolean", null = "null", array = "a list", object = "an object" }

local function has_type (wanted, value, kind)
  if wanted == "integer" then return kind == "number" and numbers.is_integer(value) end
  if wanted == "array" then return is_array(kind) end
  if wanted == "object" then return is_object(kind) end
  return wanted == kind
end

--- Checks the type of a value; `true` and `false` are booleans, 5.0 is an integer.
local function check_type (_, wanted, value, kind)
  local list = type(wanted) == "table" and wanted or { wanted }
  local shown = {}
  for i = 1, #list do
    if has_type(list[i], value, kind) then return nil end
    shown[i] = ARTICLES[list[i]] or errors.excerpt(tostring(list[i]), checks.SHOWN)
  end
  return failure(("must be %s, got %s"):format(table.concat(shown, " or "), describe(value)))
end

--- Lists the values of `enum` for a reason.
local function choices (list)
  local parts, size = {}, 0
  for i = 1, #list do
    local text = json.encode(list[i]) or "?"
    size = size + #text
    if size > MAX_SHOWN then
      parts[i] = "…"
      break
    end
    parts[i] = text
  end
  return table.concat(parts, ", ")
end

--- Checks that a value is one of a list.
local function check_enum (run, list, value)
  if type(list) ~= "table" or #list == 0 then return nil end
  for i = 1, #list do
    if equal(run, list[i], value) then return nil end
  end
  return failure(("must be one of %s, got %s"):format(choices(list), describe(value)))
end

--- Checks that a value is the only one allowed.
local function check_const (run, wanted, value)
  if equal(run, wanted, value) then return nil end
  return failure(("must be %s, got %s"):format(choices { wanted }, describe(value)))
end

-- Objects.

--- Checks that an object has the members of a list.
local function check_required (run, list, value, kind)
  if not is_object(kind) or type(list) ~= "table" then return nil end
  local members = run:members(value)
  for i = 1, #list do
    if rawget(members, list[i]) == nil then
      return failure(("has no member %s"):format(
        json.text(errors.excerpt(tostring(list[i]), checks.SHOWN))))
    end
  end
end

--- Checks the members that have a schema of their own.
local function check_properties (run, properties, value, kind)
  if not is_object(kind) or type(properties) ~= "table" then return nil end
  local members, of = run:members(value), run:members(properties)
  for _, name in ipairs(run:names(value)) do
    local schema = rawget(of, name)
    local problem = schema ~= nil and apply(run, schema, members[name])
    if problem then return at(problem, name) end
  end
end

--- Checks the members that `properties` does not name.
local function check_additional (run, additional, value, kind, schema)
  if not is_object(kind) or additional == true then return nil end
  local members, of = run:members(value), {}
  if type(schema.properties) == "table" then of = run:members(schema.properties) end
  for _, name in ipairs(run:names(value)) do
    if rawget(of, name) == nil then
      if additional == false then
        return at(failure "is not a property that the schema allows", name)
      end
      local problem = apply(run, additional, members[name])
      if problem then return at(problem, name) end
    end
  end
end

-- Amounts. A limit that is not a number is skipped.

local function amount_text (amount, noun)
  return ("%s %s"):format(checks.number(amount), noun:format(amount == 1 and "" or "s"))
end

--- Makes the functions of two keywords that limit an amount. `measure` returns the amount, or nil
-- when the keywords do not apply.
local function limits (noun, measure)
  local function limit (words, breaks)
    return function (run, bound, value, kind)
      local amount = numbers.is(bound) and measure(run, value, kind)
      if not amount or not breaks(numbers.compare(amount, bound)) then return nil end
      return failure(("must have %s %s, has %d"):format(words,
        amount_text(tonumber(tostring(bound)), noun), amount))
    end
  end
  return limit("at least", function (order) return order < 0 end),
    limit("at most", function (order) return order > 0 end)
end

local min_length, max_length = limits("character%s", function (_, value, kind)
  -- Counts the bytes with which a character begins (RFC 3629 section 3).
  return kind == "string" and #value - select(2, value:gsub("[\128-\191]", "")) or nil
end)

local min_items, max_items = limits("element%s", function (_, value, kind)
  return is_array(kind) and #value or nil
end)

local min_properties, max_properties = limits("member%s", function (run, value, kind)
  if not is_object(kind) then return nil end
  local count = 0
  for _ in next, run:members(value) do count = count + 1 end
  return count
end)

local function limits_of_digits (place, noun)
  return limits(noun, function (_, value, kind)
    return kind == "number" and (select(place, numbers.digits(value))) or nil
  end)
end

local min_digits, max_digits = limits_of_digits(1, "digit%s")
local min_whole, max_whole = limits_of_digits(1, "digit%s before the point")
local min_fraction, max_fraction = limits_of_digits(2, "digit%s after the point")
local min_exponent, max_exponent = limits_of_digits(3, "digit%s in the exponent")

--- Skips a keyword for numbers that are written with the digit 0 before the point: the server's
-- grammar allows 0 whatever the number of digits.
local function but_for_zero (check)
  return function (run, bound, value, kind)
    if kind == "number" and numbers.digits(value) == 1 and numbers.compare(value, 1) < 0
      and numbers.compare(value, -1) > 0 then return nil end
    return check(run, bound, value, kind)
  end
end

--- Makes the function of a keyword that limits a number.
local function bound_by (words, fits)
  return function (_, bound, value, kind)
    if kind ~= "number" or not numbers.is(bound) or fits(numbers.compare(value, bound)) then
      return nil
    end
    return failure(("must be %s %s, got %s"):format(words, describe(bound):gsub("^the number ", ""),
      describe(value)))
  end
end

-- Lists.

--- Checks the first elements of a list, each against a schema of its own.
local function check_prefix (run, list, value, kind)
  if not is_array(kind) or type(list) ~= "table" then return nil end
  for i = 1, math.min(#list, #value) do
    local problem = apply(run, list[i], rawget(value, i))
    if problem then return at(problem, i) end
  end
end

--- Checks the elements of a list after those of `prefixItems`.
local function check_items (run, schema, value, kind, all)
  if not is_array(kind) then return nil end
  local prefix = type(all.prefixItems) == "table" and #all.prefixItems or 0
  for i = prefix + 1, #value do
    local problem = apply(run, schema, rawget(value, i))
    if problem then return at(problem, i) end
  end
end

-- Strings.

--- Checks that a regular expression occurs in a string.
local function check_pattern (run, text, value, kind)
  if kind ~= "string" or type(text) ~= "string" then return nil end
  local pattern = run.patterns[text]
  if pattern == nil then
    pattern = patterns.new(text) or false
    run.patterns[text] = pattern
  end
  if not pattern then return nil end
  local found, steps = patterns.matches(pattern, value, M.MAX_STEPS - run.steps)
  if run:step(steps) and not found then
    return failure(("must match the pattern %s, got %s"):format(
      json.text(errors.excerpt(text, checks.SHOWN)), describe(value)))
  end
end

local DAYS = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

--- Tells whether a text is a date of the calendar (RFC 3339 section 5.6; the server's grammar also
-- has years with more than four digits and before the year 0).
local function is_date (text)
  local year, month, day = text:match "^%-?(%d%d%d%d+)%-(%d%d)%-(%d%d)$"
  if not year then return false end
  month, day = tonumber(month), tonumber(day)
  if not DAYS[month] or day < 1 or day > DAYS[month] then return false end
  if month ~= 2 or day < 29 then return true end
  -- Four digits decide whether it is a leap year, because 10000 is a multiple of 400.
  year = tonumber(year:sub(-4))
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

--- Tells whether a text is a time (RFC 3339 section 5.6, but the zone may be missing, as in the
-- server's grammar).
local function is_time (text)
  local hour, minute, second, rest = text:match "^(%d%d):(%d%d):(%d%d)(.*)$"
  if not hour or tonumber(hour) > 23 or tonumber(minute) > 59 or tonumber(second) > 60 then
    return false
  end
  rest = rest:gsub("^%.%d+", "")
  local zone_hour, zone_minute = rest:match "^[+-](%d%d):(%d%d)$"
  if zone_hour then return tonumber(zone_hour) <= 23 and tonumber(zone_minute) <= 59 end
  return rest == "" or rest == "Z" or rest == "z"
end

local HEX = "%x%x%x%x"
local UUID = "^" .. HEX .. HEX .. ("%-" .. HEX):rep(4) .. HEX .. HEX .. "$"

local FORMATS = {
  date = is_date,
  time = is_time,
  ["date-time"] = function (text)
    local date, time = text:match "^(.-)[Tt](.*)$"
    return date ~= nil and is_date(date) and is_time(time)
  end,
  uuid = function (text) return text:find(UUID) ~= nil end,
}

--- Checks that a string is a date, a time, both, or a UUID.
local function check_format (_, name, value, kind)
  local is = FORMATS[name]
  if kind ~= "string" or not is or is(value) then return nil end
  return failure(("must be a %s, got %s"):format(name, describe(value)))
end

-- Combinations.

--- Checks that all schemas of a list fit.
local function check_all (run, list, value)
  if type(list) ~= "table" then return nil end
  for i = 1, #list do
    local problem = apply(run, list[i], value)
    if problem then return problem end
  end
end

--- Applies all schemas of a list. Returns how many fit, and the failure that lies deepest in the
-- value, because that schema is most likely the one that was meant.
local function count_fitting (run, list, value)
  local fitting, deepest = 0, nil
  for i = 1, #list do
    local problem = apply(run, list[i], value)
    if not problem then
      fitting = fitting + 1
    elseif not deepest or #problem.keys > #deepest.keys then
      deepest = problem
    end
  end
  return fitting, deepest
end

local function none_fits (name, deepest)
  deepest.reason = ("%s (it fits no schema of %s; this one comes closest)")
    :format(deepest.reason:gsub(" %(it fits no schema of .*$", ""), name)
  return deepest
end

--- Checks that a schema of a list fits.
local function check_any (run, list, value)
  if type(list) ~= "table" or #list == 0 then return nil end
  local fitting, deepest = count_fitting(run, list, value)
  if fitting == 0 then return none_fits("anyOf", deepest) end
end

--- Checks that exactly one schema of a list fits.
local function check_one (run, list, value)
  if type(list) ~= "table" or #list == 0 then return nil end
  local fitting, deepest = count_fitting(run, list, value)
  if fitting == 0 then return none_fits("oneOf", deepest) end
  if fitting > 1 then
    return failure(("fits %d schemas of oneOf, and must fit one"):format(fitting))
  end
end

--- Checks the schema to which a reference points.
local function check_reference (run, reference, value)
  local target = run.targets[reference]
  if target == nil and reference == "#" then
    target = run.root
  elseif target == nil then
    target = schemas.resolve(run.root, reference)
  end
  if target == nil then return nil end
  run.targets[reference] = target
  return apply(run, target, value)
end

-- Checks.

-- The keywords in the order in which they are checked: the first failure is always the same, and it
-- is the one that tells the most.
local KEYWORDS = {
  { "type", check_type }, { "const", check_const }, { "enum", check_enum },
  { "$ref", check_reference },
  { "required", check_required }, { "properties", check_properties },
  { "additionalProperties", check_additional },
  { "minProperties", min_properties }, { "maxProperties", max_properties },
  { "prefixItems", check_prefix }, { "items", check_items },
  { "minItems", min_items }, { "maxItems", max_items },
  { "minLength", min_length }, { "maxLength", max_length },
  { "format", check_format }, { "pattern", check_pattern },
  { "minimum", bound_by("at least", function (order) return order >= 0 end) },
  { "maximum", bound_by("at most", function (order) return order <= 0 end) },
  { "exclusiveMinimum", bound_by("above", function (order) return order > 0 end) },
  { "exclusiveMaximum", bound_by("below", function (order) return order < 0 end) },
  { "minDigits", but_for_zero(min_digits) }, { "maxDigits", max_digits },
  { "minDigitsInteger", but_for_zero(min_whole) }, { "maxDigitsInteger", max_whole },
  { "minDigitsFraction", min_fraction }, { "maxDigitsFraction", max_fraction },
  { "minDigitsExponent", min_exponent }, { "maxDigitsExponent", max_exponent },
  { "allOf", check_all }, { "anyOf", check_any }, { "oneOf", check_one },
}

--- Applies a schema to a value. Returns a failure, or nothing.
function apply (run, schema, value)
  if run.depth >= M.MAX_DEPTH then run.stopped = run.stopped or TOO_DEEP end
  if run.stopped or not run:step(1) then return failure(run.stopped) end
  if schema == false then return failure "is not allowed by the schema" end
  if type(schema) ~= "table" then return nil end
  run.depth = run.depth + 1
  local given, kind, problem = run:members(schema), kind_of(value), nil
  for i = 1, #KEYWORDS do
    local wanted = given[KEYWORDS[i][1]]
    problem = wanted ~= nil and KEYWORDS[i][2](run, wanted, value, kind, given) or nil
    if problem then break end
  end
  run.depth = run.depth - 1
  return problem
end

--- Checks a value.
-- @param value a JSON value, see above; `json.null` is null
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string the path of the part that is wrong, such as `$.items[2].name`; positions count
-- from 1
-- @treturn[2] string the reason
function Validator:check (value)
  local run = setmetatable({ root = self.root, patterns = self.patterns, targets = {}, fields = {},
    sorted = {}, steps = 0, depth = 0 }, Run)
  local problem = apply(run, self.root, value)
  if run.stopped then problem = failure(run.stopped) end
  if not problem then return true end
  return nil, path_of(problem), problem.reason
end

-- The last validator and its schema. Programs usually send the same one with every prompt.
local last, last_text

--- Makes a validator.
-- @tparam string text the schema as JSON, as `schema.text` of `predibase.schema` returns it
-- @treturn Validator with the method `check` and the field `root`, the schema as an ordered value
-- @raise for a text that is not JSON
function M.new (text)
  if text == last_text then return last end
  local root, problem = template.ordered.decode(text)
  if root == nil then usage.fail("the schema is not JSON: " .. problem) end
  last, last_text = setmetatable({ root = root, patterns = {} }, Validator), text
  return last
end

--- Checks a value against a schema.
-- @tparam string|table|boolean schema JSON text, a table, or an ordered object
-- @param value as for `check` of a validator
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string the path
-- @treturn[2] string the reason
-- @raise for a schema that is not a schema
function M.check (schema, value)
  if type(schema) == "boolean" then return M.new(tostring(schema)):check(value) end
  local text, problem = schemas.text(schema, "schema")
  if not text then usage.fail(problem) end
  return M.new(text):check(value)
end

return M
