-- SPDX-License-Identifier: MIT
--- One exchange of `spec.support.pipe_transport`: behaves like src/exchange.c, with bytes from a
-- spec and a clock that the spec controls. The events come from the real parser.

local sse = require "predibase.sse"

local M = {}

-- Same value as EXCHANGE_MAX_ERROR_BODY in src/exchange.h.
M.MAX_ERROR_BODY = 64 * 1024

local Raw = {}
Raw.__index = Raw

--- The metatable of all exchanges.
M.class = Raw

local FAILURES = {
  cut = { kind = "connection", phase = "body", sent = true,
    message = "transfer closed with outstanding read data remaining" },
  reset = { kind = "connection", phase = "body", sent = true,
    message = "Recv failure: Connection reset by peer" },
}

local function fail (raw, failure)
  raw.state, raw.fault, raw.news = "failed", failure, true
end

local function expire (raw, phase, span, what)
  fail(raw, { kind = "timeout", phase = phase, sent = raw.state == "open",
    message = ("%s within %.4g s"):format(what, span) })
end

--- Returns when the next step of the script is due, on the transport's clock.
function Raw:due ()
  local at, o = math.huge, self.options
  local function earlier (from, span)
    if span and span > 0 and from + span < at then at = from + span end
  end
  if self.state == "delayed" then at = self.start end
  if self.state ~= "open" and self.state ~= "delayed" then return at end
  if o.deadline then at = math.min(at, o.deadline) end
  if self.state == "delayed" then return at end
  if self.position <= #self.script and self.at < at then at = self.at end
  if self.code then earlier(self.last_byte, o.idle) else earlier(self.start, self.connecting) end
  if o.events and self.got_event then
    earlier(self.last_event, o.event)
  elseif o.events then
    earlier(self.start, o.first_event)
  end
  return at
end

