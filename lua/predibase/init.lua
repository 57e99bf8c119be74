-- SPDX-License-Identifier: MIT
--- Generates text with large language models that Predibase or your own LoRAX server serves.
--
-- `predibase.new` makes a client. The methods of a client, such as `generate`, are also functions
-- of this module: they use a client that is made from the environment when one is first called.
-- `predibase.template` and `predibase.chat` are also the fields `template` and `chat` of this
-- module; `predibase.image` makes an image, see `predibase.image`, and
-- `predibase.similarity(a, b)` compares two vectors, see `predibase.similarity`.
--
-- A function raises an error only when the program is wrong: an argument of the wrong type, an
-- option that does not exist, a closed client. Every other failure is returned as `nil, err`.
-- @module predibase

-- The modules, from the program down to the network; `name.*` is a module and its folder.
-- docs/internals.md follows a call through them.
--
--   client               one server, its connections, and the calls that it can make
--     client.shared        the data that all calls of a client share
--   adapter              a client with an adapter: renders its template, then calls
--   chat                 a conversation: sends its history with each question
--     chat.session_options   reads the options of a session
--     chat.turn            what one call adds to the history, and what it sends
--     chat.over_generate   sends the messages with `generate`, in a chat format
--     chat.over_chat       sends the messages as a chat completion
--     chat.rounds          asks, runs tools and asks again (`session:run`)
--     chat.run_stream      the same as a stream
--     chat.tool_calls      runs the tools that a model calls
--     chat.history         checks messages and divides them into turns
--     chat.budget          finds the turns that fit into a number of tokens
--     chat.saved           a conversation as JSON
--   rendering            prompts in a chat format, for adapters and conversations
--   template.*           templates, chat formats, and Jinja; docs/internals.md names each module
--   batch                many prompts, several at the same time
--     batch.entries        the prompts of a batch
--     batch.jobs           what a batch sends next
--     batch.limiter        when the next request of a batch may begin
--     batch.options        the options of a batch
--     batch.lost           errors about what an interruption has destroyed
--   bulk                 rows in, answers out (`client:run_bulk`)
--     bulk.run_options     the options of a run
--     bulk.source          where the rows come from
--     bulk.rows.*          reads and writes files of rows: JSON Lines, CSV, TSV, text
--     bulk.choice          the rows that a run takes
--     bulk.shards          divides a run among several machines
--     bulk.dialects.*      turns rows into calls
--     bulk.preview         prepares the first requests without sending them
--     bulk.run             sends the calls and handles their outcomes
--     bulk.spending        counts tokens and what they cost
--     bulk.destination     where the answers go
--     bulk.answer_file     the file of answers, and how an interrupted run goes on
--     bulk.records         writes a row with its answer as one record, and reads it back
--       bulk.records.object_text   adds members to JSON objects and removes them
--     bulk.figures.*       what is counted: rows, failures, times, tokens, speed
--     bulk.examples        keeps a few rows of many, always the same ones
--     bulk.merge.*         joins the outputs of several machines
--     bulk.evaluation.*    compares answers with a column of expected ones
--       bulk.evaluation.normal_text  removes what does not change an answer
--       bulk.evaluation.objects      compares JSON objects field by field
--       bulk.evaluation.confusion    which class was answered as which
--     bulk.report.*        the report of a run, an HTML page
--       bulk.report.markup             writes HTML, with every text escaped
--       bulk.report.page_style         the style, and its hash for the policy of the page
--       bulk.report.plots              draws bars as SVG
--       bulk.report.evaluation_section shows an evaluation
--       bulk.report.examples_section   shows rows with their answers
--   stream               the tokens of an answer, one after the other
--     stream.answer_filter  which part of the text may be shown
--     stream.endings       the failures of a stream that did not come to its end
--   call                 one call: its attempts, time limits, hooks and error
--   generate             the routes that continue a prompt (POST /generate, /generate_stream)
--   chat_completion      the routes that answer a conversation (POST /v1/chat/completions)
--   completion           the routes of OpenAI's older API (POST /v1/completions)
--   openai_api           what these two have in common
--   wire_messages        checks messages and writes them as the server reads them
--   choices              reads the parts of their answers
--   chat_delta           reads the chunks of their streams
--   forced_call          reads the JSON that LoRAX forces on a model that has tools
--   image                images for prompts and messages
--   base64               Base64
--   request              options -> plan; plan and input -> request
--   config               the options of a client and the environment
--     config.settings      checks the values of single options
--     config.url           checks URLs
--   params               the parameters of the API: names, order, rules
--     params.kinds         checks one value of each kind
--   response_format      reads and writes the parameter `response_format` in both spellings
--   schema               JSON schemas as text; refuses those of which the server makes no grammar
--   validator            checks a JSON value against a schema
--     validator.numbers    compares numbers without losing digits
--     validator.pattern    matches the regular expressions of schemas
--   json_answer          answers in JSON: their routes, and the value in their text
--   tools                reads the option `tools`, and checks the arguments of calls
--   tokenize             the tokens of a text (POST /tokenize)
--   embed                vectors of texts (POST /embed, /v1/embeddings)
--   classify             entities in texts, or labels of texts (POST /classify, /classify_batch)
--   parts                sends a list of texts in several requests
--   similarity           compares vectors
--   info                 the server's model, limits and health (GET /info, /health)
--   metrics              the numbers that a server counts (GET /metrics)
--   raw_request          requests to any other path
--   stop_sequences       finds stop sequences in text that arrives in pieces
--   reasoning            separates the reasoning of a model from its answer
--   event                reads an event of a stream, and checks its types
--   response             an answer -> result
--     response.bad_response  a response without an answer -> error object
--   retry                whether to try again, and after how many seconds
--     call.admission       what a call needs before each attempt: a server, its turn, a token
--     call.shown_headers   what hooks and errors see of headers: everything but secrets
--     call.wire_records    what the hook on_wire sees of requests and responses
--   replicas             chooses one of several servers
--   readiness            waits until a server is ready
--   server_limits        checks a call against the limits of its server
--   trace_context        the headers of the trace that a call belongs to
--   throttle             makes requests wait until the limits of the client allow them
--     throttle.line          first come, first served
--     throttle.concurrency   a limit of requests at the same time
--     throttle.rate_limit    a limit of requests and tokens in a time
--   errors               the error object
--     errors.safe_text     removes secrets and unprintable bytes from texts
--   headers              checks and redacts the headers of requests
--   response_headers     reads the headers of responses
--   usage                raises an error for misuse, with the position of the program's line
--   value_checks         checks and descriptions of values that several modules share
--   option_names         checks names of options, and suggests the nearest
--   json                 JSON, the only user of lua-cjson
--     json.encode          writes values
--     json.scan            looks at numbers, strings and members of a text that was decoded
--   files                reads text files
--   paths                divides paths, as each system does
--   amounts              numbers, times and shares as people read them
--   utf8                 checks and cuts UTF-8
--   python_strings       Python's functions for strings: white space, case, slices
--   together             runs functions of the program at the same time
--   random               random numbers for delays and request ids
--   queue, heap          a first-in, first-out queue; a collection ordered by time
--   active               tells whether a function is still running
--   outside_errors       tells an error of a called function from an interruption (Ctrl-C)
--   version              the version number
--   requirements         checks Lua, lua-cjson, libcurl and the C modules when they are loaded
--     requirements.neovim_json  the lua-cjson inside Neovim
--     requirements.libcurl_file  finds out from files whether libcurl will do
--     requirements.advice    the messages about what is missing
--   lazy                 loads modules at their first use
--   for_failures         loads modules that only failures need
--   loading              loads a module so that a failure can be repeated
--   host                 tells in which program this Lua runs
--   transport            chooses the transport
--     transport.curl       libcurl, through the C module predibase.curl
--       transport.curl.exchange   one request and its response
--       transport.curl.group      waits for many exchanges
--       transport.curl.view       the connections of a transport, with another configuration
--       transport.curl.failure    words what failed, with host and port
--     transport.resty      the sockets of nginx
--       transport.resty.exchange  one request and its response, read in a light thread
--       transport.resty.group     waits for many exchanges
--       transport.resty.target    where the connections of a client go
--       transport.resty.connect   makes connections: pooled or new, proxies, TLS
--       transport.resty.http1     writes requests and parses responses (HTTP/1.1)
--       transport.resty.clocks    the timeouts of an exchange
--       transport.resty.request_counts  counts the calls of a request, for its log
--   loop.blocking        describes the functions of a loop; the loop that blocks the program
--   loop.default         the loop of a client without the option `loop`
--   loop.tasks           the scheduler of tasks
--   loop.luv             the loop of libuv
--   loop.cqueues         the loop of cqueues
--   async                tasks: many calls in plain coroutines
--   nginx                what the library needs of nginx: a clock, waiting, the state of coroutines
--   resty                serves streams to browsers
--     resty.relay          sends the tokens of a stream to a browser
--     resty.event_formats  the formats of a relayed stream
--     resty.openai_answers  streams, whole answers and errors in the format of OpenAI's API
--     resty.answer         the response to a browser for an error
--     resty.limits         limits that all workers share, or several machines
--       resty.limits.dict_store        keeps them in a shared dictionary
--       resty.limits.redis_store       keeps them in Redis: leases, and what happens when it fails
--       resty.limits.redis_connection  connects to Redis, and runs scripts there
--       resty.limits.redis_scripts     the scripts
--     resty.counters       counters in a shared dictionary
--   cli.*                the command; docs/internals.md names each module
--   mock.*               the stand-in server; docs/internals.md names each module

