-- SPDX-License-Identifier: MIT
--- A client: one deployment, its connections, and the calls that it can make.
-- @module predibase.client

local call = require "predibase.call"
local call_options = require "predibase.call.options"
local config = require "predibase.config"
local errors = require "predibase.errors"
local gate = require "predibase.batch.gate"
local json = require "predibase.json"
local random = require "predibase.random"
local request = require "predibase.request"
local stream = require "predibase.stream"
local transports = require "predibase.transport"
local usage = require "predibase.usage"

-- Modules that many programs never need are loaded by the calls that need them.

local M = {}

local Client = { __name = "predibase.client" }
Client.__index = Client

local function check_self(self, method)
  if getmetatable(self) ~= Client then
    usage.fail(("client:%s must be called with a colon on a client"):format(method))
  end
  if self.closed and method ~= "close" then
    usage.fail(("client:%s on a closed client"):format(method))
  end
end

--- Everything that can be known to be wrong before a socket is opened is found here.
local function prepare(self, prompt, parameters, of_call, is_stream)
  local cfg = self.cfg
  local options, err = config.call(cfg, of_call)
  if not options then return nil, err end
  local req
  req, err = request.generate(cfg, options, prompt, parameters,
    is_stream and self.of_streams or self.of_calls, random.id(self.random))
  if not req then return nil, err end
  return call.new(self.shared, options, config.total(options.timeout, is_stream), is_stream, req)
end

-- The methods and the functions of the module `predibase` call these, each by one frame of its
-- own, so that what is raised names the line of the user.

local function generate(self, prompt, options)
  check_self(self, "generate")
  call_options.check(options, call_options.whole, "generate")
  local parameters, of_call = call_options.split(options)
  local this, err = prepare(self, prompt, parameters, of_call, false)
  if not this then return nil, err end
  local result
  result, err = this:run()
  return result, err
end

local function tokens_of(self, text, options)
  check_self(self, "tokenize")
  local tokens, err = require "predibase.tokenize".run(self, text, options)
  return tokens, err
end

local function generate_stream(self, prompt, options)
  check_self(self, "generate_stream")
  call_options.check(options, call_options.stream, "generate_stream")
  local parameters, of_call = call_options.split(options)
  local this, err = prepare(self, prompt, parameters, of_call, true)
  return this and stream.new(this) or stream.failed(err)
end

--- Raises for options that no program should give, as the call would that is not made.
local function check(self, method, options)
  check_self(self, method)
  local is_stream = method == "generate_stream"
  call_options.check(options, is_stream and call_options.stream or call_options.whole, method)
  local parameters, of_call = call_options.split(options)
  local this, err = prepare(self, "x", parameters, of_call, is_stream)
  return this and true, err
end

--- `render` makes prompts of entries that are something else.
local function generate_many(self, entries, options, render)
  check_self(self, "generate_many")
  call_options.check(options, call_options.batch, "generate_many")
  local parameters, of_call = call_options.split(options)
  -- Raises for clocks that do not exist; bad values are the error of each prompt.
  prepare(self, "x", parameters, of_call, false)
  local given = json.present(options or {})
  local many = require "predibase.batch.open".open(self, entries, {
    concurrency = rawget(given, "concurrency"),
    retry_generation = rawget(given, "retry_generation"),
    parameters = parameters, of_call = of_call, prepare = prepare, render = render,
  })
  return many
end

--- Generates a text and waits for all of it (LoRAX: POST /generate).
-- @tparam string prompt goes to the model as it is
-- @tparam ?table options parameters of the API by their own names (`max_new_tokens`, `temperature`,
-- `adapter_id`, …; see `predibase.params`), and of the call: `timeout` (seconds for everything,
-- 600 unless said otherwise, or a table of clocks), `max_retries`, `headers`, `on_request`,
-- `on_response`, `on_retry`; `trim_stop` (boolean): the sequence of `stop` that the server stopped
-- at, which it leaves in the text, is cut off; `client_stop` (a string or an array of strings): the
-- text ends in front of the first of these, wherever it is; `check_schema` (boolean, true unless
-- said otherwise): a schema that the server has no grammar for is an error, see `predibase.schema`
-- @treturn[1] table the result, see `predibase.response`; `tostring` of it is the text
-- @treturn[2] nil
-- @treturn[2] table the error, see `predibase.errors`
-- @raise for a prompt that is no string, options that are no table, an option that does not exist,
-- a closed client
function Client:generate(prompt, options)
  local result, err = generate(self, prompt, options)
  return result, err
end

--- Generates a text token by token (LoRAX: POST /generate_stream). Nothing is sent before the
-- first token is asked for, and this function never fails by itself: bad values are the error of
-- the first `next`.
-- @tparam string prompt goes to the model as it is
-- @tparam ?table options as for `generate`, and `on_token`; without a `timeout` for everything the
-- call may take as long as tokens come. At a sequence of `client_stop`, which may span tokens, the
-- stream ends and the model stops
-- @treturn table the stream, see `predibase.stream`, with the further values that the generic `for`
-- of Lua 5.4 takes
-- @raise as `generate`
function Client:generate_stream(prompt, options)
  local made = generate_stream(self, prompt, options)
  return made, nil, nil, made
