-- SPDX-License-Identifier: MIT
--- One call of the client: its attempts, time limits, hooks and errors.
-- @module predibase.call

local for_failures = require "predibase.for_failures"
local lazy = require "predibase.lazy"
local active = require "predibase.active"
local admissions = lazy "predibase.call.admission"
local errors = require "predibase.errors"
local random = require "predibase.random"
local reasoning = lazy "predibase.reasoning"
local request = require "predibase.request"
local response = require "predibase.response"
local retry = for_failures "predibase.retry"
local shown_headers = require "predibase.call.shown_headers"
local stops = lazy "predibase.stop_sequences"
local trace_context = lazy "predibase.trace_context"
local wire_records = lazy "predibase.call.wire_records"

local M = {}

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local Call = {}
Call.__index = Call

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

--- Gets what the next attempt needs: one of several servers, the turn, a token. Records the start
-- of the call if it is the first attempt.
-- @tparam string how as for `ready` of `predibase.call.admission`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string "pending"
-- @treturn[2] ?number when to try again, at the latest
-- @treturn[3] nil
-- @treturn[3] table the failure
function Call:ready (how)
  if not self.started then start(self) end
  self.responded = false
  local admission = self.admission
  if not admission then return true end
  local ok, why, at = admission:ready(how, self.deadline)
  if ok then self.direct(admission.server, admission.token()) end
  return ok, why, at
end

--- Calls `on_request` before an attempt.
function Call:announce ()
  if not self.started then start(self) end
  local begin = self.client.count
  if begin and self.counts == nil then self.counts = begin() or false end
  self.responded = false
  local hook = self.options.hooks.on_request
  if hook then
    local shown = shown_headers.request(self.request())
    local ok, problem = active.protected(hook, { method = shown.method, url = shown.url,
      headers = shown.headers, attempt = self.attempts + 1 })
    if not ok then
      self:abandon()
      error(problem, 0)
    end
  end
end

--- Sends the request.
-- @tparam ?number delay seconds to wait first
-- @treturn[1] table the exchange
-- @treturn[2] nil
-- @treturn[2] table the failure
function Call:open (delay)
  local client, admission, done = self.client, self.admission, nil
  self.site = admission and admission.server and client.sites[admission.server] or client
  if admission then delay, done = admission:begin(delay) end
  self.attempts = self.attempts + 1
  if self.counts then self.counts:attempt() end
  self.opened = client.now() + (delay or 0)
  local on_wire = self.options.hooks.on_wire
  local exchange, failure = self.site.transport:open(self.request(), {
    events = self.events, delay = delay, timeout = self.options.timeout, deadline = self.deadline,
    done = done,
    log = on_wire and wire_records.new(on_wire, self.request, self.attempts, self.started),
  })
  if not exchange and done then done() end
  return exchange, failure
end

--- Gives back what the call has for its next attempt, because it is given up. May be called any
-- number of times.
function Call:abandon ()
  if self.admission then self.admission:leave() end
end

--- Records that a response has begun, and calls `on_response`.
-- @tparam table exchange the exchange; when no response has arrived, nothing is done
function Call:progress (exchange)
  local status = exchange:status()
  if not status then return end
  self.status, self.answered = status, exchange
  self.responded = true
  local hook = self.options.hooks.on_response
  if hook then
    local headers = shown_headers.copy(self:head().headers)
    hook { status = status, headers = headers, attempt = self.attempts }
  end
end

--- Returns the head of the last response, without secrets. The headers of a stream are read when
-- they are needed for the first time, because a program may have thousands of streams.
-- @treturn table `status` and `headers`, which are nil when no response has arrived
function Call:head ()
  local exchange = self.answered
  if exchange then
    local _, headers = exchange:head()
    self.headers = shown_headers.clean(headers, self.request().secrets)
    self.answered = nil
  end
  return self
end

--- Counts the tokens of the last attempt for the rate limit of the client.
-- @tparam table usage of the result
function Call:counted (usage)
  if self.admission then self.admission:used(usage) end
end

--- Records a success. `more` is the second value that the route reads.
local function succeeded (self, outcome, more)
  if self.admission then self.admission:noted() end
  self:counted(type(outcome) == "table" and outcome.usage
    or type(more) == "table" and more.usage or {})
end

