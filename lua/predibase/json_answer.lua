-- SPDX-License-Identifier: MIT
--- Asks for answers in JSON and reads their value (`generate_json`, `chat_completion_json`).
--
-- A route of such a method is made from the route of the method that returns text. It accepts the
-- option `schema` in addition, and `details` is true by default, because only the details contain
-- the reason why the model ended.
-- @module predibase.json_answer

local call = require "predibase.call"
local checks = require "predibase.value_checks"
local config = require "predibase.config"
local errors = require "predibase.errors"
local formats = require "predibase.response_format"
local generate = require "predibase.generate"
local json = require "predibase.json"
local request = require "predibase.request"
local template = require "predibase.template"
local usage = require "predibase.usage"
local validators = require "predibase.validator"

local M = {}

-- The schema of an answer for which the program gave none.
local ANY_OBJECT = '{"type":"object"}'

-- Types of the top level of an answer. Others would be Lua values that may be false or nil.
local TOP = { object = true, array = true }

--- The options of `client:generate_json`. Without `schema` and `response_format` the answer is any
-- JSON object.
-- @table GenerateJsonOptions
-- @extends GenerateParameters, TextOptions, CallOptions
-- @tfield ?string|table schema a JSON schema for an object or a list: JSON text, a table, or a
-- value of `predibase.template.ordered`

--- The options of `client:chat_completion_json`.
-- @table ChatJsonOptions
-- @extends ChatParameters, TextOptions, CallOptions
-- @tfield ?string|table schema as for `client:generate_json`

-- Values.

--- Returns the value in a text if it fits a schema. On failure returns nil, path and reason.
local function value_in (text, validator)
  local value, problem = template.ordered.decode(text)
  if value == nil then return nil, "$", "is not JSON: " .. problem end
  if not json.is_object(value) and not json.is_array(value) then
    return nil, "$", "must be an object or a list, got " .. checks.describe(value)
  end
  local ok, path, reason = validator:check(value)
  if not ok then return nil, path, reason end
  return json.plain(value, true)
end

--- Reads the value of an answer. A text that is JSON and fits the schema is a success, whatever
-- `finish_reason` says. White space around the value is accepted, other text is not.
-- @tparam table result with `text` and `finish_reason`, of any method that returns text
-- @tparam table validator of `predibase.validator`
-- @treturn[1] table the value, an object or a list; members of objects that are null are left out,
-- null in a list is `json.null`, and integers that a number cannot hold are strings of digits
-- @treturn[1] table the result
-- @treturn[2] nil
-- @treturn[2] table an error with `partial_text` (the whole text of the answer), `path` and
-- `reason`: of kind `incomplete_generation` when the answer reached its limit of tokens, otherwise
-- `protocol`; never retryable, because the same request would end in the same way
function M.read (result, validator)
  local text = result.text
  local value, path, reason = value_in(text, validator)
  if value ~= nil then return value, result end
  local cut = result.finish_reason == "length"
  local message = ("the answer does not fit the schema: %s %s"):format(path, reason)
  if cut then
    message = ("the answer reached its limit of tokens before its JSON was complete: %s %s")
      :format(path, reason)
  end
  return nil, errors.new {
    kind = cut and "incomplete_generation" or "protocol", phase = "response", retryable = false,
    message = message, path = path, reason = reason, partial_text = text,
    tokens = result.usage and result.usage.completion_tokens, status = result.status,
    headers = result.headers, attempts = result.attempts, request_id = result.request_id,
    trace_id = result.trace_id,
  }
end

-- Routes.

--- Checks the options of a call before its plan is made.
-- @param options anything
-- @tparam string name the name of the method, for messages
-- @raise when `schema` and `response_format` are both given
function M.check_options (options, name)
  if type(options) ~= "table" then return end
  local schema, format = rawget(options, "schema"), rawget(options, "response_format")
  if schema ~= nil and schema ~= json.null and format ~= nil and format ~= json.null then
    usage.fail(("%s takes schema or response_format, not both"):format(name))
  end
end

