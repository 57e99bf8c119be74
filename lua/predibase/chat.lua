-- SPDX-License-Identifier: MIT
--- A conversation with a model, by means of `generate` and `generate_stream`. Each call sends the
-- whole history in the model's chat format. `client:chat_session` makes a session.
--
--     local session = assert(client:chat_session { system = "Answer in one sentence." })
--     print(assert(session:send "Why is the sky blue?"))
--     for token in session:stream "And at night?" do io.write(token.text) end
--
-- `session.messages` is the history, an array of `{ role, content }` with the system message first.
-- Programs may read it but must not change it. A question and its answer are added together, when
-- the answer is complete.
-- @module predibase.chat

local active = require "predibase.active"
local budget = require "predibase.chat.budget"
local call = require "predibase.call"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local generate = require "predibase.generate"
local history = require "predibase.chat.history"
local json = require "predibase.json"
local names = require "predibase.option_names"
local rendering = require "predibase.rendering"
local request = require "predibase.request"
local saved = require "predibase.chat.saved"
local stream = require "predibase.stream"
local usage = require "predibase.usage"

local M = {}

-- PUC Lua 5.1 cannot yield inside `pcall`.
local RESUMABLE = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

--- Estimates the tokens of a text, for the option `count_tokens`.
-- @function estimate
-- @tparam string text
-- @treturn integer
M.estimate = budget.estimate

--- Returns the text of a message of the history. A content that consists of parts is joined.
-- @function text
-- @tparam table message
-- @treturn string
M.text = history.text

-- Options.

-- Options of a session that are not options of its calls.
local OWN = { format = true, system = true, messages = true, max_input_tokens = true,
  count_tokens = true }
for _, name in ipairs(rendering.names) do OWN[name] = true end

local NAMES = {}
for name in pairs(OWN) do NAMES[name] = true end
for name in pairs(generate.STREAM.names) do NAMES[name] = true end

local function refuse (message)
  return nil, errors.new { kind = "validation", phase = "request", message = message }
end

--- Makes the messages that a session begins with.
local function first_messages (options)
  local messages, problem = history.read(options.messages == nil and {} or options.messages)
  if not messages then return refuse(problem) end
  local system = options.system
  if system == nil then return messages end
  if type(system) ~= "string" then
    return refuse("system must be a string, got " .. checks.describe(system))
  end
  if messages[1] and messages[1].role == "system" then
    return refuse "the system message is given twice, as system and as the first of messages"
  end
  table.insert(messages, 1, { role = "system", content = system })
  return messages
end

local function budget_problem (options)
  local limit, counter = options.max_input_tokens, options.count_tokens
  if limit ~= nil and (not checks.integral(limit) or limit < 1) then
    return "max_input_tokens must be an integer above 0, got " .. checks.describe(limit)
  end
  if counter ~= nil and not checks.callable(counter) then
    return "count_tokens must be a function, got " .. checks.describe(counter)
  end
end

--- Splits options into the session's own, to which those of `base` are added, and the options of
-- its calls.
local function split (options, base)
  local own, of_calls = {}, {}
  for name, value in next, base or {} do own[name] = value end
  for name, value in next, options do
    if not OWN[name] then
      of_calls[name] = value
    elseif value ~= json.null then
      own[name] = value
    end
  end
  return own, of_calls
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

--- Runs a function. No other call of the session may begin while it runs.
local function alone (session, f)
  session.busy = active.here()
  if not RESUMABLE and coroutine.running() then
    local value, err = f()
    session.busy = nil
    return value, err
  end
  local ok, value, err = pcall(f)
  session.busy = nil
  if not ok then error(value, 0) end
  return value, err
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
  if open and not (open.final or open.err) then open:close() end
  session.reading.stream = nil
end

