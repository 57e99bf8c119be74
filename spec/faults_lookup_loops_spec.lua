-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
--- Tests name look-ups that hang until the spec lets them continue: other streams go on meanwhile,
-- in every loop, and a cancelled call does not wait for its look-up.
local child = require "spec.support.child"
local lifetime = require "spec.support.lifetime"
local preload = require "spec.support.preload"
local scratch = require "spec.support.scratch"
local stand_in = require "spec.support.server"
local uv = require "luv"

local PRELUDE = [=[
local async = require "predibase.async"
local predibase = require "predibase"
local port, mark, loop_name = os.getenv "PORT", os.getenv "LOOKUP_MARK", os.getenv "LOOP"

local function new (host, more)
  local options = { base_url = ("http://%s:%s"):format(host, port), api_token = false,
    max_retries = 0, allow_plain_http = true, timeout = { connect = 3600 } }
  for name, value in pairs(more or {}) do options[name] = value end
  if loop_name then options.loop = require("predibase.loop." .. loop_name).new() end
  return assert(predibase.new(options))
end

local held, quick = new "a.held.test", new "127.0.0.1"

local function say (...)
  print(...)
  io.stdout:flush()
end

-- Whether the look-up has begun.
local function hangs ()
  local file = io.open(mark)
  if file then file:close() end
  return file ~= nil
end

local function let_go ()
  assert(io.open(os.getenv "LOOKUP_GATE", "r+"))     -- never closed: it would hang again
end

-- Reads a stream by `next`, which Lua 5.1 can do everywhere.
local function read (stream)
  local token, err
  repeat token, err = stream:next() until not token
  return err and err.kind or stream:result().generated_text
end

local outcome
local function wait_for_it ()
  outcome = read(held:generate_stream "x")
end

-- While one waits for its look-up, others get all of their tokens.
local function others (sleep)
  while not hangs() do sleep() end
  for i = 1, 3 do say(i, read(quick:generate_stream "x"), outcome) end
  let_go()
  while not outcome do sleep() end
  say(outcome)
end

local function finish ()
  held:close()
  quick:close()
  say "over"
end
]=]

local WAYS = {
  ["tasks"] = [=[
    async.run(function ()
      async.spawn(wait_for_it)
      others(function () async.sleep(0.001) end)
    end)
    finish()
  ]=],

  ["the loop of luv"] = [=[
    local uv = require "luv"
    coroutine.wrap(wait_for_it)()
    coroutine.wrap(function ()
      local me = coroutine.running()
      others(function ()
        local timer = uv.new_timer()
        uv.timer_start(timer, 1, 0, function ()
          uv.close(timer)
          assert(coroutine.resume(me))
        end)
        coroutine.yield()
      end)
      finish()
    end)()
    uv.run()
  ]=],

  ["a controller of cqueues"] = [=[
    local cqueues = require "cqueues"
    local cq = cqueues.new()
    cq:wrap(wait_for_it)
    cq:wrap(function ()
      others(function () cqueues.sleep(0.001) end)
      finish()
    end)
    assert(cq:loop())
  ]=],

  ["frames"] = [=[
    local stream, streams, done = held:generate_stream "x", {}, 0
    for i = 1, 3 do streams[i] = quick:generate_stream "x" end
    local frames = 0
    local function frame (s)
      local token, why
      repeat token, why = s:poll() until not token
      return why ~= "pending" and (why and why.kind or s:result().generated_text)
    end
    repeat
      predibase.update()
      outcome = outcome or frame(stream)
      if hangs() then
        for i, s in pairs(streams) do
          local text = frame(s)
          if text then
            streams[i] = nil
            done = done + 1
            say(done, text, outcome or nil)
            if done == 3 then let_go() end
          end
        end
      end
    until outcome
    say(outcome)
    finish()
  ]=],

  ["batches"] = [=[
    async.run(function ()
      async.spawn(function ()
        outcome = tostring(held:generate_many({ "x" }):results()[1])
      end)
      while not hangs() do async.sleep(0.001) end
      for i = 1, 3 do say(i, quick:generate_many({ "x" }):results()[1], outcome) end
      let_go()
      while not outcome do async.sleep(0.001) end
      say(outcome)
    end)
    finish()
  ]=],
}

