-- SPDX-License-Identifier: MIT
-- Runs the workers of the fuzzer: on Lua 5.4 and LuaJIT over libcurl, and inside nginx, as many at
-- once as there are processors, each with a server of its own.
-- usage: luajit spec/wire_fuzz/run.lua SERVER BUILDDIR   (make fuzz-wire)
-- Environment: MINUTES (1), EXCHANGES (at most so many in all), SEED (of the whole run; the time by
-- default), WORKERS (as many as there are processors), TRANSPORT ("lua5.4", "luajit" or "nginx";
-- all), SANITIZERS (what LD_PRELOAD gets), and one of CASE (the number of one exchange) and BATCH
-- (the number of one batch), which a failure prints.

local authority = require "spec.support.ca"
local child = require "spec.support.child"
local in_nginx = require "spec.support.in_nginx"
local uv = require "luv"

local server_path, build = arg[1], arg[2]
local minutes = tonumber(os.getenv "MINUTES" or 1)
local most = tonumber(os.getenv "EXCHANGES" or 1e15)
local case, batch = tonumber(os.getenv "CASE"), tonumber(os.getenv "BATCH")
local preload = os.getenv "SANITIZERS"

local SHARE = 6000            -- exchanges of one worker
local LAST_SHARE = 400        -- of a worker that leaves in the middle
local PATIENCE = 300          -- seconds without news after which a worker hangs
local EXIT_EVERY = 5          -- workers, of which one leaves in the middle
local LEFT = 7                -- its exit code
local SHOWN = 30              -- problems that are printed

local BATCHES = { nginx = 2000, other = 400 }     -- exchanges, as in fuzz_worker.lua

local lanes = { "lua5.4", "nginx", "luajit", "nginx" }
if os.getenv "TRANSPORT" then lanes = { os.getenv "TRANSPORT" } end

local function now () return uv.hrtime() / 1e9 end

local seed = tonumber(os.getenv "SEED" or os.time()) % 1000000
local stop = now() + minutes * 60
local started, exchanges, problems, crashes = 0, 0, 0, 0
local outcomes, by_lane, settled = {}, {}, 0

local function sanitizers (leaks)
  if not preload then return {} end
  return { LD_PRELOAD = preload,
    ASAN_OPTIONS = ("detect_leaks=%d:abort_on_error=0:exitcode=99:quarantine_size_mb=8"):format(
      leaks),
    UBSAN_OPTIONS = "print_stacktrace=1:halt_on_error=1",
    LSAN_OPTIONS = "suppressions=" .. uv.cwd()
      .. "/tools/lsan-suppressions.txt:print_suppressions=0" }
end

local function start_server (ca, pair)
  local server = child.start(server_path, { args = { pair.cert, pair.key }, keep_stdin = true })
  child.wait(function () return select(2, server.stdout:gsub("\n", "")) == 3 or server.code end,
    "the server")
  return { process = server, ca = ca.file, ports = server.stdout:gsub("\n", " ") }
end

--- Starts a worker.
local function start_worker (server, lane, first, count, exits_at)
  -- whoever leaves without closing the Lua state frees nothing
  local frees = lane ~= "nginx" and not (exits_at and exits_at % 2 == 1)
  local env = sanitizers(frees and 1 or 0)
  env.FUZZ_PORTS, env.FUZZ_CA, env.FUZZ_STOP = server.ports, server.ca, ("%.3f"):format(stop)
  env.FUZZ_FIRST, env.FUZZ_COUNT = ("%.0f"):format(first), count
  env.FUZZ_EXIT = exits_at and ("%.0f"):format(exits_at)
  env.FUZZ_ONLY = case and 1
  local worker = { lane = lane, first = first, exits_at = exits_at, read = 0, heard = now() }
  env.LUA_CPATH = ("%s/%s/%s/?.so;;"):format(uv.cwd(), build, lane == "nginx" and "luajit" or lane)
  if lane == "nginx" then
    env.NO_PUMP = 1
    worker.process = in_nginx.start('assert(loadfile "spec/wire_fuzz/fuzz_worker.lua")()', env)
  else
    worker.process = child.start(lane, { args = { "spec/wire_fuzz/fuzz_worker.lua" }, env = env })
  end
  return worker
end

local function report (worker, number, in_batch, text)
  problems = problems + 1
  if problems > SHOWN then return end
  print(("%s: exchange %s: %s"):format(worker.lane, number, text))
  print(("  make fuzz-wire TRANSPORT=%s CASE=%s"):format(worker.lane, number))
  print(("  make fuzz-wire TRANSPORT=%s BATCH=%s     (with its neighbours)"):format(worker.lane,
    in_batch))
end

local function take_line (worker, line)
  local kind, rest = line:match "^(%S+) ?(.*)$"
  if case then
    print(line)
  elseif kind == "batch" then
    local number, count = rest:match "^(%d+) (%d+)"
    worker.next = number + count
    exchanges, settled = exchanges + count, settled + 1
    by_lane[worker.lane] = (by_lane[worker.lane] or 0) + count
  elseif kind == "outcome" then
    local name, count = rest:match "^(%S+) (%d+)"
    outcomes[name] = (outcomes[name] or 0) + count
  elseif kind == "problem" then
    report(worker, rest:match "^(%d+) (%d+) (.*)$")
  else
    print(worker.lane .. ": " .. line)
  end
