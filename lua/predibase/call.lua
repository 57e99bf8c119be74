-- SPDX-License-Identifier: MIT
--- One call of the client: its attempts, time limits, hooks and errors.
-- @module predibase.call

local errors = require "predibase.errors"
local header_rules = require "predibase.headers"
local random = require "predibase.random"
local reasoning = require "predibase.reasoning"
local request = require "predibase.request"
local response = require "predibase.response"
local retry = require "predibase.retry"
local stops = require "predibase.stop_sequences"

local M = {}

local Call = {}
Call.__index = Call

--- Copies a request for the hooks, without secrets. The word `Bearer` before the token is kept.
local function shown (req)
  local headers = { ["x-request-id"] = req.id }
  for i, header in ipairs(header_rules.shown(req.headers)) do
    local name, value = header[1], header[2]
    if name == "authorization" then value = req.headers[i][2] end
    headers[name] = errors.redact(value, req.secrets)
  end
  return { method = req.method, url = req.url, headers = headers }
end

--- Removes secrets from the headers of a response, because a server may echo what it received.
local function clean (headers, secrets)
  if #secrets == 0 then return headers end
  for name, value in pairs(headers) do
    for i = 1, #secrets do
      -- The secret may be written literally, or with JSON escapes, which begin with a backslash.
      if value:find(secrets[i], 1, true) or value:find("\\", 1, true) then
        headers[name] = errors.redact(value, secrets)
        break
      end
    end
  end
  return headers
end

--- Copies headers for a hook, which may change them.
local function copy (headers)
  local twin = {}
  for name, value in pairs(headers) do twin[name] = value end
  return twin
end

--- Returns the seconds between two points in time, rounded to microseconds.
local function elapsed (from, to)
  local us = (to - from) * 1e6 + 0.5
  return (us - us % 1) / 1e6
end

--- Records the start of the call and its deadline. A stream starts when it is read for the first
-- time.
local function start (self)
  self.started = self.client.now()
  self.deadline = self.ends or self.total and self.started + self.total or nil
end

--- Sets the deadline of a call that is a part of another one.
-- @tparam ?number at on the clock of the transport
function Call:end_by (at)
  self.ends = at
end

--- Prepares the next attempt: records the start if it is the first, and calls `on_request`.
function Call:announce ()
  if not self.started then start(self) end
  local begin = self.client.count
  if begin and self.counts == nil then self.counts = begin() or false end
  self.responded = false
  local hook, shown_request = self.options.hooks.on_request, self.shown
  if hook then
    hook { method = shown_request.method, url = shown_request.url,
      headers = shown_request.headers, attempt = self.attempts + 1 }
  end
end

--- Sends the request.
-- @tparam ?number delay seconds to wait first
-- @treturn[1] table the exchange
-- @treturn[2] nil
-- @treturn[2] table the failure
function Call:open (delay)
  self.attempts = self.attempts + 1
  if self.counts then self.counts:attempt() end
  self.opened = self.client.now() + (delay or 0)
  return self.client.transport:open(self.request(), {
    events = self.events, delay = delay, timeout = self.options.timeout, deadline = self.deadline,
  })
end

--- Stores status and headers of a response and calls `on_response`.
-- @tparam ?number status nil when no response has arrived; then nothing is done
-- @tparam ?table headers
function Call:progress (status, headers)
  if not status then return end
  self.headers = clean(headers, self.request().secrets)
  self.status = status
  self.responded = true
  local hook = self.options.hooks.on_response
  if hook then
    hook { status = status, headers = copy(self.headers), attempt = self.attempts }
  end
end

--- Waits for the whole body of an exchange and makes the outcome of the call.
-- @tparam table exchange the exchange; this function releases it
-- @treturn[1] table the result
-- @treturn[2] nil
-- @treturn[2] table the error
function Call:whole (exchange)
  local body, failure = exchange:body()
  self:finish()
  local status, headers = exchange:head()
  exchange:release()           -- first, because a hook may raise
  self:progress(status, headers)
  if failure then return nil, self:error(failure) end
  local reply = { status = status, headers = headers, body = body }
  local outcome, err = self.route.read(reply, self:meta())
  failure = not outcome and err.kind == "protocol" and response.truncation(reply)
  if failure then return nil, self:error(failure) end
  return outcome, err
