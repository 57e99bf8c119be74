-- SPDX-License-Identifier: MIT
--- A client: one deployment, its connections, and the calls that it can make.
-- @module predibase.client

local call = require "predibase.call"
local checks = require "predibase.value_checks"
local config = require "predibase.config"
local errors = require "predibase.errors"
local generate = require "predibase.generate"
local random = require "predibase.random"
local request = require "predibase.request"
local shared = require "predibase.client.shared"
local stream = require "predibase.stream"
local transports = require "predibase.transport"
local usage = require "predibase.usage"

-- Modules that many programs never need are loaded by the methods that need them; inside nginx,
-- `predibase.resty` loads them when nginx starts.

local M = {}

local Client = { __name = "predibase.client" }
Client.__index = Client

local function check_self (self, method)
  if getmetatable(self) ~= Client then
    usage.fail(("client:%s must be called with a colon on a client"):format(method))
  end
  if self.closed and method ~= "close" then
    usage.fail(("client:%s on a closed client"):format(method))
  end
end

--- Generates a text and waits until it is complete (LoRAX: POST /generate).
-- @tparam string prompt is sent to the model unchanged
-- @tparam ?GenerateOptions options parameters of the API by their own names (`max_new_tokens`,
-- `temperature`, `adapter_id`, …; see `predibase.params`), and of the call: `timeout` (seconds for
-- the whole call, default 600, or a table with the fields `connect`, `first_token`, `token`, `idle`
-- and `total`), `max_retries`, `headers`, `on_request`, `on_response`, `on_retry`; `trim_stop`
-- (boolean) removes the sequence of `stop` at which the server stopped and which the server leaves
-- at the end of the text; `client_stop` (a string or an array of strings) ends the text before the
-- first of these sequences, while the model goes on, unless `stop_on_server` is true: the answer is
-- then collected from a stream, which stops the model, and has no `details.tokens` and no times of
-- the server; `reasoning` separates what the model writes before its answer (`true`: between the
-- marks of the chat format; `{ open, close }`: between these; `false`: not at all), and `format` is
-- the chat format of the prompt, or its name, whose marks are used by default; see
-- `predibase.reasoning`; `check_schema` (boolean, default true) returns an error for a schema that
-- the server cannot turn into a grammar, see `predibase.schema`
-- @treturn[1] Result the result, see `predibase.response`; `tostring` of it is the text
-- @treturn[2] nil
-- @treturn[2] Error the error, see `predibase.errors`
-- @raise for a prompt that is not a string, options that are not a table, an option that does not
-- exist, and a closed client
function Client:generate (prompt, options)
  check_self(self, "generate")
  generate.check_prompt(prompt)
  return stream.run(self.shared, prompt, self.plan(generate.ROUTE, options))
end

--- Generates JSON and returns its value (LoRAX: POST /generate). The text is checked against the
-- schema again when it has arrived, with the keywords that `predibase.validator` lists.
-- @tparam string prompt is sent to the model unchanged
-- @tparam ?GenerateJsonOptions options `schema`: a JSON schema for an object or a list, as JSON
-- text, a table or a value of `predibase.template.ordered` (the order of the properties is that of
-- the answer); and the options of `generate`, except for `return_full_text`; `details` is true by
-- default. Without `schema` and `response_format` the answer is any JSON object
-- @treturn[1] table the value: members of objects that are null are left out, null in a list is
-- `json.null` of `predibase.json`, an integer that a number cannot hold is a string of digits
-- @treturn[1] Result the result, as `generate` returns it
-- @treturn[2] nil
-- @treturn[2] Error the error; of kind "incomplete_generation" when the answer reached its limit of
-- tokens before its JSON was complete; of kind "protocol" for any other text that is not JSON or
-- does not fit; both have `partial_text` (the whole text of the answer), `path` and `reason`, and
-- neither is retryable
-- @raise as `generate` does
function Client:generate_json (prompt, options)
  check_self(self, "generate_json")
  generate.check_prompt(prompt)
  local answer = require "predibase.json_answer"
  answer.check_options(options, "client:generate_json")
  return answer.run(self.shared, prompt, self.plan(answer.GENERATE, options))
