-- SPDX-License-Identifier: MIT
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"
local params = require "predibase.params"
local parameters = require "spec.support.parameters"

local encoded, refused = parameters.encoded, parameters.refused

local function schema (value)
  return { response_format = { type = "json_object", schema = value } }
end

describe("response_format", function ()
  it("sends a string of JSON unchanged, which keeps the order of properties", function ()
    local text = ' {"type": "object",\n "properties": {"z": {}, "a": {"type": "number", '
      .. '"minimum": 1.50}}}'
    assert.equal('{"response_format":{"type":"json_object","schema":' .. text .. "}}",
      encoded(schema(text)))
  end)

  it("removes a byte order mark at the beginning of a string", function ()
    assert.equal('{"response_format":{"type":"json_object","schema":{}}}',
      encoded(schema("\239\187\191{}")))
  end)

  it("accepts the schema as a table", function ()
    assert.equal('{"response_format":{"type":"json_schema","schema":'
      .. '{"properties":{"n":{"type":"integer"}},"required":["n"]}}}',
      encoded { response_format = { type = "json_schema",
        schema = { required = { "n" }, properties = { n = { type = "integer" } } } } })
    assert.equal('{"response_format":{"type":"json_object",'
      .. '"schema":{"z":1,"required":[],"type":"object"}}}',
      encoded(schema(json.object { { "z", 1 }, { "required", json.array {} },
        { "type", "object" } })))
  end)

  it("accepts ordered JSON objects, and keeps the spelling of numbers", function ()
    local text = '{"type":"object","properties":{"z":{"type":"number","minimum":0.0,'
      .. '"maximum":9223372036854776000}},"required":[]}'
    local whole = '{"type":"json_object","schema":' .. text .. "}"
    assert.equal('{"response_format":' .. whole .. "}",
      encoded(schema(assert(ordered.decode(text)))))
    assert.equal('{"response_format":' .. whole .. "}",
      encoded { response_format = assert(ordered.decode(whole)) })
    local extra = assert(ordered.decode '{"y":1.0,"x":{"b":12345678901234567890,"a":1}}')
    assert.equal('{"x":{"b":12345678901234567890,"a":1},"y":1.0}', encoded { extra = extra })
  end)

  it("writes empty lists as lists in every place of a schema", function ()
    for _, text in ipairs {
      '{"required":[],"type":"object"}',
      '{"examples":[],"items":{"required":[],"type":"object"},"type":"array"}',
      '{"dependentRequired":{"a":[]},"properties":{"required":{},"x":{"anyOf":[{"examples":[],'
        .. '"type":"string"}]}},"type":"object"}',
      '{"$defs":{"enum":{"examples":[],"type":"string"}},"prefixItems":[{"examples":[],'
        .. '"type":"string"}],"type":"array"}',
      '{"additionalProperties":{"required":[],"type":"object"},"type":"object"}',
      '{"default":{},"properties":{},"type":"object"}',
    } do
      for _, decode in ipairs { require "cjson".decode, json.decode, ordered.decode } do
        assert.equal('{"response_format":{"type":"json_object","schema":' .. text .. "}}",
          encoded(schema(assert(decode(text)))))
      end
    end
    -- Empty tables that are objects in a schema.
    assert.equal('{"response_format":{"type":"json_object","schema":{"required":[],'
      .. '"type":"object"}}}', encoded(schema(ordered.decode '{"required":{},"type":"object"}')))
  end)

  it("does not change the given schema, and stops at cycles", function ()
    local given = { type = "object", required = {}, properties = {} }
    assert.is_string(encoded(schema(given)))
    assert.same({ type = "object", required = {}, properties = {} }, given)
    assert.is_nil(getmetatable(given.required))
    local deep = {}
    for _ = 1, 100000 do deep = { items = deep } end
    assert.matches("nested more than 128 deep", refused(schema(deep)))
    given.items, given.additionalProperties = given, given
    assert.matches("a table that contains itself", refused(schema(given)))
  end)

  it("sends no schema when none is given, which means any JSON object", function ()
    assert.equal('{"response_format":{"type":"json_object"}}',
      encoded { response_format = { type = "json_object" } })
  end)

  it("sends a null schema for text, because the router would otherwise ask for JSON", function ()
    assert.equal('{"response_format":{"type":"text","schema":null}}',
      encoded { response_format = { type = "text" } })
    assert.equal('{"response_format":{"type":"text","schema":null}}',
      encoded { response_format = { type = "text", schema = json.null } })
    assert.matches('cannot be combined with type "text"',
      refused { response_format = { type = "text", schema = {} } })
  end)

  it("refuses a null schema for JSON, because that removes the constraint", function ()
    assert.matches("^`response_format%.schema` must not be null", refused(schema(json.null)))
  end)

  it("refuses a string that is not one JSON object", function ()
    for _, text in ipairs { "", "{", "{} {}", "{'a':1}", '{"a":NaN}', '{"a":01}',
      '{"a":"\255"}' } do
      assert.matches("^`response_format%.schema` must be a JSON schema: a table with named "
        .. "fields, or a string of JSON; this string is not JSON: ", refused(schema(text)))
    end
    assert.equal("`response_format.schema` must be a JSON object, got [1]",
      refused(schema("[1]")))
    assert.equal('`response_format.schema` must be a JSON object, got "x"',
      refused(schema('"x"')))
    assert.equal("`response_format.schema` must be a JSON object, got [1]",
      refused(schema { 1 }))
  end)

  it("refuses values that JSON cannot represent, and names the place", function ()
    local cycle = {}
    cycle.x = { cycle }
    local deep = {}
    for _ = 1, 200 do deep = { deep = deep } end
    for _, case in ipairs {
      { { properties = { x = print } }, "a function at properties%.x" },
      { { x = 0 / 0 }, "not finite at x" },
      { { x = "\255" }, "not UTF%-8" },
      { { x = { 1, y = 2 } }, "array and an object at once at x" },
      { cycle, "contains itself at x%[1%]" },
      { deep, "nested more than 128 deep" },
      { { x = coroutine.create(function () end) }, "a thread at x" },
    } do
      local message = refused(schema(case[1]))
      assert.matches("^`response_format%.schema` must be a JSON schema", message)
      assert.matches(case[2], message)
    end
    assert.matches("or a string of JSON, got the number 5$", refused(schema(5)))
    assert.matches("or a string of JSON, got a function$", refused(schema(print)))
  end)

  it("refuses an unknown type", function ()
    assert.equal("`response_format.type` must be one of text, json_object, json_schema, "
      .. 'got the string "json"', refused { response_format = { type = "json" } })
    assert.equal("`response_format.type` must be one of text, json_object, json_schema, "
      .. 'got the string "JsonObject"; did you mean "json_object"?',
      refused { response_format = { type = "JsonObject" } })
    assert.equal("`response_format.type` must be one of text, json_object, json_schema, got nil",
      refused { response_format = { schema = {} } })
    assert.matches("^`response_format` must be a table such as",
      refused { response_format = "json_object" })
  end)

  it("raises for a field that does not exist, with the line of the caller", function ()
    local ok, message = pcall(function ()
      params.check { response_format = { type = "json_schema", shema = {} } }
    end)
    assert.is_false(ok)
    assert.matches("^spec/params_format_spec%.lua:%d+: unknown field of response_format "
      .. '"shema"; did you mean "schema"%?', message)
  end)
end)

