-- SPDX-License-Identifier: MIT
--- What a server says about itself: its model and limits (LoRAX: GET /info), and whether it can
-- answer (GET /health).
-- @module predibase.info

local checks = require "predibase.value_checks"
local choices = require "predibase.choices"
local json = require "predibase.json"
local request = require "predibase.request"
local response = require "predibase.response"

local M = {}

--- What `client:info` returns. What the server does not know is nil.
-- @table Info
-- @extends ServerLimits
-- @tfield string model_id the model
-- @tfield ?string model_sha its revision
-- @tfield ?string model_dtype the type of its numbers
-- @tfield ?string model_device_type such as `"cuda"`
-- @tfield ?string model_pipeline_tag such as `"text-generation"`
-- @tfield ?string version of the server
-- @tfield ?string sha of the server
-- @tfield ?string docker_label of the server
-- @tfield ?string request_logger_url where the server logs requests
-- @tfield ?boolean eager_prefill a setting of the server's batches
-- @tfield ?number waiting_served_ratio a setting of the server's batches
-- @tfield ?integer max_concurrent_requests most requests at the same time
-- @tfield ?integer max_batch_total_tokens most tokens of a batch
-- @tfield ?integer max_waiting_tokens a setting of the server's batches
-- @tfield ?integer validation_workers processes that check requests

--- The type of each field of /info. Servers of other versions may leave out all but `model_id`, and
-- may add others, which are returned as they are.
local TYPES = {
  model_id = "string", model_sha = "string", model_dtype = "string", model_device_type = "string",
  model_pipeline_tag = "string", version = "string", sha = "string", docker_label = "string",
  request_logger_url = "string", eager_prefill = "boolean", waiting_served_ratio = "number",
  max_concurrent_requests = "integer", max_best_of = "integer", max_stop_sequences = "integer",
  max_input_length = "integer", max_total_tokens = "integer", max_batch_total_tokens = "integer",
  max_waiting_tokens = "integer", validation_workers = "integer",
}

local NOUNS = { string = "a string", boolean = "a boolean", number = "a number",
  integer = "an integer of 0 or more" }

local function has_type (value, wanted)
  if wanted == "integer" then return checks.integral(value) and value >= 0 end
  if wanted == "number" then return checks.finite(value) end
  return type(value) == wanted
end

--- Checks the fields of the object in a body. Returns what is wrong, or nil.
local function problem_of (info)
  if info.model_id == nil then return "model_id is missing" end
  local names = {}
  for name in pairs(TYPES) do names[#names + 1] = name end
  table.sort(names)                   -- so that the message is the same on every run
  for _, name in ipairs(names) do
    local value, wanted = info[name], TYPES[name]
    if value ~= nil and not has_type(value, wanted) then
      return ("%s is not %s"):format(name, NOUNS[wanted])
    end
    if wanted == "integer" then info[name] = json.integer(value) end
  end
end

--- Reads a response of /info.
-- @tparam table reply `status`, `headers`, `body`
-- @tparam ?table meta see `predibase.response`
-- @treturn[1] table the fields of the body, without those that are null
-- @treturn[2] nil
-- @treturn[2] table the error
function M.read (reply, meta)
  local info, err = response.object(reply, meta)
  if not info then return nil, err end
  choices.without_nulls(info)
  local problem = problem_of(info)
  if problem then return nil, response.error(reply, meta, "in the answer, " .. problem) end
  return info
end

--- The route of `client:info`.
M.ROUTE = {
  name = "info", path = "/info", verb = "GET", accept = "application/json",
  names = request.plain_names, read = M.read,
}

--- Reads a response of /health, whose body is empty. A page is the answer of some other server, for
-- example of a gateway that asks for a login.
local function read_health (reply, meta)
  if reply.status < 200 or reply.status > 299 then return nil, response.error(reply, meta) end
  if (reply.body or ""):find "^%s*<" then
    return nil, response.error(reply, meta)
  end
  return true
end

--- The route of `client:health`.
M.HEALTH = {
  name = "health", path = "/health", verb = "GET", accept = "*/*",
  names = request.plain_names, read = read_health,
}

return M
