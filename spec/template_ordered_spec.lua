-- SPDX-License-Identifier: MIT

local json = require "predibase.json"
local ordered = require "predibase.template.ordered"

describe("predibase.template.ordered", function ()
  it("keeps the order of keys", function ()
    local text = '{"z":1,"a":{"y":[],"b":null},"é\\"":"\\u00e9\\n","m":[1.5,true,{}]}'
    local again = json.encode(assert(ordered.decode(" " .. text:gsub(",", " ,\n") .. "\n")))
    assert.equal((text:gsub("\\u00e9", "é")), again)
  end)

  it("takes the last of two equal keys, in the place of the first", function ()
    assert.equal('{"a":3,"b":2}', json.encode(ordered.decode '{"a":1,"b":2,"a":3}'))
  end)

  it("keeps numbers as they are spelled, where Lua would write them in another way", function ()
    for _, text in ipairs { "1.0", "-0.0", "-0", "1e5", "1.50", "9007199254740993",
      "-9007199254740993", "12345678901234567890123", "9223372036854776000", "3E+2" } do
      local value = assert(ordered.decode(text))
      assert.equal(text, tostring(value))
      assert.equal(text, json.encode(value))
      assert.equal('{"a":[' .. text .. "]}", json.encode(ordered.decode('{"a":[' .. text .. "]}")))
    end
    for _, text in ipairs { "0", "1", "-17", "123456789012345", "0.5", "-2.25" } do
      assert.equal("number", type(ordered.decode(text)), text)
    end
    for _, text in ipairs { "1.", "-.5", "1e400", "-", "0x10", "1-2", "+1" } do
      assert.is_nil((ordered.decode(text)), text)
    end
  end)

  it("gives objects whose members can be read, and plain tables of them", function ()
    local value = assert(ordered.decode '{"b":{"x":1.0,"l":[]},"a":null,"1":2}')
    assert.equal("1.0", tostring(value.b.x))
    assert.equal(json.null, value.a)
    assert.equal(2, value["1"])
    assert.is_nil(value.c)
    local plain = json.plain(value)
    assert.equal(1, plain.b.x)
    assert.equal(json.null, plain.a)
    assert.equal('{"1":2,"a":null,"b":{"l":[],"x":1}}', json.encode(plain))
  end)

  it("says what is no JSON", function ()
    for _, text in ipairs { "", "{", "[1,]", "[1 2]", '{"a"}', '{"a":}', "{a:1}", '"x', "[1]]",
      "nul", "01", "[,1]", '{"a":1,}' } do
      local value, problem = ordered.decode(text)
      assert.is_nil(value, text)
      assert.is_string(problem, text)
    end
    local _, problem = ordered.decode(("["):rep(100000))
    assert.matches("nested deeper", problem)
  end)
end)