end

--- Makes one attempt. Returns the outcome, or nil and the error.
local function attempt (self, delay)
  self:announce()
  local exchange, failure = self:open(delay)
  if not exchange then return nil, self:error(failure) end
  return self:whole(exchange)
end

--- Makes attempts until one succeeds or the error is final, for responses that are not streams.
-- @treturn[1] table the outcome, as the route reads it
-- @treturn[2] nil
-- @treturn[2] table the error
function Call:run ()
  local delay
  repeat
    local outcome, err = attempt(self, delay)
    if not outcome then delay = self:retry(err, 0) end
    if outcome or not delay then
      self:count(outcome, err)
      return outcome, err
    end
    self:retrying(err, delay)
  until false
end

--- Makes the matcher for stop sequences in the text of this call, see `predibase.stop_sequences`.
-- @treturn ?table nil when there are no sequences
function Call:matcher ()
  local options = self.options
  return stops.new(options.client_stop, options.trim_stop and self.request().stop or nil)
end

--- Makes the splitter for the reasoning in the text of this call, see `predibase.reasoning`.
-- @treturn ?table nil when the reasoning is not to be separated
function Call:splitter ()
  local context = self.request().context
  -- With tools, LoRAX forces the model to write JSON.
  if not self.marks or context and context.forced then return nil end
  return reasoning.new(self.marks, self.begins_inside)
end

--- Forgets the start and the deadline. The next attempt sets them again.
function Call:renew ()
  self.started, self.deadline, self.ended = nil, nil, nil
end

--- Prepares the call to be requeued after the server refused an attempt. The deadline does not
-- apply while the call waits, and the refused attempt does not count against `max_retries`.
function Call:put_back ()
  self:renew()
  self.refused = self.refused + 1
end

--- Returns the `X-Request-Id` that a request is sent with.
local function request_id (req)
  if req.id then return req.id end
  for _, header in ipairs(req.headers) do
    if header[1]:lower() == "x-request-id" then return header[2] end
  end
end

--- Returns the data of this call for the modules that make results and errors.
-- @treturn table
function Call:meta ()
  local req, now = self.request(), self.ended or self.client.now()
  return {
    waited = self.opened and now - self.opened,
    attempts = self.attempts, secrets = req.secrets, adapter_id = req.adapter_id,
    request_id = request_id(req), context = req.context, random = self.client.random,
    now = self.client.wall(), marks = self.marks, begins_inside = self.begins_inside,
    input = req.input,
    stop = self.options.client_stop, trim = self.options.trim_stop and req.stop or nil,
    timing = { total = elapsed(self.started or now, now),
      first_token = self.first_token },
  }
end

--- Puts host and port in front of the message of a network failure.
local function explain (self, failure)
  local kind = failure.kind
  if kind ~= "connection" and kind ~= "tls" and failure.phase ~= "connect" then return failure end
  local explained = { message = ("%s: %s"):format(self.client.place, failure.message) }
  return setmetatable(explained, { __index = failure })
end

--- Makes the error for a failure of the transport or of the stream.
-- @tparam table failure `kind`, `message`, `phase`, `error_type`, `sent`
-- @treturn table an error of `predibase.errors`
function Call:error (failure)
  local head = self.responded and self or {}
  return response.broken(explain(self, failure), head, self:meta())
end

--- Returns the seconds since the current attempt began.
-- @treturn number
function Call:waited ()
  return self.opened and self.client.now() - self.opened or 0
end

--- Decides whether to retry after an error. If the wait that the server requests or the time left
-- prevents a retry, the reason is added to the message of the error.
-- @tparam table err
-- @tparam number delivered number of tokens that the caller received
-- @treturn ?number seconds to wait; nil when the error is final
function Call:retry (err, delivered)
  local failed = self.attempts - self.refused
  local delay, reason = retry.delay(err, failed, {
    max_retries = self.options.max_retries,
    remaining = self.deadline and self.deadline - self.client.now(),
    random = self.client.random,
    delivered = delivered,
  })
  if not delay and err.retryable and delivered == 0 and failed <= self.options.max_retries then
    errors.add(err, { message = ("%s; not retried: %s"):format(err.message, reason) })
  end
  return delay
