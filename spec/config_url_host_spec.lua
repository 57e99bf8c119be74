-- SPDX-License-Identifier: MIT
local url = require "predibase.config.url"

local function refused (text)
  local known, problem = url.check_host(text)
  assert.is_nil(known, text)
  return problem
end

describe("url.check_host", function ()
  it("converts names to lower case and recognises this machine", function ()
    for text, expected in pairs {
      ["localhost"] = { "localhost", true }, ["LocalHost"] = { "localhost", true },
      ["127.0.0.1"] = { "127.0.0.1", true }, ["127.255.255.255"] = { "127.255.255.255", true },
      ["128.0.0.1"] = { "128.0.0.1", false }, ["LoRAX.example"] = { "lorax.example", false },
      ["localhost.example"] = { "localhost.example", false }, ["a_b-c"] = { "a_b-c", false },
      ["h."] = { "h.", false }, ["xn--bcher-kva.example"] = { "xn--bcher-kva.example", false },
    } do
      assert.same(expected, { url.check_host(text) }, text)
    end
  end)

  it("recognises the loopback address of IPv6 in every spelling, and no other address", function ()
    for _, text in ipairs { "[::1]", "[0:0:0:0:0:0:0:1]", "[0::0001]", "[0:0::0:1]",
      "[::0.0.0.1]" } do
      assert.same({ text, true }, { url.check_host(text) })
    end
    for _, text in ipairs { "[::]", "[::2]", "[1::1]", "[2001:db8::1]", "[::ffff:127.0.0.1]" } do
      assert.same({ text, false }, { url.check_host(text) })
    end
  end)

  it("refuses invalid IPv6 addresses", function ()
    for _, text in ipairs { "[]", "[1]", "[:::1]", "[1::2::3]", "[12345::]", "[1:2:3:4:5:6:7:8:9]",
      "[1:2:3:4:5:6:7::8]", "[::1.2.3]", "[::1.2.3.256]", "[g::]" } do
      assert.equal("that is not a valid IPv6 address", refused(text))
    end
    assert.equal("with an IPv6 zone, which is not supported", refused "[fe80::1%eth0]")
    assert.matches("^with a colon; write an IPv6 address in brackets", refused "::1")
  end)

  it("refuses numbers that other programs read as addresses", function ()
    for _, text in ipairs { "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.01",
      "1.2.3.4.5", "256.1.1.1", "127.0.0.1.", "example.1" } do
      assert.equal("that ends in a number but is not a valid IPv4 address such as 127.0.0.1",
        refused(text))
    end
  end)

  it("refuses names that DNS does not allow", function ()
    assert.equal("that is empty", refused "")
    assert.matches("^with characters beyond ASCII", refused "bücher.example")
    assert.equal("with an empty part between two dots", refused "a..b")
    assert.equal("with an empty part between two dots", refused ".a")
    for _, text in ipairs { "a b", "-a", "a-.b", "a/b", "a\0b", "a%41", "(a)" } do
      assert.equal("with a character that is not allowed in host names", refused(text))
    end
    local label = ("a"):rep(63)
    assert.equal(label, (url.check_host(label)))
    assert.equal("with a part longer than 63 bytes", refused(label .. "a"))
    local name = (label .. "."):rep(3) .. ("a"):rep(61)
    assert.equal(name .. ".", (url.check_host(name .. ".")))
    assert.equal("longer than 253 bytes", refused(name .. "a"))
  end)
end)
