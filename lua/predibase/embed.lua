-- SPDX-License-Identifier: MIT
--- Vectors of texts (LoRAX: POST /embed and /v1/embeddings; OpenAI: POST /v1/embeddings).
--
-- LoRAX's /v1/embeddings has the path of OpenAI's API, but not its form: the adapter is in
-- `parameters`, and the vectors are in `embeddings`. Both forms of answers are read.
-- @module predibase.embed

local call = require "predibase.call"
local checks = require "predibase.value_checks"
local choices = require "predibase.choices"
local config = require "predibase.config"
local errors = require "predibase.errors"
local json = require "predibase.json"
local params = require "predibase.params"
local parts_of = require "predibase.parts"
local request = require "predibase.request"
local response = require "predibase.response"

--- The options of `client:embed`.
-- @table EmbedOptions
-- @extends ClassifyOptions
-- @tfield ?string adapter_source where the adapter is (default `"pbase"`)
-- @tfield ?MergedAdapters merged_adapters several adapters in place of one

local M = {}

local null = json.null

-- Parameters.

--- Tells whether the server downloads the adapters from Predibase, with the client's token. The
-- router copies it by itself in /generate, but not here. An owner of another source must not get
-- the token.
local function is_of_predibase (checked, context)
  local source = checked.adapter_source or context.managed and params.DEFAULT_SOURCE or ""
  return source:lower() == params.DEFAULT_SOURCE
end

--- The parameters, in the order of sending.
M.parameters = params.define {
  list = {
    { name = "adapter_id", kind = "identifier" },
    { name = "adapter_source", kind = "choice", choices = { "hub", "local", "s3", "pbase" } },
    { name = "merged_adapters", kind = "merged" },
    { name = "api_token", kind = "token" },
  },
  aliases = { model = "adapter_id" },
  before = function (values)
    return values.merged_adapters and values.adapter_id
      and "at most one of `adapter_id` or `adapters` may be provided"
  end,
  complete = function (checked, add, context)
    if context.server == "openai" then return end
    params.complete_adapter(checked, add)
    local has_adapter = (checked.adapter_id or "") ~= "" or checked.merged_adapters
    if has_adapter and checked.api_token == nil and is_of_predibase(checked, context) then
      if context.token then add("api_token", context.token) end
      context.needs_token = not context.token
    end
  end,
}

local NAMES = request.union(request.plain_names, M.parameters.names, parts_of.names)

-- Requests.

--- Checks the parameters. Returns the list of `params.read`, whether adapters are merged, and
-- whether the body needs the token of a function; or nil and an error.
local function read_parameters (plan, client, given)
  local cfg = client.cfg
  local all = params.merge(config.defaults(cfg), given, M.parameters)
  for name in next, all do
    if not M.parameters.names[name] then all[name] = nil end
  end
  local is_merged = all.merged_adapters ~= nil and all.merged_adapters ~= null
  if is_merged and cfg.server == "openai" then
    return request.refuse "servers with the API of OpenAI have no `merged_adapters`"
  end
  local context = { server = cfg.server, token = config.token(cfg),
    managed = cfg.deployment ~= nil }
  local list, err = params.read(all, context, M.parameters)
  if not list then return nil, err end
  for i = 1, #list do
    local name, value = list[i][1], list[i][2]
    if name == "api_token" then err = request.check_token(plan, client, value) end
    if name == "adapter_id" and value ~= "" and cfg.server ~= "openai" then
      plan.adapter_id = value
    end
  end
  if err then return nil, err end
  return list, is_merged, context.needs_token and cfg.api_token ~= nil
end

