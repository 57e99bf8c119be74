-- SPDX-License-Identifier: MIT
-- The library at the jobs of floor.c: `ours.lua stream|generate|first URL COUNT`, and `require`,
-- which prints the milliseconds and the KiB that loading it takes.

local job, url, count = arg[1], arg[2], tonumber(arg[3])

if job == "require" then
  collectgarbage()
  collectgarbage()
  local memory, clock = collectgarbage "count", os.clock()
  require "predibase"
  clock = os.clock() - clock
  collectgarbage()
  collectgarbage()
  print(("%.2f\n%.0f"):format(1000 * clock, collectgarbage "count" - memory))
  os.exit(0)
end

local predibase = require "predibase"
local hrtime = require "luv".hrtime
local client = assert(predibase.new { base_url = url, max_retries = 0 })

local function now()
  return hrtime() / 1e9
end

if job == "stream" then
  local stream, seen = client:generate_stream "water", 0
  while true do
    local token, err = stream:next()
    if err then error(err) end
    if not token then break end
    seen = seen + 1
  end
  assert(seen == count + 1)
  print(("%.0f"):format(count / os.clock()))
elseif job == "generate" then
  local began = now()
  for _ = 1, count do assert(client:generate "water") end
  print(("%.0f"):format(count / (now() - began)))
else
  local seconds = {}
  for i = 1, count do
    local began = now()
    local stream = client:generate_stream "water"
    assert(stream:next())
    seconds[i] = now() - began
    assert(stream:text())
  end
  table.sort(seconds)
  print(("%.7f"):format(seconds[math.floor(count / 2) + 1]))
end
