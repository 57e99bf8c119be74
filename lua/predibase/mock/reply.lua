-- SPDX-License-Identifier: MIT
--- Sends whole answers: JSON, plain text or nothing, with the headers that every answer has.
-- A context is a table with the data of one request: `{ server, connection, request, entry, faults,
-- … }`.
-- @module predibase.mock.reply

local http = require "predibase.mock.http"
local json = require "predibase.mock.router_json"
local uv_of = require "predibase.mock.uv"

local M = {}

local JSON, TEXT = "application/json", "text/plain; charset=utf-8"

local STATUS = {
  generation = 424, overloaded = 429, validation = 422, incomplete_generation = 500,
  template_error = 422, tool_error = 422, embedding_failure = 500, classification_failure = 500,
  healthcheck = 503,
}

--- Returns the text and the status of an error.
-- @tparam string kind error_type
-- @tparam[opt] string detail
-- @treturn string message
-- @treturn number status of an answer that is not a stream
function M.error_text (kind, detail)
  local texts = {
    generation = "Request failed during generation: " .. (detail or ""),
    validation = "Input validation error: " .. (detail or ""),
    overloaded = "Model is overloaded",
    incomplete_generation = "Incomplete generation",
    template_error = "Failed applying chat template to inputs: " .. (detail or ""),
    tool_error = "Tool error: " .. (detail or ""),
    embedding_failure = "Embedding Failure",
    classification_failure = "Classification Failure",
    healthcheck = "unhealthy",
  }
  return texts[kind] or detail or kind, STATUS[kind] or 500
end

--- Writes an error as JSON.
-- @tparam string message
-- @tparam ?string kind
-- @treturn string
function M.error_json (message, kind)
  local tail = kind and ',"error_type":' .. json.string(kind) or ""
  return '{"error":' .. json.string(message) .. tail .. "}"
end

local function has (headers, name)
  for _, header in ipairs(headers) do
    if header[1]:lower() == name then return true end
  end
  return false
end

--- Writes the head of an answer: its own headers, those of a script, and those of every answer.
-- @tparam table context
-- @tparam number status
-- @tparam table headers array of `{ name, value }`
-- @tparam[opt] table framing `{ name, value }`, which comes after those of every answer
-- @treturn string
function M.head (context, status, headers, framing)
  local all = {}
  for _, header in ipairs(headers) do all[#all + 1] = header end
  local names = {}
  for name in pairs(context.faults.headers or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    all[#all + 1] = { name, tostring(context.faults.headers[name]) }
  end
  if not context.malformed then
    all[#all + 1] = { "vary",
      "origin, access-control-request-method, access-control-request-headers" }
    all[#all + 1] = { "access-control-allow-origin", "*" }
  end
  all[#all + 1] = framing
  if not context.keep_alive then all[#all + 1] = { "connection", "close" } end
  if not has(all, "date") then all[#all + 1] = { "date", http.date(os.time()) } end
  context.entry.status = status
  return http.head(status, all, context.request.version)
end

--- Sends a whole answer.
-- @tparam table context
-- @tparam number status
-- @tparam ?string content_type none for an empty answer
-- @tparam string body
-- @tparam[opt] table headers array of `{ name, value }`
-- @treturn boolean false when the client has closed the connection
function M.whole (context, status, content_type, body, headers)
  local all = {}
  if content_type then all[1] = { "content-type", content_type } end
  for _, header in ipairs(headers or {}) do all[#all + 1] = header end
  all[#all + 1] = { "content-length", tostring(#body) }
  local head = M.head(context, status, all)
  if context.request.method == "HEAD" then body = "" end
  context.complete = true
  return context.connection:write(head .. body)
end

--- Sends a JSON answer with status 200.
-- @tparam table context
-- @tparam string body
-- @tparam[opt] table headers array of `{ name, value }`
function M.json (context, body, headers)
  return M.whole(context, 200, JSON, body, headers)
end

--- Sends an error as the router does when the answer is not a stream.
-- @tparam table context
-- @tparam string kind error_type
-- @tparam[opt] string detail
function M.refuse (context, kind, detail)
  local message, status = M.error_text(kind, detail)
  return M.whole(context, status, JSON, M.error_json(message, kind))
end

--- Sends a plain text, as the router's web framework does.
-- @tparam table context
-- @tparam number status
-- @tparam string body
function M.text (context, status, body)
  return M.whole(context, status, TEXT, body)
end

--- Sends an empty answer.
-- @tparam table context
-- @tparam number status
-- @tparam[opt] table headers array of `{ name, value }`
function M.empty (context, status, headers)
  return M.whole(context, status, nil, "", headers)
end

--- Returns the milliseconds since the request's head was read.
-- @tparam table context
-- @treturn number
function M.elapsed (context)
  return (uv_of.now(context.server.uv) - context.began) * 1000
end

-- Sends bytes or carries out a list of actions, instead of sending an answer.
local function raw (context, actions)
  local connection = context.connection
  context.entry.status, context.entry.raw = 0, true
  if type(actions) == "string" then actions = { { send = actions }, { close = true } } end
  for _, action in ipairs(actions) do
    if action.send and not connection:write(action.send) then return end
    if action.sleep and not connection:sleep(action.sleep) then return end
    if action.reset or action.close then
      context.entry.closed_by = "server"
      if action.reset then return connection:reset() end
      return connection:finish()
    end
    if action.hold then
      while not connection.closed do connection:suspend("closed") end
    end
  end
  context.complete = true
end

--- Sends the answer that the script prescribes, if it prescribes one.
-- @tparam table context
-- @treturn boolean true when it did
function M.scripted (context)
  local faults = context.faults
  if faults.head_delay and not context.connection:sleep(faults.head_delay) then return true end
  if faults.raw then
    raw(context, faults.raw)
    return true
  end
  if not faults.status then return false end
  local content_type = faults.content_type
  if not content_type and faults.body then
    content_type = faults.body:find("^%s*[{%[]") and JSON or TEXT
  end
  M.whole(context, faults.status, content_type, faults.body or "")
  return true
end

return M
