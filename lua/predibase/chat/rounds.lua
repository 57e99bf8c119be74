-- SPDX-License-Identifier: MIT
--- The rounds of `session:run`: each asks the model, which answers with a text or calls tools.
--
-- The new messages are added to the history when the last answer has come; an error leaves the
-- history as it was, and has the messages of the rounds in its field `messages`.
-- @module predibase.chat.rounds

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local history = require "predibase.chat.history"
local tool_calls = require "predibase.chat.tool_calls"
local usage = require "predibase.usage"

local M = {}

--- Default of `max_rounds`. A model that has not answered after so many calls mostly repeats
-- itself.
M.MAX_ROUNDS = 8

local Rounds = {}
Rounds.__index = Rounds

--- Options of `run` that are not options of its calls.
M.names = { max_rounds = true, on_tool = true, on_tool_error = true }

--- Splits the options of `run`. Raises for values of the wrong type.
-- @tparam ?table options
-- @tparam string method for messages
-- @treturn ?table the options of the calls
-- @treturn table `max_rounds`, `on_tool`, `on_tool_error`
function M.split (options, method)
  local own = { max_rounds = M.MAX_ROUNDS }
  if type(options) ~= "table" then return options, own end
  local rest = {}
  for name, value in next, options do
    if M.names[name] then own[name] = value else rest[name] = value end
  end
  if not checks.integral(own.max_rounds) or own.max_rounds < 1 then
    usage.fail(("session:%s takes max_rounds as an integer above 0, got %s"):format(method,
      checks.describe(own.max_rounds)))
  end
  for _, name in ipairs { "on_tool", "on_tool_error" } do
    if own[name] ~= nil and not checks.callable(own[name]) then
      usage.fail(("session:%s takes %s as a function, got %s"):format(method, name,
        checks.describe(own[name])))
    end
  end
  return rest, own
end

--- Raises when a tool cannot be run.
-- @tparam ?table tools
-- @tparam string method
function M.check_tools (tools, method)
  for _, tool in ipairs(tools or {}) do
    if not tool.run then
      usage.fail(("session:%s needs a function run in every tool, and %s has none"):format(method,
        tool.name))
    end
  end
end

local function count_answers (messages)
  local n = 0
  for _, message in ipairs(messages) do n = n + (message.role == "assistant" and 1 or 0) end
  return n
end

-- A stream of rounds may be interrupted by Ctrl-C at any instruction and go on after it. So `take`
-- and `add` change the messages with one assignment, and do nothing when they are called again.

--- Records an answer.
-- @tparam table result
function Rounds:take (result)
  local turn, message = self.turn, result.message
  if not message or turn.fresh[#turn.fresh] ~= message then
    message = self.ask.answer(result)
    turn.fresh = history.joined(turn.fresh, { message })
  end
  self.count = count_answers(turn.fresh)
  turn.tool_choice = self.later_choice
  result.rounds = self.count
end

--- Adds messages.
-- @tparam table messages
function Rounds:add (messages)
  local turn = self.turn
  if turn.fresh[#turn.fresh] == messages[#messages] then return end
  turn.fresh = history.joined(turn.fresh, messages)
end

--- Returns the error when the model still calls tools after the last round.
-- @treturn ?table
function Rounds:problem ()
  if self.count < self.max_rounds then return nil end
  return errors.new { kind = "tool", phase = "tool", retryable = false,
    message = ("the model still calls tools after %d round%s (max_rounds); its last calls were not "
      .. "run"):format(self.count, self.count == 1 and "" or "s") }
end

--- Returns the error when the client was closed after the first round.
-- @treturn ?table
function Rounds:closed ()
  if self.count == 0 or not self.client.closed then return nil end
  return errors.new { kind = "cancelled", phase = "closed", message = "the client was closed" }
end

--- Adds the messages of the rounds to an error.
-- @tparam table err
-- @treturn table err
function Rounds:failed (err)
  return errors.add(err, { messages = self.turn.fresh })
end

--- Adds the new messages to the history.
function Rounds:complete ()
  self.ask.commit()
end

--- Opens the stream of the next round.
-- @treturn[1] table the stream
-- @treturn[2] nil
-- @treturn[2] table the error
function Rounds:open ()
  local err = self:closed()
  if err then return nil, err end
  return self.ask.stream()
end

--- Tells whether `open` may have to wait, for the server to count tokens.
-- @treturn boolean
function Rounds:open_waits ()
  return self.ask.waits()
end

--- Gives calls ids that no other call of the conversation has.
-- @tparam ?table calls
function Rounds:own_ids (calls)
  if calls then self.ask.own_ids(calls) end
end

--- Returns the filter for the text of the current stream, or nil.
-- @treturn ?table
function Rounds:shown ()
  return self.ask.shown()
end

--- Makes all rounds.
-- @treturn[1] table the result of the last answer, with `rounds`, their number
-- @treturn[2] nil
-- @treturn[2] table the error
function Rounds:run ()
  while true do
    local result, err = nil, self:closed()
    if not err then result, err = self.ask.whole() end
    if not result then return nil, self:failed(err) end
    self:take(result)
    if not result.tool_calls then
      self:complete()
      return result
    end
    err = self:problem()
    local messages
    if not err then
      self.work = tool_calls.new(self.client, self.tools or {}, result.tool_calls)
      self.work:start()
      messages, err = self.work:finish(self.hooks)
      self.work = nil
    end
    if not messages then return nil, self:failed(err) end
    self:add(messages)
  end
end

--- Ends the tools that still run, after an error was raised.
function Rounds:cancel ()
  if self.work then self.work:cancel() end
end

--- Makes the rounds of one question.
-- @tparam table client
-- @tparam table turn `fresh` (the new messages), `tools`, `tool_choice`
-- @tparam table own as `split` returns it
-- @tparam table ask what the session does: `whole` asks and returns the result, `stream` returns a
-- stream, `waits` tells whether that may wait, `answer` makes the message of a result, `own_ids`
-- makes ids unique, `shown` makes the filter of a stream, `commit` adds the new messages to the
-- history
-- @treturn table
function M.new (client, turn, own, ask)
  local choice = turn.tool_choice
  return setmetatable({
    client = client, turn = turn, tools = turn.tools, ask = ask, hooks = own,
    max_rounds = own.max_rounds, count = 0,
    -- work: the tools that run
    -- A call is forced once only; otherwise the model could never answer.
    later_choice = choice == "none" and choice or nil,
  }, Rounds)
end

return M
