-- SPDX-License-Identifier: MIT
--- HTTP/1.1 (RFC 9112): parses requests and writes response heads and chunks.
-- @module predibase.mock.http

local M = {}

--- The most bytes that request line and headers may have together. The limits are those of hyper,
-- the router's HTTP library.
M.MAX_HEAD = 417792

local MAX_HEADERS = 100
local MAX_TARGET = 65534       -- bytes

local REASONS = {
  [100] = "Continue", [200] = "OK", [201] = "Created", [204] = "No Content",
  [301] = "Moved Permanently", [302] = "Found", [303] = "See Other",
  [307] = "Temporary Redirect", [308] = "Permanent Redirect",
  [400] = "Bad Request", [401] = "Unauthorized", [402] = "Payment Required",
  [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed",
  [407] = "Proxy Authentication Required", [408] = "Request Timeout", [409] = "Conflict",
  [410] = "Gone", [413] = "Payload Too Large", [414] = "URI Too Long",
  [415] = "Unsupported Media Type",
  [422] = "Unprocessable Entity", [424] = "Failed Dependency", [425] = "Too Early",
  [429] = "Too Many Requests", [431] = "Request Header Fields Too Large",
  [500] = "Internal Server Error", [501] = "Not Implemented", [502] = "Bad Gateway",
  [503] = "Service Unavailable", [504] = "Gateway Timeout",
  [505] = "HTTP Version Not Supported",
}

local DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local MONTHS = {
  "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
}

--- Formats a time for the date header (RFC 9110 section 5.6.7), independent of the locale.
-- @tparam number time Unix seconds
-- @treturn string
function M.date (time)
  local t = os.date("!*t", time)
  return ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[t.wday], t.day, MONTHS[t.month],
    t.year, t.hour, t.min, t.sec)
end

