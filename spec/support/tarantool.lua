-- SPDX-License-Identifier: MIT
-- The program that spec/loop_tarantool_spec.lua runs inside Tarantool, with the URL of a server
-- whose streams below /hang never end.

local fiber = require "fiber"
local loops = require "tarantool_loop"
local predibase = require "predibase"
local count_of = require "predibase.stream".count

local url, text = arg[1], arg[2]

local function new (path)
  return assert(predibase.new { base_url = url .. (path or ""), api_token = false, max_retries = 0,
    loop = loops.new(), timeout = { token = 3600, idle = 3600, first_token = 3600 } })
end

local function wait (condition)
  for _ = 1, 20000 do
    if condition() then return end
    fiber.sleep(0.001)
  end
  error("waited in vain", 2)
end

--- Starts a fiber; returns a table that receives the function's result or error.
local function go (f)
  local task = {}
  task.fiber = fiber.create(function ()
    task.ok, task.result = pcall(f)
    task.ended = true
  end)
  return task
end

local steps = {}

steps["the main fiber and others generate"] = function ()
  local client = new()
  assert(tostring(client:generate "x") == text)
  local task = go(function () return tostring(client:generate "x") end)
  wait(function () return task.ended end)
  assert(task.result == text, task.result)
  client:close()
end

steps["100 streams beside a timer"] = function ()
  local client, ticks, tasks, ended = new(), 0, {}, 0
  for i = 1, 100 do
    tasks[i] = go(function ()
      local whole = client:generate_stream "x":text()
      ended = ended + 1
      return whole
    end)
  end
  while ended < 100 do
    fiber.sleep(0.001)
    ticks = ticks + 1
  end
  assert(ticks > 0)
  for i = 1, 100 do assert(tasks[i].ok and tasks[i].result == text, tasks[i].result) end
  wait(function () return not client.transport.loop.driver end)
  client:close()
end

steps["a timer ticks while 100 streams wait without being polled"] = function ()
  local client = new "/hang"
  local loop, streams, tasks = client.transport.loop, {}, {}
  for i = 1, 100 do
    streams[i] = client:generate_stream "x"
    tasks[i] = go(function ()
      local token, err
      repeat token, err = streams[i]:next() until not token
      return err
    end)
  end
  wait(function ()
    for i = 1, 100 do if count_of(streams[i]) < 2 then return false end end
    return (loop.timeout() or math.huge) > 2       -- and libcurl's own timers have run out
  end)
  local step, polled = loop.step, 0
  loop.step = function (seconds)
    polled = polled + 1
    return step(seconds)
  end
  for _ = 1, 50 do fiber.sleep(0.001) end
  assert(polled < 10, polled)
  for i = 1, 100 do streams[i]:close() end
  wait(function () return loop.count == 0 and tasks[100].ended end)
  for i = 1, 100 do assert(tasks[i].result.kind == "cancelled") end
  client:close()
end

steps["a clock that is nearer than the one waited for"] = function ()
  local client = new "/mute"
  local order = {}
  local later = go(function ()
    local _, err = client:generate("x", { timeout = 0.3 })
    order[#order + 1] = "later " .. err.kind
  end)
  wait(function () return client.transport:size() == 1 end)
  local _, err = client:generate("x", { timeout = 0.02 })
  order[#order + 1] = err.kind
  wait(function () return later.ended end)
  assert(order[1] == "timeout" and order[2] == "later timeout")
  client:close()
end

steps["a fiber that is cancelled, and a client that is closed"] = function ()
  local client = new "/hang"
  local one, other = client:generate_stream "x", client:generate_stream "x"
  local function reader (stream)
    return function ()
      local token, err
      repeat token, err = stream:next() until not token
      return err
    end
  end
  local first, second = go(reader(one)), go(reader(other))
  wait(function () return count_of(one) == 2 and count_of(other) == 2 end)
  first.fiber:cancel()
  wait(function () return first.ended end)
  assert(not first.ok and tostring(first.result):find "cancelled", first.result)
  assert(not second.ended)
  client:close()
  wait(function () return second.ended end)
  assert(second.result.kind == "cancelled")
  local after = new()               -- may get the same descriptor
  assert(tostring(after:generate "x") == text)
  after:close()
end

steps["a fiber that drives the client and is cancelled is replaced"] = function ()
  local client = new "/hang"
  local stream = client:generate_stream "x"
  local first = go(function ()
    local token, err
    repeat token, err = stream:next() until not token
    return err
  end)
  wait(function () return count_of(stream) == 2 end)
  local driver = client.transport.loop.driver
  driver:cancel()
  wait(function () return driver:status() == "dead" end)
  assert(tostring(client:generate "x") == text)
  stream:close()
  wait(function () return first.ended end)
  client:close()
end

steps["many prompts"] = function ()
  local client = new()
  local list = {}
  for i = 1, 30 do list[i] = "p" .. i end
  local results, errors = client:generate_many(list, { concurrency = 5 }):results()
  assert(#results == 30 and next(errors) == nil)
  for i = 1, 30 do assert(tostring(results[i]) == text) end
  client:close()
end

for name, step in pairs(steps) do
  local ok, err = pcall(step)
  print((ok and "passed: " or "FAILED: ") .. name .. (ok and "" or "\n" .. tostring(err)))
end
os.exit(0)
