-- SPDX-License-Identifier: MIT
-- The text of a stream, kept in few pieces: predibase.stream.text.

local text_of = require "predibase.stream.text"

describe("the text of a stream", function ()
  for _, tokens in ipairs { 0, 1, 31, 32, 33, 63, 64, 65, 1000 } do
    it(("is whole after %d tokens, in few pieces"):format(tokens), function ()
      local stream, expected = { parts = {}, count = 0, left = 1e6 }, {}
      for i = 1, tokens do
        expected[i] = i % 7 == 0 and "" or "t" .. i
        text_of.add(stream, expected[i])
        assert.is_true(#stream.parts < text_of.FOLD)
      end
      assert.equal(table.concat(expected), text_of.all(stream))
      assert.equal(table.concat(expected), text_of.all(stream))
      assert.equal(math.floor(tokens / text_of.FOLD), #(stream.parts.folded or {}))
    end)
  end

  it("is whole, whatever instruction an error from outside hits", function ()
    local expected, interrupted = {}, 0
    for i = 1, 70 do expected[i] = i .. " " end
    local function interrupt()
      debug.sethook()
      error("interrupted!", 0)
    end
    for at = 1, 1500 do
      local stream = { parts = {}, count = 0, left = 1e6 }
      local ok = pcall(function ()
        debug.sethook(interrupt, "", at)
        for i = 1, 70 do text_of.add(stream, expected[i]) end
        debug.sethook()
      end)
      if not ok then interrupted = interrupted + 1 end
      for i = stream.count + 1, 70 do text_of.add(stream, expected[i]) end
      assert.equal(table.concat(expected), text_of.all(stream))
    end
    assert.is_true(interrupted > 0)
  end)
end)
