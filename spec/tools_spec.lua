-- SPDX-License-Identifier: MIT
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"
local random = require "spec.support.random"
local schema = require "predibase.schema"
local tools = require "predibase.tools"

local function read (list, context)
  local made, err = tools.read(list, context)
  assert(made, tostring(err))
  return made
end

local function wire (list, context)
  return json.encode(tools.wire(read(list, context)))
end

--- The message about tools that must be refused, without its common prefix.
local function refused (list, context)
  local made, err = tools.read(list, context)
  assert(made == nil, "the tools were accepted")
  assert.equal("validation", err.kind)
  assert.equal("request", err.phase)
  return (err.message:gsub("^Input validation error: ", "", 1))
end

local function with_parameters (parameters)
  return { { name = "f", parameters = parameters } }
end

local WEATHER = '{"type":"object","properties":{"town":{"type":"string"},"days":{"type":"integer",'
  .. '"minimum":1.0}},"required":["town"]}'

describe("predibase.tools", function ()
  it("writes both forms in OpenAI's form, with the order of the parameters", function ()
    local expected = '[{"type":"function","function":{"name":"weather","description":"Weather of a '
      .. 'town","parameters":' .. WEATHER .. ',"strict":true}}]'
    local run = function () end
    local short = { name = "weather", description = "Weather of a town", parameters = WEATHER,
      strict = true, run = run }
    assert.equal(expected, wire { short })
    assert.equal(expected, wire { { run = run, ["function"] = { name = "weather", strict = true,
      description = "Weather of a town", parameters = assert(ordered.decode(WEATHER)) } } })
    assert.equal(expected, wire(assert(ordered.decode(expected))))
    assert.equal(expected, wire(assert(ordered.decode(expected)), { server = "openai" }))
    local made = read { short }
    assert.equal(run, made[1].run)
    assert.equal("weather", made[1].name)
    assert.equal(WEATHER, json.encode(made[1].parameters))
    assert.equal(made[1], tools.find(made, "weather"))
    assert.is_nil(tools.find(made, "no_tool"))
  end)

  it("sends parameters where none are given, because LoRAX requires them", function ()
    assert.equal('[{"type":"function","function":{"name":"now","parameters":{"type":"object",'
      .. '"properties":{}}}}]', wire { { name = "now", description = json.null } })
    assert.equal("[]", wire {})
  end)

  it("puts what references refer to in their place, for LoRAX only", function ()
    local parameters = '{"type":"object","properties":{"from":{"$ref":"#/$defs/Place",'
      .. '"description":"Start"},"via":{"type":"array","items":{"$ref":"#/$defs/Place"}},'
      .. '"$ref":{"type":"null"}},"$defs":{"Place":{"type":"object","description":"A place",'
      .. '"properties":{"name":{"$ref":"#/$defs/Name"}}},"Name":{"type":"string"}}}'
    local place = '{"type":"object",%s"properties":{"name":{"type":"string"}}%s}'
    assert.equal('[{"type":"function","function":{"name":"f","parameters":{"type":"object",'
      .. '"properties":{"from":' .. place:format("", ',"description":"Start"')
      .. ',"via":{"type":"array","items":' .. place:format('"description":"A place",', "")
      .. '},"$ref":{"type":"null"}}}}}]', wire(with_parameters(parameters)))
    local sent = wire(with_parameters(parameters), { server = "openai" })
    assert.is_truthy(sent:find(parameters, 1, true))
    local made = read(with_parameters(parameters))
    assert.equal("$.via[1].name", select(2, tools.read_arguments(made[1],
      '{"via":[{"name":1}]}')))
  end)

  it("leaves references that cannot be replaced, where schemas are not checked", function ()
    local recursive = '{"type":"object","properties":{"next":{"$ref":"#/properties/next/x"},'
      .. '"far":{"$ref":"http://example.test/"},"me":{"$ref":"#/properties/me"}}}'
    assert.is_truthy(refused(with_parameters(recursive)):find("%$ref`: "))
    local sent = wire(with_parameters(recursive), { check_schema = false })
    assert.is_truthy(sent:find('"far":{"$ref":"http://example.test/"}', 1, true))
  end)

  it("refuses tools that are not valid, with the path of the wrong part", function ()
    local name = "must have 1 to 64 characters, only letters, digits, _ and -, got the string "
    local long = ("n"):rep(65)
    for expected, list in pairs {
      ["`tools` must be an array of tools, got the string \"x\""] = "x",
      ["`tools` must be an array of tools; the table given has the key the string \"a\""] =
        { a = 1 },
      ["`tools[2]` must be a table, got the number 5"] = { { name = "a" }, 5 },
      ["`tools[1].name` must be a string, got nil"] = { {} },
      ["`tools[1].function.name` must be a string, got the number 1"] =
        { { ["function"] = { name = 1 } } },
      ["`tools[1].function` must be a table, got the number 1"] = { { ["function"] = 1 } },
      ["`tools[1].name` " .. name .. '"a b"'] = { { name = "a b" } },
      ["`tools[1].name` " .. name .. '""'] = { { name = "" } },
      ["`tools[1].name` " .. name .. '"é"'] = { { name = "é" } },
      ["`tools[1].name` " .. name .. '"' .. ("n"):rep(37) .. '…"'] = { { name = long } },
      ["`tools[1].name` must not be no_tool: LoRAX adds a tool of this name"] =
        { { name = "no_tool" } },
      ["`tools[2].name`: there is another tool with the name a"] =
        { { name = "a" }, { name = "a" } },
      ["`tools[1].type` must be \"function\", got the string \"retrieval\""] =
        { { type = "retrieval", name = "a" } },
      ["`tools[1].run` must be a function, got the boolean true"] = { { name = "a", run = true } },
      ["`tools[1].description` must be a string, got the number 1"] =
        { { name = "a", description = 1 } },
      ["`tools[1].description` must be valid UTF-8, got byte 0xff at position 2"] =
        { { name = "a", description = "x\255" } },
      ["`tools[1].strict` must be a boolean, got the number 1"] = { { name = "a", strict = 1 } },
      ["`tools[1].parameters` must be a JSON object, got [1]"] = with_parameters { 1 },
      ["`tools[1].parameters.type` must be \"object\", got the string \"string\""] =
        with_parameters { type = "string" },
      ["`tools[1].parameters`: LoRAX reads only properties and required here, and would lose anyOf"]
        = with_parameters { anyOf = { { type = "object" } } },
      ["`tools[1].parameters.properties._name`: LoRAX adds a property of this name to every tool; "
        .. "choose another"] =
        with_parameters { type = "object", properties = { _name = { type = "string" } } },
    } do
      assert.equal(expected, refused(list))
    end
  end)

  it("keeps schemas from LoRAX on which it fails", function ()
    local bad = { type = "object", properties = { x = { type = "String" } } }
    local list = { { name = "a" }, { ["function"] = { name = "b", parameters = bad } } }
    local reason = "`tools[2].function.parameters.properties.x.type`: "
      .. schema.REASONS.unknown_type
    assert.equal(1, (refused(list):find(reason, 1, true)))
    list[2] = { name = "b", parameters = bad }
    assert.equal(1, (refused(list):find(reason:gsub("function%.", ""), 1, true)))
    assert.equal(1, (refused(list, { name = "session.tools" })
      :find("`session.tools[2].parameters.properties.x.type`: ", 1, true)))
    assert.equal(2, #read(list, { check_schema = false }))
    assert.equal(2, #read(list, { server = "openai" }))
    assert.equal(1, #read({ { name = "no_tool", parameters = { anyOf = { bad } } } },
      { server = "openai" }))
  end)

  it("raises for a field that does not exist", function ()
    for list, message in pairs {
      [{ { nam = "a" } }] = 'unknown field of tools[1] "nam"; did you mean "name"?',
      [{ { ["function"] = { name = "a", run = print } } }] =
        'unknown field of tools[1].function "run"',
      [{ { ["function"] = { name = "a" }, description = "x" } }] =
        'unknown field of tools[1] "description"',
    } do
      local ok, err = pcall(tools.read, list)
      assert.is_false(ok)
      assert.equal(message, err:match ":%d+: (.*)$")
    end
  end)

  it("reads arguments, without the members that are null", function ()
    local tool = read(with_parameters(WEATHER))[1]
    assert.same({ town = "Oslo", days = 2 },
      tools.read_arguments(tool, ' {"days":2,"town":"Oslo","unit":null} '))
    assert.same({}, tools.read_arguments(read { { name = "now" } }[1], " \n"))
    local list = with_parameters '{"properties":{"a":{"type":"array"}}}'
    local made = tools.read_arguments(read(list)[1], '{"a":[]}')
    assert.equal('{"a":[]}', json.encode(made))
    for text, expected in pairs {
      ["{"] = { "$", "is not JSON: expected a key at byte 2" },
      ["{} x"] = { "$", "is not JSON: more text after the value at byte 4" },
      ["[1]"] = { "$", "must be an object, got a list" },
      ["1.0"] = { "$", "must be an object, got the number 1.0" },
      ["null"] = { "$", "must be an object, got null" },
      ['{"town":1}'] = { "$.town", "must be a string, got the number 1" },
      ['{"town":null}'] = { "$.town", "must be a string, got null" },
      ["{}"] = { "$", 'has no member "town"' },
      [""] = { "$", 'has no member "town"' },
      ['{"town":"a","days":0}'] = { "$.days", "must be at least 1.0, got the number 0" },
    } do
      assert.same({ n = 3, nil, expected[1], expected[2] },
        (function (...) return { n = select("#", ...), ... } end)(
          tools.read_arguments(tool, text)), text)
    end
    assert.is_true(tools.check_arguments(tool, { town = "Oslo" }))
    assert.equal("must be an object, got the string \"x\"",
      select(3, tools.check_arguments(tool, "x")))
    assert.equal("$.town", select(2, tools.check_arguments(tool, { town = 1 })))
  end)

  it("never raises for arguments of random bytes", function ()
    local draw = random.new(13)
    local tool = read(with_parameters(WEATHER))[1]
    local seed, good = '{"town":"Oslo","days":3,"x":[null,{"y":1.0}]}', 0
    for _ = 1, 3000 do
      local text = draw:mutate(seed, { '"', "{", "}", "null", ",", ":", "\\u00", "[", "1e400" })
      local made, path, reason = tools.read_arguments(tool, text)
      if made then
        good = good + 1
        assert.equal("string", type(made.town))
      else
        assert.is_true(type(path) == "string" and type(reason) == "string", text)
      end
    end
    assert.is_true(good > 50)
  end)
end)
