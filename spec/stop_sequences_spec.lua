-- SPDX-License-Identifier: MIT
local random = require "spec.support.random"
local stops = require "predibase.stop_sequences"

--- Computes the expected result from the whole text: the end that comes first, then the longest.
local function by_looking (text, stop, trim)
  for last = 1, #text do
    local found
    for _, one in ipairs(stop) do
      if text:sub(1, last):sub(-#one) == one and last >= #one and (not found or #one > #found) then
        found = one
      end
    end
    if found then return text:sub(1, last - #found), found end
  end
  local cut, found = 0, nil
  for _, one in ipairs(trim) do
    for _, ending in ipairs { one, one .. "\n" } do
      if #ending > cut and #ending <= #text and text:sub(-#ending) == ending then
        cut, found = #ending, one
      end
    end
  end
  return text:sub(1, #text - cut), found
end

--- Feeds pieces, and checks after each that the text shown so far is correct.
local function by_pieces (pieces, stop, trim)
  local matcher = stops.new(stop, trim)
  local out = {}
  for _, piece in ipairs(pieces) do
    local shown, found = matcher:feed(piece)
    out[#out + 1] = shown
    if found then
      assert.equal("", (matcher:feed "more"))
      return table.concat(out), found
    end
  end
  local rest, found = matcher:finish()
  out[#out + 1] = rest
  return table.concat(out), found
end

local function pieces_at (text, ...)
  local pieces, from = {}, 1
  for _, cut in ipairs { ... } do
    pieces[#pieces + 1] = text:sub(from, cut)
    from = cut + 1
  end
  pieces[#pieces + 1] = text:sub(from)
  return pieces
end

local CASES = {
  { "Hello END more", { "END" }, {} },
  { "EEENDEND", { "END" }, {} },
  { "aabaabaaab!", { "aabaaab" }, {} },
  { "abababac-", { "ababac" }, {} },
  { "xabcabd", { "abcabd", "b" }, {} },
  { "xabc", { "abcd", "bc" }, {} },
  { "xabc", { "abc", "bc", "c" }, {} },
  { "one\n\ntwo", { "\n\n" }, {} },
  { "no stop EN", { "END" }, {} },
  { "done END", {}, { "END" } },
  { "done END\n", {}, { "END" } },
  { "done END\n\n", {}, { "END" } },
  { "done END.", {}, { "END" } },
  { "END", {}, { "END" } },
  { "END END", {}, { "END", "END END", "D" } },
  { "say </s>", { "STOP" }, { "</s>" } },
  { "say STOP</s>", { "STOP" }, { "</s>" } },
  { "caf\195\169 \226\130\172 end", { "\226\130\172" }, {} },
  { "a\0b\0\0c", { "\0\0" }, {} },
  { "a]b^c-d%e", { "%e" }, { "]" } },
  { "", { "END" }, { "END" } },
}

describe("stops", function ()
  it("finds sequences in a text that is cut anywhere in two or three", function ()
    for _, case in ipairs(CASES) do
      local text, stop, trim = case[1], case[2], case[3]
      local expected, found = by_looking(text, stop, trim)
      for first = 0, #text do
        for second = first, #text do
          local got, which = by_pieces(pieces_at(text, first, second), stop, trim)
          assert.equal(expected, got, text)
          assert.equal(found, which, text)
        end
      end
    end
  end)

  it("finds the same as a search of the whole text, in random texts", function ()
    local source = random.new(42)
    local function word (most)
      local out = {}
      for i = 1, source:int(1, most) do out[i] = source:pick { "a", "b", "\n" } end
      return table.concat(out)
    end
    for _ = 1, 3000 do
      local text, stop, trim = word(20), {}, {}
      for i = 1, source:int(0, 3) do stop[i] = word(4) end
      for i = 1, source:int(stop[1] and 0 or 1, 2) do trim[i] = word(4) end
      local pieces = {}
      local from = 1
      while from <= #text do
        local size = source:int(1, 5)
        pieces[#pieces + 1] = text:sub(from, from + size - 1)
        from = from + size
      end
      local expected, found = by_looking(text, stop, trim)
      local got, which = by_pieces(pieces, stop, trim)
      assert.same({ expected, found }, { got, which })
    end
  end)

  it("holds back only the beginning of a sequence", function ()
    local matcher = stops.new({ "END", "\n\n" }, { "</s>" })
    assert.equal("Hello", (matcher:feed "Hello"))
    assert.equal(" ", (matcher:feed " E"))
    assert.equal("E", (matcher:feed "E"))
    assert.equal("Ex", (matcher:feed "x"))
    assert.equal("a", (matcher:feed "a</s>"))
    assert.equal("</s>", matcher:rest())
    assert.equal("</s>b", (matcher:feed "b"))
    assert.equal("", (matcher:feed "\n"))
    assert.same({ "", "\n\n", " more" }, { matcher:feed "\n more" })
    assert.same({ "", "\n\n", "again" }, { matcher:feed "again" })
  end)

  it("cuts a whole text", function ()
    assert.same({ "a ", "END", "stop" }, { stops.cut("a END b END", { "END" }, { "b" }) })
    assert.same({ "a ", "END", "trim" }, { stops.cut("a END", nil, { "END" }) })
    assert.same({ "a END b" }, { stops.cut("a END b", nil, { "END" }) })
    assert.same({ "a" }, { stops.cut("a", nil, nil) })
    assert.same({ "a" }, { stops.cut("a", {}, { "" }) })
  end)

  it("makes no matcher without sequences", function ()
    assert.is_nil(stops.new(nil, nil))
    assert.is_nil(stops.new({}, { "" }))
  end)

  it("returns a long text without a sequence at once", function ()
    local text = ("word "):rep(200000)
    assert.equal(text, (stops.cut(text, { "STOP" })))
  end)
end)
