-- SPDX-License-Identifier: MIT
--- The event-stream parser as a userdata: limited, closed, misused, collected.

local closes_by_itself = require "spec.support.closing"
local lifetime = require "spec.support.lifetime"
local sse = require "predibase.sse"

describe("max_event", function ()
  it("is exact", function ()
    local parser = sse.new { max_event = 10 }
    assert.is_true(parser:feed("data: 0123456789\n\n"))
    assert.is_true(parser:feed("data: 0123456789"))
    local ok, err = parser:feed("x")
    assert.is_nil(ok)
    assert.equal("event larger than 10 bytes (max_event)", err)
  end)

  it("is 8 MiB unless said otherwise", function ()
    local parser = sse.new()
    local mib = ("x"):rep(1024 * 1024)
    parser:feed("data:")
    for _ = 1, 8 do
      assert.is_true(parser:feed(mib))
    end
    local _, err = parser:feed("x")
    assert.equal("event larger than 8388608 bytes (max_event)", err)
  end)

  it("ends the parser for good, and keeps the events before", function ()
    local parser = sse.new { max_event = 5 }
    local ok, err = parser:feed("data: a\n\ndata: 123456\n\ndata: b\n\n")
    assert.is_nil(ok)
    assert.is_string(err)
    for _ = 1, 2 do
      assert.same({ n = 2, err }, { n = 2, select(2, parser:feed("data: c\n\n")) })
    end
    assert.same({ nil, err }, { parser:feed("") })
    assert.equal("a", (parser:next()))
    assert.is_nil(parser:next())
    assert.is_nil(parser:finish())
  end)

  it("does not count comments and unknown fields", function ()
    local parser = sse.new { max_event = 5 }
    assert.is_true(parser:feed(":" .. ("x"):rep(1000) .. "\nfoo: " .. ("x"):rep(1000)))
    assert.is_true(parser:feed("\ndata: a\n\n"))
    assert.equal("a", (parser:next()))
  end)
end)

describe("parser:close", function ()
  it("can be called any number of times", function ()
    local parser = sse.new()
    parser:feed("data: a\n\ndata: b")
    for _ = 1, 3 do
      assert.equal(0, select("#", parser:close()))
    end
  end)

  it("makes every other use an error", function ()
    local parser = sse.new()
    parser:close()
    for _, method in ipairs { "feed", "next", "token", "finish" } do
      assert.error_matches(function () parser[method](parser, "") end,
        "attempt to use a closed parser", 1, true)
    end
  end)

  it("shows in tostring", function ()
    local parser = sse.new()
    assert.matches("^predibase%.sse: ", tostring(parser))
    parser:close()
    assert.equal("predibase.sse (closed)", tostring(parser))
  end)

  it("is what a to-be-closed variable and the collector call", function ()
    local parser = sse.new()
    local meta = getmetatable(parser)
    parser:feed("data: a\n\ndata: b")
    meta.__close(parser, nil)
    assert.equal("predibase.sse (closed)", tostring(parser))
    meta.__gc(parser)
    assert.equal("predibase.sse (closed)", tostring(parser))
  end)

  if closes_by_itself then
    it("is called at the end of the block on 5.4 and later", function ()
      local chunk = assert(load([[
        local sse, seen = ...
        do
          local parser <close> = sse.new()
          seen.parser = parser
        end
      ]]))
      local seen = {}
      chunk(sse, seen)
      assert.equal("predibase.sse (closed)", tostring(seen.parser))
    end)
  end
end)

describe("misuse", function ()
  it("names what is wrong with the bytes", function ()
    local parser = sse.new()
    for _, bad in ipairs { 12, true, {}, print } do
      assert.error_matches(function () parser:feed(bad) end, "string expected", 1, true)
    end
    assert.error_matches(function () parser:feed() end, "string expected", 1, true)
    assert.error_matches(function () parser:feed(nil) end, "string expected", 1, true)
  end)

  it("refuses a self that is no parser", function ()
    local parser = sse.new()
    for _, method in ipairs { "feed", "next", "token", "finish", "close" } do
      for _, bad in ipairs { 1, "x", {}, io.stdout } do
        assert.error_matches(function () parser[method](bad, "") end,
          "predibase.sse expected", 1, true)
      end
      assert.error_matches(function () parser[method]() end, "predibase.sse expected", 1, true)
    end
  end)

  it("leaves the parser as it was", function ()
    local parser = sse.new()
    parser:feed("data: a")
    pcall(parser.feed, parser, {})
    parser:feed("b\n\n")
    assert.equal("ab", (parser:next()))
  end)

  it("finds the module's name in the metatable", function ()
    assert.equal("predibase.sse", getmetatable(sse.new()).__name)
  end)
end)