require "predibase.requirements".check(require "predibase.host".in_nginx())

-- The modules below load when the program makes its first client, because loading them takes longer
-- than all else that `require "predibase"` does.
local lazy = require "predibase.lazy"

local client = lazy "predibase.client"
local default_loop = lazy "predibase.loop.default"
local errors = lazy "predibase.errors"
local stream = lazy "predibase.stream"

local M = {}

--- The version of the library, as in semver.org.
M._VERSION = require "predibase.version"

--- Makes a client.
-- @tparam ?ClientOptions options see `predibase.config`; the environment supplies what is missing:
-- `PREDIBASE_API_TOKEN`, `PREDIBASE_TENANT_ID`, `PREDIBASE_DEPLOYMENT`, `PREDIBASE_BASE_URL`
-- @treturn[1] Client the client, see `predibase.client`
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "config"
function M.new (options)
  return client.new(options)
end

--- Tells whether a value is an error object of this library, as in `pcall` around a `for` loop.
-- @param value anything
-- @treturn boolean
function M.is_error (value)
  return errors.is(value)
end

-- The client of the functions below, made from the environment when it is first needed.
local default

local function default_client ()
  if default then return default end
  local made, err = client.new()
  default = made
  return made, err
end

--- Makes a function that calls a method of the client that is made from the environment. When that
-- client cannot be made, `refuse` makes what the function returns, or returns nil.
local function forward (method, refuse)
  return function (...)
    local made, err = default_client()
    if made then return made[method](made, ...) end
    local failed = refuse and refuse(err, ...)
    if not failed then return nil, err end
    return failed, nil, nil, failed
  end