end

--- Calls `on_retry` before another attempt.
-- @tparam table err
-- @tparam number delay seconds
function Call:retrying (err, delay)
  if self.counts then self.counts:retry() end
  local hook = self.options.hooks.on_retry
  if hook then hook { error = err, attempt = self.attempts, delay = delay } end
end

--- Records the arrival of the first token. The body of the request, which may be large, is freed,
-- because the call is not retried after a token.
function Call:first ()
  self.request().body = nil
  if self.first_token then return end
  self.first_token = elapsed(self.started, self.client.now())
  if self.counts then self.counts:first(self.first_token) end
end

--- Records the end of the answer.
function Call:finish ()
  self.ended = self.client.now()
end

--- Counts the end of the call where calls are counted (in nginx, `ngx.ctx.predibase`). Only the
-- first end of a call counts.
-- @param outcome nil when the call failed
-- @param more the final error, whose field `tokens` is the number of those that arrived; else the
-- second value that the route reads. It has the `usage` when the outcome has none
function Call:count (outcome, more)
  local counts = self.counts
  if not counts then return end
  self.counts = false
  -- A call that was requeued has no start.
  local seconds = 0
  if self.started then seconds = elapsed(self.started, self.ended or self.client.now()) end
  if outcome == nil then
    return counts:finish(seconds, { completion_tokens = more.tokens }, more)
  end
  local usage = type(outcome) == "table" and outcome.usage or type(more) == "table" and more.usage
  counts:finish(seconds, usage or nil)
end

--- Counts the end of a call whose stream was closed.
-- @tparam number tokens that arrived
function Call:give_up (tokens)
  if self.counts then self:count(nil, { kind = "cancelled", tokens = tokens }) end
end

--- Tells whether the answer to a prompt begins inside the reasoning.
local function begins_inside (plan, input)
  local marks, format = plan.marks, plan.format
  if marks.begins_inside ~= nil then return marks.begins_inside end
  if type(input) == "string" then return reasoning.ends_inside(marks, input) end
  -- The server renders the messages, presumably with this format.
  return format ~= nil and marks == format.reasoning and format:begins_inside()
end

--- Makes a call from a plan, without sending it. The request and its secrets are kept in a closure,
-- so that code that walks over the tables of a stream finds no token.
-- @tparam table client the data that all calls of a client share: `transport`, `place` (host and
-- port, for messages), `now` (returns monotonic seconds), `wall` (returns Unix seconds), `random`
-- (returns a number in [0, 1)), `max_text` (largest number of bytes in the text of a stream), and
-- in nginx `count` (see `predibase.transport.resty.request_counts`)
-- @tparam table plan of `predibase.request`
-- @param input what the route of the plan takes: a prompt, messages, …
-- @treturn[1] table the call
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation` or `too_large`
-- @raise for an input of the wrong type
function M.prepare (client, plan, input)
  local req, err = request.make(plan, input, random.id(client.random))
  if not req then return nil, err end
  local options, marks = plan.settings, plan.marks
  if marks and type(input) == "string" and reasoning.is_over(marks, input) then marks = nil end
  return setmetatable({
    route = plan.route,
    marks = marks,           -- those of the reasoning, if it is to be separated
    begins_inside = marks and begins_inside(plan, input),
    client = client, options = options, total = plan.total, events = plan.stream,
    request = function () return req end,
    shown = options.hooks.on_request and shown(req),
    attempts = 0,
    refused = 0,             -- attempts after which the call was requeued
    responded = false,       -- whether status and headers of the current attempt are known
  }, Call)
end

--- Makes a call and waits for its outcome.
-- @tparam table client as for `prepare`
-- @param input as for `prepare`
-- @tparam ?table plan of `predibase.request`; nil when the options were refused
-- @tparam ?table refusal the error, when the options were refused
-- @treturn[1] table the outcome, as the route reads it
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise for an input of the wrong type
function M.run (client, input, plan, refusal)
  if not plan then return nil, refusal end
  local this, err = M.prepare(client, plan, input)
  if not this then return nil, err end
  return this:run()
end

return M
