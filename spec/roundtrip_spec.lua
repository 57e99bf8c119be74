-- SPDX-License-Identifier: MIT
-- Prompts that break careless programs reach the server byte for byte, and its words come back so.

local json = require "predibase.json"
local predibase = require "predibase"
local random = require "spec.support.random"
local server = require "spec.support.server"
local utf8 = require "predibase.utf8"

local PROMPTS = {
  { "one byte", "a" },
  { "a zero byte in the middle", "before\0after" },
  { "every control character", (("x"):rep(32):gsub("()x", function (i)
    return string.char(i - 1)
  end)) .. "\127" },
  { "quotes and backslashes", [["'`\" \\ \n \u0041 %s %d %n {} {{}} ${HOME} $(true) `true`]] },
  { "line ends of every kind", "a\rb\nc\r\nd\n\re\n" },
  { "what looks like an event", "data: {\"token\":null}\n\ndata: [DONE]\n\n:\n\n" },
  { "what looks like JSON", '{"inputs":"no","parameters":{"stop":[]}}' },
  { "markup", "<script>alert('1')</script> & &amp; <!-- --> ]]>" },
  { "special tokens of models", "<s></s>[INST]<|eot_id|><unk><pad>" },
  { "two-byte characters", "Gr\195\182\195\159e, \195\169t\195\169, \207\128" },
  { "Japanese, Arabic and Hebrew", "\230\151\165\230\156\172 \216\185\216\177\216\168\217\138 "
    .. "\215\162\215\145\215\168\215\153\215\170" },
  { "an emoji of several characters", "\240\159\145\169\226\128\141\240\159\148\172 "
    .. "\240\159\135\169\240\159\135\170" },
  { "combining marks", "e\204\129 n\204\131 Z\205\145\204\171\204\147" },
  { "direction marks and no-width spaces",
    "\226\128\174abc\226\128\172 \226\128\139 \239\187\191" },
  { "line separators of Unicode", "a\226\128\168b\226\128\169c\194\133d" },
  { "code points that are no characters", "\239\191\190 \239\191\191 \239\183\144" },
  { "the last code point", "\244\143\191\191" },
  { "the replacement character", "\239\191\189" },
  { "numbers that are none", "NaN Infinity -0 1e999 0x10 007 1,5" },
  { "white space only", " \t " },
  { "a hundred thousand bytes", ("0123456789"):rep(10000) },
}

--- Valid UTF-8 of all four lengths, from a seed.
local function any_text (draw, characters)
  local RANGES = { { 0, 0x7F }, { 0x80, 0x7FF }, { 0x800, 0xD7FF }, { 0x10000, 0x10FFFF } }
  local parts = {}
  for i = 1, characters do
    local range = draw:pick(RANGES)
    local code = draw:int(range[1], range[2])
    local bytes
    if code < 0x80 then bytes = { code }
    elseif code < 0x800 then bytes = { 0xC0 + math.floor(code / 64), 0x80 + code % 64 }
    elseif code < 0x10000 then
      bytes = { 0xE0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64,
        0x80 + code % 64 }
    else
      bytes = { 0xF0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64,
        0x80 + math.floor(code / 64) % 64, 0x80 + code % 64 }
    end
    for k, byte in ipairs(bytes) do bytes[k] = string.char(byte) end
    parts[i] = table.concat(bytes)
  end
  return table.concat(parts)
end

local draw = random.new(20260)
for i = 1, 20 do
  PROMPTS[#PROMPTS + 1] = { "random text " .. i, any_text(draw, 200) }
end

describe("a prompt", function ()
  local stand_in, client

  before_each(function ()
    stand_in = server.spawn { max_input_length = 1e6, max_total_tokens = 1e6 + 10 }
    client = assert(predibase.new { base_url = stand_in.url, api_token = false })
  end)

  after_each(function ()
    client:close()
    server.stop()
  end)

  it("arrives as it was and comes back as it was, whatever is in it", function ()
    for _, case in ipairs(PROMPTS) do
      local name, prompt = case[1], case[2]
      assert(utf8.valid(prompt), name)
      local options = { max_new_tokens = 1, return_full_text = true }
      local result = assert(client:generate(prompt, options))
      assert.equal(prompt, result.generated_text:sub(1, #prompt), name)
      local streamed = assert(client:generate_stream(prompt, options):text())
      assert.equal(prompt, streamed:sub(1, #prompt), name)
    end
    local log = stand_in:log()
    assert.equal(2 * #PROMPTS, #log)
    for i, case in ipairs(PROMPTS) do
      assert.equal(case[2], json.decode(log[2 * i].body).inputs, case[1])
    end
  end)

  it("and every stop sequence arrives as it was", function ()
    local stop = {}
    for _, case in ipairs(PROMPTS) do
      if #case[2] < 100 and #stop < 10 then stop[#stop + 1] = case[2] end
    end
    assert(client:generate("Hello", { max_new_tokens = 1, stop = stop }))
    assert.same(stop, json.decode(stand_in:log()[1].body).parameters.stop)
  end)
end)