--- Makes the parameters of the route that returns text. Returns nil and a message when the schema
-- is not valid.
local function parameters_of (base, client, given)
  local parameters = {}
  for name, value in next, given or {} do
    if value ~= json.null then parameters[name] = value end
  end
  local schema = parameters.schema
  parameters.schema = nil
  if schema ~= nil then
    local problem
    parameters.response_format, problem = formats.of_schema(schema, "schema")
    if problem then return nil, problem end
  elseif parameters.response_format == nil then
    local default = config.defaults(client.cfg).response_format
    if default == nil or default == json.null then
      parameters.response_format = { type = "json_object" }
    end
  end
  if base.names.details and parameters.details == nil then parameters.details = true end
  -- Removes a default of the client, which would put the prompt before the answer.
  if base.names.return_full_text then parameters.return_full_text = json.null end
  return parameters
end

local function is_value (value)
  return type(value) == "table" and not json.literal(value)
end

--- Finds the keyword of a schema that allows a value other than an object or a list. Returns its
-- name and that value; nil when there is none.
local function scalar_keyword (root)
  if #root == 0 then return "type", nil end         -- {} allows any value
  for _, kind in ipairs(json.is_array(root.type) and root.type or { root.type }) do
    if not TOP[kind] then return "type", kind end
  end
  for _, value in ipairs(json.is_array(root.enum) and root.enum or {}) do
    if not is_value(value) then return "enum", value end
  end
  if root.const ~= nil and not is_value(root.const) then return "const", root.const end
end

--- Makes the validator of a plan from its format. Returns nil, or what is wrong.
local function add_validator (plan)
  local kind, text, path = formats.demand(plan.response_format)
  if kind == "text" then return '`response_format.type` "text" asks for no JSON' end
  plan.validator = validators.new(text or ANY_OBJECT)
  local name, value = scalar_keyword(plan.validator.root)
  if name == nil then return nil end
  if name == "type" then
    return ('`%s.type` must be "object" or "array", because it is that of the whole answer, got %s')
      :format(path, checks.describe(value))
  end
  return ("`%s.%s` must contain objects and lists only, because the whole answer is one of them, "
    .. "got %s; write it as a property of an object"):format(path, name, checks.describe(value))
end

--- Makes the route of a method that returns a value.
-- @tparam table base the route of the method that returns text; its `write` sets
-- `plan.response_format` to the checked value of that parameter
-- @tparam string name the name of the method
-- @treturn table
function M.route (base, name)
  local route = {}
  for field, value in pairs(base) do route[field] = value end
  route.name = name
  route.names = request.union(base.names, { schema = true })
  route.names.return_full_text, route.names.stop_on_server, route.streamed = nil, nil, nil
  route.reasons = { return_full_text = "it would put the prompt before the JSON" }
  for option, reason in pairs(base.reasons or {}) do route.reasons[option] = reason end
  route.write = function (plan, client, given)
    local parameters, problem = parameters_of(base, client, given)
    if parameters and parameters.tools ~= nil and client.cfg.server == "openai" then
      return select(2, request.refuse("`tools` cannot be combined with a schema: a call of a tool "
        .. "would come in place of the JSON; use chat_completion"))
    end
    local err = parameters and base.write(plan, client, parameters)
    problem = problem or not err and add_validator(plan)
    if problem then return select(2, request.refuse(problem)) end
    return err
  end
  return route
end

--- The route of `generate_json`.
M.GENERATE = M.route(generate.ROUTE, "generate_json")

local chat

--- Returns the route of `chat_completion_json`. It is made when it is first needed, because many
-- programs never need its module.
-- @treturn table
function M.chat ()
  chat = chat or M.route(require "predibase.chat_completion".ROUTE, "chat_completion_json")
  return chat
end

--- Makes a call and reads its value.
-- @tparam table client as for `call.run`
-- @param input as for `call.run`
-- @tparam ?table plan of a route that `route` made
-- @tparam ?table refusal as for `call.run`
-- @tparam ?function on_error as for `call.run`
-- @treturn[1] table the value
-- @treturn[1] table the result
-- @treturn[2] nil
-- @treturn[2] table the error
function M.run (client, input, plan, refusal, on_error)
  local result, err = call.run(client, input, plan, refusal, on_error)
  if not result then return nil, err end
  local value, more = M.read(result, plan.validator)
  if value == nil then return call.report(client, more, plan.settings.hooks.on_error) end
  return value, more
end

return M
