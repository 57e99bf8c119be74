-- SPDX-License-Identifier: MIT
local base64 = require "predibase.base64"
local random = require "spec.support.random"

describe("base64.encode", function ()
  it("writes the examples of RFC 4648 section 10", function ()
    for bytes, text in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
      fooba = "Zm9vYmE=", foobar = "Zm9vYmFy" } do
      assert.equal(text, base64.encode(bytes))
      assert.equal(bytes, base64.decode(text))
    end
  end)

  it("writes every byte at every place", function ()
    for b = 0, 255 do
      for before = 0, 3 do
        for after = 0, 3 do
          local bytes = ("x"):rep(before) .. string.char(b) .. ("\255"):rep(after)
          local text = base64.encode(bytes)
          assert.equal(0, #text % 4)
          assert.equal(bytes, base64.decode(text))
        end
      end
    end
    assert.equal("AAD/////", base64.encode "\0\0\255\255\255\255")
    assert.equal("+/v7", base64.encode "\251\251\251")
  end)

  it("is undone by decode for random bytes", function ()
    local rng = random.new(64)
    for n = 0, 300 do
      local bytes = rng:bytes(n)
      local text = base64.encode(bytes)
      assert.is_truthy(text:find "^[A-Za-z0-9+/]*=?=?$")
      assert.equal(math.ceil(n / 3) * 4, #text)
      assert.equal(bytes, base64.decode(text))
    end
  end)
end)

describe("base64.decode", function ()
  it("refuses what is no Base64", function ()
    for _, text in ipairs { "Z", "Zg", "Zg=", "Zg===", "Zm9vY", "=", "==", "====", "=Zg=", "Z=g=",
      "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm 9", "Zm9-", "Zm9_", "Zm\0v", "\228m9v", "Zm9v====" } do
      assert.is_nil(base64.decode(text), ("%q"):format(text))
    end
  end)
end)
