-- SPDX-License-Identifier: MIT
--- A session with tools, over a network without a network, for the specs of conversations.
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local scripted = require "spec.support.scripted_model"

local M = {}

M.WEATHER = '{"type":"object","properties":{"town":{"type":"string"}},"required":["town"]}'

--- Returns two tools, and the array of what they were called with.
function M.tools ()
  local seen = {}
  return {
    { name = "get_weather", description = "The weather of a town", parameters = M.WEATHER,
      run = function (arguments, this)
        seen[#seen + 1] = { "get_weather", arguments, this }
        return "Rain in " .. arguments.town
      end },
    { name = "get_time", description = "The time", run = function (arguments, this)
      seen[#seen + 1] = { "get_time", arguments, this }
      return { hour = 12 }
    end },
  }, seen
end

--- Makes a session of a client whose model follows a script.
-- @treturn table the session
-- @treturn table the client
-- @treturn table the network
function M.open (way, answers, options, of_client)
  local client, network = pipe.client(scripted.replies(answers, way), of_client or {
    server = way.server })
  local given = { over = way.over, format = way.format }
  for name, value in pairs(options or {}) do given[name] = value end
  return assert(client:chat_session(given)), client, network
end

--- Returns the body of a request, by default of the last one.
function M.sent (network, n)
  return assert(json.decode(network.requests[n or #network.requests].body))
end

--- Writes messages in short: the first letters of roles, contents, and the names of calls.
function M.said (messages)
  local list = {}
  for i, message in ipairs(messages) do
    local calls = {}
    for k, one in ipairs(message.tool_calls or {}) do calls[k] = one["function"].name end
    list[i] = message.role:sub(1, 1) .. ":" .. (message.content or "")
      .. (calls[1] and "(" .. table.concat(calls, " ") .. ")" or "")
  end
  return table.concat(list, "|")
end

--- Returns whether every result belongs to a call and no id is used twice.
function M.ids_fit (messages)
  local known = {}
  for _, message in ipairs(messages) do
    for _, one in ipairs(message.tool_calls or {}) do
      if known[one.id] then return false end
      known[one.id] = one["function"].name
    end
    if message.role == "tool" and message.name ~= known[message.tool_call_id] then return false end
  end
  return true
end

--- Reads a stream to its end. Returns its text, and the names of the calls.
function M.read (stream)
  local texts, calls = {}, {}
  for delta in stream do
    texts[#texts + 1] = delta.text
    for _, one in ipairs(delta.tool_calls or {}) do calls[#calls + 1] = one.name end
  end
  return table.concat(texts), table.concat(calls, " ")
end

return M
