-- SPDX-License-Identifier: MIT
--- The options of a session.
-- @module predibase.chat.session_options

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local generate = require "predibase.generate"
local history = require "predibase.chat.history"
local json = require "predibase.json"
local option_names = require "predibase.option_names"
local over_chat = require "predibase.chat.over_chat"
local over_generate = require "predibase.chat.over_generate"
local rendering = require "predibase.rendering"
local request = require "predibase.request"
local rounds = require "predibase.chat.rounds"

local M = {}

--- The modules that send messages, by the option `over`.
M.engines = { generate = over_generate, chat = over_chat }

--- The options of `client:chat_session`: its own, and those of its calls.
-- @table SessionOptions
-- @extends FormatOptions, SessionCalls
-- @tfield ?"generate"|"chat" over how the messages are sent (default `"generate"`)
-- @tfield ?string|ChatFormat format a chat format, its name, or the name of a model (default: that
-- of the deployment)
-- @tfield ?string system the system message
-- @tfield ?Message[] messages the first messages of the history
-- @tfield ?integer max_input_tokens older turns that do not fit are not sent
-- @tfield ?fun(text:string):number count_tokens counts the tokens of a text, in place of the
-- server's tokenizer
-- @tfield ?boolean stop_on_server with `client_stop`: stop the model at the sequence (default
-- false)

--- The options of `session:send` and `session:stream`: those of `generate`, or over `"chat"` those
-- of `chat_completion`.
-- @table SendOptions
-- @extends SessionCalls
-- @tfield ?boolean keep_text `false` does not keep the text for the result (default true)

--- What the options of a session and those of its calls have in common.
-- @table SessionCalls
-- @extends GenerateParameters, ChatParameters, TextOptions, CallOptions
-- @tfield ?boolean return_full_text put the prompt before the generated text (default false)
-- @tfield ?fun(token:SessionDelta) on_token receives each token or delta

--- The options of `session:run` and `session:run_stream`.
-- @table RunOptions
-- @extends SendOptions
-- @tfield ?integer max_rounds most answers of the model (default 8)
-- @tfield ?fun(call:ToolCall,result:string) on_tool observes the result of each call
-- @tfield ?fun(call:ToolCall,err:any):string? on_tool_error returns what the model is told of a
-- tool's error, or nil to stop

--- The result of a call of a session.
-- @table SessionResult
-- @extends ChatResult
-- @tfield ?integer rounds of `session:run`: the number of answers

-- Options of a session that are not options of its calls.
local OWN = { over = true, system = true, messages = true, max_input_tokens = true,
  count_tokens = true, tools = true, tool_choice = true }

--- Makes the set of the options of calls of a session, which keeps the texts of streams.
local function names_of (route)
  local set = request.union(route.names, { stop_on_server = true })
  set.keep_text = nil
  return set
end

-- Those of sessions over `generate`.
local OF_FORMAT = { format = true }
for _, name in ipairs(rendering.names) do OF_FORMAT[name] = true end

-- Way to send -> set of all options of a session.
local NAMES = {
  generate = request.union(OWN, OF_FORMAT, names_of(generate.STREAM)),
  chat = request.union(OWN, names_of(over_chat.STREAM)),
}

local OF_TOOLS = { tools = true, tool_choice = true }

--- The options of `send`, `stream`, `generate` and `generate_stream`, by the option `over`.
M.call_names = {
  generate = request.union(generate.STREAM.names, OF_TOOLS),
  chat = request.union(over_chat.STREAM.names, OF_TOOLS),
}

--- The options of `run` and `run_stream`, by the option `over`.
M.run_names = {
  generate = request.union(M.call_names.generate, rounds.names),
  chat = request.union(M.call_names.chat, rounds.names),
}

--- Set of the options of all sessions.
M.names = request.union(NAMES.generate, NAMES.chat)

local function refuse (message)
  return nil, errors.new { kind = "validation", phase = "request", message = message }
end

--- Makes the messages that a session begins with.
-- @tparam table options `messages` and `system`
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table error of kind "validation"
function M.first_messages (options)
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

--- Tells what is wrong with the limit of tokens.
-- @tparam table options `max_input_tokens` and `count_tokens`
-- @treturn ?string
function M.budget_problem (options)
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
-- @tparam table options
-- @tparam ?table base
-- @treturn table the session's own
-- @treturn table those of its calls
function M.split (options, base)
  local own, of_calls = {}, {}
  for name, value in next, base or {} do own[name] = value end
  for name, value in next, options do
    if not OWN[name] and not OF_FORMAT[name] then
      of_calls[name] = value
    elseif value ~= json.null then
      own[name] = value
    end
  end
  return own, of_calls
end

--- Reads the option `over`, and checks the names of all options.
-- @tparam table options
-- @tparam ?table base the session's own options that apply where `options` has none
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table error of kind "validation"
-- @raise for an option that does not exist
function M.read_over (options, base)
  local over = rawget(options, "over")
  if over == nil or over == json.null then over = base and base.over or "generate" end
  if not M.engines[over] then
    return refuse('over must be "generate" or "chat", got ' .. checks.describe(over))
  end
  if over == "chat" then
    for name in pairs(OF_FORMAT) do
      if rawget(options, name) ~= nil then
        return refuse(name .. ' cannot be used with over = "chat": the server writes the prompt')
      end
    end
  end
  option_names.check(options, NAMES[over], "option")
  return over
end

return M
