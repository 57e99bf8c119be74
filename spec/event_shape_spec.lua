-- SPDX-License-Identifier: MIT
local json = require "predibase.json"
local shape = require "predibase.event.shape"

local null = json.null

local function token(fields)
  local made = { id = 5, text = "a", logprob = -0.5, special = false }
  for name, value in pairs(fields or {}) do made[name] = value end
  return made
end

describe("shape.event", function()
  it("takes null out and makes integers, in place", function()
    local ev = { token = token { id = 5.0, logprob = null, skipped = null,
      alternative_tokens = { { id = 6.0, text = "b", logprob = null } } },
      generated_text = null, details = null, error = null }
    assert.is_nil(shape.event(ev))
    assert.same({ token = { id = 5, text = "a", special = false,
      alternative_tokens = { { id = 6, text = "b" } } } }, ev)
    assert.equal("5", tostring(ev.token.id))
    assert.equal("6", tostring(ev.token.alternative_tokens[1].id))
  end)

  it("names the field that is wrong", function()
    for message, fields in pairs {
      ["token.id is not an integer"] = { id = 1.5 },
      ["token.text is not a string"] = { text = 5 },
      ["token.logprob is not a number"] = { logprob = math.huge },
      ["token.special is not a boolean"] = { special = 0 },
      ["token.skipped is not a boolean"] = { skipped = "no" },
      ["token.alternative_tokens is not an array"] = { alternative_tokens = { a = 1 } },
      ["token.alternative_tokens[1] is not an object"] = { alternative_tokens = { 5 } },
      ["token.alternative_tokens[2].id is not an integer"] = {
        alternative_tokens = { { id = 1, text = "" }, { id = -1, text = "" } } },
    } do
      assert.equal(message, shape.event { token = token(fields) })
    end
    assert.equal("there is no token", shape.event {})
    assert.equal("token is not an object", shape.event { token = 5 })
    assert.equal("generated_text is not a string",
      shape.event { token = token(), generated_text = 5 })
    assert.equal("details is not an object", shape.event { token = token(), details = 5 })
  end)

  it("leaves fields alone that it does not know", function()
    local ev = { token = token { new = { 1 } }, other = "x" }
    assert.is_nil(shape.event(ev))
    assert.same({ 1 }, ev.token.new)
    assert.equal("x", ev.other)
  end)
end)

describe("shape.alternatives", function()
  it("checks that field alone", function()
    local given = { id = "wrong", alternative_tokens = null }
    assert.is_nil(shape.alternatives(given))
    assert.is_nil(given.alternative_tokens)
    assert.equal("token.alternative_tokens[1].text is not a string",
      shape.alternatives { alternative_tokens = { { id = 1 } } })
  end)
end)

describe("shape.details", function()
  it("checks the winner and the other sequences", function()
    local details = { finish_reason = "length", generated_tokens = 2.0, seed = null,
      prefill = { { id = 1.0, text = "p", logprob = null } }, tokens = { token() },
      best_of_sequences = { { finish_reason = "length", generated_text = "x", seed = 7.0 } } }
    assert.is_nil(shape.details(details))
    assert.equal("2", tostring(details.generated_tokens))
    assert.is_nil(details.seed)
    assert.same({ id = 1, text = "p" }, details.prefill[1])
    assert.equal("7", tostring(details.best_of_sequences[1].seed))
  end)

  it("names the field that is wrong", function()
    for message, fields in pairs {
      ["details.finish_reason is not a string"] = { finish_reason = null },
      ["details.seed is not an integer"] = { seed = -1 },
      ["details.prompt_tokens is not an integer"] = { prompt_tokens = "6" },
      ["details.prefill[1].id is not an integer"] = { prefill = { {} } },
      ["details.tokens[1].text is not a string"] = { tokens = { { id = 1 } } },
      ["details.best_of_sequences[1].generated_text is not a string"] = {
        best_of_sequences = { { finish_reason = "length" } } },
    } do
      local details = { finish_reason = "length" }
      for name, value in pairs(fields) do details[name] = value end
      assert.equal(message, shape.details(details))
    end
    assert.equal("details is not an object", shape.details(null))
  end)
end)
