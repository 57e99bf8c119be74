-- SPDX-License-Identifier: MIT

local model = require "predibase.mock.model"
local tokenizer = require "predibase.mock.tokenizer"

local words = tokenizer.new "Once upon a time there was a café. The cat sat.\nnever, ever"

local function joined (ids)
  local parts = {}
  for i, id in ipairs(ids) do parts[i] = words.bytes[id] end
  return table.concat(parts)
end

describe("predibase.mock.tokenizer", function ()
  it("has the special tokens and the bytes where sentencepiece has them", function ()
    assert.equal("<unk>", words.bytes[0])
    assert.equal("<s>", words.bytes[1])
    assert.equal("</s>", words.bytes[2])
    for value = 0, 255 do assert.equal(string.char(value), words.bytes[3 + value]) end
    assert.same({ 0, 1, 2 }, { tokenizer.UNKNOWN, tokenizer.BEGIN, tokenizer.END })
  end)

  it("keeps the leading space in the token of a word", function ()
    local ids = words:encode("Once upon a time")
    assert.equal(4, #ids)
    assert.equal(" upon", words.bytes[ids[2]])
    assert.equal("▁upon", words:form(ids[2]))
  end)

  it("names bytes as sentencepiece does", function ()
    assert.equal("<0x0A>", words:form(words:encode("\n")[1]))
  end)

  it("encodes any text to tokens that joined are the text again", function ()
    local samples = {
      "", " ", "   ", "\n\n", "Once upon", "antidisestablishmentarianism", "don't", "'tis",
      "naïve café Größe", "東京 🙂 \240\159", "tab\tand\0nul", "1234 56", "a  b", "\255\254", "é",
      "…—“quoted”", "x\r\ny",
    }
    for _, sample in ipairs(samples) do assert.equal(sample, joined(words:encode(sample))) end
  end)

  it("encodes two thousand random byte strings exactly", function ()
    local next_number = model.random "11"
    for _ = 1, 2000 do
      local bytes = {}
      for i = 1, math.floor(next_number() * 24) do
        bytes[i] = string.char(math.floor(next_number() * 256))
      end
      local sample = table.concat(bytes)
      assert.equal(sample, joined(words:encode(sample)))
    end
  end)

  it("encodes characters outside the vocabulary as single bytes", function ()
    local ids = words:encode("🙂")
    assert.same({ 3 + 0xF0, 3 + 0x9F, 3 + 0x99, 3 + 0x82 }, ids)
  end)

  it("decodes only the last token of a character, to the whole character", function ()
    local decode, texts = words:decoder(), {}
    for _, id in ipairs(words:encode("a🙂é.")) do texts[#texts + 1] = decode(id) end
    assert.same({ "a", "", "", "", "🙂", "", "é", "." }, texts)
  end)

  it("replaces bytes that never become a character once the next one is whole", function ()
    local decode = words:decoder()
    assert.equal("", decode(3 + 0xC3))
    assert.equal("\239\191\189A", decode(3 + 0x41))
  end)

  it("drops special tokens from the text of an answer", function ()
    local ids = words:encode("The cat")
    ids[#ids + 1] = tokenizer.END
    assert.equal("The cat", words:decode(ids))
  end)

  it("decodes an answer that ends inside a character to an empty text", function ()
    local ids = words:encode("The cat 🙂")
    ids[#ids] = nil
    assert.equal("", words:decode(ids))
  end)

  it("accepts only valid UTF-8", function ()
    local bad = "\239\191\189"
    assert.equal("a", tokenizer.readable("a"))
    assert.equal("é東🙂", tokenizer.readable("é東🙂"))
    assert.equal(bad:rep(2), tokenizer.readable("\192\128"))
    assert.equal(bad:rep(3), tokenizer.readable("\237\160\128"))
    assert.equal(bad:rep(4), tokenizer.readable("\244\144\128\128"))
    assert.equal(bad .. "a", tokenizer.readable("\195a"))
    assert.equal("\244\143\191\191", tokenizer.readable("\244\143\191\191"))
  end)
end)
