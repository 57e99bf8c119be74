-- SPDX-License-Identifier: MIT
--- HTTP/1.1 on paper: request heads read, response heads written (RFC 9112). No sockets.
-- @module predibase.mock.http

local M = {}

M.MAX_HEAD = 65536         -- bytes of request line and headers together

local REASONS = {
  [100] = "Continue", [200] = "OK", [201] = "Created", [204] = "No Content",
  [301] = "Moved Permanently", [302] = "Found", [303] = "See Other",
  [307] = "Temporary Redirect", [308] = "Permanent Redirect",
  [400] = "Bad Request", [401] = "Unauthorized", [402] = "Payment Required",
  [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed",
  [407] = "Proxy Authentication Required", [408] = "Request Timeout", [409] = "Conflict",
  [410] = "Gone", [413] = "Payload Too Large", [415] = "Unsupported Media Type",
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

--- The date header's form of a time (RFC 9110 section 5.6.7), whatever the locale.
-- @tparam number time Unix seconds
-- @treturn string
function M.date(time)
  local t = os.date("!*t", time)
  return ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[t.wday], t.day, MONTHS[t.month],
    t.year, t.hour, t.min, t.sec)
end

--- A response head.
-- @tparam number status
-- @tparam table headers array of `{ name, value }`
-- @treturn string with the empty line at the end
function M.head(status, headers)
  local lines = { ("HTTP/1.1 %d %s\r\n"):format(status, REASONS[status] or "") }
  for i, header in ipairs(headers) do lines[i + 1] = header[1] .. ": " .. header[2] .. "\r\n" end
  lines[#lines + 1] = "\r\n"
  return table.concat(lines)
end

--- One chunk of a chunked body; the empty string gives the chunk that ends it.
-- @tparam string data
-- @treturn string
function M.chunk(data)
  -- not "%s": in Lua 5.1 it ends at a NUL
  return ("%X\r\n"):format(#data) .. data .. "\r\n"
end

local function fields(text, headers)
  for line in text:gmatch("([^\n]*)\n") do
    line = line:gsub("\r$", "")
    local name, value = line:match("^([%w!#$%%&'*+.^_`|~-]+):[ \t]*(.-)[ \t]*$")
    if not name or value:find("[%z\r]") then return nil end
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return headers
end

-- How the body is delimited: "chunked", a length, or nil when it cannot be known.
local function framing(headers)
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

local function keeps_alive(minor, headers)
  local connection = (headers.connection or ""):lower()
  if connection:find("close", 1, true) then return false end
  return minor ~= "0" or connection:find("keep-alive", 1, true) ~= nil
end

--- Reads a request head.
-- @tparam string text what has arrived
-- @treturn[1] table `{ method, target, path, query, version, headers, body = "chunked"|bytes,
--   keep_alive, expects }`
-- @treturn[1] number bytes taken
-- @treturn[2] nil
-- @treturn[2] ?number status of the refusal; none when more bytes are needed
function M.request(text)
  local skipped = #text:match("^[\r\n]*")
  local head, stop = text:match("^(.-\n)\r?\n()", skipped + 1)
  if not head then
    if #text - skipped > M.MAX_HEAD then return nil, 431 end
    -- bytes that cannot begin a request line are refused at once, or a TLS hello would hang
    if text:find("^[^%u%l]", skipped + 1) then return nil, 400 end
    return nil
  end
  if #head > M.MAX_HEAD then return nil, 431 end
  local line, rest = head:match("^([^\n]*)\n(.*)$")
  local method, target, major, minor =
    line:gsub("\r$", ""):match("^([%w!#$%%&'*+.^_`|~-]+) ([\33-\255]+) HTTP/(%d)%.(%d)$")
  if not method or major ~= "1" then return nil, 400 end
  local headers = fields(rest, {})
  if not headers then return nil, 400 end
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

return M
