-- SPDX-License-Identifier: MIT
--- Reads a chunked body, in whatever slices it comes (RFC 9112 section 7.1).
-- Extensions and trailers are passed over; lines may end in LF alone, as everybody reads them.
-- @module predibase.transport.resty.chunks

local head = require "predibase.transport.resty.head"

local M = {}

--- Longest line with the size of a chunk and its extensions, which nobody sends.
M.MAX_LINE = 4096

--- Most digits of a size: below 2^48, which a double counts exactly.
M.MAX_DIGITS = 12

local byte, find, sub = string.byte, string.find, string.sub

local Chunks = {}
Chunks.__index = Chunks

local NO_SIZE = "the size of a chunk is not a number"

-- The digits of a size by their bytes.
local DIGITS = {}
for value = 0, 15 do
  DIGITS[byte(("%x"):format(value))], DIGITS[byte(("%X"):format(value))] = value, value
end

--- The size in a line as servers send it, digits and CRLF, and the place behind it; nil for what
-- needs a closer look. In bytes, which LuaJIT compiles.
local function plain_size(bytes, from)
  local size, at = 0, from
  local c = byte(bytes, at)
  local digit = DIGITS[c]
  while digit do
    size, at = size * 16 + digit, at + 1
    c = byte(bytes, at)
    digit = DIGITS[c]
  end
  if c ~= 13 or byte(bytes, at + 1) ~= 10 then return nil end
  if at == from or at - from > M.MAX_DIGITS then return nil end
  return size, at + 2
end

--- The bytes up to the next LF, joined with what was kept of them, without the line end; the place
-- behind it. Keeps what there is when no LF is there.
local function line_of(self, bytes, from)
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

local function begin_chunk(self, size)
  self.left = size
  self.state = size > 0 and "data" or "trailers"
end

local function take_size(self, bytes, from)
  local size, behind
  if self.partial == "" then size, behind = plain_size(bytes, from) end
  if size then
    begin_chunk(self, size)
    return behind
  end
  local line, after, partial = line_of(self, bytes, from)
  if not line then
    if #partial > M.MAX_LINE then return nil, "the size of a chunk has an endless extension" end
    if find(partial, "^[^%x]") then return nil, NO_SIZE end
    return after
  end
  local digits, rest = line:match "^(%x+)[ \t]*(.*)$"
  if not digits or #line > M.MAX_LINE or rest ~= "" and byte(rest) ~= 59
    or find(rest, "[%z\r]") then
    return nil, NO_SIZE
  end
  if #digits > M.MAX_DIGITS then
    digits = digits:gsub("^0+", "")
    if #digits > M.MAX_DIGITS then return nil, "the size of a chunk is beyond all numbers" end
    if digits == "" then digits = "0" end
  end
  begin_chunk(self, tonumber(digits, 16))
  return after
end

local function take_data(self, bytes, from, sink)
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

--- The line end behind the data.
local function take_edge(self, bytes, from)
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

local function take_trailers(self, bytes, from)
  local line, after, partial = line_of(self, bytes, from)
  local size = line and #line or #partial
  if self.trailers + size > head.MAX_BYTES then return nil, head.TOO_LARGE end
  if not line then return after end
  if line == "" then
    self.done = true
  else
    self.trailers = self.trailers + size
  end
  return after
end

local STATES = { size = take_size, data = take_data, edge = take_edge, trailers = take_trailers }

--- Takes the next bytes.
-- @tparam string bytes
-- @tparam number from where in them to begin
-- @tparam function sink gets the slices of the body as `bytes, first, last`; what it returns beyond
-- nil ends the reading
-- @treturn[1] number the place behind what was taken; `done` tells whether the body has ended
-- @treturn[2] nil
-- @treturn[2] string|table what is wrong with the chunks, or what the sink returned
function Chunks:feed(bytes, from, sink)
  local n = #bytes
  while from <= n and not self.done do
    local at, problem = STATES[self.state](self, bytes, from, sink)
    if problem then return nil, problem end
    from = at
  end
  return from
end

--- Begins to read a body.
-- @treturn table
function M.new()
  return setmetatable({
    state = "size",
    done = false,
    partial = "",             -- of a line
    left = 0,                 -- bytes of the chunk
    cr = false,               -- of the line end behind a chunk
    trailers = 0,             -- bytes
  }, Chunks)
end

return M
