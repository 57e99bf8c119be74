-- SPDX-License-Identifier: MIT
--- Which values of Content-Encoding mean that the body is coded.
local headers = require "predibase.response_headers"

describe("a Content-Encoding", function ()
  it("is not a coding when it is empty, says so, or names a character set", function ()
    assert.is_false(headers.is_coded(nil))
    for _, value in ipairs { "", " , ", "identity", "Identity", "none", "identity, identity",
      "utf-8", "UTF8", "us-ascii", "ISO-8859-15", "windows-1252" } do
      assert.is_false(headers.is_coded(value), value)
    end
  end)

  it("is a coding otherwise", function ()
    for _, value in ipairs { "gzip", "x-gzip", "br", "zstd", "deflate", "identity, gzip",
      "gzip,none", "utf-", "iso-8859-", "utf-8x", "unheard-of" } do
      assert.is_true(headers.is_coded(value), value)
    end
  end)
end)
