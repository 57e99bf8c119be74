-- SPDX-License-Identifier: MIT
--- One wait for the descriptors of several pools.

local curl = require "predibase.curl"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"

local since_7_80 = require "spec.support.libcurl".KEEPS_CONNECTIONS and it or pending

describe("curl.wait", function ()
  since_7_80("returns which pools have work to do", function ()
    local s = lifetime.serve()
    local busy, idle = assert(curl.pool()), assert(curl.pool())
    local x = assert(busy:open { url = s.url .. "/generate_stream", events = true, proxy = "",
      body = '{"inputs":"x"}', headers = { "content-type: application/json" } })
    local fds, ready, n = { idle:fd(), busy:fd() }, {}, 0
    local state
    repeat
      local woken = assert(curl.wait(fds, busy:timeout(), ready))
      if woken > 0 then
        assert.same({ 1, 2 }, { woken, ready[1] })
        n = n + 1
      end
      busy:step(0, {})
      repeat
        local data
        data, state = x:next()
      until not data
    until state ~= "pending"
    assert.equal("done", state)
    assert.is_true(n > 0)
    busy:close()
    idle:close()
    server.stop()
  end)

  it("waits exactly as long as it was asked to", function ()
    local began, ready = curl.now(), {}
    assert.equal(0, curl.wait({}, 0.005, ready))
    assert.is_true(curl.now() - began >= 0.0039)     -- the clock counts whole milliseconds
    for _, seconds in ipairs { 0, -1, -math.huge, 0 / 0 } do
      assert.equal(0, curl.wait({}, seconds, ready))
    end
    assert.same({}, ready)
  end)

  it("reports an invalid descriptor", function ()
    local ready = {}
    assert.equal(1, curl.wait({ 1000000 }, 10, ready))     -- its step reports the error
    assert.equal(1, ready[1])
    assert.has_error(function () curl.wait(nil, 0, {}) end)
    assert.has_error(function () curl.wait({}, 0) end)
    assert.has_error(function () curl.wait({}, {}, {}) end)
  end)
end)