describe("extra", function ()
  it("appends unknown fields, sorted by name", function ()
    assert.equal('{"seed":1,"a":{"x":[1]},"min_p":0.1,"z":null}',
      encoded { seed = 1, extra = { z = json.null, min_p = 0.1, a = { x = { 1 } } } })
    assert.equal("{}", encoded { extra = {} })
  end)

  it("refuses the name of a known parameter", function ()
    for _, name in ipairs { "temperature", "repitition_penalty" } do
      assert.equal(("`extra.%s` is a known parameter; write %s = … outside `extra`")
        :format(name, name), refused { extra = { [name] = 1 } })
    end
  end)

  it("refuses keys that are not names, and values that JSON cannot represent", function ()
    assert.equal("`extra` must have the names of fields as keys, got the number 1",
      refused { extra = { "x" } })
    assert.equal('`extra` must have the names of fields as keys, got the string ""',
      refused { extra = { [""] = 1 } })
    assert.equal("`extra` must be a table of field = value, got the boolean false",
      refused { extra = false })
    assert.equal("`extra.x`: cannot write a function as JSON", refused { extra = { x = print } })
    assert.equal("`extra.x`: cannot write a number that is not finite as JSON",
      refused { extra = { x = 1 / 0 } })
    assert.matches("valid UTF%-8", refused { extra = { ["\255"] = 1 } })
  end)
end)