end

local function failed_stream (err)
  return stream.failed(err)
end

local function failed_batch (err)
  return require "predibase.batch".failed(err)
end

-- Each function below is a method of the client that is made from the environment, with the same
-- arguments and results. When the environment names no deployment, functions return nil and an
-- error of kind "config", and streams and batches fail with it at their first `next`.

--- Calls `client:generate`.
-- @function generate
-- @tparam string prompt
-- @tparam ?GenerateOptions options see `predibase.client`
-- @treturn[1] Result the result
-- @treturn[2] nil
-- @treturn[2] Error the error
M.generate = forward("generate")

--- Calls `client:generate_json`.
-- @function generate_json
-- @tparam string prompt
-- @tparam ?GenerateJsonOptions options see `predibase.client`
-- @treturn[1] table the value
-- @treturn[1] Result the result
-- @treturn[2] nil
-- @treturn[2] Error the error
M.generate_json = forward("generate_json")

--- Calls `client:generate_stream`.
-- @function generate_stream
-- @tparam string prompt
-- @tparam ?GenerateStreamOptions options see `predibase.client`
-- @treturn TokenStream the stream, with the further values that the generic `for` of Lua 5.4 takes
M.generate_stream = forward("generate_stream", failed_stream)

--- Calls `client:wait_ready`.
-- @function wait_ready
-- @tparam ?WaitOptions options see `predibase.client`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error the error
M.wait_ready = forward("wait_ready")

