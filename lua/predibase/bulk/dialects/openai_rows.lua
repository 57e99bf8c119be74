-- SPDX-License-Identifier: MIT
--- Rows in the form of OpenAI's batches: `{ "custom_id", "method", "url", "body" }`.
--
-- The body is sent byte for byte as it stands in the row. Only the option `adapter_id` changes it:
-- its value takes the place of the value of `model`, and what a LoRAX server needs to find the
-- adapter is added at the end of the body. Everything between stays as it is.
-- @module predibase.bulk.dialects.openai_rows

local chat_completion = require "predibase.chat_completion"
local checks = require "predibase.value_checks"
local choices = require "predibase.choices"
local completion = require "predibase.completion"
local config = require "predibase.config"
local embed = require "predibase.embed"
local json = require "predibase.json"
local openai_api = require "predibase.openai_api"
local params = require "predibase.params"
local parts = require "predibase.parts"
local request = require "predibase.request"
local response = require "predibase.response"

local M = {}

local null = json.null

-- The parameters that name an adapter. Other parameters are in the rows.
local OF_ADAPTER = { adapter_id = true, adapter_source = true, api_token = true }

-- Options.

local function is_set (value)
  return value ~= nil and value ~= null
end

-- Every parameter of every route.
local PARAMETERS = request.union(params.names, chat_completion.parameters.names,
  completion.parameters.names, embed.parameters.names)

--- Returns the first parameter, in alphabetical order, that rows of this form bring themselves.
local function stray (options, with_adapter)
  local found
  for name, value in next, options or {} do
    local allowed = with_adapter and (OF_ADAPTER[name] or name == "model")
    if PARAMETERS[name] and not allowed and is_set(value) and (not found or name < found) then
      found = name
    end
  end
  return found
end

--- Finds a parameter that applies to all calls although rows of this form bring their own.
-- @tparam table defaults of the client
-- @tparam ?table options of all rows
-- @treturn ?string what is wrong
function M.options_problem (defaults, options)
  local all = params.merge(defaults, options)
  local name = stray(all, is_set(all.adapter_id) or is_set(all.model))
  if not name then return nil end
  local given = options and is_set(rawget(options, name))
  return ("%s is %s, but rows of the dialect openai bring their own parameters; only adapter_id "
    .. "can be set for all of them"):format(name,
    given and "an option of this run" or "a default of this client")
end

-- The body of a request.

local function clash (name)
  return request.refuse(("the body has `%s`, which cannot be combined with the option adapter_id")
    :format(name))
end

--- Writes the adapter into a body: in place of its model, and with the end of the plan.
local function with_adapter (plan, text)
  for _, name in ipairs(plan.added) do
    if json.member(text, name) then return clash(name) end
  end
  local value, first, last = json.member(text, "model")
  if value then
    text = text:sub(1, first - 1) .. plan.model .. text:sub(last + 1)
  else
    text = text:gsub("^%s*{", function (open) return open .. '"model":' .. plan.model .. "," end)
  end
  if plan.rest == "}" then return text end
  return text:match "^(.*)}%s*$" .. plan.rest
end

local function body (plan, input)
  if not plan.model then return input.text end
  return with_adapter(plan, input.text)
end

--- Prepares a plan for an adapter whose id is the model.
local function write_model (plan, client, given)
  local server = client.cfg.server
  local list, err = params.read(given, { server = server }, plan.route.params)
  if not list then return err end
  err = request.check_token(plan, client, given.api_token)
  if err then return err end
  local model, members = openai_api.members_of(plan, list, server)
  plan.model = json.text(model)
  for i, member in ipairs(members) do plan.added[i] = member[1] end
  plan.rest, err = request.rest_of_body(members)
  return err
end

--- Prepares a plan for embeddings with an adapter. LoRAX takes it from `parameters`.
local function write_embeddings (plan, client, given)
  if client.cfg.server == "openai" then
    return write_model(plan, client, given)
  end
  local err = embed.SEVERAL.write(plan, client, given)
  if err then return err end
  plan.model, plan.added[1] = json.text(given.adapter_id), "parameters"
end

--- Makes the function that prepares the plans of a route.
local function writer (write_adapter)
  return function (plan, client, given)
    local all = params.merge(config.defaults(client.cfg), given, chat_completion.parameters)
    plan.context = { server = client.cfg.server, forced = false }
    plan.rest, plan.added = "}", {}
    if not is_set(all.adapter_id) then return nil end
    local of_adapter = {}
    for name in next, OF_ADAPTER do of_adapter[name] = all[name] end
    return write_adapter(plan, client, of_adapter)
  end
end

-- Answers.

--- Makes a reader that keeps the body of the answer.
local function keeping (read)
  return function (reply, meta)
    local result, err = read(reply, meta)
    if not result then return nil, err end
    result.raw_body = reply.body
    return result
  end
end

--- Reads the answer to texts whose vectors were asked for as Base64, which stay in the body.
local function read_base64 (reply, meta)
  local object, err = response.object(reply, meta)
  if not object then return nil, err end
  local list, count = object.data, #meta.input.texts
  local problem, counts
  if type(list) ~= "table" or #list ~= count then
    problem = ("data is not an array of %d vectors"):format(count)
  end
  for i = 1, problem and 0 or count do
    if type(list[i]) ~= "table" or type(list[i].embedding) ~= "string" then
      problem = ("data[%d].embedding is not a string"):format(i)
      break
    end
  end
  if not problem then counts, problem = choices.usage(object) end
  if problem then return nil, response.error(reply, meta, "in the answer, " .. problem) end
  return parts.about(reply, meta, counts)
