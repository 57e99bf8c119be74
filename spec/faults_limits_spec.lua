-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Servers that send too much: memory stays within the limits, and what is too long is not read to
-- an end that may not exist.
local faults = require "spec.support.faults"
local peer = require "spec.support.peer"
local transport = require "predibase.transport"
local uv = require "luv"

local MIB = 1024 * 1024

-- A stream may need memory for the largest event (8 MiB), for enlarging it and for copying it. The
-- sanitizers keep freed memory for a while, so this only tells bounded from unbounded growth.
local MAX_GROWTH = 96 * MIB

-- How much of a connection that is not read the kernels of both sides and libcurl may buffer.
local IN_FLIGHT = 64 * MIB

local function rss ()
  return uv.resident_set_memory()
end

-- What an endless answer is: a name of spec/support/faults_server.py.
local ENDLESS = {
  { "a line of an event without end", "line", "stream", { kind = "too_large" } },
  { "an event of lines without end", "lines", "stream", { kind = "too_large" } },
  { "an answer without end", "answer", "generate", { kind = "too_large" },
    { max_response_bytes = 4 * MIB } },
  { "an error page without end", "page", "generate", { kind = "server", status = 500,
    message = "Sorry" } },
  { "an error page without end", "page", "stream", { kind = "server", status = 500,
    message = "Sorry" } },
  { "a head of fields without end", "head", "generate", { kind = "protocol" } },
  { "a head of fields without end", "head", "stream", { kind = "protocol" } },
  { "a field of a head without end", "name", "generate", { kind = "protocol" } },
  { "a field of a head without end", "name", "stream", { kind = "protocol" } },
  { "interim answers without end", "interim", "generate", { any = true } },
  { "interim answers without end", "interim_fields", "stream", { any = true } },
  { "trailers without end", "trailer", "generate", { any = true } },
}

describe("An answer that is too long:", function ()
  local server

  setup(function () server = peer.start "faults_server" end)
  teardown(function () peer.stop() end)

  local function url (name)
    return "http://127.0.0.1:" .. server.port[name]
  end

  for _, case in ipairs(ENDLESS) do
    local what, name, method, expect, options = case[1], case[2], case[3], case[4], case[5]
    for _, way in ipairs(faults.ways { only = method }) do
      it(("%s is not read to its end (%s)"):format(what, way.name), function ()
        local before = rss()
        local client = faults.client(url(name), options)
        local gone = server:count("gone " .. name)
        local found = faults.call(client, way, { timeout = { total = 60 } })
        faults.check(found, expect, way)
        assert.is_nil(found.result)
        assert.not_equal("timeout", found.err.kind)
        assert.is_true(rss() - before < MAX_GROWTH, "memory grew")
        faults.check_idle(client)
        server:wait_for("gone " .. name, gone + 1)
        client:close()
      end)
    end
  end

  for _, name in ipairs { "comment", "field" } do
    it(("a %s without end is not kept"):format(name), function ()
      local before = rss()
      local client = faults.client(url(name))
      local way = { method = "stream", read = "next" }
      local options = { timeout = { first_token = 1, total = 30 } }
      local found = faults.call(client, way, options)
      faults.check(found, { any = true }, way)
      assert.is_true(found.err.kind == "timeout" or found.err.kind == "too_large")
      assert.is_true(rss() - before < MAX_GROWTH, "memory grew")
      faults.check_idle(client)
      client:close()
    end)
  end

  for _, case in ipairs { { "comments", 2 }, { "keepalives", 2 } } do
    local name, count = case[1], case[2]
    for _, way in ipairs(faults.ways { only = "stream" }) do
      it(("a million %s before the first token are passed over (%s)"):format(name, way.name),
        function ()
          local before = rss()
          local client = faults.client(url(name))
          local found = faults.call(client, way)
          faults.check(found, { text = " The sky" }, way)
          assert.equal(count, #found.tokens)
          assert.is_true(rss() - before < MAX_GROWTH, "memory grew")
          faults.check_idle(client)
          client:close()
        end)
    end
  end

  it("an event of a million lines is one event", function ()
    local before = rss()
    local client = faults.client(url "data_lines")
    local way = { method = "stream", read = "next" }
    faults.check(faults.call(client, way), { kind = "protocol", message = "JSON" }, way)
    assert.is_true(rss() - before < MAX_GROWTH, "memory grew")
    faults.check_idle(client)
    client:close()
  end)
end)

describe("A reader that is slower than its server", function ()
  local server

  setup(function () server = peer.start "faults_server" end)
  teardown(function () peer.stop() end)

  it("stops the server, keeps its memory, and gets every token in order", function ()
    local client = faults.client("http://127.0.0.1:" .. server.port.flood)
    local quiet = client:generate_stream("quiet")
    assert(quiet:next())
    local before = rss()
    local stream = client:generate_stream("flood")
    assert.equal("0", assert(stream:next()).text)
    -- Another stream of the client keeps libcurl at work all the time.
    while server:count "stalled flood" == 0 do
      local token, why = quiet:poll()
      assert.is_nil(token)
      assert.equal("pending", why)
    end
    local sent = tonumber(server.process.stdout:match "\nsent (%d+)\n")
    assert.is_true(sent < IN_FLIGHT, sent .. " bytes were sent")
    for _ = 1, 1000 do quiet:poll() end
    assert.is_true(rss() - before < MAX_GROWTH, "memory grew")
    for number = 1, 100000 do
      if assert(stream:next()).text ~= tostring(number) then
        error("expected token " .. number)
      end
    end
    assert.is_true(rss() - before < MAX_GROWTH, "memory grew")
    stream:close()
    server:wait_for "gone flood"
    quiet:close()
    faults.check_idle(client)
    client:close()
  end)

  local function pause ()
    if transport.in_nginx() then rawget(_G, "ngx").sleep(0.02) else uv.sleep(20) end
  end

  it("needs the same memory however long it reads", function ()
    local ROUNDS, TOKENS, FIRST = 20, 5000, 3
    local client = faults.client("http://127.0.0.1:" .. server.port.flood)
    local stream = client:generate_stream("flood")
    local memory, lua
    for round = 1, ROUNDS do
      for number = (round - 1) * TOKENS, round * TOKENS - 1 do
        if assert(stream:next()).text ~= tostring(number) then
          error("expected token " .. number)
        end
      end
      pause()
      if round == FIRST then
        collectgarbage()
        memory, lua = rss(), collectgarbage "count"
      end
    end
    collectgarbage()
    -- The text is kept for the result, and the allocators keep some of what was freed.
    assert.is_true(collectgarbage "count" - lua < 4096, "the Lua state grew")
    assert.is_true(rss() - memory < 24 * MIB, "memory grew")
    stream:close()
    server:wait_for "gone flood"
    faults.check_idle(client)
    client:close()
  end)
end)
