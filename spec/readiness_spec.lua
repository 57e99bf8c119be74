-- SPDX-License-Identifier: MIT
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"

local STARTING = { status = 503, headers = { ["content-type"] = "text/plain" },
  body = "no healthy upstream" }
local WELL = { headers = { ["content-length"] = "0" }, body = "" }

describe("client:wait_ready", function ()
  local client, network

  --- A client whose server answers with `first` for some seconds, and then with `later`.
  local function new (first, seconds, later, options)
    client, network = pipe.client(function ()
      return network.clock < 1000 + seconds and first or later or WELL
    end, options)
  end

  after_each(function () client:close() end)

  it("returns at once when the server is ready", function ()
    new(nil, 0)
    assert.is_true(client:wait_ready())
    assert.equal(1, #network.requests)
    assert.equal("GET", network.requests[1].method)
    assert.equal(network.url .. "/health", network.requests[1].url)
    assert.equal(1000, network.clock)
  end)

  it("waits while the deployment starts, and tells how long", function ()
    for _, first in ipairs { STARTING, { status = 504, headers = {}, body = "" },
      { failure = { kind = "connection", phase = "connect", sent = false, message = "refused" } },
      { headers = {}, before = 100000, body = "" } } do
      new(first, 100)
      local seen = {}
      assert.is_true(client:wait_ready { on_wait = function (info) seen[#seen + 1] = info end })
      assert.is_true(network.clock >= 1100 and network.clock < 1145)
      assert.is_true(#seen >= 2)
      for i, info in ipairs(seen) do
        assert.equal(i, info.attempt)
        assert.is_true(predibase.is_error(info.error))
        assert.is_true(info.delay > 0 and info.delay <= 10)
      end
      assert.is_true(seen[#seen].waited > seen[1].waited)
      client:close()
    end
    new(nil, 0)
  end)

  it("ends in time", function ()
    new(STARTING, 100000)
    local ok, err = client:wait_ready { timeout = 20 }
    assert.is_nil(ok)
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
    assert.equal(503, err.status)
    assert.equal("the server was not ready within 20 seconds; the last answer: no healthy upstream",
      err.message)
    assert.is_true(network.clock > 1010 and network.clock <= 1020)
    new({ headers = {}, before = 100000, body = "" }, 100000)
    assert.equal("timeout", select(2, client:wait_ready { timeout = 5 }).kind)
    assert.is_true(network.clock <= 1005)
  end)

  it("returns errors that waiting does not mend", function ()
    for kind, status in pairs { authentication = 401, permission = 403, not_found = 404 } do
      new({ status = status, headers = {}, body = "" }, 100000)
      local ok, err = client:wait_ready()
      assert.is_nil(ok)
      assert.equal(kind, err.kind)
      assert.equal(1, #network.requests)
      client:close()
    end
    new({ status = 404, headers = {}, body = "" }, 100000, nil, { server = "openai" })
    assert.is_true(client:wait_ready())
  end)

  it("needs no turn, and asks no other client", function ()
    new(STARTING, 100000, nil, { concurrency = 1, rate_limit = { requests = 1, seconds = 1000 } })
    local backup = assert(client:with { base_url = "http://127.0.0.1:8081" })
    local view = assert(client:with { fallback = { backup } })
    assert.equal("timeout", select(2, view:wait_ready { timeout = 30 }).kind)
    for _, req in ipairs(network.requests) do
      assert.equal(network.url .. "/health", req.url)
    end
    assert.is_true(#network.requests > 2)
  end)

  it("sends the token of a function", function ()
    new(nil, 0, nil, { api_token = function () return "token-of-mine" end })
    assert.is_true(client:wait_ready())
    local found
    for _, line in ipairs(network.requests[1].headers) do
      if line == "authorization: Bearer token-of-mine" then found = true end
    end
    assert.is_true(found)
  end)

  it("ends when the client is closed", function ()
    new(STARTING, 100000)
    local ok, err = client:wait_ready { on_wait = function () client:close() end }
    assert.is_nil(ok)
    assert.equal("cancelled", err.kind)
    new(nil, 0)
  end)

  it("raises for options that are wrong", function ()
    new(nil, 0)
    for message, options in pairs {
      ["client:wait_ready takes its options as a table, got a number"] = 5,
      ['unknown option "on_wiat"; did you mean "on_wait"?'] = { on_wiat = print },
      ["client:wait_ready takes a timeout in seconds above 0, got the number 0"] = { timeout = 0 },
      ["client:wait_ready takes a function for on_wait, got the number 5"] = { on_wait = 5 },
    } do
      local ok, err = pcall(client.wait_ready, client, options)
      assert.is_false(ok)
      assert.equal(message, (err:gsub("^.-:%d+: ", "")))
    end
    assert.is_true(client:wait_ready { timeout = json.null })
  end)
end)
