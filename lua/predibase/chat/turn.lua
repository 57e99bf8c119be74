-- SPDX-License-Identifier: MIT
--- A turn of a conversation: what one call of `send`, `stream`, `generate` or `run` of a session
-- adds to the history.
--
-- Its fields: `fresh` (the new messages), `options` (of its calls), `given_tools` (as the program
-- gave them), `tools` (as `predibase.tools` reads them, or nil), `tool_choice`.
-- @module predibase.chat.turn

local budget = require "predibase.chat.budget"
local history = require "predibase.chat.history"
local json = require "predibase.json"

local M = {}

--- Reads the tools of a session or a turn.
-- @tparam table cfg of the client
-- @tparam ?table list as the program gave it
-- @treturn[1] ?table the tools; nil when there are none
-- @treturn[2] nil
-- @treturn[2] table error of kind "validation"
function M.read_tools (cfg, list)
  if list == nil or list == json.null or type(list) == "table" and next(list) == nil then
    return nil
  end
  return require "predibase.tools".read(list, { server = cfg.server })
end

--- Makes a turn.
-- @tparam table session
-- @tparam table fresh the new messages
-- @tparam ?table options of the calls, and `tools` and `tool_choice`
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table error of kind "validation", for tools that are not valid
function M.new (session, fresh, options)
  local turn = { fresh = fresh, options = options, given_tools = session.given_tools,
    tools = session.tools, tool_choice = session.tool_choice }
  if type(options) ~= "table" then return turn end
  local list, choice = rawget(options, "tools"), rawget(options, "tool_choice")
  if list == nil and choice == nil then return turn end
  turn.options = {}
  for name, value in next, options do
    if name ~= "tools" and name ~= "tool_choice" then turn.options[name] = value end
  end
  if choice ~= nil then turn.tool_choice = choice ~= json.null and choice or nil end
  if list ~= nil then
    local err
    turn.tools, err = M.read_tools(session.client.cfg, list)
    if err then return nil, err end
    turn.given_tools = turn.tools and list or nil
    -- A choice of the session is one among its own tools.
    if not turn.tools and choice == nil then turn.tool_choice = nil end
  end
  return turn
end

--- Gives the calls of an answer ids that no other call of the conversation has.
-- @tparam table session
-- @tparam table turn
-- @tparam table calls
function M.own_ids (session, turn, calls)
  history.own_ids(calls, { session.messages, turn.fresh }, function ()
    return session.engine.new_id(session)
  end)
end

--- Makes the message of an answer.
-- @tparam table session
-- @tparam table turn
-- @tparam table result
-- @param input what was sent
-- @tparam table plan
-- @treturn table
function M.answer (session, turn, result, input, plan)
  local message = session.engine.answer(session, result, input, plan, turn)
  if result.tool_calls then
    M.own_ids(session, turn, result.tool_calls)
    for i, call in ipairs(result.tool_calls) do message.tool_calls[i].id = call.id end
  end
  return message
end

--- Tells whether making what is sent may wait for the server to count tokens.
-- @tparam table session
-- @treturn boolean
function M.waits (session)
  return session.max_input_tokens ~= nil and session.count_tokens == nil
    and not session.counter.no_tokenizer
end

--- Returns the messages to send: the history, or the part of it that fits, and the new messages.
local function messages_of (session, turn)
  local all = history.joined(session.messages, turn.fresh)
  local messages = all
  if session.max_input_tokens then
    local part, why = budget.fit(session, all, turn.options, turn.tools)
    if not part then return nil, why end
    messages = part
  end
  return messages, #all - #messages
end

--- Prepares a call.
-- @tparam table session
-- @tparam table turn
-- @tparam table route
-- @tparam string shown the name of the method in messages
-- @treturn[1] table the plan
-- @treturn[1] function returns what is sent, or nil and the error; with `max_input_tokens` it may
-- wait for the server
-- @treturn[2] nil
-- @treturn[2] nil
-- @treturn[2] table the error
function M.prepare (session, turn, route, shown)
  local options, err = session.engine.call_options(turn)
  if err then return nil, nil, err end
  local plan
  plan, err = session.plan(route, options, shown)
  if not plan then return nil, nil, err end
  return plan, function ()
    local messages, left_out = messages_of(session, turn)
    if not messages then return nil, left_out end
    local input, why = session.engine.input(session, messages, turn)
    if input then session.left_out = left_out end
    return input, why
  end
end

return M
