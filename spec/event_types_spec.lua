-- SPDX-License-Identifier: MIT
local event = require "predibase.event"
local json = require "predibase.json"

local null = json.null

local function token (fields)
  local made = { id = 5, text = "a", logprob = -0.5, special = false }
  for name, value in pairs(fields or {}) do made[name] = value end
  return made
end

--- Decodes an event given as a table.
local function decode (ev)
  return event.decode(assert(json.encode(ev)))
end

--- Returns the message of the failure for an event.
local function problem (ev)
  local good, failure = decode(ev)
  assert.is_nil(good)
  assert.equal("protocol", failure.kind)
  return (failure.message:gsub("^in the event, ", ""))
end

describe("the types of an event", function ()
  it("are normalised in place: null is removed and integral numbers become integers", function ()
    local ev = event.decode('{"token":{"id":5.0,"text":"a","logprob":null,"special":false,'
      .. '"skipped":null,"alternative_tokens":[{"id":6.0,"text":"b","logprob":null}]},'
      .. '"generated_text":null,"details":null,"error":null}')
    assert.same({ token = { id = 5, text = "a", special = false,
      alternative_tokens = { { id = 6, text = "b" } } } }, ev)
    assert.equal("5", tostring(ev.token.id))
    assert.equal("6", tostring(ev.token.alternative_tokens[1].id))
  end)

  it("names the field that is wrong", function ()
    for message, fields in pairs {
      ["token.id is not an integer"] = { id = 1.5 },
      ["token.text is not a string"] = { text = 5 },
      ["token.logprob is not a number"] = { logprob = json.raw "1e999" },
      ["token.special is not a boolean"] = { special = 0 },
      ["token.skipped is not a boolean"] = { skipped = "no" },
      ["token.alternative_tokens is not an array"] = { alternative_tokens = { a = 1 } },
      ["token.alternative_tokens[1] is not an object"] = { alternative_tokens = { 5 } },
      ["token.alternative_tokens[2].id is not an integer"] = {
        alternative_tokens = { { id = 1, text = "" }, { id = -1, text = "" } } },
    } do
      assert.equal(message, problem { token = token(fields) })
    end
    assert.equal("token is missing", problem(json.object {}))
    assert.equal("token is not an object", problem { token = 5 })
    assert.equal("generated_text is not a string",
      problem { token = token(), generated_text = 5 })
    assert.equal("details is not an object", problem { token = token(), details = 5 })
  end)

  it("are not checked in unknown fields", function ()
    local ev = decode { token = token { new = { 1 } }, other = "x" }
    assert.same({ 1 }, ev.token.new)
    assert.equal("x", ev.other)
  end)
end)

describe("the alternatives of an otherwise ordinary token", function ()
  it("are checked", function ()
    assert.is_nil(decode({ token = token { alternative_tokens = null } }).token.alternative_tokens)
    assert.equal("token.alternative_tokens[1].text is not a string",
      problem { token = token { alternative_tokens = { { id = 1 } } } })
  end)
end)

describe("event.details", function ()
  it("checks the best sequence and the others", function ()
    local details = { finish_reason = "length", generated_tokens = 2.0, seed = null,
      prefill = { { id = 1.0, text = "p", logprob = null } }, tokens = { token() },
      best_of_sequences = { { finish_reason = "length", generated_text = "x", seed = 7.0 } } }
    assert.equal(details, event.details(details))
    assert.equal("2", tostring(details.generated_tokens))
    assert.is_nil(details.seed)
    assert.same({ id = 1, text = "p" }, details.prefill[1])
    assert.equal("7", tostring(details.best_of_sequences[1].seed))
  end)

  it("names the field that is wrong", function ()
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
      assert.same({ nil, message }, { event.details(details) })
    end
    assert.same({ nil, "details is not an object" }, { event.details(null) })
  end)
end)