end

--- Generates a text for each of many prompts, some at once (LoRAX: POST /generate). Nothing is
-- sent before the first outcome is asked for, and this function never fails by itself. One prompt
-- that fails stops no other. A rate limit of the server slows all of them down together, see
-- `predibase.batch.gate`.
--
--     for index, result, err in client:generate_many(prompts) do … end      -- as they finish
--     local results, errors = client:generate_many(prompts):results()       -- in their order
-- @tparam table|function prompts an array, or a function that gives the next one and nil at the
-- end, such as `lines(path)` of `predibase.files`; each is a string, or a table with the field
-- `prompt` and options of its own, which go before the common ones
-- @tparam ?table options as for `generate`, and `concurrency`: how many requests at once (1 to
-- 1000, 32 unless said otherwise); `retry_generation` (boolean, true unless said otherwise): a
-- prompt that failed with "generation" is sent once more, alone, after the last one began
-- @treturn table the batch, see `predibase.batch`, with the further values that the generic `for`
-- of Lua 5.4 takes
-- @raise as `generate`, also for an entry of the array
function Client:generate_many(prompts, options)
  local made = generate_many(self, prompts, options)
  return made, nil, nil, made
end

--- Cuts a text into tokens with the server's own tokenizer, to count them (LoRAX: POST /tokenize).
-- @tparam string text may be empty
-- @tparam ?table options `add_special_tokens` (boolean, true unless said otherwise): with those
-- that begin and end a text, as `generate` does; `timeout`, `max_retries`, `headers`, `on_request`,
-- `on_response`, `on_retry` as for `generate`
-- @treturn[1] table array of `{ id, text, start, stop }`: `text` as the vocabulary spells it, and
-- the places in characters from 0, the last one not included
-- @treturn[2] nil
-- @treturn[2] table the error; of kind "not_found" where the server has no such route, or its model
-- no tokenizer that the router could load
-- @raise as `generate`
function Client:tokenize(text, options)
  local tokens, err = tokens_of(self, text, options)
  return tokens, err
end

--- This client bound to an adapter: its template is rendered first, its id, source and defaults go
-- with every call. Closing it leaves the client open.
-- @tparam string id such as `"my-repo/3"`
-- @tparam ?table options `template` (of `predibase.template`, or a chat format), `adapter_source`,
-- `defaults` (parameters and options of calls); for a chat format also `special_tokens_in_text`,
-- `enable_thinking`, `variables`, `date_string`, `now` as for its `render`
-- @treturn table see `predibase.adapter`
-- @raise for options that do not exist or have the wrong type
function Client:adapter(id, options)
  check_self(self, "adapter")
  local view = require "predibase.adapter".new(self, id, options)
  return view
end

--- Begins a conversation.
-- @tparam ?table options see `predibase.chat`
-- @treturn[1] table the session, see `predibase.chat`
-- @treturn[2] nil
-- @treturn[2] table the error; of kind "template" when there is no such format, or it knows no
-- system message
-- @raise for options that do not exist
function Client:chat_session(options)
  check_self(self, "chat_session")
  local session, err = require "predibase.chat".new(self, options)
  return session, err
end

--- Closes all connections; open streams fail with kind "cancelled". Any number of times.
function Client:close()
  check_self(self, "close")
  self.closed = true
  self.transport:close()
end

Client.__close = Client.close

function Client:__tostring()
  return ("predibase.client (%s%s)"):format(self.cfg.url, self.closed and ", closed" or "")
end

--- Makes a client; opens nothing yet.
-- @tparam ?table options see `predibase.config`
-- @treturn[1] table the client
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "config"
-- @raise for an option that does not exist
function M.new(options)
  local cfg, err = config.new(options, os.getenv)
  if not cfg then return nil, err end
  local transport = cfg.transport or transports.default()
  local loop = cfg.loop or require "predibase.loop.default".new()
  local made, problem = transport.new(cfg, loop)
  if not made then return nil, errors.new { kind = "config", message = problem } end
  local draw = random.of_process(transport.process, transport.now)
  local version = { transport = transport.version() }
  return setmetatable({
    cfg = cfg,
    transport = made,
    random = draw,
    pause = gate.pause(),     -- how long the server's rate limit lets nothing of a batch begin
    closed = false,
    -- What requests are made for, see `predibase.request`.
    of_calls = { stream = false, version = version },
    of_streams = { stream = true, version = version },
    of_tokens = { path = "/tokenize", version = version },
    -- What calls have in common, see `predibase.call`.
    shared = {
      transport = made, now = transport.now, wall = os.time, random = draw,
      max_text = cfg.max_response_bytes,
      place = (cfg.host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(cfg.host, cfg.port),
    },
  }, Client)
end

--- For modules that do something before a call and want to be told first what is wrong with it:
-- true, or nil and the error.
M.check = check

-- For the functions of `predibase`: as the methods, the caller's caller being the user.
M.generate, M.generate_stream, M.generate_many = generate, generate_stream, generate_many
M.tokenize = tokens_of

return M