local function body_bytes (raw, piece)
  local answer = raw.code < 300 and not raw.options.events
  local limit = answer and raw.options.max_body or M.MAX_ERROR_BODY
  if raw.size + #piece > limit then
    if answer then
      return fail(raw, { kind = "too_large", phase = "body", sent = true,
        message = "the response is larger than the limit max_response_bytes" })
    end
    piece = piece:sub(1, limit - raw.size)
    raw.state, raw.news = "done", true
  end
  raw.size = raw.size + #piece
  raw.parts[#raw.parts + 1] = piece
end

local function event_bytes (raw, piece)
  local ok, why = raw.parser:feed(piece)
  while true do
    local data = raw.parser:next()
    if not data then break end
    raw.queue[#raw.queue + 1] = data
    raw.last_event, raw.got_event, raw.news = raw.last_byte, true, true
  end
  if not ok then
    fail(raw, { kind = "too_large", phase = "body", sent = true, message = why })
  end
end

local function take_bytes (raw, piece, now)
  raw.last_byte = now
  if raw.discarding then return end
  if raw.code < 300 and (raw.headers["content-encoding"] or "identity") ~= "identity" then
    return fail(raw, { kind = "protocol", phase = "body", sent = true,
      message = "the response is compressed although that was not asked for" })
  end
  if raw.streaming then event_bytes(raw, piece) else body_bytes(raw, piece) end
end

local function finish (raw, ending)
  if FAILURES[ending] then
    fail(raw, FAILURES[ending])
  elseif ending == "end" then
    raw.state, raw.news = "done", true
  end                                     -- "open": nothing comes any more
end

--- Runs the next step of the script: the head, a piece, a pause or the ending.
local function play (raw, now)
  local step = raw.script[raw.position]
  raw.position = raw.position + 1
  if type(step) == "number" then
    raw.at = raw.at + step
  elseif type(step) == "string" then
    take_bytes(raw, step, now)
  elseif step.failure then
    fail(raw, step.failure)
  elseif step.status then
    raw.code, raw.headers, raw.last_byte = step.status, step.headers, now
    raw.streaming = raw.options.events and step.status >= 200 and step.status < 300
      and (step.headers["content-type"] or ""):lower():find("^text/event%-stream%f[;%s%z]") ~= nil
  else
    finish(raw, step.ending)
  end
end

local function start (raw, now)
  raw.state, raw.start, raw.at = "open", now, now
  raw.script = raw.pool.network:script(raw)
  if raw.script.connecting then raw.connecting = raw.options.connect end
end

--- Runs the steps that are due, one piece at a time, so that a poll sees every state in between.
function Raw:work (now)
  local o = self.options
  if o.deadline and now >= o.deadline and (self.state == "open" or self.state == "delayed") then
    return fail(self, { kind = "timeout", phase = "total", sent = self.state == "open",
      message = "the call did not end in time" })
  end
  if self.state == "delayed" then
    start(self, now)
  elseif self.position <= #self.script and self.at <= now then
    play(self, now)
  elseif self.connecting then
    expire(self, "connect", o.connect, "no connection")
  elseif o.events and not self.got_event and self.start + (o.first_event or 1e9) <= now then
    expire(self, "first_token", o.first_event, "no token came")
  elseif o.events and self.got_event and self.last_event + (o.event or 1e9) <= now then
    expire(self, "token", o.event, "the next token did not come")
  else
    expire(self, "idle", o.idle, "the server sent nothing")
  end
end

-- The functions below are those of the exchanges of predibase.curl.

function Raw:id ()
  return self.number
end

function Raw:next ()
  if self.taken < #self.queue then
    self.taken = self.taken + 1
    return self.queue[self.taken]
  end
  if self.state == "done" or self.state == "failed" then return nil, self.state end
  return nil, "pending"
end

--- Like the real function: the parser's C core reads the token.
function Raw:token ()
  local data, state = self:next()
  if not data then return nil, state end
  local scratch = sse.new()
  assert(scratch:feed("data: " .. data:gsub("\n", "\ndata: ") .. "\n\n"))
  return scratch:token()
end

-- The real parser counts the tokens and keeps their text.

function Raw:keep_text (limit, kept)
  self.answer = sse.new()
  self.answer:keep_text(limit, kept)
end

--- Calls a method of the parser for the next event. The event stays in the queue if the parser does
-- not take it.
local function take (raw, method)
  local data = raw.queue[raw.taken + 1]
  if not data then return nil, raw.state ~= "done" and raw.state ~= "failed" end
  assert(raw.answer:feed("data: " .. data:gsub("\n", "\ndata: ") .. "\n\n"))
  local taken = raw.answer[method](raw.answer)
  if not taken then
    raw.answer:next()
    return nil, false
  end
  raw.taken = raw.taken + 1
  return taken
end

function Raw:take ()
  return take(self, "take")
end

function Raw:take_texts ()
  local texts, text, pending = {}
  repeat
    text, pending = take(self, "take_texts")
    texts[#texts + 1] = text
  until not text
  if not texts[1] then return nil, pending end
  return table.concat(texts)
end

function Raw:take_all ()
  local text, pending
  repeat text, pending = take(self, "take_texts") until not text
  return pending
end

for _, name in ipairs { "add", "counts", "text", "filter", "shown" } do
  Raw[name] = function (self, ...) return self.answer[name](self.answer, ...) end
end

function Raw:rest ()
  return self.parser:finish()
end

function Raw:status ()
  if not self.code then return nil end
  return self.code, self.streaming
end

function Raw:head ()
  if not self.code then return nil end
  local headers = {}
  for name, value in pairs(self.headers) do headers[name] = value end
  return self.code, headers, self.streaming
end

function Raw:body ()
  return table.concat(self.parts)
end

function Raw:failure ()
  local fault = self.fault
  if fault then return fault.kind, fault.phase, fault.message, fault.sent or false end
end

function Raw:linger (seconds)
  self.log.released = true
  self.discarding = true
  self.queue, self.taken = {}, 0
  local o = { events = self.options.events, deadline = self.pool.network.clock + seconds }
  self.options = o
end

function Raw:close ()
  if self.log.closed then return end
  self.log.closed = true
  self.log.aborted = self.state == "open"
  self.pool.exchanges[self.number] = nil
end

--- Starts an exchange, at once or after its delay.
-- `options` are those of `pool:open` of predibase.curl.
function M.new (pool, number, options, log)
  local now = pool.network.clock
  local raw = setmetatable({
    pool = pool, number = number, options = options, log = log,
    state = "delayed", start = now + (options.delay or 0), at = now,
    script = {}, position = 1,
    parser = sse.new { max_event = options.max_event },
    queue = {}, taken = 0, parts = {}, size = 0,
    got_event = false, discarding = false, news = false, streaming = false,
  }, Raw)
  if not options.delay or options.delay == 0 then start(raw, now) end
  return raw
end

return M
