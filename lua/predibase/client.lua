-- SPDX-License-Identifier: MIT
--- A client: one deployment, its connections, and the calls that it can make.
-- @module predibase.client

local call = require "predibase.call"
local config = require "predibase.config"
local names = require "predibase.names"
local params = require "predibase.params"
local random = require "predibase.random"
local request = require "predibase.request"
local response = require "predibase.response"
local stream = require "predibase.stream"

local M = {}

local Client = { __name = "predibase.client" }
Client.__index = Client

-- Every name that a call takes: the parameters of the API and the options of the call.
local call_options = {}
for name in pairs(params.names) do call_options[name] = true end
for name in pairs(config.call_names) do call_options[name] = true end

local function check_self(self, method, level)
  if getmetatable(self) ~= Client then
    error(("client:%s must be called with a colon on a client"):format(method), level)
  end
  if self.closed and method ~= "close" then
    error(("client:%s on a closed client"):format(method), level)
  end
end

--- Splits the options of a call into parameters of the API and options of the call. Raises for
-- what no program should contain.
local function split(options, method)
  if options == nil then return nil, nil end
  if type(options) ~= "table" then
    error(("client:%s takes its options as a table, got a %s"):format(method, type(options)), 4)
  end
  names.check(options, call_options, "option", 4)
  if method == "generate" and rawget(options, "on_token") ~= nil then
    error("client:generate takes no on_token: it gets no tokens, only the whole text", 4)
  end
  local parameters, of_call = {}, nil
  for name, value in next, options do
    if config.call_names[name] then
      of_call = of_call or {}
      of_call[name] = value
    else
      parameters[name] = value
    end
  end
  return parameters, of_call
end

--- Everything that can be known to be wrong before a socket is opened is found here.
local function prepare(self, prompt, parameters, of_call, is_stream)
  local cfg = self.cfg
  local options, err = config.call(cfg, of_call, 4)
  if not options then return nil, err end
  local req
  req, err = request.generate(cfg, options, prompt, parameters,
    is_stream and self.of_streams or self.of_calls, random.id(self.random))
  if not req then return nil, err end
  return call.new(self.shared, options, config.total(options.timeout, is_stream), is_stream, req)
end

--- One attempt: the result, or the error.
local function attempt(this, delay)
  this:announce()
  local exchange, failure = this:open(delay)
  if not exchange then return nil, this:error(failure) end
  local body
  body, failure = exchange:body()
  this:finish()
  local status, headers = exchange:head()
  exchange:release()           -- before a hook may raise
  this:progress(status, headers)
  if failure then return nil, this:error(failure) end
  return response.result({ status = status, headers = headers, body = body }, this:meta())
end

-- The methods and the functions of the module `predibase` call these two, each by one frame of its
-- own, so that what is raised names the line of the user.

local function generate(self, prompt, options)
  check_self(self, "generate", 4)
  local parameters, of_call = split(options, "generate")
  local this, err = prepare(self, prompt, parameters, of_call, false)
  if not this then return nil, err end
  local delay, result
  repeat
    result, err = attempt(this, delay)
    if result then return result end
    delay = this:retry(err, 0)
    if delay then this:retrying(err, delay) end
  until not delay
  return nil, err
end

local function generate_stream(self, prompt, options)
  check_self(self, "generate_stream", 4)
  local parameters, of_call = split(options, "generate_stream")
  local this, err = prepare(self, prompt, parameters, of_call, true)
  return this and stream.new(this) or stream.failed(err)
end

--- Generates a text and waits for all of it (LoRAX: POST /generate).
-- @tparam string prompt goes to the model as it is
-- @tparam ?table options parameters of the API by their own names (`max_new_tokens`, `temperature`,
-- `adapter_id`, …; see `predibase.params`), and of the call: `timeout` (seconds for everything,
-- 600 unless said otherwise, or a table of clocks), `max_retries`, `headers`, `on_request`,
-- `on_response`, `on_retry`
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
-- call may take as long as tokens come
-- @treturn table the stream, see `predibase.stream`, with the further values that the generic `for`
-- of Lua 5.4 takes
-- @raise as `generate`
function Client:generate_stream(prompt, options)
  local made = generate_stream(self, prompt, options)
  return made, nil, nil, made
end

--- Closes all connections; open streams fail with kind "cancelled". Any number of times.
function Client:close()
  check_self(self, "close", 3)
  if self.closed then return end
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
  local cfg, err = config.new(options, os.getenv, 2)
  if not cfg then return nil, err end
  local transport = cfg.transport or require "predibase.transport.curl"
  local loop = cfg.loop or require "predibase.loop.default".new()
  local door = transport.new(cfg, loop)
  local draw = random.new(random.seed(transport.now()))
  local version = { transport = transport.version() }
  return setmetatable({
    cfg = cfg,
    transport = door,
    random = draw,
    closed = false,
    -- What requests are made for, see `predibase.request`; they blame the caller of `generate`.
    of_calls = { stream = false, version = version, level = 4 },
    of_streams = { stream = true, version = version, level = 4 },
    -- What calls have in common, see `predibase.call`.
    shared = {
      transport = door, now = transport.now, wall = os.time, random = draw,
      place = (cfg.host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(cfg.host, cfg.port),
    },
  }, Client)
end

--- For `predibase.generate`: as the method, the caller's caller being the user.
M.generate = generate

--- For `predibase.generate_stream`.
M.generate_stream = generate_stream

return M
