-- SPDX-License-Identifier: MIT
--- Sends a list of texts in several requests and returns one answer: of all of them, or an error.
--
-- `client:embed` and `client:classify` take lists of any length. A list is cut into parts that a
-- server accepts, and several parts are under way at the same time. When one of them fails, the
-- others are closed.
-- @module predibase.parts

local active = require "predibase.active"
local batches = require "predibase.batch"
local call = require "predibase.call"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local request = require "predibase.request"
local response = require "predibase.response"
local usage = require "predibase.usage"

local M = {}

--- Default of the option `batch_size`, the number of texts in one request. It is enough to fill a
-- GPU, and the limit of some servers with this API (text-embeddings-inference).
M.BATCH_SIZE = 32

--- Largest value of the option `batch_size`, the limit of OpenAI's own server.
M.MAX_BATCH_SIZE = 2048

--- Default of the option `concurrency`, the number of requests at the same time. A LoRAX router
-- counts each text of a list as a request: 8 times 32 are a quarter of the 1024 that it accepts.
M.CONCURRENCY = 8

--- Set of the options that methods with parts accept besides those of other calls.
M.names = { batch_size = true, concurrency = true }

-- What the program gives.

local function read_number (options, name, default, most, method)
  local value = options and rawget(options, name)
  if value == nil or value == json.null then return default end
  if not checks.integral(value) or value < 1 or value > most then
    usage.fail(("%s takes a %s from 1 to %d, got %s"):format(method, name, most,
      checks.describe(value)))
  end
  return value
end

--- Reads the options of this module. Their names must have been checked.
-- @tparam ?table options
-- @tparam string method for messages, such as `client:embed`
-- @treturn table `batch_size`, `concurrency`
-- @raise for values that are not integers in their range
function M.options (options, method)
  return {
    batch_size = read_number(options, "batch_size", M.BATCH_SIZE, M.MAX_BATCH_SIZE, method),
    concurrency = read_number(options, "concurrency", M.CONCURRENCY, batches.MAX_CONCURRENCY,
      method),
  }
end

--- Checks the type of a text or of a list of texts.
-- @param input
-- @tparam string method for messages
-- @treturn table array of texts; the list itself, if it is one
-- @raise when it is neither
function M.list (input, method)
  if type(input) == "string" then return { input } end
  if type(input) ~= "table" then
    usage.fail(("%s takes a text or an array of texts, got %s"):format(method,
      checks.describe(input)))
  end
  local count, problem = checks.array(input)
  if not count then usage.fail(("the array of texts for %s %s"):format(method, problem)) end
  for i = 1, count do
    local text = rawget(input, i)
    if type(text) ~= "string" then
      usage.fail(("text %d for %s must be a string, got %s"):format(i, method,
        checks.describe(text)))
    end
  end
  return input
end

-- Cutting.

local function too_large (index, bytes)
  return nil, errors.new {
    kind = "too_large", phase = "request",
    message = ("text %d needs a request body of at least %d bytes, but the server accepts at most "
      .. "%d; shorten it"):format(index, bytes, request.MAX_BODY),
  }
end

