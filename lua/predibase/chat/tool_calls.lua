-- SPDX-License-Identifier: MIT
--- Runs the tools that a model calls, and makes the messages with their results.
-- @module predibase.chat.tool_calls

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local option_names = require "predibase.option_names"
local response = require "predibase.response"
local together = require "predibase.together"
local tools_of = require "predibase.tools"
local utf8 = require "predibase.utf8"

local M = {}

local Work = {}
Work.__index = Work

local function tool_error (message, call, cause)
  return errors.new { kind = "tool", phase = "tool", retryable = false, message = message,
    call = call, cause = cause }
end

--- Returns what the model is told when it calls a tool that does not exist.
local function unknown_tool (tools, name)
  if not tools[1] then return ("There is no tool named %s. There are no tools."):format(name) end
  local known = {}
  for i, tool in ipairs(tools) do known[i] = tool.name end
  local near = option_names.nearest(name, known)
  return ("There is no tool named %s%s The tools are: %s."):format(name,
    near and "; did you mean " .. near .. "?" or ".", table.concat(known, ", "))
end

--- Makes the text of a tool's result. Returns nil and a message for a value that cannot be sent.
local function text_of (value)
  if response.is(value) then value = value.text end
  if type(value) == "string" then
    local valid, at = utf8.valid(value)
    if valid then return value end
    return nil, ("its result is not UTF-8 (byte 0x%02x at position %d)"):format(value:byte(at), at)
  elseif type(value) == "function" or type(value) == "userdata" or type(value) == "thread" then
    return nil, "it returned " .. checks.describe(value) .. ", not a string or a table"
  end
  local text, problem = json.encode(value)
  if text then return text end
  return nil, "its result cannot be written as JSON: " .. problem
end

local function describe_error (value)
  if errors.is(value) then return value.message end
  return tostring(value)
end

--- Reads the outcome of a tool. Returns the text of its result; or nil and an error.
local function result_of (call, outcome)
  local problem, cause
  if not outcome[1] then
    problem, cause = describe_error(outcome[2]), outcome[2]
  elseif outcome[2] == nil then
    cause = outcome[3]
    problem = cause == nil and "it returned no result" or describe_error(cause)
  else
    local text
    text, problem = text_of(outcome[2])
    if text then return text end
  end
  return nil, tool_error(("the tool %s failed: %s"):format(call.name, problem), call, cause)
end

--- Asks the program what the model is told of a tool's error. Returns a text; or nil and the error
-- that ends the conversation.
local function handle_error (call, err, on_tool_error)
  if not on_tool_error then return "Error: " .. describe_error(err.cause or err) end
  local value = on_tool_error(call, err)
  if value == nil then return nil, err end
  local text, problem = text_of(value)
  if text then return text end
  return nil, tool_error("on_tool_error: " .. problem, call, err)
end

--- Prepares the tools of an answer to run.
-- @tparam table client
-- @tparam table tools of `predibase.tools`
-- @tparam table calls of a result
-- @treturn table the work, with `start`, `ended`, `finish` and `cancel`
function M.new (client, tools, calls)
  local work, fs = { calls = calls, told = {}, places = {}, observed = 0 }, {}
  for i, call in ipairs(calls) do
    local tool = tools_of.find(tools, call.name)
    local arguments, path, reason
    if tool then arguments, path, reason = tools_of.read_arguments(tool, call.raw_arguments) end
    if not tool then
      work.told[i] = unknown_tool(tools, call.name)
    elseif not arguments then
      work.told[i] = ("The arguments do not fit the parameters of %s: %s %s"):format(call.name,
        path, reason)
    else
      fs[#fs + 1] = function () return tool.run(arguments, call) end
      work.places[#fs] = i
    end
  end
  if fs[1] then work.handle = together.new(client, fs) end
  return setmetatable(work, Work)
end

--- Starts the tools, several at once.
function Work:start ()
  if self.handle then self.handle:start() end
end

--- Tells whether all tools have ended. Never waits.
-- @treturn boolean
function Work:ended ()
  return not self.handle or self.handle:ended()
end

--- Ends the tools that run, see `predibase.together`.
function Work:cancel ()
  if self.handle then self.handle:cancel() end
end

--- Waits for the tools and makes the messages of their results, in the order of the calls. May be
-- called again after `on_tool` raised an error; it then calls this function for the later calls.
-- @tparam table hooks `on_tool`, `on_tool_error`, each of which may be nil
-- @treturn[1] table array of messages
-- @treturn[2] nil
-- @treturn[2] table the error: of kind `tool` when `on_tool_error` returned nil
function Work:finish (hooks)
  local outcomes, err = {}, nil
  if self.handle then outcomes, err = self.handle:wait() end
  if not outcomes then return nil, err end
  for k, i in ipairs(self.places) do
    local call, text = self.calls[i], self.told[i]
    if not text then text, err = result_of(call, outcomes[k]) end
    if not text then text, err = handle_error(call, err, hooks.on_tool_error) end
    if not text then return nil, err end
    self.told[i] = text
  end
  local messages = self.messages or {}
  for i, call in ipairs(self.calls) do
    if hooks.on_tool and i > self.observed then
      self.observed = i
      hooks.on_tool(call, self.told[i])
    end
    messages[i] = messages[i] or { role = "tool", tool_call_id = call.id, name = call.name,
      content = self.told[i] }
  end
  self.messages = messages
  return messages
end

return M
