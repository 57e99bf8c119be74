-- SPDX-License-Identifier: MIT
-- The scenario that host_memory.c repeats with memory running out: a client, a text, a stream, an
-- error, a stream closed in the middle, one left to the garbage collector.
-- luacheck: globals arm disarm port
local predibase = require "predibase"
local errors = require "predibase.errors"
require "predibase.transport.curl"

local base = "http://127.0.0.1:" .. port

--- A result is right or an error object; anything else is a bug that the host reports.
local function either (value, err, wanted)
  if value ~= nil then
    assert(tostring(value) == wanted, "wrong text: " .. tostring(value))
    return true
  end
  assert(errors.is(err), "neither a value nor an error: " .. tostring(err))
  return false
end

-- Loads what is loaded at its first use: compiling it takes thousands of allocations.
pcall(function ()
  local client = predibase.new { base_url = base, api_token = false, max_retries = 0 }
  client:generate "What?"
  client:generate_stream "What?":text()
  client:with { base_url = base .. "/wrong" }:generate "What?"
  client:close()
end)

arm()
local complete = true
local client = assert(predibase.new { base_url = base, api_token = false, max_retries = 0 })
local result, err = client:generate("What?", { max_new_tokens = 3, stop = { "x" }, seed = 1 })
complete = either(result, err, "one two three") and complete

local stream = client:generate_stream("What?")
local text
text, err = stream:text()
complete = either(text, err, "one two three") and complete

local wrong = assert(predibase.new { base_url = base .. "/wrong", api_token = false,
  max_retries = 0 })
result, err = wrong:generate("What?")
complete = result == nil and err.kind == "validation" and complete

stream = client:generate_stream("What?")
local token = stream:next()
complete = token ~= nil and complete
stream:close()

stream = client:generate_stream("What?")
complete = stream:next() ~= nil and complete
stream = nil -- luacheck: ignore 311
collectgarbage()
disarm()
return complete and "complete" or "error"
