---@meta predibase
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/init.lua by `make types`; do not edit.

---Generates text with large language models that Predibase or your own LoRAX server serves.
---
---`predibase.new` makes a client. The methods of a client, such as `generate`, are also functions
---of this module: they use a client that is made from the environment when one is first called.
---`predibase.template` and `predibase.chat` are also the fields `template` and `chat` of this
---module; `predibase.image` makes an image, see `predibase.image`, and
---`predibase.similarity(a, b)` compares two vectors, see `predibase.similarity`.
---
---A function raises an error only when the program is wrong: an argument of the wrong type, an
---option that does not exist, a closed client. Every other failure is returned as `nil, err`.
---@class predibase
---@field _VERSION string The version of the library, as in semver.org.
---@field template predibase.template The module `predibase.template`.
---@field chat predibase.chat The module `predibase.chat`.
local M = {}

---Makes a client.
---@param options? predibase.ClientOptions see `predibase.config`; the environment supplies what is missing: `PREDIBASE_API_TOKEN`, `PREDIBASE_TENANT_ID`, `PREDIBASE_DEPLOYMENT`, `PREDIBASE_BASE_URL`
---@return predibase.Client? # the client, see `predibase.client`
---@return predibase.Error # the error, of kind "config"
---@return_overload predibase.Client
---@return_overload nil, predibase.Error
function M.new(options) end

---Tells whether a value is an error object of this library, as in `pcall` around a `for` loop.
---@param value any anything
---@return TypeGuard<predibase.Error>
function M.is_error(value) end

---Generates a text and waits until it is complete (LoRAX: POST /generate).
---
---Uses the client that is made from the environment.
---@param prompt string
---@param options? predibase.GenerateOptions see `predibase.client`
---@return predibase.Result? # the result
---@return predibase.Error # the error
---@return_overload predibase.Result
---@return_overload nil, predibase.Error
function M.generate(prompt, options) end

---Generates JSON and returns its value (LoRAX: POST /generate). The text is checked against the
---schema again when it has arrived, with the keywords that `predibase.validator` lists.
---
---Uses the client that is made from the environment.
---@param prompt string
---@param options? predibase.GenerateJsonOptions see `predibase.client`
---@return table? # the value
---@return predibase.Result|predibase.Error # the result; or the error
---@return_overload table, predibase.Result
---@return_overload nil, predibase.Error
function M.generate_json(prompt, options) end

---Generates a text token by token (LoRAX: POST /generate_stream). The request is sent by the first
---`next`, which also returns the errors about values that are not valid.
---
---Uses the client that is made from the environment.
---@param prompt string
---@param options? predibase.GenerateStreamOptions see `predibase.client`
---@return predibase.TokenStream # the stream, with the further values that the generic `for` of Lua 5.4 takes
function M.generate_stream(prompt, options) end

---Waits until the server can answer, for example while a deployment that was scaled to zero starts
---(LoRAX: GET /health).
---
---Uses the client that is made from the environment.
---@param options? predibase.WaitOptions see `predibase.client`
---@return boolean? # true
---@return predibase.Error # the error
---@return_overload boolean
---@return_overload nil, predibase.Error
function M.wait_ready(options) end

---Generates a text for each of many prompts, several at the same time (LoRAX: POST /generate). The
---first requests are sent when the program asks for the first outcome. A prompt that fails does not
---stop the others. A rate limit of the server slows down the whole batch.
---
---    for index, result, err in client:generate_many(prompts) do … end      -- as they finish
---    local results, errors = client:generate_many(prompts):results()       -- in their order
---
---Uses the client that is made from the environment.
---@param prompts (string|predibase.PromptEntry)[]|fun(): (string|predibase.PromptEntry|nil)
---@param options? predibase.GenerateManyOptions see `predibase.client`
---@return predibase.GenerateBatch # the batch, with the further values that the generic `for` of Lua 5.4 takes
function M.generate_many(prompts, options) end

---Answers a conversation, and waits until the answer is complete (LoRAX and OpenAI: POST
---/v1/chat/completions). The server renders the messages with the chat template of its model.
---
---Uses the client that is made from the environment.
---@param messages predibase.Message[]
---@param options? predibase.ChatOptions see `predibase.client`
---@return predibase.ChatResult? # the result
---@return predibase.Error # the error
---@return_overload predibase.ChatResult
---@return_overload nil, predibase.Error
function M.chat_completion(messages, options) end

