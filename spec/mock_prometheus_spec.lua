-- SPDX-License-Identifier: MIT

local prometheus = require "predibase.mock.prometheus"

describe("predibase.mock.prometheus", function ()
  it("writes counters with their labels, in the text form and as JSON", function ()
    local metrics = prometheus.new()
    metrics:add("lorax_request_count")
    metrics:add("lorax_request_count")
    metrics:failed("incomplete_generation")
    metrics:failed("validation")
    metrics:set("lorax_batch_current_size", 3)
    assert.equal([[
# TYPE lorax_request_count counter
lorax_request_count 2

# TYPE lorax_request_failure counter
lorax_request_failure{err="incomplete"} 1
lorax_request_failure{err="validation"} 1

# TYPE lorax_batch_current_size gauge
lorax_batch_current_size 3

# TYPE lorax_queue_length gauge
lorax_queue_length 0

# TYPE lorax_batch_current_max_tokens gauge
lorax_batch_current_max_tokens 0

]], metrics:text())
    assert.equal('{"lorax_request_count":{"type":"counter","data":[{"key":"count","value":2.0}]},'
      .. '"lorax_request_failure":{"type":"counter","data":['
      .. '{"key":"lorax_request_failure{err=\\"incomplete\\"}","value":1.0},'
      .. '{"key":"lorax_request_failure{err=\\"validation\\"}","value":1.0}]},'
      .. '"lorax_batch_current_size":{"type":"gauge","data":[{"key":"","value":3.0}]},'
      .. '"lorax_queue_length":{"type":"gauge","data":[{"key":"","value":0.0}]},'
      .. '"lorax_batch_current_max_tokens":{"type":"gauge","data":[{"key":"","value":0.0}]}}',
      metrics:json())
  end)

  it("writes histograms with buckets, sum and count", function ()
    local metrics = prometheus.new()
    metrics:succeeded(0.5, 0.25)
    metrics:succeeded(1.5, 0.25)
    local text = metrics:text()
    for _, line in ipairs { '_bucket{le="0.1"} 0', '_bucket{le="1"} 1', '_bucket{le="10"} 2',
        '_bucket{le="+Inf"} 2', "_sum 2", "_count 2" } do
      assert.is_truthy(text:find("\nlorax_request_duration" .. line .. "\n", 1, true), line)
    end
    assert.is_truthy(text:find("\nlorax_request_inference_duration_sum 1.5\n", 1, true))
  end)
end)
