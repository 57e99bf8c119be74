-- SPDX-License-Identifier: MIT
--- Tasks with the stand-in server: many calls at once, and the ways in which they end.

local async = require "predibase.async"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"
local count_of = require "predibase.stream".count

-- Lua 5.1 cannot yield inside `pcall` and `for … in`.
local yields_anywhere = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil
local only_there = yields_anywhere and it or pending

describe("async", function ()
  local s, clients

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)
  before_each(function () clients = {} end)
  after_each(function ()
    for _, client in ipairs(clients) do client:close() end
    assert.is_true(lifetime.quiet(s))
  end)

  local function new (path, options)
    clients[#clients + 1] = lifetime.client(s, path, options)
    return clients[#clients]
  end

  --- Reads a stream with `next`; `after_first` is called after the first token.
  local function reader (client, after_first)
    return function ()
      local stream, texts = client:generate_stream "x", {}
      while true do
        local token, err = stream:next()
        assert.is_nil(err)
        if not token then return table.concat(texts) end
        if not token.special then texts[#texts + 1] = token.text end
        if count_of(stream) == 1 and after_first then after_first() end
      end
    end
  end

  it("reads many streams of one client at once", function ()
    local client, list, begun = new(), {}, 0
    local function meet ()
      begun = begun + 1
      while begun < 100 do async.sleep(0.001) end
    end
    for i = 1, 100 do list[i] = reader(client, meet) end
    local texts = async.run(async.gather, list)
    assert.equal(100, texts.n)
    for i = 1, 100 do assert.equal(lifetime.TEXT, texts[i]) end
  end)

  it("waits for several clients at once, made inside and outside", function ()
    local list = {}
    local outside = new()
    local texts = async.run(function ()
      for i = 1, 4 do
        local client = i == 1 and outside or new()
        list[i] = reader(client)
      end
      list[5] = function () return tostring(outside:generate "x") end
      list[6] = function () return tostring(new():generate "x") end
      return async.gather(list)
    end)
    for i = 1, 6 do assert.equal(lifetime.TEXT, texts[i]) end
    for _, client in ipairs(clients) do    -- these calls block, because they are not in a task
      assert.equal(lifetime.TEXT, client:generate_stream "x":text())
    end
  end)

  it("returns results and errors in the order of the list; nil, err stops no task", function ()
    s:script("/nowhere/generate", { status = 404 })
    local client, broken = new(), new "/nowhere"
    local results, errs = async.gather {
      function () return client:generate "x" end,
      function () return broken:generate "x" end,
      function () async.sleep(0.01) return "late" end,
      function () return nil end,
      function () return client:generate "" end,
    }
    assert.equal(5, results.n)
    assert.equal(lifetime.TEXT, tostring(results[1]))
    assert.is_nil(results[2])
    assert.equal("not_found", errs[2].kind)
    assert.equal("late", results[3])
    assert.is_nil(errs[4])
    assert.equal("validation", errs[5].kind)
  end)

  it("wakes only tasks whose exchange moved", function ()
    local client, resumed = new("/hang", { timeout = { token = 3600, idle = 3600 } }), {}
    local loop = client.transport.loop
    local suspend = loop.suspend
    loop.suspend = function (self, x)
      local err = suspend(self, x)
      resumed[x] = (resumed[x] or 0) + 1
      return err
    end
    async.run(function ()
      local tasks = {}
      for i = 1, 20 do
        tasks[i] = async.spawn(function () return client:generate_stream "x":text() end)
      end
      repeat
        async.sleep(0.005)
        local waiting = 0
        for _ in pairs(resumed) do waiting = waiting + 1 end
      until waiting == 20
      for _ = 1, 20 do assert.is_truthy(client:generate_stream "x":next()) end
      for i = 1, 20 do tasks[i]:cancel() end
    end)
    -- Twice for tokens, once for the cancellation; tokens that arrived together count once.
    for _, times in pairs(resumed) do assert.is_true(times <= 3) end
    loop.suspend = nil
  end)

  it("ends a cancelled task with an error and closes its connection", function ()
    local client, reached = new "/hang", false
    local ok, err, status, again
    async.run(function ()
      local task = async.spawn(function ()
        local stream = client:generate_stream "x"
        while stream:next() do reached = true end
      end)
      while not reached do async.sleep(0.005) end
      assert.equal("running", task:status())
      assert.is_true(task:cancel())
      assert.is_false(task:cancel())
      ok, err = task:join()
      status, again = task:status(), task:cancel()
      assert.equal(0, client.transport:size())
    end)
    assert.is_false(ok)
    assert.equal("cancelled", err.kind)
    assert.equal("cancelled", status)
    assert.is_false(again)
    assert.is_true(lifetime.has_open(s, 0))
  end)

  it("cancels a call, a sleep, a wait for a task, and a task that has not started", function ()
    local client, ran = new "/mute", false
    async.run(function ()
      local whole = async.spawn(function () return client:generate "x" end)
      local sleeper = async.spawn(async.sleep, 3600)
      local waiter = async.spawn(function () return sleeper:await() end)
      while client.transport:size() == 0 do async.sleep(0.001) end
      local unborn = async.spawn(function () ran = true end)
      for _, task in ipairs { unborn, waiter, whole, sleeper } do
        assert.is_true(task:cancel())
        assert.equal("cancelled", select(2, task:join()).kind)
      end
      assert.equal(0, client.transport:size())
    end)
    assert.is_false(ran)
  end)

  it("returns an error of kind cancelled to other tasks that read the stream it closed", function ()
    local client, streams = new "/hang", {}
    local function reader_of (i)
      streams[i] = client:generate_stream "x"
      return function () while streams[i]:next() do async.sleep(0) end end
    end
    async.run(function ()
      local first = async.spawn(reader_of(1))
      while count_of(streams[1]) < 2 do async.sleep(0.001) end
      first:cancel()
      first:join()
      local token, err = streams[1]:next()
      assert.is_nil(token)
      assert.equal("cancelled", err.kind)
      assert.equal("one two", err.partial_text)
    end)
    pcall(async.run, function ()
      async.spawn(reader_of(2))
      while count_of(streams[2]) < 2 do async.sleep(0.001) end
      error("mine", 0)
    end)
    local token, err = streams[2]:poll()
    assert.is_nil(token)
    assert.equal("cancelled", err.kind)
    assert.same({ nil, err, n = 2 }, { n = 2, streams[2]:next() })
  end)

  it("closes the streams of the other tasks when one fails, and raises the first error", function ()
    local client, streams = new "/hang", {}
    local function sibling (i)
      return function ()
        streams[i] = client:generate_stream "x"
        return streams[i]:text()
      end
    end
    local function failing ()
      for i = 1, 3 do
        while not streams[i] or count_of(streams[i]) < 2 do async.sleep(0.001) end
      end
      error("mine", 0)
    end
    async.run(function ()
      local ok, err = async.spawn(async.gather, { sibling(1), failing, sibling(2), sibling(3) })
        :join()
      assert.is_false(ok)
      assert.is_truthy(err:find("^mine\n"))
      assert.equal(0, client.transport:size())
      assert.equal(lifetime.TEXT, new():generate_stream "x":text())     -- the run continues
    end)
  end)

  it("leaves a stream open that another task has taken over", function ()
    local client = new "/hang"
    async.run(function ()
      local stream
      local first = async.spawn(function ()
        stream = client:generate_stream "x"
        stream:next()
        async.sleep(3600)
      end)
      while not (stream and count_of(stream) == 1) do async.sleep(0.001) end
      local second = async.spawn(function () stream:next() return stream:next() end)
      while count_of(stream) < 2 do async.sleep(0.001) end
      first:cancel()
      first:join()
      assert.equal("running", second:status())
      assert.equal(1, client.transport:size())
      stream:close()
      local _, err = second:await()
      assert.equal("cancelled", err.kind)
    end)
  end)

  it("lets a task close a client while other tasks wait for it", function ()
    local client = new "/hang"
    local _, errs = async.gather {
      function () return client:generate_stream "x":text() end,
      function () return client:generate_stream "x":text() end,
      function () return new():generate_stream "x":text() end,
      function ()
        while client.transport:size() < 2 do async.sleep(0.001) end
        async.sleep(0.01)
        client:close()
      end,
    }
    assert.equal("cancelled", errs[1].kind)
    assert.equal("cancelled", errs[2].kind)
    assert.is_nil(errs[3])
  end)

  it("retries in a task as outside, while other tasks run", function ()
    s:script("/again/generate", { overload = 1, answer = lifetime.ANSWER })
    local client, retries, ticks = new("/again", { max_retries = 2 }), 0, 0
    local result = async.run(function ()
      local ticker = async.spawn(function ()
        while true do
          async.sleep(0.001)
          ticks = ticks + 1
        end
      end)
      local result = client:generate("x", { on_retry = function () retries = retries + 1 end })
      ticker:cancel()
      return result
    end)
    assert.equal(lifetime.TEXT, tostring(result))
    assert.equal(1, retries)
    assert.is_true(ticks > 0)
  end)

  only_there("serves for loops and pcall in tasks", function ()
    local client, texts = new(), {}
    local function read (i)
      texts[i] = ""
      local ok = pcall(function ()
        for piece in client:generate_stream "x":texts() do texts[i] = texts[i] .. piece end
      end)
      return ok
    end
    local oks = async.gather {
      function () return read(1) end, function () return read(2) end,
    }
    assert.same({ true, true, n = 2 }, oks)
    assert.same({ lifetime.TEXT, lifetime.TEXT }, texts)
  end)

  if not yields_anywhere then
    it("raises on Lua 5.1 that a for loop cannot yield; next continues", function ()
      local client, stream = new(), nil
      local ok, err, text
      async.run(function ()
        ok, err = async.spawn(function ()
          stream = client:generate_stream "x"
          for _ in stream do stream.seen = true end
        end):join()
        text = stream:text()
      end)
      assert.is_false(ok)
      assert.is_truthy(err:find("C-call boundary", 1, true))
      assert.equal(lifetime.TEXT, text)
    end)
  end

  it("blocks in a coroutine that a task made itself", function ()
    local client = new()
    local text = async.run(function ()
      local _, got = coroutine.resume(coroutine.create(function ()
        return client:generate_stream "x":text()
      end))
      return got
    end)
    assert.equal(lifetime.TEXT, text)
  end)
end)
