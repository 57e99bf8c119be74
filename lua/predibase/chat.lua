-- SPDX-License-Identifier: MIT
--- A conversation with a model. Each call sends the whole history: with `generate` in the model's
-- chat format, or with `over = "chat"` as a chat completion. `client:chat_session` makes a session.
--
--     local session = assert(client:chat_session { system = "Answer in one sentence." })
--     print(assert(session:send "Why is the sky blue?"))
--     for token in session:stream "And at night?" do io.write(token.text) end
--
-- With tools, `session:run` runs the functions that the model calls until it answers in words.
--
-- `session.messages` is the history in OpenAI's form, with the system message first. Programs may
-- read it but must not change it. A question and its answer are added together, when the answer is
-- complete.
-- @module predibase.chat

local active = require "predibase.active"
local budget = require "predibase.chat.budget"
local call = require "predibase.call"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local history = require "predibase.chat.history"
local names = require "predibase.option_names"
local rendering = require "predibase.rendering"
local request = require "predibase.request"
local rounds = require "predibase.chat.rounds"
local run_stream = require "predibase.chat.run_stream"
local saved = require "predibase.chat.saved"
local session_options = require "predibase.chat.session_options"
local stream = require "predibase.stream"
local turns = require "predibase.chat.turn"
local usage = require "predibase.usage"

local M = {}

--- A conversation.
-- @table Session
-- @tfield Message[] messages the history, with the system message first; to be read only
-- @tfield integer left_out how many messages the last call did not send, see `max_input_tokens`

--- Estimates the tokens of a text, for the option `count_tokens`.
-- @function estimate
-- @tparam string text
-- @treturn integer
M.estimate = budget.estimate

--- Returns the text of a message of the history. A content that consists of parts is joined.
-- @function text
-- @tparam Message message
-- @treturn string
M.text = history.text

local function refuse (message)
  return nil, errors.new { kind = "validation", phase = "request", message = message }
end

-- The state of a session. Only one call runs at a time.

local Session = { __name = "predibase.chat" }
Session.__index = Session

--- Makes the fields of a session that are not settings.
local function new_state ()
  return {
    counter = budget.new_counter(),     -- the counts of tokens that are known
    left_out = 0,         -- number of messages that the last call did not send
    whole = nil,          -- while a turn is added: the length of the history before it
    busy = nil,           -- the coroutine of a running call, see predibase.active
    -- The last stream, as long as the program holds it.
    reading = setmetatable({}, { __mode = "v" }),
  }
end

--- Runs a function. No other call of the session may begin while it runs. `clean_up` is called when
-- the function raises an error.
local function alone (session, f, clean_up)
  session.busy = active.here()
  local ok, value, err, more = active.protected(f)
  session.busy = nil
  if not ok and clean_up then clean_up() end
  if not ok then error(value, 0) end
  return value, err, more
end

--- Removes an incomplete turn from the history: Ctrl-C or a limit of the host program may interrupt
-- `add_turn` between the question and the answer.
local function repair (session)
  for i = #session.messages, (session.whole or #session.messages) + 1, -1 do
    session.messages[i] = nil
  end
  session.whole = nil
end

--- Tells whether a call is running. Clears `busy` when the call that set it was interrupted.
local function is_busy (session)
  repair(session)
  local busy = session.busy
  if busy == nil then return false end
  if active.runs(alone, busy) then return true end
  session.busy = nil
  return false
end

--- Closes the stream that the session made last, unless it has ended.
local function close_stream (session)
  local open = session.reading.stream
  if open and not (open.final or open.outcome or open.err) then open:close() end
  session.reading.stream = nil
end

