-- SPDX-License-Identifier: MIT
--- Schemas that the server has no grammar for are refused before they are sent.
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local schema = require "predibase.schema"

local function problem (text)
  assert.is_truthy(json.decode(text), text)
  return schema.problem(text, "s")
end

local function property (text)
  return '{"type":"object","properties":{"a":' .. text .. "}}"
end

describe("a schema", function ()
  it("is accepted when the server can translate it", function ()
    for _, text in ipairs {
      "{}", '{"type":"object"}', '{"type":"object","additionalProperties":true}',
      property "{}", property '{"type":"string"}', property '{"type":["string","null"]}',
      property '{"enum":["a",1,true,null]}', property '{"const":"x"}',
      property '{"type":"string","pattern":"^[a-z]+$"}',
      property '{"type":"string","format":"date-time"}',
      property '{"type":"string","format":"uuid"}',
      property '{"type":"integer","format":"int64"}',
      property '{"anyOf":[{"type":"string"},{"type":"null"}]}',
      property '{"oneOf":[{"type":"string"},{"$ref":"#/$defs/x"}]}' :gsub("}$",
        ',"$defs":{"x":{"type":"integer"}}}'),
      '{"$defs":{"a/b":{"type":"string"}},"type":"object","properties":{'
        .. '"p":{"$ref":"#/$defs/a~1b"},' .. '"q":{"$ref":"#/$defs/a~1b"}}}',
      property '{"type":"array","items":{"type":"number"},"minItems":1}',
      '{"type":"object","additionalProperties":{"type":"string"}}',
      '{"type":"object","properties":{"type":{"type":"string"},"format":{"type":"string"}}}',
      '{"title":"T","description":"d","type":"object","properties":{}}',
    } do
      assert.is_nil(problem(text), text)
    end
  end)

  it("is refused with the path and the reason when the server cannot translate it", function ()
    local R = schema.REASONS
    for text, expected in pairs {
      [property '{"type":"String"}'] = { "s.properties.a.type", R.unknown_type },
      [property '{"type":"any"}'] = { "s.properties.a.type", R.unknown_type },
      [property '{"type":["string","date"]}'] = { "s.properties.a.type[2]", R.unknown_type },
      [property '{"description":"x"}'] = { "s.properties.a", R.no_type },
      [property '{"type":"string","format":"email"}'] = { "s.properties.a.format", R.format },
      [property '{"type":"object","not":{"type":"string"}}'] = { "s.properties.a.not", R.keyword },
      ['{"if":{"type":"string"},"type":"object"}'] = { "s.if", R.keyword },
      [property "true"] = { "s.properties.a", R.not_a_schema },
      [property '{"enum":[{"a":1}]}'] = { "s.properties.a.enum[1]", R.choice },
      [property '{"const":{"a":1}}'] = { "s.properties.a.const", R.choice },
      [property '{"$ref":"#/$defs/none"}'] = { "s.properties.a.$ref", R.reference },
      [property '{"$ref":"http://example.test/s.json"}'] = { "s.properties.a.$ref", R.reference },
      [property '{"$ref":"#"}'] = { "s.properties.a.$ref", R.reference },
      ['{"$defs":{"n":{"type":"object","properties":{"next":{"$ref":"#/$defs/n"}}}},'
        .. '"$ref":"#/$defs/n"}'] = { "s.$ref.properties.next.$ref", R.recursion },
      [property '{"type":"array","items":true}'] = { "s.properties.a.items", R.not_a_schema },
      [property '{"anyOf":[{"type":"string"},{"type":"Null"}]}'] =
        { "s.properties.a.anyOf[2].type", R.unknown_type },
      ['{"type":"object","properties":{"my name":{"type":"x"}}}'] =
        { 's.properties["my name"].type', R.unknown_type },
    } do
      local got = problem(text)
      assert.is_truthy(got, text)
      assert.equal(1, (got:find(("`%s`: %s"):format(expected[1], expected[2]), 1, true)), got)
    end
  end)

  it("is refused in bounded time when it has too much nesting or too many references", function ()
    local deep = ('{"type":"array","items":'):rep(127) .. '{"type":"string"}' .. ("}"):rep(127)
    assert.is_nil(problem(deep))
    local defs = { '"d0":{"type":"string"}' }
    for i = 1, 40 do
      defs[#defs + 1] = ('"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}')
        :format(i, i - 1, i - 1)
    end
    local bomb = '{"$ref":"#/$defs/d40","$defs":{' .. table.concat(defs, ",") .. "}}"
    assert.is_truthy(problem(bomb):find(schema.REASONS.size, 1, true))
  end)
end)

describe("response_format", function ()
  local BAD = { type = "json_object", schema = { type = "object",
    properties = { when = { type = "string", format = "email" } } } }
  local REPLY = { headers = { ["content-type"] = "application/json" },
    body = '{"generated_text":"{}"}' }

  it("causes an error of the call when its schema is invalid, as a table or as text", function ()
    local client, network = pipe.client(REPLY)
    for _, form in ipairs { BAD, { type = "json_object", schema = json.encode(BAD.schema) } } do
      local result, err = client:generate("x", { response_format = form })
      assert.is_nil(result)
      assert.equal("validation", err.kind)
      assert.is_truthy(err.message:find("`response_format.schema.properties.when.format`", 1, true),
        err.message)
      local stream = client:generate_stream("x", { response_format = form })
      assert.equal("validation", select(2, stream:next()).kind)
    end
    assert.equal(0, #network.requests)
    client:close()
  end)

  it("is sent unchanged with check_schema = false, for the call or the client", function ()
    local client, network = pipe.client(REPLY)
    assert(client:generate("x", { response_format = BAD, check_schema = false }))
    assert.is_truthy(network.requests[1].body:find('"format":"email"', 1, true))
    local none, err = client:generate("x", { response_format = BAD, check_schema = false,
      temperature = -1 })
    assert.is_nil(none)
    assert.is_truthy(err.message:find("temperature", 1, true))
    client:close()
    client = pipe.client(REPLY, { check_schema = false, defaults = { response_format = BAD } })
    assert(client:generate "x")
    none, err = client:generate("x", { check_schema = true, max_new_tokens = 3 })
    assert.is_nil(none)
    assert.equal("validation", err.kind)
    client:close()
  end)

  it("is checked in the defaults of a client", function ()
    local client, err = require "predibase".new { base_url = "http://127.0.0.1:1",
      api_token = false, defaults = { response_format = BAD } }
    assert.is_nil(client)
    assert.equal("config", err.kind)
    assert.is_truthy(err.message:find("format`: ", 1, true), err.message)
  end)
end)
