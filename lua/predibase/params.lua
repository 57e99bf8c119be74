-- SPDX-License-Identifier: MIT
--- Checks the parameters of a call before a request is sent, with the router's own error messages,
-- and puts them in a fixed order.
--
-- The parameters of a route are a set, which `define` makes. This module contains the set of LoRAX
-- `/generate` and `/generate_stream`, which is also that of the client's defaults.
-- @module predibase.params

local lazy = require "predibase.lazy"
local errors = require "predibase.errors"
local json = require "predibase.json"
local kinds = lazy "predibase.params.kinds"
local names = lazy "predibase.option_names"
local usage = require "predibase.usage"

local M = {}

--- The source of adapters trained by Predibase, used when `adapter_source` is not given.
M.DEFAULT_SOURCE = "pbase"

--- The parameters of LoRAX /generate, see docs/parameters.md.
-- @table GenerateParameters
-- @tfield ?integer max_new_tokens most tokens of the answer, above 0 (default: up to the model's
-- limit)
-- @tfield ?number temperature 0 or more; 0 always takes the most likely token (default 1)
-- @tfield ?integer top_k above 0: only the so many most likely tokens (default off)
-- @tfield ?number top_p above 0, at most 1 (default 1)
-- @tfield ?number typical_p above 0, below 1 (default off)
-- @tfield ?boolean do_sample also enabled by a temperature other than 0 and 1, by `top_k`, `top_p`
-- or `typical_p` (default false)
-- @tfield ?integer|string seed 0 to 2^64 - 1, or its decimal digits (default random)
-- @tfield ?number repetition_penalty above 0 (default 1)
-- @tfield ?number repitition_penalty the spelling of Predibase's documentation
-- @tfield ?number frequency_penalty -2 to 2 (default 0)
-- @tfield ?number presence_penalty -2 to 2 (default 0)
-- @tfield ?string|string[] stop the sequences at which the server stops
-- @tfield ?boolean ignore_eos_token go on after the end-of-sequence token (default false)
-- @tfield ?integer best_of make so many answers and return the most likely one (default 1)
-- @tfield ?boolean details return details of the answer (default false; true for streams)
-- @tfield ?boolean decoder_input_details return the tokens of the prompt; not for streams (default
-- false)
-- @tfield ?integer return_k_alternatives so many alternatives for each token, above 0 (default off)
-- @tfield ?integer truncate read only the last so many tokens of the prompt, above 0 (default off)
-- @tfield ?boolean watermark mark the text as generated (default false)
-- @tfield ?string adapter_id `repo/version` at Predibase (default: the base model)
-- @tfield ?"pbase"|"hub"|"local"|"s3" adapter_source where the adapter is (default `"pbase"`)
-- @tfield ?MergedAdapters merged_adapters several adapters in place of one
-- @tfield ?string api_token for private adapters of the hub
-- @tfield ?boolean apply_chat_template LoRAX accepts and ignores it (default false)
-- @tfield ?ResponseFormat response_format the form of the answer (default: free text)
-- @tfield ?table<string,any> extra further fields of the request, for parameters that the library
-- does not know

--- The parameters that a client sends with every call.
-- @table ClientDefaults
-- @extends GenerateParameters
-- @tfield ?boolean return_full_text put the prompt before the generated text (default false)

--- Several adapters in place of one.
-- @table MergedAdapters
-- @tfield string[] ids the adapters
-- @tfield ?number[] weights of each adapter
-- @tfield ?"linear"|"ties"|"dare_linear"|"dare_ties" merge_strategy how they are merged (default
-- `"linear"`)
-- @tfield ?number density 0 to 1
-- @tfield ?"total"|"frequency" majority_sign_method for `"ties"` and `"dare_ties"`

--- The form of an answer: JSON that fits a schema.
-- @table ResponseFormat
-- @tfield "json_object"|"json_schema" type `"json_schema"` is OpenAI's form
-- @tfield ?string|table|boolean schema with `"json_object"`: the schema, as JSON text or as a table
-- @tfield ?table json_schema with `"json_schema"`: `{ name =, schema = }`

