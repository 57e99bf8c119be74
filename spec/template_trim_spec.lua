-- SPDX-License-Identifier: MIT
local trim = require "predibase.template.trim"

-- All that Python's str.isspace is true for.
local SPACES = { "\t", "\n", "\v", "\f", "\r", "\28", "\29", "\30", "\31", " ", "\194\133",
  "\194\160", "\225\154\128", "\226\128\128", "\226\128\129", "\226\128\130", "\226\128\131",
  "\226\128\132", "\226\128\133", "\226\128\134", "\226\128\135", "\226\128\136",
  "\226\128\137", "\226\128\138", "\226\128\168", "\226\128\169", "\226\128\175",
  "\226\129\159", "\227\128\128" }

-- Zero-width characters, a no-break one among them, are no white space.
local OTHERS = { "\226\128\139", "\226\128\141", "\239\187\191", "\0", "\27", "\127", "\194\161" }

describe("trim", function ()
  it("takes every white space of Unicode off the ends", function ()
    for _, space in ipairs(SPACES) do
      assert.equal("a" .. space .. "b", trim.both(space .. " a" .. space .. "b " .. space))
      assert.equal("", trim.both(space))
    end
    assert.equal("", trim.both(table.concat(SPACES)))
    assert.equal("", trim.both "")
  end)

  it("leaves everything else", function ()
    for _, other in ipairs(OTHERS) do assert.equal(other, trim.both(" " .. other .. " ")) end
  end)

  it("leaves bytes that are half a character", function ()
    for _, bytes in ipairs { "\128", "\133", "\160", "\226\128", "\128\168", "\195" } do
      assert.equal(bytes, trim.both(bytes))
      assert.equal(bytes, trim.both(" " .. bytes .. "\n"))
    end
  end)

  it("takes from one end alone when asked to", function ()
    assert.equal("a ", trim.left " a ")
    assert.equal(" a", trim.right " a ")
  end)
end)
