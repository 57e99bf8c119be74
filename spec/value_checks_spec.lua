-- SPDX-License-Identifier: MIT
local checks = require "predibase.value_checks"

describe("checks.describe", function ()
  it("describes values of every type", function ()
    assert.equal('the string "true"', checks.describe("true"))
    assert.equal("the number 20.5", checks.describe(20.5))
    assert.equal("the boolean false", checks.describe(false))
    assert.equal("nil", checks.describe(nil))
    assert.equal("a table", checks.describe({}))
    assert.equal("a function", checks.describe(print))
    assert.equal("a thread", checks.describe(coroutine.create(function () end)))
  end)

  it("shortens a long string and cleans a broken one", function ()
    local text = checks.describe(("x"):rep(1000) .. "\n")
    assert.is_true(#text < 60)
    assert.equal('the string "a b?"', checks.describe("a\nb\255"))
  end)

  it("calls no metamethod", function ()
    local function bad () error("called") end
    assert.equal("a table",
      checks.describe(setmetatable({}, { __tostring = bad, __name = "secret" })))
  end)
end)

describe("checks.number", function ()
  it("formats numbers as a person would", function ()
    for text, value in pairs { ["20"] = 20.0, ["-1"] = -1, ["0.1"] = 0.1, ["1e+39"] = 1e39,
      nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge, ["9007199254740992"] = 2^53,
      ["4294967296"] = 2^32 } do
      assert.equal(text, checks.number(value))
    end
    assert.equal(1 / 3, tonumber(checks.number(1 / 3)))
  end)
end)

describe("checks.array", function ()
  it("counts the entries of an array", function ()
    assert.equal(0, checks.array {})
    assert.equal(2, checks.array { "a", "b" })
  end)

  it("tells why a table is not an array", function ()
    assert.same({ nil, "has no value at position 2" }, { checks.array { "a", nil, "c" } })
    assert.same({ nil, 'has the key the string "n"' }, { checks.array { n = 1 } })
    assert.same({ nil, "has the key the number 0" }, { checks.array { [0] = 1 } })
    assert.same({ nil, "has the key the number 1.5" }, { checks.array { [1.5] = 1 } })
  end)
end)

describe("checks.control", function ()
  it("finds the first control character", function ()
    assert.is_nil(checks.control("plain äöü ~"))
    assert.equal("byte 0x00 at position 1", checks.control("\0"))
    assert.equal("byte 0x7f at position 3", checks.control("ab\127\n"))
  end)
end)

describe("checks.callable", function ()
  it("accepts functions and values with __call", function ()
    assert.is_true(checks.callable(print))
    assert.is_true(checks.callable(setmetatable({}, { __call = print })))
    for _, value in ipairs { 1, "x", {}, true, setmetatable({}, { __metatable = "no" }) } do
      assert.is_false(checks.callable(value))
    end
    assert.is_false(checks.callable(nil))
  end)
end)

describe("checks.token", function ()
  it("accepts visible ASCII", function ()
    assert.is_nil(checks.token("pb_abc-._~+/=0"))
    assert.is_nil(checks.token(("x"):rep(checks.MAX_TOKEN)))
  end)

  it("names the probable mistake, and never shows the token", function ()
    for value, text in pairs {
      [""] = "^is empty$",
      ["SENTINEL\n"] = "^ends in a newline, so it probably came from a file %(`%$%(cat file%)`",
      ["SENTINEL\r\n"] = "^ends in a newline",
      ["\nSENTINEL"] = "^begins or ends with white space",
      [" SENTINEL"] = "^begins or ends with white space",
      ["SENTINEL\t"] = "^begins or ends with white space",
      [" \n"] = "^contains only white space$",
      ["SENT INEL"] = "^has byte 0x20 at position 5",
      ["SENT\0INEL"] = "^has byte 0x00 at position 5",
      ["SENT\r\nX: INEL"] = "^has byte 0x0d at position 5",
      ["SENTINÉL"] = "^has byte 0xc3 at position 7",
      ["Bearer SENTINEL"] = '^begins with the word "Bearer"; remove it',
      [("SENTINEL"):rep(131072)] = "^is 1048576 bytes long; at most 8192 are allowed$",
    } do
      local problem = checks.token(value)
      assert.matches(text, problem)
      assert.is_nil(problem:find("SENT", 1, true))
    end
  end)
end)
