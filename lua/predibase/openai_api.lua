-- SPDX-License-Identifier: MIT
--- What /v1/chat/completions and /v1/completions have in common: how their requests are written and
-- how their answers become results. OpenAI's API defined their form.
-- @module predibase.openai_api

local choices = require "predibase.choices"
local config = require "predibase.config"
local errors = require "predibase.errors"
local event = require "predibase.event"
local formats = require "predibase.response_format"
local json = require "predibase.json"
local params = require "predibase.params"
local request = require "predibase.request"
local response = require "predibase.response"

local M = {}

-- Requests.

--- The client's defaults that these routes cannot do without.
M.NEEDS = { "merged_adapters", "response_format", "stop" }

--- Writes checked parameters as the members of a body. The `stop`, the adapter and the checked
-- `response_format` are noted in the plan.
-- @tparam table plan
-- @tparam table list as `params.read` returns it
-- @tparam string server the client's option
-- @treturn string the model: the adapter's id; "" is the base model
-- @treturn table array of `{ name, value }`
function M.members_of (plan, list, server)
  local members, model = {}, ""
  for i = 1, #list do
    local name, value = list[i][1], list[i][2]
    if name == "adapter_id" then
      model = value
      if value ~= "" and server ~= "openai" then plan.adapter_id = value end
    elseif name == "response_format" then
      plan.response_format = value
      members[#members + 1] = { name, formats.nested(value, server) }
    else
      if name == "stop" then plan.stop = value end
      if name == "max_tokens" then plan.max_new_tokens = value end
      if name == "n" then plan.best_of = value end       -- LoRAX reads it as `best_of`
      members[#members + 1] = list[i]
    end
  end
  return model, members
end

local function has_member (list, name)
  for _, member in ipairs(list) do
    if member[1] == name then return true end
  end
  return false
end

--- Merges the options of a call with the client's defaults, of which those that the route does not
-- have are left out.
-- @tparam table client
-- @tparam ?table given
-- @tparam table route
-- @treturn table new
function M.merged (client, given, route)
  local all = params.merge(config.defaults(client.cfg), given, route.params)
  for name in next, all do
    if not route.names[name] then all[name] = nil end
  end
  return all
end

--- Adds the members of a streamed request.
-- @tparam table plan
-- @tparam table members
-- @tparam string server
function M.add_stream (plan, members, server)
  if not plan.stream then return end
  members[#members + 1] = { "stream", true }
  if server == "openai" and not has_member(members, "stream_options") then
    -- Without it, these servers send no numbers of tokens.
    members[#members + 1] = { "stream_options", json.object { { "include_usage", true } } }
  end
end

--- Encodes the members of a body into a plan.
-- @tparam table plan
-- @tparam table client
-- @tparam string model
-- @tparam table members
-- @treturn ?table error of kind `validation`
function M.encode (plan, client, model, members)
  local err = request.check_limits(plan, { max_new_tokens = plan.max_new_tokens,
    stop = plan.stop, best_of = plan.best_of })
  if err then return err end
  plan.rest, err = request.rest_of_body(members)
  if err then return err end
  plan.model = json.text(model)
  local server = client.cfg.server
  plan.context = { server = server, forced = plan.tools ~= nil and server ~= "openai" }
end

-- Answers.

--- Reads the choices of a body. Returns their array; or nil and what is wrong.
local function read_list (object, meta, read_answer)
  local list, count = choices.list(object)
  if not list then return nil, count end
  if count == 0 then return nil, "choices is empty" end
  local answers = {}
  for i = 1, count do
    local problem
    answers[i], problem = read_answer(list[i], ("choices[%d]"):format(i), meta)
    if not answers[i] then return nil, problem end
  end
  return answers
end

-- With tools LoRAX reads the JSON of the answer itself, and reports one that `max_tokens` cut off
-- as an error of the tool: `Tool error: Failed to parse generated text: EOF while parsing an object
-- at line 1 column 34 "{\"function\"…"`. The text is written as by Rust's `{:?}`.

local ESCAPES = { n = "\n", r = "\r", t = "\t", ["0"] = "\0" }

--- Returns a character as UTF-8, by way of the escapes of JSON.
local function character (code)
  if code < 0x10000 then return json.decode(('"\\u%04x"'):format(code)) end
  code = code - 0x10000
  return json.decode(('"\\u%04x\\u%04x"'):format(0xD800 + math.floor(code / 0x400),
    0xDC00 + code % 0x400))
end

--- Reads a text that Rust wrote with `{:?}`, without its quotes.
local function unescaped (text)
  text = text:gsub("\\(.)({?)(%x*)(}?)", function (letter, open, digits, close)
    local code = letter == "u" and open == "{" and close == "}" and tonumber(digits, 16)
    if code and code <= 0x10FFFF then return character(code) end
    return (ESCAPES[letter] or letter) .. open .. digits .. close
  end)
  return text
end

--- Changes the error of an answer that was cut by `max_tokens` in the middle of its JSON.
local function explain_cut (err)
  if err.error_type == "tool_error" and err.message:find("EOF while parsing", 1, true) then
    local text = err.message:match ' at line %d+ column %d+ "(.*)"$'
    errors.add(err, { kind = "incomplete_generation", retryable = false,
      partial_text = text and unescaped(text) or nil,
      message = err.message
        .. "; the model's call was cut off by max_tokens, or by a sequence of stop" })
  end
  return nil, err
end

--- Reads the object in a body. Returns nil and the error when the body has none.
local function object_in (reply, meta)
  if reply.status < 200 or reply.status > 299 then
    return explain_cut(response.error(reply, meta))
  end
  local object = json.decode(reply.body or "")
  if type(object) ~= "table" or event.error_fields(object) then
    return nil, response.error(reply, meta)
  end
  return object
end

local function usage_of (object, reply, meta)
  local given, problem = choices.usage(object)
  if problem then return nil, response.error(reply, meta, "in the answer, " .. problem) end
  return given or {}
end

--- Reads a whole answer.
-- @tparam table reply `status`, `headers`, `body`
-- @tparam table meta see `predibase.response`
-- @tparam function read_answer reads one choice: takes it, its path and `meta`; returns the fields
-- of its result, or nil and what is wrong
-- @treturn[1] table the result; `choices` has all answers when there are several
-- @treturn[2] nil
-- @treturn[2] table the error
function M.read (reply, meta, read_answer)
  local object, err = object_in(reply, meta)
  if not object then return nil, err end
  local answers, problem = read_list(object, meta, read_answer)
  if not answers then return nil, response.error(reply, meta, "in the answer, " .. problem) end
  local counts
  counts, err = usage_of(object, reply, meta)
  if not counts then return nil, err end
  local result = response.new(reply, meta)
  for name, value in pairs(answers[1]) do result[name] = value end
  if answers[2] then result.choices = answers end
  result.usage = counts
  return result
end

--- Makes the result of a stream.
-- @tparam table state see `predibase.response`; `reader` is of `predibase.chat_delta`
-- @tparam table meta
-- @treturn table
function M.finish (state, meta)
  local reader, result = state.reader, response.new(state, meta)
  local whole, found = (state.answer or state.text)(), state.trimmed
  local calls = not state.stopped and reader.tool_calls or nil
  result.text, result.tool_calls = whole, calls
  result.reasoning = reader.reasoning[1] and table.concat(reader.reasoning) or state.reasoning
  result.raw_finish_reason = reader.raw_finish_reason
  result.finish_reason = state.stopped and "stop_sequence" or reader.finish_reason
  result.stop_sequence = state.stopped or found
  result.message = not reader.plain and choices.message(whole, calls) or nil
  result.usage = reader.usage or {}
  if result.usage.completion_tokens == nil and reader.server ~= "openai" then
    result.usage.completion_tokens = state.count
  end
  result.tokens_per_second = response.tokens_per_second(
    result.usage.completion_tokens or state.count, result.timing)
  return result
end

return M
