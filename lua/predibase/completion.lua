-- SPDX-License-Identifier: MIT
--- Completions (LoRAX and OpenAI: POST /v1/completions): continues a prompt, as `generate` does,
-- with the fields of OpenAI's older API.
-- @module predibase.completion

local chat_completion = require "predibase.chat_completion"
local chat_delta = require "predibase.chat_delta"
local choices = require "predibase.choices"
local generate = require "predibase.generate"
local json = require "predibase.json"
local openai_api = require "predibase.openai_api"
local params = require "predibase.params"
local reasoning = require "predibase.reasoning"
local request = require "predibase.request"
local stops = require "predibase.stop_sequences"

--- The parameters of completions.
-- @table CompletionParameters
-- @tfield ?integer max_tokens most tokens of the answer, above 0
-- @tfield ?integer max_new_tokens the same by its name in `generate`
-- @tfield ?integer max_completion_tokens the same by its newer name in OpenAI's API
-- @tfield ?string adapter_id `repo/version` at Predibase (default: the base model)
-- @tfield ?string model the same by its name in OpenAI's API
-- @tfield ?"pbase"|"hub"|"local"|"s3" adapter_source where the adapter is (default `"pbase"`)
-- @tfield ?string api_token for private adapters of the hub
-- @tfield ?number temperature 0 or more; 0 always takes the most likely token
-- @tfield ?number top_p above 0, at most 1
-- @tfield ?integer top_k only the so many most likely tokens
-- @tfield ?integer n make so many answers; LoRAX allows only 1
-- @tfield ?integer best_of make so many answers and return the most likely one
-- @tfield ?boolean echo put the prompt before the text
-- @tfield ?boolean return_full_text the same by its name in `generate`
-- @tfield ?integer logprobs return probabilities; not with LoRAX
-- @tfield ?string|string[] stop the sequences at which the server stops
-- @tfield ?number presence_penalty -2 to 2
-- @tfield ?number frequency_penalty -2 to 2
-- @tfield ?number repetition_penalty above 0
-- @tfield ?number repitition_penalty the spelling of Predibase's documentation
-- @tfield ?boolean ignore_eos_token go on after the end-of-sequence token
-- @tfield ?integer|string seed 0 to 2^64 - 1, or its decimal digits
-- @tfield ?table<string,any> extra further fields of the request

--- The options of `client:completion`.
-- @table CompletionOptions
-- @extends CompletionParameters, TextOptions, CallOptions
-- @tfield ?boolean stop_on_server with `client_stop`: stop the model at the sequence (default
-- false)

--- The options of `client:completion_stream`.
-- @table CompletionStreamOptions
-- @extends CompletionParameters, TextOptions, CallOptions
-- @tfield ?boolean keep_text `false` does not keep the text for the result (default true)
-- @tfield ?fun(delta:CompletionDelta) on_token receives each delta

--- The result of `client:completion`.
-- @table CompletionResult
-- @extends Result
-- @tfield ?CompletionChoice[] choices all answers, when there are several
-- @tfield ?any logprobs the probabilities, as the server sent them

--- One of several answers to a completion.
-- @table CompletionChoice
-- @tfield string text the text
-- @tfield ?string finish_reason why it ended
-- @tfield ?string raw_finish_reason the server's word for it
-- @tfield ?string stop_sequence the sequence that was removed from its end
-- @tfield ?string reasoning what the model wrote before its answer
-- @tfield ?any logprobs the probabilities, as the server sent them

local M = {}

local I32 = 2^31 - 1

--- Finds values that a server would refuse, or would ignore without a word.
local function conflict (values, context)
  local is_lorax, stream = context.server ~= "openai", context.stream
  local n, best_of = values.n or 1, values.best_of or 1
  if stream and n > 1 then return "`n` must be 1 when streaming" end
  if stream and best_of > 1 then return "`best_of` must be 1 when streaming" end
  if not is_lorax then return nil end
  if n > 1 then
    return "`n` must be 1: LoRAX returns one answer here; chat_completion returns several"
  elseif values.logprobs then
    return "`logprobs`: LoRAX returns none here; use generate with details = true"
  elseif stream and values.echo then
    return "`echo` cannot be used when streaming: LoRAX then leaves the prompt out"
  elseif best_of > 1 then
    -- LoRAX samples whenever there is an `n`.
    if not (values.n or values.temperature or values.top_k or values.top_p) then
      return "you must use sampling when `best_of` is > 1"
    end
    if values.seed ~= nil then return "`seed` must not be set when `best_of` > 1" end
  end
