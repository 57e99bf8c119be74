-- SPDX-License-Identifier: MIT
-- Expected texts are what `transformers` renders with the models' own published templates; see
-- spec/fixtures/chat/make.py.
local errors = require "predibase.errors"
local json = require "predibase.json"
local template = require "predibase.template"

local FOLDER = "spec/fixtures/chat/"

local function read (name)
  local file = assert(io.open(FOLDER .. name .. ".json", "rb"))
  local value = assert(json.decode(file:read "*a"))
  file:close()
  return value
end

local conversations = {}
for _, conversation in ipairs(read "conversations") do
  conversations[conversation.name] = conversation.messages
end

local function noon (day)
  local year, month, mday = day:match("^(%d+)-(%d+)-(%d+)$")
  return os.time { year = year, month = month, day = mday, hour = 12 }
end

local function options_of (case, today)
  return {
    add_generation_prompt = case.add_generation_prompt,
    continue_final_message = case.continue_final_message,
    date_string = case.date_string,
    enable_thinking = case.enable_thinking,
    special_tokens_in_text = "allow",
    now = noon(today),
  }
end

local function compare (format, case, today)
  local text, err = format:render(conversations[case.conversation], options_of(case, today))
  local where = ("%s: %s (%s)"):format(format.name, case.conversation,
    case.add_generation_prompt and "answer begun" or case.continue_final_message and "continued"
    or case.date_string or "as it is")
  if case.error then
    assert.is_nil(text, where)
    assert.is_true(errors.is(err), where)
    assert.equal("template", err.kind, where)
  else
    assert.equal(case.text, text, where .. (err and ": " .. tostring(err) or ""))
  end
end

describe("the format", function ()
  for _, name in ipairs(template.formats()) do
    it(name .. " equals the template that its model was published with", function ()
      local fixture = read(name)
      local format = assert(template.chat(name))
      assert.equal(fixture.source, format.source)
      assert.is_true(#fixture.cases >= (name == "alpaca" and 5 or 20))
      for _, case in ipairs(fixture.cases) do compare(format, case, fixture.today) end
    end)
  end
end)
