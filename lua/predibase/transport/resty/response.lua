-- SPDX-License-Identifier: MIT
--- One response as its bytes come: the head, then the events of a stream or the body of any other
-- answer, within their limits. Knows no socket.
-- @module predibase.transport.resty.response

local headers = require "predibase.headers"
local framing = require "predibase.transport.resty.framing"
local head = require "predibase.transport.resty.head"
local sse = require "predibase.sse"

local M = {}

--- Bytes of an answer that is no stream and no success which are read: they hold any error object;
-- what comes after them is not waited for.
M.MAX_ERROR_BODY = 64 * 1024

local Response = {}
Response.__index = Response

local ENOUGH = { kind = "enough" }      -- the rest of an error's text is not wanted

local function protocol(message)
  return { kind = "protocol", message = message }
end

--- "text/event-stream" with or without parameters (RFC 9110 section 8.3.1).
local function is_event_stream(value)
  return value ~= nil and value:lower():find "^text/event%-stream%f[;%s%z]" ~= nil
end

local function take_event_bytes(self, bytes, first, last)
  local ok, why = self.parser:feed(bytes, first, last)
  if ok then return nil end
  if why == "not enough memory" then return { kind = "memory", message = why } end
  return { kind = "too_large",
    message = "an event of the stream is larger than the limit max_event_bytes" }
end

local function take_body_bytes(self, bytes, first, last)
  bytes = bytes:sub(first, last)
  local answer = self.status < 300 and not self.events
  local room = (answer and self.max_body or M.MAX_ERROR_BODY) - self.size
  local fits = #bytes <= room
  if not fits and answer then
    return { kind = "too_large",
      message = "the response is larger than the limit max_response_bytes" }
  end
  if not fits then bytes = bytes:sub(1, room) end
  self.size = self.size + #bytes
  self.pieces[#self.pieces + 1] = bytes
  if not fits then return ENOUGH end
end

local function begin_body(self)
  self.began = true
  -- A gateway's page is an error by its status, whatever it is coded in.
  if self.status < 300 and headers.is_coded(self.headers["content-encoding"]) then
    return protocol "the response is compressed although that was not asked for"
  end
end

local function sink_of(self)
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

local function take_head(self)
  local h = self.head
  local body, problem = framing.new(h)
  if not body then return protocol(problem) end
  self.head, self.framing = nil, body
  self.complete, self.status, self.headers = true, h.status, h.headers
  self.streaming = self.events and h.status >= 200 and h.status < 300
    and is_event_stream(h.headers["content-type"])
  if self.streaming then self.parser = sse.new { max_event = self.max_event } end
  self.done = body.done
end

--- The answer says enough by its status, however little of its text came.
local function ends_early(self)
  self.done, self.keep = true, false
  return true
end

--- Takes the next bytes of the connection. Afterwards `status` is known once its line came
-- (not that of an interim answer),
-- `complete`, `headers` and `streaming` once the head is complete, `done` once the body has ended,
-- and then `keep` tells whether the connection can be used for the next request.
-- @tparam string bytes
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the failure: `kind`, `message`
function Response:feed(bytes)
  local from, problem = 1, nil
  if self.head then
    from, problem = self.head:feed(bytes)
    local status = self.head.status
    -- An interim answer (RFC 9110 section 15.2) is none: no clock begins with it.
    self.status = status and status >= 200 and status or nil
    if problem then return nil, protocol(problem) end
    if not from then return true end
    problem = take_head(self)
    if problem then return nil, problem end
  end
  local body = self.framing
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

--- The connection has ended. Afterwards `done` is true.
-- @treturn boolean false when the answer is not whole
function Response:finish()
  if self.done then return true end
  if not self.complete then return false end
  if self.framing:ends_here() or self.status >= 300 then return ends_early(self) end
  return false
end

--- Number of events that wait to be taken.
-- @treturn number
function Response:count()
  return self.parser and self.parser:count() or 0
end

--- The body of an answer that is no event stream, as far as it came.
-- @treturn string
function Response:body()
  local text = table.concat(self.pieces)
  self.pieces = { text }
  return text
end

--- Nobody reads what still comes.
function Response:discard()
  self.discarding = true
  if self.parser then self.parser:close() end
  self.parser = nil
  self.pieces = {}
end

--- Begins to read a response.
-- @tparam table limits `events` (an event stream was asked for), `max_event`, `max_body` (bytes)
-- @treturn table
function M.new(limits)
  local self = setmetatable({
    events = limits.events, max_event = limits.max_event, max_body = limits.max_body,
    head = head.new(),        -- until it is complete
    framing = nil,            -- of the body
    parser = nil,             -- of events
    status = nil, headers = nil,
    complete = false, streaming = false, began = false, done = false, keep = false,
    discarding = false,
    pieces = {}, size = 0,    -- of a body that is no event stream
  }, Response)
  self.sink = sink_of(self)
  return self
end

return M
