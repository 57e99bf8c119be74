-- SPDX-License-Identifier: MIT
--- Conversations over `generate` and `generate_stream`: the history, written in the model's chat
-- format with every question. `client:chat_session` makes one.
--
--     local session = assert(client:chat_session { system = "Answer in one sentence." })
--     print(assert(session:send "Why is the sky blue?"))
--     for token in session:stream "And at night?" do io.write(token.text) end
--
-- `session.messages` is the history, an array of `{ role, content }` with the system's message
-- first; it is to be read. A question and its answer join it together, when the answer is complete.
-- @module predibase.chat

local budget = require "predibase.chat.budget"
local call_options = require "predibase.call.options"
local checks = require "predibase.checks"
local client = require "predibase.client"
local history = require "predibase.chat.history"
local names = require "predibase.names"
local options_of = require "predibase.chat.options"
local saved = require "predibase.chat.saved"
local session_call = require "predibase.chat.call"
local usage = require "predibase.usage"
local writer = require "predibase.chat.writer"

local M = {}

--- The estimate of the tokens of a text, for the option `count_tokens`.
-- @function estimate
-- @tparam string text
-- @treturn integer
M.estimate = budget.estimate

local Session = { __name = "predibase.chat" }
Session.__index = Session

local function check_self(self, method)
  if getmetatable(self) ~= Session then
    usage.fail(("session:%s must be called with a colon on a session"):format(method))
  end
end

local function check_question(text, method)
  if type(text) ~= "string" then
    usage.fail(("session:%s takes what the user says as a string, got %s"):format(method,
      checks.describe(text)))
  end
end

local function check_free(self, method)
  if not session_call.in_flight(self) then return end
  usage.fail(("session:%s while another call of this session is in flight; wait for its end first, "
    .. "or fork the session"):format(method))
end

--- Says something and waits for the whole answer. A stream of this session that is still open is
-- closed first; a task that reads it gets an error of kind "cancelled".
-- @tparam string text
-- @tparam ?table options as for `client:generate`, laid over the session's
-- @treturn[1] table the result, see `predibase.response`
-- @treturn[2] nil
-- @treturn[2] table the error; the history is what it was before
-- @raise as `client:generate`, and while another call of this session is in flight
function Session:send(text, options)
  check_self(self, "send")
  check_question(text, "send")
  check_free(self, "send")
  local all = session_call.options(self, options, call_options.whole)
  local good, err = client.check(self.client, "generate", all)
  if not good then return nil, err end
  session_call.close_stream(self)
  local result
  result, err = session_call.send(self, text, all)
  return result, err
end

--- Says something and streams the answer. A stream of this session that is still open is closed
-- first, as by `send`. With `max_input_tokens` it may wait, to count tokens on
-- the server; nothing else is sent before the first token is asked for. It never fails by itself.
-- @tparam string text
-- @tparam ?table options as for `client:generate_stream`, laid over the session's
-- @treturn table the stream, see `predibase.stream`, with the further values that the generic `for`
-- of Lua 5.4 takes
-- @raise as `send`
function Session:stream(text, options)
  check_self(self, "stream")
  check_question(text, "stream")
  check_free(self, "stream")
  local all = session_call.options(self, options, call_options.stream)
  local good, err = client.check(self.client, "generate_stream", all)
  if good then session_call.close_stream(self) end
  local made = session_call.stream(self, text, all, not good and err or nil)
  return made, nil, nil, made
end

