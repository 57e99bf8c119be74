-- SPDX-License-Identifier: MIT
local call = require "predibase.call"
local errors = require "predibase.errors"
local response = require "predibase.response"
local secrecy = require "spec.support.secrecy"

local TOKEN = secrecy.TOKEN

--- Makes a call with a transport that only records the requests.
--- Returns an exchange with the head of a response.
local function answer (status, headers)
  return {
    status = function () return status end,
    head = function () return status, headers end,
  }
end

local function make (options)
  options = options or {}
  local state = { clock = 100, specs = {}, requests = {} }
  local transport = {}
  function transport:open (req, spec)
    assert(self == transport)
    state.requests[#state.requests + 1], state.specs[#state.specs + 1] = req, spec
    return options.exchange or { "an exchange" }, options.failure
  end
  local plan = {
    route = { body = function (_, text) return '{"inputs":"' .. text .. '"}' end,
      read = response.result },
    start = { url = "http://127.0.0.1:8080/generate", has_id = true, headers = {
      { "accept", "application/json" }, { "authorization", "Bearer " .. TOKEN },
      { "x-request-id", "42" } } },
    secrets = options.secrets or { TOKEN }, adapter_id = "a/1",
    settings = { timeout = options.timeout or { connect = 10 },
      max_retries = options.max_retries or 2, hooks = options.hooks or {} },
    total = options.total, stream = options.events or false,
  }
  local this = call.prepare({
    transport = transport, place = "127.0.0.1:8080",
    now = function () return state.clock end, wall = function () return 1700000000 end,
    random = function () return 0.5 end,
  }, plan, "x")
  return this, state, this.request()
end

local REFUSED = { kind = "connection", phase = "connect", message = "refused", sent = false }

describe("a call", function ()
  it("sends the same request at each attempt and counts them", function ()
    local this, state, req = make { events = true }
    this:announce()
    assert.same({ "an exchange" }, (this:open()))
    this:announce()
    this:open(1.5)
    assert.equal(2, this.attempts)
    assert.equal(req, state.requests[1])
    assert.equal(req, state.requests[2])
    assert.same({ events = true, timeout = { connect = 10 } }, state.specs[1])
    assert.equal(1.5, state.specs[2].delay)
  end)

  it("starts its clocks once, with its first attempt", function ()
    local this, state = make { total = 30 }
    assert.is_nil(this.deadline)
    state.clock = 500
    this:announce()
    this:open()
    assert.equal(530, state.specs[1].deadline)
    state.clock = 510
    this:announce()
    this:open()
    assert.equal(530, state.specs[2].deadline)
    assert.equal(10, this:meta().timing.total)
  end)

  it("has no deadline without a total limit", function ()
    local this, state = make()
    this:announce()
    this:open()
    assert.is_nil(state.specs[1].deadline)
  end)

  it("has a total time of 0 before it starts", function ()
    assert.same({ total = 0 }, make():meta().timing)
  end)

  it("measures the first token and the end once", function ()
    local this, state = make()
    this:announce()
    state.clock = 103
    this:first()
    state.clock = 104
    this:first()
    state.clock = 107
    this:finish()
    state.clock = 200
    assert.same({ first_token = 3, total = 7 }, this:meta().timing)
  end)

  it("has neither the token nor the request in its tables", function ()
    local this = make { hooks = { on_request = function () end } }
    this:announce()
    this:open()
    assert.is_nil(secrecy.find(this))
    assert.is_nil(secrecy.find(this:error(REFUSED)))
  end)
end)

describe("the hooks of a call", function ()
  it("receive requests without secrets", function ()
    local seen
    local this = make { hooks = { on_request = function (info) seen = info end } }
    this:announce()
    assert.same({ method = "POST", url = "http://127.0.0.1:8080/generate", attempt = 1,
      headers = { accept = "application/json", authorization = "Bearer [redacted]",
        ["x-request-id"] = "42" } }, seen)
  end)

  it("receive responses without secrets", function ()
    local seen
    local this = make { hooks = { on_response = function (info) seen = info end } }
    this:announce()
    this:open()
    this:progress(answer())
    assert.is_nil(seen)
    this:progress(answer(200, { ["x-echo"] = "it was " .. TOKEN, ["x-model-id"] = "m" }))
    assert.same({ status = 200, attempt = 1,
      headers = { ["x-echo"] = "it was [redacted]", ["x-model-id"] = "m" } }, seen)
    assert.equal("it was [redacted]", this:head().headers["x-echo"])
  end)

  it("receive no secrets with any characters", function ()
    local secret = "pb_a-b+c.d%e"
    local this = make { secrets = { "", secret } }
    this:announce()
    this:open()
    this:progress(answer(200, { echo = "x" .. secret .. "y", other = "pb_aab" }))
    assert.same({ echo = "x[redacted]y", other = "pb_aab" }, this:head().headers)
  end)

  it("receive retries", function ()
    local seen = {}
    local this = make { max_retries = 1,
      hooks = { on_retry = function (info) seen[#seen + 1] = info end } }
    this:announce()
    this:open()
    local err = this:error(REFUSED)
    assert.equal(0.25, this:retry(err, 0))
    assert.same({}, seen)
    this:retrying(err, 0.25)
    assert.same({ { error = err, delay = 0.25, attempt = 1 } }, seen)
    this:announce()
    this:open()
    assert.is_nil(this:retry(this:error(REFUSED), 0))
  end)

  it("may be callable tables", function ()
    local seen
    local this = make { hooks = {
      on_request = setmetatable({}, { __call = function (_, info) seen = info end }),
    } }
    this:announce()
    assert.equal(1, seen.attempt)
  end)
end)

describe("the error of a call", function ()
  it("is an error object with the number of attempts", function ()
    local this = make()
    assert.equal(0, this:error(REFUSED).attempts)
    for _ = 1, 2 do
      this:announce()
      this:open()
    end
    local err = this:error { kind = "protocol", phase = "body", message = "what?" }
    assert.is_true(errors.is(err))
    assert.same({ "protocol", "body", "what?", 2, false },
      { err.kind, err.phase, err.message, err.attempts, err.retryable })
    assert.is_nil(err.status)
    assert.is_nil(err.headers)
  end)

  it("names host and port when the network fails", function ()
    local this = make()
    assert.equal("127.0.0.1:8080: refused", this:error(REFUSED).message)
    assert.is_false(this:error(REFUSED).sent)
    assert.equal("127.0.0.1:8080: expired", this:error { kind = "tls", phase = "tls",
      message = "expired" }.message)
    assert.equal("127.0.0.1:8080: no", this:error { kind = "timeout", phase = "connect",
      message = "no" }.message)
    assert.equal("no", this:error { kind = "timeout", phase = "idle", message = "no" }.message)
  end)

  it("does not change the failure", function ()
    local this = make()
    this:error(REFUSED)
    this:error(REFUSED)
    assert.equal("refused", REFUSED.message)
  end)

  it("contains only the head of its own attempt", function ()
    local this = make()
    this:announce()
    this:open()
    this:progress(answer(503, { ["x-b3-traceid"] = "abc" }))
    local err = this:error { kind = "connection", phase = "body", message = "cut" }
    assert.equal(503, err.status)
    assert.equal("abc", err.trace_id)
    assert.equal("abc", err.headers["x-b3-traceid"])
    this:announce()
    assert.is_nil(this:error(REFUSED).status)
    assert.is_nil(this:error(REFUSED).trace_id)
  end)

  it("hides secrets that the failure contains", function ()
    local this = make()
    local err = this:error { kind = "protocol", phase = "body", message = "bad header " .. TOKEN }
    assert.equal("bad header [redacted]", err.message)
  end)
end)

describe("a retry", function ()
  it("is refused after a token was returned", function ()
    local this = make()
    this:announce()
    this:open()
    assert.is_nil(this:retry(this:error(REFUSED), 1))
  end)

  it("is refused when its wait would end after the deadline", function ()
    local this, state = make { total = 10 }
    this:announce()
    this:open()
    local err = this:error(REFUSED)
    err.retry_after = 4
    assert.equal(4, this:retry(err, 0))
    state.clock = 107
    assert.is_nil(this:retry(err, 0))
    assert.is_truthy(err.message:find "; not retried: .*too short")
  end)
end)
