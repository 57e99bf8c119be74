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
    assert.same({ array = true, "a", "b", { array = true, spans = {} },
      spans = { { 1, 4 }, { 5, 8 }, { 9, 11 } } }, (json.read '["a","b",[]]'))
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
    local value, message = json.read("1 x", { whole = true })
    assert.is_nil(value)
    assert.equal("trailing characters at line 1 column 3", message)
  end)

  it("refuses broken JSON and says where it is broken", function ()
    local cases = {
      [""] = "EOF while parsing a value at line 1 column 0",
      ["{"] = "EOF while parsing an object at line 1 column 1",
      ["["] = "EOF while parsing a list at line 1 column 1",
      ['{"model":"x"'] = "EOF while parsing an object at line 1 column 12",
      ['"ab'] = "EOF while parsing a string at line 1 column 3",
      ["[1,]"] = "trailing comma at line 1 column 4",
      ["[1,"] = "EOF while parsing a value at line 1 column 3",
      ['{"a":1,}'] = "trailing comma at line 1 column 8",
      ["[1 2]"] = "expected `,` or `]` at line 1 column 4",
      ['{"a":1 2}'] = "expected `,` or `}` at line 1 column 8",
      ['{"a" 1}'] = "expected `:` at line 1 column 6",
      ["{1:2}"] = "key must be a string at line 1 column 2",
      ["tru"] = "EOF while parsing a value at line 1 column 3",
      ["nule"] = "expected ident at line 1 column 4",
      ["x"] = "expected value at line 1 column 1",
      ["plain text"] = "expected value at line 1 column 1",
      ["01"] = "invalid number at line 1 column 2",
      ["1."] = "EOF while parsing a value at line 1 column 2",
      ["1.x"] = "invalid number at line 1 column 3",
      ["1e400"] = "number out of range at line 1 column 5",
      ['"\\x1234"'] = "invalid escape at line 1 column 3",
      ['"\\ude00"'] = "lone leading surrogate in hex escape at line 1 column 7",
      ['"a\nb"'] = "control character (\\u0000-\\u001F) found while parsing a string "
        .. "at line 2 column 0",
      ['"\255"'] = "invalid unicode code point at line 1 column 3",
      ["[\n1,\nx]"] = "expected value at line 3 column 1",
      [("["):rep(200)] = "recursion limit exceeded at line 1 column 129",
      [("["):rep(200000)] = "recursion limit exceeded at line 1 column 129",
    }
    for text, place in pairs(cases) do
      local value, message = json.read(text)
      assert.is_nil(value)
      assert.equal(place, message, text:sub(1, 20))
    end
  end)

  it("accepts strings of any bytes when told so", function ()
    assert.equal("\255", (json.read('"\255"', { any_bytes = true })))
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
      if value == nil then assert.is_truthy(message:find(" at line %d+ column %d+$")) end
    end
  end)

  it("turns what it read into plain tables", function ()
    assert.same({ a = { 1, {} }, c = "x" }, value_of '{"a":[1,{"b":null}],"c":"x"}')
  end)

  it("writes what it read, with the keys in their order", function ()
    local text = '{"b":[1.50,null,true,"é\\n"],"a":{}}'
    assert.equal(text, json.text((json.read(" " .. text:gsub(",", " ,\n")))))
  end)

  it("writes plain tables, with any bytes in strings", function ()
    local value = { list = { 1, 2.5, "\0\255\n" }, yes = true }
    assert.same(value, json.plain((json.read(json.encode(value), { any_bytes = true }))))
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
