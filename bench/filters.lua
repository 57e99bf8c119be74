-- SPDX-License-Identifier: MIT
-- Measures what stop sequences and reasoning cost a saturated stream, in each way of reading it.
-- usage: lua5.4 bench/filters.lua URL [TOKENS]      (200000)
-- URL is that of bench/server.c without a path, which prints its port:
--   sleep 60 | build/bench/bin/server build/bench/requests
-- Prints for each way and each kind of stream: tokens per second of CPU time, the best of five
-- turns, and how many times the CPU time of a plain stream that is.

package.path = "./lua/?.lua;./lua/?/init.lua;" .. package.path
local abi = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match "%d+%.%d+"
package.cpath = "./build/" .. abi .. "/?.so;" .. package.cpath

local predibase = require "predibase"

local count = tonumber(arg[2] or 200000)
local client = assert(predibase.new { base_url = arg[1] .. "/" .. count, max_retries = 0 })

local KINDS = {
  { "plain", {} },
  { "stop", { client_stop = { "END", "\n\n" } } },
  { "before", { reasoning = { "<think>", "</think>" } } },
  { "inside", { reasoning = { open = "<think>", close = "</think>", begins_inside = true } } },
}

local WAYS = {
  { "next", function (stream)
    local n = 0
    for _ in stream do n = n + 1 end
    assert(n == count + 1, "the stream was cut")
  end },
  { "texts", function (stream)
    for piece in stream:texts() do assert(piece ~= "") end
  end },
  { "text", function (stream) assert(stream:text()) end },
}

--- Returns the seconds of CPU time that one stream takes.
local function time (read, options)
  collectgarbage()
  local began = os.clock()
  read(client:generate_stream("water", options))
  return os.clock() - began
end

for _, way in ipairs(WAYS) do
  local best = {}
  for _ = 1, 5 do
    for i, kind in ipairs(KINDS) do
      best[i] = math.min(best[i] or math.huge, time(way[2], kind[2]))
    end
  end
  for i, kind in ipairs(KINDS) do
    print(("%s_%s %.0f %.2f"):format(way[1], kind[1], count / best[i], best[i] / best[1]))
  end
end
client:close()