--- Returns a new array of the messages of a session and a new question.
local function with_question (session, text)
  local list = {}
  for i, message in ipairs(session.messages) do list[i] = message end
  list[#list + 1] = { role = "user", content = text }
  return list
end

--- Renders the prompt of a call: the history, or the part of it that fits, and the question.
local function prompt_of (session, text, options)
  if session.rendering.special_tokens_in_text == "refuse" then
    local ok, err = rendering.write(session.format, { { role = "user", content = text } },
      session.rendering)
    if not ok then return nil, err end
  end
  local all = with_question(session, text)
  local messages = all
  if session.max_input_tokens then
    local part, why = budget.fit(session, all, options)
    if not part then return nil, why end
    messages = part
  end
  local prompt, err = rendering.write(session.format, messages,
    rendering.of_history(session.rendering))
  if prompt then session.left_out = #all - #messages end
  return prompt, err
end

--- Adds a turn to the history.
local function add_turn (session, text, result, prompt, plan)
  local list, answer = session.messages, result.text
  -- return_full_text puts the prompt before the answer, and the prompt repeats the history.
  if plan.return_full_text and answer:sub(1, #prompt) == prompt then
    answer = answer:sub(#prompt + 1)
  end
  session.whole = #list
  list[#list + 1] = { role = "user", content = text }
  list[#list + 1] = { role = "assistant", content = answer }
  session.whole = nil
end

--- Checks that the format can render the conversation. If the conversation does not end with a
-- question, one is added for the check.
local function probe (session)
  local messages = session.messages
  local first, last = messages[1], messages[#messages]
  -- The system message must be accepted under the `special_tokens_in_text` that the program chose.
  local fresh = { { role = "user", content = "x" } }
  if first and first.role == "system" then table.insert(fresh, 1, first) end
  local good, why = rendering.write(session.format, fresh, session.rendering)
  if not good then return nil, why end
  if not (last and last.role == "user") then messages = with_question(session, "x") end
  return rendering.write(session.format, messages, rendering.of_history(session.rendering))
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

local function check_options (options)
  if type(options) == "table" and rawget(options, "format") ~= nil then
    usage.fail 'unknown option "format": a session has the format with which it was made'
  end
end

local function check_free (self, method)
  if not is_busy(self) then return end
  usage.fail(("session:%s while another call of this session is running; wait until it ends, "
    .. "or fork the session"):format(method))
end

--- Sends a question and waits for the whole answer. A stream of this session that is still open is
-- closed first; a task that reads it gets an error of kind "cancelled".
-- @tparam string text
-- @tparam ?table options as for `client:generate`; they replace options of the session
-- @treturn[1] table the result, see `predibase.response`
-- @treturn[2] nil
-- @treturn[2] table the error; the history has not changed
-- @raise as `client:generate` does, and while another call of this session is running
function Session:send (text, options)
  check_self(self, "send")
  check_question(text, "send")
  check_options(options)
  check_free(self, "send")
  local plan, refusal = self.plan(generate.ROUTE, options, "session:send")
  if not plan then return nil, refusal end
  close_stream(self)
  local prompt
  local result, err = alone(self, function ()
    local why
    prompt, why = prompt_of(self, text, options)
    return call.run(self.client.shared, prompt, prompt and plan, why)
  end)
  if result then add_turn(self, text, result, prompt, plan) end
  return result, err
end

--- Sends a question and streams the answer. A stream of this session that is still open is closed
-- first, as by `send`. With `max_input_tokens` this function may wait for the server to count
-- tokens; the question itself is sent by the first `next`. All errors are returned by the first
-- `next`.
-- @tparam string text
-- @tparam ?table options as for `client:generate_stream`; they replace options of the session
-- @treturn table the stream, see `predibase.stream`, with the further values that the generic `for`
-- of Lua 5.4 takes
-- @raise as `send` does
function Session:stream (text, options)
  check_self(self, "stream")
  check_question(text, "stream")
  check_options(options)
  check_free(self, "stream")
  local plan, err = self.plan(generate.STREAM, options, "session:stream")
  local prompt, this
  if plan then
    close_stream(self)
    prompt, err = alone(self, function () return prompt_of(self, text, options) end)
  end
  if prompt then this, err = call.prepare(self.client.shared, plan, prompt) end
  local made = this and stream.new(this, function (ended)
    add_turn(self, text, ended:result(), prompt, plan)
  end) or stream.failed(err)
  if this then self.reading.stream = made end
  return made, nil, nil, made
end

--- Replaces the system message. An open stream of this session is closed first, as by `send`.
-- @tparam ?string text nil removes it
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error: of kind "template" when the format has no system message
-- @raise while a call is running
function Session:set_system (text)
  check_self(self, "set_system")
  if text ~= nil and type(text) ~= "string" then
    usage.fail("session:set_system takes a string or nil, got " .. checks.describe(text))
  end
  check_free(self, "set_system")
  local message = text and { role = "system", content = text }
  if message then
    local fresh = { message, { role = "user", content = "x" } }
    local ok, err = rendering.write(self.format, fresh, self.rendering)
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
-- @treturn table
function Session:fork ()
  check_self(self, "fork")
  repair(self)
  local twin = new_state()
  for _, name in ipairs { "client", "format", "rendering", "plan", "own", "max_input_tokens",
    "count_tokens", "left_out" } do twin[name] = self[name] end
  twin.counter = self.counter:copy()
  twin.messages = history.copy(self.messages)
  return setmetatable(twin, Session)
end

--- Writes the conversation as JSON: the name of the format, the messages, the parameters of the
-- session and its token limit. Tokens, headers and functions are not written.
-- @tparam ?string path of a file to write
-- @treturn[1] string|boolean the JSON; true when it was written to a file
-- @treturn[2] nil
-- @treturn[2] table the error
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
  return ("predibase.chat (%s, %d message%s)"):format(self.format.name, #self.messages,
    #self.messages == 1 and "" or "s")
end

--- Makes a session, for `client:chat_session`.
-- @tparam table of the client
-- @tparam ?table options `format` (a chat format, its name, or the name of a model; default: the
-- format of the deployment), `system` (the system message), `messages` (the first messages of the
-- history), `max_input_tokens` (older turns that do not fit are not sent), `count_tokens` (a
-- function from text to number, used instead of the server's tokenizer), `special_tokens_in_text`
-- (default `"neutralise"`; `"refuse"` applies to the texts of `send` and `stream`; `"allow"`),
-- `enable_thinking`, `variables`, `date_string`, `now` as for `format:render`; all options of calls
-- @tparam ?table calls options of calls that apply where `options` has none
-- @tparam ?table base the session's own options that apply where `options` has none
-- @treturn[1] table the session
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise for an option that does not exist
function M.new (of, options, calls, base)
  if options ~= nil and type(options) ~= "table" then
    usage.fail("client:chat_session takes its options as a table, got a " .. type(options))
  end
  options = options or {}
  names.check(options, NAMES, "option")
  local given, of_calls = split(options, base)
  local problem = budget_problem(given)
  if problem then return refuse(problem) end
  local messages, err = first_messages(given)
  if not messages then return nil, err end
  local format
  format, err = rendering.format(given.format, of.cfg)
  if not format then return nil, err end
  local self = new_state()
  self.client, self.format, self.messages = of, format, messages
  self.max_input_tokens, self.count_tokens = given.max_input_tokens, given.count_tokens
  self.rendering = rendering.options_of(given)
  self.rendering.special_tokens_in_text = self.rendering.special_tokens_in_text or "neutralise"
  local own = request.copy(request.merge(calls, of_calls))
  local all = request.merge(rendering.defaults(format), own)
  -- In closures, because the options may contain an API token.
  self.own = function () return own end
  self.plan = request.planner(of, all)
  setmetatable(self, Session)
  local ok
  ok, err = probe(self)
  if not ok then return nil, err end
  return self
end

--- Continues a conversation that `session:save` wrote.
-- @tparam table of a client, or an adapter of `client:adapter`
-- @tparam string source the path of the file, or the JSON itself, which begins with `{`
-- @tparam ?table options as for `client:chat_session`; they replace what was saved. A `format` that
-- is not built in has to be given again
-- @treturn[1] table the session
-- @treturn[2] nil
-- @treturn[2] table the error
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
  names.check(options or {}, NAMES, "option")
  local given, err = saved.options(source, options or {}, kind == "predibase.adapter")
  if not given then return nil, err end
  return of:chat_session(given)
end

return M
