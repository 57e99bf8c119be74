-- SPDX-License-Identifier: MIT
--- Checks for each kind of parameter. Each function takes a value, its name for error messages, and
-- the parameter's entry in `predibase.params`. It returns the value to send, or nil and an error
-- message.
-- @module predibase.params.kinds

local lazy = require "predibase.lazy"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local formats = lazy "predibase.response_format"
local json = require "predibase.json"
local names = lazy "predibase.option_names"
local utf8 = require "predibase.utf8"

local M = {}

--- The largest finite 32-bit float (IEEE 754 binary32). The router uses this type for all
-- fractions.
M.SINGLE_MAX = 3.4028234663852886e38

--- Upper limit of the numbers that are rounded to a finite 32-bit float. This number and larger
-- ones are rounded to infinity.
M.SINGLE_LIMIT = 3.4028235677973366e38

--- Up to this number, every integer is a double of its own, so a float has lost no digits.
M.EXACT_MAX = 2^53 - 1

--- The largest seed: an unsigned 64-bit integer.
M.SEED_MAX = "18446744073709551615"

local describe = checks.describe
local integer_type = rawget(math, "type") or function () return nil end

-- Does the same as `checks.integral` without its calls, because most calls of a client have an
-- integer among their parameters.
local function is_integral (value)
  return type(value) == "number" and value % 1 == 0 and value - value == 0
end

local function wrong (name, wanted, value, hint)
  local text = ("`%s` must be %s, got %s"):format(name, wanted, describe(value))
  return nil, hint and text .. "; " .. hint or text
end

--- Rounds a number to a 32-bit float, as the router does. Multiplying by 2^29 + 1 and subtracting
-- leaves the upper 24 of 53 bits, rounded. Numbers below the smallest normal float are rounded to
-- multiples of 2^-149.
-- @tparam number value its absolute value must be below `SINGLE_LIMIT`
-- @treturn number
function M.to_single (value)
  if value > -2^-126 and value < 2^-126 then
    local steps = value / 2^-149
    if steps >= 0 then return (steps + 2^52 - 2^52) * 2^-149 end
    return (steps - 2^52 + 2^52) * 2^-149
  end
  if value > M.SINGLE_MAX then return M.SINGLE_MAX end
  if value < -M.SINGLE_MAX then return -M.SINGLE_MAX end
  local shifted = value * (2^29 + 1)
  return shifted - (shifted - value)
end

--- Checks an adapter id: UTF-8 text without control characters. The router copies it into a
-- response header, and its process ends when the value contains a control character.
function M.identifier (value, name)
  if type(value) ~= "string" then return wrong(name, "a string", value) end
  local control = checks.control(value)
  if control then
    local hint = value:find("[\r\n]$") and " (a newline at the end often comes from a file)" or ""
    return nil, ("`%s` must not contain control characters, got %s%s; strip it")
      :format(name, control, hint)
  end
  local valid, at = utf8.valid(value)
  if not valid then
    return nil, ("`%s` must be valid UTF-8, got byte 0x%02x at position %d")
      :format(name, value:byte(at), at)
  end
  return value
end

--- Checks that a value is one of a few names. Case does not matter unless the rule has `exact`.
function M.choice (value, name, rule)
  local wanted = "one of " .. table.concat(rule.choices, ", ")
  if type(value) ~= "string" then return wrong(name, wanted, value) end
  local wished = rule.exact and value or value:lower()
  for _, choice in ipairs(rule.choices) do
    if choice == wished then return value end
  end
  local near = names.nearest(value, rule.choices)
  return wrong(name, wanted, value, near and ('did you mean "%s"?'):format(near))
end

--- Checks the token for the repository of an adapter. An empty token is valid: it stops the server
-- from using the token of the request. No message contains the value.
function M.token (value, name)
  if type(value) ~= "string" then
    return nil, ("`%s` must be a string, got a %s"):format(name, type(value))
  end
  local problem = value ~= "" and checks.token(value)
  if problem then return nil, ("`%s` %s"):format(name, problem) end
  return value
end

--- Checks a boolean. Words such as `"true"` are refused, as the router refuses them.
function M.boolean (value, name)
  if type(value) ~= "boolean" then return wrong(name, "a boolean", value) end
  return value
end

