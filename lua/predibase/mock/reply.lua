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
-- @tparam[opt] table more headers that come after those of every answer
-- @treturn string
function M.head (context, status, headers, more)
  local all = {}
  local function add (list)
    for _, header in ipairs(list or {}) do all[#all + 1] = header end
  end
  add(headers)
  local names = {}
  for name in pairs(context.faults.headers or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    all[#all + 1] = { name, tostring(context.faults.headers[name]) }
  end
  -- what OpenAI's routes answer has no CORS headers
  if not context.malformed and not context.write_error then
    add { { "vary", "origin, access-control-request-method, access-control-request-headers" } }
    if context.request.method == "OPTIONS" then
      add { { "access-control-allow-methods", "GET,POST" },
        { "access-control-allow-headers", "content-type" } }
    end
    add { { "access-control-allow-origin", "*" } }
  end
  add(more)
  -- after a body that it refused, the router closes the connection without saying so
  if not context.keep_alive and not context.refused and not context.malformed
      and context.request.version ~= "1.0" then
    add { { "connection", "close" } }
  end
  if not has(all, "date") then add { { "date", http.date(os.time()) } } end
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

--- Writes an error: as the router does, or as another API does whose routes have set
-- `context.write_error`.
-- @tparam table context
-- @tparam string message
-- @tparam string kind error_type
-- @treturn string JSON
-- @treturn ?number status, if it is another one than the router's
function M.error_body (context, message, kind)
  context.server.metrics:failed(kind)
  if context.write_error then return context.write_error(message, kind) end
  return M.error_json(message, kind)
end

--- Sends an error as the router does when the answer is not a stream.
-- @tparam table context
-- @tparam string kind error_type
-- @tparam[opt] string detail
-- @tparam[opt] number status default: that of the kind
function M.refuse (context, kind, detail, status)
  local message, usual = M.error_text(kind, detail)
  local body, other = M.error_body(context, context.write_error and detail or message, kind)
  return M.whole(context, status or other or usual, JSON, body)
end

--- Returns the error that a script asks for.
-- @tparam table faults
-- @treturn string message
-- @treturn string error_type
-- @treturn number status of an answer that is not a stream
function M.fault (faults)
  local kind = faults.error_type or "generation"
  local message, status = M.error_text(kind, "Server error: a fault was asked for")
  return faults.error or message, kind, status
end

--- Sends the error that a script asks for.
-- @tparam table context
-- @tparam[opt] number status default: that of the error
function M.scripted_error (context, status)
  local message, kind, usual = M.fault(context.faults)
  local body, other = M.error_body(context, message, kind)
  return M.whole(context, status or other or usual, JSON, body)
end

--- Sends a plain text, as the router's web framework does.
-- @tparam table context
-- @tparam number status
-- @tparam string body
function M.text (context, status, body)
  return M.whole(context, status, TEXT, body)
end

--- Sends an empty answer. Where `content-length` stands among the headers is the router's.
-- @tparam table context
-- @tparam number status
-- @tparam[opt] table headers array of `{ name, value }`
-- @tparam[opt] table allow the header with the methods of the route
function M.empty (context, status, headers, allow)
  local length = { "content-length", "0" }
  local more = allow and { allow, length } or { length }
  if context.malformed then
    headers, more = { { "connection", "close" }, length }, nil
  elseif context.request.method == "HEAD" then
    headers, more = { length }, nil
  end
  context.complete = true
  return context.connection:write(M.head(context, status, headers or {}, more))
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