--- Waits for the whole body of an exchange and makes the outcome of the call.
-- @tparam table exchange the exchange; this function releases it
-- @treturn[1] table the result
-- @treturn[2] nil
-- @treturn[2] table the error
function Call:whole (exchange)
  local body, failure = exchange:body()
  self:finish()
  local status = exchange:status()
  exchange:release()           -- first, because a hook may raise
  self:progress(exchange)
  if failure then return nil, self:error(response.cut(failure, status, self:waited())) end
  local reply = { status = status, headers = self:head().headers, body = body }
  local outcome, err = self.route.read(reply, self:meta())
  failure = not outcome and err.kind == "protocol" and response.truncation(reply)
  if failure then return nil, self:error(failure) end
  if outcome then succeeded(self, outcome, err) end
  return outcome, err
end

--- Makes one attempt. Returns the outcome, or nil and the error.
local function attempt (self, delay)
  local ok, why = self:ready "next"
  if not ok then return nil, self:error(why) end
  self:announce()
  local exchange, failure = self:open(delay)
  if not exchange then return nil, self:error(failure) end
  return self:whole(exchange)
end

--- Makes attempts until one succeeds or the error is final, for responses that are not streams. The
-- clients of `fallback` are tried, too.
-- @treturn[1] table the outcome, as the route reads it
-- @treturn[2] nil
-- @treturn[2] table the error
function Call:run ()
  local this, delay = self, nil
  repeat
    local outcome, err = attempt(this, delay)
    if outcome then
      this:count(outcome, err)
      return outcome, err
    end
    delay = this:retry(err, 0)
    if delay then
      this:retrying(err, delay)
    else
      local other, final = this:fall_back(err, 0)
      if not other then return this:failed(final) end
      this = other
    end
  until false
end

--- Ends the call with its final error, and reports the error to the hook `on_error`.
-- @tparam table err
-- @tparam ?number tokens that the caller received
-- @treturn nil
-- @treturn table the error
function Call:failed (err, tokens)
  self:abandon()
  if tokens then self:counted { completion_tokens = tokens } end
  self:count(nil, err)
  local hook = self.on_error
  if hook then hook(err) end
  return nil, err
end

--- Makes the matcher for stop sequences in the text of this call, see `predibase.stop_sequences`.
-- @treturn ?table nil when there are no sequences
function Call:matcher ()
  local options = self.options
  local stop, trim = options.client_stop, options.trim_stop and self.request().stop or nil
  return (trim or stop and stop[1]) and stops.new(stop, trim) or nil
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

--- Moves the start and the deadline, so that a time in which the call waited does not count. A
-- deadline that was set by `end_by` stays.
-- @tparam number seconds
function Call:shift (seconds)
  if not self.started then return end
  self.started = self.started + seconds
  if self.deadline and not self.ends then self.deadline = self.deadline + seconds end
end

--- Prepares the call to be requeued after the server refused an attempt. The deadline does not
-- apply while the call waits, and the refused attempt does not count against `max_retries`.
function Call:put_back ()
  self:renew()
  self.refused = self.refused + 1
  if self.admission then self.admission:again(0) end
end

--- Returns the data of this call for the modules that make results and errors.
-- @treturn table
function Call:meta ()
  local req, now = self.request(), self.ended or self.client.now()
  return {
    waited = self.opened and now - self.opened,
    attempts = self.attempts, secrets = req.secrets, adapter_id = req.adapter_id,
    request_id = request.id_of(req), context = req.context, random = self.client.random,
    now = self.client.wall(), marks = self.marks, begins_inside = self.begins_inside,
    input = req.input,
    client = self.others and self.client.owner,
    stop = self.options.client_stop, trim = self.options.trim_stop and req.stop or nil,
    timing = { total = elapsed(self.started or now, now),
      first_token = self.first_token },
  }
end

--- Puts host and port in front of the message of a network failure.
local function explain (self, failure)
  local kind = failure.kind
  if kind ~= "connection" and kind ~= "tls" and failure.phase ~= "connect" then return failure end
  local place = (self.site or self.client).place
  local explained = { message = ("%s: %s"):format(place, failure.message) }
  return setmetatable(explained, { __index = failure })
end

--- Makes the error for a failure of the transport or of the stream.
-- @tparam table failure `kind`, `message`, `phase`, `error_type`, `sent`
-- @treturn table an error of `predibase.errors`
function Call:error (failure)
  local head = self.responded and self:head() or {}
  return response.broken(explain(self, failure), head, self:meta())
end

--- Returns the seconds since the current attempt began.
-- @treturn number
function Call:waited ()
  return self.opened and self.client.now() - self.opened or 0
