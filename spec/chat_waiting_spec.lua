-- SPDX-License-Identifier: MIT
--- Tools that call the server themselves, in every loop, and what ends them.

local async = require "predibase.async"
local loops = require "spec.support.loops"
local predibase = require "predibase"
local server = require "spec.support.server"

--- Seconds that a tool takes. Two tools at once take less than twice as long.
local WAIT = 0.3

local YIELDS_IN_PCALL = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

local CALLS = { { name = "ask", arguments = { topic = "one" }, id = "a" },
  { name = "ask", arguments = { topic = "two" }, id = "b" } }

describe("tools that wait", function ()
  local s, client, session, active, most, ended

  before_each(function ()
    s = server.spawn { server = "openai", script = {
      ["/v1/chat/completions"] = {
        { when = '"role":"tool"', answer = "All is well." },
        { tool_calls = CALLS, answer = "" },
      },
      ["/v1/completions"] = { answer = "fine", head_delay = WAIT },
    } }
  end)

  after_each(function ()
    if client then client:close() end
    client = nil
    server.stop()
  end)

  local function ask (arguments)
    active, most = active + 1, math.max(most, active + 1)
    local result, err = client:completion(arguments.topic)
    active = active - 1
    if not result then return nil, err end
    ended = ended + 1
    return result.text
  end

  local function open (options, run)
    active, most, ended = 0, 0, 0
    local all = { base_url = s.url, api_token = false, server = "openai", max_retries = 0 }
    for name, value in pairs(options or {}) do all[name] = value end
    client = assert(predibase.new(all))
    session = assert(client:chat_session { over = "chat", tools = {
      { name = "ask", run = run or ask } } })
  end

  local function check (text)
    assert.equal("All is well.", text)
    assert.equal(2, ended)
    assert.equal(5, #session.messages - (session.messages[1].role == "system" and 1 or 0))
    assert.equal("fine", session.messages[3].content)
    assert.equal("fine", session.messages[4].content)
  end

  it("run at the same time in a program that blocks", function ()
    open()
    check(assert(session:run "Go.").text)
    assert.equal(2, most)
    session:reset()
    ended = 0
    check(session:run_stream "Go.":text())
  end)

  it("run at the same time in async.run, beside other tasks", function ()
    open()
    local turns = 0
    async.run(function ()
      local main = async.spawn(function ()
        check(assert(session:run "Go.").text)
        session:reset()
        ended = 0
        check(session:run_stream "Go.":text())
      end)
      while main:status() == "running" do
        turns = turns + 1
        async.sleep(0.01)
      end
      main:await()
    end)
    assert.equal(2, most)
    assert.is_true(turns > 3)
  end)

  it("run in a coroutine that a task has made", function ()
    open()
    async.run(function ()
      local text
      coroutine.wrap(function () text = tostring(assert(session:run "Go.")) end)()
      check(text)
    end)
    assert.equal(1, most)          -- such a coroutine cannot wait for tasks
  end)

  it("run in a task that predibase.update() drives", function ()
    open()
    local task = async.spawn(function () return assert(session:run "Go.").text end)
    local frames = 0
    repeat
      predibase.update()
      frames = frames + 1
      async.sleep(0.005)
    until task:status() ~= "running"
    check(task:await())
    assert.equal(2, most)
    assert.is_true(frames > 3)
  end)

  for _, updates in ipairs { true, false } do
    it("go on while the program polls, " .. (updates and "with" or "without")
      .. " predibase.update()", function ()
      open()
      local stream, texts, pending = session:run_stream "Go.", {}, 0
      while true do
        if updates then predibase.update() end
        local delta, err = stream:poll()
        if delta then
          texts[#texts + 1] = delta.text
        elseif err == "pending" then
          pending = pending + 1
          async.sleep(0.005)
        else
          assert.is_nil(err)
          break
        end
      end
      check(table.concat(texts))
      assert.is_true(pending > 3)
    end)
  end

  it("may themselves hold conversations with tools", function ()
    open(nil, function (arguments)
      local inner = assert(client:chat_session { over = "chat", tools = {
        { name = "ask", run = ask } } })
      local result, err = inner:run(arguments.topic)
      return result and result.text, err
    end)
    assert.equal("All is well.", tostring(assert(session:run "Go.")))
    assert.equal("All is well.", session.messages[3].content)
    assert.equal(4, ended)
    assert.equal(4, most)
  end)

  it("may sleep, make tasks and gather", function ()
    open(nil, function ()
      async.sleep(0.01)
      local values = async.gather { function () return 1 end,
        function () async.sleep(0.01) return 2 end }
      return values[1] + values[2]
    end)
    assert(session:run "Go.")
    assert.equal("3", session.messages[3].content)
  end)

  it("end with the task that waits for them", function ()
    open()
    async.run(function ()
      local task = async.spawn(function () return session:run "Go." end)
      while active < 2 do async.sleep(0.01) end
      task:cancel()
      local ok, err = task:join()
      assert.is_false(ok)
      assert.equal("cancelled", err.kind)
      async.sleep(0)
    end)
    assert.equal(0, client.transport:size())
    assert.equal(0, ended)
    assert.equal(0, #session.messages)
    assert.equal("All is well.", tostring(assert(session:run "Go.")))
  end)

  it("end when the stream is closed, by the reader or by another task", function ()
    open()
    local stream = session:run_stream "Go."
    local delta
    repeat delta = stream:poll() until active == 2
    stream:close()
    assert.equal(0, client.transport:size())
    assert.equal("cancelled", select(2, stream:next()).kind)
    async.run(function ()
      local other = session:run_stream "Go."
      local reader = async.spawn(function ()
        local err
        repeat delta, err = other:next() until not delta
        return err
      end)
      active = 0
      while active < 2 do async.sleep(0.01) end
      other:close()
      assert.equal("cancelled", reader:await().kind)
    end)
    assert.equal(0, client.transport:size())
    assert.equal(0, #session.messages)
  end)

  it("end when another method of the session closes the stream", function ()
    open()
    local stream = session:run_stream "Go."
    repeat stream:poll() until active == 2
    session:reset()
    assert.equal(0, client.transport:size())
    assert.equal("cancelled", select(2, stream:next()).kind)
  end)

  it("end when the client is closed", function ()
    open()
    local result, err
    async.run(function ()
      local task = async.spawn(function () result, err = session:run "Go." end)
      while active < 2 do async.sleep(0.01) end
      client:close()
      task:await()
    end)
    assert.is_nil(result)
    assert.equal("cancelled", err.kind)
    assert.equal("tool", err.messages[4].role)
    assert.equal(0, #session.messages)
  end)

  it("count tokens while the program polls", function ()
    open()
    s:script("/tokenize", { head_delay = WAIT, status = 404, body = "" })
    session = assert(client:chat_session { over = "chat", max_input_tokens = 1000,
      tools = { { name = "ask", run = ask } } })
    local stream, pending = session:run_stream "Go.", 0
    while true do
      local delta, err = stream:poll()
      if err == "pending" then
        pending = pending + 1
        async.sleep(0.005)
      elseif not delta then
        assert.is_nil(err)
        break
      end
    end
    check(tostring(stream:result()))
    assert.is_true(pending > 3)
  end)

  it("may raise an error, which the model is told, also after a wait", function ()
    open(nil, function (arguments)
      if arguments.topic == "two" then async.sleep(0.01) end
      error("no " .. arguments.topic, 0)
    end)
    assert(session:run "Go.")
    assert.equal("Error: no one", session.messages[3].content)
    assert.equal("Error: no two", session.messages[4].content)
    session:reset()
    async.run(function () assert(session:run "Go.") end)
    assert.equal("Error: no two", session.messages[4].content)
  end)

  for _, loop in ipairs(loops.list) do
    it("run at the same time in the loop of " .. loop.name, function ()
      open { loop = loop.new() }
      local text, problem, ticks = nil, nil, 0
      loop.begin(function ()
        local result, err = session:run "Go."
        text, problem = result and result.text or false, err
      end)
      loop.run(function () return text ~= nil end, function () ticks = ticks + 1 end)
      assert.is_nil(problem)
      check(text)
      assert.equal(2, most)
      assert.is_true(ticks > 3)
      session:reset()
      text, ended = nil, 0
      loop.begin(function ()
        local stream = session:run_stream "Go."
        local delta, err
        repeat delta, err = stream:next() until not delta
        text = not err and stream:result().text or false
      end)
      loop.run(function () return text ~= nil end)
      check(text)
    end)

    it("block in the main program of " .. loop.name, function ()
      open { loop = loop.new() }
      check(assert(session:run "Go.").text)
      assert.equal(1, most)
    end)

    it("run on in the loop of " .. loop.name .. " after a close, and their reader ends", function ()
      open { loop = loop.new() }
      local stream, failure
      loop.begin(function ()
        stream = session:run_stream "Go."
        local delta, err
        repeat delta, err = stream:next() until not delta
        failure = err
      end)
      local closed = false
      loop.run(function () return failure and ended == 2 end, function ()
        if not closed and active == 2 then
          closed = true
          stream:close()
        end
      end)
      assert.equal("cancelled", failure.kind)
      assert.equal(0, #session.messages)
    end)

    it("may raise in the loop of " .. loop.name, function ()
      open({ loop = loop.new() }, function (arguments)
        -- On Lua 5.1 an error after a wait ends the coroutine: it reaches the loop.
        if YIELDS_IN_PCALL then ask(arguments) end
        error("no " .. arguments.topic, 0)
      end)
      if not YIELDS_IN_PCALL and loop.name == "cqueues" then
        return assert.is_false(YIELDS_IN_PCALL)
      end
      local done
      loop.begin(function () done = session:run "Go." end)
      loop.run(function () return done end)
      assert.equal("Error: no one", session.messages[3].content)
      assert.equal("Error: no two", session.messages[4].content)
    end)
  end
end)