--- Checks a number, which must be finite as a 32-bit float.
function M.single (value, name)
  if type(value) ~= "number" then return wrong(name, "a number", value) end
  if value - value ~= 0 then return wrong(name, "a finite number", value) end
  if value >= M.SINGLE_LIMIT or value <= -M.SINGLE_LIMIT then
    return wrong(name, "a number that fits a 32-bit float (at most 3.4e38)", value)
  end
  return value
end

--- Checks an integer against the router's integer type. `min` is set only where the router has no
-- message of its own; other lower limits are in the ranges of `predibase.params`.
function M.integer (value, name, rule)
  if not is_integral(value) then
    return wrong(name, "an integer", value)
  end
  if rule.min and value < rule.min then
    return wrong(name, ("an integer >= %d"):format(rule.min), value)
  end
  if value > rule.max then
    return wrong(name, ("an integer <= %.0f"):format(rule.max), value)
  end
  return json.integer(value + 0)              -- + 0 turns -0 into 0, which is an integer
end

--- Checks an unsigned 64-bit integer: an integer, a float that is certainly exact, or a string of
-- decimal digits.
function M.seed (value, name)
  local wanted = "an integer from 0 to " .. M.SEED_MAX
  if type(value) == "string" then
    local digits = value:match("^0*(%d+)$")
    if not digits or #digits > #M.SEED_MAX or #digits == #M.SEED_MAX and digits > M.SEED_MAX then
      return wrong(name, wanted, value)
    end
    return json.raw(digits)
  end
  if not is_integral(value) or value < 0 then return wrong(name, wanted, value) end
  if integer_type(value) ~= "integer" and value > M.EXACT_MAX then
    return wrong(name, wanted, value,
      "a float above 2^53 - 1 may have lost digits, write the seed as a string")
  end
  return json.integer(value + 0)
end