end

--- Records an error for the choice of the next server.
-- @tparam table err
function Call:noted (err)
  if self.admission then self.admission:noted(err) end
end

--- Tells whether to send the request to another server at once after an error. That is not a retry.
-- `noted` must have been called.
-- @tparam table err
-- @treturn boolean
function Call:spills (err)
  if not (self.admission and self.admission:spills(err)) then return false end
  if self.deadline and self.client.now() >= self.deadline then return false end
  self.refused = self.refused + 1
  self.admission:again(0)
  return true
end

--- Returns the seconds to wait for a deployment that starts (option `cold_start`); nil when the
-- error has another reason, or the time is used up.
local function cold_delay (self, err)
  local limit, client = self.options.cold_start, self.client
  if not limit or not retry.is_cold(err) then return nil end
  local now = client.now()
  self.cold_since = self.cold_since or now
  local delay = retry.cold_delay(err, now - self.cold_since, limit, client.random)
  if not delay then
    errors.add(err, { message = ("%s; the deployment did not start within %g seconds (cold_start)")
      :format(err.message, limit) })
    return nil
  end
  -- The last attempt must have some time.
  if self.deadline and now + delay >= self.deadline then return nil end
  self.refused = self.refused + 1
  return delay
end

--- Returns the seconds to wait before a retry; or nil, and the reason if the caller should know it.
local function usual_delay (self, err, delivered)
  local failed = self.attempts - self.refused
  local delay, reason = retry.delay(err, failed, {
    max_retries = self.options.max_retries,
    remaining = self.deadline and self.deadline - self.client.now(),
    random = self.client.random,
    delivered = delivered,
  })
  if delay then return delay end
  local unexpected = err.retryable and delivered == 0 and failed <= self.options.max_retries
  return nil, unexpected and reason or nil
end

--- Decides whether to retry after an error. If the wait that the server requests or the time left
-- prevents a retry, the reason is added to the message of the error.
-- @tparam table err
-- @tparam number delivered number of tokens that the caller received
-- @treturn ?number seconds to wait; nil when the error is final
function Call:retry (err, delivered)
  self:noted(err)
  if delivered == 0 then self:counted {} end       -- an attempt that failed has used no tokens
  if delivered == 0 and self:spills(err) then return 0 end
  local delay, reason = delivered == 0 and cold_delay(self, err) or nil, nil
  if not delay then delay, reason = usual_delay(self, err, delivered) end
  if delay and self.admission then self.admission:again(delay) end
  if not delay and reason then
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
  if self.admission then self.admission:noted() end
  if self.first_token then return end
  self.first_token = elapsed(self.started, self.ended or self.client.now())
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
  local seconds = 0           -- of a call that was requeued, which has no start
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

--- Kinds of errors that another deployment would not mend: the program is wrong, or does not want
-- the answer any more.
local FINAL = { config = true, validation = true, too_large = true, template = true, tool = true,
  cancelled = true }

