-- SPDX-License-Identifier: MIT
--- Streams that are not read to their end: closed, left by break or by an error, or collected.
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

local closes_by_itself = require "spec.support.closing"

local function slow_answer ()
  return { pieces = { wire.token " The", 1, wire.token " sky", 1, wire.token " is", 1,
    wire.closing(".", " The sky is.") } }
end

local function cancelled (err)
  return type(err) == "table" and err.kind == "cancelled" and not err.retryable
end

describe("stream:close", function ()
  it("before the first token keeps the request from being sent", function ()
    local client, network = pipe.client(slow_answer(),
      { on_request = function () error "a request" end })
    local s = client:generate_stream "x"
    s:close()
    local token, err = s:next()
    assert.equal(0, err.attempts)
    assert.is_nil(token)
    assert.is_true(cancelled(err))
    assert.equal("", err.partial_text)
    assert.equal(0, err.tokens)
    assert.equal(err, select(2, s:next()))
    assert.equal(err, select(2, s:poll()))
    assert.equal(0, #network.requests)
  end)

  it("in the middle closes the connection at once and keeps the text so far", function ()
    local client, network = pipe.client(slow_answer())
    local s = client:generate_stream "x"
    s:next()
    s:next()
    assert.is_nil(network.requests[1].closed)
    s:close()
    assert.is_true(network.requests[1].aborted)
    assert.equal(0, client.transport:size())
    assert.equal("predibase.stream (closed, 2 tokens)", tostring(s))
    local _, err = s:next()
    assert.is_true(cancelled(err))
    assert.equal(" The sky", err.partial_text)
    assert.equal(2, err.tokens)
    assert.equal(err, select(2, s:text()))
    assert.is_false((pcall(s)))
  end)

  it("drops tokens that have come but were not asked for", function ()
    local client = pipe.client { body = wire.answer() }
    local s = client:generate_stream "x"
    s:next()
    s:close()
    assert.is_true(cancelled(select(2, s:next())))
  end)

  it("may be called any number of times", function ()
    local client, network = pipe.client(slow_answer())
    local s = client:generate_stream "x"
    s:next()
    for _ = 1, 3 do s:close() end
    assert.is_true(cancelled(select(2, s:next())))
    for _ = 1, 3 do s:close() end
    assert.is_true(network.requests[1].aborted)
  end)

  it("after the end changes nothing", function ()
    local client = pipe.client { body = wire.answer() }
    local s = client:generate_stream "x"
    assert.equal(" The sky is blue.", s:text())
    s:close()
    assert.same({}, { s:next() })
    assert.equal(" The sky is blue.", s:text())
    assert.equal(" The sky is blue.", s:result().generated_text)
  end)

  it("after an error changes nothing", function ()
    local client = pipe.client { body = wire.three_tokens() }
    local s = client:generate_stream "x"
    local _, err = s:text()
    s:close()
    assert.equal(err, select(2, s:next()))
    assert.equal("incomplete_generation", err.kind)
  end)

  it("while it waits for a retry begins none", function ()
    local client, network = pipe.client { { status = 503,
      headers = { ["retry-after"] = "5" } }, { body = wire.answer() } }
    local s = client:generate_stream "x"
    repeat
      local token, err = s:poll()
      assert.is_nil(token)
    until err == "pending" and #network.requests == 2
    assert.is_nil(network.requests[2].sent_at)
    s:close()
    network:advance(10)
    assert.is_true(cancelled(select(2, s:poll())))
    assert.is_nil(network.requests[2].sent_at)
    assert.is_true(network.requests[2].closed)
  end)

  it("leaves the client in order", function ()
    local client, network = pipe.client { slow_answer(), { body = wire.answer() } }
    local s = client:generate_stream "x"
    s:next()
    s:close()
    assert.equal(" The sky is blue.", client:generate_stream "x":text())
    assert.equal(2, #network.requests)
  end)
end)

describe("leaving a for loop", function ()
  local function left (leave, iterate)
    local client, network = pipe.client(slow_answer())
    pcall(function ()
      leave(iterate(client))
    end)
    return network.requests[1]
  end

  local ways = {
    ["over tokens"] = function (client) return client:generate_stream "x" end,
    ["over texts"] = function (client)
      local s = client:generate_stream "x"
      return s:texts()
    end,
  }

  for name, iterate in pairs(ways) do
    it("by break " .. name .. " closes the connection at once where Lua can", function ()
      local request = left(function (...)
        for _ in ... do break end -- luacheck: ignore 512
      end, iterate)
      assert.equal(closes_by_itself, request.aborted or false)
    end)

    it("by an error " .. name .. " closes the connection at once where Lua can", function ()
      local request = left(function (...)
        for _ in ... do error "mine" end
      end, iterate)
      assert.equal(closes_by_itself, request.aborted or false)
    end)

    it("by return " .. name .. " closes the connection at once where Lua can", function ()
      local request = left(function (...)
        for piece in ... do return piece end -- luacheck: ignore 512
      end, iterate)
      assert.equal(closes_by_itself, request.aborted or false)
    end)
  end

  it("at its end closes nothing that another call could use", function ()
    local client, network = pipe.client { body = wire.answer() }
    local n = 0
    for _ in client:generate_stream "x" do n = n + 1 end
    assert.equal(5, n)
    assert.is_true(not network.requests[1].aborted)
  end)

  it("before its first round is in order for a stream that failed", function ()
    local client = pipe.client { body = wire.answer() }
    local ok, err = pcall(function ()
      for _ in client:generate_stream("x", { top_k = 0 }) do error "a token" end
    end)
    assert.is_false(ok)
    assert.equal("validation", err.kind)
  end)
end)

describe("a stream that is dropped", function ()
  it("can be collected with its exchange, read or not", function ()
    local client = pipe.client(slow_answer())
    local weak = setmetatable({}, { __mode = "k" })
    local function use ()
      local s = client:generate_stream "x"
      s:next()
      weak[s], weak[s.exchange], weak[s.call] = true, true, true
      weak[client:generate_stream "y"] = true
    end
    use()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  it("can be collected after poll said that nothing is there", function ()
    local client = pipe.client { pieces = { 5, wire.answer() } }
    local weak = setmetatable({}, { __mode = "k" })
    local function use ()
      local s = client:generate_stream "x"
      assert.equal("pending", select(2, s:poll()))
      weak[s], weak[s.exchange] = true, true
    end
    use()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)
