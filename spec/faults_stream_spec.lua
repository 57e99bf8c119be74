-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Streams whose events go wrong, or come too late.
local faults = require "spec.support.faults"
local wire = require "spec.support.wire"

-- A clock that is not meant to run out.
local FAR = 30

local THREE = wire.three_tokens()

--- A stream of these bytes; `ending` says what comes behind them.
local function events (bytes, ending)
  local actions = { { send = faults.head("stream", faults.CHUNKED) .. faults.chunk(bytes) } }
  actions[#actions + 1] = ending or { send = faults.LAST_CHUNK }
  return actions
end

local function row (name, bytes, expect, more)
  local made = { name = name, only = "stream", raw = events(bytes), expect = expect,
    options = { max_retries = 2 } }
  for key, value in pairs(more or {}) do made[key] = value end
  return made
end

local function clocks (timeout)
  local all = { first_token = FAR, token = FAR, idle = FAR }
  for name, value in pairs(timeout) do all[name] = value end
  return { options = { max_retries = 2, timeout = all }, patient = true }
end

--- Makes the server send comments until the client disconnects.
local function comments (before)
  local actions = { { send = faults.head("stream", faults.CHUNKED) } }
  if before then actions[2] = { send = faults.chunk(before) } end
  for _ = 1, 200 do
    actions[#actions + 1] = { sleep = 0.05 }
    actions[#actions + 1] = { send = faults.chunk(wire.KEEP_ALIVE) }
  end
  return actions
end

local function stopped (phase, count)
  return { kind = "timeout", phase = phase, attempts = 1, requests = 1, retryable = false,
    count = count, partial_text = count == 3 and " The sky is" or "" }
end

local function with (made, raw)
  made.raw = raw
  return made
end

local protocol = { kind = "protocol", requests = 1, count = 3, partial_text = " The sky is" }

local rows = {
  -- Clocks.
  with(row("silence after three tokens ends with the clock of tokens", "", stopped("token", 3),
    clocks { token = 0.2 }), events(THREE, { hold = true })),
  with(row("silence after three tokens ends with the clock of bytes", "", stopped("idle", 3),
    clocks { idle = 0.2 }), events(THREE, { hold = true })),
  with(row("silence after three tokens ends with all time", "", stopped("total", 3),
    clocks { total = 2 }), events(THREE, { hold = true })),
  with(row("silence behind the head ends with the clock of the first token", "",
    stopped("first_token", 0), clocks { first_token = 0.2 }),
    { { send = faults.head("stream", faults.CHUNKED) }, { hold = true } }),
  with(row("comments keep a stream open, but they are no first token", "",
    stopped("first_token", 0), clocks { first_token = 2, idle = 1 }), comments()),
  with(row("comments keep a stream open, but they are no next token", "",
    stopped("token", 3), clocks { token = 2, idle = 1 }), comments(THREE)),
  with(row("comments between two tokens only take time", "", faults.GOOD, clocks { idle = FAR }),
    { { send = faults.head("stream") .. wire.KEEP_ALIVE }, { sleep = 0.1 },
      { send = wire.KEEP_ALIVE .. THREE .. ":" }, { sleep = 0.1 },
      { send = "\n\n" .. wire.answer():sub(#THREE + 1) }, { close = true } }),

  -- Errors as events (LoRAX /generate_stream answers 200 to all of them).
  row("overload as the first event is tried again, and then reported",
    wire.error("Model is overloaded", "overloaded"),
    { kind = "overloaded", attempts = 3, requests = 3, status = 200, retryable = true,
      error_type = "overloaded", message = "^Model is overloaded$" }),
  row("an incomplete generation as the first event is tried again",
    wire.error("Incomplete generation", "incomplete_generation"),
    { kind = "incomplete_generation", attempts = 3, requests = 3 }),
  row("a refusal as the first event is final",
    wire.error("Input validation error: `inputs` cannot be empty", "validation"),
    { kind = "validation", attempts = 1, requests = 1, retryable = false }),
  row("a failure of the model as the first event is final",
    wire.error("Request failed during generation: oh", "generation"),
    { kind = "generation", attempts = 1, requests = 1 }),
  row("overload after three tokens comes behind them and is final",
    THREE .. wire.error("Model is overloaded", "overloaded"),
    { kind = "overloaded", attempts = 1, requests = 1, count = 3, partial_text = " The sky is" }),
  row("a failure after three tokens comes behind them and is final",
    THREE .. wire.error("Request failed during generation: oh", "generation"),
    { kind = "generation", attempts = 1, requests = 1, count = 3, partial_text = " The sky is" }),
  row("an error that holds the token shows it nowhere",
    wire.error("no adapter for pb_SENTINEL_7f3a", "validation"),
    { kind = "validation", message = "no adapter for %[redacted%]" }),
  with(row("nothing is waited for behind an error", "",
    { kind = "generation", requests = 1 }),
    events(wire.error("oh", "generation"), { hold = true })),
  { name = "an overload, a cut and a reset are survived", only = "stream",
    script = {
      { raw = events(wire.error("Model is overloaded", "overloaded")) },
      { raw = events(wire.KEEP_ALIVE, { close = true }) },
      { raw = events(wire.KEEP_ALIVE, { reset = true }) },
      { raw = events(wire.answer()) },
    },
    options = { max_retries = 3 },
    expect = { text = faults.TEXT, attempts = 4, requests = 4 } },

  -- The end.
  row("events behind the closing one are not looked at",
    wire.answer() .. wire.token(" no") .. wire.error("oh", "generation"), faults.GOOD),
  row("the first of two closing events counts",
    wire.answer() .. wire.closing(" no", " no"), faults.GOOD),
  row("no event at all is no answer", "\n",
    { kind = "incomplete_generation", attempts = 3, requests = 3 }),
  row("tokens without a closing event are no answer", THREE,
    { kind = "incomplete_generation", attempts = 1, count = 3 }),
  row("the end mark of another API is no closing event", THREE .. wire.event("[DONE]"),
    { kind = "incomplete_generation", attempts = 1, count = 3 }),
  with(row("the closing event is the end, though the connection stays open", "", faults.GOOD),
    events(wire.answer(), { hold = true })),
  with(row("a closing event without its blank line is one", "", faults.GOOD),
    { { send = faults.head("stream") .. wire.answer():sub(1, -2) }, { close = true } }),

  -- Other things than an event stream.
  { name = "a login page on the stream is no empty stream", only = "stream",
    raw = { { send = faults.status("200 OK", "<html><title>Sign in</title></html>",
      "content-type: text/html") } },
    expect = { kind = "protocol", status = 200, message = "text/html.*Sign in" } },
  { name = "an error as JSON on the stream is that error", only = "stream",
    raw = { { send = faults.status("200 OK", '{"error":"oh","error_type":"validation"}',
      "content-type: application/json") } },
    expect = { kind = "validation", message = "^oh$" } },
  { name = "an answer as JSON on the stream is refused", only = "stream",
    raw = { { send = faults.sized("generate") } },
    expect = { kind = "protocol", message = "application/json" } },
  { name = "an event stream is no answer to generate", only = "generate",
    raw = { { send = faults.sized("stream") } },
    expect = { kind = "protocol", message = "text/event%-stream" } },
  { name = "an error in an event stream is one to generate too", only = "generate",
    raw = { { send = faults.sized("stream", wire.error("oh", "generation")) } },
    expect = { kind = "generation", message = "^oh$" } },
}

-- Events of the wrong shape, behind three good tokens.
for _, case in ipairs {
  { "that is not JSON", "{not json}" },
  { "that is half an object", '{"token":{"id":1,"te' },
  { "that is an array", "[1,2]" },
  { "that is a number", "42" },
  { "that is null", "null" },
  { "whose token is null", '{"token":null,"generated_text":null}' },
  { "whose token has no text", '{"token":{"id":1,"logprob":-1,"special":false}}' },
  { "whose text is a number", '{"token":{"id":1,"text":7,"logprob":-1,"special":false}}' },
  { "whose id is a fraction", '{"token":{"id":1.5,"text":"a","logprob":-1,"special":false}}' },
  { "whose id is a string", '{"token":{"id":"1","text":"a","logprob":-1,"special":false}}' },
  { "whose generated text is an object",
    '{"token":{"id":1,"text":"a","logprob":-1,"special":false},"generated_text":{}}' },
} do
  rows[#rows + 1] = row("an event " .. case[1] .. " ends the stream",
    THREE .. wire.event(case[2]), protocol)
end

describe("A stream that goes wrong:", function ()
  local rig = faults.rig()
  setup(function () rig:start() end)
  teardown(function () rig:stop() end)
  rig:each(rows, it)

  it("numbers that no double can hold come out exactly", function ()
    local way = faults.ways({})[2]
    rig.server:script("/generate_stream", { raw = events(
      wire.token(" a", { id = "9007199254740993", logprob = "null" })
      .. wire.closing("b", " ab", wire.details { seed = "18446744073709551615" })) })
    local client = faults.client(rig.url)
    local found = faults.call(client, way)
    faults.check(found, { text = " ab" }, way)
    assert.equal("9007199254740993", tostring(found.tokens[1].id))
    assert.is_nil(found.tokens[1].logprob)
    assert.equal("18446744073709551615", tostring(found.result.details.seed))
    rig:check_recovery(client, way)
  end)
end)
