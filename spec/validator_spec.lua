-- SPDX-License-Identifier: MIT
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"
local random = require "spec.support.random"
local validator = require "predibase.validator"

--- Checks a JSON text against a schema. Returns true, or the path and the reason as one text.
local function check (schema, text)
  local value, problem = ordered.decode(text)
  assert(value ~= nil, problem)
  local ok, path, reason = validator.check(schema, value)
  return ok or path .. " " .. reason
end

--- Schema, JSON texts that fit it, and JSON texts that do not, with path and reason.
local CASES = {
  { '{}', { "1", "null", "[]", "{}", '"x"' }, {} },
  { "true", { "1" }, {} },
  { "false", {}, { ["1"] = "$ is not allowed by the schema" } },
  { '{"type":"string"}', { '""', '"x"' }, {
    ["1"] = "$ must be a string, got the number 1", ["null"] = "$ must be a string, got null",
    ["{}"] = "$ must be a string, got an object", ["[]"] = "$ must be a string, got a list",
    ["true"] = "$ must be a string, got the boolean true" } },
  { '{"type":"number"}', { "1", "1.5", "-0.0", "1e5", "123456789012345678901234567890" },
    { ['"1"'] = '$ must be a number, got the string "1"' } },
  { '{"type":"integer"}', { "1", "1.0", "1e2", "-9223372036854775809", "9007199254740993" },
    { ["1.5"] = "$ must be an integer, got the number 1.5",
      ["1e-2"] = "$ must be an integer, got the number 1e-2" } },
  { '{"type":"boolean"}', { "true", "false" },
    { ["0"] = "$ must be a boolean, got the number 0" } },
  { '{"type":"null"}', { "null" }, { ["false"] = "$ must be null, got the boolean false" } },
  { '{"type":"array"}', { "[]", "[1]" }, { ["{}"] = "$ must be a list, got an object" } },
  { '{"type":"object"}', { "{}", '{"1":2}' }, { ["[]"] = "$ must be an object, got a list" } },
  { '{"type":["string","null"]}', { "null", '"x"' },
    { ["1"] = "$ must be a string or null, got the number 1" } },
  { '{"type":["integer","array"]}', { "1", "[]" },
    { ["1.5"] = "$ must be an integer or a list, got the number 1.5" } },
  { '{"enum":["a",1,true,null]}', { '"a"', "1", "1.0", "true", "null" },
    { ['"b"'] = '$ must be one of "a", 1, true, null, got the string "b"',
      ["false"] = '$ must be one of "a", 1, true, null, got the boolean false' } },
  { '{"enum":[{"a":[1]},[]]}', { '{"a":[1]}', "[]" },
    { ["{}"] = '$ must be one of {"a":[1]}, [], got an object',
      ['{"a":[1,2]}'] = '$ must be one of {"a":[1]}, [], got an object',
      ['{"a":[1],"b":2}'] = '$ must be one of {"a":[1]}, [], got an object' } },
  { '{"const":9007199254740993}', { "9007199254740993" },
    { ["9007199254740992"] = "$ must be 9007199254740993, got the number 9007199254740992" } },
  { '{"const":null}', { "null" }, { ["0"] = "$ must be null, got the number 0" } },
  { '{"required":["a","b c"]}', { '{"a":null,"b c":1}', "1", "[]" },
    { ['{"a":1}'] = '$ has no member "b c"' } },
  { '{"properties":{"a":{"type":"object","properties":{"b c":{"type":"null"}}}}}',
    { "{}", '{"z":1}', '{"a":{"b c":null}}', "1" },
    { ['{"a":{"b c":1}}'] = '$.a["b c"] must be null, got the number 1' } },
  { '{"additionalProperties":false,"properties":{"a":{}}}', { "{}", '{"a":1}', "[1]" },
    { ['{"a":1,"b":2}'] = "$.b is not a property that the schema allows" } },
  { '{"additionalProperties":{"type":"string"}}', { '{"x":"y"}' },
    { ['{"x":1}'] = "$.x must be a string, got the number 1" } },
  { '{"additionalProperties":true}', { '{"x":1}' }, {} },
  { '{"minProperties":1,"maxProperties":2}', { '{"a":1}', '{"a":1,"b":2}', "1" },
    { ["{}"] = "$ must have at least 1 member, has 0",
      ['{"a":1,"b":2,"c":3}'] = "$ must have at most 2 members, has 3" } },
  { '{"items":{"type":"integer"}}', { "[]", "[1,2]", "{}" },
    { ["[1,null]"] = "$[2] must be an integer, got null" } },
  { '{"items":false}', { "[]" }, { ["[1]"] = "$[1] is not allowed by the schema" } },
  { '{"prefixItems":[{"type":"string"},{"type":"null"}],"items":{"type":"boolean"}}',
    { "[]", '["a"]', '["a",null]', '["a",null,true]' },
    { ["[1]"] = "$[1] must be a string, got the number 1",
      ['["a",null,1]'] = "$[3] must be a boolean, got the number 1" } },
  { '{"minItems":1,"maxItems":2}', { "[1]", "[1,2]", "{}", '""' },
    { ["[]"] = "$ must have at least 1 element, has 0",
      ["[1,2,3]"] = "$ must have at most 2 elements, has 3" } },
  { '{"minItems":0.5}', { "[1]" }, { ["[]"] = "$ must have at least 0.5 elements, has 0" } },
  { '{"minLength":2,"maxLength":3}', { '"äö"', '"😀😀😀"', '"\\u00e4b"', "1" },
    { ['"ä"'] = "$ must have at least 2 characters, has 1",
      ['"abcd"'] = "$ must have at most 3 characters, has 4" } },
  { '{"pattern":"^a+$"}', { '"aa"', "1" },
    { ['"ab"'] = '$ must match the pattern "^a+$", got the string "ab"' } },
  { '{"pattern":"(?=a)"}', { '"not checked"' }, {} },
  { '{"format":"date"}', { '"2024-02-29"', '"2000-02-29"', '"10000-02-29"', "1" },
    { ['"2023-02-29"'] = '$ must be a date, got the string "2023-02-29"',
      ['"1900-02-29"'] = '$ must be a date, got the string "1900-02-29"',
      ['"2024-13-01"'] = '$ must be a date, got the string "2024-13-01"',
      ['"2024-04-31"'] = '$ must be a date, got the string "2024-04-31"',
      ['"2024-1-1"'] = '$ must be a date, got the string "2024-1-1"' } },
  { '{"format":"time"}', { '"23:59:60"', '"00:00:00Z"', '"00:00:00.123+01:30"' },
    { ['"24:00:00"'] = '$ must be a time, got the string "24:00:00"',
      ['"00:00"'] = '$ must be a time, got the string "00:00"',
      ['"00:00:00+24:00"'] = '$ must be a time, got the string "00:00:00+24:00"' } },
  { '{"format":"date-time"}', { '"2024-01-01T10:00:00"', '"2024-01-01t10:00:00.5Z"' },
    { ['"2024-01-01 10:00:00"'] = '$ must be a date-time, got the string "2024-01-01 10:00:00"' } },
  { '{"format":"uuid"}', { '"01234567-89ab-cdef-0123-456789ABCDEF"' },
    { ['"01234567-89ab-cdef-0123-456789abcde"'] =
      '$ must be a uuid, got the string "01234567-89ab-cdef-0123-456789abcde"' } },
  { '{"format":"email"}', { '"x"' }, {} },
  { '{"minimum":1,"maximum":2}', { "1", "2", "1.5", '"0"' },
    { ["0"] = "$ must be at least 1, got the number 0",
      ["2.5"] = "$ must be at most 2, got the number 2.5" } },
  { '{"exclusiveMinimum":1,"exclusiveMaximum":2}', { "1.5" },
    { ["1"] = "$ must be above 1, got the number 1",
      ["2"] = "$ must be below 2, got the number 2" } },
  { '{"maximum":9007199254740992}', { "9007199254740992" }, { ["9007199254740993"] =
    "$ must be at most 9007199254740992, got the number 9007199254740993" } },
  { '{"minimum":-9007199254740993}', { "-9007199254740993" }, { ["-9007199254740994"] =
    "$ must be at least -9007199254740993, got the number -9007199254740994" } },
  { '{"minDigits":2,"maxDigits":3}', { "0", "-10", "123" },
    { ["5"] = "$ must have at least 2 digits, has 1",
      ["1234"] = "$ must have at most 3 digits, has 4" } },
  { '{"maxDigitsInteger":1,"minDigitsFraction":2,"maxDigitsExponent":1}',
    { "1", "1.50", "1e5", "1.25e-7" },
    { ["10"] = "$ must have at most 1 digit before the point, has 2",
      ["1.5"] = "$ must have at least 2 digits after the point, has 1",
      ["1e+10"] = "$ must have at most 1 digit in the exponent, has 2" } },
  { '{"allOf":[{"type":"integer"},{"minimum":3}]}', { "3" },
    { ["2"] = "$ must be at least 3, got the number 2",
      ["3.5"] = "$ must be an integer, got the number 3.5" } },
  { '{"anyOf":[{"type":"null"},{"type":"object","properties":{"a":{"type":"null"}}}]}',
    { "null", '{"a":null}' },
    { ['{"a":1}'] = "$.a must be null, got the number 1 "
      .. "(it fits no schema of anyOf; this one comes closest)" } },
  { '{"oneOf":[{"type":"integer"},{"minimum":3}]}', { "1", "3.5", '"x"' },
    { ["3"] = "$ fits 2 schemas of oneOf, and must fit one", ["1.5"] =
      "$ must be an integer, got the number 1.5 "
        .. "(it fits no schema of oneOf; this one comes closest)" } },
  { '{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"$ref":"#/$defs/c"},"c":{"type":"null"}}}',
    { "null" }, { ["1"] = "$ must be null, got the number 1" } },
  { '{"$ref":"#/allOf/0","allOf":[{"type":"null"}]}', { "null" },
    { ["1"] = "$ must be null, got the number 1" } },
  { '{"items":{"$ref":"#"},"type":["array","null"]}', { "[[],[null]]" },
    { ["[[1]]"] = "$[1][1] must be a list or null, got the number 1" } },
  { '{"$ref":"http://example.test/x"}', { "1" }, {} },
  { '{"title":"T","description":"d","default":3,"examples":[1],"format":"int64"}', { '"x"' }, {} },
  -- Keywords whose own values make no sense are skipped: `predibase.schema` reports them.
  { '{"required":1,"properties":[],"items":3,"minimum":"x","maxItems":null,"enum":{},"anyOf":[],'
    .. '"pattern":5,"format":[],"allOf":1,"prefixItems":2,"$ref":[]}', { "1", "[1]", "{}", '"x"' },
    {} },
}

