-- SPDX-License-Identifier: MIT
-- once: it takes long, and async_spec tests the same on every Lua
--- Thousands of streams in one process: tests that each gets its own tokens, which tasks are woken,
-- and what a wake-up costs, measured in counts and not in time.
local child = require "spec.support.child"

local PRELUDE = [=[
local async = require "predibase.async"
local mock = require "predibase.mock"
local predibase = require "predibase"
local count_of = require "predibase.stream".count
if rawget(_G, "jit") then jit.off() end          -- the count hook does not see compiled code

local N = 2000
local server = assert(mock.spawn {
  max_concurrent_requests = 2 * N, log_limit = 10, max_seconds = 120,
  script = {
    ["/hang/generate"] = { answer = "yes" },
    -- an open body keeps its connection, so each stream needs its own
    ["/generate_stream"] = { hold = 60 },
    ["/hang/generate_stream"] = { answer = { "one", " two", " three" }, silent_after = 2,
      keepalive_interval = 0 },
  },
})

local function new (path)
  return assert(predibase.new { base_url = server.url .. path, api_token = false, max_retries = 0,
    timeout = { connect = 100, first_token = 3600, token = 3600, idle = 3600 } })
end

local function finish (client)
  print("left", client.transport:size())
  client:close()
  assert(server:wait(function () return server:connections().open == 0 end, 30))
  server:close()
end

-- Opens streams that wait for a token that never arrives; calls f when all of them wait.
local function with_waiting (client, n, f)
  async.run(function ()
    local streams, tasks = {}, {}
    for i = 1, n do
      streams[i] = client:generate_stream "x"
      tasks[i] = async.spawn(function () return streams[i]:text() end)
    end
    local waiting, rounds = 0, 0
    while waiting < n do
      async.sleep(0.02)
      waiting, rounds = 0, rounds + 1
      for i = 1, n do if count_of(streams[i]) == 2 then waiting = waiting + 1 end end
      assert(rounds < 2000, "they do not come to wait")
    end
    f(streams)
    for i = 1, n do tasks[i]:cancel() end
  end)
end
]=]

local ALL_AT_ONCE = [=[
local client = new ""
local open, list = 0, {}
for i = 1, N do
  list[i] = function ()
    local stream, n = client:generate_stream("prompt " .. i .. ":",
      { return_full_text = true, max_new_tokens = 1 + i % 5, seed = i }), 1
    assert(stream:next())
    open = open + 1
    while open < N do async.sleep(0.02) end      -- all of them are open at once
    while true do
      local token, err = stream:next()
      if err then error(err) end
      if not token then break end
      n = n + 1
    end
    return stream:result().generated_text, n
  end
end
local texts, counts = async.gather(list)
local right = 0
for i = 1, N do
  local own = "prompt " .. i .. ":"
  if texts[i]:sub(1, #own) == own and counts[i] == 1 + i % 5 then right = right + 1 end
end
print("right", right)
print("connections", server:connections().accepted)
finish(client)
]=]

local WOKEN = [=[
local client, resumed = new "/hang", 0
with_waiting(client, N, function (streams)
  local loop = client.transport.loop
  local suspend = loop.suspend
  loop.suspend = function (self, x)
    local err = suspend(self, x)
    resumed = resumed + 1
    return err
  end
  for _ = 1, 20 do
    local stream = client:generate_stream "x"
    assert(stream:next() and stream:next())
    stream:close()
  end
  loop.suspend = nil
  print("resumed at most twice for each of 20", resumed <= 40)
  local moved = 0
  for i = 1, N do moved = moved + count_of(streams[i]) - 2 end
  print("tokens for others", moved)
end)
finish(client)
]=]

-- Counts the Lua instructions and the system waits of 50 calls.
local COST = [=[
local waiting = new "/hang"
local main, found = nil, {}

local function measure (n)
  with_waiting(waiting, n, function ()
    local loop, instructions, steps = waiting.transport.loop, 0, 0
    local step = loop.step
    loop.step = function (seconds)
      steps = steps + 1
      return step(seconds)
    end
    for _ = 1, 5 do assert(waiting:generate "x") end
    local function count () instructions = instructions + 1 end
    steps = 0
    debug.sethook(count, "", 1)
    debug.sethook(main, count, "", 1)
    for _ = 1, 50 do waiting:generate "x" end
    debug.sethook()
    debug.sethook(main)
    loop.step = step
    found[#found + 1] = { instructions = instructions, steps = steps }
  end)
end

main = coroutine.create(function ()
  measure(100)
  measure(N)
end)
assert(coroutine.resume(main))
local few, many = found[1], found[2]
-- Answers that arrive in several pieces take further steps of about a hundred instructions.
local spare = 200 * math.max(0, many.steps - few.steps)
local flat = many.instructions <= 1.1 * few.instructions + spare
print("flat", flat or ("%d, %d steps; %d, %d steps"):format(few.instructions, few.steps,
  many.instructions, many.steps))
finish(waiting)
]=]

-- Counts the same for a batch, by the number of its concurrent requests.
local BATCH = [=[
local client, found = new "/hang", {}
for _, concurrency in ipairs { 20, 500 } do
  local list, instructions = {}, 0
  for i = 1, 1000 do list[i] = "x" end
  client:generate_many(list, { concurrency = concurrency }):results()   -- opens the connections
  local many = client:generate_many(list, { concurrency = concurrency })
  debug.sethook(function () instructions = instructions + 1 end, "", 1)
  local results, errs = many:results()
  debug.sethook()
  assert(next(errs) == nil and #results == 1000)
  found[concurrency] = instructions
end
-- Each answer may need a wait of its own, which takes about a hundred instructions.
local flat = found[500] <= 1.1 * found[20] + 200 * 1000
print("flat", flat or ("%d and %d instructions"):format(found[20], found[500]))
finish(client)
]=]

describe("two thousand streams in one process", function ()
  local function run (program)
    local process = child.start("sh", {
      args = { "-c", 'ulimit -n 5000 || exit 9; exec "$@"', "sh", child.interpreter(), "-e",
        PRELUDE .. program },
    })
    local code = process:wait()
    assert.equal("", process.stderr)
    assert.equal(0, code)
    return process.stdout
  end

  it("are open at once, and each gets its own tokens", function ()
    assert.equal("right\t2000\nconnections\t2000\nleft\t0\n", run(ALL_AT_ONCE))
  end)

  it("wake only the tasks whose stream moved", function ()
    assert.equal("resumed at most twice for each of 20\ttrue\ntokens for others\t0\nleft\t0\n",
      run(WOKEN))
  end)

  it("make a call next to them no more expensive than a hundred streams do", function ()
    assert.equal("flat\ttrue\nleft\t0\n", run(COST))
  end)

  it("of a batch cost no more each if they are so many", function ()
    assert.equal("flat\ttrue\nleft\t0\n", run(BATCH))
  end)
end)
