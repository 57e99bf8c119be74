-- SPDX-License-Identifier: MIT
--- The event-stream parser as Lua sees it (its rules in detail: spec/c/test_sse.c).

local sse = require "predibase.sse"

local TOKEN = 'data: {"token":{"id":1369,"text":" t\195\169st","logprob":-0.34},'
  .. '"generated_text":null}\n\n'

--- All whole events, each as { data, event, id }.
local function drain (parser, events)
  events = events or {}
  while true do
    local data, event, id = parser:next()
    if not data then
      return events
    end
    events[#events + 1] = { data, event, id }
  end
end

--- The events of slices (a string or an array), and what is unfinished.
local function parse (slices)
  local parser = sse.new()
  local events = {}
  for _, slice in ipairs(type(slices) == "table" and slices or { slices }) do
    assert.is_true(parser:feed(slice))
    drain(parser, events)
  end
  local rest = parser:finish()
  parser:close()
  return events, rest
end

describe("sse.new", function ()
  it("makes independent parsers", function ()
    local a, b = sse.new(), sse.new {}
    a:feed("data: a\n\n")
    assert.is_nil(b:next())
    assert.equal("a", (a:next()))
  end)

  it("takes nil for no options", function ()
    assert.is_userdata(sse.new(nil))
  end)

  it("names an option that does not exist", function ()
    assert.error_matches(function () sse.new { max_evnt = 1 } end,
      'unknown option "max_evnt"', 1, true)
    assert.error_matches(function () sse.new { 100 } end, 'unknown option "1"', 1, true)
    assert.error_matches(function () sse.new { [{}] = 1 } end, 'unknown option "table"', 1, true)
  end)

  it("finds the unknown option beside a known one", function ()
    assert.error_matches(function () sse.new { max_event = 10, other = 1 } end,
      'unknown option "other"', 1, true)
  end)

  it("refuses a limit that is not a whole positive number", function ()
    for _, bad in ipairs { 0, -1, 1.5, 0 / 0, 1 / 0, 2 ^ 60, "100", true, {} } do
      assert.error_matches(function () sse.new { max_event = bad } end,
        "max_event must be a whole number of bytes", 1, true)
    end
  end)

  it("takes every limit that is one", function ()
    for _, good in ipairs { 1, 2.0, 1e6, 2 ^ 32, 2 ^ 53 } do
      assert.is_userdata(sse.new { max_event = good })
    end
  end)

  it("refuses options that are no table", function ()
    assert.error_matches(function () sse.new(100) end, "table expected", 1, true)
    assert.error_matches(function () sse.new("max_event") end, "table expected", 1, true)
  end)

  it("leaves the options as they were", function ()
    local options = setmetatable({ max_event = 5 }, {
      __index = function () error("touched") end,
      __newindex = function () error("touched") end,
    })
    sse.new(options)
    assert.equal(5, rawget(options, "max_event"))
  end)
end)

describe("parser", function ()
  it("returns data, event and id", function ()
    local events = parse("id: 7\nevent: ping\ndata: a\ndata: b\n\ndata: c\n\n")
    assert.same({ { "a\nb", "ping", "7" }, { "c", "message", "7" } }, events)
  end)

  it("has an empty id when the stream never set one", function ()
    assert.same({ { "a", "message", "" } }, parse("data: a\n\n"))
  end)

  it("returns nil while no event is whole", function ()
    local parser = sse.new()
    assert.is_nil(parser:next())
    parser:feed("data: a\n")
    assert.is_nil(parser:next())
    parser:feed("\n")
    assert.equal("a", (parser:next()))
    assert.is_nil(parser:next())
    assert.equal(1, select("#", parser:next()))
  end)

  it("takes a part of a string", function ()
    local parser, bytes = sse.new(), "data: one\n\ndata: two\n\n"
    assert.is_true(parser:feed(bytes, 12))
    assert.equal("two", (parser:next()))
    assert.is_true(parser:feed(bytes, 1, 9))
    assert.is_true(parser:feed(bytes, 10, 9))
    assert.is_nil(parser:next())
    assert.is_true(parser:feed(bytes, 10, 11))
    assert.equal("one", (parser:next()))
    assert.is_nil(parser:next())
  end)

  it("refuses a part that lies outside of the string", function ()
    local parser = sse.new()
    for _, part in ipairs { { 0, 1 }, { -1, 1 }, { 5, 4 }, { 1, 4 }, { 3, 1 }, { 1, -1 },
      { 2 ^ 31, 2 ^ 31 } } do
      assert.error_matches(function () parser:feed("abc", part[1], part[2]) end,
        "outside of the bytes")
    end
    assert.error_matches(function () parser:feed("abc", "x") end, "number expected")
  end)

  it("takes an empty slice", function ()
    assert.is_true(sse.new():feed(""))
  end)

  it("gives the same events however the stream is cut", function ()
    local stream = "\239\187\191: hi\r\n\r\nid: 1\r" .. TOKEN .. ":\n\nevent: e\r\n" .. TOKEN
      .. "data\r\rdata: a\0\255\rdata:b\r\r\ndata: rest"
    local whole, rest = parse(stream)
    assert.equal(4, #whole)
    assert.equal("rest", rest)
    for cut = 0, #stream do
      local events, unfinished = parse { stream:sub(1, cut), stream:sub(cut + 1) }
      assert.same(whole, events)
      assert.equal(rest, unfinished)
    end
    local bytes = {}
    for i = 1, #stream do
      bytes[i] = stream:sub(i, i)
    end
    assert.same(whole, (parse(bytes)))
  end)

  it("passes zeros and bytes that are not UTF-8", function ()
    local bytes = {}
    for i = 0, 255 do
      if i ~= 10 and i ~= 13 then
        bytes[#bytes + 1] = string.char(i)
      end
    end
    local all = table.concat(bytes)
    assert.same({ { all, "message", "" } }, parse("data:" .. all .. "\n\n"))
    assert.same({ { "", "a\0b", "\255" } }, parse("event:a\0b\nid:\255\ndata\n\n"))
  end)

  it("takes an event of 4 MiB in one slice and in many", function ()
    local big = ("0123456789abcdef"):rep(4 * 65536)
    local event = parse("data: " .. big .. "\n\n")[1]
    assert.is_true(event[1] == big)
    local parser = sse.new()
    local stream = "event: big\ndata: " .. big .. "\n\n"
    for i = 1, #stream, 16384 do
      parser:feed(stream:sub(i, i + 16383))
    end
    local data, name = parser:next()
    assert.is_true(data == big)
    assert.equal("big", name)
    assert.is_nil(parser:next())
  end)

  it("keeps 10,000 events of one slice in order", function ()
    local lines = {}
    for i = 1, 10000 do
      lines[i] = "data: " .. i .. "\n\n"
    end
    local events = parse(table.concat(lines))
    assert.equal(10000, #events)
    for i = 1, 10000 do
      assert.equal(tostring(i), events[i][1])
    end
  end)

  it("returns events of the sizes around its inner limits", function ()
    for _, n in ipairs { 0, 1, 63, 64, 4079, 4080, 4095, 4096, 4097, 65535, 65537 } do
      local data = ("x"):rep(n)
      local events = parse("id: " .. data .. "\nevent: t\ndata: " .. data .. "\n\n")
      assert.equal(1, #events)
      assert.is_true(events[1][1] == data)
      assert.equal("t", events[1][2])
      assert.is_true(events[1][3] == data)
    end
  end)

  it("works on when the coroutine that fed it is dead", function ()
    local parser = sse.new()
    local co = coroutine.create(function ()
      parser:feed("data: a\n\ndata: b")
    end)
    assert.is_true(coroutine.resume(co))
    assert.equal("dead", coroutine.status(co))
    co = nil -- luacheck: ignore 311
    collectgarbage()
    assert.equal("a", (parser:next()))
    parser:feed("\n\n")
    assert.equal("b", (coroutine.wrap(function () return parser:next() end)()))
  end)
end)

describe("parser:finish", function ()
  it("returns the data of an unfinished event", function ()
    local parser = sse.new()
    parser:feed("data: a\ndata: b")
    assert.equal("a\nb", parser:finish())
  end)

  it("returns nil when nothing is unfinished", function ()
    local parser = sse.new()
    assert.is_nil(parser:finish())
    parser:feed("data: a\n\nevent: x\n")
    assert.is_nil(parser:finish())
  end)

  it("returns the same when called again", function ()
    local parser = sse.new()
    parser:feed("data: a")
    assert.equal("a", parser:finish())
    assert.equal("a", parser:finish())
  end)

  it("leaves whole events to next, before and after", function ()
    local parser = sse.new()
    parser:feed("data: a\n\ndata: b\n\ndata: c")
    assert.equal("a", (parser:next()))
    assert.equal("c", parser:finish())
    assert.equal("b", (parser:next()))
    assert.is_nil(parser:next())
  end)

  it("returns an unfinished event of any size", function ()
    local big = ("x"):rep(100000)
    local parser = sse.new()
    parser:feed("data: " .. big)
    assert.is_true(parser:finish() == big)
  end)

  it("takes a splitter or a matcher as filter", function ()
    local filters = require "predibase.text_filter"
    local parser = sse.new()
    assert.has_error(function () parser:filter(nil, nil) end, "a splitter or a matcher expected")
    assert.has_error(function () parser:filter(filters.matcher { "a" }, nil) end)
    assert.has_error(function () filters.splitter("", "b") end)
    assert.has_error(function () filters.matcher { 1 } end)
    parser:filter(filters.splitter("a", "b"), filters.matcher { "c" })
    assert.is_nil((parser:shown()))
  end)
end)
