-- SPDX-License-Identifier: MIT
local formats = require "predibase.response_format"
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"
local params = require "predibase.params"
local parameters = require "spec.support.parameters"
local schema = require "predibase.schema"

local SCHEMA = '{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer",'
  .. '"minimum":1.0}},"required":["z"]}'

local function flat (value)
  local made, problem = formats.flat(value, "response_format")
  return made and json.encode(made) or problem
end

local function nested (value, server)
  local made = assert(formats.flat(value, "response_format"))
  return json.encode(formats.nested(made, server or "lorax"))
end

describe("predibase.response_format", function ()
  it("writes OpenAI's form flat for /generate, with the order of the properties", function ()
    local flattened = '{"type":"json_schema","schema":' .. SCHEMA .. "}"
    for _, given in ipairs { SCHEMA, assert(ordered.decode(SCHEMA)) } do
      assert.equal(flattened, flat { type = "json_schema",
        json_schema = { name = "x", strict = true, description = "d", schema = given } })
      assert.equal(flattened, flat { type = "json_schema", json_schema = { schema = given } })
      assert.equal(flattened, flat { type = "json_schema", schema = given })
    end
    local whole = '{"type":"json_schema","json_schema":{"name":"x","schema":' .. SCHEMA .. "}}"
    assert.equal(flattened, flat(assert(ordered.decode(whole))))
    assert.equal('{"response_format":' .. flattened .. "}",
      parameters.encoded { response_format = assert(ordered.decode(whole)) })
  end)

  it("writes both forms as chat completions take them", function ()
    assert.equal('{"type":"json_schema","json_schema":{"name":"x","description":"d","schema":'
      .. SCHEMA .. ',"strict":true}}', nested { type = "json_schema",
      json_schema = { name = "x", strict = true, description = "d", schema = SCHEMA } })
    local named = '{"type":"json_schema","json_schema":{"name":"answer","schema":' .. SCHEMA .. "}}"
    assert.equal(named, nested { type = "json_schema", schema = SCHEMA })
    assert.equal(named, nested { type = "json_schema",
      json_schema = { schema = SCHEMA, name = json.null } })
    assert.equal('{"type":"json_object","schema":' .. SCHEMA .. "}",
      nested { type = "json_object", schema = SCHEMA })
    assert.equal('{"type":"json_object"}', nested { type = "json_object" })
    assert.equal('{"type":"json_object"}', nested { type = "json_schema", json_schema = json.null })
    assert.equal(named, nested({ type = "json_object", schema = SCHEMA }, "openai"))
    assert.equal('{"type":"json_object"}', nested({ type = "json_object" }, "openai"))
    assert.equal('{"type":"text"}', nested { type = "text" })
    assert.equal('{"type":"text"}', nested { type = "text", schema = json.null })
  end)

  it("takes what it has written, so that a default of one route serves another", function ()
    local made = assert(formats.flat({ type = "json_object", schema = SCHEMA }, "x"))
    assert.equal('{"type":"json_object","schema":' .. SCHEMA .. "}", flat(made))
    assert.equal('{"type":"json_object","schema":' .. SCHEMA .. "}", nested(made))
    local alone = assert(formats.of_schema(SCHEMA, "schema"))
    assert.equal('{"type":"json_schema","schema":' .. SCHEMA .. "}", json.encode(alone))
    assert.same({ "json_schema", SCHEMA, "schema" }, { formats.demand(alone) })
    assert.same({ "json_object" }, { formats.demand(assert(formats.flat({ type = "json_object" },
      "x"))) })
    assert.same({ nil, "`schema` must be a JSON object, got [1]" },
      { formats.of_schema("[1]", "schema") })
  end)

  it("refuses what contradicts itself or has the wrong type, with the path", function ()
    local function named (value) return { type = "json_schema", json_schema = value } end
    local bad_name = "`response_format.json_schema.name` must have 1 to 64 characters, only "
      .. "letters, digits, _ and -, got the string "
    for expected, value in pairs {
      ["`response_format` has both schema and json_schema; give one of them"] =
        { type = "json_schema", schema = {}, json_schema = { name = "x", schema = {} } },
      ['`response_format.json_schema` needs the type "json_schema"'] =
        { type = "json_object", json_schema = { name = "x", schema = {} } },
      ["`response_format.json_schema` must be a table with name and schema, got the number 1"] =
        named(1),
      ["`response_format.json_schema.name` must be a string, got the number 1"] =
        named { name = 1, schema = {} },
      ["`response_format.json_schema.strict` must be a boolean, got the number 1"] =
        named { strict = 1, schema = {} },
      ["`response_format.json_schema.description` must be a string, got the number 1"] =
        named { description = 1, schema = {} },
      ["`response_format.json_schema.description` must be valid UTF-8"] =
        named { description = "\255", schema = {} },
      [bad_name .. '"a b"'] = named { name = "a b", schema = {} },
      [bad_name .. '""'] = named { name = "", schema = {} },
      ["`response_format.json_schema.schema` must be a JSON schema: a table with named fields, or "
        .. "a string of JSON, got nil"] = named { name = "x" },
      ["`response_format.json_schema.schema` must be a JSON object, got [1]"] =
        named { name = "x", schema = "[1]" },
      ["`response_format.schema` must not be null; leave it out to allow any JSON object"] =
        { type = "json_object", schema = json.null },
    } do
      assert.equal(expected, flat(value))
    end
  end)

  it("names the path of a part that the server cannot translate, in either form", function ()
    local bad = { type = "object", properties = { x = { type = "String" } } }
    for path, value in pairs {
      ["response_format.json_schema.schema"] =
        { type = "json_schema", json_schema = { name = "x", schema = bad } },
      ["response_format.schema"] = { type = "json_schema", schema = bad },
    } do
      local expected = ("`%s.properties.x.type`: %s"):format(path, schema.REASONS.unknown_type)
      assert.equal(1, (parameters.refused { response_format = value }:find(expected, 1, true)))
      assert.is_truthy(params.check({ response_format = value }, { check_schema = false }))
    end
    assert.is_nil(formats.grammar_problem(assert(formats.flat({ type = "text" }, "x"))))
  end)

  it("raises for a field of json_schema that does not exist", function ()
    local ok, message = pcall(params.check,
      { response_format = { type = "json_schema", json_schema = { nam = "x" } } })
    assert.is_false(ok)
    assert.matches(': unknown field of response_format.json_schema "nam"; did you mean "name"%?$',
      message)
  end)
end)
