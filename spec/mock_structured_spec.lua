-- SPDX-License-Identifier: MIT

local json = require "predibase.mock.router_json"
local model = require "predibase.mock.model"
local structured = require "predibase.mock.structured"

local function produce (text, seed)
  local source = { random = model.random(seed or "1"), words = function (n)
    return ("wörd "):rep(n):sub(1, -2)
  end }
  return structured.produce(json.read(text), source)
end

local function value (text, seed)
  local result = assert(produce(text, seed))
  local decoded = json.read(result)
  assert.not_nil(decoded)
  return type(decoded) == "table" and decoded.literal and tonumber(decoded.literal) or decoded
end

describe("predibase.mock.structured", function ()
  it("writes the properties of an object in the schema's order", function ()
    local object = value([[{"type":"object","properties":{"z":{"type":"string"},
      "a":{"type":"integer"},"m":{"type":"boolean"}}}]])
    assert.same({ "z", "a", "m" }, object.keys)
    assert.equal("string", type(object.values.z))
    assert.is_truthy(object.values.a.literal:find("^%-?%d+$"))
    assert.equal("boolean", type(object.values.m))
  end)

  it("stays inside the bounds of numbers, strings and arrays", function ()
    for i = 1, 40 do
      local seed = tostring(i)
      local n = value('{"type":"integer","minimum":3,"maximum":5}', seed)
      assert.is_true(n >= 3 and n <= 5 and n % 1 == 0)
      n = value('{"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":5}', seed)
      assert.equal(4, n)
      n = value('{"type":"number","minimum":-1.5,"maximum":-1}', seed)
      assert.is_true(n >= -1.5 and n <= -1)
      n = value('{"type":"number","exclusiveMinimum":0}', seed)
      assert.is_true(n > 0)
      n = value('{"type":"integer","maximum":-7}', seed)
      assert.is_true(n <= -7)
    end
    local text = value('{"type":"string","minLength":30,"maxLength":33}')
    local _, characters = text:gsub("[%z\1-\127\192-\255]", "")
    assert.is_true(characters >= 30 and characters <= 33)
    assert.equal("w", (value('{"type":"string","maxLength":1}')))
    assert.equal(4, #value('{"type":"array","items":{"type":"null"},"minItems":4}'))
    assert.equal(1, #value('{"type":"array","maxItems":1}'))
    assert.equal("[]", (produce('{"type":"array","maxItems":0}')))
  end)

  it("chooses from enum, const, anyOf, oneOf, type lists and references", function ()
    local seen = {}
    for seed = 1, 30 do seen[value('{"enum":["a","b"]}', tostring(seed))] = true end
    assert.same({ a = true, b = true }, seen)
    assert.equal('{"x":[1,null]}', (produce('{"const":{"x":[1,null]}}')))
    assert.equal("boolean", type(value('{"anyOf":[{"type":"boolean"},{"type":"null"}]}')))
    assert.equal("number", type(value('{"type":["integer","null"]}')))
    local object = value([[{"properties":{"p":{"$ref":"#/$defs/P"}},
      "$defs":{"P":{"type":"array","items":{"type":"integer"}}}}]])
    assert.is_true(object.values.p.array)
  end)

  it("writes an example of each format that the grammar knows", function ()
    assert.equal("2026-01-31", value '{"type":"string","format":"date"}')
    assert.is_truthy(value('{"type":"string","format":"date-time"}'):find("^%d+%-%d%d%-%d%dT"))
    assert.equal(36, #value '{"type":"string","format":"uuid"}')
  end)

  it("adds required properties that are not described", function ()
    local object = value('{"type":"object","properties":{"a":{}},"required":["a","b"]}')
    assert.same({ "a", "b" }, object.keys)
  end)

  it("writes some object for any object, and an empty one if no property is allowed", function ()
    assert.is_true(value('{"type":"object"}').object)
    assert.equal("{}", (produce('{"type":"object","additionalProperties":false}')))
  end)

  it("refuses keywords that it does not support", function ()
    local unknown = "the stand-in does not know the schema keyword "
    local cases = {
      ['{"type":"string","pattern":"a+"}'] = unknown .. "`pattern`",
      ['{"type":"string","format":"email"}'] = "Format email not supported",
      ['{"type":"nothing"}'] = "the schema type `nothing` does not exist",
      ['{"type":"integer","minimum":5,"maximum":4}'] =
        "no number is between `minimum` and `maximum`",
      ['{"$ref":"#/nowhere"}'] = "`$ref` #/nowhere does not exist",
      ['{"$ref":"#"}'] = "the schema is nested too deeply, or refers to itself",
      ['{"enum":[]}'] = "`enum` is empty",
      ['{"type":"string","minLength":"x"}'] = "the schema is not a valid JSON schema",
    }
    for text, expected in pairs(cases) do
      local result, message = produce(text)
      assert.is_nil(result)
      assert.equal(expected, message)
    end
  end)
end)
