-- SPDX-License-Identifier: MIT
--- Requests to any path of a server, for what the other methods do not do: `client:request`.
--
-- The path stays below the client's URL, and the request has the client's headers, token, time
-- limits, retries and hooks.
-- @module predibase.raw_request

local checks = require "predibase.value_checks"
local headers_of = require "predibase.response_headers"
local json = require "predibase.json"
local request = require "predibase.request"
local response = require "predibase.response"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"

local M = {}

--- Most bytes of a path with its query. Servers commonly accept 8 KiB for the whole request line,
-- and the URL in front of the path may have 2 KiB.
M.MAX_PATH = 6 * 1024

--- The methods: name -> whether a request may be repeated although the server may have acted on it
-- (RFC 9110 section 9.2.2). HEAD is not among them, because its answers have a length and no body,
-- which neither transport reads.
M.METHODS = { GET = true, PUT = true, DELETE = true, OPTIONS = true, POST = false, PATCH = false }

local NAMES = request.union(request.plain_names,
  { stream = true, accept = true, content_type = true })

--- The options of `client:request`.
-- @table RequestOptions
-- @extends CallOptions
-- @tfield ?boolean stream read the answer as a stream of events (default false)
-- @tfield ?string accept the media types that are wanted (default `*/*`)
-- @tfield ?string content_type of the body (default `application/json`)

--- The options of `client:request` for a stream of events.
-- @table RequestStreamOptions
-- @extends RequestOptions
-- @tfield true stream read the answer as a stream of events

--- The answer to `client:request`.
-- @table RawResponse
-- @tfield integer status of HTTP
-- @tfield table<string,string> headers lower-case name -> value
-- @tfield string body the bytes
-- @tfield ?any json the decoded body, if its content type is JSON
-- @tfield ?string request_id the `X-Request-Id` that was sent
-- @tfield ?string trace_id for questions to the provider
-- @tfield Timing timing in seconds
-- @tfield integer attempts the number of attempts
-- @tfield ?Client client the client that answered, with the option `fallback`

--- An event of a stream of `client:request`.
-- @table RawEvent
-- @tfield string text the data of the event

-- The path.

--- Decodes percent-encoded bytes until none is left, because servers and gateways may do so one
-- after the other.
local function decoded (text)
  local before
  repeat
    before = text
    text = text:gsub("%%(%x%x)", function (hex) return string.char(tonumber(hex, 16)) end)
  until text == before
  return text
end

--- Checks the part before the query. Returns the rest of a sentence about what is wrong, or nil.
local function problem_of_segments (path)
  local plain = decoded(path)
  if plain:find "//" then return 'must not contain "//"' end
  if plain:find("\\", 1, true) then return "must not contain a backslash" end
  if checks.control(plain) then return "must not contain control characters" end
  -- Among others, because old servers read 0xC0 0xAE as a dot.
  if not utf8.valid(plain) then return "must be valid UTF-8 when its %XX are decoded" end
  for written in (plain .. "/"):gmatch "([^/]*)/" do
    -- Some servers leave out what follows a semicolon, or decode before they look for a query.
    local segment = written:gsub("[;?#].*$", "")
    if segment == "." or segment == ".." then
      return 'must not have "." or ".." in it: it stays below the URL of the client'
    end
  end
end

