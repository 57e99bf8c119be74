-- SPDX-License-Identifier: MIT
local strings = require "predibase.python_strings"

-- All that Python's str.isspace is true for.
local SPACES = { "\t", "\n", "\v", "\f", "\r", "\28", "\29", "\30", "\31", " ", "\194\133",
  "\194\160", "\225\154\128", "\226\128\128", "\226\128\129", "\226\128\130", "\226\128\131",
  "\226\128\132", "\226\128\133", "\226\128\134", "\226\128\135", "\226\128\136",
  "\226\128\137", "\226\128\138", "\226\128\168", "\226\128\169", "\226\128\175",
  "\226\129\159", "\227\128\128" }

-- Zero-width characters, a no-break one among them, are no white space.
local OTHERS = { "\226\128\139", "\226\128\141", "\239\187\191", "\0", "\27", "\127", "\194\161" }

describe("a string", function ()
  it("is divided into lines where Python divides it", function ()
    assert.same({ "a", "b", "c", "d", "e" },
      strings.lines("a\r\nb\194\133c\226\128\168d\28e", false))
  end)

  it("is compared by its bytes, which are in the order of the code points", function ()
    assert.equal(0, strings.order("a", "a"))
    assert.is_true(strings.order("a", "ab") < 0)
    assert.is_true(strings.order("b", "ab") > 0)
    assert.is_true(strings.order(("x"):rep(300) .. "a", ("x"):rep(300)) > 0)
  end)

  it("is written with escapes for what cannot be seen", function ()
    assert.equal("'a\\x85\\u2028\\U000e0001\240\159\152\128'",
      strings.repr "a\194\133\226\128\168\243\160\128\129\240\159\152\128")
  end)
end)

describe("stripping", function ()
  it("removes every white space of Unicode from the ends", function ()
    for _, space in ipairs(SPACES) do
      assert.equal("a" .. space .. "b", strings.strip(space .. " a" .. space .. "b " .. space))
      assert.equal("", strings.strip(space))
    end
    assert.equal("", strings.strip(table.concat(SPACES)))
    assert.equal("", strings.strip "")
  end)

  it("leaves everything else", function ()
    for _, other in ipairs(OTHERS) do assert.equal(other, strings.strip(" " .. other .. " ")) end
  end)

  it("leaves incomplete characters", function ()
    for _, bytes in ipairs { "\128", "\133", "\160", "\226\128", "\128\168", "\195" } do
      assert.equal(bytes, strings.strip(bytes))
      assert.equal(bytes, strings.strip(" " .. bytes .. "\n"))
    end
  end)

  it("can be limited to one end", function ()
    assert.equal("a ", strings.lstrip " a ")
    assert.equal(" a", strings.rstrip " a ")
  end)
end)
