-- SPDX-License-Identifier: MIT
local closes_by_itself = require "spec.support.closing"
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

local function answer ()
  return { headers = wire.answer_head(), body = '{"generated_text":" blue"}' }
end

describe("client:close", function ()
  it("may be called any number of times", function ()
    local client, network = pipe.client(answer())
    client:generate "x"
    assert.equal(1, network.pools)
    for _ = 1, 3 do client:close() end
    assert.equal(0, network.pools)
  end)

  it("ends open streams with an error", function ()
    local client = pipe.client { pieces = { wire.token " The", 5, wire.answer() } }
    local s = client:generate_stream "x"
    s:next()
    client:close()
    local _, err = s:next()
    assert.equal("cancelled", err.kind)
    assert.equal(" The", err.partial_text)
    assert.equal(err, select(2, s:poll()))
    s:close()
  end)

  it("ends streams that were not sent yet with an error", function ()
    for _, used in ipairs { false, true } do
      local client, network = pipe.client { body = wire.answer() }
      if used then client:generate_stream "x":text() end
      local n = #network.requests
      local s = client:generate_stream "x"
      client:close()
      local _, err = s:next()
      assert.equal("cancelled", err.kind)
      assert.is_false(err.retryable)
      assert.equal(n, #network.requests)
    end
  end)

  it("leaves streams that have ended as they are", function ()
    local client = pipe.client { body = wire.answer() }
    local s = client:generate_stream "x"
    s:text()
    client:close()
    assert.same({}, { s:next() })
    assert.equal(" The sky is blue.", s:result().generated_text)
  end)

  it("is called by Lua 5.4 and later for a to-be-closed variable", function ()
    local client, network = pipe.client(answer())
    client:generate "x"
    if closes_by_itself then
      assert(load("local c <close> = ...", "chunk", "t", {}))(client)
    else
      getmetatable(client).__close(client)
    end
    assert.equal(0, network.pools)
  end)
end)

describe("a client that is dropped", function ()
  it("can be collected, with open streams and without", function ()
    local weak = setmetatable({}, { __mode = "k" })
    local function use ()
      local client = pipe.client { pieces = { wire.token " The", 5, wire.answer() } }
      local s = client:generate_stream "x"
      s:next()
      weak[client], weak[s] = true, true
      weak[pipe.client(answer())] = true
    end
    use()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)
