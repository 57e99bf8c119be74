-- SPDX-License-Identifier: MIT
-- Texts of a stream: the pieces that can be shown as they come, and the whole.

local random = require "spec.support.random"
local sse = require "predibase.sse"
local stream = require "predibase.stream"
local tokens = require "spec.support.token_stream"
local utf8 = require "predibase.utf8"

local SUN = "\240\159\140\158"

--- The pieces of tokens with these texts; a table in the list is a token by itself. The end is the
-- closing event, whose own token is a special one.
local function pieces_of (list)
  local i, pieces = 0, {}
  local read = tokens.over { next = function ()
    i = i + 1
    local entry = list[i]
    if entry ~= nil then return type(entry) == "string" and { text = entry } or entry end
    return '{"token":{"id":2,"text":"</s>","logprob":-1,"special":true},"generated_text":"all"}'
  end }
  for piece in read:texts() do pieces[#pieces + 1] = piece end
  return pieces
end

describe("stream:texts", function ()
  it("gives the texts of tokens as they come", function ()
    assert.same({ " The", " sky", "." }, pieces_of { " The", " sky", "." })
    assert.same({ "\195\169", SUN }, pieces_of { "\195\169", SUN })
  end)

  it("gives nothing for no tokens", function ()
    assert.same({}, pieces_of {})
  end)

  it("leaves out special tokens, whose text is no answer", function ()
    assert.same({ " a" }, pieces_of { { text = "<s>", special = true }, " a",
      { text = "</s>", special = true } })
  end)

  it("leaves out empty texts", function ()
    assert.same({ "a", "b" }, pieces_of { "", "a", "", "", "b", "" })
  end)

  it("holds half a character back until the rest has come", function ()
    assert.same({ "a", SUN .. "b" }, pieces_of { "a" .. SUN:sub(1, 1), SUN:sub(2, 3),
      SUN:sub(4) .. "b" })
    assert.same({ SUN }, pieces_of { SUN:sub(1, 2), { text = "</s>", special = true },
      SUN:sub(3, 4) })
  end)

  it("gives what never became a character at the end, as it is", function ()
    assert.same({ "a", SUN:sub(1, 3) }, pieces_of { "a" .. SUN:sub(1, 3) })
  end)

  it("does not wait for bytes that belong to no character", function ()
    assert.same({ "a\255" }, pieces_of { "a\255" })
    assert.same({ "\128", "b" }, pieces_of { "\128", "b" })
    assert.same({ "\240a" }, pieces_of { "\240", "a" })
  end)

  it("ends for good, and reads no more", function ()
    local asked = 0
    local next_piece = tokens.over { next = function ()
      asked = asked + 1
      return '{"token":{"id":2,"text":"","logprob":-1,"special":true},"generated_text":"all"}'
    end }:texts()
    for _ = 1, 3 do assert.is_nil(next_piece()) end
    assert.equal(1, asked)
  end)

  it("raises the error of the stream each time, and what comes from outside once", function ()
    local next_piece = tokens.of { "a" }:texts()
    assert.equal("a", next_piece())
    for _ = 1, 2 do
      local ok, err = pcall(next_piece)
      assert.is_false(ok)
      assert.equal("broken", err.message)
    end
    local failing = true
    next_piece = tokens.over { next = function ()
      if failing then error("mine", 0) end
      return { text = "b" }
    end }:texts()
    local ok, message = pcall(next_piece)
    assert.is_false(ok)
    assert.equal("mine", message)
    failing = false
    assert.equal("b", next_piece())
  end)

  it("makes whole characters of valid text however it is cut, losing nothing", function ()
    local rng = random.new(11)
    local characters = { "a", " ", "\n", "\195\169", "\226\130\172", SUN, "\226\128\168" }
    for _ = 1, 500 do
      local parts = {}
      for i = 1, rng:int(1, 12) do parts[i] = rng:pick(characters) end
      local text, list, at = table.concat(parts), {}, 1
      while at <= #text do
        local size = rng:int(0, 3)
        list[#list + 1] = text:sub(at, at + size - 1)
        at = at + size
      end
      local pieces = pieces_of(list)
      assert.equal(text, table.concat(pieces))
      for _, piece in ipairs(pieces) do
        assert.is_true(piece ~= "" and utf8.valid(piece))
      end
    end
  end)
end)

describe("the text of a stream", function ()
  for _, count in ipairs { 0, 1, 31, 32, 33, 63, 64, 65, 1000 } do
    it(("is whole after %d tokens"):format(count), function ()
      local list = {}
      for i = 1, count do list[i] = i % 7 == 0 and "" or "t" .. i end
      local read = tokens.of(list)
      for _ = 1, count do assert.is_table(read:next()) end
      local token, err = read:next()
      assert.is_nil(token)
      assert.equal(table.concat(list), err.partial_text)
      assert.equal(count, err.tokens)
    end)
  end

  it("is whole, whatever instruction an error from outside hits", function ()
    local expected, events, interrupted = {}, {}, 0
    for i = 1, 70 do
      expected[i] = i .. " "
      events[i] = ('data:{"token":{"id":%d,"text":"%s"}}\n\n'):format(i, expected[i])
    end
    local function interrupt ()
      debug.sethook()
      error("interrupted!", 0)
    end
    for at = 1, 1500, 3 do
      local parser = sse.new()
      parser:feed(table.concat(events))
      local read = tokens.over {
        next = function ()
          local token = parser:token()
          if token then return token end
          return nil, { kind = "connection", message = "broken" }
        end,
        tokens = function (_, limit, kept)
          parser:keep_text(limit, kept)
          return parser, true
        end,
        await = function () return false end,
      }
      assert.is_table(read:next())
      local ok = pcall(function ()
        debug.sethook(interrupt, "", at)
        for i = 2, 70 do
          if i % 2 == 0 then stream.take_buffered(read) else stream.take_buffered_texts(read) end
        end
        debug.sethook()
      end)
      debug.sethook()
      if not ok then interrupted = interrupted + 1 end
      local token, err
      repeat token, err = read:next() until not token
      assert.equal(table.concat(expected), err.partial_text)
      assert.equal(70, err.tokens)
    end
    assert.is_true(interrupted > 0)
  end)
end)
