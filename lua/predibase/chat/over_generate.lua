-- SPDX-License-Identifier: MIT
--- Sends the messages of a conversation with `generate`: they are written in the chat format of the
-- model, and calls of tools are read out of its text.
--
-- `predibase.chat.over_chat` has the same functions, which `predibase.chat` calls.
-- @module predibase.chat.over_generate

local choices = require "predibase.choices"
local errors = require "predibase.errors"
local generate = require "predibase.generate"
local history = require "predibase.chat.history"
local json = require "predibase.json"
local random = require "predibase.random"
local rendering = require "predibase.rendering"

local M = {}

M.ROUTE, M.STREAM = generate.ROUTE, generate.STREAM

--- Options of rendering, with the tools of a turn.
local function options_of (session, tools, base)
  local options = {}
  for name, value in next, base or rendering.of_history(session.rendering) do
    options[name] = value
  end
  if tools then
    options.tools = {}
    for i, tool in ipairs(tools) do options.tools[i] = json.plain(tool.wire) end
  end
  return options
end

--- Returns the options of a call with `generate`.
-- @tparam table turn `options`, `tools`, `tool_choice`
-- @treturn[1] ?table
-- @treturn[2] nil
-- @treturn[2] table error of kind "validation"
function M.call_options (turn)
  local choice = turn.tool_choice
  if choice == nil or choice == "auto" or choice == "none" then return turn.options end
  return nil, errors.new { kind = "validation", phase = "request",
    message = 'tool_choice must be "auto" or "none": over generate, no call can be forced on the '
      .. 'model; use a session with over = "chat"' }
end

--- Checks that the format can write the conversation of a new session. If the conversation does not
-- end with a question, one is added for the check.
-- @tparam table session
-- @treturn[1] string the prompt
-- @treturn[2] nil
-- @treturn[2] table error of kind "template", or "validation" for the `tool_choice`
function M.check (session)
  local _, refusal = M.call_options { tool_choice = session.tool_choice }
  if refusal then return nil, refusal end
  local messages = session.messages
  local first, last = messages[1], messages[#messages]
  -- The system message must be accepted under the `special_tokens_in_text` that the program chose.
  local fresh = { { role = "user", content = "x" } }
  if first and first.role == "system" then table.insert(fresh, 1, first) end
  local good, why = rendering.write(session.format, fresh,
    options_of(session, session.tools, session.rendering))
  if not good then return nil, why end
  if not (last and last.role == "user") then
    messages = history.joined(messages, { { role = "user", content = "x" } })
  end
  return rendering.write(session.format, messages, options_of(session, session.tools))
end

--- Checks that the format accepts a system message.
-- @tparam table session
-- @tparam table message
-- @treturn[1] string a prompt
-- @treturn[2] nil
-- @treturn[2] table error of kind "template"
function M.check_system (session, message)
  return rendering.write(session.format, { message, { role = "user", content = "x" } },
    session.rendering)
end

--- Returns the tools that are shown to the model.
local function shown_tools (turn)
  return turn.tool_choice ~= "none" and turn.tools or nil
end

--- Writes the prompt.
-- @tparam table session
-- @tparam table messages those that are sent
-- @tparam table turn with `fresh` (the messages that are new)
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table error of kind "template"
function M.input (session, messages, turn)
  local last = turn.fresh[#turn.fresh]
  if session.rendering.special_tokens_in_text == "refuse" and last and last.role == "user" then
    local ok, err = rendering.write(session.format, { last }, session.rendering)
    if not ok then return nil, err end
  end
  return rendering.write(session.format, messages, options_of(session, shown_tools(turn)))
end

--- Makes an id for a call of a tool: Mistral's models know only ids of nine letters and digits.
-- @tparam table session
-- @treturn string
function M.new_id (session)
  return random.id(session.client.shared.random):gsub("%W", ""):sub(1, 9)
end

--- Makes the message of an answer, and adds `message` and `tool_calls` to the result.
-- @tparam table session
-- @tparam table result
-- @tparam string prompt
-- @tparam table plan
-- @tparam table turn
-- @treturn table the message
function M.answer (session, result, prompt, plan, turn)
  local text = result.text
  -- return_full_text puts the prompt before the answer, and the prompt repeats the history.
  if plan.return_full_text and text:sub(1, #prompt) == prompt then
    text = text:sub(#prompt + 1)
  end
  local tools, calls = shown_tools(turn), nil
  if tools then
    local read = session.format:parse(text, { tools = options_of(session, tools).tools,
      reasoning = false })
    if read and read.tool_calls then
      calls, text = read.tool_calls, read.content or ""
      result.text, result.tool_calls, result.finish_reason = text, calls, "tool_calls"
    end
  end
  result.message = choices.message(text, calls)
  return result.message
end

--- Makes a filter for the text of a stream, of which only what is no call may be shown.
-- @tparam table session
-- @tparam table turn
-- @treturn ?table with `feed` and `finish`; nil when everything may be shown
function M.shown (session, turn)
  local tools = shown_tools(turn)
  if not tools then return nil end
  return session.format:reader { tools = options_of(session, tools).tools, reasoning = false }
end

-- Counting tokens.

--- Returns the text of a message as it appears in the prompt.
-- @tparam table session
-- @tparam table message
-- @treturn string
function M.written (session, message)
  local text, guard = history.text(message), session.format.guard
  if session.rendering.special_tokens_in_text == "allow" or not guard then return text end
  return guard.admit(text, "neutralise") or text
end

--- Writes the prompt with `x` in place of every text.
-- @tparam table session
-- @tparam table messages
-- @tparam ?table tools
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table error of kind "template"
function M.frame (session, messages, tools)
  local bare = {}
  for i, message in ipairs(messages) do
    bare[i] = { role = message.role, tool_calls = message.tool_calls,
      tool_call_id = message.tool_call_id, name = message.name,
      content = not (message.tool_calls and message.content == nil) and "x" or nil }
  end
  return rendering.write(session.format, bare, options_of(session, tools))
end

return M