--- Writes a response head.
-- @tparam number status
-- @tparam table headers array of `{ name, value }`
-- @tparam[opt="1.1"] string version
-- @treturn string with the empty line at the end
function M.head (status, headers, version)
  local lines = { ("HTTP/%s %d %s\r\n"):format(version or "1.1", status, REASONS[status] or "") }
  for i, header in ipairs(headers) do lines[i + 1] = header[1] .. ": " .. header[2] .. "\r\n" end
  lines[#lines + 1] = "\r\n"
  return table.concat(lines)
end

--- Writes one chunk of a chunked body; the chunk of an empty string ends the body.
-- @tparam string data
-- @treturn string
function M.chunk (data)
  -- "%s" of Lua 5.1 would stop at a NUL
  return ("%X\r\n"):format(#data) .. data .. "\r\n"
end

-- Returns the header fields by their names in lower case, or nil and a status.
local function fields (text)
  local headers, count = {}, 0
  for ended in text:gmatch("([^\n]*)\n") do
    local line = ended:gsub("\r$", "")
    local name, value = line:match("^([%w!#$%%&'*+.^_`|~-]+):[ \t]*(.-)[ \t]*$")
    if not name or value:find("[%z\r]") then return nil, 400 end
    count = count + 1
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  if count > MAX_HEADERS then return nil, 431 end
  return headers
end

-- Returns how the body is delimited: "chunked", a length, or nil if it is unknown.
local function framing (headers)
  local coding = headers["transfer-encoding"]
  if coding then
    return coding:lower():match("^%s*chunked%s*$") and "chunked" or nil
  end
  local length = headers["content-length"]
  if not length then return 0 end
  local first = length:match("^%d+")
  for item in (length .. ","):gmatch("%s*(.-)%s*,") do
    if item ~= first then return nil end
  end
  return #first <= 15 and tonumber(first) or nil
end

local function keeps_alive (minor, headers)
  local connection = (headers.connection or ""):lower()
  if connection:find("close", 1, true) then return false end
  return minor ~= "0" or connection:find("keep-alive", 1, true) ~= nil
end

--- Parses a request head.
-- @tparam string text the bytes that have arrived
-- @treturn[1] table `{ method, target, path, query, version, headers, body = "chunked"|bytes,
--   keep_alive, expects }`
-- @treturn[1] number length of the head in bytes
-- @treturn[2] nil
-- @treturn[2] ?number status of the refusal; nil when more bytes are needed
function M.parse (text)
  local skipped = #text:match("^[\r\n]*")
  local head, stop = text:match("^(.-\n)\r?\n()", skipped + 1)
  if not head then
    if #text - skipped > M.MAX_HEAD then return nil, 431 end
    -- refused at once: the client of a TLS handshake would wait for ever
    if text:find("^[^%u%l]", skipped + 1) then return nil, 400 end
    return nil
  end
  if #head > M.MAX_HEAD then return nil, 431 end
  local line, rest = head:match("^([^\n]*)\n(.*)$")
  local method, target, major, minor =
    line:gsub("\r$", ""):match("^([%w!#$%%&'*+.^_`|~-]+) ([\33-\255]+) HTTP/(%d)%.(%d)$")
  if not method or major ~= "1" then return nil, 400 end
  if #target > MAX_TARGET then return nil, 414 end
  local headers, refusal = fields(rest)
  if not headers then return nil, refusal end
  local body = framing(headers)
  if not body then return nil, 400 end
  local path = target:gsub("^%a+://[^/?]*", ""):gsub("#.*$", "")
  if path == "" then path = "/" end
  return {
    method = method, target = target, path = path:match("^[^?]*"), query = path:match("%?(.*)$"),
    version = "1." .. minor, headers = headers, body = body,
    keep_alive = keeps_alive(minor, headers),
    expects = (headers.expect or ""):lower() == "100-continue",
  }, stop - 1
end

-- Takes exactly `count` bytes of input. Returns nil when the client has closed the connection.
local function take (self, count)
  while #self.input < count do
    if not self:more() then return nil end
  end
  local data = self.input:sub(1, count)
  self.input = self.input:sub(count + 1)
  return data
end

local function line (self)
  while true do
    local text, stop = self.input:match("^(.-)\r?\n()")
    if text then
      self.input = self.input:sub(stop)
      return text
    end
    if #self.input > 8192 or not self:more() then return nil end
  end
end

local function chunked (self, limit)
  local parts, size = {}, 0
  while true do
    -- extensions after a semicolon are ignored (RFC 9112 section 7.1.1)
    local digits = (line(self) or ""):match("^(%x+)%s*;?")
    if not digits or #digits > 8 then return nil, 400 end
    local length = tonumber(digits, 16)
    if length == 0 then break end
    size = size + length
    if size > limit then return nil, 413 end
    parts[#parts + 1] = take(self, length)
    if not line(self) then return nil, 400 end
  end
  repeat
    local trailer = line(self)
    if not trailer then return nil, 400 end
  until trailer == ""
  return table.concat(parts)
end

--- Reads the next request's head. Must run in the connection's coroutine, as `read_body` must.
-- @tparam Connection self
-- @treturn[1] table as `parse` returns it
-- @treturn[2] nil
-- @treturn[2] ?number status of the refusal; nil when the client has closed the connection
function M.read_head (self)
  while true do
    local request, taken = M.parse(self.input)
    if request then
      self.input = self.input:sub(taken + 1)
      return request
    end
    if taken then return nil, taken end
    if not self:more() then return nil end
  end
end

--- Reads the body of a request.
-- @tparam Connection self
-- @tparam table request
-- @tparam number limit bytes
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] number status 400 or 413
function M.read_body (self, request, limit)
  if request.body == 0 then return "" end
  if request.body ~= "chunked" and request.body > limit then return nil, 413 end
  if request.expects then self:send(M.head(100, {})) end
  if request.body == "chunked" then return chunked(self, limit) end
  return take(self, request.body), 400
end

return M
