-- SPDX-License-Identifier: MIT
--- What happens to a stream that nobody reads to its end: closed, left by break or by an error,
-- dropped, or closed under a coroutine that waits for it.
local coroutines = require "spec.support.coroutines"
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

local closes_by_itself = _VERSION == "Lua 5.4"

local function slow_answer()
  return { pieces = { wire.token " The", 1, wire.token " sky", 1, wire.token " is", 1,
    wire.closing(".", " The sky is.") } }
end

local function cancelled(err)
  return type(err) == "table" and err.kind == "cancelled" and not err.retryable
end

describe("stream:close", function ()
  it("before the first token keeps the request from being sent", function ()
    local client, door = pipe.client(slow_answer())
    local s = client:generate_stream "x"
    s:close()
    local token, err = s:next()
    assert.is_nil(token)
    assert.is_true(cancelled(err))
    assert.equal("", err.partial_text)
    assert.equal(0, err.tokens)
    assert.equal(err, select(2, s:next()))
    assert.equal(err, select(2, s:poll()))
    assert.equal(0, #door.requests)
  end)

  it("in the middle closes the connection at once and keeps the text so far", function ()
    local client, door = pipe.client(slow_answer())
    local s = client:generate_stream "x"
    s:next()
    s:next()
    assert.is_nil(door.requests[1].closed)
    s:close()
    assert.is_true(door.requests[1].aborted)
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
    local client, door = pipe.client(slow_answer())
    local s = client:generate_stream "x"
    s:next()
    for _ = 1, 3 do s:close() end
    assert.is_true(cancelled(select(2, s:next())))
    for _ = 1, 3 do s:close() end
    assert.is_true(door.requests[1].aborted)
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
    local client, door = pipe.client { { status = 503,
      headers = { ["retry-after"] = "5" } }, { body = wire.answer() } }
    local s = client:generate_stream "x"
    repeat
      local token, err = s:poll()
      assert.is_nil(token)
    until err == "pending" and #door.requests == 2
    assert.is_nil(door.requests[2].sent_at)
    s:close()
    door:advance(10)
    assert.is_true(cancelled(select(2, s:poll())))
    assert.is_nil(door.requests[2].sent_at)
    assert.is_true(door.requests[2].closed)
  end)

  it("leaves the client in order", function ()
    local client, door = pipe.client { slow_answer(), { body = wire.answer() } }
    local s = client:generate_stream "x"
    s:next()
    s:close()
    assert.equal(" The sky is blue.", client:generate_stream "x":text())
    assert.equal(2, #door.requests)
  end)
end)

describe("leaving a for loop", function ()
  local function left(leave, iterate)
    local client, door = pipe.client(slow_answer())
    pcall(function ()
      leave(iterate(client))
    end)
    return door.requests[1]
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
    local client, door = pipe.client { body = wire.answer() }
    local n = 0
    for _ in client:generate_stream "x" do n = n + 1 end
    assert.equal(5, n)
    assert.is_true(not door.requests[1].aborted)
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
    local function use()
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
    local function use()
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

describe("coroutines", function ()
  it("read several streams at once, each in its own order", function ()
    local loop = coroutines.new()
    local client = pipe.client(slow_answer(), { loop = loop })
    local seen, texts = {}, {}
    local function reader(number)
      return function ()
        local s = client:generate_stream "x"
        texts[number] = ""
        while true do
          local token, err = s:next()
          assert.is_nil(err)
          if not token then break end
          seen[#seen + 1] = number
          texts[number] = texts[number] .. token.text
        end
      end
    end
    loop:run(reader(1), reader(2), reader(3))
    assert.same({ " The sky is.", " The sky is.", " The sky is." }, texts)
    -- One after another would be 111122223333.
    assert.is_nil(table.concat(seen):find "^1111")
    assert.equal(12, #seen)
  end)

  it("that close a stream wake the one that waits for it with an error", function ()
    local loop = coroutines.new()
    local client, door = pipe.client({ pieces = { wire.token " The", 3600, wire.answer() } },
      { loop = loop, timeout = { token = 7200, idle = 7200 } })
    local s = client:generate_stream "x"
    local err
    loop:run(function ()
      assert.equal(" The", s:next().text)
      err = select(2, s:next())
    end, function ()
      repeat loop:pause() until s.count == 1
      loop:pause()
      s:close()
      s:close()
    end)
    assert.is_true(cancelled(err))
    assert.equal(" The", err.partial_text)
    assert.is_true(door.requests[1].aborted)
    assert.equal(1000, door.clock)
  end)

  it("that close the client wake all who wait with errors", function ()
    local loop = coroutines.new()
    local client = pipe.client({ pieces = { 3600, wire.answer() } },
      { loop = loop, timeout = { idle = 7200, first_token = 7200 } })
    local kinds = {}
    local function reader(number)
      return function ()
        local _, err = client:generate_stream "x":text()
        kinds[number] = err.kind
      end
    end
    loop:run(reader(1), reader(2), function ()
      for _ = 1, 5 do loop:pause() end
      client:close()
    end)
    assert.same({ "cancelled", "cancelled" }, kinds)
  end)

  it("cannot wait for the same stream at the same time", function ()
    local loop = coroutines.new()
    local client = pipe.client(slow_answer(), { loop = loop })
    local s = client:generate_stream "x"
    local text, message
    loop:run(function () text = s:text() end, function ()
      -- pcall would keep Lua 5.1 from waiting, but this call never does.
      message = select(2, pcall(s.next, s))
    end)
    assert.is_truthy(message:find("another coroutine is already waiting", 1, true))
    assert.equal(" The sky is.", text)
  end)

  it("may take turns with the same stream", function ()
    local loop = coroutines.new()
    local client = pipe.client({ pieces = { wire.token " The", wire.token " sky",
      wire.token " is", wire.closing(".", " The sky is.") } }, { loop = loop })
    local s, texts, turn = client:generate_stream "x", {}, 1
    local function reader(number)
      return function ()
        while true do
          while turn ~= number do loop:pause() end
          local token = s:next()
          turn = 3 - turn
          if not token then return end
          texts[#texts + 1] = number .. token.text
        end
      end
    end
    loop:run(reader(1), reader(2))
    assert.same({ "1 The", "2 sky", "1 is", "2." }, texts)
  end)

  it("that are interrupted can go on reading", function ()
    local loop = coroutines.new()
    local client = pipe.client(slow_answer(), { loop = loop })
    local s, message, text = client:generate_stream "x", nil, nil
    loop:run(function ()
      s:next()
      -- The error ends the inner coroutine, as it would end a task; this one goes on.
      local inner = coroutine.create(function () return s:next() end)
      coroutine.resume(inner)
      local ok
      ok, message = coroutine.resume(inner, "interrupted")
      assert.is_false(ok)
      text = s:text()
    end)
    assert.equal("interrupted", message)
    assert.equal(" The sky is.", text)
  end)
end)
