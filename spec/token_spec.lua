-- SPDX-License-Identifier: MIT
--- Tokens that the parser reads itself (src/token.c): always exactly what the JSON of lua-cjson and
-- `event.decode` make of the same event, or left to them.

local event = require "predibase.event"
local random = require "spec.support.random"
local sse = require "predibase.sse"

local good = {
  '{"token":{"id":1369,"text":" test","logprob":-0.34,"special":false,"skipped":false},'
    .. '"generated_text":null,"details":null}',
  '{"token":{"id":0,"text":"\\n\\"\\\\","logprob":-1.5e-05,"special":true,'
    .. '"alternative_tokens":null},"generated_text":null,"details":null}',
  '{"token":{"id":2147483647,"text":" \195\169\240\159\152\128","logprob":null}}',
}

local inserts = { "null", "true", "false", "{}", "[]", '""', '"x"', "0", "-1", "1.5", "1e400", "-0",
  "9007199254740993", "[[", "{", "}", "]", ",", ":", '"', "\\", "\\ud83d", "\\n", "\0", "\n", " ",
  "\255", '"error":', '"token":', '"id":', '"text":', '"logprob":', '"details":',
  '"generated_text":', '"special":', '"skipped":', '"alternative_tokens":', "e", ".", "-" }

local parser

--- What the parser gives for an event with this data.
local function read (data)
  assert(parser:feed("data: " .. data:gsub("\n", "\ndata: ") .. "\n\n"))
  return parser:token()
end

--- A value with its exact type: 1 and 1.0 differ where Lua has both, 0 and -0 everywhere.
local function exact (v)
  if type(v) ~= "number" then return v end
  local kind = rawget(math, "type")
  return ("%.17g %s %s"):format(v, kind and kind(v) or "", 1 / v)
end

local function same (token, data)
  local ev, failure = event.decode(data)
  assert.is_nil(failure, data)
  assert.is_nil(ev.error, data)
  assert.is_nil(ev.generated_text, data)
  assert.is_nil(ev.details, data)
  for name, value in pairs(ev.token) do assert.equal(exact(value), exact(token[name]), data) end
  for name in pairs(token) do assert.not_nil(ev.token[name], data) end
end

describe("parser:token", function ()
  before_each(function () parser = sse.new() end)
  after_each(function () parser:close() end)

  it("reads plain tokens", function ()
    for _, data in ipairs(good) do
      local token = read(data)
      assert.is_table(token)
      same(token, data)
    end
  end)

  it("gives all other events as they are, in their order", function ()
    parser:feed("data: a\n\nevent: x\ndata:" .. good[1] .. "\n\ndata:\n\ndata: {}\ndata: \n\n")
    assert.equal("a", parser:token())
    assert.equal(1369, parser:token().id)
    assert.equal("", parser:token())
    assert.equal("{}\n", parser:token())
    assert.is_nil(parser:token())
  end)

  it("mixes with next", function ()
    parser:feed("data:" .. good[1] .. "\n\ndata:" .. good[3] .. "\n\n")
    assert.equal(good[1], (parser:next()))
    assert.equal(2147483647, parser:token().id)
    assert.is_nil(parser:next())
  end)

  it("raises for a closed parser and for what is no parser", function ()
    local token = parser.token
    parser:close()
    assert.error_matches(function () token(parser) end, "closed parser")
    assert.error_matches(function () token({}) end, "predibase%.sse expected")
    assert.error_matches(function () token() end, "predibase%.sse expected")
  end)

  it("gives a new table each time", function ()
    local a, b = read(good[1]), read(good[1])
    assert.not_equal(a, b)
    assert.same(a, b)
  end)

  it("agrees with the JSON of lua-cjson on twenty thousand damaged tokens", function ()
    local rng, plain = random.new(4711), 0
    for _ = 1, 20000 do
      local data = rng:mutate(rng:pick(good), inserts)
      if not data:find("\r", 1, true) then
        local token = read(data)
        if type(token) == "table" then
          plain = plain + 1
          same(token, data)
        else
          assert.equal(data, token)
        end
      end
    end
    assert.is_true(plain > 300, "the damage leaves too few plain: " .. plain)
  end)

  it("agrees on numbers of all lengths", function ()
    local rng, plain = random.new(99), 0
    for _ = 1, 5000 do
      local digits = {}
      for i = 1, rng:int(1, 19) do digits[i] = rng:int(0, 9) end
      local number = (rng:int(0, 1) == 1 and "-" or "") .. rng:int(0, 30) .. "."
        .. table.concat(digits)
      if rng:int(0, 2) == 0 then number = number .. "e" .. rng:int(-30, 30) end
      local data = '{"token":{"id":1,"text":"","logprob":' .. number .. "}}"
      local token = read(data)
      if type(token) == "table" then
        plain = plain + 1
        same(token, data)
      end
    end
    assert.is_true(plain > 1000)
  end)
end)

local function plain (text, special)
  return ('data:{"token":{"id":1,"text":"%s","special":%s},"generated_text":null}\n\n')
    :format(text, tostring(special or false))
