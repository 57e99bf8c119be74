-- SPDX-License-Identifier: MIT
local template = require "predibase.template"

local TOOLS = {
  { name = "weather", description = "d", parameters = { type = "object", properties = {} } },
  { name = "now", description = "d", parameters = { type = "object", properties = {} } },
}

--- Reads a text in pieces of the given sizes. Returns the answer, the reasoning, the calls, and the
-- text that was shown before the end.
local function read (format, text, sizes, options)
  local reader = assert(format:reader(options))
  local answer, thoughts, at, turn = {}, {}, 1, 0
  while at <= #text do
    local size = sizes[turn % #sizes + 1]
    turn = turn + 1
    local shown, thought = reader:feed(text:sub(at, at + size - 1))
    answer[#answer + 1], thoughts[#thoughts + 1] = shown, thought
    at = at + size
  end
  local early = table.concat(answer)
  local rest, thought, calls = reader:finish()
  return early .. rest, table.concat(thoughts) .. thought, calls, early
end

local CALL = '{"name": "weather", "arguments": {"city": "Köln", "days": [1, 2]}}'

local ANSWERS = {
  ["qwen-2.5"] = {
    "Hello, it is sunny.", "", " \n", "a < b and <tool> is no call", "<tool_call",
    "<tool_call>\n" .. CALL .. "\n</tool_call>", "Let me see.\n\n<tool_call>\n" .. CALL
      .. "\n</tool_call>", "<tool_call>\n" .. CALL .. "\n</tool_call>\n<tool_call>\n" .. CALL
      .. "\n</tool_call>", CALL, "  " .. CALL, '{"name": "unknown", "arguments": {}}',
    '{"some": "JSON"} and more', "[1, 2, 3]", "<tool_call>\nbroken\n</tool_call> and so on",
    "before <tool_call>" .. CALL .. "</tool_call> after",
  },
  ["llama-3.1"] = {
    "Hello.", '{"name": "weather", "parameters": {"city": "Rome"}}',
    '<|python_tag|>{"name": "now", "parameters": {}}; {"name": "weather", "parameters": {}}',
    '{"name": "unknown", "parameters": {}}', "{", '{"name"', "see <|python_tag|> print(1)",
  },
  ["mistral-nemo"] = {
    "Hello.", "[TOOL_CALLS] [" .. CALL .. "]", "[" .. CALL .. "]", 'weather{"city": "Rome"}',
    "weather is sunny", "wea", "now[ARGS]{}", "nowhere", "[TOOL_CALLS]now[ARGS]{}", "[1] a note",
    "Sure.[TOOL_CALLS][" .. CALL .. "]",
  },
}

local function without_ids (calls)
  if not calls then return nil end
  local out = {}
  for i, call in ipairs(calls) do out[i] = { call.name, call.raw_arguments } end
  return out
end

local function trimmed (text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

describe("format:reader", function ()
  for name, texts in pairs(ANSWERS) do
    it("finds in pieces what parse finds in the whole text: " .. name, function ()
      local format = assert(template.chat(name))
      for _, text in ipairs(texts) do
        local message = assert(format:parse(text, { tools = TOOLS }))
        for _, sizes in ipairs { { 1 }, { 2 }, { 3, 1 }, { 7, 5 }, { 1000 } } do
          local answer, thoughts, calls = read(format, text, sizes, { tools = TOOLS })
          assert.same(without_ids(message.tool_calls), without_ids(calls), text)
          assert.equal("", thoughts)
          if calls then
            assert.equal((trimmed(message.content or ""):gsub("%s+", " ")),
              (trimmed(answer):gsub("%s+", " ")), text)
          else
            assert.equal(message.content, answer)
          end
        end
      end
    end)
  end

  it("shows text as it arrives, and nothing of a call", function ()
    local format = assert(template.chat "qwen-2.5")
    local _, _, calls, early = read(format, "Let me see. <tool_call>\n" .. CALL .. "\n</tool_call>",
      { 4 }, { tools = TOOLS })
    assert.equal("Let me see.", early)
    assert.equal("weather", calls[1].name)
    assert.equal(9, #calls[1].id)
    assert.same({ city = "Köln", days = { 1, 2 } }, calls[1].arguments)
    _, _, _, early = read(format, "a {brace} and <b>", { 1 }, { tools = TOOLS })
    assert.equal("a {brace} and <b>", early)
  end)

  it("separates the reasoning", function ()
    local format = assert(template.chat "qwen-3")
    local text = "<think>\nSun or rain?\n</think>\n\nLet me see.\n<tool_call>\n" .. CALL
      .. "\n</tool_call>"
    for size = 1, #text do
      local answer, thoughts, calls, early = read(format, text, { size }, { tools = TOOLS,
        begins_inside = false })
      assert.equal("Sun or rain?", thoughts)
      assert.equal("Let me see.", answer)
      assert.is_true(#early <= #answer)
      assert.equal("weather", calls[1].name)
    end
    local answer, thoughts = read(format, "Hm</think>Yes", { 1 }, { begins_inside = true })
    assert.equal("Hm", thoughts)
    assert.equal("Yes", answer)
  end)

  it("looks for no calls without tools", function ()
    local format = assert(template.chat "qwen-2.5")
    local answer, _, calls, early = read(format, CALL, { 5 })
    assert.equal(CALL, answer)
    assert.equal(CALL, early)
    assert.is_nil(calls)
    -- A format that does not know tools shows everything.
    format = assert(template.chat "alpaca")
    answer, _, calls = read(format, CALL, { 5 }, { tools = TOOLS })
    assert.equal(CALL, answer)
    assert.is_nil(calls)
  end)

  it("names the special tokens that have to be fed", function ()
    local reader = assert(assert(template.chat "mistral-nemo"):reader { tools = TOOLS })
    assert.is_true(reader:is_mark "[TOOL_CALLS]")
    assert.is_false(reader:is_mark "</s>")
    reader = assert(assert(template.chat "mistral-nemo"):reader())
    assert.is_false(reader:is_mark "[TOOL_CALLS]")
    reader = assert(assert(template.chat "qwen-3"):reader())
    assert.is_true(reader:is_mark "</think>")
  end)

  it("refuses wrong options as parse does", function ()
    local format = assert(template.chat "qwen-2.5")
    local reader, err = format:reader { tools = 7 }
    assert.is_nil(reader)
    assert.equal("template", err.kind)
    assert.has_error(function () format:reader(7) end)
    assert.has_error(function () format:reader { tolls = {} } end)
    assert.has_error(function () format.reader({}) end)
  end)
end)
