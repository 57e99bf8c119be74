-- SPDX-License-Identifier: MIT
local config = require "predibase.config"
local predibase = require "predibase"
local request = require "predibase.request"
local version = require "predibase.version"

describe("the version", function ()
  it("follows Semantic Versioning", function ()
    local rest = version:match "^%d+%.%d+%.%d+(.*)$"
    assert.is_true(rest == "" or rest:find "^%-%a+%.%d+$" ~= nil, version)
  end)

  it("is the same in the library's main module", function ()
    assert.equal(version, predibase._VERSION)
  end)

  it("is part of the user agent", function ()
    local cfg = assert(config.new({ base_url = "http://127.0.0.1:1" }, function () end))
    assert.equal("predibase-lua/" .. version, request.user_agent(cfg):match("^%S+"))
  end)
end)
