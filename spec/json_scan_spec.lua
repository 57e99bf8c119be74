-- SPDX-License-Identifier: MIT
local scan = require "predibase.json.scan"

describe("scan.big_integers", function ()
  local function found (text)
    local at = scan.big_integers(text)
    if not at then return nil end
    local out = {}
    for i = 1, #at, 2 do out[#out + 1] = text:sub(at[i], at[i + 1]) end
    return out
  end

  it("finds the literals of 2^53 and more at any place", function ()
    assert.same({ "9007199254740992" }, found "9007199254740992")
    assert.same({ "-9007199254740993", "18446744073709551615" },
      found '{"a":-9007199254740993,"b":[1,18446744073709551615]}')
    assert.is_nil(found "[9007199254740991,1.2345678901234567,12345678901234567e1]")
    assert.is_nil(found "[true,false,null]")
    assert.is_nil(found "")
  end)

  it("is not misled by strings", function ()
    assert.is_nil(found [["\"12345678901234567"]])
    assert.is_nil(found [["12345678901234567\\"]])
    assert.same({ "12345678901234567" }, found [["\\\"",12345678901234567]])
    assert.is_nil(found '"12345678901234567')
    assert.is_nil(found '"\\')
    assert.same({ "12345678901234567" }, found '["a\n\0b",12345678901234567]')
  end)
end)

describe("scan.strict", function ()
  it("names the place of the first mistake", function ()
    assert.same({ nil, "control character inside a string at character 4" },
      { scan.strict '["a\tb"]' })
    assert.same({ nil, "invalid number at character 5" }, { scan.strict '["",1.]' })
    assert.same({ nil, "invalid number at character 2" }, { scan.strict "[1e999]" })
    assert.is_true(scan.strict '\t{"1.": -0.5}\n')
  end)
end)

describe("scan.mend_surrogates", function ()
  it("returns nil when there is nothing to replace", function ()
    for _, text in ipairs { "", "abc", '"\\ud83d\\ude00"', '"\\\\ud83d"', '"\\u00e9"', "\\", "\\u",
      "\\ud8" } do
      assert.is_nil(scan.mend_surrogates(text), text)
    end
  end)

  it("replaces only unpaired surrogates", function ()
    assert.equal("\\ufffd\\ud83d\\ude00\\ufffd\\n\\ufffd",
      scan.mend_surrogates "\\ude00\\ud83d\\ude00\\uD83D\\n\\udfff")
  end)
end)