--- Calls `client:generate_many`.
-- @function generate_many
-- @tparam (string|PromptEntry)[]|fun():(string|PromptEntry|nil) prompts
-- @tparam ?GenerateManyOptions options see `predibase.client`
-- @treturn GenerateBatch the batch, with the further values that the generic `for` of Lua 5.4 takes
M.generate_many = forward("generate_many", failed_batch)

--- Calls `client:chat_completion`.
-- @function chat_completion
-- @tparam Message[] messages
-- @tparam ?ChatOptions options see `predibase.client`
-- @treturn[1] ChatResult the result
-- @treturn[2] nil
-- @treturn[2] Error the error
M.chat_completion = forward("chat_completion")

--- Calls `client:chat_completion_json`.
-- @function chat_completion_json
-- @tparam Message[] messages
-- @tparam ?ChatJsonOptions options see `predibase.client`
-- @treturn[1] table the value
-- @treturn[1] ChatResult the result
-- @treturn[2] nil
-- @treturn[2] Error the error
M.chat_completion_json = forward("chat_completion_json")

--- Calls `client:chat_completion_stream`.
-- @function chat_completion_stream
-- @tparam Message[] messages
-- @tparam ?ChatStreamOptions options see `predibase.client`
-- @treturn ChatStream the stream, with the further values that the generic `for` of Lua 5.4 takes
M.chat_completion_stream = forward("chat_completion_stream", failed_stream)

--- Calls `client:chat_completion_many`.
-- @function chat_completion_many
-- @tparam (Message[]|ConversationEntry)[]|fun():(Message[]|ConversationEntry|nil) list
-- @tparam ?ChatManyOptions options see `predibase.client`
-- @treturn ChatBatch the batch, with the further values that the generic `for` of Lua 5.4 takes
M.chat_completion_many = forward("chat_completion_many", failed_batch)

--- Calls `client:completion`.
-- @function completion
-- @tparam string prompt
-- @tparam ?CompletionOptions options see `predibase.client`
-- @treturn[1] CompletionResult the result
-- @treturn[2] nil
-- @treturn[2] Error the error
M.completion = forward("completion")

--- Calls `client:completion_stream`.
-- @function completion_stream
-- @tparam string prompt
-- @tparam ?CompletionStreamOptions options see `predibase.client`
-- @treturn CompletionStream the stream, with the further values that the generic `for` of Lua 5.4
-- takes
M.completion_stream = forward("completion_stream", failed_stream)

--- Calls `client:tokenize`.
-- @function tokenize
-- @tparam string text
-- @tparam ?TokenizeOptions options see `predibase.client`
-- @treturn[1] TextToken[] array of `{ id, text, start, stop }`
-- @treturn[2] nil
-- @treturn[2] Error the error
M.tokenize = forward("tokenize")

