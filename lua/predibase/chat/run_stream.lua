-- SPDX-License-Identifier: MIT
--- The stream of `session:run_stream`: the deltas of all answers, with the tools run between them.
--
-- A delta has `text`, and where they come `reasoning`, `tool_calls`, `finish_reason` and
-- `raw_finish_reason`. The delta with `tool_calls` is the last one before the tools run.
-- @module predibase.chat.run_stream

local errors = require "predibase.errors"
local stream = require "predibase.stream"
local together = require "predibase.together"
local tool_calls = require "predibase.chat.tool_calls"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"

local M = {}

local RunStream = { __name = "predibase.chat.run_stream" }
RunStream.__index = RunStream

local function check_self (self, method)
  if getmetatable(self) == RunStream then return end
  usage.fail(("stream:%s must be called with a colon on a stream"):format(method))
end

local function fail (self, err)
  self.err = self.rounds:failed(err)
  return nil, self.err
end

--- Makes the delta of a token, or of a delta of the server.
local function delta_of (self, token)
  local text = stream.text_of(self.stream, token)
  if self.shown then text = self.shown:feed(text) end
  if token.id ~= nil then return { text = text, token = token } end
  self.rounds:own_ids(token.tool_calls)
  return { text = text, reasoning = token.reasoning, tool_calls = token.tool_calls,
    finish_reason = token.finish_reason, raw_finish_reason = token.raw_finish_reason }
end

--- Ends a round. Returns the last delta of it, if there is one.
local function end_round (self)
  local rest = stream.rest_of(self.stream)
  local result, err = self.stream:result()
  if not result then return fail(self, err) end
  self.rounds:take(result)
  if self.shown then rest = (self.shown:feed(rest)) .. (self.shown:finish()) end
  if not result.tool_calls then
    self.rounds:complete()
    self.outcome = result
  else
    local problem = self.rounds:problem()
    if problem then return fail(self, problem) end
    self.work = tool_calls.new(self.client, self.rounds.tools or {}, result.tool_calls)
  end
  self.stream = nil           -- last, because Ctrl-C may come at any instruction
  local calls = self.shown and result.tool_calls or nil
  if rest == "" and not calls then return true end
  return { text = rest, tool_calls = calls,
    finish_reason = calls and "tool_calls" or nil }
end

--- Opens the stream of the next round. For `poll` this happens in a coroutine of its own when it
-- may wait. Returns as `advance`.
local function open_round (self, how)
  local opened, err
  if not self.opening and how == "poll" and self.rounds:open_waits() then
    self.opening = together.new(self.client, { function () return self.rounds:open() end })
    self.opening:start()
  end
  if self.opening then
    if how == "poll" and not self.opening:ended() then return nil, "pending" end
    local outcomes
    outcomes, err = self.opening:wait()
    self.opening = nil
    local outcome = outcomes and outcomes[1] or { true, nil, err }
    if not outcome[1] then error(outcome[2], 0) end
    opened, err = outcome[2], outcome[3]
  else
    opened, err = self.rounds:open()
  end
  if self.closed then
    if opened then opened:close() end
    return true
  end
  if not opened then return fail(self, err) end
  self.stream, self.shown = opened, self.rounds:shown()
  return true
end

--- Takes one step. Returns a delta; true when another step is needed; or nil and an error or
-- "pending".
local function advance (self, how)
  if self.work then
    self.stream = nil
    self.work:start()
    if how == "poll" and not self.work:ended() then return nil, "pending" end
    local messages, err = self.work:finish(self.rounds.hooks)
    if self.closed then return true end
    if not messages then return fail(self, err) end
    self.rounds:add(messages)
    self.work = nil
    return true
  end
  if not self.stream then return open_round(self, how) end
  local token, err = self.stream[how](self.stream)
  if token then return delta_of(self, token) end
  if err == "pending" then return nil, err end
  if err then return fail(self, err) end
  return end_round(self)
end

local function step (self, how)
  while true do
    if self.err then return nil, self.err end
    if self.outcome then return nil end
    if self.closed then
      return fail(self, errors.new { kind = "cancelled", phase = "closed",
        message = "the stream was closed" })
    end
    local delta, err = advance(self, how)
    if delta ~= true then return delta, err end
  end
end

--- Waits for the next delta and returns it. Between two answers it waits for the tools.
-- @treturn[1] Delta the delta
-- @treturn[2] nil at the end
-- @treturn[3] nil
-- @treturn[3] Error the error; every later call returns it again
function RunStream:next ()
  check_self(self, "next")
  return step(self, "next")
end

--- Returns the next delta if it has arrived; never waits. Tools that wait go on while the program
-- calls this function, or its loop runs.
-- @treturn[1] Delta the delta
-- @treturn[2] nil at the end
-- @treturn[3] nil
-- @treturn[3] "pending"|Error "pending", or the error
function RunStream:poll ()
  check_self(self, "poll")
  return step(self, "poll")
end

--- For `for delta in stream do`: returns what `next` returns, and raises the error.
function RunStream:__call ()
  local delta, err = self:next()
  if err then error(err, 0) end
  return delta
end

--- Iterates over pieces of text as a terminal or a page can show them, see `stream:texts`.
-- @treturn fun():string? the iterator (with the further values that the generic `for` of 5.4 takes)
function RunStream:texts ()
  check_self(self, "texts")
  return utf8.whole_characters(function ()
    local delta = self()
    return delta and delta.text
  end), nil, nil, self
end

--- Reads the stream to its end and returns the text of the last answer.
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] Error the error
function RunStream:text ()
  check_self(self, "text")
  local delta, err
  repeat delta, err = self:next() until not delta
  if err then return nil, err end
  return self.outcome.text
end

--- Returns what `session:run` would have returned, once the stream has ended.
-- @treturn[1] SessionResult the result of the last answer
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise when the stream has not ended yet
function RunStream:result ()
  check_self(self, "result")
  if self.err then return nil, self.err end
  if not self.outcome then
    usage.fail "stream:result() before the end of the stream: read all deltas first"
  end
  return self.outcome
end

--- Closes the connection, and ends the tools that run. May be called at any time and any number of
-- times.
function RunStream:close ()
  check_self(self, "close")
  self.closed = true
  if self.stream then self.stream:close() end
  if self.work then self.work:cancel() end
  if self.opening then self.opening:cancel() end
end

RunStream.__close = RunStream.close

function RunStream:__tostring ()
  return ("predibase.chat.run_stream (%s)"):format(self.err and "failed"
    or self.outcome and "ended" or self.closed and "closed" or "open")
end

--- Tells whether a value is a stream of this module.
-- @param value anything
-- @treturn boolean
function M.is (value)
  return type(value) == "table" and getmetatable(value) == RunStream
end

--- Makes a stream.
-- @tparam table client
-- @tparam table rounds of `predibase.chat.rounds`
-- @treturn RunStream
function M.new (client, rounds)
  -- Fields that are set later: opening (the work of opening the next stream), stream (of the
  -- current answer), shown (its filter), work (the tools that run), outcome (the last result), err.
  return setmetatable({ client = client, rounds = rounds, closed = false }, RunStream)
end

return M
