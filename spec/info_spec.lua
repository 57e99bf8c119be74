-- SPDX-License-Identifier: MIT
--- Asks servers for their model, their limits and their health.
local calling_line = require "spec.support.blame"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"

local JSON = { ["content-type"] = "application/json" }

-- The bytes that the router of LoRAX a7394ba sent.
local RECORDED = '{"model_id":"predibase/stand-in","model_sha":null,"model_dtype":"torch.float16",'
  .. '"model_device_type":"cpu","model_pipeline_tag":null,"max_concurrent_requests":1024,'
  .. '"max_best_of":2,"max_stop_sequences":10,"max_input_length":1792,"max_total_tokens":2048,'
  .. '"waiting_served_ratio":0.3,"max_batch_total_tokens":400000,"max_waiting_tokens":20,'
  .. '"validation_workers":2,"eager_prefill":false,"version":"0.1.0","sha":null,'
  .. '"docker_label":null,"request_logger_url":null}'

local FIELDS = {
  model_id = "predibase/stand-in", model_dtype = "torch.float16", model_device_type = "cpu",
  max_concurrent_requests = 1024, max_best_of = 2, max_stop_sequences = 10,
  max_input_length = 1792, max_total_tokens = 2048, waiting_served_ratio = 0.3,
  max_batch_total_tokens = 400000, max_waiting_tokens = 20, validation_workers = 2,
  eager_prefill = false, version = "0.1.0",
}

local client, network

local function open (replies, options)
  client, network = pipe.client(replies, options)
  client.shared.random = function () return 0.5 end
  return client
end

local function answer (body, status)
  return { status = status or 200, headers = JSON, body = body }
end

local function close ()
  if not client then return end
  assert.equal(0, client.transport:size())
  client:close()
  client = nil
end

describe("client:info", function ()
  after_each(close)

  it("returns what the server says about itself, without nulls", function ()
    open(answer(RECORDED))
    local info = assert(client:info())
    assert.same(FIELDS, info)
    assert.equal("1792", tostring(info.max_input_length))
    local sent = network.requests[1]
    assert.equal("GET", sent.method)
    assert.is_truthy(sent.url:find "/info$")
    assert.is_nil(sent.body)
  end)

  it("keeps fields that this version does not know, and needs only the model's name", function ()
    open(answer '{"model_id":"x","max_input_tokens":4095,"router":"y","none":null}')
    assert.same({ model_id = "x", max_input_tokens = 4095, router = "y" }, client:info())
  end)

  it("returns an error of kind protocol with the field that has a wrong type", function ()
    for _, case in ipairs {
      { "{}", "model_id is missing" }, { '{"model_id":null}', "model_id is missing" },
      { '{"model_id":3}', "model_id is not a string" },
      { '{"model_id":"x","max_total_tokens":"2048"}', "max_total_tokens is not an integer" },
      { '{"model_id":"x","max_total_tokens":1.5}', "max_total_tokens is not an integer" },
      { '{"model_id":"x","max_total_tokens":-1}', "max_total_tokens is not an integer" },
      { '{"model_id":"x","eager_prefill":1}', "eager_prefill is not a boolean" },
      { '{"model_id":"x","waiting_served_ratio":[]}', "waiting_served_ratio is not a number" },
      { '{"model_id":"x","sha":{}}', "sha is not a string" },
      { "[]", "unexpected answer" }, { "", "unexpected answer" }, { "null", "unexpected answer" },
      { '["model_id"]', "unexpected answer" }, { RECORDED .. "}", "unexpected answer" },
    } do
      open(answer(case[1]))
      local info, err = client:info()
      assert.is_nil(info, case[1])
      assert.equal("protocol", err.kind)
      assert.is_truthy(err.message:find(case[2], 1, true), err.message)
      close()
    end
  end)

  it("returns the errors of the server", function ()
    open { answer("", 404), answer('{"error":"x","error_type":"y"}', 200) }
    local info, err = client:info()
    assert.is_nil(info)
    assert.equal("not_found", err.kind)
    info, err = client:info()
    assert.is_nil(info)
    assert.equal("server", err.kind)
  end)

  it("never raises for a body that was damaged or cut", function ()
    for at = 1, #RECORDED do
      for _, byte in ipairs { "", "0", '"', "{", "\255" } do
        open(answer(RECORDED:sub(1, at - 1) .. byte .. RECORDED:sub(at + 1)))
        local info, err = client:info()
        assert.is_true(type(info) == "table" or predibase.is_error(err))
        close()
      end
    end
  end)

  it("uses the clocks, retries and hooks of the call", function ()
    open { answer('{"error":"x","error_type":"overloaded"}', 503), answer(RECORDED) }
    local seen = {}
    local function note (name) return function () seen[#seen + 1] = name end end
    assert(client:info { on_request = note "request", on_response = note "response",
      on_retry = note "retry", headers = { ["X-Team"] = "blue" } })
    assert.same({ "request", "response", "retry", "request", "response" }, seen)
    close()
    open { headers = JSON, before = 100, body = RECORDED }
    local _, err = client:info { timeout = 2 }
    assert.equal("timeout", err.kind)
  end)

  it("raises for mistakes of the program, with the line of the caller", function ()
    open(answer(RECORDED))
    calling_line(function () client:info "x" end)
    calling_line(function () client.info {} end)
    assert.is_truthy(calling_line(function () client:info { timeouts = 1 } end)
      :find('did you mean "timeout"', 1, true))
    calling_line(function () client:info { max_new_tokens = 1 } end)
    client:close()
    calling_line(function () client:info() end)
  end)
end)

describe("client:health", function ()
  after_each(close)

  it("returns true for a healthy server", function ()
    open { status = 200, headers = { ["content-length"] = "0" }, body = "" }
    assert.is_true(client:health())
    assert.equal("GET", network.requests[1].method)
    assert.is_truthy(network.requests[1].url:find "/health$")
  end)

  it("accepts the bodies of other servers", function ()
    for _, reply in ipairs { answer '{"status":"ok"}', { status = 204, headers = {}, body = "" },
      { status = 200, headers = { ["content-type"] = "text/plain" }, body = "OK" } } do
      open(reply)
      assert.is_true(client:health())
      close()
    end
  end)

  it("returns the error of a server that is not healthy", function ()
    open(answer('{"error":"unhealthy","error_type":"healthcheck"}', 503))
    local healthy, err = client:health { max_retries = 0 }
    assert.is_nil(healthy)
    assert.equal("server", err.kind)
    assert.equal(503, err.status)
    assert.equal(1, #network.requests)
  end)

  it("asks again as often as max_retries says", function ()
    open { answer('{"error":"unhealthy","error_type":"healthcheck"}', 503), answer "" }
    assert.is_true(client:health())
    assert.equal(2, #network.requests)
  end)

  it("is not deceived by a page", function ()
    open { status = 200, headers = { ["content-type"] = "text/html" },
      body = "<html><title>Log in</title></html>" }
    local healthy, err = client:health()
    assert.is_nil(healthy)
    assert.equal("protocol", err.kind)
  end)

  it("raises for mistakes of the program, with the line of the caller", function ()
    open(answer "")
    calling_line(function () client:health "x" end)
    calling_line(function () client.health {} end)
    calling_line(function () client:health { prompt = 1 } end)
  end)
end)
