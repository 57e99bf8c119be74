-- SPDX-License-Identifier: MIT
--- Clients and streams over the network that are closed, left, dropped and forgotten. Each test
-- leaves no connection, no exchange and no descriptor behind.

local coroutines = require "spec.support.coroutines"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"

local closes_by_itself = require "spec.support.closing"
local count_of = require "predibase.stream".count

describe("over the network,", function ()
  local s, client, files

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)

  before_each(function ()
    lifetime.collect()
    assert.is_true(lifetime.quiet(s))
    files = lifetime.files()
    client = nil
  end)

  after_each(function ()
    if client then
      assert.equal(0, client.transport:size())
      client:close()
    end
    client = nil
    assert.is_true(lifetime.quiet(s))
    assert.equal(files, lifetime.files())
  end)

  --- A stream of which two tokens are read and nothing more will come.
  local function hanging ()
    client = client or lifetime.client(s, "/hang")
    local stream = client:generate_stream "x"
    assert.equal("one", stream:next().text)
    assert.equal(" two", stream:next().text)
    return stream
  end

  --- Runs f while no collection takes place, and wants the server to have seen the close then.
  local function without_collector (f)
    collectgarbage("stop")
    local ok, err = pcall(f)
    local quiet = lifetime.quiet(s)
    collectgarbage("restart")
    if not ok then error(err, 0) end
    return quiet
  end

  describe("closing", function ()
    it("a stream in the middle closes its connection at once", function ()
      local stream = hanging()
      assert.is_true(lifetime.has_open(s, 1))
      assert.is_true(without_collector(function () stream:close() end))
      assert.equal("cancelled", select(2, stream:next()).kind)
    end)

    it("a stream any number of times, in any state, does nothing more", function ()
      local fresh = hanging()
      for _ = 1, 3 do fresh:close() end
      client:close()
      client = lifetime.client(s)
      fresh = client:generate_stream "x"
      for _ = 1, 3 do fresh:close() end
      local read = client:generate_stream "x"
      assert.equal(lifetime.TEXT, read:text())
      for _ = 1, 3 do read:close() end
      assert.equal(lifetime.TEXT, read:text())
    end)

    it("a client any number of times ends a hundred streams", function ()
      local streams = {}
      for i = 1, 100 do streams[i] = hanging() end
      assert.equal(100, client.transport:size())
      assert.is_true(lifetime.has_open(s, 100))
      assert.is_true(without_collector(function ()
        for _ = 1, 3 do client:close() end
      end))
      for i = 1, 100 do
        local token, err = streams[i]:next()
        assert.is_nil(token)
        assert.equal("cancelled", err.kind)
        assert.equal("one two", err.partial_text)
        assert.equal(err, select(2, streams[i]:poll()))
        streams[i]:close()
      end
      assert.equal(files, lifetime.files())
    end)

    it("a client makes its use an error that says so", function ()
      hanging():close()
      client:close()
      assert.error_matches(function () client:generate "x" end, "on a closed client", 1, true)
      assert.error_matches(function () client:generate_stream "x" end, "on a closed client", 1,
        true)
    end)

    it("a client keeps a stream that was made from being sent", function ()
      client = lifetime.client(s)
      local stream = client:generate_stream "x"
      client:close()
      assert.equal("cancelled", select(2, stream:next()).kind)
    end)
  end)

  describe("leaving a for loop", function ()
    local leavers = {
      ["break"] = function (...) for _ in ... do break end end,           -- luacheck: ignore 512
      ["return"] = function (...) for token in ... do return token end end, -- luacheck: ignore 512
      ["an error"] = function (...) for _ in ... do error "mine" end end,
    }

    for name, leave in pairs(leavers) do
      it("by " .. name .. " closes the connection at once where Lua can", function ()
        client = lifetime.client(s, "/hang")
        local stream = client:generate_stream "x"
        if closes_by_itself then
          assert.is_true(without_collector(function ()
            pcall(leave, stream, nil, nil, stream)
          end))
        else
          pcall(leave, stream)
          assert.is_true(lifetime.has_open(s, 1))
          assert.is_true(without_collector(function () stream:close() end))
        end
      end)

      it("by " .. name .. " closes the connection at the latest when it is collected", function ()
        client = lifetime.client(s, "/hang")
        pcall(function () leave(client:generate_stream "x") end)
        lifetime.collect()
        assert.is_true(lifetime.quiet(s))
      end)
    end
  end)

  describe("forgetting", function ()
    it("a stream in the middle closes its connection when it is collected", function ()
      hanging()
      assert.equal(1, client.transport:size())
      lifetime.collect()
      assert.equal(0, client.transport:size())
      assert.is_true(lifetime.quiet(s))
    end)

    it("a stream that waits for its first token closes its connection, too", function ()
      client = lifetime.client(s, "/silent")
      repeat
        local stream = client:generate_stream "x"
        local _, state = stream:poll()
        assert.equal("pending", state)
      until true
      lifetime.collect()
      assert.equal(0, client.transport:size())
    end)

    it("a client with a hundred streams closes all connections", function ()
      local function use ()
        local streams = {}
        for i = 1, 100 do streams[i] = hanging() end
        assert.is_true(lifetime.has_open(s, #streams))
      end
      use()
      client = nil
      lifetime.collect()
      assert.is_true(lifetime.quiet(s))
      assert.equal(files, lifetime.files())
    end)

    it("a client keeps its streams going", function ()
      client = lifetime.client(s)
      local stream = client:generate_stream "x"
      assert.equal("one", stream:next().text)
      client = nil
      lifetime.collect()
      assert.equal(lifetime.TEXT, stream:text())
      stream = nil -- luacheck: ignore 311
      lifetime.collect()
      assert.equal(files, lifetime.files())
    end)
  end)

  describe("an answer whose end does not come", function ()
    local kept = require "spec.support.libcurl".KEEPS_CONNECTIONS and it or pending

    local function ended ()
      s:script("/late/generate_stream", { answer = lifetime.ANSWER, hold = 3600,
        keepalive_interval = 0 })
      client = lifetime.client(s, "/late")
      assert.equal(lifetime.TEXT, client:generate_stream "x":text())
      assert.equal(0, client.transport:size())
      assert.equal(1, client.transport.pool:size())
    end

    kept("is given up when the client is closed", function ()
      ended()
      assert.is_true(without_collector(function () client:close() end))
    end)

    kept("is given up when the client is collected", function ()
      ended()
      client = nil
      lifetime.collect()
      assert.is_true(lifetime.quiet(s))
    end)
  end)

  if closes_by_itself then
    it("to-be-closed variables close streams and clients at the end of a block", function ()
      client = lifetime.client(s, "/hang")
      local seen = {}
      local block = assert(load [[
        local client, seen = ...
        local kept <close> = client
        local stream <close> = client:generate_stream "x"
        seen[1] = stream
        assert(stream:next())
      ]])
      assert.is_true(without_collector(function () block(client, seen) end))
      assert.equal("cancelled", select(2, seen[1]:next()).kind)
      assert.error_matches(function () client:generate "x" end, "on a closed client", 1, true)
    end)
  end

  describe("a coroutine that died", function ()
    it("in the middle of a stream leaves it to others", function ()
      client = lifetime.client(s)
      local stream = client:generate_stream "x"
      local co = coroutine.create(function ()
        assert(stream:next())
        error "mine"
      end)
      assert.is_false(coroutine.resume(co))
      assert.equal(" two", stream:next().text)
      assert.equal(lifetime.TEXT, stream:text())
    end)

    it("while it waited leaves the stream to others", function ()
      local loop = coroutines.new()
      client = lifetime.client(s, "/hang", { loop = loop })
      local stream = client:generate_stream "x"
      local co = coroutine.create(function () stream:text() end)
      assert(coroutine.resume(co))
      while count_of(stream) < 2 do
        loop.steps[1](nil)
        while table.remove(loop.ready) do assert(coroutine.resume(co)) end
      end
      local ok, message = coroutine.resume(co, "the task was cancelled")
      assert.is_false(ok)
      assert.equal("the task was cancelled", message)
      assert.equal("pending", select(2, stream:poll()))
      stream:close()
      assert.equal("one two", select(2, stream:next()).partial_text)
    end)

    it("while it waited and is never told does not keep a closed stream", function ()
      local loop = coroutines.new()
      client = lifetime.client(s, "/hang", { loop = loop })
      for _ = 1, 3 do
        local stream = client:generate_stream "x"
        assert(coroutine.resume(coroutine.create(function () stream:text() end)))
        stream:close()
      end
      assert.equal(0, client.transport:size())
      assert.is_true(lifetime.quiet(s))
    end)

    it("is collected with its stream, its client and its loop", function ()
      local function abandon ()
        local stream = lifetime.client(s, "/hang", { loop = coroutines.new() })
          :generate_stream "x"
        assert(coroutine.resume(coroutine.create(function () stream:text() end)))
      end
      for _ = 1, 3 do abandon() end
      lifetime.collect()
      assert.is_true(lifetime.quiet(s))
      assert.equal(files, lifetime.files())
    end)
  end)
end)
