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
