-- SPDX-License-Identifier: MIT
--- The calls of a conversation: the prompt out of its history, one call at a time, and the answer
-- into its history.
-- @module predibase.chat.call

local active = require "predibase.active"
local budget = require "predibase.chat.budget"
local call_options = require "predibase.call.options"
local client = require "predibase.client"
local names = require "predibase.names"
local stream = require "predibase.stream"
local writer = require "predibase.chat.writer"

local M = {}

-- PUC Lua 5.1 cannot yield inside `pcall`.
local RESUMABLE = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

--- What a session has to have, but for its settings.
-- @treturn table
function M.state()
  return {
    counts = {},          -- tokens of the texts that were counted last
    left_out = 0,         -- messages that the last call did not send
    whole = nil,          -- the length of the history, while a turn joins it
    busy = nil,           -- what is at work, see predibase.active
    -- The last stream, as long as the program holds it.
    reading = setmetatable({}, { __mode = "v" }),
  }
end

--- Runs a function while nothing else may begin.
local function alone(session, f)
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

--- Takes back half a turn: an error from outside came between a question and its answer.
-- @tparam table session
function M.repair(session)
  for i = #session.messages, (session.whole or #session.messages) + 1, -1 do
    session.messages[i] = nil
  end
  session.whole = nil
end

--- Whether a call is at work. What an error from outside left behind does not count.
-- @tparam table session
-- @treturn boolean
function M.in_flight(session)
  M.repair(session)
  local busy = session.busy
  if busy == nil then return false end
  if active.runs(alone, busy) then return true end
  session.busy = nil
  return false
end

--- Closes the stream that the session made last, unless it has ended.
-- @tparam table session
function M.close_stream(session)
  local open = session.reading.stream
  if open and not (open.final or open.err) then open:close() end
  session.reading.stream = nil
end

--- The options of one call over those of its session.
-- @tparam table session
-- @tparam ?table options
-- @tparam table allowed set of names
-- @treturn table
-- @raise for options that do not exist
function M.options(session, options, allowed)
  if options ~= nil and type(options) ~= "table" then return options end
  names.check(options or {}, call_options.stream, "option")
  return call_options.merge(session.options(), options, allowed)
end

--- The messages with a new one behind them.
local function with(session, text)
  local list = {}
  for i, message in ipairs(session.messages) do list[i] = message end
  list[#list + 1] = { role = "user", content = text }
  return list
end

local function prompt_of(session, text, options)
  if session.rendering.special_tokens_in_text == "refuse" then
    local ok, err = writer.write(session.format, { { role = "user", content = text } },
      session.rendering)
    if not ok then return nil, err end
  end
  local all = with(session, text)
  local messages = all
  if session.max_input_tokens then
    local part, why = budget.fit(session, all, options)
    if not part then return nil, why end
    messages = part
  end
  local prompt, err = writer.write(session.format, messages, writer.of_history(session.rendering))
  if prompt then session.left_out = #all - #messages end
  return prompt, err
end

local function join(session, text, result, prompt, options)
  local list, answer = session.messages, result.generated_text
  -- What return_full_text puts in front is the history itself: no part of what the model says.
  if options.return_full_text == true and answer:sub(1, #prompt) == prompt then
    answer = answer:sub(#prompt + 1)
  end
  session.whole = #list
  list[#list + 1] = { role = "user", content = text }
  list[#list + 1] = { role = "assistant", content = answer }
  session.whole = nil
end

--- Sends, and waits for the whole answer.
-- @tparam table session
-- @tparam string text
-- @tparam table options all of them
-- @treturn[1] table the result
-- @treturn[2] nil
-- @treturn[2] table the error
function M.send(session, text, options)
  local prompt
  local result, err = alone(session, function ()
    local why, result
    prompt, why = prompt_of(session, text, options)
    if not prompt then return nil, why end
    result, why = client.generate(session.client, prompt, options)
    return result, why
  end)
  if result then join(session, text, result, prompt, options) end
  return result, err
end

--- Makes the stream of an answer.
-- @tparam table session
-- @tparam string text
-- @tparam table options all of them
-- @tparam ?table err what is wrong already
-- @treturn table
function M.stream(session, text, options, err)
  local prompt
  if not err then
    prompt, err = alone(session, function ()
      local written, why = prompt_of(session, text, options)
      return written, why
    end)
  end
  if not prompt then return stream.failed(err) end
  local made = client.generate_stream(session.client, prompt, options)
  made.on_complete = function () join(session, text, made:result(), prompt, options) end
  session.reading.stream = made
  return made
end

--- Writes the conversation as it would be with another question, to see whether the format can.
-- @tparam table session
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table the error
function M.probe(session)
  local messages = session.messages
  local first, last = messages[1], messages[#messages]
  -- What the program says now is held to the mode that it asked for, and the mode is looked at.
  local fresh = { { role = "user", content = "x" } }
  if first and first.role == "system" then table.insert(fresh, 1, first) end
  local good, why = writer.write(session.format, fresh, session.rendering)
  if not good then return nil, why end
  if not (last and last.role == "user") then messages = with(session, "x") end
  local ok, err = writer.write(session.format, messages, writer.of_history(session.rendering))
  return ok, err
end

return M
