-- SPDX-License-Identifier: MIT
--- Streams whose request is refused before it is sent.
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

describe("bad values of a stream", function ()
  it("are the error of the first next, and nothing is sent", function ()
    local client, network = pipe.client { body = wire.answer() }
    local s = client:generate_stream("x", { temperature = -1 })
    local token, err = s:next()
    assert.is_nil(token)
    assert.equal("validation", err.kind)
    assert.equal("Input validation error: `temperature` must be non-negative", err.message)
    assert.equal("", err.partial_text)
    assert.equal(0, err.tokens)
    assert.equal(err, select(2, s:poll()))
    assert.equal(0, #network.requests)
    s:close()
    assert.equal(err, select(2, s:next()))
    assert.is_nil(client:generate_stream "":text())
    assert.is_nil(client:generate_stream("x", { timeout = -1 }):text())
    assert.is_nil(client:generate_stream("x", { max_retries = "many" }):text())
    assert.is_nil(client:generate_stream("x", { best_of = 2, do_sample = true }):text())
    assert.equal(0, #network.requests)
  end)

  it("are raised in a for loop", function ()
    local client = pipe.client { body = wire.answer() }
    local ok, err = pcall(function ()
      for _ in client:generate_stream("x", { top_p = 2 }) do error "a token" end
    end)
    assert.is_false(ok)
    assert.equal("validation", err.kind)
  end)
end)
