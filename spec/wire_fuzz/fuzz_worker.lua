-- SPDX-License-Identifier: MIT
-- Makes exchanges with fuzz_server.c, in batches, over libcurl or inside nginx.
-- Environment: FUZZ_PORTS (three), FUZZ_CA, FUZZ_FIRST (the number of the first exchange),
-- FUZZ_COUNT, FUZZ_STOP (a time of uv.hrtime in seconds), FUZZ_EXIT (leave the process in the
-- middle of this exchange), FUZZ_ONLY (show the plan and the outcome of the first exchange alone).
-- Prints lines for spec/wire_fuzz/run.lua: `problem NUMBER BATCH TEXT`, `batch NUMBER EXCHANGES
-- RSS_KIB`, `outcome NAME COUNT`.

local exchange = require "spec.wire_fuzz.fuzz_exchange"
local growth = require "spec.soak.growth"
local plans = require "spec.wire_fuzz.fuzz_plan"
local predibase = require "predibase"
local random = require "spec.support.random"
local resources = require "spec.support.resources"
local uv = require "luv"

local in_nginx = require "predibase.transport".in_nginx()
local async = not in_nginx and require "predibase.async"
local is_jit = rawget(_G, "jit") ~= nil

-- Exchanges. Inside nginx kept connections stay open until the server closes them, so that each
-- batch ends with a pause.
local BATCH = in_nginx and 2000 or 400
local SETTLE = 10             -- seconds in which all descriptors are closed after a batch
local LUA_SLACK = 1024        -- KiB by which Lua's memory may differ after batches
local RSS_SLACK = 16 * 1024   -- KiB by which that of the process may

