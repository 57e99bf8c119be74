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