--- Returns the rest of a sentence about what is wrong with a path, or nil.
local function path_problem (path)
  if path:sub(1, 1) ~= "/" then return 'must begin with "/", such as "/info"' end
  if #path > M.MAX_PATH then
    return ("is %d bytes long; at most %d are allowed"):format(#path, M.MAX_PATH)
  end
  local control = checks.control(path)
  if control then return "must not contain control characters, got " .. control end
  if path:find("#", 1, true) then return "must not contain a fragment (#)" end
  if path:find "[\128-\255 \"<>^`{|}]" then
    return "must be ASCII without spaces and \"<>^`{|}; write other characters as %XX"
  end
  if path:gsub("%%%x%x", ""):find("%", 1, true) then return "has a % without two hex digits" end
  return problem_of_segments(path:match "^[^?]*")
end

-- Options.

local function refuse_option (name, wanted, value)
  return request.refuse(("`%s` must be %s, got %s"):format(name, wanted, checks.describe(value)))
end

--- Reads the options of this module. Returns nil and an error for a bad value.
local function read_options (options)
  local given = json.present(options or {})
  local found = { stream = rawget(given, "stream") or false }
  if type(found.stream) ~= "boolean" then
    return refuse_option("stream", "a boolean", found.stream)
  end
  for _, name in ipairs { "accept", "content_type" } do
    local value = rawget(given, name)
    if value ~= nil and (type(value) ~= "string" or not value:find "^[!-~][ -~]*$") then
      return refuse_option(name, 'a content type such as "application/json"', value)
    end
    found[name] = value
  end
  return found
end

--- Returns the body as bytes; or nil and an error.
local function encode (body)
  if type(body) ~= "table" then return body end
  local text, problem = json.encode(body)
  if text then return text end
  return request.refuse("`body` cannot be written as JSON: " .. problem)
end

local function check_types (method, path, body)
  if M.METHODS[method] == nil then
    usage.fail(("client:request takes one of the methods DELETE, GET, OPTIONS, PATCH, POST, PUT, "
      .. "got %s"):format(checks.describe(method)))
  end
  if type(path) ~= "string" then
    usage.fail("client:request takes a path as a string, got " .. checks.describe(path))
  end
  if body ~= nil and type(body) ~= "table" and type(body) ~= "string" then
    usage.fail("client:request takes a body as a table, which is sent as JSON, or as a string, got "
      .. checks.describe(body))
  end
  if body ~= nil and method == "GET" then usage.fail "client:request with GET has no body" end
end

-- Answers.

--- Reads a whole response. A JSON body is decoded, too.
local function read (reply, meta)
  if reply.status < 200 or reply.status > 299 then return nil, response.error(reply, meta) end
  local value
  local body = reply.body or ""
  if headers_of.is_json(reply.headers) and body:find "%S" then
    local problem
    value, problem = json.decode(body)
    if value == nil then
      return nil, response.error(reply, meta, "the answer is not JSON: " .. problem)
    end
  end
  return {
    status = reply.status, headers = reply.headers or {}, body = body, json = value,
    request_id = meta.request_id, trace_id = response.trace_id(reply.headers or {}),
    timing = meta.timing, attempts = meta.attempts, client = meta.client,
  }
end

--- Reads the events of a stream, each of which becomes a table with its data as `text`. The stream
-- is complete when its body has ended as HTTP requires.
local reader = {
  raw = true,
  decode = function (_, data) return { token = { text = data } } end,
  at_end = function (_, exchange, rest)
    if not exchange or not select(2, exchange:status()) then return nil end
    return { generated_text = "", token = rest and { text = rest } }
  end,
}

local function finish (state, meta)
  local result = response.new(state, meta)
  result.text, result.usage = state.text(), {}
  return result
end

-- The call.

--- Makes the plan of a request.
-- @tparam table client
-- @param method
-- @param path
-- @param body
-- @tparam ?table options
-- @treturn[1] table the plan
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation`, `config` or `too_large`
-- @treturn boolean whether the answer is to be a stream
-- @raise for arguments of a wrong type
function M.plan (client, method, path, body, options)
  if body == json.null then body = nil end
  check_types(method, path, body)
  request.check(options, { name = "request", names = NAMES })
  local own, err = read_options(options)
  if not own then return nil, err, false end
  local problem = path_problem(path)
  if problem then return nil, select(2, request.refuse("`path` " .. problem)), own.stream end
  local bytes
  bytes, err = encode(body)
  if body ~= nil and not bytes then return nil, err, own.stream end
  local route = {
    name = "request", path = path, verb = method, stream = own.stream, names = request.plain_names,
    accept = own.accept or own.stream and "text/event-stream" or "*/*",
    content_type = body ~= nil and (own.content_type or "application/json"),
    body = body ~= nil and function () return bytes end or nil,
    read = read, reader = function () return reader end, finish = finish,
  }
  options = options and request.merge(options) or {}
  if not M.METHODS[method] and (options.max_retries == nil or options.max_retries == json.null) then
    options.max_retries = 0
  end
  local plan
  plan, err = request.plan(client, route, options)
  return plan, err, own.stream
end

return M
