-- SPDX-License-Identifier: MIT
--- Makes the records of the hook `on_wire`: what a call sends and receives, without secrets.
--
-- A secret may arrive in several pieces. So the body of a response is kept back until an event of a
-- stream is complete, or the body has ended; secrets are removed before anything is cut.
-- @module predibase.call.wire_records

local errors = require "predibase.errors"

local M = {}

--- Most bytes of a body, or of an event, that a record contains. The rest is only counted.
M.MOST = 64 * 1024

-- Bytes that are kept beyond that: a secret that begins before the limit is then whole. The headers
-- of a request have at most 16 KiB, and each byte may be written with the escapes of JSON.
local MARGIN = 6 * 16 * 1024

local REDACTED = "[redacted]"

-- Patterns for the names of headers whose values are secrets.
local SECRET_HEADERS = { "authorization", "cookie", "password", "secret", "key$", "key%-", "token$",
  "^x%-auth", "credential", "signature" }

-- Patterns for the names of parameters in URLs whose values are secrets.
local SECRET_PARAMETERS = { "key", "token", "secret", "passw", "auth", "sig", "credential", "code",
  "session" }

-- Names that match one of these, but tell times of the server.
local TIMES = "^x%-time%-"

-- What libcurl says about its own data structures.
local NOISE = { "^Found bundle", "^Can not multiplex", "^Mark bundle", "^STATE:", "^Expire ",
  "^Server doesn't support multi" }

-- Where libcurl repeats the headers of HTTP/2 in its own words.
local REPEATED = { "^%s*h2 %[", "^%[HTTP/%d%]", "^%s*%[%d+%] %[", "^%s*h2h3 %[" }

local function matches_any (text, patterns)
  for _, pattern in ipairs(patterns) do
    if text:find(pattern) then return true end
  end
  return false
end

local function is_named (name, patterns)
  name = name:lower()
  return not name:find(TIMES) and matches_any(name, patterns)
end