--- Cuts texts into parts that have at most `size` texts each and fit into a request. A part is a
-- table with the arrays `texts` and `encoded` (the texts as JSON), and `first`, the index of its
-- first text in the list.
-- @tparam table list array of strings
-- @tparam integer size
-- @tparam integer used bytes of the body besides the texts and the commas between them
-- @tparam string field name of the field, for messages
-- @treturn[1] table array of parts
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation` or `too_large`: nothing may be sent
function M.cut (list, size, used, field)
  local parts, part, bytes = {}, nil, 0
  for i = 1, #list do
    local text = list[i]
    if #text > request.MAX_BODY then return too_large(i, used + #text) end
    local ok, err = request.check_text(text, #list == 1 and field or ("%s[%d]"):format(field, i))
    if not ok then return nil, err end
    local encoded = json.text(text)
    if used + #encoded > request.MAX_BODY then return too_large(i, used + #encoded) end
    if not part or #part.texts == size or bytes + #encoded + 1 > request.MAX_BODY then
      part, bytes = { first = i, texts = {}, encoded = {} }, used - 1
      parts[#parts + 1] = part
    end
    part.texts[#part.texts + 1], part.encoded[#part.encoded + 1] = text, encoded
    bytes = bytes + #encoded + 1
  end
  return parts
end

-- Sending.

local function gather (batch, count)
  local found = {}
  for _ = 1, count do
    local index, outcome, err = batch:next()
    if not outcome then return nil, err end
    found[index] = outcome
  end
  return found
end

--- Sends parts, several at a time. An error ends all of them.
-- @tparam table client
-- @tparam table plan of `predibase.request`
-- @tparam table parts as `cut` returns them
-- @tparam integer most number of requests at the same time
-- @tparam number began when the call began, on the clock of the transport
-- @treturn[1] table array of the outcomes, in the order of the parts
-- @treturn[2] nil
-- @treturn[2] table the error
function M.send (client, plan, parts, most, began)
  if #parts == 0 then return {} end
  if #parts == 1 then
    local outcome, err = call.run(client.shared, parts[1], plan)
    if not outcome then return nil, err end
    return { outcome }
  end
  local batch = batches.of_plan(client, plan, parts, most, began)
  local ok, found, err = active.protected(gather, batch, #parts)
  batch:close()
  if not ok then error(found, 0) end
  return found, err
end

--- What is known about vectors and classifications besides their values.
-- @table About
-- @tfield Usage usage the numbers of tokens, where the server counts them
-- @tfield Timing timing in seconds; `total` is of the whole call
-- @tfield ?string request_id of the first request
-- @tfield string[] request_ids of all requests
-- @tfield integer requests their number
-- @tfield integer attempts of all requests
-- @tfield ?string trace_id for questions to the provider
-- @tfield table<string,string> headers of the first response: lower-case name -> value
-- @tfield integer status of HTTP
-- @tfield ?string adapter_id the adapter that was used
-- @tfield ?string model_id the model
-- @tfield ?Client client the client that answered, with the option `fallback`

-- What is known about an answer besides its values.

--- Makes the fields that the answer to one part has besides its values.
-- @tparam table reply `status`, `headers`
-- @tparam table meta of the call, see `predibase.response`
-- @tparam ?table counts numbers of tokens
-- @treturn table `usage`, `timing`, `request_id`, `trace_id`, `headers`, `status`, `attempts`,
-- `adapter_id`, `model_id`
function M.about (reply, meta, counts)
  local result, about = response.new(reply, meta), {}
  for name, value in pairs(result) do about[name] = value end
  about.usage = counts or {}
  return about
end

local function sum (outcomes, name)
  local total
  for _, outcome in ipairs(outcomes) do
    local value = outcome.usage[name]
    if value == nil then return nil end
    total = (total or 0) + value
  end
  return total
end

--- Joins the answers to all parts. Of several requests, `headers`, `trace_id` and the times that
-- the server measured are those of the first.
-- @tparam table outcomes tables that `about` made, with the array `values`
-- @tparam number seconds that the whole call took
-- @treturn table array of all values
-- @treturn table `usage` (sums), `timing` (`total` is of the whole call), `attempts` (of all
-- requests), `requests` (their number), `request_id` (of the first), `request_ids` (of all), and
-- the other fields of the first answer
function M.join (outcomes, seconds)
  local about = { usage = {}, timing = {}, request_ids = {}, attempts = 0, requests = #outcomes }
  local values = {}
  for i, outcome in ipairs(outcomes) do
    about.attempts = about.attempts + (outcome.attempts or 0)
    about.request_ids[i] = outcome.request_id
    for _, value in ipairs(outcome.values) do values[#values + 1] = value end
  end
  for name, value in pairs(outcomes[1] or {}) do
    if about[name] == nil and name ~= "values" then about[name] = value end
  end
  for name, value in pairs(outcomes[1] and outcomes[1].timing or {}) do
    about.timing[name] = value
  end
  if #outcomes ~= 1 then
    about.timing.total = math.floor(seconds * 1e6 + 0.5) / 1e6      -- as exact as the clock
  end
  for _, name in ipairs { "prompt_tokens", "completion_tokens", "total_tokens" } do
    about.usage[name] = sum(outcomes, name)
  end
  return values, about
end

return M
