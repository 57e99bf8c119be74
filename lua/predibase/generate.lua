-- SPDX-License-Identifier: MIT
--- The routes that continue a prompt (LoRAX: POST /generate and /generate_stream).
-- @module predibase.generate

local lazy = require "predibase.lazy"
local checks = require "predibase.value_checks"
local config = require "predibase.config"
local event = require "predibase.event"
local json = require "predibase.json"
local params = require "predibase.params"
local reasoning = lazy "predibase.reasoning"
local request = require "predibase.request"
local response = require "predibase.response"
local usage = require "predibase.usage"

--- The options of `client:generate`.
-- @table GenerateOptions
-- @extends GenerateParameters, TextOptions, CallOptions
-- @tfield ?boolean return_full_text put the prompt before the generated text (default false)
-- @tfield ?boolean stop_on_server with `client_stop`: stop the model at the sequence. The answer
-- then comes from a stream and has no `details.tokens` and no times of the server (default false)

--- The options of `client:generate_stream`.
-- @table GenerateStreamOptions
-- @extends GenerateParameters, TextOptions, CallOptions
-- @tfield ?boolean return_full_text put the prompt before the generated text (default false)
-- @tfield ?boolean keep_text `false` does not keep the text of the tokens for the result, for long
-- streams (default true)
-- @tfield ?fun(token:Token) on_token receives each token

--- The options of `client:generate_many`.
-- @table GenerateManyOptions
-- @extends GenerateParameters, TextOptions, CallOptions
-- @tfield ?boolean return_full_text put the prompt before the generated text (default false)
-- @tfield ?integer concurrency requests at the same time, 1 to 1000 (default 32)
-- @tfield ?boolean retry_generation send a prompt once more whose error is of kind "generation"
-- (default true)

--- A prompt of `client:generate_many` with its own options, which replace the common ones.
-- @table PromptEntry
-- @extends GenerateOptions
-- @tfield string prompt the prompt

local M = {}

--- Checks the type of a prompt.
-- @param text
-- @raise for a prompt that is not a string
function M.check_prompt (text)
  if type(text) == "string" then return end
  usage.fail(("the prompt must be a string, got %s%s"):format(checks.describe(text),
    type(text) == "table" and "; give the prompt first and then a table of parameters" or ""))
end

--- Tells whether the marks of reasoning may be special tokens, which LoRAX leaves out of the text.
local function may_be_special (marks, format)
  if not format or marks ~= format.reasoning then return true end
  for _, token in ipairs(format.special_tokens) do
    if reasoning.is_mark(marks, token) then return true end
  end
  return false
end

--- Prepares a plan for an answer with reasoning. Returns an error for options that contradict it.
local function read_marks (plan, list)
  local settings = plan.settings
  if not plan.marks then return nil end
  if plan.return_full_text then
    if settings.reasoning == nil then
      plan.marks = nil
      return nil
    end
    return select(2, request.refuse("`return_full_text` cannot be used with `reasoning`, because "
      .. "the prompt may contain reasoning, too"))
  end
  if plan.stream or not may_be_special(plan.marks, plan.format) then return nil end
  -- The tokens in the details show marks that are special tokens.
  for i = 1, #list do
    if list[i][1] == "details" then return nil end
  end
  list[#list + 1] = { "details", true }
end

--- Checks the parameters and encodes them into a plan.
local function write (plan, client, given)
  local defaults = config.defaults(client.cfg)
  local merged = given and next(defaults) == nil and given or params.merge(defaults, given)
  local list, err = params.read(merged, { stream = plan.stream,
    check_schema = plan.settings.check_schema })
  if not list then return err end
  err = request.check_token(plan, client, merged.api_token)
  if err then return err end
  local values = {}
  for i = 1, #list do values[list[i][1]] = list[i][2] end
  err = request.check_limits(plan, values)
  if err then return err end
  plan.max_new_tokens = values.max_new_tokens
  plan.return_full_text = merged.return_full_text == true
  err = read_marks(plan, list)
  if err then return err end
  plan.rest = "}"
  if #list == 0 then return nil end
  local text, problem = json.write_members(list)
  if not text then return select(2, request.refuse(problem)) end
  plan.rest = ',"parameters":' .. text .. "}"
  if values.adapter_id ~= "" then plan.adapter_id = values.adapter_id end
  plan.stop = values.stop
  plan.response_format = values.response_format
end

local function body (plan, prompt)
  M.check_prompt(prompt)
  if prompt == "" then return request.refuse "`inputs` cannot be empty" end
  local ok, err = request.check_text(prompt)
  if not ok then return nil, err end
  return '{"inputs":' .. json.text(prompt) .. plan.rest
end

local STREAM_NAMES = request.stream_names(params.names)
local NAMES = request.whole_names(STREAM_NAMES)

--- The route of whole answers.
M.ROUTE = {
  name = "generate", path = "/generate", accept = "application/json", names = NAMES,
  reasons = request.NO_TOKENS, write = write, body = body, read = response.result,
}

--- Reads the events of a stream. Each event is read on its own, so all streams share this object.
local reader = {
  decode = function (_, data) return event.decode(data) end,
  at_end = function () return nil end,
}

--- The route of streams.
M.STREAM = {
  name = "generate_stream", path = "/generate_stream", accept = "text/event-stream", stream = true,
  names = STREAM_NAMES, write = write, body = body, read = response.result,
  reader = function () return reader end,
  finish = response.stream_result,
}

M.ROUTE.streamed = M.STREAM

--- The options of `generate_many`. Its calls use `ROUTE`.
M.MANY = {
  name = "generate_many", reasons = request.NO_TOKENS, route = M.ROUTE,
  entries = { field = "prompt", type = "string", what = "prompt" },
  names = request.many_names(NAMES),
}

return M
