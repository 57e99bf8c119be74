-- SPDX-License-Identifier: MIT
-- Measures the library with many streams of pace.c at once: `many.lua URL STREAMS TOKENS [chat]`,
-- with tokens of generate_stream, or with deltas of chat_completion_stream.
-- One process, one thread, a task of predibase.async for each stream. Prints lines "NAME VALUE".
-- Environment: COLLECTOR, a mode of Lua's collector ("stop", "incremental", "generational").

local async = require "predibase.async"
local predibase = require "predibase"
local common = dofile "bench/common.lua"

local collector = os.getenv "COLLECTOR"
if collector then collectgarbage(collector) end

local url, streams, tokens, chat = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4] == "chat"

local client = assert(predibase.new { base_url = url, max_retries = 0 })
local window = common.window(streams, tokens)

local function open (with)
  if not chat then return with:generate_stream "water" end
  return with:chat_completion_stream { { role = "user", content = "water" } }
end

local texts = {}

local function read_one ()
  local stream, count = open(client), 0
  while true do
    local token, err = stream:next()
    if not token then
      assert(not err, err)
      break
    end
    count = count + 1
    window:take(count, token.text)
  end
  texts[#texts + 1] = stream:text()
end

-- A first stream creates everything that all streams share.
do
  local first = assert(predibase.new {
    base_url = url:match "^http://[^/]*" .. "/1/1/1000", max_retries = 0,
  })
  async.run(function () assert(open(first):text()) end)
  first:close()
end

window:start()
async.run(function ()
  local tasks = {}
  for i = 1, streams do tasks[i] = async.spawn(read_one) end
  for i = 1, streams do tasks[i]:await() end
end)
assert(#texts == streams)
for _, text in ipairs(texts) do common.check_paced(text, tokens) end
window:print_delays()
client:close()
