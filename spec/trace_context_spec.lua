-- SPDX-License-Identifier: MIT
local config = require "predibase.config"
local pipe = require "spec.support.pipe_transport"
local trace_context = require "predibase.trace_context"

local PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
local OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"

describe("a traceparent", function ()
  it("has the form that W3C defines", function ()
    for _, good in ipairs { PARENT, OTHER, "cc" .. PARENT:sub(3) .. "-what-the-future-brings" } do
      assert.is_nil(trace_context.problem(good))
    end
    for _, bad in ipairs { "", "pass", PARENT:upper(), PARENT .. "-more", "ff" .. PARENT:sub(3),
      PARENT:sub(1, -2), "00-" .. ("0"):rep(32) .. "-b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-" .. ("0"):rep(16) .. "-01", PARENT .. "\n",
      "cc" .. PARENT:sub(3) .. "-a b", "cc" .. PARENT:sub(3) .. "x" } do
      assert.is_string(trace_context.problem(bad), bad)
    end
  end)
end)

describe("the option traceparent", function ()
  local client, network

  local function new (options)
    client, network = pipe.client({ headers = { ["content-type"] = "application/json" },
      body = '{"generated_text":"yes"}' }, options)
  end

  after_each(function ()
    if client then client:close() end
    client = nil
  end)

  --- The headers of each request.
  local function sent (name)
    local list = {}
    for i, req in ipairs(network.requests) do
      list[i] = false
      for _, line in ipairs(req.headers) do
        list[i] = line:match("^" .. name .. ": (.*)$") or list[i]
      end
    end
    return list
  end

  it("is off by default", function ()
    new()
    assert(client:generate "x")
    assert.same({ false }, sent "traceparent")
  end)

  it("is sent as it is, by each attempt", function ()
    new { traceparent = PARENT }
    network:serve { { status = 503, headers = {} }, { body = '{"generated_text":"yes"}',
      headers = {} } }
    assert(client:generate "x")
    assert(client:generate("x", { traceparent = OTHER }))
    assert(client:generate("x", { traceparent = false }))
    assert.same({ PARENT, PARENT, OTHER, false }, sent "traceparent")
  end)

  it("calls a function once for each call", function ()
    local n = 0
    new { traceparent = function ()
      n = n + 1
      if n == 2 then return nil end
      return n % 2 == 1 and PARENT or OTHER, "vendor=" .. n
    end }
    network:serve { { status = 503, headers = {} }, { body = '{"generated_text":"yes"}',
      headers = {} } }
    for _ = 1, 3 do assert(client:generate "x") end
    assert(client:generate_many { "a" }:results())
    assert.same({ PARENT, PARENT, false, PARENT, OTHER }, sent "traceparent")
    assert.same({ "vendor=1", "vendor=1", false, "vendor=3", "vendor=4" }, sent "tracestate")
    assert.equal(4, n)
  end)

  it("is called once for a call that goes on to another client", function ()
    local n = 0
    new { max_retries = 0, traceparent = function ()
      n = n + 1
      return PARENT
    end }
    network:serve { { status = 500, headers = {} } }
    local view = assert(client:with { fallback = { client } })
    assert.is_nil(view:generate "x")
    assert.same({ PARENT, PARENT }, sent "traceparent")
    assert.equal(1, n)
  end)

  it("gives way to a header of the program", function ()
    new { traceparent = PARENT, headers = { Traceparent = OTHER } }
    assert(client:generate "x")
    assert.same({ false }, sent "traceparent")
    assert.same({ OTHER }, sent "Traceparent")
  end)

  it("returns an error for a result that is none", function ()
    local result, state
    new { traceparent = function () return result, state end }
    for message, pair in pairs {
      ["the function traceparent: the result must be a string or nil, got the number 5"] = { 5 },
      ["the function traceparent: the second result must be a string"] = { PARENT, 5 },
      ["the function traceparent: the second result must have 1 to 512 printable characters of "
        .. "ASCII"] = { PARENT, "a\nb" },
    } do
      result, state = pair[1], pair[2]
      local _, err = client:generate "x"
      assert.equal("validation", err.kind)
      assert.equal(message, err.message)
      assert.equal("validation", select(2, client:generate_stream "x":next()).kind)
    end
    result = "nonsense"
    assert.matches("must have the form 00%-TRACE%-PARENT%-FLAGS", select(2,
      client:generate "x").message)
    assert.equal(0, #network.requests)
  end)

  it("is checked when the client is made", function ()
    for message, value in pairs {
      ['traceparent must be a string, a function or "pass", got the number 5'] = 5,
      ['traceparent = "pass" passes on the header of the request that nginx serves, so it can only '
        .. "be used inside nginx"] = "pass",
      ['traceparent must have the form 00-TRACE-PARENT-FLAGS with 32, 16 and 2 lower-case '
        .. 'hexadecimal digits, got "00-nonsense"'] = "00-nonsense",
    } do
      if value ~= "pass" or not rawget(_G, "ngx") then
        local cfg, err = config.new({ base_url = "http://127.0.0.1:1", traceparent = value },
          function () return nil end)
        assert.is_nil(cfg)
        assert.equal(message, err.message)
      end
    end
  end)
end)
