-- SPDX-License-Identifier: MIT
--- Requests off a connection: heads, bodies of a known length, chunked bodies.
-- Only inside the connection's coroutine: it waits for what has not arrived.
-- @module predibase.mock.input

local http = require "predibase.mock.http"

local M = {}

-- Exactly `count` bytes of input, or nil.
local function take(self, count)
  while #self.input < count do
    if not self:more() then return nil end
  end
  local data = self.input:sub(1, count)
  self.input = self.input:sub(count + 1)
  return data
end

local function line(self)
  while true do
    local text, stop = self.input:match("^(.-)\r?\n()")
    if text then
      self.input = self.input:sub(stop)
      return text
    end
    if #self.input > 8192 or not self:more() then return nil end
  end
end

local function chunked(self, limit)
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

--- The next request's head.
-- @tparam Connection self
-- @treturn[1] table as `http.request`
-- @treturn[2] nil
-- @treturn[2] ?number status of a refusal; none when the client is gone
function M.request(self)
  while true do
    local request, taken = http.request(self.input)
    if request then
      self.input = self.input:sub(taken + 1)
      return request
    end
    if taken then return nil, taken end
    if not self:more() then return nil end
  end
end

--- The body of a request.
-- @tparam Connection self
-- @tparam table request
-- @tparam number limit bytes
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] number status 400 or 413
function M.body(self, request, limit)
  if request.body == 0 then return "" end
  if request.body ~= "chunked" and request.body > limit then return nil, 413 end
  if request.expects then self:send(http.head(100, {})) end
  if request.body == "chunked" then return chunked(self, limit) end
  return take(self, request.body), 400
end

return M
