-- SPDX-License-Identifier: MIT
--- How large the text of a stream may become, and how much of the memory it takes.
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

local LIMIT = 64 * 1024

--- Tokens of a kilobyte, without an end.
local function endless (special)
  local pieces = {}
  for i = 1, 100 do
    pieces[i] = wire.token(("x"):rep(1024), special and { special = "true" } or nil)
  end
  return { pieces = pieces, ending = "open" }
end

describe("the text of a stream", function ()
  local readers = {
    next = function (s)
      local token, err
      repeat token, err = s:next() until not token
      return err
    end,
    poll = function (s, network)
      while true do
        local token, err = s:poll()
        if err == "pending" then network:sleep() elseif not token then return err end
      end
    end,
    text = function (s) return select(2, s:text()) end,
    texts = function (s)
      return select(2, pcall(function ()
        local pieces = s:texts()
        while pieces() do end -- luacheck: ignore 542
      end))
    end,
  }
  for _, options in ipairs { {}, { client_stop = { "never" } }, { on_token = function () end } } do
    for name, read in pairs(readers) do
      it(("beyond max_response_bytes is too large (%s, %s)"):format(name,
        next(options) or "no options"), function ()
        local client, network = pipe.client(endless(), { max_response_bytes = LIMIT })
        local s = client:generate_stream("x", options)
        local err = read(s, network)
        assert.same({ "too_large", "body", 64, false },
          { err.kind, err.phase, err.tokens, err.retryable })
        assert.equal(LIMIT, #err.partial_text)
        assert.is_truthy(err.message:find("max_response_bytes (65536 bytes)", 1, true))
        assert.equal(err, select(2, s:next()))
        assert.equal(0, client.transport:size())
        assert.equal(1, #network.requests)
        client:close()
      end)
    end
  end

  it("does not count special tokens, which are in no text", function ()
    local client = pipe.client(endless(true), { max_response_bytes = LIMIT })
    local s = client:generate_stream "x"
    for _ = 1, 100 do assert(s:next()) end
    s:close()
    client:close()
  end)

  it("may be as large as the limit", function ()
    local half = ("x"):rep(LIMIT / 2)
    local client = pipe.client({ body = wire.token(half) .. wire.closing(half, half .. half) },
      { max_response_bytes = LIMIT })
    assert.equal(LIMIT, #client:generate_stream("x"):text())
    client:close()
  end)

  it("is kept once when the stream has ended", function ()
    local function memory ()
      collectgarbage()
      collectgarbage()
      return collectgarbage "count" * 1024
    end
    local before, whole = memory(), 64 * 60000
    local s, client, network
    do
      local pieces, texts = {}, {}
      for i = 1, 64 do
        texts[i] = ("%03d"):format(i):rep(20000)
        pieces[i] = i < 64 and wire.token(texts[i]) or wire.closing(texts[i], table.concat(texts))
      end
      client, network = pipe.client { body = table.concat(pieces) }
      s = client:generate_stream "x"
      repeat local token = s:next() until not token
    end
    network:serve {}
    local result = s:result()
    local grown = memory() - before
    assert.equal(whole, #result.generated_text)
    assert.is_true(grown < 1.9 * whole, ("%.2f times its size"):format(grown / whole))
    client:close()
  end)
end)
