-- SPDX-License-Identifier: MIT

local json = require "predibase.mock.router_json"
local model = require "predibase.mock.model"

local function value_of (text)
  return json.plain((json.read(text)))
end

describe("predibase.mock.router_json", function ()
  it("reads every kind of value", function ()
    assert.equal("a", value_of '"a"')
    assert.equal(-12.5, value_of "-12.5")
    assert.equal(100, value_of " 1e2 ")
    assert.is_true(value_of "true")
    assert.is_false(value_of "false")
    assert.equal(json.null, (json.read "null"))
    assert.same({ array = true, "a", "b", { array = true } }, (json.read '["a","b",[]]'))
  end)

  it("keeps the spelling of numbers", function ()
    for _, literal in ipairs { "128.0", "128", "18446744073709551615", "-0", "1e-7" } do
      assert.same({ literal = literal }, (json.read(literal)))
    end
  end)

  it("keeps the order of an object's keys, and the last of two equal ones", function ()
    local value = json.read '{"b":"1","a":"2","b":"3"}'
    assert.same({ "b", "a" }, value.keys)
    assert.same({ b = "3", a = "2" }, value.values)
    assert.equal("b", value.twice)
  end)

  it("reads escapes, surrogate pairs and raw UTF-8", function ()
    assert.equal('"\\/\b\f\n\r\t', value_of [["\"\\\/\b\f\n\r\t"]])
    assert.equal("A\0é東😀", value_of [["\u0041\u0000\u00e9\u6771\ud83d\ude00"]])
    assert.equal("\127\194\128\223\191\224\160\128", value_of [["\u007f\u0080\u07ff\u0800"]])
    assert.equal("\244\143\191\191", value_of [["\udbff\udfff"]])
    assert.equal("é\127", value_of '"é\127"')
  end)

  it("ignores what follows the value, as the router does", function ()
    assert.equal(1, value_of "1 trailing")
  end)

  it("refuses broken JSON and says where it is broken", function ()
    local cases = {
      [""] = "line 1 column 1", ["{"] = "line 1 column 2", ["["] = "line 1 column 2",
      ['"ab'] = "line 1 column 4", ["[1,]"] = "line 1 column 4", ['{"a":1,}'] = "line 1 column 8",
      ["[1 2]"] = "line 1 column 4", ['{"a" 1}'] = "line 1 column 6", ["{1:2}"] = "line 1 column 2",
      ["tru"] = "line 1 column 1", ["nule"] = "line 1 column 1", ["x"] = "line 1 column 1",
      ["01"] = "line 1 column 1", ["-"] = "line 1 column 1", ["-x"] = "line 1 column 1",
      ["1."] = "line 1 column 1", ["1.e2"] = "line 1 column 1", ["1e"] = "line 1 column 1",
      ["1e400"] = "line 1 column 1", ['"\\x"'] = "line 1 column 3",
      ['"\\ud83dx"'] = "line 1 column 3", ['"\\ude00"'] = "line 1 column 3",
      ['"a\nb"'] = "line 1 column 3", ['"\255"'] = "line 1 column 1",
      ["[\n1,\nx]"] = "line 3 column 1", [("["):rep(200)] = "line 1 column 129",
      [("["):rep(200000)] = "line 1 column 129",
    }
    for text, place in pairs(cases) do
      local value, message = json.read(text)
      assert.is_nil(value)
      assert.equal(place, message, text:sub(1, 20))
    end
  end)

  it("accepts strings of any bytes when told so", function ()
    assert.equal("\255", (json.read('"\255"', true)))
  end)

  it("never fails in another way, for any bytes", function ()
    local random = model.random "3"
    local alphabet = '{}[]":,\\u0019ntrfe.-+E \n\255'
    for _ = 1, 3000 do
      local bytes = {}
      for i = 1, math.floor(random() * 30) do
        local at = math.floor(random() * #alphabet) + 1
        bytes[i] = alphabet:sub(at, at)
      end
      local value, message = json.read(table.concat(bytes))
      if value == nil then assert.is_truthy(message:find("^line %d+ column %d+$")) end
    end
  end)

  it("turns what it read into plain tables", function ()
    assert.same({ a = { 1, {} }, c = "x" }, value_of '{"a":[1,{"b":null}],"c":"x"}')
  end)

  it("writes plain tables, with any bytes in strings", function ()
    local value = { list = { 1, 2.5, "\0\255\n" }, yes = true }
    assert.same(value, json.plain((json.read(json.encode(value), true))))
    assert.equal("[1,2.5,-3]", json.encode { 1, 2.5, -3 })
  end)

  it("writes floats as the router does", function ()
    assert.equal("null", json.float(nil))
    assert.equal("null", json.float(-math.huge))
    assert.equal("0.0", json.float(0))
    assert.equal("-1e-10", json.float(-1e-10))
    assert.equal("-0.1", json.float(-0.1))
    assert.equal("-0.265625", json.float(-0.265625))
  end)
end)
