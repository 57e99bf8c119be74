-- SPDX-License-Identifier: MIT
--- The numbers of a server, as JSON and as text.
local answers = dofile "spec/fixtures/answers.lua"
local calling_line = require "spec.support.blame"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"

local client, network

local function open (body, kind, status)
  client, network = pipe.client { status = status or 200,
    headers = { ["content-type"] = kind or "application/json" }, body = body }
  return client
end

local function close ()
  if not client then return end
  assert.equal(0, client.transport:size())
  client:close()
  client = nil
end

local function header (name)
  for _, line in ipairs(network.requests[1].headers) do
    local key, value = line:match "^([^:]+): (.*)$"
    if key == name then return value end
  end
  return nil
end

describe("client:metrics", function ()
  after_each(close)

  it("asks for JSON and returns the metrics by their names", function ()
    open(answers["metrics-json"].body)
    local metrics = assert(client:metrics())
    assert.equal("GET", network.requests[1].method)
    assert.is_truthy(network.requests[1].url:find "/metrics$")
    assert.equal("application/json", header "accept")
    assert.same({ type = "counter", value = 103, series = {} }, metrics.lorax_request_success)
    assert.same({ type = "counter", value = 161, series = {} }, metrics.lorax_request_count)
    assert.same({ type = "gauge", value = 0, series = {} }, metrics.lorax_queue_length)
    assert.same({ type = "histogram", sum = 145, count = 136, series = {} },
      metrics.lorax_batch_next_size)
    assert.same({ labels = { method = "decode" }, value = 299 },
      metrics.lorax_batch_inference_count.series[2])
    assert.same({ part = "sum", labels = { method = "decode" }, value = 0.5093971749999999 },
      metrics.lorax_batch_inference_duration.series[1])
    assert.same({ labels = { quantile = "0.5" }, value = 1.9999056357269998 },
      metrics.lorax_request_input_count.series[2])
  end)

  it("reads the text of servers that know no JSON", function ()
    open(answers.metrics.body, "text/plain")
    local metrics = assert(client:metrics())
    assert.same({ type = "counter", value = 161, series = {} }, metrics.lorax_request_count)
    assert.same({ type = "histogram", sum = 145, count = 136, series = {} },
      metrics.lorax_batch_next_size)
    assert.same({ part = "sum", labels = { method = "decode" }, value = 0.5093971749999999 },
      metrics.lorax_batch_inference_duration.series[1])
    assert.equal(8, metrics.lorax_request_input_count.sum)
    assert.equal(7, #metrics.lorax_request_input_count.series)
  end)

  it("reads every form of the text", function ()
    open('# HELP a:b Some\\n text\n# TYPE a:b counter\na:b{x="1, \\"2\\"}\\\\",y="\\n"} +Inf 1395\n'
      .. "\n#EOF\nplain 3e-2\nnot NaN\n# TYPE h histogram\nh_bucket{le=\"0.5\",} 2\r\nh_sum -1.5\n"
      .. "h_other 7\nempty{} 4", "text/plain; version=0.0.4")
    local metrics = assert(client:metrics())
    assert.same({ type = "counter", series = {
      { labels = { x = '1, "2"}\\', y = "\n" }, value = math.huge } } }, metrics["a:b"])
    assert.equal(0.03, metrics.plain.value)
    assert.equal("untyped", metrics.plain.type)
    assert.is_true(metrics["not"].value ~= metrics["not"].value)
    assert.same({ type = "histogram", sum = -1.5,
      series = { { part = "bucket", labels = { le = "0.5" }, value = 2 } } }, metrics.h)
    assert.equal(7, metrics.h_other.value)
    assert.equal(4, metrics.empty.value)
  end)

  it("returns the text unread when asked", function ()
    open(answers.metrics.body, "text/plain")
    assert.equal(answers.metrics.body, client:metrics { text = true })
    assert.equal("text/plain", header "accept")
    assert.is_table(client:metrics { text = false })
  end)

  it("returns no metrics of a server that has none yet", function ()
    open "{}"
    assert.same({}, client:metrics())
    close()
    open("", "text/plain")
    assert.same({}, client:metrics())
    assert.equal("", client:metrics { text = true })
  end)

  it("refuses other answers, with the place", function ()
    for _, case in ipairs {
      { "[]", "unexpected answer" }, { "null", "unexpected answer" }, { '{"a":', "unexpected" },
      { '{"a":1}', "a is not an object" }, { '{"a":{"data":[]}}', "a.type is not a string" },
      { '{"a":{"type":"counter"}}', "a.data is not an array" },
      { '{"a":{"type":"counter","data":[1]}}', "a.data[1] is not an object" },
      { '{"a":{"type":"counter","data":[{"value":1}]}}', "a.data[1].key is not a string" },
      { '{"a":{"type":"counter","data":[{"key":"","value":"1"}]}}', "a.data[1].value" },
      { '{"a":{"type":"counter","data":[{"key":"b{x=\\"1\\"}","value":1}]}}', "a.data[1].key" },
      { '{"a":{"type":"counter","data":[{"key":"a{x=1}","value":1}]}}', "a.data[1].key" },
      { "a{x=\"1} 3", "line 1 of the metrics", "text/plain" },
      { "a 1\nb x", "line 2 of the metrics", "text/plain" },
      { "Log in first", "line 1 of the metrics", "text/plain" },
      { "<html><title>Log in</title>", "Log in", "text/html" },
      { '{"error":"x","error_type":"overloaded"}', "x", nil, "overloaded" },
    } do
      open(case[1], case[3])
      local metrics, err = client:metrics { max_retries = 0 }
      assert.is_nil(metrics, case[1])
      assert.equal(case[4] or "protocol", err.kind)
      assert.is_truthy(err.message:find(case[2], 1, true), err.message)
      close()
    end
    open("<html><title>Log in</title>", "text/html")
    local _, err = client:metrics { text = true }
    assert.equal("protocol", err.kind)
    close()
    open("", nil, 404)
    _, err = client:metrics()
    assert.equal("not_found", err.kind)
  end)

  it("never raises for an answer that was damaged anywhere", function ()
    for _, name in ipairs { "metrics", "metrics-json" } do
      local body = answers[name].body:sub(-1500)
      body = name == "metrics-json" and "{" .. body:match ',("lorax.*)$' or body
      for at = 1, #body do
        for _, byte in ipairs { "", "9", '"', "}", "\\" } do
          open(body:sub(1, at - 1) .. byte .. body:sub(at + 1), answers[name].type)
          local metrics, err = client:metrics()
          assert.is_true(type(metrics) == "table" or predibase.is_error(err))
          close()
        end
      end
    end
  end)

  it("raises for mistakes of the program, with the line of the caller", function ()
    open "{}"
    calling_line(function () client:metrics "text" end)
    calling_line(function () client.metrics {} end)
    assert.is_truthy(calling_line(function () client:metrics { texts = true } end)
      :find('did you mean "text"', 1, true))
    local metrics, err = client:metrics { text = "yes" }
    assert.is_nil(metrics)
    assert.equal("validation", err.kind)
    client:close()
    calling_line(function () client:metrics() end)
  end)
end)