--- Every parameter of /generate, in the order of sending. `kind` names a function of
-- `predibase.params.kinds`; a function `check` does the same for a kind that only one route has;
-- `max` is the largest value of the router's integer type.
M.list = {
  { name = "adapter_id", kind = "identifier" },
  { name = "adapter_source", kind = "choice", choices = { "hub", "local", "s3", "pbase" } },
  { name = "merged_adapters", kind = "merged" },
  { name = "api_token", kind = "token" },
  { name = "best_of", kind = "integer", min = 0, max = 2^53 - 1 },             -- usize
  { name = "temperature", kind = "single" },
  { name = "repetition_penalty", kind = "single" },
  { name = "frequency_penalty", kind = "single" },
  { name = "presence_penalty", kind = "single" },
  { name = "top_k", kind = "integer", max = 2^31 - 1 },                        -- i32
  { name = "top_p", kind = "single" },
  { name = "typical_p", kind = "single" },
  { name = "do_sample", kind = "boolean" },
  { name = "max_new_tokens", kind = "integer", max = 2^32 - 1 },               -- u32
  { name = "ignore_eos_token", kind = "boolean" },
  { name = "return_full_text", kind = "boolean" },
  { name = "stop", kind = "strings", single = true },
  { name = "truncate", kind = "integer", max = 2^53 - 1 },                     -- usize
  { name = "watermark", kind = "boolean" },
  { name = "details", kind = "boolean" },
  { name = "decoder_input_details", kind = "boolean" },
  { name = "return_k_alternatives", kind = "integer", max = 2^31 - 1 },        -- i32
  { name = "apply_chat_template", kind = "boolean" },
  { name = "seed", kind = "seed" },
  { name = "response_format", kind = "format" },
}

--- The ranges of the parameters of /generate, in the order in which the router checks them. A value
-- is out of range when it is below `min`, at or below `above`, above `max`, or at or above `below`.
-- The router accepts `top_p = 1`, although its message says otherwise.
M.ranges = {
  { name = "temperature", min = 0, text = "`temperature` must be non-negative" },
  { name = "repetition_penalty", above = 0,
    text = "`repetition_penalty` must be strictly positive" },
  { name = "frequency_penalty", min = -2, max = 2,
    text = "`frequency_penalty` must be >= -2.0 and <= 2.0" },
  { name = "presence_penalty", min = -2, max = 2,
    text = "`presence_penalty` must be >= -2.0 and <= 2.0" },
  { name = "top_p", above = 0, max = 1, text = "`top_p` must be > 0.0 and < 1.0" },
  { name = "typical_p", above = 0, below = 1, text = "`typical_p` must be > 0.0 and < 1.0" },
  { name = "top_k", above = 0, text = "`top_k` must be strictly positive" },
  { name = "return_k_alternatives", above = 0,
    text = "`return_k_alternatives` must be strictly positive" },
  { name = "max_new_tokens", above = 0, text = "`max_new_tokens` must be strictly positive" },
  { name = "truncate", above = 0, text = "`truncate` must be strictly positive" },
}

--- The misspelling in Predibase's documentation and the name that the router knows.
M.misspelt = { repitition_penalty = "repetition_penalty" }

--- Makes a set of parameters.
-- @tparam table spec `list` (array of entries like those of `list` in this module, in the order of
-- sending), `ranges` (like those of this module), `aliases` (other name -> name), `others` (array
-- of options of the route that are read elsewhere), `reserved` (array of fields of the body that
-- the route writes itself; neither may be in `extra`), and functions, each of which may be missing:
-- `before` and `after` take the checked values and the context of `read`, and return what is wrong,
-- before and after the ranges are checked; `complete` takes the checked values, a function that
-- adds a parameter, and the context
-- @treturn table the set: the fields of `spec`, and `names`, the set of all names that a caller may
-- use, including the aliases and `extra`
function M.define (spec)
  local set = { aliases = {}, ranges = {}, names = { extra = true }, known = {}, position = {},
    range_of = {} }
  for field, value in pairs(spec) do set[field] = value end
  for i, rule in ipairs(set.list) do
    set.known[rule.name], set.position[rule.name] = true, i
  end
  for alias in pairs(set.aliases) do set.known[alias] = true end
  for _, name in ipairs(set.others or {}) do set.known[name] = true end
  for name in pairs(set.known) do set.names[name] = true end
  for _, range in ipairs(set.ranges) do set.range_of[range.name] = range end
  return set
end

local function refusal (text)
  return nil, errors.new {
    kind = "validation", error_type = "validation", phase = "request",
    message = "Input validation error: " .. text,
  }
end

local FREE = { extra = true, response_format = true, tools = true }

