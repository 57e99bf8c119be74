-- SPDX-License-Identifier: MIT
--- Whether a model's own template gives what `transformers` 5 gives; the expected texts were made
-- by spec/fixtures/transformers/make.py.
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"
local scratch = require "spec.support.scratch"
local template = require "predibase.template"
local uv = require "luv"

local fixture = assert(ordered.decode(scratch.read "spec/fixtures/transformers/cases.json"))

local function renderings ()
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

local function loadings ()
  local folder, n = nil, 0
  before_each(function () folder = scratch.new() end)
  after_each(function () scratch.remove(folder) end)

  for _, case in ipairs(fixture.cases) do
    if case.files then
      n = n + 1
      it(case.name .. (case.tools and ", with tools" or "") .. (case.template or ""), function ()
        for _, pair in ipairs(case.files) do
          local name, content = pair[1], pair[2]
          if name:find("/", 1, true) then
            assert(uv.fs_mkdir(folder .. "/" .. name:match("^[^/]+"), 448) or true)
          end
          scratch.write(folder .. "/" .. name,
            type(content) == "string" and content or json.encode(content))
        end
        local format = assert(template.from_tokenizer_config(folder .. "/tokenizer_config.json",
          { template = case.template }))
        assert.equal(case.text, format:render({ { role = "user", content = "Q" } },
          { variables = case.tools and { tools = { { name = "f" } } } or nil }))
      end)
    end
  end
  assert(n > 10, "the fixture has no files")
end

describe("the files of a model, as transformers " .. fixture.transformers .. " reads them:",
  loadings)
