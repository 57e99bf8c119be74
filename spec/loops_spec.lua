-- SPDX-License-Identifier: MIT
-- long: waits for timers of libcurl
--- What every loop that resumes coroutines has to do: those of the library, and the one over
--- luasocket's select that docs/loops.md shows.

local lifetime = require "spec.support.lifetime"
local loops = require "spec.support.loops"
local server = require "spec.support.server"
local count_of = require "predibase.stream".count

for _, loop in ipairs(loops.list) do
  describe("the loop of " .. loop.name, function ()
    local s, client

    setup(function () s = lifetime.serve() end)
    teardown(function () server.stop() end)
    after_each(function ()
      client:close()
      assert.is_true(lifetime.quiet(s))
    end)

    local function new (path, options)
      options = options or {}
      options.loop = options.loop or loop.new()
      client = lifetime.client(s, path, options)
      return client
    end

    it("runs 100 streams next to a timer of the program", function ()
      new()
      local texts, begun, ended, ticks = {}, 0, 0, 0
      for i = 1, 100 do
        loop.begin(function ()
          local stream = client:generate_stream "x"
          assert.is_truthy(stream:next())
          begun = begun + 1
          texts[i] = stream:text()
          ended = ended + 1
        end)
      end
      loop.run(function () return ended == 100 end, function () ticks = ticks + 1 end)
      assert.equal(100, begun)
      for i = 1, 100 do assert.equal(lifetime.TEXT, texts[i]) end
      assert.is_true(ticks > 0)
    end)

    it("lets the timer tick while 100 streams wait without polling, and closes them", function ()
      new("/hang", { timeout = { token = 3600, idle = 3600 } })
      local streams, kinds, ended = {}, {}, 0
      for i = 1, 100 do
        streams[i] = client:generate_stream "x"
        loop.begin(function ()
          kinds[i] = lifetime.read(streams[i]).kind
          ended = ended + 1
        end)
      end
      local function all_wait ()
        for i = 1, 100 do if count_of(streams[i]) < 2 then return false end end
        -- Wait until libcurl's own timers have expired too.
        return (client.transport.loop.timeout() or math.huge) > 2
      end
      loop.run(all_wait)
      local step, steps, ticks = client.transport.loop.step, 0, 0
      client.transport.loop.step = function (seconds)
        steps = steps + 1
        return step(seconds)
      end
      loop.run(function () return ticks >= 50 end, function () ticks = ticks + 1 end)
      assert.is_true(steps < 10, steps)     -- libcurl may have a timer of its own
      assert.equal(0, ended)
      for i = 1, 100 do streams[i]:close() end
      loop.run(function () return ended == 100 end)
      for i = 1, 100 do assert.equal("cancelled", kinds[i]) end
      client.transport.loop.step = step
    end)

    it("wakes waiting calls when their client is closed, and releases the descriptor", function ()
      local first = new "/hang"
      local kinds, streams = {}, {}
      for i = 1, 3 do
        streams[i] = first:generate_stream "x"
        loop.begin(function () kinds[i] = lifetime.read(streams[i]).kind end)
      end
      loop.run(function ()
        return count_of(streams[1]) == 2 and count_of(streams[2]) == 2 and count_of(streams[3]) == 2
      end)
      loop.begin(function () first:close() end)
      loop.run(function () return kinds[1] and kinds[2] and kinds[3] end)
      new()                   -- may get the same descriptor
      loop.begin(function () kinds[4] = tostring(client:generate "x") end)
      loop.run(function () return kinds[4] end)
      assert.same({ "cancelled", "cancelled", "cancelled", lifetime.TEXT }, kinds)
    end)

    it("waits for timeouts and retries like the blocking loop", function ()
      s:script("/again/generate", { overload = 1, answer = lifetime.ANSWER })
      new("/again", { max_retries = 2 })
      local text, err
      loop.begin(function () text = tostring(client:generate "x") end)
      loop.run(function () return text end)
      assert.equal(lifetime.TEXT, text)
      client:close()
      new("/mute", { timeout = 0.02 })
      loop.begin(function () err = select(2, client:generate "x") end)
      loop.run(function () return err end)
      assert.equal("timeout", err.kind)
    end)

    it("blocks in the main program", function ()
      new()
      assert.equal(lifetime.TEXT, tostring(client:generate "x"))
    end)

    if loop.exclusive then
      it("is one per client", function ()
        local shared = loop.new()
        local other = new(nil, { loop = shared })
        other:generate "x"
        new(nil, { loop = shared })
        local ok, message = pcall(function () client:generate "x" end)
        assert.is_false(ok)
        local expected = loop.exclusive .. ": each client needs its own loop object"
        assert.is_truthy(message:find(expected, 1, true), message)
        assert.is_truthy(message:find("^spec/loops_spec%.lua:%d+: "), message)
        other:close()
      end)
    end
  end)
end