--- Makes the call for the next client of `fallback` whose options allow it. Returns nil and the
-- error when there is none.
local function next_call (self, err)
  local earlier = { unpack(self.earlier or {}) }
  local again, input = self.others()
  while not (self.deadline and self.client.now() >= self.deadline) do
    local position = (self.position or 0) + 1
    local client = self.list[position]
    if not client then break end
    self.position = position
    earlier[#earlier + 1] = err
    local plan, this
    if client.owner.closed then
      err = errors.new { kind = "cancelled", phase = "closed",
        message = "this client of fallback was closed" }
    else
      plan, err = again(client.owner)
    end
    if plan then this, err = M.prepare(client, plan, input, self) end
    if this then
      this.earlier = earlier
      return this
    end
  end
  if #earlier > 0 then errors.add(err, { earlier = earlier }) end
  return nil, err
end

--- Makes the call that continues this one with the next client of `fallback`.
-- @tparam table err the final error of this call
-- @tparam number delivered number of tokens that the caller received
-- @treturn[1] table the call, which has the start and the deadline of this one
-- @treturn[2] nil
-- @treturn[2] table the error, whose field `earlier` has the errors of the clients before
function Call:fall_back (err, delivered)
  if not self.others then return nil, err end
  local other, final
  if delivered == 0 and not FINAL[err.kind] then
    other, final = next_call(self, err)
  else
    final = self.earlier and errors.add(err, { earlier = self.earlier }) or err
  end
  if other then
    self:abandon()
    self:retrying(err, 0)
  end
  return other, final
end

--- Takes over what belongs to the whole call from the call to the client before.
local function continue (this, before)
  this.started, this.deadline, this.ends = before.started, before.deadline, before.ends
  this.others, this.list, this.position = before.others, before.list, before.position
  this.counts = before.counts
  this.on_error = before.on_error
end

--- Makes a call from a plan, without sending it. The request and its secrets are kept in a closure,
-- so that code that walks over the tables of a stream finds no token.
-- @tparam table client the data that all calls of a client share: `transport`, `place` (host and
-- port, for messages), `now` (returns monotonic seconds), `wall` (returns Unix seconds), `random`
-- (returns a number in [0, 1)), `max_text` (largest number of bytes in the text of a stream),
-- `owner` (the client), `on_error`, `limits` (of `predibase.throttle`), `replicas`, `sites` (server
-- -> `transport` and `place`), `token` (the function `api_token`), `fallback` (array of such data),
-- and in nginx `count` (see `predibase.transport.resty.request_counts`)
-- @tparam table plan of `predibase.request`
-- @param input what the route of the plan takes: a prompt, messages, …
-- @tparam ?table before the call to another client that this one continues
-- @treturn[1] table the call
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation` or `too_large`
-- @raise for an input of the wrong type
function M.prepare (client, plan, input, before)
  local id = before and before.request().id or random.id(client.random)
  local req, err = request.make(plan, input, id)
  if not req then return nil, err end
  local options, marks, trace = plan.settings, plan.marks, nil
  if marks and type(input) == "string" and reasoning.is_over(marks, input) then marks = nil end
  if before then
    trace = before.trace
  elseif options.traceparent then
    trace, err = trace_context.headers(options.traceparent)
    if err then
      return nil, errors.new { kind = "validation", phase = "request", message = err }
    end
  end
  local this = setmetatable({
    route = plan.route,
    marks = marks,           -- those of the reasoning, if it is to be separated
    begins_inside = marks and begins_inside(plan, input),
    client = client, options = options, total = plan.total, events = plan.stream,
    request = function () return req end,
    direct = nil,            -- directs the request of the next attempt
    trace = trace,           -- the headers of the trace that the call belongs to
    admission = (client.limits or client.replicas or client.token)
      and admissions.new(client, plan) or nil,
    on_error = options.hooks.on_error,
    attempts = 0,
    refused = 0,             -- attempts after which the call was requeued
    responded = false,       -- whether status and headers of the current attempt are known
    -- For a client with `fallback`:
    --   others         returns the function that makes the plan for another client, and the input
    --   list, position the data of the clients, and the number of those that were tried
    --   earlier        the errors of the clients before
  }, Call)
  if this.admission or trace then this.direct = request.director(req, plan, trace) end
  if before then
    continue(this, before)
  elseif plan.again then
    this.others, this.list = function () return plan.again, input end, client.fallback
  end
  return this
end

--- Reports an error that was found before or after a call to the hook `on_error`.
-- @tparam table client as for `prepare`
-- @tparam table err
-- @tparam[opt=client.on_error] ?function on_error the hook of the call
-- @treturn nil
-- @treturn table the error
function M.report (client, err, on_error)
  local hook = on_error or client.on_error
  if hook then hook(err) end
  return nil, err
end

--- Makes a call from what a planner returned, and reports an error to the hook `on_error`.
-- @tparam table client as for `prepare`
-- @param input as for `prepare`
-- @tparam ?table plan of `predibase.request`; nil when the options were refused
-- @tparam ?table refusal the error, when the options were refused
-- @tparam ?function on_error the hook of the call, when the options were refused
-- @treturn[1] table the call
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise for an input of the wrong type
function M.begin (client, input, plan, refusal, on_error)
  if not plan then return M.report(client, refusal, on_error) end
  local this, err = M.prepare(client, plan, input)
  if not this then return M.report(client, err, plan.settings.hooks.on_error) end
  return this
end

--- Makes a call and waits for its outcome.
-- @tparam table client as for `begin`
-- @param input as for `begin`
-- @tparam ?table plan as for `begin`
-- @tparam ?table refusal as for `begin`
-- @tparam ?function on_error as for `begin`
-- @treturn[1] table the outcome, as the route reads it
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise for an input of the wrong type
function M.run (client, input, plan, refusal, on_error)
  local this, err = M.begin(client, input, plan, refusal, on_error)
  if not this then return nil, err end
  return this:run()
end

return M