--- Returns the given parameters by their correct names, and their positions in the order of
-- sending. Null means not given, because the router accepts null for some parameters only.
local function given (set, parameters)
  local found, order = {}, {}
  for key, value in next, parameters do
    if value ~= json.null then
      local right = set.aliases[key]
      local other = right and rawget(parameters, right)
      if right and other == nil then other = found[right] end
      if right and other ~= nil and other ~= json.null then
        return nil, ("`%s` is given twice, also as `%s`"):format(right, key)
      end
      local name = right or key
      -- `predibase.params.kinds` reads the parameters in FREE, which may contain any JSON.
      found[name] = type(value) == "table" and not FREE[name] and json.plain(value) or value
      order[#order + 1] = set.position[name]  -- nil for `extra`
    end
  end
  table.sort(order)
  return found, order
end

local function out_of_range (range, value)
  return range.min and value < range.min or range.above and value <= range.above
    or range.max and value > range.max or range.below and value >= range.below
end

local function range_problem (set, values)
  for _, range in ipairs(set.ranges) do
    local value = values[range.name]
    if value and out_of_range(range, kinds.to_single(value)) then return range.text end
  end
end

--- Finds the mistakes that the router reports before it checks ranges.
local function conflict (values, context)
  if context.stream then
    if values.best_of and values.best_of ~= 1 then
      return "`best_of` != 1 is not supported when streaming tokens"
    elseif values.decoder_input_details then
      return "`decoder_input_details` == true is not supported when streaming tokens"
    end
  end
  if values.merged_adapters and values.adapter_id then
    return "at most one of `adapter_id` or `adapters` may be provided"
  end
  local sampling = values.do_sample or values.temperature or values.top_k or values.top_p
    or values.typical_p
  if (values.best_of or 1) > 1 and not sampling then
    return "you must use sampling when `best_of` is > 1"
  end
end

--- Checks each value in the order of sending. The second result tells whether one is out of range.
local function check_kinds (set, values, order)
  local checked, strayed = {}, false
  for i = 1, #order do
    local rule = set.list[order[i]]
    local name = rule.name
    local good, problem = (rule.check or kinds[rule.kind])(values[name], name, rule)
    if good == nil then return nil, problem end
    checked[name] = good
    local range = set.range_of[name]
    if range and out_of_range(range, kinds.to_single(good)) then strayed = true end
  end
  return checked, strayed
end

local function problem_of (set, values, strayed, context)
  local whole = not context.partial
  return whole and set.before and set.before(values, context)
    or strayed and context.server ~= "openai" and range_problem(set, values)
    or values.response_format and context.check_schema ~= false
      and kinds.grammar_problem(values.response_format)
    or whole and set.after and set.after(values, context)
    or nil
end

--- Adds the source of an adapter, and the token of the hub, when the caller leaves them out.
-- @tparam table checked name -> value
-- @tparam function add adds a parameter
function M.complete_adapter (checked, add)
  if checked.adapter_id and checked.adapter_id ~= "" and not checked.adapter_source then
    add("adapter_source", M.DEFAULT_SOURCE)
  end
  local has_adapter = checked.adapter_id and checked.adapter_id ~= "" or checked.merged_adapters
  if has_adapter and (checked.adapter_source or ""):lower() == "hub"
    and checked.api_token == nil then
    -- Without this the router would use the token of the request, which is Predibase's, to download
    -- the adapter from the hub.
    add("api_token", "")
  end
end

--- The parameters of LoRAX /generate and /generate_stream. In a stream, `details` is true by
-- default, because only the details contain token counts.
M.generate = M.define {
  list = M.list, ranges = M.ranges, aliases = M.misspelt, before = conflict,
  after = function (values)
    return (values.best_of or 1) > 1 and values.seed ~= nil
      and "`seed` must not be set when `best_of` > 1"
  end,
  complete = function (checked, add, context)
    M.complete_adapter(checked, add)
    if context.stream and checked.details == nil then add("details", true) end
  end,
}

--- Set of the names of the parameters of /generate, including the misspelling and `extra`.
M.names = M.generate.names

--- Adds the parameters that get a default value when the caller leaves them out.
local function complete (set, checked, order, context)
  if not set.complete then return end
  local added = #order
  set.complete(checked, function (name, value)
    checked[name], order[#order + 1] = value, set.position[name]
  end, context)
  if #order > added then table.sort(order) end
end

--- Checks parameters and puts them in the order of sending. Their names must have been checked.
-- Raises for an unknown field of `merged_adapters` or `response_format`.
-- @tparam table parameters name -> value, not changed; `json.null` means not given
-- @tparam table context `stream` (boolean): the parameters are for a stream; `check_schema`
-- (boolean): false skips `predibase.schema`, which refuses schemas that the server cannot turn into
-- a grammar; `partial` (boolean): the parameters are defaults to which a call will add others, so
-- rules for combinations are not checked; `server`: `"openai"` leaves the ranges of LoRAX out
-- @tparam[opt] table set the parameters of a route; those of /generate by default
-- @treturn[1] table array of `{ name, value }`, for `predibase.json.object`
-- @treturn[2] nil
-- @treturn[2] Error error of kind `validation`
function M.read (parameters, context, set)
  set = set or M.generate
  local values, order = given(set, parameters)
  if not values then return refusal(order) end
  local checked, strayed = check_kinds(set, values, order)
  if not checked then return refusal(strayed) end
  local problem = problem_of(set, checked, strayed, context)
  if problem then return refusal(problem) end
  local fields
  if values.extra ~= nil then
    fields, problem = kinds.extra(values.extra, set.known, set.reserved)
    if not fields then return refusal(problem) end
  end

  complete(set, checked, order, context)
  local list = {}
  for i = 1, #order do
    local name = set.list[order[i]].name
    list[i] = { name, checked[name] }
  end
  for _, field in ipairs(fields or {}) do list[#list + 1] = field end
  return list
end

--- Checks parameters and their names, and puts them in the order of sending. Raises for an unknown
-- name.
-- @tparam ?table parameters as for `read`
-- @tparam ?table context as for `read`
-- @treturn[1] table as `read` returns it
-- @treturn[2] nil
-- @treturn[2] Error error of kind `validation`
function M.check (parameters, context)
  parameters = parameters or {}
  if type(parameters) ~= "table" then
    usage.fail("parameters must be a table, got a " .. type(parameters))
  end
  for name in next, parameters do
    if not M.names[name] then names.check(parameters, M.names, "parameter") end
  end
  return M.read(parameters, context or {})
end

-- Deeper tables stay what they are: the check of parameters refuses them.
local MAX_COPY_DEPTH = 200

local function copy (value, seen, depth)
  if type(value) ~= "table" or depth > MAX_COPY_DEPTH then return value end
  if seen[value] then return seen[value] end
  local twin, mark = {}, getmetatable(value)
  seen[value] = twin
  for key, inner in next, value do twin[key] = copy(inner, seen, depth + 1) end
  local marked = type(mark) == "table" and next(mark) == nil or json.is_object(value)
    or json.literal(value)
  if marked then setmetatable(twin, mark) end
  return twin
end

--- Makes a deep copy of a value, so that a later change of the caller's tables changes nothing.
-- Metatables with fields are dropped unread, except for the marks of `predibase.json`. Empty
-- metatables are kept: they may be marks of another JSON library.
-- @param value anything
-- @return the copy
function M.copy (value)
  return copy(value, {}, 1)
end

local OTHER_WAY = { adapter_id = "merged_adapters", merged_adapters = "adapter_id" }

--- Merges the parameters of a call with the client's defaults. A value of the call replaces the
-- whole default; `json.null` removes the default. `adapter_id` and `merged_adapters` replace each
-- other, too.
-- @tparam ?table defaults
-- @tparam ?table parameters
-- @tparam[opt] table set the parameters of a route; those of /generate by default
-- @treturn table a new table; its values are shared and must not be changed
function M.merge (defaults, parameters, set)
  local aliases, merged = (set or M.generate).aliases, {}
  for key, value in next, defaults or {} do
    local right = aliases[key]
    merged[right and rawget(defaults, right) == nil and right or key] = value
  end
  local taken = {}
  for key, value in next, parameters or {} do
    local name, right = key, aliases[key]
    -- If a table has several spellings, all are kept, so that `check` can refuse them.
    if right and rawget(parameters, right) == nil and not taken[right] then
      name, taken[right] = right, true
    end
    merged[name] = value
    -- A call names its adapter in one of two ways, which replaces a default of the other way.
    local other = value ~= json.null and OTHER_WAY[name]
    if other and rawget(parameters, other) == nil then merged[other] = nil end
  end
  return merged
end

return M
