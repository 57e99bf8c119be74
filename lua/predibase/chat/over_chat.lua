-- SPDX-License-Identifier: MIT
--- Sends the messages of a conversation with `chat_completion`: the server writes them in the form
-- of its model.
--
-- `predibase.chat.over_generate` has the same functions, which `predibase.chat` calls.
-- @module predibase.chat.over_chat

local chat_completion = require "predibase.chat_completion"
local history = require "predibase.chat.history"
local json = require "predibase.json"
local random = require "predibase.random"
local wire_messages = require "predibase.wire_messages"

local M = {}

M.ROUTE, M.STREAM = chat_completion.ROUTE, chat_completion.STREAM

--- Estimated tokens that a server's chat template adds to each message. Those of published models
-- add 3 to 10.
M.TOKENS_PER_MESSAGE = 10

--- Checks the messages of a new session.
-- @tparam table session
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table error of kind "validation"
function M.check (session)
  if not session.messages[1] then return true end
  return wire_messages.check(session.messages)
end

--- Checks a system message. The server alone knows whether its model has one.
-- @treturn boolean true
function M.check_system ()
  return true
end

--- Returns the options of a call with `chat_completion`.
-- @tparam table turn `options`, `given_tools` (as the program gave them), `tool_choice`
-- @treturn ?table
function M.call_options (turn)
  if turn.given_tools == nil and turn.tool_choice == nil then return turn.options end
  local options = { tools = turn.given_tools, tool_choice = turn.tool_choice }
  for name, value in next, turn.options or {} do options[name] = value end
  return options
end

--- Returns what is sent.
-- @tparam table _ the session
-- @tparam table messages
-- @treturn table
function M.input (_, messages)
  return messages
end

--- Makes an id for a call of a tool.
-- @tparam table session
-- @treturn string
function M.new_id (session)
  return "call_" .. random.id(session.client.shared.random)
end

--- Returns the message of an answer.
-- @tparam table _ the session
-- @tparam table result
-- @treturn table
function M.answer (_, result)
  return result.message
end

--- Returns nil: no part of the text of a stream is a call.
function M.shown ()
  return nil
end

--- Returns the text of a message.
-- @tparam table _ the session
-- @tparam table message
-- @treturn string
function M.written (_, message)
  return history.text(message)
end

--- Estimates what the server adds to the texts.
-- @tparam table _ the session
-- @tparam table messages
-- @tparam ?table tools
-- @treturn string a text for the calls and the tools
-- @treturn nil
-- @treturn number tokens to add to those of the text
function M.frame (_, messages, tools)
  local parts = {}
  for _, message in ipairs(messages) do
    if message.tool_calls then parts[#parts + 1] = json.encode(message.tool_calls) end
  end
  for _, tool in ipairs(tools or {}) do parts[#parts + 1] = json.encode(tool.wire) end
  return table.concat(parts, "\n"), nil, #messages * M.TOKENS_PER_MESSAGE
end

return M