end

--- Generates a text token by token (LoRAX: POST /generate_stream). The request is sent by the first
-- `next`, which also returns the errors about values that are not valid.
-- @tparam string prompt is sent to the model unchanged
-- @tparam ?GenerateStreamOptions options as for `generate`, and `on_token`; `keep_text = false`
-- does not keep the text of the tokens, for long streams whose text is not needed again: the result
-- has the text of the closing event, `stream:text()` raises, and errors have no `partial_text`.
-- Without a `timeout` the whole call may take any time while tokens arrive. At a sequence of
-- `client_stop`, which may extend over several tokens, the stream ends and the model stops
-- @treturn TokenStream the stream, see `predibase.stream`, with the further values that the generic
-- `for` of Lua 5.4 takes
-- @raise as `generate` does
function Client:generate_stream (prompt, options)
  check_self(self, "generate_stream")
  generate.check_prompt(prompt)
  return stream.open(self.shared, prompt, self.plan(generate.STREAM, options))
end

--- Generates a text for each of many prompts, several at the same time (LoRAX: POST /generate). The
-- first requests are sent when the program asks for the first outcome. A prompt that fails does not
-- stop the others. A rate limit of the server slows down the whole batch.
--
--     for index, result, err in client:generate_many(prompts) do … end      -- as they finish
--     local results, errors = client:generate_many(prompts):results()       -- in their order
-- @tparam (string|PromptEntry)[]|fun():(string|PromptEntry|nil) prompts an array, or a function
-- that returns the next prompt and nil at the end, such as `lines(path)` of `predibase.files`; a
-- prompt is a string, or a table with the field `prompt` and its own options, which replace the
-- common ones
-- @tparam ?GenerateManyOptions options as for `generate`, and `concurrency` (number of requests at
-- the same time, 1 to 1000, default 32); `retry_generation` (boolean, default true): a prompt whose
-- error is of kind "generation" is sent once more after all others have begun, one such prompt at a
-- time
-- @treturn GenerateBatch the batch, see `predibase.batch`, with the further values that the generic
-- `for` of Lua 5.4 takes
-- @raise as `generate` does, also for an entry of the array
function Client:generate_many (prompts, options)
  check_self(self, "generate_many")
  request.check(options, generate.MANY)
  local made = require "predibase.batch".new(self, generate.MANY, prompts, options)
  return made, nil, nil, made
end

--- Answers the rows of a file, or of the program, several at the same time, and writes the answers
-- into a file. See `predibase.bulk.run` for what the run does, and docs/bulk.md for a tour.
--
--     for row, result, err, at in client:run_bulk { input = "in.csv", template = t } do … end
--     local summary, err = client:run_bulk { input = "in.jsonl", out = "out.jsonl" }:finish()
-- @tparam BulkOptions options either `input` (the path of a file, or an open file) or `rows` (an
-- array, or a function that returns the next row and nil at the end; a row is a table of its
-- columns, or a prompt as a string); and
--
-- * `format` of the file ("jsonl", "csv", "tsv", "lines"; by default that of its extension),
--   `columns` (array of names, for CSV without a header line), `quotes` (false for CSV and TSV in
--   which quotes have no meaning)
-- * `template` (a text with `{names}`, a template, a chat format, or a function that takes a row
--   and returns a prompt or messages), `dialect` ("template", "prompt", "predibase", "openai"; by
--   default found by the fields of each row), `id` (the column with the ids), `options` (of all
--   calls, as for `generate` or `chat_completion`; `max_retries` is 8 by default)
-- * `out` (the path of the output, or a function that takes the text of each record), `out_format`
--   ("jsonl", "csv", "tsv"), `ordered` (boolean: in the order of the rows), `timing` (boolean: with
--   the seconds of each answer), `keep_changed` (boolean: keep answers of rows or options that have
--   changed since then)
-- * `concurrency` (1 to 1000, or "auto", the default: from 16 up to 256, as the server bears it),
--   `limit` (the first rows only), `sample` (this many rows, drawn from all of them; each run with
--   the same input draws the same), `shard` ("I/N", "auto",
--   "auto/N", see `predibase.bulk.shards`)
-- * `max_tokens` and `max_cost`: no row is begun that would exceed them; `price_in` and `price_out`
--   of a million tokens
-- * `evaluate`: the column with the expected answers, or `{ column =, how = }`, see
--   `predibase.bulk.evaluation`
-- @treturn BulkRun the run, see `predibase.bulk.run`, with the further values that the generic
-- `for` of Lua 5.4 takes. If a file cannot be read or written, or options contradict each other,
-- its first `next` returns the error
-- @raise for an option that does not exist or has the wrong type, and for a closed client
function Client:run_bulk (options)
  check_self(self, "run_bulk")
  local run = require "predibase.bulk".new(self, options)
  return run, nil, nil, run
