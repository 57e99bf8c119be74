-- SPDX-License-Identifier: MIT
--- Where the body of a response ends (RFC 9112 section 6), and whether its connection can be used
-- again behind it. What two readers could take differently is refused, or ends the connection.
-- @module predibase.transport.resty.framing

local chunks = require "predibase.transport.resty.chunks"

local M = {}

--- Most digits of a Content-Length: below 10^15, which a double counts exactly.
M.MAX_DIGITS = 15

local Body = {}
Body.__index = Body

--- Is a word among the values that a header lists?
local function lists(value, word)
  for entry in (value or ""):lower():gmatch "[^, \t]+" do
    if entry == word then return true end
  end
  return false
end

--- Every value of a repeated Content-Length must be the same. The second result tells that there
-- was one.
local function length_of(value)
  local length
  for entry in (value .. ","):gmatch "[ \t]*(.-)[ \t]*," do
    local digits = entry:match "^%d+$"
    if not digits then return nil, "the Content-Length is not a number" end
    digits = digits:gsub("^0+(%d)", "%1")
    if #digits > M.MAX_DIGITS then return nil, "the Content-Length is beyond all numbers" end
    if length and length ~= digits then return nil, "there are two different Content-Lengths" end
    length = digits
  end
  return tonumber(length), value:find(",", 1, true) == nil
end

local function keeps(head)
  local connection = head.headers.connection
  if lists(connection, "close") then return false end
  return head.minor >= 1 or lists(connection, "keep-alive")
end

--- Takes the next bytes of the body.
-- @tparam string bytes
-- @tparam number from where in them to begin
-- @tparam function sink gets the slices of the body as `bytes, first, last`; what it returns
-- ends the reading
-- @treturn[1] number the place behind what was taken; `done` tells whether the body has ended
-- @treturn[2] nil
-- @treturn[2] string|table what is wrong with the framing, or what the sink returned
function Body:feed(bytes, from, sink)
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

--- Tells whether the body is whole when its connection ends here.
-- @treturn boolean
function Body:ends_here()
  return self.done or not self.chunks and not self.left
end

--- Begins to read the body that a head announces. `keep` tells whether the connection can be used
-- again behind it.
-- @tparam table head a complete one, see `predibase.transport.resty.head`
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.new(head)
  local headers = head.headers
  local coding, length = headers["transfer-encoding"], headers["content-length"]
  local body = setmetatable({
    keep = keeps(head) and not head.doubtful, done = false,
    chunks = nil,             -- of a chunked body
    left = nil,               -- bytes, where the head says how many
  }, Body)
  if head.status == 204 or head.status == 304 then
    body.done = true
    -- A length or coding here is one that another reader may wait for; of a 304 it is allowed.
    body.keep = body.keep and not coding and (head.status == 304 or not length or length == "0")
  elseif coding and coding:lower() ~= "identity" then
    if coding:lower() ~= "chunked" then
      return nil, "the response has a transfer coding that was not asked for"
    end
    body.chunks = chunks.new()
    -- A reader that goes by the other header takes a part of this body for the next answer.
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

return M
