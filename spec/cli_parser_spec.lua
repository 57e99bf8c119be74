-- SPDX-License-Identifier: MIT
local failures = require "predibase.cli.failures"
local options = require "predibase.cli.options"
local params = require "predibase.params"
local parser = require "predibase.cli.parser"

local function refusal(...)
  local ok, err = pcall(parser.parse, { ... })
  assert.is_false(ok)
  assert.are.equal(failures.USAGE, failures.exit_code(err))
  return err.message .. "\n" .. (err.hint or "")
end

describe("the command line", function()
  it("has an option for every parameter of the API", function()
    local values = {
      boolean = {}, integer = { "1" }, single = { "1" }, seed = { "1" }, strings = { "x" },
    }
    local rules = require "predibase.params.rules"
    for _, rule in ipairs(rules.list) do
      -- The token for the adapter's repository: a file, and a name that is not the API token's.
      local name = rule.kind == "token" and "--adapter-token-file"
        or "--" .. rule.name:gsub("_", "-")
      local value = (values[rule.kind] or { "x" })[1]
      local arguments = parser.parse { "generate", name, value }
      assert.is_not_nil(arguments[(name:sub(3):gsub("-", "_"))], name)
    end
    assert.is_true(params.names.extra)
    assert.are.same({ "a=1" }, parser.parse { "generate", "--extra", "a=1" }.extra)
  end)

  it("names the option when a number is none", function()
    assert.is_truthy(refusal("generate", "--top-k", "many"):find("--top-k takes a number", 1, true))
    for _, text in ipairs { "0x10", "nan", "inf", "", "1e", "--", "1 2" } do
      assert.is_truthy(refusal("generate", "--temperature=" .. text):find "temperature")
    end
    assert.is_truthy(refusal("generate", "--seed", "1.0"):find("--seed", 1, true))
    assert.is_truthy(refusal("generate", "--seed", "-1"):find("--seed", 1, true))
  end)

  it("reads numbers in every usual form", function()
    for text, value in pairs { ["5"] = 5, ["+5"] = 5, [".5"] = 0.5, ["5."] = 5, ["1e-2"] = 0.01 } do
      assert.are.equal(value, parser.parse { "generate", "--temperature", text }.temperature)
    end
  end)

  it("never takes a token, and does not repeat it", function()
    for _, line in ipairs {
      { "generate", "--api-token", "pb_secret" }, { "generate", "--api-token=pb_secret", "hello" },
      { "generate", "--token", "pb_secret" }, { "--token=pb_secret", "generate" },
    } do
      local text = refusal(line[1], line[2], line[3])
      assert.is_nil(text:find "pb_secret")
      assert.is_truthy(text:find "PREDIBASE_API_TOKEN")
    end
  end)

  it("leaves alone what stands behind --", function()
    assert.are.equal("--api-token=x", parser.parse { "generate", "--", "--api-token=x" }.prompt)
  end)

  it("asks for quotes when the prompt is several words", function()
    assert.is_truthy(refusal("generate", "tell", "me"):find "quotes")
  end)

  it("refuses what it does not know", function()
    assert.is_truthy(refusal():find "command")
    assert.is_truthy(refusal("frobnicate"):find "frobnicate")
    assert.is_truthy(refusal("generate", "--max-tokens", "5"):find "max%-tokens")
  end)

  it("knows which options take a number", function()
    parser.parse { "generate" }
    assert.is_true(options.takes_number("--top-p"))
    assert.is_true(options.takes_number("--timeout"))
    assert.is_false(options.takes_number("--stop"))
  end)
end)