describe("the collector", function ()
  it("takes parsers in the middle of an event", function ()
    local weak = setmetatable({}, { __mode = "k" })
    for i = 1, 100 do
      local parser = sse.new()
      parser:feed(("data: %s\n\n"):format(("x"):rep(i * 100)))
      parser:feed("event: x\nid: 1\ndata: unfinished")
      weak[parser] = true
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  for _, size in ipairs { 100, 3000, 100000 } do
    local data = ("x"):rep(size)
    local stream = "id: 1\nevent: t\ndata: " .. data .. "\n\n"

    it("may close a parser that returns " .. size .. " bytes", function ()
      local closed = 0
      for _ = 1, 5 do
        local parser = sse.new()
        parser:feed(stream)
        local inside, ok, got, event, id = lifetime.inside(function ()
          parser:close()
          closed = closed + 1
        end, parser.next, parser)
        assert.is_true(inside)
        if ok then
          assert.is_true(got == data and event == "t" and id == "1")
        else
          assert.matches("attempt to use a closed parser", got, 1, true)
        end
      end
      assert.equal(5, closed)
    end)

    it("may feed and read a parser that returns " .. size .. " bytes", function ()
      local parser = sse.new()
      local other = ("y"):rep(20000)
      local ran = 0
      for _ = 1, 5 do
        parser:feed(stream)
        local inside, ok, got = lifetime.inside(function ()
          parser:feed(stream)
          parser:feed("data: " .. other)
          parser:next()
          parser:feed("\n\n")
          ran = ran + 1
        end, parser.next, parser)
        assert.is_true(inside)
        assert.is_true(ok)
        assert.is_true(got == data or got == other)
      end
      assert.equal(5, ran)
    end)
  end

  it("may close or read a parser that gives texts", function ()
    local event = 'data: {"token":{"id":5,"text":"some text of a token","logprob":-0.5}}\n\n'
    for _, finalizer in ipairs {
      function (parser) parser:close() end,
      function (parser) repeat until not parser:take_texts() end,
      function (parser) parser:next() end,
      function (parser) parser:feed(event) end,
    } do
      for _ = 1, 5 do
        local parser = sse.new()
        parser:feed(event:rep(20))
        parser:keep_text(1e6, true)
        local inside, ok, text = lifetime.inside(function () finalizer(parser) end,
          parser.take_texts, parser)
        assert.is_true(inside)
        assert.is_true(ok)
        if not lifetime.COLLECTS_ON_CALL then
          assert.equal(("some text of a token"):rep(20), text)
        end
        parser:close()
      end
    end
  end)

  for _, method in ipairs { "token", "take" } do
    it("may close or read a parser that makes a token: " .. method, function ()
      local event = 'data: {"token":{"id":5,"text":"some text of a token","logprob":-0.5}}\n\n'
      for _, finalizer in ipairs {
        function (parser) parser:close() end,
        function (parser) repeat until not parser[method](parser) end,
        function (parser) parser:next() end,
        function (parser) parser:feed(event) end,
      } do
        for _ = 1, 5 do
          local parser = sse.new()
          parser:feed(event)
          local inside, ok, token = lifetime.inside(function () finalizer(parser) end,
            parser[method], parser)
          assert.is_true(inside)
          if lifetime.COLLECTS_ON_CALL then
            assert.is_true(ok or token == "attempt to use a closed parser")
          else
            assert.is_true(ok)
            assert.same({ id = 5, text = "some text of a token", logprob = -0.5 }, token)
          end
          parser:close()
        end
      end
    end)
  end

  it("may add text while the text is read", function ()
    for _ = 1, 5 do
      local parser = sse.new()
      parser:keep_text(1e6, true)
      parser:add(("x"):rep(5000))
      local inside, ok, text = lifetime.inside(function () parser:add(("y"):rep(5000)) end,
        parser.text, parser)
      assert.is_true(inside)
      assert.is_true(ok)
      assert.is_true(text == ("x"):rep(5000) or text == ("x"):rep(5000) .. ("y"):rep(5000))
      parser:close()
    end
  end)
end)