--- Replaces the system's message. An open stream of this session is closed first, as by `send`.
-- @tparam ?string text nil takes it away
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error: of kind "template" when the format knows no such message
-- @raise while a call is in flight
function Session:set_system(text)
  check_self(self, "set_system")
  if text ~= nil and type(text) ~= "string" then
    usage.fail("session:set_system takes a string or nil, got " .. checks.describe(text))
  end
  check_free(self, "set_system")
  local message = text and { role = "system", content = text }
  if message then
    local fresh = { message, { role = "user", content = "x" } }
    local ok, err = writer.write(self.format, fresh, self.rendering)
    if not ok then return nil, err end
  end
  session_call.close_stream(self)
  local list = { message }
  for i, old in ipairs(self.messages) do
    if i > 1 or old.role ~= "system" then list[#list + 1] = old end
  end
  self.messages = list          -- as a whole: an error from outside may come at any time
  return true
end

--- Forgets what was said; the system's message stays. An open stream of this session is closed
-- first, as by `send`.
-- @raise while a call is in flight
function Session:reset()
  check_self(self, "reset")
  check_free(self, "reset")
  session_call.close_stream(self)
  self.messages = history.from(self.messages, #self.messages + 1)
  self.left_out = 0
end

--- Takes the last turn back, a question and what answered it, to ask again or otherwise. An open
-- stream of this session is closed first, as by `send`: its question had not joined the history.
-- @treturn ?string what the user had said; nil when nothing was
-- @raise while a call is in flight
function Session:undo()
  check_self(self, "undo")
  check_free(self, "undo")
  session_call.close_stream(self)
  local starts = history.turns(self.messages)
  local first = starts[#starts]
  local question = first and self.messages[first]
  if not question or question.role ~= "user" then return nil end
  local list = {}
  for i = 1, first - 1 do list[i] = self.messages[i] end
  self.messages = list
  return history.text(question)
end

--- A session that goes on from here by itself; the two share nothing but the client.
-- @treturn table
function Session:fork()
  check_self(self, "fork")
  session_call.repair(self)
  local twin = session_call.state()
  for _, name in ipairs { "client", "format", "rendering", "options", "own", "max_input_tokens",
    "count_tokens", "no_tokenizer", "left_out" } do twin[name] = self[name] end
  for key, n in pairs(self.counts) do twin.counts[key] = n end
  twin.messages = history.copy(self.messages)
  return setmetatable(twin, Session)
end

--- Writes the conversation as JSON: the name of the format, the messages, the parameters of the
-- session and its budget. No token, no headers, no functions.
-- @tparam ?string path of a file to write
-- @treturn[1] string|boolean the JSON; true when it went into a file
-- @treturn[2] nil
-- @treturn[2] table the error
function Session:save(path)
  check_self(self, "save")
  if path ~= nil and type(path) ~= "string" then
    usage.fail("session:save takes the path of a file or nothing, got " .. checks.describe(path))
  end
  session_call.repair(self)
  local text, err = saved.encode(self, self.own())
  if text and path then text, err = saved.write(path, text) end
  return text, err
end

function Session:__tostring()
  return ("predibase.chat (%s, %d message%s)"):format(self.format.name, #self.messages,
    #self.messages == 1 and "" or "s")
end

--- Makes a session; the body of `client:chat_session`.
-- @tparam table of the client
-- @tparam ?table options `format` (a chat format, the name of one or of a model; the deployment's
-- unless given), `system`, `messages` (to begin with), `max_input_tokens` (older turns than fit are
-- not sent), `count_tokens` (a function of a text, instead of the server's tokenizer),
-- `special_tokens_in_text` (`"neutralise"` unless said otherwise, `"refuse"` for what `send` and
-- `stream` are given, `"allow"`), `enable_thinking`, `variables`, `date_string`, `now` as for
-- `format:render`; all options of calls
-- @tparam ?table calls options of calls under those
-- @tparam ?table base own options under those
-- @treturn[1] table the session
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise for an option that does not exist
function M.new(of, options, calls, base)
  if options ~= nil and type(options) ~= "table" then
    usage.fail("client:chat_session takes its options as a table, got a " .. type(options))
  end
  options = options or {}
  names.check(options, options_of.names, "option")
  local given, of_calls = options_of.split(options, base)
  local messages, err = options_of.messages(given)
  if not messages then return nil, err end
  local format
  format, err = writer.format(given.format, of.cfg)
  if not format then return nil, err end
  local self = session_call.state()
  self.client, self.format, self.messages = of, format, messages
  self.max_input_tokens, self.count_tokens = given.max_input_tokens, given.count_tokens
  self.rendering = writer.split(given)
  self.rendering.special_tokens_in_text = self.rendering.special_tokens_in_text or "neutralise"
  local own = call_options.merge(calls or {}, of_calls)
  local all = call_options.merge(writer.defaults(format), own)
  -- In closures: they may hold a token.
  self.own, self.options = function () return own end, function () return all end
  setmetatable(self, Session)
  local ok
  ok, err = session_call.probe(self)
  if not ok then return nil, err end
  return self
end

--- Goes on with a conversation that `session:save` wrote.
-- @tparam table of a client, or an adapter of `client:adapter`
-- @tparam string source the path of the file, or the JSON itself, which begins with `{`
-- @tparam ?table options as for `client:chat_session`, laid over what was saved; a `format` that is
-- not built in has to be given again
-- @treturn[1] table the session
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise for an option that does not exist, and a source that is no string
function M.load(of, source, options)
  local meta = getmetatable(of)
  local kind = type(meta) == "table" and meta.__name
  if kind ~= "predibase.client" and kind ~= "predibase.adapter" then
    usage.fail("chat.load takes a client or an adapter, got " .. checks.describe(of))
  end
  if type(source) ~= "string" then
    usage.fail("chat.load takes a path or JSON as a string, got " .. checks.describe(source))
  end
  if options ~= nil and type(options) ~= "table" then
    usage.fail("chat.load takes its options as a table, got a " .. type(options))
  end
  names.check(options or {}, options_of.names, "option")
  local given, err = saved.options(source, options or {}, kind == "predibase.adapter")
  if not given then return nil, err end
  local session, problem = of:chat_session(given)
  return session, problem
end

return M
