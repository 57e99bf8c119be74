-- SPDX-License-Identifier: MIT
--- Formats HTTP/1.1 requests and parses responses (RFC 9112). It uses no socket; a response may be
-- fed in pieces of any size.
--
-- The parser is strict if two implementations could understand a response differently, and lenient
-- otherwise: lines may end in LF alone, a reason phrase may be missing, folded lines are skipped.
--
-- Longer than 600 lines: heads, chunks and bodies of one protocol share limits and helpers.
-- @module predibase.transport.resty.http1

local header_rules = require "predibase.response_headers"
local requirements = require "predibase.requirements"

local sse = requirements.load "predibase.sse"

local M = {}

-- Requests.

--- Formats a request.
-- @tparam table req `method`, `url`, `headers` (array of `{ name, value }`), `id` (sent as
-- `X-Request-Id`, or nil), `body` (nil for a request without one)
-- @tparam ?table proxy the proxy that receives the request itself, that is not through a tunnel;
-- see `predibase.transport.resty.target`
-- @treturn table strings to send one after the other
function M.request (req, proxy)
  local authority, path = req.url:match "^%a+://([^/]*)(.*)$"
  if path == "" then path = "/" end
  local lines = { ("%s %s HTTP/1.1"):format(req.method, proxy and req.url or path),
    "host: " .. authority }
  for _, header in ipairs(req.headers) do lines[#lines + 1] = header[1] .. ": " .. header[2] end
  if req.id then lines[#lines + 1] = "x-request-id: " .. req.id end
  if req.body then lines[#lines + 1] = ("content-length: %d"):format(#req.body) end
  local authorization = proxy and proxy.authorization()
  if authorization then lines[#lines + 1] = "proxy-authorization: " .. authorization end
  return { table.concat(lines, "\r\n"), "\r\n\r\n", req.body or "" }
end

--- Formats the request that asks a proxy for a tunnel (RFC 9110 section 9.3.6).
-- @tparam string authority host and port
-- @tparam table proxy
-- @treturn string
function M.tunnel (authority, proxy)
  local authorization = proxy.authorization()
  local line = authorization and "proxy-authorization: " .. authorization .. "\r\n" or ""
  return ("CONNECT %s HTTP/1.1\r\nhost: %s\r\n%s\r\n"):format(authority, authority, line)
end

-- The head of a response.

--- The maximum number of header fields of a response, as over libcurl. A response through a gateway
-- has about 40.
M.MAX_FIELDS = 128

--- The maximum bytes of all names and values of a head, or of the trailers. Fields of 2 KiB are
-- common.
local MAX_HEAD_BYTES = 32 * 1024

--- The maximum bytes of all heads of one response, including interim ones (libcurl's limit).
local MAX_ALL_HEADS = 300 * 1024

M.TOO_LARGE = "the response head or its trailers are larger than 32 KiB or have more than "
  .. "128 fields"

local ENDLESS = "the server sent too many interim (1xx) responses"
local SWITCHING = "the server switches to another protocol although that was not asked for"
local NOT_HTTP = "the server does not speak HTTP/1.1: its answer begins with "

local Head = {}
Head.__index = Head

local function begin_head (self)
  self.status, self.minor = nil, nil
  self.headers, self.fields, self.bytes = {}, 0, 0
  self.last = nil             -- name of the last field
  self.doubtful = false       -- Content-Length or Transfer-Encoding came twice
end

local function shown (bytes)
  return ('"%s"'):format(bytes:sub(1, 40):gsub("[^ -~]", "?"))
end

local function status_line (self, line)
  local minor, status, after = line:match "^HTTP/1%.(%d) (%d%d%d)(.?)"
  if not minor or after ~= "" and after ~= " " then return NOT_HTTP .. shown(line) end
  self.minor, self.status = tonumber(minor), tonumber(status)
  if self.status == 101 then return SWITCHING end
  if self.status < 100 then return "the status " .. status .. " does not exist" end
end

-- Fields that tell where the body ends. They must have only one possible reading.
local FRAMING = { ["content-length"] = true, ["transfer-encoding"] = true, connection = true }

local function take_field (self, line)
  if line:find "^[ \t]" then
    if FRAMING[self.last] then return ("the header %s is folded"):format(self.last) end
    return nil
  end
  local name, value = line:match "^([^:]+):[ \t]*(.-)[ \t]*$"
  if not name then return "a line of the response head has no colon: " .. shown(line) end
  if name:find "[%c \127]" then
    return "a header of the response has a blank in its name: " .. shown(name)
  end
  name = name:lower()
  local headers = self.headers
  self.fields = self.fields + 1
  self.bytes = self.bytes + #name + #value + 2
  if self.fields > M.MAX_FIELDS or self.bytes > MAX_HEAD_BYTES then return M.TOO_LARGE end
  local known = headers[name]
  if known and (name == "content-length" or name == "transfer-encoding") then
    self.doubtful = true
  end
  if not known then
    headers[name] = value
  elseif known ~= value then
    headers[name] = known .. ", " .. value
  end
  self.last = name
end

--- Parses one line, given without its line end. Returns true at the end of the head, or nil and
-- what is wrong.
local function take_line (self, line)
  if line:find "[%z\r]" then return nil, "a line of the response head has a NUL or a CR in it" end
  if not self.status then return nil, status_line(self, line) end
  if line ~= "" then return nil, take_field(self, line) end
  if self.status >= 200 then return true end
  begin_head(self)
end

--- Tells whether the first bytes cannot be the start of a status line, so that the response is
-- refused without waiting for more.
local function is_foreign (self)
  local start = self.partial:sub(1, 5)
  return not self.status and start ~= ("HTTP/"):sub(1, #start)
end

--- Parses the next bytes of a head.
-- @tparam string bytes
-- @treturn[1] number where in `bytes` the body begins, if the head is complete
-- @treturn[2] nil if the head is not complete
-- @treturn[3] nil
-- @treturn[3] string what is wrong
function Head:feed (bytes)
  local from = 1
  while true do
    local stop = bytes:find("\n", from, true)
    self.partial = self.partial .. bytes:sub(from, stop and stop - 1)
    self.all = self.all + (stop or #bytes) - from + 1
    if is_foreign(self) then return nil, NOT_HTTP .. shown(self.partial) end
    if #self.partial > MAX_HEAD_BYTES + 2 then return nil, M.TOO_LARGE end
    if self.all > MAX_ALL_HEADS then return nil, ENDLESS end
    if not stop then return nil end
    local line = self.partial:gsub("\r$", "")
    self.partial, from = "", stop + 1
    local complete, problem = take_line(self, line)
    if complete then return from end
    if problem then return nil, problem end
  end
end

--- Makes a parser for a head. Its fields, once the head is complete: `status`, `minor` (of the
-- version 1.x), `headers` (lower-case name to value; different values of a repeated header are
-- joined by commas), `doubtful` (Content-Length or Transfer-Encoding came twice, perhaps with equal
-- values).
-- @treturn table
function M.new_head ()
  local self = setmetatable({ partial = "", all = 0 }, Head)
  begin_head(self)
  return self
end

-- A body in chunks (RFC 9112 section 7.1).

--- The maximum bytes of a line with the size of a chunk and its extensions, which are very rare.
local MAX_SIZE_LINE = 4096

--- The maximum digits of a size. It stays below 2^48, which a double represents exactly.
local MAX_SIZE_DIGITS = 12

local byte, find, sub = string.byte, string.find, string.sub

local Chunks = {}
Chunks.__index = Chunks

local NO_SIZE = "the size of a chunk is not a number"

-- The value of each hexadecimal digit by its byte.
local DIGITS = {}
for value = 0, 15 do
  DIGITS[byte(("%x"):format(value))], DIGITS[byte(("%X"):format(value))] = value, value
end

--- Parses the size of a chunk in the usual form: digits and CRLF. Returns the size and the position
-- after the line, or nil for any other form, which `take_size` then handles. It reads single bytes
-- because LuaJIT compiles that.
local function plain_size (bytes, from)
  local size, at = 0, from
  local c = byte(bytes, at)
  local digit = DIGITS[c]
  while digit do
    size, at = size * 16 + digit, at + 1
    c = byte(bytes, at)
    digit = DIGITS[c]
  end
  if c ~= 13 or byte(bytes, at + 1) ~= 10 then return nil end
  if at == from or at - from > MAX_SIZE_DIGITS then return nil end
  return size, at + 2
end

--- Returns the line that ends at the next LF, without its line end, and the position after it. If
-- there is no LF, keeps the bytes for the next call and returns nil, the position, and the
-- incomplete line.
local function line_of (self, bytes, from)
  local stop = find(bytes, "\n", from, true)
  local line = sub(bytes, from, stop and stop - 1)
  if self.partial ~= "" then line = self.partial .. line end
  if not stop then
    self.partial = line
    return nil, #bytes + 1, line
  end
  self.partial = ""
  if byte(line, -1) == 13 then line = sub(line, 1, -2) end
  return line, stop + 1
end

local function begin_chunk (self, size)
  self.left = size
  self.state = size > 0 and "data" or "trailers"
end

local function take_size (self, bytes, from)
  local size, behind
  if self.partial == "" then size, behind = plain_size(bytes, from) end
  if size then
    begin_chunk(self, size)
    return behind
  end
  local line, after, partial = line_of(self, bytes, from)
  if not line then
    if #partial > MAX_SIZE_LINE then
      return nil, "the size of a chunk has an extension that is too long"
    end
    if find(partial, "^[^%x]") then return nil, NO_SIZE end
    return after
  end
  local digits, rest = line:match "^(%x+)[ \t]*(.*)$"
  if not digits or #line > MAX_SIZE_LINE or rest ~= "" and byte(rest) ~= 59
    or find(rest, "[%z\r]") then
    return nil, NO_SIZE
  end
  if #digits > MAX_SIZE_DIGITS then
    digits = digits:gsub("^0+", "")
    if #digits > MAX_SIZE_DIGITS then return nil, "the size of a chunk is too large" end
    if digits == "" then digits = "0" end
  end
  begin_chunk(self, tonumber(digits, 16))
  return after
end

local function take_data (self, bytes, from, sink)
  local last = from + self.left - 1
  local n = #bytes
  if last > n then
    self.left = last - n
    return n + 1, sink(bytes, from, n)
  end
  local behind = last + 1
  self.state = "edge"
  if byte(bytes, behind) == 13 and byte(bytes, behind + 1) == 10 then
    self.state, behind = "size", behind + 2
  end
  return behind, sink(bytes, from, last)
end

--- Skips the line end after the data of a chunk.
local function take_edge (self, bytes, from)
  local c = byte(bytes, from)
  if c == 13 and not self.cr then
    self.cr = true
    return from + 1
  end
  if c ~= 10 then return nil, "a chunk is longer than its size" end
  self.cr = false
  self.state = "size"
  return from + 1
end

local function take_trailers (self, bytes, from)
  local line, after, partial = line_of(self, bytes, from)
  local size = line and #line or #partial
  if self.trailers + size > MAX_HEAD_BYTES then return nil, M.TOO_LARGE end
  if not line then return after end
  if line == "" then
    self.done = true
  else
    self.trailers = self.trailers + size
  end
  return after
end

local STATES = { size = take_size, data = take_data, edge = take_edge, trailers = take_trailers }

--- Parses the next bytes of a body in chunks.
-- @tparam string bytes
-- @tparam number from where in `bytes` to begin
-- @tparam function sink receives the slices of the body as `bytes, first, last`; a result other
-- than nil ends the parsing
-- @treturn[1] number the position after the parsed bytes; `done` tells whether the body has ended
-- @treturn[2] nil
-- @treturn[2] string|table what is wrong with the chunks, or what the sink returned
function Chunks:feed (bytes, from, sink)
  local n = #bytes
  while from <= n and not self.done do
    local at, problem = STATES[self.state](self, bytes, from, sink)
    if problem then return nil, problem end
    from = at
  end
  return from
end

--- Makes a parser for a body in chunks.
-- @treturn table
function M.new_chunks ()
  return setmetatable({
    state = "size",
    done = false,
    partial = "",             -- an incomplete line
    left = 0,                 -- remaining bytes of the chunk
    cr = false,               -- the CR after a chunk was read
    trailers = 0,             -- bytes of the trailers
  }, Chunks)
end

-- Finds where a body ends (RFC 9112 section 6) and whether its connection can be used again. If two
-- implementations could understand a response differently, it is refused or its connection closed.

--- The maximum digits of a Content-Length. It stays below 10^15, which a double represents exactly.
local MAX_LENGTH_DIGITS = 15

local Body = {}
Body.__index = Body

--- Tells whether a header contains a word in its list of values.
local function lists (value, word)
  for entry in (value or ""):lower():gmatch "[^, \t]+" do
    if entry == word then return true end
  end
  return false
end

--- Parses a Content-Length. All values of a repeated one must be equal. Returns the length and
-- whether there was only one value, or nil and what is wrong.
local function length_of (value)
  local length
  for entry in (value .. ","):gmatch "[ \t]*(.-)[ \t]*," do
    local digits = entry:match "^%d+$"
    if not digits then return nil, "the Content-Length is not a number" end
    digits = digits:gsub("^0+(%d)", "%1")
    if #digits > MAX_LENGTH_DIGITS then return nil, "the Content-Length is too large" end
    if length and length ~= digits then return nil, "there are two different Content-Lengths" end
    length = digits
  end
  return tonumber(length), value:find(",", 1, true) == nil
end

--- Tells whether the server keeps the connection open after this response.
local function keeps (head)
  local connection = head.headers.connection
  if lists(connection, "close") then return false end
  return head.minor >= 1 or lists(connection, "keep-alive")
end

--- Parses the next bytes of the body.
-- @tparam string bytes
-- @tparam number from where in `bytes` to begin
-- @tparam function sink receives the slices of the body as `bytes, first, last`; a result other
-- than nil ends the parsing
-- @treturn[1] number the position after the parsed bytes; `done` tells whether the body has ended
-- @treturn[2] nil
-- @treturn[2] string|table what is wrong with the framing, or what the sink returned
function Body:feed (bytes, from, sink)
  if self.chunks then
    local at, problem = self.chunks:feed(bytes, from, sink)
    self.done = self.chunks.done
    return at, problem
  end
  local left, n = self.left, #bytes - from + 1
  if n <= 0 then return from end
  local size = left and math.min(left, n) or n
  if left then
    self.left = left - size
    self.done = self.left == 0
  end
  local problem = sink(bytes, from, from + size - 1)
  if problem then return nil, problem end
  return from + size
end

--- Tells whether the body is complete if the connection ends now.
-- @treturn boolean
function Body:ends_here ()
  return self.done or not self.chunks and not self.left
end

--- Makes a parser for the body that follows a head. Its field `keep` tells whether the connection
-- can be used again after the body.
-- @tparam table head a complete head, see `new_head`
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.new_body (head)
  local headers = head.headers
  local coding, length = headers["transfer-encoding"], headers["content-length"]
  local body = setmetatable({
    keep = keeps(head) and not head.doubtful, done = false,
    chunks = nil,             -- the parser of a chunked body
    left = nil,               -- remaining bytes, if the head has a length
  }, Body)
  if head.status == 204 or head.status == 304 then
    body.done = true
    -- Another implementation may wait for a body because of a length or coding in such a head. Only
    -- a 304 may have a length.
    body.keep = body.keep and not coding and (head.status == 304 or not length or length == "0")
  elseif coding and coding:lower() ~= "identity" then
    if coding:lower() ~= "chunked" then
      return nil, "the response has a transfer coding that was not requested"
    end
    body.chunks = M.new_chunks()
    -- An implementation that used the Content-Length would find the next response elsewhere.
    body.keep = body.keep and not length and head.minor >= 1
  elseif length then
    local single
    body.left, single = length_of(length)
    if not body.left then return nil, single end
    body.done = body.left == 0
    body.keep = body.keep and single and not coding
  else
    body.keep = false
  end
  return body
end

-- The whole response.

--- The maximum bytes that are read of the body of an error response, enough for any error object.
-- The rest of the body is not read.
M.MAX_ERROR_BODY = 64 * 1024

local Response = {}
Response.__index = Response

local ENOUGH = { kind = "enough" }      -- the rest of an error body is not needed

local function protocol (message)
  return { kind = "protocol", message = message }
end

--- Tells whether a Content-Type is "text/event-stream", with or without parameters (RFC 9110
-- section 8.3.1).
local function is_event_stream (value)
  return value ~= nil and value:lower():find "^text/event%-stream%f[;%s%z]" ~= nil
end

local function take_event_bytes (self, bytes, first, last)
  local ok, why = self.parser:feed(bytes, first, last)
  if ok then return nil end
  if why == "not enough memory" then return { kind = "memory", message = why } end
  return { kind = "too_large",
    message = "an event of the stream is larger than the limit max_event_bytes" }
end

local function take_body_bytes (self, bytes, first, last)
  bytes = bytes:sub(first, last)
  local answer = self.status < 300 and not self.events
  local left = (answer and self.max_body or M.MAX_ERROR_BODY) - self.size
  local fits = #bytes <= left
  if not fits and answer then
    return { kind = "too_large",
      message = "the response is larger than the limit max_response_bytes" }
  end
  if not fits then bytes = bytes:sub(1, left) end
  self.size = self.size + #bytes
  self.pieces[#self.pieces + 1] = bytes
  if not fits then return ENOUGH end
end

local function begin_body (self)
  self.began = true
  -- An error response is recognized by its status, also if its body is compressed.
  if self.status < 300 and header_rules.is_coded(self.headers["content-encoding"]) then
    return protocol "the response is compressed although that was not asked for"
  end
end

local function sink_of (self)
  return function (bytes, first, last)
    if self.discarding then return nil end
    if not self.began then
      local failure = begin_body(self)
      if failure then return failure end
    end
    if self.parser then return take_event_bytes(self, bytes, first, last) end
    return take_body_bytes(self, bytes, first, last)
  end
end

local function take_head (self)
  local h = self.head
  local body, problem = M.new_body(h)
  -- An error response is recognized by its status, also if its body cannot be read.
  if not body and h.status < 300 then return protocol(problem) end
  self.head, self.framing = nil, body
  self.complete, self.status, self.headers = true, h.status, h.headers
  self.streaming = self.events and h.status >= 200 and h.status < 300
    and is_event_stream(h.headers["content-type"])
  if self.streaming then self.parser = sse.new { max_event = self.max_event } end
  self.done = not body or body.done
end

--- Ends a response before its body is complete, because its status is enough.
local function ends_early (self)
  self.done, self.keep = true, false
  return true
end

--- Parses the next bytes of the connection. `status` is set once the status line was read (not that
-- of an interim response); `complete`, `headers` and `streaming` once the head is complete; `done`
-- once the body has ended. `keep` then tells whether the connection can be used for the next
-- request.
-- @tparam string bytes
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the failure: `kind`, `message`
function Response:feed (bytes)
  local from, problem = 1, nil
  if self.head then
    from, problem = self.head:feed(bytes)
    local status = self.head.status
    -- An interim response (RFC 9110 section 15.2) does not count, so that it starts no timeout.
    self.status = status and status >= 200 and status or nil
    if problem then return nil, protocol(problem) end
    if not from then return true end
    problem = take_head(self)
    if problem then return nil, problem end
  end
  local body = self.framing
  if not body then return ends_early(self) end
  local after = from
  if not body.done then after, problem = body:feed(bytes, from, self.sink) end
  if problem then
    if problem == ENOUGH or type(problem) == "string" and self.status >= 300 then
      return ends_early(self)
    end
    return nil, type(problem) == "string" and protocol(problem) or problem
  end
  self.done = body.done
  self.keep = body.done and body.keep and after == #bytes + 1
  return true
end

--- Handles the end of the connection. `done` is true afterwards, unless the response is incomplete.
-- @treturn boolean false if the response is incomplete
function Response:finish ()
  if self.done then return true end
  if not self.complete then return false end
  if self.framing:ends_here() or self.status >= 300 then return ends_early(self) end
  return false
end

--- Returns the number of buffered events.
-- @treturn number
function Response:count ()
  return self.parser and self.parser:count() or 0
end

--- Returns the body of a response that is not an event stream, as far as it was received.
-- @treturn string
function Response:body ()
  local text = table.concat(self.pieces)
  self.pieces = { text }
  return text
end

--- Drops the buffered data, and the rest of the body as it arrives.
function Response:discard ()
  self.discarding = true
  if self.parser then self.parser:close() end
  self.parser = nil
  self.pieces = {}
end

--- Makes a parser for a response.
-- @tparam table limits `events` (an event stream was requested), `max_event`, `max_body` (bytes)
-- @treturn table
function M.new_response (limits)
  local self = setmetatable({
    events = limits.events, max_event = limits.max_event, max_body = limits.max_body,
    head = M.new_head(),      -- the parser of the head, until it is complete
    framing = nil,            -- the parser of the body
    parser = nil,             -- the parser of events
    status = nil, headers = nil,
    complete = false, streaming = false, began = false, done = false, keep = false,
    discarding = false,
    pieces = {}, size = 0,    -- a body that is not an event stream
  }, Response)
  self.sink = sink_of(self)
  return self
end

return M