--- Calls `client:embed`.
-- @function embed
-- @tparam string|string[] input a text, or an array of texts
-- @tparam ?EmbedOptions options see `predibase.client`
-- @treturn[1] number[]|number[][] the vector, or the array of the vectors
-- @treturn[1] About what is known besides
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @overload fun(input:string,options:EmbedOptions?):(number[]?,About|Error)
M.embed = forward("embed")

--- Calls `client:classify`.
-- @function classify
-- @tparam string|string[] input a text, or an array of texts
-- @tparam ?ClassifyOptions options see `predibase.client`
-- @treturn[1] Classification|Classification[] the result, or the array of the results
-- @treturn[1] About what is known besides
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @overload fun(input:string,options:ClassifyOptions?):(Classification?,About|Error)
M.classify = forward("classify")

--- Calls `client:info`.
-- @function info
-- @tparam ?CallOptions options see `predibase.client`
-- @treturn[1] Info
-- @treturn[2] nil
-- @treturn[2] Error the error
M.info = forward("info")

--- Calls `client:health`.
-- @function health
-- @tparam ?CallOptions options see `predibase.client`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error the error
M.health = forward("health")

--- Calls `client:metrics`.
-- @function metrics
-- @tparam ?MetricsOptions options see `predibase.client`
-- @treturn[1] table<string,Metric>|string
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @overload fun(options:MetricsTextOptions):(string?,Error)
M.metrics = forward("metrics")

--- Calls `client:request`.
-- @function request
-- @tparam "GET"|"POST"|"PUT"|"PATCH"|"DELETE"|"OPTIONS" method
-- @tparam string path
-- @tparam ?table|string body
-- @tparam ?RequestOptions options see `predibase.client`
-- @treturn[1] RawResponse|EventStream the answer, or the stream
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @overload fun(method:string, path:string, body:table|string|nil,
-- options:RequestStreamOptions):EventStream
M.request = forward("request", function (err, _, _, _, options)
  if type(options) == "table" and options.stream == true then return stream.failed(err) end
end)

--- Calls `client:adapter`.
-- @function adapter
-- @tparam string id
-- @tparam ?AdapterOptions options see `predibase.client`
-- @treturn[1] Adapter see `predibase.adapter`
-- @treturn[2] nil
-- @treturn[2] Error the error
M.adapter = forward("adapter")

--- Calls `client:chat_session`.
-- @function chat_session
-- @tparam ?SessionOptions options see `predibase.chat`
-- @treturn[1] Session the session
-- @treturn[2] nil
-- @treturn[2] Error the error
M.chat_session = forward("chat_session")

--- Calls `client:with`.
-- @function with
-- @tparam ClientOptions options see `predibase.client`
-- @treturn[1] Client a client
-- @treturn[2] nil
-- @treturn[2] Error the error
M.with = forward("with")

--- Compares two vectors, see `predibase.similarity`.
-- @function similarity
-- @tparam number[] a
-- @tparam number[] b array of as many numbers
-- @treturn number from -1 to 1

--- Makes an image for prompts and messages, see `predibase.image`.
-- @function image
-- @tparam ImageOptions options
-- @treturn[1] Image the image
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "validation"

--- The module `predibase.template`.
-- @table template

--- The module `predibase.chat`.
-- @table chat

-- Many programs never need these modules, so they are loaded when a program first names them.
local LAZY = {
  similarity = function () return require "predibase.similarity".cosine end,
  image = function () return require "predibase.image".new end,
  template = function () return require "predibase.template" end,
  chat = function () return require "predibase.chat" end,
}

setmetatable(M, {
  __index = function (_, name)
    local load = LAZY[name]
    if not load then return nil end
    local loaded = load()
    M[name] = loaded
    return loaded
  end,
})

--- Reads and writes what is ready, for all clients without the option `loop`, and lets the tasks of
-- `async.spawn` go on; never waits. For programs that draw frames: after this, the first
-- `stream:poll()` of each stream that finds no token needs no system call.
function M.update ()
  default_loop.update()
end

return M
