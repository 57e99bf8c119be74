-- SPDX-License-Identifier: MIT
local random = require "spec.support.random"
local texts = require "predibase.texts"
local utf8 = require "predibase.utf8"

local SUN = "\240\159\140\158"

--- The pieces of tokens with these texts; a table in the list is a token by itself.
local function pieces_of(list)
  local i = 0
  local pieces = {}
  for piece in texts.pieces(function ()
    i = i + 1
    local entry = list[i]
    return type(entry) == "string" and { text = entry } or entry
  end) do pieces[#pieces + 1] = piece end
  return pieces
end

describe("texts.pieces", function ()
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

  it("ends for good, and asks its source no more", function ()
    local asked = 0
    local next_piece = texts.pieces(function () asked = asked + 1 end)
    for _ = 1, 3 do assert.is_nil(next_piece()) end
    assert.equal(1, asked)
  end)

  it("passes on what its source raises and can be called again", function ()
    local failing = true
    local next_piece = texts.pieces(function ()
      if failing then error("mine", 0) end
    end)
    local ok, message = pcall(next_piece)
    assert.is_false(ok)
    assert.equal("mine", message)
    failing = false
    assert.is_nil(next_piece())
  end)

  it("takes an object that can be called", function ()
    local left = { { text = "a" }, { text = "b" } }
    local source = setmetatable({}, { __call = function () return table.remove(left, 1) end })
    assert.equal("a", texts.pieces(source)())
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
