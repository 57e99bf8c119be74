-- SPDX-License-Identifier: MIT
-- Measures how long JSON of about a megabyte takes, with the library and with lua-cjson alone: a
-- schema, the messages of a conversation, and the details of an answer with a token in each line.
-- usage: lua5.4 bench/json.lua [SECONDS]      (0.3 for each measurement)
-- Prints lines "NAME VALUE": milliseconds of both in CPU time, the medians of nine turns.

package.path = "./lua/?.lua;./lua/?/init.lua;" .. package.path
local abi = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match "%d+%.%d+"
package.cpath = "./build/" .. abi .. "/?.so;" .. package.cpath

local cjson = require "cjson"
local json = require "predibase.json"

local SIZE = 1000000
local seconds = tonumber(arg[1]) or 0.3

--- Adds elements that `make` returns until their JSON is of the size of the measurement.
local function many (make)
  local list, size = {}, 0
  while size < SIZE do
    local element = make(#list + 1)
    size = size + #json.encode(element) + 1
    list[#list + 1] = element
  end
  return list
end

local TEXT = "The quick brown fox jumps over the lazy dog, and \"asks\" why. Schöne Grüße!\n"

local SAMPLES = {
  { "messages", many(function (i)
    return { role = i % 2 == 1 and "user" or "assistant", content = TEXT:rep(1 + i % 40) }
  end) },
  { "schema", { type = "object", properties = (function ()
    local properties = {}
    for i, property in ipairs(many(function (n)
      return { type = n % 3 == 0 and "integer" or "string", description = "field " .. n,
        minLength = n % 7, enum = { "a", "b", "c" } }
    end)) do properties["field_" .. i] = property end
    return properties
  end)() } },
  { "details", { finish_reason = "length", generated_tokens = 8000, tokens = many(function (i)
    return { id = 1000 + i * 37 % 30000, text = " word" .. i % 100, logprob = -0.51220703 * (i % 9),
      special = false }
  end) } },
}

--- Returns the milliseconds of CPU time that one call takes.
local function time (f, value)
  local n, began = 0, os.clock()
  repeat
    f(value)
    n = n + 1
  until os.clock() - began > seconds / 9
  return (os.clock() - began) * 1000 / n
end

local function compare (name, ours, theirs, value)
  local mine, other = {}, {}
  for i = 1, 9 do mine[i], other[i] = time(ours, value), time(theirs, value) end
  table.sort(mine)
  table.sort(other)
  print(("ours_%s_ms %.3f\ncjson_%s_ms %.3f"):format(name, mine[5], name, other[5]))
end

for _, sample in ipairs(SAMPLES) do
  local name, value = sample[1], sample[2]
  local text = json.encode(value)
  compare(name .. "_encode", json.encode, cjson.encode, value)
  compare(name .. "_decode", json.decode, cjson.decode, text)
end