end

--- Answers a conversation, and waits until the answer is complete (LoRAX and OpenAI: POST
-- /v1/chat/completions). The server renders the messages with the chat template of its model.
-- @tparam Message[] messages array of `{ role =, content = }` in OpenAI's form, see
-- `predibase.wire_messages`: `content` is a string or an array of parts, among them images of
-- `predibase.image`; also an assistant's `tool_calls`, and the results of tools
-- @tparam ?ChatOptions options parameters of the API: `max_tokens` (also as `max_new_tokens` or
-- `max_completion_tokens`), `adapter_id` (or `model`), `adapter_source`, `api_token`,
-- `temperature`, `top_p`, `top_k`, `n`, `stop` (a string or an array), `presence_penalty`,
-- `frequency_penalty`, `repetition_penalty`, `ignore_eos_token`, `seed`, `response_format`,
-- `tool_prompt`, `guideline`, `extra`; `tools` (see `predibase.tools`) and `tool_choice` (`"auto"`,
-- `"none"`, `"required"`, the name of a tool, or OpenAI's table); and options of the call, as for
-- `generate`
-- @treturn[1] ChatResult the result, see `predibase.response`: `text`, `message` (to append to the
-- messages), `tool_calls` (array of `{ id, name, arguments, raw_arguments }`: `arguments` is a
-- table, and nil when the text of `raw_arguments` is not a JSON object), `reasoning`, `choices`
-- (all answers, when `n` is above 1)
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise as `generate` does, and for messages that are not a table
function Client:chat_completion (messages, options)
  check_self(self, "chat_completion")
  local chat_completion = require "predibase.chat_completion"
  chat_completion.check_messages(messages)
  return stream.run(self.shared, messages, self.plan(chat_completion.ROUTE, options))
end

--- Answers a conversation with JSON and returns its value (LoRAX and OpenAI: POST
-- /v1/chat/completions), as `generate_json` does for a prompt.
-- @tparam Message[] messages as for `chat_completion`
-- @tparam ?ChatJsonOptions options `schema` as for `generate_json`, and those of `chat_completion`
-- @treturn[1] table the value
-- @treturn[1] ChatResult the result, as `chat_completion` returns it
-- @treturn[2] nil
-- @treturn[2] Error the error, see `generate_json`
-- @raise as `chat_completion` does
function Client:chat_completion_json (messages, options)
  check_self(self, "chat_completion_json")
  require "predibase.chat_completion".check_messages(messages)
  local answer = require "predibase.json_answer"
  answer.check_options(options, "client:chat_completion_json")
  return answer.run(self.shared, messages, self.plan(answer.chat(), options))
end

--- Answers a conversation delta by delta (LoRAX and OpenAI: POST /v1/chat/completions). The stream
-- is complete when a chunk with a finish reason has come.
-- @tparam Message[] messages as for `chat_completion`
-- @tparam ?ChatStreamOptions options as for `chat_completion`, and `on_token`, which receives each
-- delta
-- @treturn ChatStream the stream, see `predibase.stream`, of deltas `{ text, reasoning, tool_calls,
-- finish_reason }`; `text` is always a string, and `tool_calls` are in the last delta
-- @raise as `chat_completion` does
function Client:chat_completion_stream (messages, options)
  check_self(self, "chat_completion_stream")
  local chat_completion = require "predibase.chat_completion"
  chat_completion.check_messages(messages)
  return stream.open(self.shared, messages, self.plan(chat_completion.STREAM, options))
end

--- Answers many conversations, several at the same time. Works as `generate_many`.
-- @tparam (Message[]|ConversationEntry)[]|fun():(Message[]|ConversationEntry|nil) list an array of
-- arrays of messages, or a function that returns the next one; an entry may also be a table with
-- the field `messages` and its own options
-- @tparam ?ChatManyOptions options as for `chat_completion`, and `concurrency` and
-- `retry_generation` as for `generate_many`
-- @treturn ChatBatch the batch, see `predibase.batch`, with the further values that the generic
-- `for` of Lua 5.4 takes
-- @raise as `chat_completion` does, also for an entry of the array
function Client:chat_completion_many (list, options)
  check_self(self, "chat_completion_many")
  local chat_completion = require "predibase.chat_completion"
  request.check(options, chat_completion.MANY)
  local made = require "predibase.batch".new(self, chat_completion.MANY, list, options)
  return made, nil, nil, made
end

--- Continues a prompt (LoRAX and OpenAI: POST /v1/completions). `generate` does the same with more
-- parameters and details; this is for servers that only have OpenAI's API.
-- @tparam string prompt
-- @tparam ?CompletionOptions options parameters of the API: `max_tokens`, `adapter_id` (or
-- `model`), `temperature`, `top_p`, `top_k`, `n`, `best_of`, `echo`, `logprobs`, `stop`,
-- `presence_penalty`, `frequency_penalty`, `repetition_penalty`, `ignore_eos_token`, `seed`,
-- `adapter_source`, `api_token`, `extra`; and options of the call, as for `generate`. LoRAX would
-- ignore an `n` above 1, `logprobs`, and in a stream `echo`, so they are refused unless `server` is
-- `"openai"`
-- @treturn[1] CompletionResult the result, see `predibase.response`
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise as `generate` does
function Client:completion (prompt, options)
  check_self(self, "completion")
  generate.check_prompt(prompt)
  return stream.run(self.shared, prompt, self.plan(require "predibase.completion".ROUTE, options))
end

--- Continues a prompt delta by delta (LoRAX and OpenAI: POST /v1/completions).
-- @tparam string prompt
-- @tparam ?CompletionStreamOptions options as for `completion`, and `on_token`
-- @treturn CompletionStream the stream, see `predibase.stream`, of deltas `{ text, finish_reason }`
-- @raise as `generate` does
function Client:completion_stream (prompt, options)
  check_self(self, "completion_stream")
  generate.check_prompt(prompt)
  return stream.open(self.shared, prompt, self.plan(require "predibase.completion".STREAM, options))
end

--- Cuts a text into tokens with the server's own tokenizer, to count them (LoRAX: POST /tokenize).
-- @tparam string text may be empty
-- @tparam ?TokenizeOptions options `add_special_tokens` (boolean, default true) includes the tokens
-- that begin and end a text, as `generate` does; `timeout`, `max_retries`, `headers`, `on_request`,
-- `on_response`, `on_retry` as for `generate`
-- @treturn[1] TextToken[] array of `{ id, text, start, stop }`: `text` is the token as the model's
-- vocabulary writes it; `start` and `stop` are positions in characters, counted from 0, and the
-- character at `stop` does not belong to the token
-- @treturn[2] nil
-- @treturn[2] Error the error; of kind "not_found" where the server has no such route, or the
-- router could not load the model's tokenizer
-- @raise as `generate` does
function Client:tokenize (text, options)
  check_self(self, "tokenize")
  local tokenize = require "predibase.tokenize"
  tokenize.check_text(text)
  return call.run(self.shared, text, self.plan(tokenize.ROUTE, options))
end

--- Makes vectors of texts, whose directions are similar when the texts mean similar things (LoRAX:
-- POST /embed for one text, /v1/embeddings for several). See `predibase.similarity`.
-- @tparam string|string[] input a text, or an array of texts; for an empty array nothing is sent
-- @tparam ?EmbedOptions options `adapter_id` (or `model`), `adapter_source`, `merged_adapters`,
-- `api_token`, `extra`; `batch_size` (texts in a request, 1 to 2048, default 32) and `concurrency`
-- (requests at the same time, 1 to 1000, default 8) for long arrays; `timeout` (seconds for the
-- whole call, default 600, or a table), `max_retries`, `headers`, `on_request`, `on_response`,
-- `on_retry` as for `generate`. For adapters of Predibase the client's API token is sent in the
-- body, with which the server downloads them
-- @treturn[1] number[]|number[][] for a text its vector, an array of numbers; for an array the
-- array of the vectors in the order of the texts, which all have the same size
-- @treturn[1] About `usage` (`prompt_tokens` and `total_tokens`, where the server counts them),
-- `timing` (`total` in seconds), `request_id`, `request_ids` (of all requests), `requests` (their
-- number), `attempts`, `trace_id`, `headers`, `status`, `adapter_id`, `model_id`
-- @treturn[2] nil
-- @treturn[2] Error the error. When the texts were sent in several requests and one fails, the
-- others are closed, and no vector is returned
-- @raise as `generate` does, and for input of another type
-- @overload fun(self:Client,input:string,options:EmbedOptions?):(number[]?,About|Error)
function Client:embed (input, options)
  check_self(self, "embed")
  return require "predibase.embed".run(self, self.plan, input, options, "client:embed")
end

--- Classifies texts. What a result is depends on the server. LoRAX (POST /classify,
-- /classify_batch) finds the entities in a text, such as names, with its base model. The managed
-- service and vLLM (POST /classify with other fields) give a text one of several labels. The first
-- call of a client finds out which of the two its server does.
-- @tparam string|string[] input a text, or an array of texts; for an empty array nothing is sent
-- @tparam ?ClassifyOptions options `adapter_id` (or `model`), `api_token` (by default the client's,
-- if there is an adapter), `extra`; `batch_size`, `concurrency` and options of the call as for
-- `embed`
-- @treturn[1] Classification|Classification[] for a text its result, for an array the array of the
-- results in the order of the texts. The result of LoRAX is an array of entities `{ entity_group,
-- score, word, first, last }`; `first` and `last` are positions in bytes, as `text:sub(first,
-- last)` takes them. The result of the managed service is a table `{ label, probs, num_classes }`;
-- `probs` has the probability of each class
-- @treturn[1] About what is known besides, as for `embed`
-- @treturn[2] nil
-- @treturn[2] Error the error; as for `embed`, there are no results beside an error
-- @raise as `embed` does
-- @overload fun(self:Client,input:string,options:ClassifyOptions?):(Classification?,About|Error)
function Client:classify (input, options)
  check_self(self, "classify")
  return require "predibase.classify".run(self, self.plan, input, options, "client:classify")
end

--- Returns what the server says about its model and its limits (LoRAX: GET /info).
-- @tparam ?CallOptions options `timeout`, `max_retries`, `headers`, `on_request`, `on_response`,
-- `on_retry` as for `generate`
-- @treturn[1] Info `model_id`, `model_sha`, `model_dtype`, `model_device_type`,
-- `model_pipeline_tag`, `max_concurrent_requests`, `max_best_of`, `max_stop_sequences`,
-- `max_input_length`, `max_total_tokens`, `max_batch_total_tokens` (in tokens),
-- `waiting_served_ratio`, `max_waiting_tokens`, `validation_workers`, `eager_prefill`, `version`,
-- `sha`, `docker_label`, `request_logger_url`; those that the server does not know are nil
-- @treturn[2] nil
-- @treturn[2] Error the error; of kind "not_found" where the server has no such route
-- @raise for options that are not a table, an option that does not exist, and a closed client
function Client:info (options)
  check_self(self, "info")
  return call.run(self.shared, nil, self.plan(require "predibase.info".ROUTE, options))
end

--- Tells whether the server can answer (LoRAX: GET /health). Before its first answer, LoRAX
-- generates a token to find out, which may take seconds. A failed attempt is repeated as in
-- `generate`; with `max_retries = 0` the first one decides.
-- @tparam ?CallOptions options as for `info`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error the error; of kind "server" with the status 503 when the server is not healthy
-- @raise as `info` does
function Client:health (options)
  check_self(self, "health")
  return call.run(self.shared, nil, self.plan(require "predibase.info".HEALTH, options))
end

--- Returns the numbers that the server counts, such as the requests that wait (LoRAX: GET
-- /metrics).
-- @tparam ?MetricsOptions options `text` (boolean): return Prometheus' text format unread; and
-- options of the call as for `info`
-- @treturn[1] table<string,Metric> name -> `{ type, value, sum, count, series }`. `type` is
-- "counter", "gauge", "histogram" or "summary". `value` is the number of a counter or a gauge;
-- `sum` and `count` are those of a histogram or summary. `series` is the array of the numbers with
-- labels: `{ labels, value, part }`, where `part` is "sum", "count" or "bucket" for the numbers of
-- a histogram
-- @treturn[2] string with the option `text`
-- @treturn[3] nil
-- @treturn[3] Error the error
-- @raise as `info` does
-- @overload fun(self:Client,options:MetricsTextOptions):(string?,Error)
function Client:metrics (options)
  check_self(self, "metrics")
  local metrics = require "predibase.metrics"
  request.check(options, metrics.ROUTE)
  local route, err = metrics.route(options)
  if not route then return call.report(self.shared, err, request.error_hook(options)) end
  return call.run(self.shared, nil, self.plan(route, options))
end

--- Sends a request to any path of the server, for what the other methods do not do.
--
--     local models = assert(client:request("GET", "/v1/models")).json
--     for event in client:request("POST", "/generate_stream", body, { stream = true }) do
--       print(event.text)
--     end
-- @tparam "GET"|"POST"|"PUT"|"PATCH"|"DELETE"|"OPTIONS" method GET, POST, PUT, PATCH, DELETE or
-- OPTIONS
-- @tparam string path is appended to the client's URL: it begins with `/`, may have a query, and
-- cannot leave the URL (no `//`, `.`, `..`, backslash or fragment, also not percent-encoded)
-- @tparam ?table|string body a table is sent as JSON, a string as it is; at most 2 MiB
-- @tparam ?RequestOptions options `stream` (boolean): read the answer as a stream of events;
-- `accept` (default `*/*`); `content_type` of the body (default `application/json`); and options of
-- the call as for `info`. A POST or PATCH is repeated only if the call gives `max_retries`, because
-- the server may have acted on the first one
-- @treturn[1] RawResponse `status`, `headers` (lower-case name -> value), `body` (string), `json`
-- (the decoded body, if its content type is JSON), `request_id`, `trace_id`, `timing`, `attempts`
-- @treturn[2] EventStream with `stream`: the stream, see `predibase.stream`, with the further
-- values that the generic `for` of Lua 5.4 takes. Each event is a table with its data in the field
-- `text`, which is not read: an event may report an error
-- @treturn[3] nil
-- @treturn[3] Error the error, also for every status except 2xx
-- @raise as `info` does, for a method that is not in the list, and for a body with GET
-- @overload fun(self:Client, method:string, path:string, body:table|string|nil,
-- options:RequestStreamOptions):EventStream
function Client:request (method, path, body, options)
  check_self(self, "request")
  local plan, err, is_stream = require "predibase.raw_request".plan(self, method, path, body,
    options)
  local hook = not plan and request.error_hook(options) or nil
  if is_stream then return stream.open(self.shared, nil, plan, err, hook) end
  return call.run(self.shared, nil, plan, err, hook)
end

--- Makes an object for the calls of one adapter: it renders the adapter's template, and sends the
-- adapter's id, source and defaults with every call. Closing it leaves the client open.
-- @tparam string id such as `"my-repo/3"`
-- @tparam ?AdapterOptions options `template` (of `predibase.template`, or a chat format),
-- `adapter_source`, `defaults` (parameters and options of calls); when `template` is a chat format,
-- also `special_tokens_in_text`, `enable_thinking`, `variables`, `date_string` and `now`, as for
-- `format:render`
-- @treturn Adapter see `predibase.adapter`
-- @raise for options that do not exist or have the wrong type
function Client:adapter (id, options)
  check_self(self, "adapter")
  return require "predibase.adapter".new(self, id, options)
end

--- Begins a conversation.
-- @tparam ?SessionOptions options see `predibase.chat`
-- @treturn[1] Session the session, see `predibase.chat`
-- @treturn[2] nil
-- @treturn[2] Error the error; of kind "template" when the format does not exist or has no system
-- message
-- @raise for options that do not exist
function Client:chat_session (options)
  check_self(self, "chat_session")
  return require "predibase.chat".new(self, options)
end

--- Closes all connections. Open streams fail with kind "cancelled". May be called any number of
-- times.
function Client:close ()
  check_self(self, "close")
  self.closed = true
  self.transport:close()
end

Client.__close = Client.close

function Client:__tostring ()
  return ("predibase.client (%s%s)"):format(self.cfg.url, self.closed and ", closed" or "")
end

local function is_client (value)
  return type(value) == "table" and getmetatable(value) == Client
end

--- Makes the object of a client or a view. Returns nil and an error when its options do not fit
-- together.
local function new_client (cfg, transport, clock, base, own)
  local self = setmetatable({
    cfg = cfg,
    user_agent = request.user_agent(cfg, clock.version),
    transport = transport,
    clock = clock,            -- what belongs to the transport: `now`, `random`, `version`
    closed = false,
    shared = nil, fallback = nil, plan = nil,
  }, Client)
  local err
  self.shared, err = shared.new(self, clock, is_client, base and base.shared, own)
  if not self.shared then return nil, err end
  self.fallback = self.shared.fallback
  self.plan = request.planner(self, nil, true)
  return self
end

--- Waits until the server can answer, for example while a deployment that was scaled to zero starts
-- (LoRAX: GET /health).
-- @tparam ?WaitOptions options `timeout` (seconds, default 600); `on_wait`, a function that is
-- called before each pause with `{ error, attempt, waited, delay }`: why the server is not ready,
-- the number of questions, the seconds since the beginning, and those until the next question
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error the error: of kind "timeout", or one that does not go away by waiting, such as
-- "authentication" or "not_found"
-- @raise for options that do not exist or have the wrong type, and for a closed client
function Client:wait_ready (options)
  check_self(self, "wait_ready")
  return require "predibase.readiness".wait(self, options)
end

--- Makes a view of this client: another deployment, token or default parameters over the same
-- connections. The calls of both count for the same `rate_limit` and `concurrency`, unless the view
-- is given its own. Closing the view leaves the client open.
-- @tparam ClientOptions options as for `predibase.new`, without `loop` and `transport`. They
-- replace those of the client; `defaults`, `headers` and `timeout` are merged with them
-- @treturn[1] Client a client
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "config"
-- @raise for an option that does not exist, and for options that are not a table
function Client:with (options)
  check_self(self, "with")
  if type(options) ~= "table" then
    usage.fail("client:with takes the options as a table, got " .. checks.describe(options))
  end
  local cfg, own = config.with(self.cfg, options, os.getenv)
  if not cfg then return nil, own end
  local view, problem = self.transport:view(cfg)
  if not view then return nil, errors.new { kind = "config", message = problem } end
  return new_client(cfg, view, self.clock, self, own)
end

--- Makes a client. Opens no connection yet.
-- @tparam ?ClientOptions options see `predibase.config`
-- @treturn[1] Client the client
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "config"
-- @raise for an option that does not exist
function M.new (options)
  local cfg, err = config.new(options, os.getenv)
  if not cfg then return nil, err end
  local transport = cfg.transport or transports.default()
  local loop = cfg.loop or require "predibase.loop.default".new()
  local made, problem = transport.new(cfg, loop)
  if not made then return nil, errors.new { kind = "config", message = problem } end
  return new_client(cfg, made, {
    now = transport.now, version = transport.version(), count = transport.count,
    random = random.of_process(transport.process, transport.now),
  })
end

return M
