-- SPDX-License-Identifier: MIT
-- The scenario that host_memory_wire.c repeats with memory running out: a client with records of
-- what it sends and receives, a view of it with another site, and a parser of events.
local errors = require "predibase.errors"
local predibase = require "predibase"
local sse = require "predibase.sse"
local text_filter = require "predibase.text_filter"
require "predibase.transport.curl"

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local ANSWER = "one two three"

local function is_refusal (err)
  assert(errors.is(err), "neither a value nor an error: " .. tostring(err))
  return false
end

local function generate (client)
  local result, err = client:generate "What?"
  if not result then return is_refusal(err) end
  assert(result.text == ANSWER, result.text)
  return true
end

--- Reads events that arrive in pieces: with a type and an id, a token, one that is unfinished.
local function parse ()
  local EVENTS = "id: 7\nevent: note\ndata: first\ndata: line\n\n"
    .. 'data:{"token":{"id":1,"text":"one","logprob":-0.5,"special":false}}\n\n'
    .. "data: " .. ("x"):rep(3000) .. "\n\ndata: unfinished"
  local parser = sse.new { max_event = 5000 }
  for at = 1, #EVENTS, 100 do
    local fed, reason = parser:feed(EVENTS, at, math.min(at + 99, #EVENTS))
    if not fed then
      assert(reason == "not enough memory", reason)
      return false
    end
  end
  local data, kind, id = parser:next()
  assert(data == "first\nline" and kind == "note" and id == "7")
  assert(parser:token().text == "one")
  assert(#parser:next() == 3000)
  assert(parser:finish() == "unfinished")
  parser:close()
  sse.new():feed "data: left to the collector\n\n"
  return true
end

--- Takes tokens in each way that keeps their text. What is refused is not counted.
local function gather ()
  local TOKEN = 'data:{"token":{"id":1,"text":"%s","logprob":-0.5,"special":false}}\n\n'
  local complete = true
  local parser = sse.new()
  parser:keep_text(1000, true)
  local function try (method, ...)
    local ok, err = pcall(parser[method], parser, ...)
    if ok then return end
    assert(tostring(err):find("not enough memory", 1, true), err)
    complete = false
  end
  for _, method in ipairs { "take", "take_texts", "take_all" } do
    if not parser:feed(TOKEN:format(method .. (" "):rep(100))) then return false end
    try(method)
  end
  try("add", "end")
  local tokens, bytes = parser:counts()
  assert(#parser:text() == bytes and (not complete or tokens == 4 and bytes == 325), bytes)
  parser:close()
  return complete
end

--- Takes tokens through a filter. What is refused changes nothing, so it can be done again.
local function filter ()
  local complete = true
  local function again (f, ...)
    local first = { pcall(f, ...) }
    if first[1] then return select(2, unpack(first)) end
    assert(tostring(first[2]):find("not enough memory", 1, true), first[2])
    complete = false
    return f(...)
  end
  local splitter = again(text_filter.splitter, "<think>", "</think>")
  local matcher = again(text_filter.matcher, { "END", "STOP" }, { "</s>", "" })
  splitter:keep()
  local answer, thoughts = again(splitter.feed, splitter, " Hm <think> a")
  assert(answer == " Hm " and thoughts == "a")
  assert(again(matcher.feed, matcher, answer) == " Hm ")
  again(splitter.add, splitter, answer, thoughts)
  local parser = sse.new()
  parser:keep_text(1000, true)
  again(parser.filter, parser, splitter, matcher)
  local function take (method, text)
    assert(parser:feed('data:{"token":{"id":1,"text":"' .. text .. '","logprob":-0.5}}\n\n'))
    return again(parser[method], parser)
  end
  local long = ("x"):rep(200)
  assert(take("take", " b <").text == " b <")
  assert(select("#", again(parser.shown, parser)) == 2)
  assert(take("take_texts", " " .. long) == "" and take("take_all", "c"))
  assert(not take("take", "</think>d"))                 -- does not pass
  parser:next()
  answer, thoughts = again(splitter.feed, splitter, "</think>d")
  assert(answer == "d" and thoughts == "")
  again(splitter.add, splitter, again(matcher.feed, matcher, answer), thoughts)
  assert(take("take_texts", long .. "</") == long and take("take_all", "s>\\nEN"))
  assert(take("take_texts", "</s>") == "EN")
  assert(not take("take_texts", "END"))                  -- nor does this
  assert(again(matcher.finish, matcher) == "" and again(matcher.rest, matcher) == "</s>")
  again(splitter.finish, splitter)
  answer, thoughts = again(splitter.parts, splitter)
  assert(answer == " Hm d" .. long .. "</s>\nEN" and thoughts == "a b < " .. long .. "c", thoughts)
  assert(parser:text() == " b < " .. long .. "c" .. long .. "</s>\nEN</s>")
  return complete
end

-- Loads what is loaded at its first use: compiling it takes thousands of allocations.
pcall(function ()
  local client = predibase.new { base_url = "http://127.0.0.1:" .. port, api_token = false,
    on_wire = function () end }
  generate(client)
  client:with { base_url = "http://localhost:" .. port }
  client:close()
end)

arm()
local records = {}
local client = assert(predibase.new { base_url = "http://127.0.0.1:" .. port, api_token = false,
  max_retries = 0, on_wire = function (record)
    records[#records + 1] = record
  end })
local complete = generate(client) and #records > 0    -- one without memory is left out
local view = assert(client:with { base_url = "http://localhost:" .. port })
complete = generate(view) and complete
client:close()
complete = parse() and complete
complete = gather() and complete
local ok, passed = pcall(filter)
assert(ok or tostring(passed):find("not enough memory", 1, true), passed)
complete = ok and passed and complete
disarm()
return complete and "complete" or "error"