---Answers a conversation with JSON and returns its value (LoRAX and OpenAI: POST
---/v1/chat/completions), as `generate_json` does for a prompt.
---
---Uses the client that is made from the environment.
---@param messages predibase.Message[]
---@param options? predibase.ChatJsonOptions see `predibase.client`
---@return table? # the value
---@return predibase.ChatResult|predibase.Error # the result; or the error
---@return_overload table, predibase.ChatResult
---@return_overload nil, predibase.Error
function M.chat_completion_json(messages, options) end

---Answers a conversation delta by delta (LoRAX and OpenAI: POST /v1/chat/completions). The stream
---is complete when a chunk with a finish reason has come.
---
---Uses the client that is made from the environment.
---@param messages predibase.Message[]
---@param options? predibase.ChatStreamOptions see `predibase.client`
---@return predibase.ChatStream # the stream, with the further values that the generic `for` of Lua 5.4 takes
function M.chat_completion_stream(messages, options) end

---Answers many conversations, several at the same time. Works as `generate_many`.
---
---Uses the client that is made from the environment.
---@param list (predibase.Message[]|predibase.ConversationEntry)[]|fun(): (predibase.Message[]|predibase.ConversationEntry|nil)
---@param options? predibase.ChatManyOptions see `predibase.client`
---@return predibase.ChatBatch # the batch, with the further values that the generic `for` of Lua 5.4 takes
function M.chat_completion_many(list, options) end

---Continues a prompt (LoRAX and OpenAI: POST /v1/completions). `generate` does the same with more
---parameters and details; this is for servers that only have OpenAI's API.
---
---Uses the client that is made from the environment.
---@param prompt string
---@param options? predibase.CompletionOptions see `predibase.client`
---@return predibase.CompletionResult? # the result
---@return predibase.Error # the error
---@return_overload predibase.CompletionResult
---@return_overload nil, predibase.Error
function M.completion(prompt, options) end

---Continues a prompt delta by delta (LoRAX and OpenAI: POST /v1/completions).
---
---Uses the client that is made from the environment.
---@param prompt string
---@param options? predibase.CompletionStreamOptions see `predibase.client`
---@return predibase.CompletionStream # the stream, with the further values that the generic `for` of Lua 5.4 takes
function M.completion_stream(prompt, options) end

---Cuts a text into tokens with the server's own tokenizer, to count them (LoRAX: POST /tokenize).
---
---Uses the client that is made from the environment.
---@param text string
---@param options? predibase.TokenizeOptions see `predibase.client`
---@return predibase.TextToken[]? # array of `{ id, text, start, stop }`
---@return predibase.Error # the error
---@return_overload predibase.TextToken[]
---@return_overload nil, predibase.Error
function M.tokenize(text, options) end

---Makes vectors of texts, whose directions are similar when the texts mean similar things (LoRAX:
---POST /embed for one text, /v1/embeddings for several). See `predibase.similarity`.
---
---Uses the client that is made from the environment.
---@overload fun(input: string, options: predibase.EmbedOptions?): (number[]?, predibase.About|predibase.Error)
---@param input string[] a text, or an array of texts
---@param options? predibase.EmbedOptions see `predibase.client`
---@return number[][]? # the vector, or the array of the vectors
---@return predibase.About|predibase.Error # what is known besides; or the error
---@return_overload number[][], predibase.About
---@return_overload nil, predibase.Error
function M.embed(input, options) end

---Classifies texts. What a result is depends on the server. LoRAX (POST /classify,
---/classify_batch) finds the entities in a text, such as names, with its base model. The managed
---service and vLLM (POST /classify with other fields) give a text one of several labels. The first
---call of a client finds out which of the two its server does.
---
---Uses the client that is made from the environment.
---@overload fun(input: string, options: predibase.ClassifyOptions?): (predibase.Classification?, predibase.About|predibase.Error)
---@param input string[] a text, or an array of texts
---@param options? predibase.ClassifyOptions see `predibase.client`
---@return predibase.Classification[]? # the result, or the array of the results
---@return predibase.About|predibase.Error # what is known besides; or the error
---@return_overload predibase.Classification[], predibase.About
---@return_overload nil, predibase.Error
function M.classify(input, options) end

