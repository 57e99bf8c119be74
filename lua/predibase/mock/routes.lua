-- SPDX-License-Identifier: MIT
--- The routes of the server, and the checks before their handlers are called.
-- Every route also exists under any prefix, so that the managed service's
-- `/{tenant}/deployments/v2/llms/{deployment}/generate` works. A segment that begins with `~` holds
-- faults.
-- @module predibase.mock.routes

local answers = require "predibase.mock.answers"
local bodies = require "predibase.mock.bodies"
local chat_completions = require "predibase.mock.chat_completions"
local classification = require "predibase.mock.classification"
local completions = require "predibase.mock.completions"
local deployment = require "predibase.mock.deployment"
local embeddings = require "predibase.mock.embeddings"
local faults = require "predibase.mock.faults"
local generate_json = require "predibase.mock.generate_json"
local json = require "predibase.mock.router_json"
local model = require "predibase.mock.model"
local openai_routes = require "predibase.mock.openai_routes"
local reply = require "predibase.mock.reply"
local tokenizer = require "predibase.mock.tokenizer"
local validation = require "predibase.mock.validation"

local M = {}

--- The maximum bytes of a request's body.
M.MAX_BODY = 2097152

-- Reads the JSON body of a request. If it is wrong, sends the refusal and returns nil.
local function read_body (context, name)
  local value, status, text = bodies.read(context.entry.body, name)
  if value then return value end
  reply.text(context, status, text)
end

local function generator (name, handle)
  return function (context)
    local body = read_body(context, name)
    if not body then return end
    if validation.panics(body.parameters or { adapter_id = body.model }) then
      return context.server:crash()
    end
    handle(context, body)
  end
end

local function compat (context, body)
  local send = body.stream and answers.stream or answers.whole
  send(context, body, generate_json.compat)
end

