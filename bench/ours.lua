-- SPDX-License-Identifier: MIT
-- Measures the library.
-- usage: ours.lua stream|text|texts|chat URL TOKENS FILE
--        ours.lua generate|chat_completion URL CALLS
--        ours.lua first URL STREAMS
--        ours.lua require
-- stream: a loop over the tokens of one stream, whose text is FILE; text: stream:text();
-- texts: a loop over stream:texts(); chat: a loop over the deltas of a chat completion.
-- generate, chat_completion: calls one after the other. first: streams one after the other, read to
-- their end. require: the cost of loading the library. Prints lines "NAME VALUE".

local job, url, count, path = arg[1], arg[2], tonumber(arg[3]), arg[4]

if job == "require" then
  collectgarbage()
  collectgarbage()
  local memory, clock = collectgarbage "count", os.clock()
  require "predibase"
  clock = os.clock() - clock
  collectgarbage()
  collectgarbage()
  print(("ms %.2f"):format(1000 * clock))
  print(("kib %.0f"):format(collectgarbage "count" - memory))
  os.exit(0)
end

local predibase = require "predibase"
local common = dofile "bench/common.lua"
local now, print_value = common.now, common.print_value

local MESSAGES = { { role = "user", content = "water" } }

local client = assert(predibase.new { base_url = url, max_retries = 0 })

-- Ways to read a stream; each returns its text.
local ways = {}

function ways.stream ()
  local stream, seen = client:generate_stream "water", 0
  for token in stream do
    if token.text then seen = seen + 1 end
  end
  assert(seen == count + 1, "the stream was cut")
  return stream:text()
end

function ways.text ()
  return client:generate_stream "water":text()
end

function ways.texts ()
  local pieces, n = {}, 0
  for piece in client:generate_stream "water":texts() do
    n = n + 1
    pieces[n] = piece
  end
  return table.concat(pieces)
end

function ways.chat ()
  local stream, seen = client:chat_completion_stream(MESSAGES), 0
  for delta in stream do
    if delta.text then seen = seen + 1 end
  end
  assert(seen >= count, "the stream was cut")
  return stream:text()
end

local calls = {}

function calls.generate ()
  assert(client:generate "water".text == "water")
end

function calls.chat_completion ()
  assert(client:chat_completion(MESSAGES).text == "water")
end

if ways[job] then
  local cpu = os.clock()
  local text = ways[job]()
  cpu = os.clock() - cpu
  assert(text == common.read(path), "the text is not the server's")
  print_value("tokens_per_cpu_s", "%.0f", count / cpu)
elseif calls[job] then
  local call = calls[job]
  call()
  local began, cpu = now(), os.clock()
  for _ = 1, count do call() end
  print_value("calls_per_s", "%.0f", count / (now() - began))
  print_value("cpu_us_per_call", "%.2f", (os.clock() - cpu) * 1e6 / count)
elseif job == "first" then
  local us, cpus = {}, {}
  for i = 1, count do
    local start, cpu = now(), os.clock()
    local stream = client:generate_stream "water"
    assert(stream:next())
    us[i], cpus[i] = (now() - start) * 1e6, (os.clock() - cpu) * 1e6
    assert(stream:text())
  end
  table.sort(us)
  table.sort(cpus)
  local middle = math.floor(count / 2) + 1
  print_value("first_us_p50", "%.1f", us[middle])
  print_value("first_cpu_us_p50", "%.1f", cpus[middle])
else
  error("no job " .. tostring(job))
end
