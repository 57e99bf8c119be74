-- SPDX-License-Identifier: MIT

local text = require "predibase.mock.text"
local tokenizer = require "predibase.mock.tokenizer"

describe("predibase.mock.text", function()
  it("gives documents with prompts and one answer each, all of it UTF-8", function()
    local documents = text.documents()
    assert.is_true(#documents > 60)
    for _, document in ipairs(documents) do
      assert.is_true(#document.answer > 0)
      assert.is_true(#document.prompts > 0 or document.voice ~= nil)
      assert.are.equal(document.answer, tokenizer.readable(document.answer))
    end
  end)

  it("turns wrapped lines into one and empty lines into line breaks", function()
    for _, document in ipairs(text.documents()) do
      assert.is_nil(document.answer:find("\n\n", 1, true))
      assert.is_nil(document.answer:find("%S  "))
    end
  end)

  it("has several thousand words, some of them outside ASCII, and emoji", function()
    local words, all = 0, {}
    for _, document in ipairs(text.documents()) do
      for _ in document.answer:gmatch("%S+") do words = words + 1 end
      all[#all + 1] = document.answer
    end
    all = table.concat(all)
    assert.is_true(words > 5000)
    assert.is_truthy(all:find("Grüß", 1, true))
    assert.is_truthy(all:find("東京", 1, true))
    assert.is_truthy(all:find("🙂", 1, true))
  end)

  it("lets every text of a voice begin in the same way", function()
    local openings = {}
    for _, document in ipairs(text.documents()) do
      if document.voice then
        local first = document.answer:match("^%S+")
        openings[document.voice] = openings[document.voice] or first
        assert.are.equal(openings[document.voice], first)
      end
    end
    assert.are.equal(#text.voices(), #openings)
  end)
end)
