-- SPDX-License-Identifier: MIT
--- Which path leads where, and what is refused before a handler is reached.
-- Every route also answers under any prefix, so that the managed service's
-- `/{tenant}/deployments/v2/llms/{deployment}/generate` works. A segment that begins with `~` holds
-- faults. `/v1/…` is not there yet: it would be entries of `ROUTES` and handlers of their own.
-- @module predibase.mock.routes

local faults = require "predibase.mock.faults"
local generate = require "predibase.mock.generate"
local generation = require "predibase.mock.generation"
local reply = require "predibase.mock.reply"
local tokenizer = require "predibase.mock.tokenizer"
local validation = require "predibase.mock.validation"
local writer = require "predibase.mock.writer"

local M = {}

--- The most bytes a request's body may have.
M.MAX_BODY = 2097152

local VERSION = "0.1.0"           -- of the router that is imitated

local function json_body(shape)
  return function(context)
    local value, status, text = validation.read(context.entry.body, shape)
    if value then return value end
    reply.text(context, status, text)
  end
end

-- A request that would end the router's process: the connection breaks without an answer.
local function panic(context)
  context.entry.closed_by, context.entry.panic = "server", true
  context.connection:drop("server")
end

local function generator(shape, handle)
  local read = json_body(validation.shapes[shape])
  return function(context)
    local body = read(context)
    if not body then return end
    if validation.panics(body.parameters) then return panic(context) end
    handle(context, body)
  end
end

local function compat(context, body)
  if body.stream then return generate.stream(context, body) end
  generate.whole(context, body, true)
end

local read_tokenize = json_body(validation.shapes.tokenize)

local function tokenize(context)
  local body = read_tokenize(context)
  if not body then return end
  local words, parts = generation.model().tokenizer, {}
  local function add(id, start, stop)
    parts[#parts + 1] = ('{"id":%d,"text":%s,"start":%d,"stop":%d}')
      :format(id, writer.string(words:form(id)), start, stop)
  end
  if body.add_special_tokens ~= false then add(tokenizer.BEGIN, 0, 0) end
  local start, open = 0, 0       -- characters; bytes still missing from the last character
  for _, id in ipairs(words:encode(body.inputs)) do
    local bytes = words.bytes[id]
    local first = bytes:byte()
    if open > 0 then
      open = open - 1
      add(id, start - 1, start)  -- every byte of a character has the place of the character
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

local function info(context)
  local limits, options = context.server.limits, context.server.options
  reply.json(context, ('{"model_id":%s,"model_sha":null,"model_dtype":"torch.float16",'
    .. '"model_device_type":"cpu","model_pipeline_tag":"text-generation",'
    .. '"max_concurrent_requests":%d,"max_best_of":%d,"max_stop_sequences":%d,'
    .. '"max_input_length":%d,"max_total_tokens":%d,"waiting_served_ratio":1.2,'
    .. '"max_batch_total_tokens":32768,"max_waiting_tokens":20,"validation_workers":2,'
    .. '"eager_prefill":false,"version":"%s","sha":null,"docker_label":null,'
    .. '"request_logger_url":null}'):format(writer.string(options.model_id),
    options.max_concurrent_requests, limits.max_best_of, limits.max_stop_sequences,
    limits.max_input_length, limits.max_total_tokens, VERSION))
end

local function health(context)
  reply.empty(context, 200)
end

local GET_OR_HEAD = { GET = health, HEAD = health }

M.routes = {
  ["/"] = { GET = health, HEAD = health, POST = generator("compat", compat) },
  ["/invocations"] = { POST = generator("compat", compat) },
  ["/generate"] = { POST = generator("generate", function(context, body)
    generate.whole(context, body, false)
  end) },
  ["/generate_stream"] = { POST = generator("generate", generate.stream) },
  ["/tokenize"] = { POST = tokenize },
  ["/info"] = { GET = info, HEAD = info },
  ["/health"] = GET_OR_HEAD,
  ["/ping"] = GET_OR_HEAD,
}

-- The route of a path, and the faults of its segments.
local function resolve(path)
  local found, complaint = {}, nil
  local plain = path:gsub("/~([^/]*)", function(segment)
    local some, message = faults.parse(segment)
    complaint = complaint or message
    for name, value in pairs(some or {}) do found[name] = value end
    return ""
  end)
  local last = plain:match("(/[^/]*)$") or "/"
  if last ~= "/" and M.routes[last] then return last, plain, found, complaint end
  local root = plain == "/" or plain == "" or plain:find("/deployments/v2/llms/[^/]+/?$")
  return root and "/" or nil, plain, found, complaint
end

local function allowed_methods(route)
  local list = {}
  for _, method in ipairs { "GET", "HEAD", "POST" } do
    if route[method] then list[#list + 1] = method end
  end
  return table.concat(list, ",")
end

local function is_json(content_type)
  local kind = (content_type or ""):lower():match("^%s*application/([^;%s]+)")
  return kind and (kind == "json" or kind:find("%+json$"))
end

--- Answers one request whose body has been read.
-- @tparam table context `entry.body` holds the body, or `context.refused` the status of a refusal
-- @treturn nil the context's connection has what there was to say
function M.answer(context)
  local request, server = context.request, context.server
  local name, plain, found, complaint = resolve(request.path)
  context.entry.route, context.entry.path = name, plain
  context.faults, context.counter = server:faults(plain, name, found)
  if context.faults.close then context.keep_alive = false end
  context.connection.slice = context.faults.slice
  if complaint then return reply.text(context, 400, complaint) end
  if server.options.token
      and request.headers.authorization ~= "Bearer " .. server.options.token then
    return reply.whole(context, 401, "application/json",
      reply.error_json("The bearer token is missing or not valid"),
      { { "www-authenticate", "Bearer" } })
  end
  if reply.scripted(context) then return end
  if request.method == "OPTIONS" then
    return reply.empty(context, 200, {
      { "access-control-allow-methods", "GET,POST" },
      { "access-control-allow-headers", "content-type" },
    })
  end
  local route = M.routes[name]
  if not route then return reply.empty(context, 404) end
  local handle = route[request.method]
  if not handle then return reply.empty(context, 405, { { "allow", allowed_methods(route) } }) end
  if request.method == "POST" then
    if not is_json(request.headers["content-type"]) then
      return reply.text(context, 415, "Expected request with `Content-Type: application/json`")
    end
    if context.refused == 413 then
      return reply.text(context, 413, "Failed to buffer the request body: length limit exceeded")
    end
  end
  return handle(context)
end

return M
