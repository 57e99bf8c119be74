-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local wire = require "spec.support.wire"
local transports = require "predibase.transport"

local function answer (text)
  return { headers = wire.answer_head(),
    body = ('{"generated_text":"%s"}'):format(text or " blue") }
end

local function header (request, name)
  for _, line in ipairs(request.headers) do
    local value = line:match("^" .. name:gsub("%-", "%%-") .. ": (.*)$")
    if value then return value end
  end
end

--- Calls, wants an error that is a string blaming this file, and gives its text without the place.
local function raised (f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.is_string(message)
  return message:match("^[^ ]*client_spec%.lua:%d+: (.*)$") or error("blames another: " .. message)
end

describe("client:generate", function ()
  it("gives the result", function ()
    local client, network = pipe.client(answer())
    local result, err = client:generate("What colour is the sky?", { max_new_tokens = 20 })
    assert.is_nil(err)
    assert.equal(" blue", result.generated_text)
    assert.equal(" blue", tostring(result))
    assert.same({ prompt_tokens = 6, completion_tokens = 5, total_tokens = 11 }, result.usage)
    assert.equal(200, result.status)
    assert.equal(1, result.attempts)
    assert.equal("mistralai/Mistral-7B-Instruct-v0.1", result.model_id)
    assert.equal(0.184, result.timing.inference)
    assert.equal(1, #network.requests)
    assert.equal("http://127.0.0.1:8080/generate", network.requests[1].url)
    assert.equal("POST", network.requests[1].method)
    assert.equal('{"inputs":"What colour is the sky?","parameters":{"max_new_tokens":20}}',
      network.requests[1].body)
    assert.equal("Bearer pb_SENTINEL_7f3a", header(network.requests[1], "authorization"))
    assert.equal("application/json", header(network.requests[1], "accept"))
    assert.is_truthy(header(network.requests[1], "user-agent"):find "pipe/1$")
  end)

  it("waits for the whole answer, however slowly it comes", function ()
    local client, network = pipe.client { pieces = { '{"generated', 20, '_text":"', 20, 'a"}', 5 } }
    assert.equal("a", client:generate "x".generated_text)
    assert.equal(1045, network.clock)
  end)

  it("takes the client's defaults, which a call can override", function ()
    local client, network = pipe.client(answer(), { defaults = { max_new_tokens = 5, seed = 1 } })
    client:generate("x", { seed = 2 })
    assert.equal('{"inputs":"x","parameters":{"max_new_tokens":5,"seed":2}}',
      network.requests[1].body)
  end)

  it("names the adapter that was asked for", function ()
    local client, network = pipe.client(answer())
    assert.equal("a/1", client:generate("x", { adapter_id = "a/1" }).adapter_id)
    assert.equal('{"inputs":"x","parameters":{"adapter_id":"a/1","adapter_source":"pbase"}}',
      network.requests[1].body)
    assert.is_nil(client:generate("x", { adapter_id = "" }).adapter_id)
  end)

  it("returns bad values as errors and sends nothing", function ()
    local client, network = pipe.client(answer())
    for _, case in ipairs {
      { "validation", { temperature = -1 } }, { "validation", { max_new_tokens = "many" } },
      { "config", { timeout = 0 } }, { "config", { max_retries = -1 } },
      { "config", { headers = { ["a b"] = "c" } } }, { "config", { on_request = "print" } },
    } do
      local result, err = client:generate("x", case[2])
      assert.is_nil(result)
      assert.is_true(errors.is(err))
      assert.equal(case[1], err.kind)
    end
    assert.equal("validation", select(2, client:generate "").kind)
    assert.equal(0, #network.requests)
  end)

  it("tries again, then gives the last error", function ()
    local client, network = pipe.client { status = 503, headers = {}, body = "no healthy upstream" }
    local result, err = client:generate "x"
    assert.is_nil(result)
    assert.equal("server", err.kind)
    assert.equal(3, err.attempts)
    assert.equal(3, #network.requests)
  end)

  it("ends after ten minutes unless told otherwise, with all retries", function ()
    local client, network = pipe.client { before = 1e9 }
    local _, err = client:generate "x"
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
    assert.equal(1600, network.clock)
    client, network = pipe.client({ before = 1e9 }, { timeout = 20 })
    assert.is_nil(client:generate "x")
    assert.equal(1020, network.clock)
    client, network = pipe.client({ before = 1e9 }, { timeout = 20 })
    assert.is_nil(client:generate("x", { timeout = 5 }))
    assert.equal(1005, network.clock)
    client, network = pipe.client({ before = 5000, body = '{"generated_text":"a"}',
      headers = { ["content-type"] = "application/json" } }, { timeout = { total = false } })
    assert.equal("a", tostring(client:generate "x"))
    assert.equal(6000, network.clock)
  end)

  it("tells what the system refuses, and tries again", function ()
    for _, name in ipairs { "no_pool", "no_exchange" } do
      local client, network = pipe.client(answer(), { on_retry = function (retry)
        assert.equal("127.0.0.1:8080: Too many open files", retry.error.message)
      end })
      network[name] = "Too many open files"
      local _, err = client:generate "x"
      assert.equal("connection", err.kind)
      assert.equal(3, err.attempts)
      _, err = client:generate_stream "x":next()
      assert.equal("connection", err.kind)
      network[name] = nil
      assert.equal(" blue", tostring(client:generate "x"))
    end
  end)

  it("leaves no connection behind, whatever comes", function ()
    for _, reply in ipairs { answer(), { status = 500, headers = {}, body = "x" },
      { body = "{", ending = "cut" }, { pieces = { "{" }, ending = "reset" } } do
      local client, network = pipe.client(reply, { max_retries = 1 })
      client:generate "x"
      for _, request in ipairs(network.requests) do assert.is_true(request.closed) end
      assert.equal(0, client.transport:size())
    end
  end)

  it("gives every request an id of its own, but a retry that of its call", function ()
    local client, network = pipe.client { { status = 503, headers = {} }, answer() }
    client:generate "x"
    client:generate "x"
    local ids = {}
    for i, request in ipairs(network.requests) do ids[i] = header(request, "x-request-id") end
    assert.equal(ids[1], ids[2])
    assert.not_equal(ids[2], ids[3])
  end)
end)

describe("a wrong program", function ()
  local client = pipe.client(answer())

  it("is told so at its own line: options that do not exist", function ()
    assert.equal('unknown option "max_tokens"; did you mean "max_new_tokens"?',
      raised(function () client:generate("x", { max_tokens = 1 }) end))
    assert.equal('unknown option "max_tokens"; did you mean "max_new_tokens"?',
      raised(function () client:generate_stream("x", { max_tokens = 1 }) end))
    assert.is_truthy(raised(function () client:generate("x", { 1 }) end):find "^unknown option")
    assert.is_truthy(raised(function () predibase.new { api_key = "x" } end):find '"api_key"')
    assert.is_truthy(raised(function ()
      client:generate("x", { timeout = { first = 1 } })
    end):find '"first"')
  end)

  it("is told so at its own line: prompts and options of the wrong type", function ()
    for _, prompt in ipairs { 5, true, {}, print } do
      assert.is_truthy(raised(function ()
        client:generate(prompt)
      end):find "prompt must be a string")
      assert.is_truthy(raised(function ()
        client:generate_stream(prompt)
      end):find "prompt must be a string")
    end
    assert.is_truthy(raised(function () client:generate() end):find "prompt must be a string")
    -- A bad value does not hide the mistake.
    for _, method in ipairs { "generate", "generate_stream" } do
      assert.is_truthy(raised(function ()
        client[method](client, nil, { temperature = -1 })
      end):find "prompt must be a string")
    end
    assert.is_truthy(raised(function () client:generate("x", "y") end):find "options as a table")
    assert.is_truthy(raised(function ()
      client:generate_stream("x", 5)
    end):find "options as a table")
    assert.is_truthy(raised(function () predibase.new "x" end):find "must be a table")
  end)

  it("is told so at its own line: a hook for tokens where none come", function ()
    assert.is_truthy(raised(function ()
      client:generate("x", { on_token = print })
    end):find "does not accept on_token")
  end)

  it("is told so at its own line: a dot for a colon, a closed client", function ()
    local s = client:generate_stream "x"
    for _, method in ipairs { "next", "poll", "texts", "text", "result", "close" } do
      assert.is_truthy(raised(function () s[method]() end):find "with a colon", method)
    end
    assert.is_truthy(raised(function () client.close() end):find "with a colon")
    assert.is_truthy(raised(function () client.generate "x" end):find "with a colon")
    assert.is_truthy(raised(function () client.generate_stream() end):find "with a colon")
    local other = pipe.client(answer())
    other:close()
    assert.is_truthy(raised(function () other:generate "x" end):find "closed client")
    assert.is_truthy(raised(function () other:generate_stream "x" end):find "closed client")
  end)
end)

describe("predibase.new", function ()
  it("returns bad values as errors of kind config", function ()
    local client, err = predibase.new { base_url = "ftp://x", api_token = false }
    assert.is_nil(client)
    assert.is_true(predibase.is_error(err))
    assert.equal("config", err.kind)
  end)

  it("opens nothing", function ()
    local client, network = pipe.client(answer())
    assert.equal(0, network.pools)
    client:close()
    assert.equal(0, network.pools)
  end)

  it("goes through libcurl unless told otherwise, and inside nginx through its sockets", function ()
    local curl = require "predibase.transport.curl"
    for _, transport in ipairs { false, curl } do
      local client = assert(predibase.new { base_url = "http://127.0.0.1:9",
        transport = transport or nil })
      local name = transports.in_nginx() and not transport and " ngx_lua/" or " libcurl/"
      assert.is_truthy(client.user_agent:find(name))
      client:close()
    end
  end)

  it("makes clients that do not share their random numbers' state", function ()
    local a, network_a = pipe.client(answer())
    local b, network_b = pipe.client(answer())
    a:generate "x"
    b:generate "x"
    assert.not_equal(header(network_a.requests[1], "x-request-id"),
      header(network_b.requests[1], "x-request-id"))
  end)
end)
