-- SPDX-License-Identifier: MIT
--- Checks request bodies as the router does: the same fields, and the same order of checks. It
-- shares no code with the client's own checks, so that the two can be tested against each other.
-- @module predibase.mock.validation

local json = require "predibase.mock.router_json"

local M = {}

-- The kind of each field. A `?` means that the field may be null. `{ kind }` is a list of items of
-- that kind, and a table with `fields` is an object.
local ADAPTERS = {
  ids = { "string" }, weights = { "f32" }, merge_strategy = "string?", density = "f32",
  majority_sign_method = "string?",
}

local FORMAT = { type = "format", schema = "any?" }

local PARAMETERS = {
  adapter_id = "string?", adapter_source = "string?", api_token = "string?", best_of = "usize?",
  temperature = "f32?", repetition_penalty = "f32?", frequency_penalty = "f32?",
  presence_penalty = "f32?", top_k = "i32?", top_p = "f32?", typical_p = "f32?",
  do_sample = "boolean", max_new_tokens = "u32?", ignore_eos_token = "boolean",
  return_full_text = "boolean?", stop = { "string" }, truncate = "usize?", watermark = "boolean",
  details = "boolean", decoder_input_details = "boolean", return_k_alternatives = "i32?",
  apply_chat_template = "boolean", seed = "u64?",
  merged_adapters = { fields = ADAPTERS, optional = true, required = "ids" },
  response_format = { fields = FORMAT, optional = true, required = "type" },
}

-- The bodies by name: `generate`, `compat` (`/` and `/invocations`), `tokenize`.
local BODIES = {
  generate = { required = "inputs", fields = {
    inputs = "string", parameters = { fields = PARAMETERS } } },
  compat = { required = "inputs", fields = {
    inputs = "string", parameters = { fields = PARAMETERS }, stream = "boolean" } },
  tokenize = { required = "inputs", fields = {
    inputs = "string", add_special_tokens = "boolean?" } },
}

local FORMATS = { Text = true, text = true, JsonObject = true, json_object = true,
  JsonSchema = true, json_schema = true }

-- The largest integer of each kind, and the largest number after a minus sign where one is allowed.
local INTEGERS = {
  u32 = { "4294967295" }, i32 = { "2147483647", "2147483648" },
  usize = { "18446744073709551615" }, u64 = { "18446744073709551615" },
}

-- A missing `schema` means "any object"; `"schema": null` means no constraint at all.
local ANY_OBJECT = json.read '{"type":"object"}'

local function fail (path, message, status)
  if path ~= "" then message = path .. ": " .. message end
  error({ status = status or 422, message = message }, 0)
end

