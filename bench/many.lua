-- SPDX-License-Identifier: MIT
-- Measures the library with many streams of pace.c at once: `many.lua URL STREAMS TOKENS`.
-- One process, one thread, a task of predibase.async for each stream. Measures CPU time and memory
-- in the first half of the tokens, and the delay in the second half. Prints lines "NAME VALUE".

local async = require "predibase.async"
local predibase = require "predibase"
local now = require "predibase.curl".now

local url, streams, tokens = arg[1], tonumber(arg[2]), tonumber(arg[3])

local PAGE_KIB = 4            -- on Linux on x86 and on nearly all other machines
local DELAY_STEP = 1e-5       -- seconds in one bucket, as in floor.c

local function rss_kib ()
  local file = assert(io.open "/proc/self/statm")
  local pages = file:read "*a":match "^%d+ (%d+)"
  file:close()
  return tonumber(pages) * PAGE_KIB
end

local function print_value (name, format, value)
  print(name .. " " .. format:format(value))
end

local client = assert(predibase.new { base_url = url, max_retries = 0 })

local before, began           -- memory and time before the first stream
local open = 0                -- streams whose first token has arrived
local seen, half = 0, math.huge     -- tokens so far, and half of those that are expected
local cpu                     -- CPU time when all streams were open
local timing = false
local delays, samples = {}, 0

--- Begins the next part of the measurement. Called when all streams are open, and when half of the
-- tokens have arrived.
local function begin_next_part ()
  if not cpu then
    print_value("open_s", "%.3f", now() - began)
    print_value("open_kib_per_stream", "%.2f", (rss_kib() - before) / streams)
    seen, half = 0, streams * math.floor(tokens / 2)
    cpu = os.clock()
    return
  end
  print_value("cpu_us_per_token", "%.3f", (os.clock() - cpu) * 1e6 / seen)
  print_value("kib_per_stream", "%.2f", (rss_kib() - before) / streams)
  timing = true
end

local function take_stamp (text)
  local bucket = math.floor((now() - text / 1e9) / DELAY_STEP)
  delays[bucket] = (delays[bucket] or 0) + 1
  samples = samples + 1
end

local function percentile (share)
  local buckets, passed = {}, 0
  for bucket in pairs(delays) do buckets[#buckets + 1] = bucket end
  table.sort(buckets)
  for _, bucket in ipairs(buckets) do
    passed = passed + delays[bucket]
    if passed >= samples * share then return (bucket + 1) * DELAY_STEP * 1000 end
  end
end

local function read_one ()
  local stream = client:generate_stream "water"
  local count = 0
  while true do
    local token, err = stream:next()
    if not token then
      assert(not err, err)
      break
    end
    count = count + 1
    if count == 1 then
      open = open + 1
      if open == streams then begin_next_part() end
    elseif timing then
      if token.text:byte() == 48 then take_stamp(token.text) end
    else
      seen = seen + 1
      if seen >= half then begin_next_part() end
    end
  end
  assert(count == tokens + 2, "a stream was cut")
end

-- A first stream creates everything that all streams share.
do
  local first = assert(predibase.new {
    base_url = url:match "^http://[^/]*" .. "/1/1/1000", max_retries = 0,
  })
  async.run(function () assert(first:generate_stream "water":text()) end)
  first:close()
end
collectgarbage()
collectgarbage()

before, began = rss_kib(), now()
async.run(function ()
  local tasks = {}
  for i = 1, streams do tasks[i] = async.spawn(read_one) end
  for i = 1, streams do tasks[i]:await() end
end)
assert(samples > 0, "no token had a time stamp")
print_value("delay_ms_p50", "%.3f", percentile(0.5))
print_value("delay_ms_p99", "%.3f", percentile(0.99))
client:close()
