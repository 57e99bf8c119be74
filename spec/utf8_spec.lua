-- SPDX-License-Identifier: MIT
local random = require "spec.support.random"
local utf8 = require "predibase.utf8"

--- A simple reference implementation: decodes the code point, then checks whether it is allowed.
local function naive (s)
  local i = 1
  while i <= #s do
    local a, b, c, d = s:byte(i, i + 3)
    local function tail (x) return x and x >= 128 and x < 192 end
    local point, size
    if a < 128 then point, size = a, 1
    elseif a >= 192 and a < 224 and tail(b) then
      point, size = (a - 192) * 64 + b - 128, 2
    elseif a >= 224 and a < 240 and tail(b) and tail(c) then
      point, size = ((a - 224) * 64 + b - 128) * 64 + c - 128, 3
    elseif a >= 240 and a < 248 and tail(b) and tail(c) and tail(d) then
      point, size = (((a - 240) * 64 + b - 128) * 64 + c - 128) * 64 + d - 128, 4
    end
    if not point then return false, i end
    local least = ({ 0, 0x80, 0x800, 0x10000 })[size]
    if point < least or point > 0x10FFFF or (point >= 0xD800 and point <= 0xDFFF) then
      return false, i
    end
    i = i + size
  end
  return true
end

describe("utf8.valid", function ()
  it("accepts the first and last code point of every length", function ()
    for _, s in ipairs { "", "\0", "\127", "\194\128", "\223\191", "\224\160\128", "\237\159\191",
      "\238\128\128", "\239\191\191", "\240\144\128\128", "\244\143\191\191", "a\0é€😀" } do
      assert.is_true(utf8.valid(s))
    end
  end)

  it("refuses what RFC 3629 refuses and returns the position", function ()
    local cases = {
      { "ab\128", 3 }, { "\191", 1 }, -- continuation bytes alone
      { "\192\175", 1 }, { "\193\191", 1 }, -- overlong
      { "\224\159\191", 1 }, { "\240\143\191\191", 1 },
      { "x\237\160\128", 2 }, { "\237\191\191", 1 }, -- surrogates
      { "\244\144\128\128", 1 }, { "\245\128\128\128", 1 }, -- too large
      { "é\255", 3 }, { "\254", 1 },
      { "é\194", 3 }, { "\226\130", 1 }, { "\240\159\152", 1 }, -- cut short
      { "\226\130a", 1 }, { "\195\195\169", 1 }, { "\240\159\152\240", 1 },
    }
    for _, case in ipairs(cases) do
      local ok, position = utf8.valid(case[1])
      assert.is_false(ok)
      assert.equal(case[2], position)
    end
  end)

  it("agrees with the reference implementation on random bytes", function ()
    local rng = random.new(20240607)
    local alphabet = { 0, 65, 127, 128, 143, 144, 159, 160, 175, 191, 192, 193, 194, 223, 224, 225,
      236, 237, 238, 239, 240, 241, 243, 244, 245, 247, 248, 255 }
    for _ = 1, 4000 do
      local bytes = {}
      for i = 1, rng:int(1, 8) do bytes[i] = string.char(rng:pick(alphabet)) end
      local s = table.concat(bytes)
      local want, where = naive(s)
      local got, at = utf8.valid(s)
      assert.same({ want, where }, { got, at }, ("%q"):format(s))
    end
  end)
end)

describe("utf8.size", function ()
  it("returns the size of the character at a position, nil for an invalid one", function ()
    local s = "aé€😀\255"
    local sizes = {}
    for i = 1, #s do sizes[i] = utf8.size(s, i) or 0 end
    assert.same({ 1, 2, 0, 3, 0, 0, 4, 0, 0, 0, 0 }, sizes)
  end)
end)

describe("utf8.split", function ()
  it("splits off every beginning of a character and nothing else", function ()
    for _, char in ipairs { "é", "€", "😀", "\237\159\191", "\244\143\191\191" } do
      for cut = 1, #char - 1 do
        assert.same({ "x€", char:sub(1, cut) }, { utf8.split("x€" .. char:sub(1, cut)) })
        assert.same({ "", char:sub(1, cut) }, { utf8.split(char:sub(1, cut)) })
      end
      assert.same({ char, "" }, { utf8.split(char) })
    end
  end)

  it("does not split off bytes that cannot become a character", function ()
    for _, s in ipairs { "", "abc", "\255", "a\128", "\128\128\128\128", "\224\159", "\237\160",
      "\240\143", "\240\159\65", "\244\144", "\245", "\192", "\226\65", "é\191", "\240\144\192" } do
      assert.same({ s, "" }, { utf8.split(s) })
    end
  end)

  it("loses nothing when text is cut anywhere and joined again", function ()
    local text = "aé€😀z\240\159\255ü\128\226\130"
    for cut = 0, #text do
      local whole, rest = utf8.split(text:sub(1, cut))
      assert.equal(text, whole .. rest .. text:sub(cut + 1))
      assert.is_true(#rest <= 3)
    end
  end)
end)

describe("whole_characters", function ()
  it("gives whole characters, no empty texts, and the rest at the end", function ()
    local function pieces (list)
      local i, out = 0, {}
      for piece in utf8.whole_characters(function ()
        i = i + 1
        return list[i]
      end) do out[#out + 1] = piece end
      return out
    end
    assert.same({}, pieces {})
    assert.same({ "a", "b" }, pieces { "", "a", "", "b", "" })
    assert.same({ "a", "\240\159\140\158b" }, pieces { "a\240", "\159", "\140", "\158b" })
    assert.same({ "a", "\240\159" }, pieces { "a\240", "\159" })
    assert.same({ "\128", "x" }, pieces { "\128", "x" })
  end)

  it("needs no look at texts that the parser tells to be whole", function ()
    local rng = random.new(8)
    local parser = require "predibase.sse".new()
    parser:keep_text(1e9, false)
    local bytes = { "a", "\128", "\159", "\160", "\191", "\192", "\194", "\223", "\224", "\225",
      "\237", "\239", "\240", "\241", "\244", "\245", "\255" }
    for _ = 1, 5000 do
      local out = {}
      for i = 1, rng:int(1, 5) do out[i] = rng:pick(bytes) end
      local text = table.concat(out)
      assert(parser:feed('data:{"token":{"id":1,"text":"' .. text .. '"}}\n\n'))
      local found, is_whole = parser:take_texts()
      assert.equal(text, found)
      assert.equal(select(2, utf8.split(text)) == "", is_whole)
    end
    local halves = { { "a", true }, { "\240\159", false }, { "\140\158b", true }, { "c", true } }
    local i = 0
    local next_text = utf8.whole_characters(function ()
      i = i + 1
      if halves[i] then return halves[i][1], halves[i][2] end
    end)
    assert.same({ "a", "\240\159\140\158b", "c" }, { next_text(), next_text(), next_text() })
    assert.is_nil(next_text())
  end)
end)