-- Removes user names, passwords and keys from the URLs of a text. The values of keys are added to
-- `found`, because a server may echo them.
local function clean_urls (text, found)
  text = text:gsub("(://)[^/%s@]+@", "%1" .. REDACTED .. "@")
  return (text:gsub("([?&])([^=&%s#]+)=([^&%s#\"']*)", function (mark, name, value)
    if not is_named(name, SECRET_PARAMETERS) then return nil end
    if found then found[#found + 1] = value end
    return mark .. name .. "=" .. REDACTED
  end))
end

local Wire = {}
Wire.__index = Wire

-- Removes the secrets of the request, and those that its head had, from a text.
local function redacted (self, text)
  return errors.redact(errors.redact(text, self.request().secrets), self.found)
end

-- Cleans a line `name: value`. The values of secret headers are remembered, because a server may
-- echo them.
local function clean_header (self, line)
  local name, value = line:match "^([^:%s]+):%s*(.-)%s*$"
  if not name or not is_named(name, SECRET_HEADERS) or value == "" then
    return clean_urls(redacted(self, line), self.found)
  end
  local scheme, rest = value:match "^(%a+) +(.+)$"
  if not name:lower():find "authorization" then scheme, rest = nil, value end
  self.found[#self.found + 1] = rest or value
  for part in value:gmatch "=([^;,]+)" do self.found[#self.found + 1] = part end
  return name .. ": " .. (scheme and scheme .. " " or "") .. REDACTED
end

local function clean_head (self, text)
  local lines = {}
  for line in text:gsub("\r\n", "\n"):gmatch "([^\n]*)\n" do
    if line ~= "" then lines[#lines + 1] = clean_header(self, line) end
  end
  return table.concat(lines, "\n")
end

-- Cleans the text of a body and cuts it. `size` is the number of all its bytes.
local function clean_body (self, text, size)
  local whole = #text == size
  text = clean_urls(redacted(self, text))
  if not whole then text = text:sub(1, math.max(0, #text - MARGIN)) end
  return #text > M.MOST and text:sub(1, M.MOST) or text
end

local function emit (self, kind, time, text, size)
  self.hook {
    kind = kind, text = text, size = size, request = self.number, attempt = self.attempt,
    time = math.max(0, time - self.began),
  }
end

-- Reports the part of the response body that was kept back.
local function flush (self, time)
  local pieces, size = self.pieces, self.size
  if size == 0 then return end
  self.pieces, self.kept, self.size = {}, 0, 0
  local text = clean_body(self, table.concat(pieces), size)
  if self.is_stream then text = text:gsub("[\r\n]+$", "") end
  emit(self, self.is_stream and "event" or "body", time, text, size)
end

-- Keeps bytes of the response body.
local function keep (self, bytes)
  self.size = self.size + #bytes
  if self.kept >= M.MOST + MARGIN then return end
  bytes = bytes:sub(1, M.MOST + MARGIN - self.kept)
  self.pieces[#self.pieces + 1] = bytes
  self.kept = self.kept + #bytes
end

-- Takes bytes of an event stream: each empty line ends an event. Its lines end with LF or CRLF;
-- with other line ends, the events are reported together.
local function take_events (self, time, bytes)
  local at = 1
  while true do
    -- The empty line may be divided between two pieces.
    local before = self.tail
    local text = before .. bytes:sub(at)
    local _, last = text:find "\n\r?\n"
    if not last then
      keep(self, bytes:sub(at))
      self.tail = text:sub(-2)
      return
    end
    local taken = math.max(0, last - #before)
    keep(self, bytes:sub(at, at + taken - 1))
    at = at + taken
    self.tail = ""
    flush(self, time)
  end
end

local TAKE = {
  t = function (self, time, text)
    if matches_any(text, REPEATED) then return end
    for line in (text .. "\n"):gmatch "%s*([^\r\n]+)\r?\n" do
      if not matches_any(line, NOISE) then emit(self, "info", time, clean_header(self, line)) end
    end
  end,
  s = function (self, time, text)
    emit(self, "request", time, clean_head(self, text))
    self.head = {}
    if text:find "^CONNECT " then return end
    local body = self.body
    if body and body ~= "" then
      emit(self, "sent", time, clean_body(self, body, #body), #body)
    end
  end,
  h = function (self, time, text)
    self.head[#self.head + 1] = text
    if not text:find "^\r?\n$" then return end
    local head = table.concat(self.head)
    self.head = {}
    self.is_stream = head:lower():find "\ncontent%-type:%s*text/event%-stream" ~= nil
    emit(self, "response", time, clean_head(self, head))
  end,
  d = function (self, time, bytes)
    if self.is_stream then return take_events(self, time, bytes) end
    keep(self, bytes)
  end,
}

local count = 0                         -- of the requests of this process

--- Makes a function that takes the records of one request from the transport.
-- @tparam ?function hook is called with a table: `kind` ("info", "request", "sent", "response",
-- "event" or "body"), `text`, `size` (bytes of a body or event, of which `text` may be the
-- beginning), `request` (a number), `attempt`, `time` (seconds since the call began)
-- @tparam function request returns the request, with `secrets` and `body`
-- @tparam integer attempt
-- @tparam number began on the clock of the transport
-- @treturn ?function see `log_to` of `predibase.transport.curl.exchange`; nil without a hook
function M.new (hook, request, attempt, began)
  if not hook then return nil end
  count = count + 1
  local self = setmetatable({
    hook = hook, number = count, attempt = attempt, began = began, request = request,
    body = request().body,
    found = {},                         -- secrets that a head had
    head = {},                          -- lines of a head that is not complete
    pieces = {}, kept = 0, size = 0,    -- the part of the body that was kept back
    tail = "",                          -- the last bytes of a stream's piece
    is_stream = false,
  }, Wire)
  return function (records, is_over)
    local time = self.last or self.began
    for _, record in ipairs(records) do
      time = record[2]
      TAKE[record[1]](self, time, record[3])
    end
    self.last = time
    if is_over then flush(self, time) end
  end
end

return M