---Returns what the server says about its model and its limits (LoRAX: GET /info).
---
---Uses the client that is made from the environment.
---@param options? predibase.CallOptions see `predibase.client`
---@return predibase.Info?
---@return predibase.Error # the error
---@return_overload predibase.Info
---@return_overload nil, predibase.Error
function M.info(options) end

---Tells whether the server can answer (LoRAX: GET /health). Before its first answer, LoRAX
---generates a token to find out, which may take seconds. A failed attempt is repeated as in
---`generate`; with `max_retries = 0` the first one decides.
---
---Uses the client that is made from the environment.
---@param options? predibase.CallOptions see `predibase.client`
---@return boolean? # true
---@return predibase.Error # the error
---@return_overload boolean
---@return_overload nil, predibase.Error
function M.health(options) end

---Returns the numbers that the server counts, such as the requests that wait (LoRAX: GET
---/metrics).
---
---Uses the client that is made from the environment.
---@overload fun(options: predibase.MetricsTextOptions): (string?, predibase.Error)
---@param options? predibase.MetricsOptions see `predibase.client`
---@return table<string, predibase.Metric>?
---@return predibase.Error # the error
---@return_overload table<string, predibase.Metric>
---@return_overload nil, predibase.Error
function M.metrics(options) end

---Sends a request to any path of the server, for what the other methods do not do.
---
---    local models = assert(client:request("GET", "/v1/models")).json
---    for event in client:request("POST", "/generate_stream", body, { stream = true }) do
---      print(event.text)
---    end
---
---Uses the client that is made from the environment.
---@overload fun(method: string, path: string, body: table|string|nil, options: predibase.RequestStreamOptions): predibase.EventStream
---@param method "GET"|"POST"|"PUT"|"PATCH"|"DELETE"|"OPTIONS"
---@param path string
---@param body? table|string
---@param options? predibase.RequestOptions see `predibase.client`
---@return predibase.RawResponse? # the answer, or the stream
---@return predibase.Error # the error
---@return_overload predibase.RawResponse
---@return_overload nil, predibase.Error
function M.request(method, path, body, options) end

---Makes an object for the calls of one adapter: it renders the adapter's template, and sends the
---adapter's id, source and defaults with every call. Closing it leaves the client open.
---
---Uses the client that is made from the environment.
---@param id string
---@param options? predibase.AdapterOptions see `predibase.client`
---@return predibase.Adapter? # see `predibase.adapter`
---@return predibase.Error # the error
---@return_overload predibase.Adapter
---@return_overload nil, predibase.Error
function M.adapter(id, options) end

---Begins a conversation.
---
---Uses the client that is made from the environment.
---@param options? predibase.SessionOptions see `predibase.chat`
---@return predibase.Session? # the session
---@return predibase.Error # the error
---@return_overload predibase.Session
---@return_overload nil, predibase.Error
function M.chat_session(options) end

---Makes a view of this client: another deployment, token or default parameters over the same
---connections. The calls of both count for the same `rate_limit` and `concurrency`, unless the view
---is given its own. Closing the view leaves the client open.
---
---Uses the client that is made from the environment.
---@param options predibase.ClientOptions see `predibase.client`
---@return predibase.Client? # a client
---@return predibase.Error # the error
---@return_overload predibase.Client
---@return_overload nil, predibase.Error
function M.with(options) end

---Compares two vectors, see `predibase.similarity`.
---@param a number[]
---@param b number[] array of as many numbers
---@return number # from -1 to 1
function M.similarity(a, b) end

---Makes an image for prompts and messages, see `predibase.image`.
---@param options predibase.ImageOptions
---@return predibase.Image? # the image
---@return predibase.Error # the error, of kind "validation"
---@return_overload predibase.Image
---@return_overload nil, predibase.Error
function M.image(options) end

---Reads and writes what is ready, for all clients without the option `loop`, and lets the tasks of
---`async.spawn` go on; never waits. For programs that draw frames: after this, the first
---`stream:poll()` of each stream that finds no token needs no system call.
function M.update() end

return M