end

describe("parser:take_texts", function ()
  before_each(function () parser = sse.new() end)
  after_each(function () parser:close() end)

  it("gives the text of all plain tokens, and counts them", function ()
    parser:feed(plain "one" .. plain("<s>", true) .. plain " two" .. plain "\195\169")
    assert.equal("one two\195\169", (parser:take_texts()))
    assert.same({ 4, 9 }, { parser:counts() })
    assert.same({ nil, true }, { parser:take_texts() })
    assert.equal(0, parser:count())
  end)

  it("gives an empty text for special tokens alone", function ()
    parser:feed(plain("<s>", true))
    assert.same({ "", true }, { parser:take_texts() })
    assert.same({ 1, 0 }, { parser:counts() })
  end)

  it("stops at what is no plain token, and leaves that to token", function ()
    parser:feed(plain "one" .. "data: {}\n\n" .. plain "two")
    assert.same({ "one", true }, { parser:take_texts() })
    assert.same({ nil, false }, { parser:take_texts() })
    assert.equal("{}", parser:token())
    assert.same({ "two", true }, { parser:take_texts() })
  end)

  it("loses none when there are more than it gives at once", function ()
    local all, texts = {}, {}
    for i = 1, 1000 do all[i] = ("%d,"):format(i):rep(i % 50) end
    for i = 1, 1000 do parser:feed(plain(all[i])) end
    while true do
      local text = parser:take_texts()
      if not text then break end
      assert.is_true(#text <= 4096)
      texts[#texts + 1] = text
    end
    assert.equal(table.concat(all), table.concat(texts))
    assert.equal(1000, (parser:counts()))
    assert.is_true(#texts < 50)
  end)

  it("says what token says, over events of all kinds", function ()
    local rng = random.new(77)
    for _ = 1, 300 do
      local other, expected, got = sse.new(), {}, {}
      for _ = 1, rng:int(1, 12) do
        local data = rng:mutate(rng:pick(good), rng:int(0, 2) == 0 and inserts or { "" })
        if not data:find "[\r\n]" then
          parser:feed("data: " .. data .. "\n\n")
          other:feed("data: " .. data .. "\n\n")
        end
      end
      for item in function () return other:token() end do
        expected[#expected + 1] = type(item) == "table" and (item.special and "" or item.text)
          or "<" .. item .. ">"
      end
      while parser:count() > 0 do
        local text = parser:take_texts()
        got[#got + 1] = text or "<" .. parser:token() .. ">"
      end
      assert.equal(table.concat(expected), table.concat(got))
      other:close()
    end
  end)
end)

describe("parser:keep_text", function ()
  before_each(function () parser = sse.new() end)
  after_each(function () parser:close() end)

  it("keeps the text of what is taken in any way, also when the parser is closed", function ()
    parser:keep_text(1000, true)
    parser:feed(plain "one" .. plain("<s>", true) .. plain " two")
    assert.equal("one", parser:take().text)
    assert.is_true(parser:take_all())
    parser:add " three"
    parser:feed(plain " four" .. plain " five" .. "data: {}\n\n")
    assert.equal(" four five", (parser:take_texts()))
    assert.is_false(parser:take_all())
    parser:close()
    parser:add " six"
    assert.equal("one two three four five six", parser:text())
    assert.same({ 7, 27 }, { parser:counts() })
    assert.same({ nil, false }, { parser:take() })
    assert.same({ nil, false }, { parser:take_texts() })
    assert.is_false(parser:take_all())
  end)

  it("only counts unless the text is wanted", function ()
    parser:feed(plain "one")
    parser:take_all()
    assert.same({ 1, 3 }, { parser:counts() })
    assert.equal("", parser:text())
    parser:keep_text(math.huge, false)
    parser:feed(plain "two")
    assert.equal("two", parser:take().text)
    assert.same({ 1, 3 }, { parser:counts() })
    assert.equal("", parser:text())
  end)

  it("leaves a token whose text is longer than what is left to token", function ()
    for _, method in ipairs { "take", "take_all", "take_texts" } do
      local limited = sse.new()
      limited:keep_text(6, true)
      limited:feed(plain "one" .. plain("<special>", true) .. plain "four" .. plain "two")
      repeat local taken = limited[method](limited) until not taken
      assert.equal("one", limited:text())
      assert.equal("four", limited:token().text)
      limited:add "four"                -- beyond the limit: only the caller's own
      assert.same({ nil, false }, { limited:take() })
      assert.equal("onefour", limited:text())
      limited:close()
    end
  end)

  it("refuses a limit that is no number of bytes", function ()
    assert.error_matches(function () parser:keep_text(-1, true) end, "bytes expected")
    assert.error_matches(function () parser:keep_text(0 / 0, true) end, "bytes expected")
    assert.error_matches(function () parser.take {} end, "predibase%.sse expected")
    assert.error_matches(function () parser.counts {} end, "predibase%.sse expected")
  end)
end)