end

--- The parameters, in the order of sending. `adapter_id` is sent as `model`.
M.parameters = params.define {
  list = {
    { name = "adapter_id", kind = "identifier" },
    { name = "adapter_source", kind = "choice", choices = { "hub", "local", "s3", "pbase" } },
    { name = "api_token", kind = "token" },
    { name = "best_of", kind = "integer", min = 0, max = 2^53 - 1 },
    { name = "temperature", kind = "single" },
    { name = "top_p", kind = "single" },
    { name = "n", kind = "integer", max = I32 },
    { name = "max_tokens", kind = "integer", min = -2^31, max = I32 },
    { name = "echo", kind = "boolean" },
    { name = "logprobs", kind = "integer", min = 0, max = I32 },
    { name = "stop", kind = "strings", single = true },
    { name = "presence_penalty", kind = "single" },
    { name = "frequency_penalty", kind = "single" },
    { name = "repetition_penalty", kind = "single" },
    { name = "top_k", kind = "integer", min = -2^31, max = I32 },
    { name = "ignore_eos_token", kind = "boolean" },
    { name = "seed", kind = "seed" },
  },
  ranges = chat_completion.parameters.ranges,
  aliases = { model = "adapter_id", max_new_tokens = "max_tokens",
    max_completion_tokens = "max_tokens", repitition_penalty = "repetition_penalty",
    return_full_text = "echo" },
  reserved = { "prompt", "stream" },
  before = conflict,
  complete = chat_completion.parameters.complete,
}

local STREAM_NAMES = request.stream_names(M.parameters.names)
local NAMES = request.whole_names(STREAM_NAMES)

local function write (plan, client, given)
  local server = client.cfg.server
  local all = openai_api.merged(client, given, plan.route)
  if plan.stream and not (given and (given.echo or given.return_full_text)) then
    all.echo = nil        -- a default of the client, which is for whole answers
  end
  local list, err = params.read(all, { stream = plan.stream, server = server }, M.parameters)
  if not list then return err end
  err = request.check_token(plan, client, all.api_token)
  if err then return err end
  local model, members = openai_api.members_of(plan, list, server)
  openai_api.add_stream(plan, members, server)
  err = openai_api.encode(plan, client, model, members)
  if err then return err end
  plan.context.plain = true
end

local function body (plan, prompt)
  generate.check_prompt(prompt)
  if prompt == "" then return request.refuse "`prompt` cannot be empty" end
  local ok, err = request.check_text(prompt, "prompt")
  if not ok then return nil, err end
  return '{"model":' .. plan.model .. ',"prompt":' .. json.text(prompt) .. plan.rest
end

--- Reads one choice. Returns `text`, `finish_reason`, `raw_finish_reason` and `logprobs`; or nil
-- and what is wrong.
local function read_answer (choice, path, meta)
  local text, problem = choices.string(choice, "text", path)
  if not text then return nil, problem or path .. ".text is not a string" end
  local raw
  raw, problem = choices.string(choice, "finish_reason", path)
  if problem then return nil, problem end
  local made = { raw_finish_reason = raw }
  local kind
  if meta.marks then
    text, made.reasoning = reasoning.split(text, meta.marks, meta.begins_inside)
  end
  made.text, made.stop_sequence, kind = stops.cut(text, meta.stop, meta.trim)
  made.finish_reason = kind == "stop" and "stop_sequence"
    or choices.finish_reason(raw, meta.context.server)
  if choice.logprobs ~= json.null then made.logprobs = choice.logprobs end
  return made
end

--- The route of whole answers.
M.ROUTE = {
  name = "completion", path = "/v1/completions", accept = "application/json",
  names = NAMES, params = M.parameters, needs = openai_api.NEEDS,
  reasons = request.NO_TOKENS, write = write, body = body,
  read = function (reply, meta) return openai_api.read(reply, meta, read_answer) end,
}

--- The route of streams.
M.STREAM = {
  name = "completion_stream", path = "/v1/completions", accept = "text/event-stream",
  stream = true, deltas = true, names = STREAM_NAMES, params = M.parameters,
  needs = openai_api.NEEDS,
  write = write, body = body, read = M.ROUTE.read, reader = chat_delta.new,
  finish = openai_api.finish,
}

M.ROUTE.streamed = M.STREAM

return M