local function in_range (literal, kind)
  local sign, digits = literal:match("^(%-?)(%d+)$")
  local most = INTEGERS[kind][sign == "" and 1 or 2]
  return digits and most and (#digits < #most or (#digits == #most and digits <= most))
end

-- Returns the nearest 32-bit float (G. Veltkamp's splitting), or infinity beyond the largest one.
local function single (value)
  if math.abs(value) > 3.4028235677973e38 then return value > 0 and math.huge or -math.huge end
  if math.abs(value) < 1.4e-45 / 2 then return 0 end
  local factor = 536870913 * value          -- 2^29 + 1
  return factor - (factor - value)
end

local function read_text (value, path)
  return type(value) == "string" and value or fail(path, "expected a string")
end

local function boolean (value, path)
  if type(value) ~= "boolean" then fail(path, "expected a boolean") end
  return value
end

local function f32 (value, path)
  local literal = type(value) == "table" and value.literal or fail(path, "expected f32")
  return single(tonumber(literal))
end

local function any (value)
  return value
end

local function read_format (value, path)
  if type(value) ~= "string" then fail(path, "expected value", 400) end
  return FORMATS[value] and value or fail(path, ("unknown variant `%s`"):format(value))
end

local function integer (kind)
  return function (value, path)
    local literal = type(value) == "table" and value.literal
    if not literal or not in_range(literal, kind) then
      fail(path, "expected " .. kind)
    end
    return kind == "u64" and literal or tonumber(literal)
  end
end

local scalars = {
  string = read_text, boolean = boolean, f32 = f32, any = any, format = read_format,
}
for kind in pairs(INTEGERS) do scalars[kind] = integer(kind) end

local read_fields

local function read_one (kind, value, path)
  if type(kind) == "string" then
    local name, optional = kind:match("^(%w+)(%??)$")
    if value == json.null and optional == "?" then return nil end
    return scalars[name](value, path)
  elseif kind.fields then
    if value == json.null and kind.optional then return nil end
    return read_fields(kind, value, path)
  end
  if type(value) ~= "table" or not value.array then fail(path, "expected a sequence") end
  local out = {}
  for i, item in ipairs(value) do
    out[i] = read_one(kind[1], item, ("%s[%d]"):format(path, i - 1))
  end
  return out
end

-- Reads the fields of an object. Unknown fields are ignored; a known field may appear only once.
function read_fields (kind, value, path)
  if type(value) ~= "table" or not value.object then fail(path, "expected an object") end
  local out, prefix = {}, path == "" and "" or path .. "."
  for _, name in ipairs(value.keys) do
    local field = kind.fields[name]
    if field then out[name] = read_one(field, value.values[name], prefix .. name) end
  end
  if kind.fields[value.twice] then fail(path, ("duplicate field `%s`"):format(value.twice)) end
  if kind.required and value.values[kind.required] == nil then
    fail(path, ("missing field `%s`"):format(kind.required))
  end
  return out
end

local PREFIXES = {
  [400] = "Failed to parse the request body as JSON: ",
  [422] = "Failed to deserialize the JSON body into the target type: ",
}

-- Adds the router's defaults of missing fields.
local function complete (body, parameters)
  if not parameters then body.parameters = {} end
  local p = body.parameters
  p.stop = p.stop or {}
  if p.merged_adapters then p.merged_adapters.weights = p.merged_adapters.weights or {} end
  local format = p.response_format
  if format and parameters.values.response_format.values.schema == nil then
    format.schema = ANY_OBJECT
  end
end

--- Reads a request body. A refusal begins with the router's sentence; the details after it are
-- shorter than the router's.
-- @tparam string text
-- @tparam string name of a body: "generate", "compat" or "tokenize"
-- @treturn[1] table the fields by name
-- @treturn[2] nil
-- @treturn[2] number status of the refusal
-- @treturn[2] string its text
function M.read (text, name)
  local tree, place = json.read(text)
  if tree == nil then return nil, 400, PREFIXES[400] .. place end
  local ok, body = pcall(read_one, BODIES[name], tree, "")
  if ok then
    if name ~= "tokenize" then complete(body, tree.values.parameters) end
    return body
  end
  if type(body) ~= "table" then error(body, 0) end
  return nil, body.status, PREFIXES[body.status] .. body.message
end

local function outside (value, low, high)
  return value ~= nil and not (value >= low and value <= high)
end

--- Makes the checks that the router makes only for streams, before all others.
-- @tparam table p parameters
-- @treturn ?string
function M.stream_only (p)
  if (p.best_of or 1) ~= 1 then
    return "`best_of` != 1 is not supported when streaming tokens"
  end
  if p.decoder_input_details then
    return "`decoder_input_details` == true is not supported when streaming tokens"
  end
end

--- Checks the range of `best_of`, which the router does before it asks whether it is overloaded.
-- @tparam table p parameters
-- @tparam table limits `max_best_of`
-- @treturn ?string
function M.best_of (p, limits)
  local best_of = p.best_of or 1
  if best_of <= 1 then return nil end
  if limits.max_best_of == 1 then return "`best_of` != 1 is not allowed for this endpoint" end
  if best_of > limits.max_best_of then
    return ("`best_of` must be > 0 and <= %d. Given: %.0f"):format(limits.max_best_of, best_of)
  end
end

--- Tells whether tokens are sampled. Otherwise the most likely token is taken each time.
-- @tparam table p parameters
-- @treturn boolean
function M.samples (p)
  if p.temperature == 0 then return false end
  return p.do_sample or (p.temperature or 1) ~= 1 or p.top_k ~= nil or (p.top_p or 1) < 1
    or p.typical_p ~= nil
end

-- For `best_of` the router only checks that one of these is given, whatever its value.
local function asks_for_sampling (p)
  return p.do_sample or p.temperature or p.top_k or p.top_p or p.typical_p
end

-- Makes the checks in the router's order. Returns the message of the first that fails.
local function refusal (inputs, p, limits)
  local best_of = p.best_of or 1
  if p.merged_adapters then
    if p.adapter_id then return "at most one of `adapter_id` or `adapters` may be provided" end
    if #p.merged_adapters.ids == 0 then
      return "at least one adapter ID must be provided when setting `adapters`"
    end
    if #p.merged_adapters.ids ~= #p.merged_adapters.weights then
      return "number of adapter IDs must match number of adapter weights"
    end
  end
  if best_of > 1 and not asks_for_sampling(p) then
    return "you must use sampling when `best_of` is > 1"
  end
  if p.temperature and p.temperature < 0 then return "`temperature` must be non-negative" end
  if p.repetition_penalty and p.repetition_penalty <= 0 then
    return "`repetition_penalty` must be strictly positive"
  end
  if outside(p.frequency_penalty, -2, 2) then
    return "`frequency_penalty` must be >= -2.0 and <= 2.0"
  end
  if outside(p.presence_penalty, -2, 2) then
    return "`presence_penalty` must be >= -2.0 and <= 2.0"
  end
  if p.top_p and (p.top_p <= 0 or p.top_p > 1) then return "`top_p` must be > 0.0 and < 1.0" end
  if p.typical_p and (p.typical_p <= 0 or p.typical_p >= 1) then
    return "`typical_p` must be > 0.0 and < 1.0"
  end
  if p.top_k and p.top_k <= 0 then return "`top_k` must be strictly positive" end
  if p.return_k_alternatives and p.return_k_alternatives <= 0 then
    return "`return_k_alternatives` must be strictly positive"
  end
  if p.max_new_tokens == 0 then return "`max_new_tokens` must be strictly positive" end
  if #p.stop > limits.max_stop_sequences then
    return ("`stop` supports up to %d stop sequences. Given: %d")
      :format(limits.max_stop_sequences, #p.stop)
  end
  if best_of > 1 and p.seed then return "`seed` must not be set when `best_of` > 1" end
  if inputs == "" then return "`inputs` cannot be empty" end
end

--- Checks a request as the router does before it generates.
-- @tparam string inputs
-- @tparam table p parameters
-- @tparam table limits max_stop_sequences, max_input_length, max_total_tokens
-- @tparam function count returns the number of tokens of `inputs`, `<s>` included
-- @treturn[1] number of tokens of `inputs`
-- @treturn[2] nil
-- @treturn[2] string what is wrong, without the prefix `Input validation error: `
function M.check (inputs, p, limits, count)
  local wrong = refusal(inputs, p, limits)
  if wrong then return nil, wrong end
  local tokens = count(inputs)
  if p.max_new_tokens and tokens + p.max_new_tokens > limits.max_total_tokens then
    return nil, ("`inputs` tokens + `max_new_tokens` must be <= %d. Given: %d `inputs` tokens "
      .. "and %.0f `max_new_tokens`"):format(limits.max_total_tokens, tokens, p.max_new_tokens)
  end
  if tokens > limits.max_input_length then
    return nil, ("`inputs` must have less than %d tokens. Given: %d")
      :format(limits.max_input_length, tokens)
  end
  if p.truncate and (p.truncate == 0 or p.truncate > limits.max_input_length) then
    return nil, ("`truncate` must be strictly positive and less than %d. Given: %.0f")
      :format(limits.max_input_length, p.truncate)
  end
  return tokens
end

--- Tells whether a request ends the router's process. An unknown way to merge adapters does. A
-- control character in the id or source of an adapter does, too, because the router writes the id
-- and the source into response headers.
-- @tparam table p parameters
-- @treturn boolean
function M.panics (p)
  local merged = p.merged_adapters
  if merged then
    local strategy = (merged.merge_strategy or "linear"):lower()
    local method = (merged.majority_sign_method or "total"):lower()
    if not ({ linear = 1, ties = 1, dare_linear = 1, dare_ties = 1 })[strategy] then return true end
    if not ({ total = 1, frequency = 1 })[method] then return true end
  end
  local names = (p.adapter_id or "") .. (p.adapter_source or "")
  if merged then names = names .. table.concat(merged.ids) end
  return names:gsub("\t", ""):find("[%z\1-\31\127]") ~= nil
end

return M