describe("predibase.validator", function ()
  it("accepts values that fit, and names path and reason where one does not", function ()
    for _, case in ipairs(CASES) do
      local schema = case[1]
      if schema == "true" or schema == "false" then schema = schema == "true" end
      for _, text in ipairs(case[2]) do
        assert.equal(true, check(schema, text), tostring(schema) .. " on " .. text)
      end
      for text, expected in pairs(case[3]) do
        assert.equal(expected, check(schema, text), tostring(schema) .. " on " .. text)
      end
    end
  end)

  it("takes the schema as a table, as text and as an ordered object", function ()
    local text = '{"type":"array","items":{"type":"string"},"required":[]}'
    for _, schema in ipairs { text, { type = "array", items = { type = "string" }, required = {} },
      ordered.decode(text) } do
      assert.equal(true, check(schema, "[]"))
      assert.equal("$[1] must be a string, got the number 1", check(schema, "[1]"))
    end
    assert.has_error(function () validator.check(1, 1) end)
    assert.has_error(function () validator.check("{", 1) end)
  end)

  it("takes plain Lua values, of which an empty table is a list and an object", function ()
    assert.is_true(validator.check({ type = "array" }, {}))
    assert.is_true(validator.check({ type = "object" }, {}))
    assert.is_true(validator.check({ properties = { a = { type = "null" } } }, { a = json.null }))
    assert.same({ nil, "$.a[2]", "must be an integer, got the string \"x\"" },
      { validator.check({ properties = { a = { items = { type = "integer" } } } },
        { a = { 1, "x" } }) })
    assert.is_nil((validator.check({ type = "object" }, print)))
    assert.is_true(validator.check({ enum = { json.array {}, 1 } }, {}))
  end)

  it("shortens long names and values in a message", function ()
    local name = ("n"):rep(5000)
    local ok, path, reason = validator.check({ additionalProperties = { type = "null" } },
      { [name] = ("v"):rep(5000) })
    assert.is_nil(ok)
    assert.is_true(#path <= 200 and #reason < 200)
    assert.equal('$["a\\"\\u0000?"]', select(2, validator.check({ additionalProperties = false },
      { ['a"\0\255'] = 1 })):gsub("%?", "\\u0000", 1), path)
  end)

  it("ends in bounded time for schemas that multiply the work", function ()
    assert.equal("$ is nested too deeply to be checked, or its schema refers to itself without end",
      check('{"$ref":"#"}', "1"))
    local defs = { '"d0":{"type":"string"}' }
    for i = 1, 40 do
      defs[#defs + 1] = ('"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}')
        :format(i, i - 1, i - 1)
    end
    assert.equal("$ takes too many steps to be checked",
      check('{"$ref":"#/$defs/d40","$defs":{' .. table.concat(defs, ",") .. "}}", '"x"'))
    assert.equal("$ takes too many steps to be checked",
      check('{"pattern":"(a?){900}b"}', '"' .. ("a"):rep(5000) .. '"'))
    local deep = ("["):rep(127) .. ("]"):rep(127)
    assert.equal(true, check('{"type":"array","items":{"$ref":"#"}}', deep))
  end)
end)

-- Random schemas.

--- Makes a schema, a value that fits it, and a value that does not (nil when every value fits).
local function made (draw, depth)
  local kind = draw:int(1, depth > 3 and 5 or 9)
  if kind == 1 then
    local least = draw:int(0, 3)
    return { type = "string", minLength = least }, ("é"):rep(least), 5
  elseif kind == 2 then
    local least = draw:int(-9, 9)
    return { type = "integer", minimum = least }, least + draw:int(0, 5), least - 1
  elseif kind == 3 then
    return { enum = { "a", 1, json.null } }, draw:pick { "a", 1, json.null }, "b"
  elseif kind == 4 then
    return { type = "string", pattern = "^[ab]+$" }, "abba", "abc"
  elseif kind == 5 then
    return {}, draw:pick { "x", json.null, 1.5, json.array {}, json.object {} }, nil
  elseif kind == 6 then
    local items, good, bad = made(draw, depth + 1)
    return { type = "array", items = items, minItems = 1 }, json.array { good, good },
      bad ~= nil and json.array { good, bad } or json.array {}
  elseif kind == 7 then
    local one, good = made(draw, depth + 1)
    local two, right, wrong = made(draw, depth + 1)
    local bad = json.object { { "one", good } }
    if wrong ~= nil then bad[2] = { "two words", wrong } end
    return { type = "object", properties = { one = one, ["two words"] = two },
      required = { "two words" } },
      json.object { { "two words", right }, { "one", good }, { "more", 1 } }, bad
  elseif kind == 8 then
    local inner, good, bad = made(draw, depth + 1)
    return { anyOf = { inner, { const = "other" } } }, draw:pick { good, "other" }, bad
  end
  local inner, good, bad = made(draw, depth + 1)
  return { allOf = { {}, inner } }, good, bad
end

describe("predibase.validator with random schemas", function ()
  it("accepts the values made for them, and refuses the spoilt ones", function ()
    local draw, refused = random.new(3), 0
    for _ = 1, 1500 do
      local schema, good, bad = made(draw, 1)
      local text = assert(json.encode(schema))
      local value = assert(ordered.decode(assert(json.encode(good))))
      assert.same({ true }, { validator.check(text, value) }, text .. json.encode(good))
      if bad ~= nil then
        refused = refused + 1
        local wrong = assert(json.encode(bad))
        local ok, path, reason = validator.check(text, assert(ordered.decode(wrong)))
        local accepted = ok and wrong == json.encode(good)
        assert.is_true(not ok or accepted, text .. " accepts " .. wrong)
        assert.is_true(accepted or path:sub(1, 1) == "$" and #reason > 0)
      end
    end
    assert.is_true(refused > 500)
  end)

  it("never raises, whatever the schema and the value", function ()
    local draw = random.new(5)
    local words = {}
    for word in ([[ type enum const properties required additionalProperties items prefixItems
        minItems maxLength pattern format minimum maxDigits anyOf allOf oneOf $ref minProperties ]])
      :gmatch "%S+" do words[#words + 1] = word end
    local simple = { 1, -1.5, "", "string", "#/a", "#", "date", "^a", true, false, json.null,
      "object" }
    local function any (depth)
      local kind = draw:int(1, depth > 4 and 1 or 3)
      if kind == 1 then return draw:pick(simple) end
      local out = {}
      for i = 1, draw:int(0, 3) do
        out[i] = kind == 2 and any(depth + 1) or { draw:pick(words), any(depth + 1) }
      end
      return (kind == 2 and json.array or json.object)(out)
    end
    for _ = 1, 3000 do
      local schema = json.object { { draw:pick(words), any(1) }, { draw:pick(words), any(1) } }
      local value = any(1)
      local ok, path, reason = validator.check(schema, value)
      assert.is_true(ok == true or type(path) == "string" and type(reason) == "string")
    end
  end)

  it("never raises for schemas and values of random bytes that are JSON", function ()
    local draw = random.new(9)
    local seed = '{"type":"object","properties":{"a":{"type":["string","null"],"pattern":"^a|b$"},'
      .. '"b":{"items":{"$ref":"#/properties/a"},"maxItems":2}},"required":["a"]}'
    local inserts = { '"', "{}", "[", "]", ",", "null", "1e9", ':"$ref"', '"enum":[1],' }
    local values = { '{"a":"a","b":["b",null]}', "{}", '[[],{"a":[]}]' }
    local valid = 0
    for _ = 1, 4000 do
      local text = draw:mutate(seed, inserts)
      if ordered.decode(text) ~= nil then
        local value = ordered.decode(draw:pick(values))
        local ok, path = validator.new(text):check(value)
        assert.is_true(ok == true or type(path) == "string")
        valid = valid + 1
      end
    end
    assert.is_true(valid > 200)
  end)
end)
