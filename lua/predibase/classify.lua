-- SPDX-License-Identifier: MIT
--- Classification of texts, in two shapes.
--
-- LoRAX finds the entities (names, places, …) in a text: POST /classify and /classify_batch, with
-- the base model. The managed service, and vLLM, give each text a label: POST /classify with other
-- fields, and with an adapter. Which of the two a server speaks is found out by the first call of a
-- client: a server refuses the fields of the other shape.
-- @module predibase.classify

local call = require "predibase.call"
local checks = require "predibase.value_checks"
local choices = require "predibase.choices"
local config = require "predibase.config"
local json = require "predibase.json"
local params = require "predibase.params"
local parts_of = require "predibase.parts"
local request = require "predibase.request"
local response = require "predibase.response"

--- The options of `client:classify`.
-- @table ClassifyOptions
-- @extends CallOptions
-- @tfield ?string adapter_id `repo/version` at Predibase (default: the base model)
-- @tfield ?string model the same by its name in OpenAI's API
-- @tfield ?string api_token for private adapters
-- @tfield ?table<string,any> extra further fields of the request
-- @tfield ?integer batch_size texts in a request, 1 to 2048 (default 32)
-- @tfield ?integer concurrency requests at the same time, 1 to 1000 (default 8)

--- The classification of a text. LoRAX returns an array of entities, other servers a label.
-- @table Classification
-- @tfield Entity [integer] the entities in the text, from LoRAX
-- @tfield ?string label the most probable class, from other servers
-- @tfield ?number[] probs the probability of each class
-- @tfield ?integer num_classes the number of classes

--- An entity in a text, such as a name.
-- @table Entity
-- @tfield string entity_group such as `"PER"`
-- @tfield number score how sure the model is, 0 to 1
-- @tfield string word the entity as the model's vocabulary writes it
-- @tfield integer first the position of its first byte, as `text:sub(first, last)` takes it
-- @tfield integer last the position of its last byte

local M = {}

-- Parameters.

--- The parameters, in the order of sending. Only the shape with labels has them. `adapter_id` is
-- sent as `model`.
M.parameters = params.define {
  list = {
    { name = "adapter_id", kind = "identifier" },
    { name = "api_token", kind = "token" },
  },
  aliases = { model = "adapter_id" },
  complete = function (checked, add, context)
    local has_adapter = (checked.adapter_id or "") ~= "" and context.server ~= "openai"
    if has_adapter and checked.api_token == nil then
      if context.token then add("api_token", context.token) end
      context.needs_token = not context.token
    end
  end,
}

local NAMES = request.union(request.plain_names, M.parameters.names, parts_of.names)

--- Merges the options of a call with the defaults of the client, and checks them. Returns the list
-- of `params.read`, and whether the body needs the token of a function; or nil and an error.
local function read_parameters (client, given)
  local cfg = client.cfg
  local all = params.merge(config.defaults(cfg), given, M.parameters)
  for name in next, all do
    if not M.parameters.names[name] then all[name] = nil end
  end
  local context = { server = cfg.server, token = config.token(cfg) }
  local list, err = params.read(all, context, M.parameters)
  if not list then return nil, err end
  return list, context.needs_token and cfg.api_token ~= nil
end