end

--- Reads vectors. The result has `embedding`, the vector of a text, or `embeddings`, an array.
local function read_vectors (reply, meta)
  local input = meta.input
  if input.is_base64 and (reply.body or ""):find('"embedding"%s*:%s*"') then
    return read_base64(reply, meta)
  end
  local result, err = embed.SEVERAL.read(reply, meta)
  if not result then return nil, err end
  if input.is_single then result.embedding = result.values[1]
  else result.embeddings = result.values end
  result.values = nil
  return result
end

-- Routes.

--- Makes the route that sends the bodies of rows. It accepts the options of calls, and the
-- parameters that name an adapter.
local function route_of (base, read, write_adapter)
  local names = { model = true }
  for name in pairs(base.names) do
    if config.call_names[name] then names[name] = true end
  end
  for name in pairs(OF_ADAPTER) do names[name] = true end
  return {
    name = base.name, path = base.path, accept = base.accept, names = names, params = base.params,
    body = body, keeps_input = true, read = keeping(read), write = writer(write_adapter),
  }
end

-- What is wrong with the input of a body, or nil.

local function messages_problem (object)
  local list = object.messages
  if type(list) ~= "table" or list[1] == nil then
    return ("`body.messages` must be an array with at least one message, got %s"):format(
      type(list) == "table" and next(list) == nil and "an empty one" or checks.describe(list))
  end
  for i = 1, #list do
    if type(list[i]) ~= "table" or type(list[i].role) ~= "string" then
      return ("`body.messages[%d]` must be an object with a role"):format(i)
    end
  end
end

local function text_problem (name)
  return function (object)
    local value = object[name]
    if type(value) == "string" then
      return value == "" and ("`body.%s` cannot be empty"):format(name) or nil
    end
    if type(value) == "table" and value[1] ~= nil then return nil end
    return ("`body.%s` must be a string, or an array with at least one entry, got %s"):format(name,
      type(value) == "table" and "an empty one" or checks.describe(value))
  end
end

-- Path -> `form`, `route` and `problem`.
local KINDS = {
  ["/v1/chat/completions"] = {
    form = "chat", problem = messages_problem,
    route = route_of(chat_completion.ROUTE, chat_completion.ROUTE.read, write_model),
  },
  ["/v1/completions"] = {
    form = "completion", problem = text_problem "prompt",
    route = route_of(completion.ROUTE, completion.ROUTE.read, write_model),
  },
  ["/v1/embeddings"] = {
    form = "embeddings", problem = text_problem "input",
    route = route_of(embed.SEVERAL, read_vectors, write_embeddings),
  },
}

--- Finds what a URL asks for: a path, or a whole URL that ends with that path.
local function kind_of (url)
  if KINDS[url] then return KINDS[url] end
  local path = url:match "^[hH][tT][tT][pP][sS]?://[^/?#]+(/[^?#]*)$"
  return path and KINDS[path:match "/v1/.*$" or ""]
end

-- Rows.

--- Returns the text of the body as it stands in the row. Returns nil and what is wrong.
local function body_text (record)
  local value = record.row.body
  local text = record.cells and value or record.raw and json.member(record.raw, "body")
  if not text then
    if type(value) ~= "table" then
      return nil, "`body` must be an object, got " .. checks.describe(value)
    end
    local problem
    text, problem = json.encode(value)
    if not text then return nil, "`body` cannot be written as JSON: " .. problem end
  end
  local ok, problem = json.check(text)
  if not ok then return nil, "`body` is not valid JSON: " .. problem end
  return text
end

--- Returns what is wrong with the body of a row, or nil.
local function body_problem (kind, object)
  if object.stream == true then
    return "`body.stream` is true, but the answers of a batch are no streams; leave it out"
  end
  if is_set(object.stream) and object.stream ~= false then
    return "`body.stream` must be a boolean, got " .. checks.describe(object.stream)
  end
  if is_set(object.model) and type(object.model) ~= "string" then
    return "`body.model` must be a string, got " .. checks.describe(object.model)
  end
  return kind.problem(object)
end

--- Returns the texts of an input of embeddings, of which only their number matters here: one for
-- each vector of the answer.
local function texts_of (input)
  local is_single = type(input) == "string" or type(input[1]) == "number"
  return is_single and { input } or input, is_single
end

--- Reads a row whose fields are complete.
-- @tparam table record `row`, `raw` (its text, if it is JSON), `cells`
-- @treturn[1] table `route`, `input`, `form`
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read (record)
  local row = record.row
  if row.method ~= "POST" then
    return nil, '`method` must be "POST", got ' .. checks.describe(row.method)
  end
  local kind = type(row.url) == "string" and kind_of(row.url)
  if not kind then
    return nil, "`url` must be /v1/chat/completions, /v1/completions or /v1/embeddings, or a URL "
      .. "that ends with one of them, got " .. checks.describe(row.url)
  end
  local text, problem = body_text(record)
  if not text then return nil, problem end
  local object = record.cells and json.decode(text) or row.body
  if not text:find "^%s*{" or type(object) ~= "table" then
    return nil, "`body` must be an object, got " .. (text:find "^%s*%[" and "an array"
      or checks.describe(object))
  end
  object = json.fields(object)
  problem = body_problem(kind, object)
  if problem then return nil, problem end
  local input = { text = text }
  if kind.form == "embeddings" then
    input.texts, input.is_single = texts_of(object.input)
    input.first, input.is_base64 = 1, object.encoding_format == "base64"
  end
  return { route = kind.route, input = input, form = kind.form }
end

return M
