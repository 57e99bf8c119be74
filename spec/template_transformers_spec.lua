-- SPDX-License-Identifier: MIT
--- Whether a model's own template gives what `transformers` 5 gives; the expected texts were made
-- by spec/fixtures/transformers/make.py.
local ordered = require "predibase.template.ordered"
local template = require "predibase.template"

local file = assert(io.open("spec/fixtures/transformers/cases.json", "rb"))
local fixture = assert(ordered.decode(file:read "*a"))
file:close()

local function renderings()
  local n = 0
  for _, case in ipairs(fixture.cases) do
    if case.messages then
      n = n + 1
      it(case.name, function ()
        local format = assert(template.from_tokenizer_config { chat_template = case.template })
        local options = ordered.plain(case.options)
        options.variables = case.variables
        assert.equal(case.text, format:render(case.messages, options))
        -- Plain tables keep no order of keys.
        if not case.template:find("tojson", 1, true) then
          assert.equal(case.text, format:render(ordered.plain(case.messages), options))
        end
      end)
    end
  end
  assert(n > 10, "the fixture has no conversations")
end

describe("a conversation, as transformers " .. fixture.transformers .. " writes it:", renderings)