local function write_labels (plan, client, given)
  local list, needs_token = read_parameters(client, given)
  if not list then return needs_token end
  local members, err = { { "model", "" } }, nil
  for i = 1, #list do
    local name, value = list[i][1], list[i][2]
    if name == "adapter_id" then
      members[1][2] = value
      if value ~= "" and client.cfg.server ~= "openai" then plan.adapter_id = value end
    else
      if name == "api_token" then err = request.check_token(plan, client, value) end
      members[#members + 1] = list[i]
    end
  end
  if err then return err end
  plan.rest, err = request.rest_of_body(members)
  if err then return err end
  plan.rest_with = needs_token and function (token)
    return plan.rest:sub(1, -2) .. ',"api_token":' .. json.text(token) .. "}"
  end
end

--- Checks the parameters, although LoRAX has none: an adapter would be ignored, and the answer
-- would be another model's.
local function write_entities (plan, client, given)
  local list, err = read_parameters(client, given)
  if not list then return err end
  local members = {}
  for i = 1, #list do
    local name, value = list[i][1], list[i][2]
    if name == "adapter_id" and value ~= "" then
      return select(2, request.refuse("this server finds entities with its base model (LoRAX's "
        .. "/classify), and would ignore `adapter_id`; call without it, or with adapter_id = \"\""))
    elseif name ~= "adapter_id" and name ~= "api_token" then
      members[#members + 1] = list[i]
    end
  end
  plan.rest, err = request.rest_of_body(members)
  return err
end

-- Answers.

--- Tells whether a byte offset lies between two characters of a valid text.
local function is_boundary (text, offset)
  local byte = text:byte(offset + 1)
  return byte == nil or byte < 0x80 or byte > 0xBF
end

local function offset_problem (value, text, path)
  if not checks.integral(value) then return path .. " is not an integer" end
  if value < 0 or value > #text then return path .. " lies outside of the text" end
  if not is_boundary(text, value) then return path .. " lies inside a character" end
end

--- Reads one entity. Returns it; or nil and what is wrong.
local function read_entity (entry, text, path)
  if type(entry) ~= "table" then return nil, path .. " is not an object" end
  local group, word, score = entry.entity_group, entry.word, entry.score
  if type(group) ~= "string" then return nil, path .. ".entity_group is not a string" end
  if type(word) ~= "string" then return nil, path .. ".word is not a string" end
  if not checks.finite(score) then return nil, path .. ".score is not a number" end
  local from, to = entry.start, entry["end"]
  local problem = offset_problem(from, text, path .. ".start")
    or offset_problem(to, text, path .. ".end")
    or to < from and path .. ".end is before its start"
  if problem then return nil, problem end
  return { entity_group = group, score = score, word = word,
    first = json.integer(from + 1), last = json.integer(to) }
end

--- Returns the length of an array of a body, or nil.
local function length (list)
  return type(list) == "table" and checks.array(list) or nil
end

local function read_entities (list, text, path)
  local count = length(list)
  if not count then return nil, (path == "" and "the body" or path) .. " is not an array" end
  local found = {}
  for i = 1, count do
    local problem
    found[i], problem = read_entity(list[i], text, ("%s[%d]"):format(path, i))
    if problem then return nil, problem end
  end
  return found
end

local function read_all_entities (list, texts)
  local count = length(list)
  if not count then return nil, "the body is not an array" end
  if count ~= #texts then
    return nil, ("the body has %d results for %d texts"):format(count, #texts)
  end
  local results = {}
  for i = 1, count do
    local problem
    results[i], problem = read_entities(list[i], texts[i], ("[%d]"):format(i))
    if problem then return nil, problem end
  end
  return results
end

--- Makes the outcome of a part from its results, or the error.
local function conclude (reply, meta, results, problem, counts)
  if not results then return nil, response.error(reply, meta, "in the answer, " .. problem) end
  local outcome = parts_of.about(reply, meta, counts)
  outcome.values = results
  return outcome
end

--- Decodes a body that must be an array. Returns nil and the error when it is something else.
local function array_in (reply, meta)
  local body = reply.body or ""
  local is_good = reply.status >= 200 and reply.status <= 299 and body:find "^%s*%["
  local list = is_good and json.decode(body)
  if type(list) ~= "table" then return nil, response.error(reply, meta) end
  return list
end

local function read_one (reply, meta)
  local list, err = array_in(reply, meta)
  if not list then return nil, err end
  local found, problem = read_entities(list, meta.input.texts[1], "")
  return conclude(reply, meta, found and { found }, problem)
end

local function read_several (reply, meta)
  local list, err = array_in(reply, meta)
  if not list then return nil, err end
  return conclude(reply, meta, read_all_entities(list, meta.input.texts))
end

--- Reads the label of one text. Returns it; or nil and what is wrong.
local function read_label (entry, path)
  local label, count = entry.label, length(entry.probs)
  if label ~= nil and label ~= json.null and type(label) ~= "string" then
    return nil, path .. ".label is not a string"
  elseif not count then
    return nil, path .. ".probs is not an array"
  end
  for i = 1, count do
    if not checks.finite(entry.probs[i]) then
      return nil, ("%s.probs[%d] is not a number"):format(path, i)
    end
  end
  local classes = entry.num_classes
  if classes == nil or classes == json.null then classes = count end
  if classes ~= count then
    return nil, ("%s.num_classes is not the number of its probs, %d"):format(path, count)
  end
  return { label = type(label) == "string" and label or nil, probs = entry.probs,
    num_classes = json.integer(classes) }
end

local function read_data (list, count)
  local size = length(list)
  if not size then return nil, "data is not an array" end
  local results = {}
  for i = 1, size do
    local entry, path = list[i], ("data[%d]"):format(i)
    if type(entry) ~= "table" then return nil, path .. " is not an object" end
    local index = entry.index
    if not checks.integral(index) or index < 0 or index >= count then
      return nil, ("%s.index is not an integer from 0 to %d"):format(path, count - 1)
    elseif results[index + 1] then
      return nil, ("%s.index is %d again"):format(path, index)
    end
    local problem
    results[index + 1], problem = read_label(entry, path)
    if problem then return nil, problem end
  end
  if size ~= count then return nil, ("data has %d results for %d texts"):format(size, count) end
  return results
end

local function read_labels (reply, meta)
  local object, err = response.object(reply, meta)
  if not object then return nil, err end
  local results, problem = read_data(object.data, #meta.input.texts)
  local counts
  if results then
    counts, problem = choices.usage(object)
    if problem then results = nil end
  end
  return conclude(reply, meta, results, problem, counts)
end

-- Routes.

local function route (fields)
  fields.name, fields.accept, fields.names = "classify", "application/json", NAMES
  fields.params, fields.needs, fields.keeps_input = M.parameters, { "merged_adapters" }, true
  return fields
end

local function list_body (field)
  return function (plan, part)
    return ('{"%s":['):format(field) .. table.concat(part.encoded, ",") .. "]" .. plan.rest
  end
end

--- The route that labels texts (the managed service, vLLM).
M.LABELS = route {
  path = "/classify", write = write_labels, body = list_body "input", read = read_labels,
}

--- The route that finds the entities in one text (LoRAX).
M.ENTITIES = route {
  path = "/classify", write = write_entities, read = read_one,
  body = function (plan, part) return '{"inputs":' .. part.encoded[1] .. plan.rest end,
}

--- The route that finds the entities in several texts (LoRAX).
M.ENTITIES_OF_SEVERAL = route {
  path = "/classify_batch", write = write_entities, body = list_body "inputs", read = read_several,
}

-- The shape that a server speaks.

-- The data that all calls of a client share -> "labels" or "entities", once that is known.
local known = setmetatable({}, { __mode = "k" })

local OTHER = { labels = "entities", entities = "labels" }

--- Returns the shape to try first, and whether the server is known to speak it.
local function first_shape (client, adapter_id)
  local shape = known[client.shared]
  if shape then return shape, true end
  local cfg = client.cfg
  if cfg.server == "openai" then return "labels", true end
  -- Only the managed service has a deployment, and only it classifies with adapters.
  return (cfg.deployment or adapter_id) and "labels" or "entities", false
end

--- Tells whether an error means that the server does not know the fields or the path. LoRAX names
-- the type of every other error.
local function is_other_shape (err)
  local status = err.status
  return (status == 404 or status == 405 or status == 422) and not err.error_type
end

-- The call. Its data are the table `of`: `client`, `planner`, `list`, `options`, `method`,
-- `batch_size`, `concurrency` and `began` (on the clock of the transport).

--- Makes the plan for a shape and cuts the texts. Returns the plan and the parts; or nil and the
-- error.
local function prepare (of, shape)
  local list = of.list
  local is_one = shape == "entities" and #list == 1
  local plan, err = of.planner(shape == "labels" and M.LABELS
    or is_one and M.ENTITIES or M.ENTITIES_OF_SEVERAL, of.options, of.method)
  if not plan then return nil, err end
  local parts
  parts, err = parts_of.cut(list, of.batch_size, #'{"inputs":[]' + #plan.rest,
    shape == "labels" and "input" or "inputs")
  if not parts then return nil, err end
  return plan, parts
end

--- Sends the first part alone, to learn whether the server speaks a shape, and then the others.
local function probe (of, shape, plan, parts)
  local shared = of.client.shared
  local outcome, err = call.run(shared, parts[1], plan)
  if not outcome then return nil, err end
  known[shared] = shape
  local others = {}
  for i = 2, #parts do others[i - 1] = parts[i] end
  local outcomes
  outcomes, err = parts_of.send(of.client, plan, others, of.concurrency, of.began)
  if outcomes then table.insert(outcomes, 1, outcome) end
  return outcomes, err
end

--- Sends the texts in the shape that the server speaks. Returns the outcomes, or nil and the error.
local function send (of)
  local labels, err = of.planner(M.LABELS, of.options, of.method)
  if not labels then return nil, err end
  local shape, is_known = first_shape(of.client, labels.adapter_id)
  local plan, parts = prepare(of, shape)
  if not plan then return nil, parts end
  local outcomes, first
  if #parts == 0 or is_known then
    outcomes, first = parts_of.send(of.client, plan, parts, of.concurrency, of.began)
  else
    outcomes, first = probe(of, shape, plan, parts)
  end
  if outcomes or not is_other_shape(first) or of.client.cfg.server == "openai" then
    return outcomes, first
  end
  -- Also when the shape was known: another server may have taken the place of the first one.
  shape = OTHER[shape]
  plan, parts = prepare(of, shape)
  -- A server without the route may be anything, so nothing is said about its adapters.
  if not plan then return nil, first.status == 422 and parts or first end
  outcomes, err = probe(of, shape, plan, parts)
  if not outcomes and err.status == 404 then err = first end
  return outcomes, err
end

local function ignore () end

--- Returns options with which an error is not reported to `on_error`, because another shape may be
-- right; and the hook. A hook of a wrong type stays, so that the planner refuses it.
local function unreported (options)
  local hook = options and rawget(options, "on_error")
  if hook == json.null then hook = nil end
  if hook ~= nil and not checks.callable(hook) then return options, nil end
  return request.merge(options, { on_error = ignore }), hook
end

--- Classifies texts, for `client:classify` and `adapter:classify`.
-- @tparam table client
-- @tparam function planner of `predibase.request`
-- @param input a text or an array of texts
-- @tparam ?table options
-- @tparam string method for messages
-- @treturn[1] table the result of a text, or the array of the results of an array
-- @treturn[1] table what is known besides, see `predibase.parts`
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise for input of a wrong type
function M.run (client, planner, input, options, method)
  local list = parts_of.list(input, method)
  request.check(options, M.LABELS, method)
  local of = parts_of.options(options, method)
  of.client, of.planner, of.list, of.method = client, planner, list, method
  local hook
  of.options, hook = unreported(options)
  of.began = client.shared.now()
  local outcomes, err = send(of)
  if not outcomes then return call.report(client.shared, err, hook) end
  local results, about = parts_of.join(outcomes, client.shared.now() - of.began)
  if type(input) == "string" then return results[1], about end
  return results, about
end

return M
