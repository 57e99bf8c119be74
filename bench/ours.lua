-- SPDX-License-Identifier: MIT
-- Measures the library at the jobs of floor.c, `ours.lua stream|generate|first URL COUNT`, and the
-- cost of loading it, `ours.lua require`. Prints lines "NAME VALUE".

local job, url, count = arg[1], arg[2], tonumber(arg[3])

local function print_value (name, format, value)
  print(name .. " " .. format:format(value))
end

if job == "require" then
  collectgarbage()
  collectgarbage()
  local memory, clock = collectgarbage "count", os.clock()
  require "predibase"
  clock = os.clock() - clock
  collectgarbage()
  collectgarbage()
  print_value("ms", "%.2f", 1000 * clock)
  print_value("kib", "%.0f", collectgarbage "count" - memory)
  os.exit(0)
end

local predibase = require "predibase"
local now = require "predibase.curl".now
local client = assert(predibase.new { base_url = url, max_retries = 0 })
local began, cpu = now(), os.clock()

if job == "stream" then
  local stream, seen = client:generate_stream "water", 0
  while true do
    local token, err = stream:next()
    if err then error(err) end
    if not token then break end
    seen = seen + 1
  end
  assert(seen == count + 1, "the stream was cut")
  print_value("tokens_per_cpu_s", "%.0f", count / (os.clock() - cpu))
elseif job == "generate" then
  for _ = 1, count do assert(client:generate "water") end
  print_value("calls_per_s", "%.0f", count / (now() - began))
  print_value("cpu_us_per_call", "%.2f", (os.clock() - cpu) * 1e6 / count)
elseif job == "first" then
  local us = {}
  for i = 1, count do
    local start = now()
    local stream = client:generate_stream "water"
    assert(stream:next())
    us[i] = (now() - start) * 1e6
    assert(stream:text())
  end
  table.sort(us)
  print_value("first_us_p50", "%.1f", us[math.floor(count / 2) + 1])
else
  error("no job " .. tostring(job))
end
