-- SPDX-License-Identifier: MIT

local uv_of = require "predibase.mock.uv"

describe("predibase.mock.uv", function ()
  it("says what to install when luv is missing", function ()
    local preload, loaded = package.preload.luv, package.loaded.luv
    package.loaded.luv = nil
    package.preload.luv = function () error("not here", 0) end
    local found, message = uv_of.find()
    package.preload.luv, package.loaded.luv = preload, loaded
    assert.is_nil(found)
    assert.is_truthy(message:find("apt install lua-luv", 1, true))
    assert.is_truthy(message:find("luarocks install luv", 1, true))
  end)
end)
