-- SPDX-License-Identifier: MIT
-- Reads numbered tokens over many streams for a long time, half of them over libcurl and half
-- inside nginx, and fails when a token is lost, doubled or swapped, when a stream ends in another
-- way than it should, or when memory or descriptors grow.
-- usage: luajit spec/soak/run.lua SERVER LUA LUA_CPATH   (make soak)
-- Environment: SOAK_MINUTES (1), SOAK_STREAMS (1000, both together), SOAK_PACE (50, milliseconds
-- between the tokens of a stream). LUA is the interpreter of the half over libcurl.

local child = require "spec.support.child"
local growth = require "spec.soak.growth"
local in_nginx = require "spec.support.in_nginx"
local uv = require "luv"

local server_path, lua, lua_cpath = arg[1], arg[2], arg[3]
local seconds = tonumber(os.getenv "SOAK_MINUTES" or 1) * 60
local streams = tonumber(os.getenv "SOAK_STREAMS" or 1000)
local pace = tonumber(os.getenv "SOAK_PACE" or 50)

local SAMPLES = 360           -- at most, so that a long run prints a line every few seconds
local EVERY = math.max(2, seconds / SAMPLES)
local PATIENCE = 120          -- seconds that a run may need beyond its time

-- Growth that is allowed in any case. Descriptors: streams whose end is awaited.
local SLACK = { rss = 2048, descriptors = 32 }

local LINE = "%-8s %7s %8s %11s %5s %7s %7s %6s %9s %9s %12s"

local function say (...)
  print(LINE:format(...))
end

--- What was read from the output of a reader.
local function new_record (name, process)
  return { name = name, process = process, read = 0, rss = {}, descriptors = {}, wrong = {},
    ended = {}, bad = 0 }
end

local function take_sample (record, words)
  record.last = words
  record.rss[#record.rss + 1] = words[8]
  record.descriptors[#record.descriptors + 1] = words[10]
  say(record.name, ("%.0f"):format(words[1]), words[2], words[3], words[4], words[5], words[6],
    words[7], ("%.1f"):format(words[8] / 1024), ("%.1f"):format(words[9] / 1024), words[10])
end

local function take_line (record, line)
  local kind, rest = line:match "^(%S+) (.*)$"
  local words = {}
  for word in (rest or ""):gmatch "%S+" do words[#words + 1] = tonumber(word) or word end
  if kind == "sample" then
    take_sample(record, words)
  elseif kind == "wrong" then
    print(record.name .. ": " .. rest)
  elseif kind == "ended" then
    record.ended[#record.ended + 1] = ("%s %s"):format((words[1]:gsub("_", " ")), words[2])
  elseif kind == "after" then
    record.before, record.after = words[1], words[2]
  else
    print(record.name .. ": " .. line)
  end
end

local function take_output (record)
  local out = record.process.stdout
  while true do
    local at = out:find("\n", record.read + 1, true)
    if not at then return end
    take_line(record, out:sub(record.read + 1, at - 1))
    record.read = at
  end
end

local passed, failed = 0, 0

local function check (good, what, ...)
  if good then
    passed = passed + 1
  else
    failed = failed + 1
    print(("not ok: " .. what):format(...))
  end
end

local function judge (record)
  local process, last = record.process, record.last
  check(process.code == 0, "%s: the reader ended with %s\n%s", record.name,
    tostring(process.code or process.signal), process.stderr:sub(-2000))
  check(record.after, "%s: the reader printed no result", record.name)
  if not record.after then return end
  table.sort(record.ended)
  print(("%s: %d tokens; streams: %s"):format(record.name, last[3],
    table.concat(record.ended, ", ")))
  check(last[3] > 0, "%s: no token arrived", record.name)
  for i, name in ipairs { "lost", "doubled", "swapped", "wrong" } do
    check(last[3 + i] == 0, "%s: %s: %d", record.name, name, last[3 + i])
  end
  for _, name in ipairs { "rss", "descriptors" } do
    -- the last sample was taken when all streams were closed
    local samples = record[name]
    samples[#samples] = nil
    if #samples < growth.FEWEST then
      check(false, "%s: %s: %d samples, %d are needed; set MINUTES to at least %.1f", record.name,
        name, #samples, growth.FEWEST, EVERY * (growth.FEWEST + 2) / 60)
    else
      local grows = growth.steady(samples, SLACK[name])
      check(not grows, "%s: %s grows: %s", record.name, name, tostring(grows))
    end
  end
  check(record.after <= record.before, "%s: %d descriptors before, %d after", record.name,
    record.before, record.after)
end

local function wait (records)
  local timer = uv.new_timer()
  timer:start(200, 200, function ()
    for _, record in ipairs(records) do take_output(record) end
  end)
  local ok, err = pcall(child.wait, function ()
    for _, record in ipairs(records) do
      if not record.process.code or record.process.open > 0 then return false end
    end
    return true
  end, "the end of the readers", (seconds + PATIENCE) * 1000)
  timer:close()
  for _, record in ipairs(records) do take_output(record) end
  if ok then return end
  check(false, "%s", tostring(err))
  for _, record in ipairs(records) do
    if not record.process.code then record.process:kill(9) end
  end
end

local function main ()
  local server = child.start(server_path, { args = { tostring(pace), tostring(streams) },
    keep_stdin = true })
  server:wait_for "\n"
  local half = math.ceil(streams / 2)
  local function env (count, first)
    return { SOAK_URL = "http://127.0.0.1:" .. server.stdout:match "%d+", SOAK_EVERY = EVERY,
      SOAK_SECONDS = seconds, SOAK_STREAMS = count, SOAK_FIRST = first, NO_PUMP = 1 }
  end
  local own = env(half, 0)
  own.LUA_CPATH = lua_cpath
  say("reader", "seconds", "open", "tokens", "lost", "doubled", "swapped", "wrong", "RSS MiB",
    "Lua MiB", "descriptors")
  local records = {
    new_record("libcurl", child.start(lua, { args = { "spec/soak/reader.lua" }, env = own })),
    new_record("nginx", in_nginx.start('assert(loadfile "spec/soak/reader.lua")()',
      env(streams - half, 5000000),
      "lua_max_running_timers 8192;\nlua_max_pending_timers 8192;")),
  }
  wait(records)
  for _, record in ipairs(records) do judge(record) end
  in_nginx.finish(records[2].process, child.PATIENCE)
  server.stdin:close()
  server.stdin = nil
  check(server:wait() == 0, "the server failed: %s", server.stderr)
  print("server: " .. (server.stdout:match "sent %d+" or "?") .. " tokens")
end

io.stdout:setvbuf "line"
main()
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