local transport = in_nginx and "nginx" or "curl"
local first, count = tonumber(os.getenv "FUZZ_FIRST"), tonumber(os.getenv "FUZZ_COUNT")
local stop = tonumber(os.getenv "FUZZ_STOP" or "1e18")
local exits_at = tonumber(os.getenv "FUZZ_EXIT" or "-1")
local ports = {}
for port in os.getenv "FUZZ_PORTS":gmatch "%d+" do ports[#ports + 1] = port end

local function now () return uv.hrtime() / 1e9 end
local sleep = in_nginx and ngx.sleep or async.sleep

local function say (format, ...)
  io.stdout:write(format:format(...), "\n")
end

-- The clients.

local LISTENERS = {
  plain = { "http", 1 }, tls = { "https", 2, "1.1" }, h2 = { "https", 2 },
  narrow = { "https", 3 },
}

local pools = 0

local function new_client (listener)
  local known = LISTENERS[listener]
  local scheme, port, version = known[1], ports[known[2]], known[3]
  local secure = scheme == "https"
  local client = assert(predibase.new { base_url = ("%s://127.0.0.1:%s"):format(scheme, port),
    api_token = false, http_version = not in_nginx and version or nil,
    ca_file = secure and not in_nginx and os.getenv "FUZZ_CA" or nil,
    verify = not (secure and in_nginx) })
  if in_nginx then
    -- inside nginx all clients of a server would share their connections
    pools = pools + 1
    client.transport.target.pool = "fuzz " .. pools
  end
  return client
end

local shared, borrowed = {}, {}

local world = { can_fork = is_jit and not in_nginx }

function world.client (plan)
  if plan.own then
    local client = new_client(plan.listener)
    borrowed[client] = true
    return client
  end
  shared[plan.listener] = shared[plan.listener] or new_client(plan.listener)
  return shared[plan.listener]
end

function world.release (client)
  if not borrowed[client] then return end
  borrowed[client] = nil
  client:close()
end

function world.nap ()
  sleep(0.0005)
end

local function cancel_task (f, seconds)
  local task = async.spawn(f)
  sleep(seconds)
  task:cancel()
  return task:join()
end

local function cancel_thread (f, seconds)
  local ok, err = true, nil
  local thread = ngx.thread.spawn(function () ok, err = pcall(f) end)
  sleep(seconds)
  ngx.thread.kill(thread)
  return ok, err
end

-- Batches.

local problems = 0
local outcomes = {}

local function report (number, batch, format, ...)
  problems = problems + 1
  say("problem %d %d %s", number, batch, (format:format(...):gsub("\n", "\\n")))
end

local function make_exchange (number, batch)
  local plan = plans.new(number, transport)
  if number == exits_at then
    -- in the middle of a stream, while other exchanges are open
    plan.act, plan.at = "read", 0
    local client = world.client(plan)
    local stream = client:generate_stream(plan.script, { max_retries = 0 })
    stream:next()
    os.exit(7, number % 2 == 0)
  end
  local problem, name = exchange.run(plan, world)
  outcomes[name] = (outcomes[name] or 0) + 1
  if problem then report(number, batch, "%s: %s", exchange.describe(plan), problem) end
end

local function run_batch (batch, n)
  local at_once = random.new(batch + 1):pick { 1, 4, 16, 40 }
  local number, last = batch, batch + n
  local function work ()
    while number < last do
      number = number + 1
      make_exchange(number - 1, batch)
    end
  end
  if in_nginx then
    world.cancel = cancel_thread
    local threads = {}
    for i = 1, at_once do threads[i] = ngx.thread.spawn(work) end
    for i = 1, at_once do assert(ngx.thread.wait(threads[i])) end
  elseif at_once == 1 then
    world.cancel = nil
    work()
  else
    world.cancel = cancel_task
    async.run(function ()
      local tasks = {}
      for i = 1, at_once do tasks[i] = async.spawn(work) end
      for i = 1, at_once do tasks[i]:await() end
    end)
  end
end

--- Closes the clients, and waits until descriptors and memory are what they were before.
local function settle (batch, before)
  for listener, client in pairs(shared) do
    if client.transport.size and client.transport:size() ~= 0 and not in_nginx then
      collectgarbage()
      if client.transport:size() ~= 0 then
        report(batch, batch, "%d exchanges are open after a batch", client.transport:size())
      end
    end
    client:close()
    shared[listener] = nil
  end
  collectgarbage()
  collectgarbage()
  local patience = now() + SETTLE
  while resources.descriptors() > before.descriptors and now() < patience do sleep(0.02) end
  if resources.descriptors() > before.descriptors then
    report(batch, batch, "%d descriptors before a batch, %d after it", before.descriptors,
      resources.descriptors())
  end
  -- LuaJIT's memory also holds the machine code of all paths that were taken often
  if is_jit then rawget(_G, "jit").flush() end
  collectgarbage()
  local memory = collectgarbage "count"
  before.memory = before.memory or memory
  if memory > before.memory + LUA_SLACK then
    report(batch, batch, "Lua used %.0f KiB after the first batch, %.0f KiB after this",
      before.memory, memory)
  end
end

local function run_batches ()
  local before, rss = { descriptors = resources.descriptors() }, {}
  local number = first
  while number < first + count and now() < stop and problems < 20 do
    local n = math.min(BATCH, first + count - number)
    run_batch(number, n)
    settle(number, before)
    rss[#rss + 1] = resources.rss_kib()
    say("batch %d %d %d", number, n, rss[#rss])
    number = number + n
  end
  if #rss >= 12 then
    local grows = growth.steady(rss, RSS_SLACK)
    if grows then report(number, number, "memory grows: %s", grows) end
  end
  for name, n in pairs(outcomes) do say("outcome %s %d", name, n) end
end

local function show_one ()
  local plan = plans.new(first, transport)
  say("%s\nscript: %s", exchange.describe(plan), plan.script)
  for i, piece in ipairs(plan.pieces) do
    say("%d: %s", i, type(piece) == "table" and ("frame type %d, flags %d, stream %s, %q"):format(
      piece[1], piece[2], piece[3], piece[4]) or ("%q"):format(piece))
  end
  local function run ()
    world.cancel = in_nginx and cancel_thread or cancel_task
    local problem, name, err = exchange.run(plan, world)
    say("outcome: %s\nerror: %s\nproblem: %s", name, tostring(err), tostring(problem))
    if problem then problems = 1 end
  end
  if in_nginx then run() else async.run(run) end
end

io.stdout:setvbuf "line"
if os.getenv "FUZZ_ONLY" then show_one() else run_batches() end
os.exit(problems == 0, true)