local function tokenize (context, body)
  local words, parts = model.tokenizer, {}
  local function add (id, start, stop)
    parts[#parts + 1] = ('{"id":%d,"text":%s,"start":%d,"stop":%d}')
      :format(id, json.string(words:form(id)), start, stop)
  end
  if body.add_special_tokens ~= false then add(tokenizer.BEGIN, 0, 0) end
  local start, open = 0, 0       -- in characters; bytes missing from the last one
  for _, id in ipairs(words:encode(body.inputs)) do
    local bytes = words.bytes[id]
    local first = bytes:byte()
    if open > 0 then
      open = open - 1
      add(id, start - 1, start)  -- each byte has the position of its character
    elseif #bytes == 1 and first >= 0xC0 then
      open = first >= 0xF0 and 3 or first >= 0xE0 and 2 or 1
      add(id, start, start + 1)
      start = start + 1
    else
      local _, count = bytes:gsub("[%z\1-\127\192-\255]", "")
      add(id, start, start + count)
      start = start + count
    end
  end
  reply.json(context, "[" .. table.concat(parts, ",") .. "]")
end

-- Makes the handler of a route that takes a JSON body.
local function reader (name, handle)
  return function (context)
    local body = read_body(context, name)
    if body then handle(context, body) end
  end
end

-- Answers as the managed service where that is asked for.
local function classify (context)
  local managed = context.server.options.classify == "managed"
  local body = read_body(context, managed and "managed_classify" or "classify")
  if not body then return end
  local answer = managed and classification.managed or classification.one
  answer(context, body)
end

-- The managed service has one route for texts and lists.
local function classify_batch (context)
  if context.server.options.classify == "managed" then return reply.empty(context, 404) end
  local body = read_body(context, "classify_batch")
  if body then classification.several(context, body) end
end

local function get (handle)
  return { GET = handle, HEAD = handle }
end

M.routes = {
  ["/"] = { GET = deployment.health, HEAD = deployment.health,
    POST = generator("compat", compat) },
  ["/invocations"] = { POST = generator("compat", compat) },
  ["/generate"] = { POST = generator("generate", function (context, body)
    answers.whole(context, body, generate_json)
  end) },
  ["/generate_stream"] = { POST = generator("generate", function (context, body)
    answers.stream(context, body, generate_json)
  end) },
  ["/v1/completions"] = { POST = generator("completion", completions.answer) },
  ["/v1/chat/completions"] = { POST = generator("chat", chat_completions.answer) },
  ["/embed"] = { POST = reader("embed", embeddings.one) },
  ["/v1/embeddings"] = { POST = reader("embeddings", embeddings.several) },
  ["/classify"] = { POST = classify },
  ["/classify_batch"] = { POST = classify_batch },
  ["/tokenize"] = { POST = reader("tokenize", tokenize) },
  ["/info"] = get(deployment.info),
  ["/health"] = get(deployment.health),
  ["/ping"] = get(deployment.health),
  ["/startup"] = get(deployment.startup),
  ["/metrics"] = get(deployment.metrics),
  ["/docs"] = get(deployment.docs),
  ["/docs/"] = get(deployment.docs_page),
}

-- Returns the route of a path, the path without faults, the faults, and what is wrong with them.
local function resolve (path, routes)
  local found, complaint = {}, nil
  local plain = path:gsub("/~([^/]*)", function (segment)
    local some, message = faults.parse(segment)
    complaint = complaint or message
    for name, value in pairs(some or {}) do found[name] = value end
    return ""
  end)
  -- the longest end of the path that is a route
  local at = plain:find("/", 1, true)
  while at and at < #plain do
    local ending = plain:sub(at)
    if routes[ending] then return ending, plain, found, complaint end
    local above = ending:match("^(/v1/models/)[^/]") and "/v1/models/*"
    if routes[above] then return above, plain, found, complaint end
    at = plain:find("/", at + 1, true)
  end
  local root = plain == "/" or plain == "" or plain:find("/deployments/v2/llms/[^/]+/?$")
  return root and "/" or nil, plain, found, complaint
end

local function allowed_methods (route)
  local list = {}
  for _, method in ipairs { "POST", "GET", "HEAD" } do
    if route[method] then list[#list + 1] = method end
  end
  return table.concat(list, ",")
end

local function is_json (content_type)
  local kind = (content_type or ""):lower():match("^%s*application/([^;%s]+)")
  return kind and (kind == "json" or kind:find("%+json$"))
end

-- Refuses a request that no route takes.
local function refuse (context, status, allow, text)
  if context.write_error then
    local kind = status == 404 and "not_found" or status == 405 and "method" or "validation"
    return reply.refuse(context, kind, text or ("%s %s does not exist")
      :format(context.request.method, context.entry.path), status)
  end
  if text then return reply.text(context, status, text) end
  return reply.empty(context, status, nil, allow)
end

--- Answers one request whose body has been read.
-- @tparam table context `entry.body` is the body; if it could not be read, `refused` is the status
--   of the error
function M.answer (context)
  local request, server = context.request, context.server
  local openai = server.options.server == "openai"
  local routes = openai and openai_routes.routes or M.routes
  local name, plain, found, complaint = resolve(request.path, routes)
  context.entry.route, context.entry.path = name, plain
  context.faults, context.counter = server:faults(plain, name, found, context.entry.body)
  context.write_error = openai and openai_routes.error or nil
  if context.faults.close then context.keep_alive = false end
  context.connection.slice = context.faults.slice
  if complaint then return reply.text(context, 400, complaint) end
  if server.options.token
      and request.headers.authorization ~= "Bearer " .. server.options.token then
    local body = reply.error_body(context, "The bearer token is missing or not valid",
      openai and "authentication" or nil)
    return reply.whole(context, 401, "application/json", body,
      { { "www-authenticate", "Bearer" } })
  end
  if reply.scripted(context) then return end
  local route = routes[name]
  local allow = route and { "allow", allowed_methods(route) }
  if request.method == "OPTIONS" then return reply.empty(context, 200, nil, allow) end
  if not route then return refuse(context, 404) end
  local handle = route[request.method]
  if not handle then return refuse(context, 405, allow) end
  if request.method == "POST" then
    if not is_json(request.headers["content-type"]) then
      return refuse(context, 415, nil, "Expected request with `Content-Type: application/json`")
    end
    if context.refused then
      return refuse(context, context.refused, nil, "Failed to buffer the request body: "
        .. (context.refused == 413 and "length limit exceeded"
          or "error reading a body from connection"))
    end
  end
  return handle(context)
end

return M