--- Encodes the end of the body. Returns it; or nil and the error.
local function encode (plan, client, list)
  local members = {}
  if client.cfg.server == "openai" then
    members[1] = { "model", "" }
    for _, member in ipairs(list) do
      if member[1] == "adapter_id" then members[1][2] = member[2]
      else members[#members + 1] = member end
    end
  else
    -- LoRAX requires a model and does not use it.
    if plan.route == M.SEVERAL then members[1] = { "model", plan.adapter_id or "" } end
    if #list > 0 then members[#members + 1] = { "parameters", json.object(list) } end
  end
  return request.rest_of_body(members)
end

--- Checks the parameters and encodes the end of the body into a plan.
local function write (plan, client, given)
  local list, is_merged, needs_token = read_parameters(plan, client, given)
  if not list then return is_merged end
  local err
  plan.is_merged = is_merged
  plan.rest, err = encode(plan, client, list)
  if err then return err end
  plan.rest_with = needs_token and function (token)
    list[#list + 1] = { "api_token", token }
    local rest = encode(plan, client, list)
    list[#list] = nil
    return rest
  end
end

-- Answers.

--- Checks a vector. Returns what is wrong, or nil.
local function vector_problem (vector, path)
  if type(vector) ~= "table" then return path .. " is not an array" end
  local size = #vector
  if size == 0 then
    return path .. (next(vector) == nil and " is empty" or " is not an array")
  end
  for i = 1, size do
    local value = vector[i]
    if type(value) ~= "number" or value - value ~= 0 then
      -- LoRAX writes NaN and the infinities as null.
      return ("%s[%d] is %s"):format(path, i, value == null and "null" or "not a number")
    end
  end
end

--- Reads the vectors of an array of objects with an index. Returns them in the order of the texts;
-- or nil and what is wrong.
local function read_indexed (list, name, count)
  local vectors = {}
  for i = 1, #list do
    local entry, path = list[i], ("%s[%d]"):format(name, i)
    if type(entry) ~= "table" then return nil, path .. " is not an object" end
    local index = entry.index
    if not checks.integral(index) or index < 0 or index >= count then
      return nil, ("%s.index is not an integer from 0 to %d"):format(path, count - 1)
    elseif vectors[index + 1] then
      return nil, ("%s.index is %d again"):format(path, index)
    end
    local problem = vector_problem(entry.embedding, path .. ".embedding")
    if problem then return nil, problem end
    vectors[index + 1] = entry.embedding
  end
  if #list ~= count then
    return nil, ("%s has %d vectors for %d texts"):format(name, #list, count)
  end
  return vectors
end

--- Reads the vectors of an answer. Returns their array; or nil and what is wrong.
local function read_vectors (object, count)
  local name = object.data ~= nil and "data" or "embeddings"
  local list = object[name]
  if type(list) ~= "table" or list[1] == nil and next(list) ~= nil then
    return nil, name .. " is not an array"
  end
  -- The answer of /embed is the vector itself.
  if count == 1 and list[1] ~= nil and type(list[1]) ~= "table" then
    local problem = vector_problem(list, name)
    return not problem and { list } or nil, problem
  end
  return read_indexed(list, name, count)
end

--- Compares the sizes of vectors. Returns what is wrong, or nil.
local function size_problem (vectors, first)
  for i = 2, #vectors do
    if #vectors[i] ~= #vectors[1] then
      return ("the vector of text %d has %d numbers, that of text %d has %d"):format(
        first + i - 1, #vectors[i], first, #vectors[1])
    end
  end
end

--- Reads the answer to one part. Returns a table with the vectors in `values`, and the fields of
-- `predibase.parts`; or nil and the error.
local function read (reply, meta)
  local object, err = response.object(reply, meta)
  if not object then return nil, err end
  local part = meta.input
  local vectors, problem = read_vectors(object, #part.texts)
  problem = problem or size_problem(vectors, part.first)
  local counts
  if not problem then counts, problem = choices.usage(object) end
  if problem then return nil, response.error(reply, meta, "in the answer, " .. problem) end
  local outcome = parts_of.about(reply, meta, counts)
  outcome.values = vectors
  if not outcome.model_id and type(object.model) == "string" then
    outcome.model_id = object.model
  end
  return outcome
end

--- The route of one text.
M.ONE = {
  name = "embed", path = "/embed", accept = "application/json", names = NAMES,
  params = M.parameters, write = write, read = read, keeps_input = true,
  body = function (plan, part) return '{"inputs":' .. part.encoded[1] .. plan.rest end,
}

--- The route of several texts, and of all texts where the server has the API of OpenAI.
M.SEVERAL = {
  name = "embed", path = "/v1/embeddings", accept = "application/json", names = NAMES,
  params = M.parameters, write = write, read = read, keeps_input = true,
  body = function (plan, part)
    return '{"input":[' .. table.concat(part.encoded, ",") .. "]" .. plan.rest
  end,
}

-- The call.

--- Chooses the route, makes its plan and cuts the texts. Returns the plan and the parts; or nil,
-- the error and the hook `on_error` of the call.
local function prepare (client, planner, list, options, method)
  local size = parts_of.options(options, method).batch_size
  local of_openai = client.cfg.server == "openai"
  local route = #list == 1 and not of_openai and M.ONE or M.SEVERAL
  local plan, err, hook = planner(route, options, method)
  if plan and plan.is_merged and route == M.SEVERAL then
    -- LoRAX's /v1/embeddings merges no adapters: each text needs a request of its own.
    size = 1
    plan, err, hook = planner(M.ONE, options, method)
  end
  if not plan then return nil, err, hook end
  local before = plan.route == M.ONE and #'{"inputs":' or #'{"input":[]'
  local field = #list == 1 and not of_openai and "inputs" or "input"
  local parts
  parts, err = parts_of.cut(list, size, before + #plan.rest, field)
  if not parts then return nil, err, plan.settings.hooks.on_error end
  return plan, parts
end

--- Makes vectors, for `client:embed` and `adapter:embed`.
-- @tparam table client
-- @tparam function planner of `predibase.request`
-- @param input a text or an array of texts
-- @tparam ?table options
-- @tparam string method for messages
-- @treturn[1] table the vector of a text, or the array of the vectors of an array
-- @treturn[1] table what is known besides, see `predibase.parts`
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise for input of a wrong type
function M.run (client, planner, input, options, method)
  local list = parts_of.list(input, method)
  request.check(options, M.ONE, method)
  local began, most = client.shared.now(), parts_of.options(options, method).concurrency
  local plan, parts, hook = prepare(client, planner, list, options, method)
  if not plan then return call.report(client.shared, parts, hook) end
  local outcomes, err = parts_of.send(client, plan, parts, most, began)
  if not outcomes then return nil, err end
  local vectors, about = parts_of.join(outcomes, client.shared.now() - began)
  local problem = size_problem(vectors, 1)
  if problem then
    return call.report(client.shared, errors.new { kind = "protocol", phase = "response",
      message = problem, status = about.status, attempts = about.attempts,
      request_id = about.request_id }, plan.settings.hooks.on_error)
  end
  if type(input) == "string" then return vectors[1], about end
  return vectors, about
end

return M