--- Checks an array of non-empty UTF-8 strings. Where the rule has the field `single`, one string
-- stands for an array of one.
function M.strings (value, name, rule)
  if type(value) == "string" and rule and rule.single then value = { value } end
  if type(value) == "string" then
    return wrong(name, "an array of strings", value,
      ("write %s = { %s }"):format(name, #value <= checks.SHOWN and ("%q"):format(value) or "…"))
  end
  if type(value) ~= "table" then return wrong(name, "an array of strings", value) end
  local count, problem = checks.array(value)
  if not count then
    return nil, ("`%s` must be an array of strings; the table given %s"):format(name, problem)
  end
  local copy = {}
  for i = 1, count do
    local text = rawget(value, i)
    local entry = ("%s[%d]"):format(name, i)
    if type(text) ~= "string" then return wrong(entry, "a string", text) end
    if text == "" then
      return nil, ("`%s` must not be empty: it would end every answer at its first token")
        :format(entry)
    end
    local valid, at = utf8.valid(text)
    if not valid then
      return nil, ("`%s` must be valid UTF-8, got byte 0x%02x at position %d")
        :format(entry, text:byte(at), at)
    end
    copy[i] = text
  end
  return json.array(copy)
end

-- `merged_adapters` (LoRAX `AdapterParameters`).

--- Values of `merged_adapters.merge_strategy`. The router's process ends on any other value.
local MERGE_STRATEGIES = { "linear", "ties", "dare_linear", "dare_ties" }

--- Values of `merged_adapters.majority_sign_method`. The router's process ends on any other value.
local SIGN_METHODS = { "total", "frequency" }

local ADAPTER_FIELDS = {
  ids = true, weights = true, merge_strategy = true, density = true, majority_sign_method = true,
}

local function count_entries (value, name, wanted)
  if type(value) ~= "table" then
    return nil, ("`%s` must be an array of %s, got %s")
      :format(name, wanted, checks.describe(value))
  end
  local count, problem = checks.array(value)
  if count then return count end
  return nil, ("`%s` must be an array of %s; the table given %s"):format(name, wanted, problem)
end

local function ids_of (value, name)
  local count, problem = count_entries(value, name, "adapter ids")
  if not count then return nil, problem end
  local ids = {}
  for i = 1, count do
    local id
    id, problem = M.identifier(rawget(value, i), ("%s[%d]"):format(name, i))
    if not id then return nil, problem end
    if id == "" then return nil, ("`%s[%d]` must not be empty"):format(name, i) end
    ids[i] = id
  end
  return ids
end

local function weights_of (value, name)
  local count, problem = count_entries(value, name, "numbers")
  if not count then return nil, problem end
  local weights = {}
  for i = 1, count do
    local weight
    weight, problem = M.single(rawget(value, i), ("%s[%d]"):format(name, i))
    if not weight then return nil, problem end
    weights[i] = weight
  end
  return weights
end

--- Checks a value of `merged_adapters`. Raises for a field that does not exist.
-- @param value `{ ids, weights, merge_strategy, density, majority_sign_method }`
-- @tparam string name its name for error messages
-- @tparam table _ the rule, unused
-- @treturn[1] table ordered object for `predibase.json`
-- @treturn[2] nil
-- @treturn[2] string error text
function M.merged (value, name, _)
  if type(value) ~= "table" then
    return nil, ("`%s` must be a table with ids and weights, got %s")
      :format(name, checks.describe(value))
  end
  names.check(value, ADAPTER_FIELDS, "field of " .. name)
  local function field (key)
    local given = rawget(value, key)
    if given ~= json.null then return given end
  end

  local ids, weights, problem
  ids, problem = ids_of(field("ids") or {}, name .. ".ids")
  if not ids then return nil, problem end
  weights, problem = weights_of(field("weights") or {}, name .. ".weights")
  if not weights then return nil, problem end
  if #ids == 0 then
    return nil, "at least one adapter ID must be provided when setting `adapters`"
  elseif #ids ~= #weights then
    return nil, "number of adapter IDs must match number of adapter weights"
  end

  local object = { { "ids", json.array(ids) }, { "weights", json.array(weights) } }
  local function add (key, check, rule)
    local given = field(key)
    if problem or given == nil then return end
    local checked
    checked, problem = check(given, name .. "." .. key, rule)
    object[#object + 1] = { key, checked }
  end
  add("merge_strategy", M.choice, { choices = MERGE_STRATEGIES })
  add("density", M.single)
  add("majority_sign_method", M.choice, { choices = SIGN_METHODS })
  if problem then return nil, problem end

  local density = field("density")
  if density and (density < 0 or density > 1) then
    return nil, ("`%s.density` must be >= 0.0 and <= 1.0, got %s")
      :format(name, checks.number(density))
  end
  return json.object(object)
end

-- `response_format` and `extra` contain any JSON of the caller. It is encoded immediately, so that
-- a function, a cycle or NaN in it is found before a request is sent, and later changes of the
-- caller's table have no effect.

--- Checks a value of `response_format`, see `predibase.response_format`.
function M.format (value, name)
  return formats.flat(value, name)
end

--- Tells why the server cannot make a grammar from a checked `response_format`.
function M.grammar_problem (object)
  return formats.grammar_problem(object)
end

--- Checks `extra`, the fields that this library does not know: `{ field = value }`, any JSON value.
-- @param extra the value that the caller gave
-- @tparam table known set of the parameters that this library knows
-- @tparam ?table reserved array of the fields that the route writes itself
-- @treturn[1] table array of `{ name, value }` sorted by name
-- @treturn[2] nil
-- @treturn[2] string error text
function M.extra (extra, known, reserved)
  if type(extra) ~= "table" then
    return nil, ("`extra` must be a table of field = value, got %s")
      :format(checks.describe(extra))
  end
  local fields = {}
  extra = json.fields(extra)
  for _, name in ipairs(reserved or {}) do
    if extra[name] ~= nil then
      return nil, ("`extra.%s` is a field that the method writes itself"):format(name)
    end
  end
  for key, value in next, extra do
    if type(key) ~= "string" or key == "" then
      return nil, ("`extra` must have the names of fields as keys, got %s")
        :format(checks.describe(key))
    end
    local shown = errors.excerpt(key, checks.SHOWN)
    if known[key] then
      return nil, ("`extra.%s` is a known parameter; write %s = … outside `extra`")
        :format(shown, shown)
    end
    local text, problem = json.encode(value)
    if not text then return nil, ("`extra.%s`: %s"):format(shown, problem) end
    if not json.encode(key) then
      return nil, ("`extra.%s` must have a name that is valid UTF-8"):format(shown)
    end
    fields[#fields + 1] = { key, json.raw(text) }
  end
  table.sort(fields, function (a, b) return a[1] < b[1] end)
  return fields
end

return M
