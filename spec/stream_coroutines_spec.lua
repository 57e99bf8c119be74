-- SPDX-License-Identifier: MIT
--- Streams in coroutines on a loop of the program's own.
local coroutines = require "spec.support.coroutines"
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"
local count_of = require "predibase.stream".count

local function slow_answer ()
  return { pieces = { wire.token " The", 1, wire.token " sky", 1, wire.token " is", 1,
    wire.closing(".", " The sky is.") } }
end

describe("coroutines", function ()
  it("read several streams at once, each in its own order", function ()
    local loop = coroutines.new()
    local client = pipe.client(slow_answer(), { loop = loop })
    local seen, texts = {}, {}
    local function reader (number)
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
    local client, network = pipe.client({ pieces = { wire.token " The", 3600, wire.answer() } },
      { loop = loop, timeout = { token = 7200, idle = 7200 } })
    local s = client:generate_stream "x"
    local err
    loop:run(function ()
      assert.equal(" The", s:next().text)
      err = select(2, s:next())
    end, function ()
      repeat loop:pause() until count_of(s) == 1
      loop:pause()
      s:close()
      s:close()
    end)
    assert.equal("cancelled", err.kind)
    assert.is_false(err.retryable)
    assert.equal(" The", err.partial_text)
    assert.is_true(network.requests[1].aborted)
    assert.equal(1000, network.clock)
  end)

  it("that close the client wake all who wait with errors", function ()
    local loop = coroutines.new()
    local client = pipe.client({ pieces = { 3600, wire.answer() } },
      { loop = loop, timeout = { idle = 7200, first_token = 7200 } })
    local kinds = {}
    local function reader (number)
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
    local function reader (number)
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