end

local function take_output (worker)
  local out = worker.process.stdout
  while true do
    local at = out:find("\n", worker.read + 1, true)
    if not at then return end
    take_line(worker, out:sub(worker.read + 1, at - 1))
    worker.read, worker.heard = at, now()
  end
end

-- What nginx writes into its log when connections break.
local USUAL = { "%[notice%]", "%[warn%]", "%[info%]", "recv%(%) failed", "send%(%) failed",
  "SSL_%a+%(%) failed", "SSL_do_handshake", "peer closed connection in SSL", "writev%(%) failed" }

local function is_usual (line)
  for _, pattern in ipairs(USUAL) do
    if line:find(pattern) then return true end
  end
end

--- What a worker wrote on standard error, without what is usual for nginx.
local function complaints (worker)
  local text = worker.process.stderr
  if worker.lane ~= "nginx" then return text end
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    if not is_usual(line) then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

local function finish (worker)
  take_output(worker)
  local process = worker.process
  if worker.lane == "nginx" then in_nginx.finish(process, child.PATIENCE) end
  local code = process.signal ~= 0 and 128 + process.signal or process.code
  local wanted = worker.exits_at and LEFT or 0
  -- a worker whose time was over has not come to the exchange at which it leaves
  if worker.exits_at and code == 0 and now() >= stop then wanted = 0 end
  local text = complaints(worker)
  if code == wanted and text == "" then return end
  -- 1: the worker has reported its problems itself
  if code == 1 and text == "" and not worker.exits_at then return end
  crashes = crashes + 1
  report(worker, worker.exits_at or worker.next or worker.first, worker.next or worker.first,
    ("the worker ended with %s\n%s"):format(tostring(code), text:sub(1, 6000)))
end

--- Returns the numbers of the next worker.
local function next_share ()
  started = started + 1
  local first = seed * 1000000 + started * 10000
  if started % EXIT_EVERY == 0 then
    return first, LAST_SHARE, first + started * 7919 % (LAST_SHARE - 50)
  end
  return first, SHARE
end

local function is_over ()
  return now() >= stop or exchanges >= most or problems >= SHOWN
end

--- Checks a worker; returns whether it runs.
local function goes_on (worker)
  take_output(worker)
  local process = worker.process
  if process.code and process.open == 0 then
    finish(worker)
    return false
  end
  if now() - worker.heard > PATIENCE and not worker.killed then
    worker.killed = true
    process:kill(6)           -- SIGABRT, so that a sanitizer shows where
  end
  return true
end

local function run_all (servers)
  local workers = {}
  local function start (i)
    local first, count, exits_at = next_share()
    workers[i] = start_worker(servers[i], lanes[(started - 1) % #lanes + 1], first, count, exits_at)
  end
  for i = 1, #servers do start(i) end
  local timer, said = uv.new_timer(), now()
  timer:start(50, 50, function () end)
  while next(workers) do
    uv.run "once"
    for i = 1, #servers do
      if workers[i] and not goes_on(workers[i]) then
        workers[i] = nil
        if not is_over() then start(i) end
      end
    end
    if now() - said > 60 then
      said = now()
      print(("%d exchanges, %d problems"):format(exchanges, problems))
    end
  end
  timer:close()
end

--- Repeats one exchange, or one batch.
local function repeat_one (server)
  stop = now() + 3600
  local count = case and 1 or lanes[1] == "nginx" and BATCHES.nginx or BATCHES.other
  local worker = start_worker(server, lanes[1], case or batch, count)
  child.wait(function () return not goes_on(worker) end, "the worker", 600000)
end

local function summary ()
  local names = {}
  for name, count in pairs(outcomes) do names[#names + 1] = ("%s %d"):format(name, count) end
  table.sort(names)
  print("outcomes: " .. table.concat(names, ", "))
  for lane, count in pairs(by_lane) do print(("%s: %d exchanges"):format(lane, count)) end
  print(("%d exchanges in %d batches from seed %d, %.0f per second; %d problems"):format(exchanges,
    settled, seed, exchanges / (now() - stop + minutes * 60), problems))
end

local function main ()
  local ca = authority.new()
  local pair = ca:issue("server")
  local servers = {}
  local n = tonumber(os.getenv "WORKERS") or #(uv.cpu_info() or { 1 })
  if case or batch then n = 1 end
  for i = 1, n do servers[i] = start_server(ca, pair) end
  if case or batch then repeat_one(servers[1]) else run_all(servers) end
  for _, server in ipairs(servers) do
    server.process.stdin:close()
    server.process.stdin = nil
    if server.process:wait() ~= 0 then error("the server failed: " .. server.process.stderr, 0) end
  end
  ca:remove()
  if not case then summary() end
end

io.stdout:setvbuf "line"
main()
if case then os.exit(problems == 0 and 0 or 1) end
local good = math.max(0, settled - problems)
print(("%d passed, %d failed"):format(good, problems))
os.exit(problems == 0 and exchanges > 0 and 0 or 1)