--- Adds the new messages of a turn to the history, unless they were added before.
local function add_turn (session, turn)
  repair(session)
  local list = session.messages
  if list[#list] == turn.fresh[#turn.fresh] then return end
  session.whole = #list
  for _, message in ipairs(turn.fresh) do list[#list + 1] = message end
  session.whole = nil
end

-- Public methods.

local function check_self (self, method)
  if getmetatable(self) ~= Session then
    usage.fail(("session:%s must be called with a colon on a session"):format(method))
  end
end

local function check_question (text, method)
  if type(text) ~= "string" then
    usage.fail(("session:%s takes the question as a string, got %s"):format(method,
      checks.describe(text)))
  end
end

local function check_options (self, options, by_over)
  if type(options) ~= "table" then return end
  if rawget(options, "format") ~= nil then
    usage.fail 'unknown option "format": a session has the format with which it was made'
  elseif rawget(options, "keep_text") ~= nil then
    usage.fail 'unknown option "keep_text": a session keeps the texts of its history'
  end
  names.check(options, by_over[self.over], "option")
end

--- Raises when a call of a tool has no result yet.
local function check_answered (self, method)
  local name = history.unanswered(self.messages)
  if not name then return end
  usage.fail(("session:%s while a call of the tool %s has no result; give it with session:append")
    :format(method, name))
end

local function check_free (self, method)
  if not is_busy(self) then return end
  usage.fail(("session:%s while another call of this session is running; wait until it ends, "
    .. "or fork the session"):format(method))
end

--- Checks what all methods that ask the model check. Returns a turn; or nil and the error.
local function begin (self, method, fresh, options)
  check_self(self, method)
  check_options(self, options, session_options.call_names)
  check_free(self, method)
  check_answered(self, method)
  return turns.new(self, fresh, options)
end

--- Asks for a whole answer. Returns the result, of which the answer is added to the turn.
local function ask (self, turn, shown)
  local plan, input_of, err = turns.prepare(self, turn, self.engine.ROUTE, shown)
  if not plan then return call.report(self.client.shared, err) end
  close_stream(self)
  local input, why = input_of()
  local result
  result, err = stream.run(self.client.shared, input, input and plan, why)
  if not result then return nil, err end
  return result, input, plan
end

local function ask_once (self, turn, shown)
  local result, input, plan = alone(self, function () return ask(self, turn, shown) end)
  if not result then return nil, input end
  turn.fresh[#turn.fresh + 1] = turns.answer(self, turn, result, input, plan)
  add_turn(self, turn)
  return result
end

--- Opens a stream. `finish` is called with the stream, what was sent and the plan, when the answer
-- is complete.
local function open_stream (self, turn, shown, finish)
  local plan, input_of, err = turns.prepare(self, turn, self.engine.STREAM, shown)
  if not plan then return call.report(self.client.shared, err) end
  -- A stream of several rounds opens one stream after the other.
  local before = self.reading.stream
  if not run_stream.is(before) then close_stream(self) end
  local input, this
  input, err = alone(self, input_of)
  this, err = call.begin(self.client.shared, input, input and plan, err)
  if not this then return nil, err end
  return stream.new(this, finish and function (ended) finish(ended, input, plan) end), input, plan
end

local function stream_once (self, turn, shown, refusal)
  local made, err
  if turn then
    made, err = open_stream(self, turn, shown, function (ended, input, plan)
      turn.fresh[#turn.fresh + 1] = turns.answer(self, turn, ended:result(), input, plan)
      add_turn(self, turn)
    end)
  end
  if made then self.reading.stream = made else made = stream.failed(err or refusal) end
  return made, nil, nil, made
end

local function asked (text)
  return { { role = "user", content = text } }
end

--- Sends a question and waits for the whole answer. A stream of this session that is still open is
-- closed first; a task that reads it gets an error of kind "cancelled".
-- @tparam string text
-- @tparam ?SendOptions options as for `client:generate`, or over `"chat"` as for
-- `client:chat_completion`; they replace options of the session; also `tools` and `tool_choice`
-- @treturn[1] SessionResult the result, see `predibase.response`; when the model calls tools it has
-- `tool_calls`, and their results are given with `append`
-- @treturn[2] nil
-- @treturn[2] Error the error; the history has not changed
-- @raise as `client:generate` does, while another call of this session is running, and while a call
-- of a tool has no result
function Session:send (text, options)
  check_self(self, "send")
  check_question(text, "send")
  local turn, err = begin(self, "send", asked(text), options)
  if not turn then return nil, err end
  return ask_once(self, turn, "session:send")
end

--- Sends a question and streams the answer. A stream of this session that is still open is closed
-- first, as by `send`. With `max_input_tokens` this function may wait for the server to count
-- tokens; the question itself is sent by the first `next`. All errors are returned by the first
-- `next`.
-- @tparam string text
-- @tparam ?SendOptions options as for `send`, and `on_token`
-- @treturn SessionStream the stream, see `predibase.stream`, with the further values that the
-- generic `for` of Lua 5.4 takes
-- @raise as `send` does
function Session:stream (text, options)
  check_self(self, "stream")
  check_question(text, "stream")
  local turn, err = begin(self, "stream", asked(text), options)
  return stream_once(self, turn, "session:stream", err)
end

--- Adds a message to the history, for example the result of a tool: `{ role = "tool", tool_call_id
-- = call.id, content = text }`. An open stream of this session is closed first, as by `send`.
-- @tparam Message message in OpenAI's form, see `predibase.wire_messages`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "validation"
-- @raise while a call is running, and for a message that is not a table
function Session:append (message)
  check_self(self, "append")
  if type(message) ~= "table" then
    usage.fail("session:append takes a message as a table, got " .. checks.describe(message))
  end
  check_free(self, "append")
  local more, problem = history.read { message }
  if not more then return refuse(problem) end
  local role = more[1].role
  if role == "system" and self.messages[1] then
    return refuse "only the first message can be from the system; see session:set_system"
  elseif role ~= "tool" and history.unanswered(self.messages) then
    return refuse(("a call of the tool %s has no result yet"):format(
      history.unanswered(self.messages)))
  end
  local all = history.joined(self.messages, more)
  local ok, err = require "predibase.wire_messages".check(all)
  if not ok then return nil, err end
  close_stream(self)
  self.messages = all
  return true
end

--- Asks for an answer to the history as it is, for example after `append`.
-- @tparam ?SendOptions options as for `send`
-- @treturn[1] SessionResult the result
-- @treturn[2] nil
-- @treturn[2] Error the error; the history has not changed
-- @raise as `send` does
function Session:generate (options)
  local turn, err = begin(self, "generate", {}, options)
  if not turn then return nil, err end
  if not self.messages[1] then return refuse "the session has no message to answer" end
  return ask_once(self, turn, "session:generate")
end

--- Streams an answer to the history as it is.
-- @tparam ?SendOptions options as for `stream`
-- @treturn SessionStream the stream
-- @raise as `send` does
function Session:generate_stream (options)
  local turn, err = begin(self, "generate_stream", {}, options)
  if turn and not self.messages[1] then
    turn, err = nil, select(2, refuse "the session has no message to answer")
  end
  return stream_once(self, turn, "session:generate_stream", err)
end

--- Makes the rounds of `run` and `run_stream`.
local function new_rounds (self, method, text, options)
  check_self(self, method)
  if text ~= nil then check_question(text, method) end
  local own
  check_options(self, options, session_options.run_names)
  options, own = rounds.split(options, method)
  local turn, err = begin(self, method, text and asked(text) or {}, options)
  if not turn then return nil, err end
  rounds.check_tools(turn.tools, method)
  if not text and not self.messages[1] then
    return refuse "the session has no message to answer"
  end
  local shown, input, plan = "session:" .. method, nil, nil
  return rounds.new(self.client, turn, own, {
    whole = function ()
      local result
      result, input, plan = ask(self, turn, shown)
      return result, input
    end,
    stream = function ()
      local made
      made, input, plan = open_stream(self, turn, shown)
      return made, input
    end,
    shown = function () return self.engine.shown(self, turn) end,
    answer = function (result) return turns.answer(self, turn, result, input, plan) end,
    own_ids = function (calls) turns.own_ids(self, turn, calls) end,
    waits = function () return turns.waits(self) end,
    commit = function () add_turn(self, turn) end,
  })
end

--- Sends a question, runs the tools that the model calls, and asks again, until the model answers
-- in words. Each tool is a table with a function `run(arguments, call)`, see `predibase.tools`. It
-- runs in a coroutine of its own, in which calls of a client may wait; the tools of one answer run
-- at the same time. It returns a string, a table (which is sent as JSON), or nil and a message.
-- @tparam ?string text the question; nil to answer the history as it is
-- @tparam ?RunOptions options as for `send`, and `max_rounds` (most answers of the model, default
-- 8); `on_tool(call, result)` observes the result of each call; `on_tool_error(call, err)` returns
-- what the model is told of a tool's error, or nil to stop. Without it the model gets the error's
-- message. Arguments that do not fit the tool's schema always go back to the model
-- @treturn[1] SessionResult the result of the last answer, with `rounds`, the number of answers
-- @treturn[2] nil
-- @treturn[2] Error the error: of kind "tool" when `on_tool_error` returned nil or the rounds were
-- too many; the history has not changed, and `messages` has the new messages
-- @raise as `send` does, and when a tool has no function `run`
function Session:run (text, options)
  local all, err = new_rounds(self, "run", text, options)
  if not all then return nil, err end
  return alone(self, function () return all:run() end, function () all:cancel() end)
end

--- Does the same as `run`, and streams the text of all answers. All errors are returned by the
-- first `next`.
-- @tparam ?string text
-- @tparam ?RunOptions options as for `run`
-- @treturn RunStream the stream, see `predibase.chat.run_stream`, with the further values that the
-- generic `for` of Lua 5.4 takes
-- @raise as `run` does
function Session:run_stream (text, options)
  local all, err = new_rounds(self, "run_stream", text, options)
  local made
  if all then
    close_stream(self)
    made = run_stream.new(self.client, all)
    self.reading.stream = made
  else
    made = stream.failed(err)
  end
  return made, nil, nil, made
end

--- Replaces the system message. An open stream of this session is closed first, as by `send`.
-- @tparam ?string text nil removes it
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error the error: of kind "template" when the format has no system message
-- @raise while a call is running
function Session:set_system (text)
  check_self(self, "set_system")
  if text ~= nil and type(text) ~= "string" then
    usage.fail("session:set_system takes a string or nil, got " .. checks.describe(text))
  end
  check_free(self, "set_system")
  local message = text and { role = "system", content = text }
  if message then
    local ok, err = self.engine.check_system(self, message)
    if not ok then return nil, err end
  end
  close_stream(self)
  local list = { message }
  for i, old in ipairs(self.messages) do
    if i > 1 or old.role ~= "system" then list[#list + 1] = old end
  end
  self.messages = list          -- one assignment, because Ctrl-C may come at any instruction
  return true
end

--- Removes all messages but the system message from the history. An open stream of this session is
-- closed first, as by `send`.
-- @raise while a call is running
function Session:reset ()
  check_self(self, "reset")
  check_free(self, "reset")
  close_stream(self)
  self.messages = history.from(self.messages, #self.messages + 1)
  self.left_out = 0
end

--- Removes the last turn, a question and its answer, from the history. An open stream of this
-- session is closed first, as by `send`; the question of that stream is not in the history, so it
-- is not the turn that is removed.
-- @treturn ?string the question; nil when there was none
-- @raise while a call is running
function Session:undo ()
  check_self(self, "undo")
  check_free(self, "undo")
  close_stream(self)
  local starts = history.turns(self.messages)
  local first = starts[#starts]
  local question = first and self.messages[first]
  if not question or question.role ~= "user" then return nil end
  local list = {}
  for i = 1, first - 1 do list[i] = self.messages[i] end
  self.messages = list
  return history.text(question)
end

--- Makes a copy of the session, which continues on its own. The two share only the client.
-- @treturn Session
function Session:fork ()
  check_self(self, "fork")
  repair(self)
  local twin = new_state()
  for _, name in ipairs { "client", "engine", "over", "format", "rendering", "plan", "own", "tools",
    "given_tools", "tool_choice", "max_input_tokens", "count_tokens", "left_out" } do
    twin[name] = self[name]
  end
  twin.counter = self.counter:copy()
  twin.messages = history.copy(self.messages)
  return setmetatable(twin, Session)
end

--- Writes the conversation as JSON: the name of the format, the messages, the parameters of the
-- session and its token limit. Tokens, headers and functions are not written.
-- @tparam ?string path of a file to write
-- @treturn[1] string|boolean the JSON; true when it was written to a file
-- @treturn[2] nil
-- @treturn[2] Error the error
function Session:save (path)
  check_self(self, "save")
  if path ~= nil and type(path) ~= "string" then
    usage.fail("session:save takes the path of a file or nothing, got " .. checks.describe(path))
  end
  repair(self)
  local text, err = saved.encode(self, self.own())
  if text and path then text, err = saved.write(path, text) end
  return text, err
end

function Session:__tostring ()
  return ("predibase.chat (%s, %d message%s)"):format(self.format and self.format.name
    or "over chat", #self.messages,
    #self.messages == 1 and "" or "s")
end

--- Sets the format of a session over `generate`. Returns nil and the error when there is none.
local function set_format (self, given)
  local err
  self.format, err = rendering.format(given.format, self.client.cfg)
  if not self.format then return nil, err end
  self.rendering = rendering.options_of(given)
  self.rendering.special_tokens_in_text = self.rendering.special_tokens_in_text or "neutralise"
  return true
end

--- Makes a session, for `client:chat_session`.
-- @tparam Client of the client
-- @tparam ?SessionOptions options `over` (`"generate"`, the default, or `"chat"`: how the messages
-- are sent); `format` (a chat format, its name, or the name of a model; default: the format of the
-- deployment), `system` (the system message), `messages` (the first messages of the history),
-- `tools` (see `predibase.tools`) and `tool_choice` of all calls, `max_input_tokens` (older turns
-- that do not fit are not sent), `count_tokens` (a function from text to number, used instead of
-- the server's tokenizer), `special_tokens_in_text` (default `"neutralise"`; `"refuse"` applies to
-- the texts of `send` and `stream`; `"allow"`), `enable_thinking`, `variables`, `date_string`,
-- `now` as for `format:render`; all options of calls. Over `"chat"` there are no `format` and no
-- options of `format:render`, and the numbers of tokens that the server adds to the texts are
-- estimated
-- @tparam ?table calls options of calls that apply where `options` has none
-- @tparam ?table base the session's own options that apply where `options` has none
-- @treturn[1] Session the session
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise for an option that does not exist
function M.new (of, options, calls, base)
  if options ~= nil and type(options) ~= "table" then
    usage.fail("client:chat_session takes its options as a table, got a " .. type(options))
  end
  options = options or {}
  local over, err = session_options.read_over(options, base)
  if not over then return nil, err end
  local given, of_calls = session_options.split(options, base)
  local problem = session_options.budget_problem(given)
  if problem then return refuse(problem) end
  local messages
  messages, err = session_options.first_messages(given)
  if not messages then return nil, err end
  local self = new_state()
  self.client, self.messages = of, messages
  self.over, self.engine = over, session_options.engines[over]
  self.max_input_tokens, self.count_tokens = given.max_input_tokens, given.count_tokens
  self.tools, err = turns.read_tools(of.cfg, given.tools)
  if err then return nil, err end
  self.given_tools, self.tool_choice = self.tools and given.tools or nil, given.tool_choice
  local own = request.copy(request.merge(calls, of_calls))
  local all = own
  if over == "generate" then
    local ok
    ok, err = set_format(self, given)
    if not ok then return nil, err end
    all = request.merge(rendering.defaults(self.format), own)
  end
  -- The history needs the text of streams. Copied before, so that `own` is saved as it was given.
  all = request.merge(all, { keep_text = true })
  -- In closures, because the options may contain an API token.
  self.own = function () return own end
  self.plan = request.planner(of, all, true)
  setmetatable(self, Session)
  local ok
  ok, err = self.engine.check(self)
  if not ok then return nil, err end
  return self
end

--- Continues a conversation that `session:save` wrote.
-- @tparam Client|Adapter of a client, or an adapter of `client:adapter`
-- @tparam string source the path of the file, or the JSON itself, which begins with `{`
-- @tparam ?SessionOptions options as for `client:chat_session`; they replace what was saved. A
-- `format` that is not built in has to be given again
-- @treturn[1] Session the session
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise for an option that does not exist, and a source that is not a string
function M.load (of, source, options)
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
  names.check(options or {}, session_options.names, "option")
  local given, err = saved.options(source, options or {}, kind == "predibase.adapter")
  if not given then return nil, err end
  return of:chat_session(given)
end

return M