local ENDS = {
  ["a task that is cancelled"] = [=[
    async.run(function ()
      local task = async.spawn(wait_for_it)
      while not hangs() do async.sleep(0.001) end
      task:cancel()
      say(select(2, task:join()).kind)
    end)
    finish()
  ]=],

  ["a stream that is closed"] = [=[
    local stream = held:generate_stream "x"
    while not hangs() do assert(select(2, stream:poll()) == "pending") end
    stream:close()
    say(select(2, stream:next()).kind)
    finish()
  ]=],

  ["a client that is closed"] = [=[
    async.run(function ()
      async.spawn(wait_for_it)
      while not hangs() do async.sleep(0.001) end
      held:close()
      while not outcome do async.sleep(0.001) end
      say(outcome)
    end)
    finish()
  ]=],

  ["a clock that runs out"] = [=[
    held:close()
    held = new("a.held.test", { timeout = { connect = 0.05 } })
    local err = select(2, held:generate "x")
    assert(hangs())
    say(err.kind == "timeout" and err.phase == "connect" and "cancelled" or tostring(err))
    finish()
  ]=],

  ["a stream that is collected"] = [=[
    local stream = held:generate_stream "x"
    while not hangs() do assert(select(2, stream:poll()) == "pending") end
    stream = nil
    collectgarbage()
    collectgarbage()
    say(held.transport:size() == 0 and "cancelled")
    finish()
  ]=],

  ["the end of the program"] = [=[
    local stream = held:generate_stream "x"
    while not hangs() do assert(select(2, stream:poll()) == "pending") end
    say "cancelled"
    say "over"
  ]=],

  ["os.exit"] = [=[
    local stream = held:generate_stream "x"
    while not hangs() do assert(select(2, stream:poll()) == "pending") end
    say "cancelled"
    say "over"
    os.exit(0, true)
  ]=],
}

local LOOPS = { ["the loop of luv"] = "luv", ["a controller of cqueues"] = "cqueues" }

describe("A name look-up that hangs", function ()
  local folder, library, server, gate, mark

  setup(function ()
    folder = scratch.new()
    library = preload.library("slow_lookup", folder)
    server = stand_in.spawn { script = {
      ["/generate_stream"] = { answer = lifetime.ANSWER },
      ["/generate"] = { answer = lifetime.ANSWER },
    } }
  end)

  before_each(function ()
    gate, mark = folder .. "/gate", folder .. "/mark"
    local process = child.start("mkfifo", { args = { gate }, env = child.STRANGER })
    assert.equal(0, process:wait())
  end)

  after_each(function ()
    assert(io.open(gate, "r+")):close()           -- ends processes that still wait for it
    os.remove(gate)
    os.remove(mark)
  end)

  teardown(function ()
    stand_in.stop()
    scratch.remove(folder)
  end)

  local function start (program, loop)
    return child.start(child.interpreter(), { args = { "-e", PRELUDE .. program }, env = {
      LD_PRELOAD = library, PORT = server.port, LOOKUP_GATE = gate, LOOKUP_MARK = mark,
      LOOP = loop,
    } })
  end

  for name, program in pairs(WAYS) do
    it("delays no other stream: " .. name, function ()
      local process = start(program, LOOPS[name])
      local code = process:wait()
      assert.equal("", process.stderr)
      local wanted = {}
      for i = 1, 3 do wanted[i] = ("%d\t%s\tnil\n"):format(i, lifetime.TEXT) end
      assert.equal(table.concat(wanted) .. lifetime.TEXT .. "\nover\n", process.stdout)
      assert.equal(0, code)
    end)
  end

  for name, program in pairs(ENDS) do
    it("does not delay the end of its call: " .. name, function ()
      -- The gate stays closed: the look-up hangs until the process has ended.
      local process = start(program)
      local code = process:wait()
      assert.equal("", process.stderr)
      assert.equal("cancelled\nover\n", process.stdout)
      assert.equal(0, code)
    end)
  end

  it("does not delay Ctrl-C", function ()
    local process = start [=[
      local ok, err = pcall(held.generate, held, "x")
      collectgarbage()          -- for a signal that came just before the wait
      say(ok, tostring(err):match "interrupted!$", held.transport:size())
      say(read(quick:generate_stream "x"))
      finish()
    ]=]
    local look = uv.new_timer()                   -- the file itself wakes no loop
    look:start(5, 5, function () end)
    child.wait(function () return #scratch.read(mark) > 0 or process.code end, "the look-up")
    look:close()
    process:kill "sigint"
    local code = process:wait()
    assert.equal("", process.stderr)
    assert.equal("false\tinterrupted!\t0\n" .. lifetime.TEXT .. "\nover\n", process.stdout)
    assert.equal(0, code)
  end)
end)
