-- SPDX-License-Identifier: MIT
-- long: at many instructions of many scenarios
--- An error from outside (Ctrl-C, a time limit of the host program) is raised at every instruction
-- of the library. After it every call returns its result or one error of the library, `close`
-- works, no token or result is returned twice, and the connection is released. The network is
-- simulated, and its code is not interrupted, because it stands for C code.
local async = require "predibase.async"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local scripted = require "spec.support.scripted_model"
local wire_chat = require "spec.support.wire_chat"

-- Testing each instruction takes many minutes. `make test` tries one in 11, and `make test ALL=1`
-- one in 3 on two Luas. EVERY=1 in the environment tries each of them.
local MANY = _VERSION == "Lua 5.4" or rawget(_G, "jit") ~= nil
local ALL = (os.getenv "ALL" or "") ~= ""
local STRIDE = tonumber(os.getenv "EVERY") or not ALL and 11 or MANY and 3 or 5

-- Conversations with tools have many more instructions than the other scenarios.
local LONG = tonumber(os.getenv "EVERY") or math.max(STRIDE, 11)

local JSON = { ["content-type"] = "application/json" }
local MESSAGE = "interrupted from outside"
local WORDS = { "one", " two", " three." }
local TEXT = table.concat(WORDS)

-- LuaJIT calls no hooks in compiled code.
local jit = rawget(_G, "jit")
setup(function () if jit then jit.off() end end)
teardown(function () if jit then jit.on() end end)

local function event (text, generated)
  return ('data:{"token":{"id":5,"text":"%s","logprob":-0.5,"special":false},"generated_text":%s,'
    .. '"details":null}\n\n'):format(text, generated and ('"%s"'):format(generated) or "null")
end

local function streamed ()
  local pieces = {}
  for i, word in ipairs(WORDS) do
    pieces[i] = 0.5
    pieces[#pieces + 1] = event(word, i == #WORDS and TEXT or nil)
  end
  return { pieces = { event(WORDS[1]), 0.5, event(WORDS[2]), event(WORDS[3], TEXT) } }
end

local function answered (log)
  local prompt = log.body:match('"inputs":"(.-)"')
  return { headers = JSON, before = 1, body = ('{"generated_text":"re %s"}'):format(prompt) }
end

local function any (log)
  return log.url:find("stream", 1, true) and streamed() or answered(log)
end

-- Functions that open an exchange, or start a task that does. While one runs, only it refers to the
-- exchange.
local OPENERS = { "function Transport:open", "function Call:open", "local function send %(",
  "local function begin %(", "local function attempt %(", "function Call:whole",
  "^function M.new %(transport, raw, id%)", "^function M.spawn",
  "^local function start_tasks" }
local OPENS = {}    -- function -> whether it is one of these

local function opens (info)
  if not info.func then return false end        -- Lua 5.1 shows a tail call as a frame of its own
  local known = OPENS[info.func]
  if known ~= nil then return known end
  local line, n = "", 0
  if info.linedefined > 0 and info.source:find("lua/predibase/", 1, true) then
    for text in io.lines(info.source:sub(2)) do
      n = n + 1
      if n == info.linedefined then line = text break end
    end
  end
  known = false
  for _, pattern in ipairs(OPENERS) do known = known or line:find(pattern) ~= nil end
  OPENS[info.func] = known
  return known
end

local function is_opening ()
  local level = 3
  while true do
    local info = debug.getinfo(level, "fS")
    if not info then return false end
    if opens(info) then return true end
    level = level + 1
  end
end

--- Calls f and raises an error at its instruction number `at`, if that is an instruction of the
-- library. With `which`, counts the instructions of the coroutine number `which` that f creates.
-- @treturn boolean whether f reached that instruction
-- @treturn boolean whether that was inside one of OPENERS
local function interrupt (at, f, which)
  local reached, opening = false, false
  local function hook ()
    debug.sethook()
    if reached then return end
    reached = true
    if not debug.getinfo(2, "S").source:find("lua/predibase/", 1, true) then return end
    opening = is_opening()
    error(MESSAGE, 0)
  end
  local create, created = coroutine.create, 0
  coroutine.create = function (g) -- luacheck: ignore 122
    local co = create(g)
    created = created + 1
    if created == which then debug.sethook(co, hook, "", at) end
    return co
  end
  if not which then debug.sethook(hook, "", at) end
  local ok, err = pcall(f)
  debug.sethook()
  coroutine.create = create -- luacheck: ignore 122
  if not ok and not tostring(err):find(MESSAGE, 1, true) and not predibase.is_error(err) then
    error(err, 0)
  end
  return reached, opening
end

--- Calls a function that may raise only errors of the library. Returns such an error as `nil, err`.
local function safely (at, f, ...)
  local ok, a, b, c = pcall(f, ...)
  if not ok and not predibase.is_error(a) then
    error(("after instruction %d: %s"):format(at, tostring(a)), 0)
  end
  if not ok then return nil, a end
  return a, b, c
end

--- Checks that all exchanges are closed. One may be left if the error came inside one of OPENERS:
-- its caller never got it. In a real program the garbage collector closes it, but not in this
-- network.
local function given_back (client, opening, at)
  if client.transport.step then client.transport.step(0) end
  local left = client.transport:size()
  if opening then
    assert.is_true(left <= 1)
  else
    assert.equal(0, left, ("after instruction %d"):format(at))
  end
  client:close()
  assert.equal(0, client.transport:size())
end

--- Checks that `got` is a subsequence of `all`, so that no token came twice.
local function assert_in_order (all, got, at)
  local i = 0
  for _, word in ipairs(got) do
    repeat i = i + 1 until i > #all or all[i] == word
    assert.is_true(i <= #all, ("%q came out of turn after instruction %d"):format(word, at))
  end
end

local function read_on (stream, got, at)
  for _ = 1, 20 do
    local token, err = safely(at, stream.next, stream)
    if not token then return err end
    got[#got + 1] = token.text
  end
  error("the stream does not end")
end

--- Runs a scenario repeatedly, interrupted at a later instruction each time.
local function at_every_instruction (scenario, stride)
  local at, reached = 0, true
  while reached do
    at = at + (stride or STRIDE)
    reached = scenario(at)
    assert.is_true(at < 50000)
  end
  assert.is_true(at > 100, "nothing was interrupted")
end

local function stream_scenario (options, replies)
  return function (at)
    local client = pipe.client(replies or any)
    client.shared.random = function () return 0 end
    local stream = client:generate_stream("x", options)
    local got = {}
    local hit, opening = interrupt(at, function ()
      for token in stream do got[#got + 1] = token.text end
    end)
    local err = read_on(stream, got, at)
    assert_in_order(WORDS, got, at)
    if err then
      assert.is_true(predibase.is_error(err))
      assert.equal(err, select(2, stream:result()))
    else
      assert.equal(TEXT, stream:result().generated_text)
    end
    assert.equal(err, read_on(stream, {}, at))
    stream:close()
    stream:close()
    assert.equal(err, read_on(stream, {}, at))
    given_back(client, opening, at)
    return hit
  end
end

--- A stream of deltas with a call in pieces: no piece may be taken twice.
local function chat_scenario (body, options, client_options)
  return function (at)
    local client = pipe.client({ pieces = { body:sub(1, 300), 0.5, body:sub(301) } },
      client_options)
    local stream = client:chat_completion_stream({ { role = "user", content = "x" } }, options)
    local got = {}
    local hit, opening = interrupt(at, function ()
      for delta in stream do got[#got + 1] = delta.text end
    end)
    local err = read_on(stream, got, at)
    for i = #got, 1, -1 do
      if got[i] == "" then table.remove(got, i) end
    end
    assert_in_order(WORDS, got, at)
    if err then
      assert.is_true(predibase.is_error(err))
    else
      local result = stream:result()
      assert.equal(TEXT, result.text)
      local calls = {}
      for i, call in ipairs(result.tool_calls or {}) do calls[i] = call.raw_arguments end
      assert.same(options.tools and {} or { '{"x":1}' }, calls)
    end
    stream:close()
    given_back(client, opening, at)
    return hit
  end
end

describe("an error from outside at every instruction", function ()
  it("of a stream", function ()
    at_every_instruction(stream_scenario())
  end)

  it("of a stream with stop sequences and hooks", function ()
    at_every_instruction(stream_scenario { client_stop = { "never" }, on_token = function () end,
      on_response = function () end })
  end)

  it("of a stream that is retried", function ()
    local n = 0
    at_every_instruction(stream_scenario({ on_retry = function () end }, function ()
      n = n + 1
      if n % 2 == 1 then
        return { pieces = { 'data:{"error":"Model is overloaded","error_type":"overloaded"}\n\n' } }
      end
      return streamed()
    end))
  end)

  it("of a stream of deltas and pieces of a call", function ()
    at_every_instruction(chat_scenario(wire_chat.vllm_role() .. wire_chat.vllm_text(WORDS[1])
      .. wire_chat.vllm_piece '"index":0,"id":"a","function":{"name":"f","arguments":"{\\"x\\""}'
      .. wire_chat.vllm_text(WORDS[2]) .. wire_chat.vllm_text(WORDS[3])
      .. wire_chat.vllm_piece '"index":0,"function":{"arguments":":1}"}'
      .. wire_chat.vllm_text("", "tool_calls") .. wire_chat.vllm_usage(2, 3) .. wire_chat.DONE, {},
      { server = "openai" }))
  end)

  it("of a stream of deltas in the form that LoRAX forces", function ()
    at_every_instruction(chat_scenario(
      wire_chat.delta '{\\"function\\":{\\"_name\\":\\"no_tool\\",\\"content\\":\\"one'
      .. wire_chat.delta(WORDS[2]) .. wire_chat.delta(WORDS[3] .. '\\"}}') .. wire_chat.stop()
      .. wire_chat.DONE, { tools = wire_chat.tools() }))
  end)

  it("of the close of a stream", function ()
    at_every_instruction(function (at)
      local client = pipe.client(any)
      local stream = client:generate_stream "x"
      assert(stream:next())
      local hit = interrupt(at, function ()
        stream:close()
        stream:next()
      end)
      stream:close()
      assert.equal("cancelled", select(2, safely(at, stream.next, stream)).kind)
      given_back(client, false, at)
      return hit or at < 101
    end)
  end)

  it("of the close of a client with an open stream and a batch", function ()
    at_every_instruction(function (at)
      local client = pipe.client(function (log)
        if log.url:find("stream", 1, true) then
          return { pieces = { event(WORDS[1]) }, ending = "open" }
        end
        return answered(log)
      end)
      local stream = client:generate_stream "x"
      assert(stream:next())
      local many = client:generate_many({ "a", "b", "c" }, { concurrency = 2 })
      assert.is_truthy(many:next())
      local hit = interrupt(at, function () client:close() end)
      client:close()
      assert.equal(0, client.transport:size())
      assert.equal("cancelled", read_on(stream, {}, at).kind)
      local left = {}
      for _ = 1, 2 do
        local index, _, err = safely(at, many.next, many)
        left[#left + 1] = index
        assert.is_true(index == nil or err == nil or err.kind == "cancelled")
      end
      assert.equal(2, #left)
      assert.is_nil((safely(at, many.next, many)))
      return hit or at < 101
    end)
  end)

  it("of a batch", function ()
    at_every_instruction(function (at)
      local client = pipe.client(any)
      local many = client:generate_many({ "a", "b", "c" }, { concurrency = 2 })
      local seen, order = {}, 0
      local function take (index, result, err)
        assert.is_nil(seen[index])
        seen[index] = result and tostring(result) or err.kind
        order = order + 1
      end
      local hit, opening = interrupt(at, function ()
        while true do
          local index, result, err = many:next()
          if not index then return end
          take(index, result, err)
        end
      end)
      while true do
        local index, result, err = safely(at, many.next, many)
        if not index then
          assert.is_nil(err)
          break
        end
        take(index, result, err)
      end
      -- One result may be lost: the one that was being returned when the error came.
      assert.is_true(order == 3 or hit and order == 2, ("after instruction %d"):format(at))
      for i, prompt in ipairs { "a", "b", "c" } do
        assert.is_true(seen[i] == nil or seen[i] == "re " .. prompt or seen[i] == "cancelled")
      end
      many:close()
      given_back(client, opening, at)
      return hit
    end)
  end)

  it("of a batch whose prompts come from a function", function ()
    at_every_instruction(function (at)
      local client = pipe.client(any)
      local given, seen = 0, {}
      local many = client:generate_many(function ()
        given = given + 1
        if given <= 3 then return "p" .. given end
      end, { concurrency = 2 })
      local hit, opening = interrupt(at, function ()
        for index, result, err in many do seen[index] = result and tostring(result) or err.kind end
      end)
      while true do
        local index, result, err = safely(at, many.next, many)
        if not index then break end
        seen[index] = result and tostring(result) or err.kind
      end
      for i = 1, 3 do
        assert.is_true(seen[i] == nil or seen[i] == "re p" .. i or seen[i] == "cancelled",
          ("prompt %d had %s after instruction %d"):format(i, tostring(seen[i]), at))
      end
      many:close()
      given_back(client, opening, at)
      return hit
    end)
  end)

  it("of a batch whose results are all read", function ()
    at_every_instruction(function (at)
      local client = pipe.client(any)
      local many = client:generate_many({ "a", "b", "c" }, { concurrency = 2 })
      local hit, opening = interrupt(at, function () many:results() end)
      local results, errs = safely(at, many.results, many)
      if results then
        assert.equal(3, #results)
        for i, prompt in ipairs { "a", "b", "c" } do
assert.is_true(results[i] and tostring(results[i]) == "re " .. prompt
            or results[i] == false and errs[i] ~= nil, ("after instruction %d"):format(at))
        end
      else
        assert.equal("cancelled", errs.kind)
      end
      many:close()
      given_back(client, opening, at)
      return hit
    end)
  end)

  it("of methods that change a conversation without calling the model", function ()
    at_every_instruction(function (at)
      local client = pipe.client(any)
      local session = assert(client:chat_session { format = "mistral-v0.3", system = "Old." })
      for _, text in ipairs { "One?", "Two?" } do assert(session:send(text)) end
      local open = session:stream "Three?"
      assert(open:next())
      local twin
      local hit = interrupt(at, function ()
        session:undo()
        session:set_system "New."
        twin = session:fork()
        session:reset()
      end)
      for _, one in ipairs { session, twin } do
        local list = one.messages
        assert.equal(1, #list % 2)
        assert.is_truthy(list[1].content == "Old." or list[1].content == "New.")
        for i = 2, #list, 2 do
          assert.same({ "user", "assistant" }, { list[i].role, list[i + 1].role })
        end
      end
      open:close()
      read_on(open, {}, at)
      assert(session:send "Four?")
      given_back(client, false, at)
      return hit
    end)
  end)

  it("of a conversation", function ()
    at_every_instruction(function (at)
      local client = pipe.client(any)
      local session = assert(client:chat_session { format = "mistral-v0.3" })
      local stream
      local hit, opening = interrupt(at, function ()
        session:send "One?"
        stream = session:stream "Two?"
        for _ in stream do end -- luacheck: ignore 542
      end)
      -- The history has only complete turns, and the next question is answered.
      local result, err = safely(at, session.send, session, "Three?")
      assert.is_truthy(result, tostring(err))
      local list = session.messages
      assert.equal(0, #list % 2)
      assert.equal("Three?", list[#list - 1].content)
      for i = 1, #list, 2 do
        assert.same({ "user", "assistant" }, { list[i].role, list[i + 1].role })
      end
      if stream then read_on(stream, {}, at) end
      given_back(client, opening, at)
      return hit
    end)
  end)

  for _, which in ipairs(jit and { false } or { false, 1, 2, 3 }) do
    it(which and "of task number " .. which or "of the scheduler of tasks", function ()
      at_every_instruction(function (at)
        local client = pipe.client(any)
        local streams = { client:generate_stream "x", client:generate_stream "y" }
        local hit, opening = interrupt(at, function ()
          async.run(function ()
            async.gather {
              function () return streams[1]:text() end,
              function () return streams[2]:text() end,
            }
          end)
        end, which or nil)
        assert.equal(3, safely(at, async.run, function () return 3 end))
        for _, stream in ipairs(streams) do
          stream:close()
          local err = read_on(stream, {}, at)
          assert.is_true(err == nil or predibase.is_error(err))
        end
        local left = client.transport:size()
        assert.is_true(left <= (opening and 1 or 0), ("after instruction %d"):format(at))
        client:close()
        return hit
      end)
    end)
  end

  -- A tool that calls the model, and a model that calls it twice.

  local CALLED = { scripted.call("ask", {}, "a"), scripted.call("ask", {}, "b") }

  local function with_tools ()
    local client, network = pipe.client(function (log)
      if log.url:find("/completions$") and not log.url:find "chat" then
        return { headers = JSON, before = 1,
          body = '{"choices":[{"index":0,"text":"fine","finish_reason":"stop"}]}' }
      end
      local answer = log.body:find('"role":"tool","content":"[^"]*"[^}]*}%]') and TEXT or CALLED
      return scripted.reply(answer, scripted.WAYS[2], log.url, log.body)
    end, { server = "openai" })
    return client, assert(client:chat_session { over = "chat", tools = {
      { name = "ask", run = function ()
        local result, err = client:completion "x"
        return result and result.text, err
      end } } }), network
  end

  local function check_conversation (client, session, opening, at)
    local result, err = safely(at, session.run, session, "Last?")
    assert.is_truthy(result, ("after instruction %d: %s"):format(at, tostring(err)))
    local list = session.messages
    assert.equal(0, #list % 5)
    for i, message in ipairs(list) do
      assert.equal(({ "user", "assistant", "tool", "tool", "assistant" })[(i - 1) % 5 + 1],
        message.role)
    end
    given_back(client, opening, at)
  end

  for _, which in ipairs(jit and { false } or { false, 1, 2 }) do
    local where = which and ", in tool number " .. which or ""
    it("of a conversation with tools" .. where, function ()
      at_every_instruction(function (at)
        local client, session = with_tools()
        local hit, opening = interrupt(at, function () session:run "One?" end, which or nil)
        check_conversation(client, session, opening, at)
        return hit or at < 101
      end, LONG)
    end)
  end

  it("of a streamed conversation with tools", function ()
    at_every_instruction(function (at)
      local client, session, network = with_tools()
      local stream, got = nil, {}
      local hit, opening = interrupt(at, function ()
        stream = session:run_stream "One?"
        while true do
          local delta, err = stream:poll()
          if delta then
            got[#got + 1] = delta.text
          elseif err == "pending" then
            network:advance(1)
          else
            break
          end
        end
      end)
      if stream then
        local err = read_on(stream, got, at)
        if not err then assert.equal(TEXT, tostring(stream:result())) end
      end
      assert.is_truthy(TEXT:find(table.concat(got), 1, true) or hit)
      check_conversation(client, session, opening, at)
      return hit
    end, LONG)
  end)

  for _, which in ipairs(jit and { false } or { false, 1, 2 }) do
    it("of tasks outside of async.run" .. (which and ", in number " .. which or ""), function ()
      at_every_instruction(function (at)
        local client, network = pipe.client(any)
        local tasks = {}
        local hit, opening = interrupt(at, function ()
          for i = 1, 2 do
            tasks[i] = async.spawn(function ()
              async.sleep(0)
              return tostring(assert(client:generate("p" .. i)))
            end)
          end
          while tasks[1]:status() == "running" do
            network:advance(1)
            predibase.update()
          end
        end, which or nil)
        for i, task in pairs(tasks) do
          local ok, value = task:join()
          if ok then assert.equal("re p" .. i, value) end
          if not hit then assert.equal("re p" .. i, tostring(value)) end
        end
        assert.equal(3, async.run(function ()
          async.sleep(0)
          return 3
        end))
        given_back(client, opening, at)
        return hit or at < 101
      end)
    end)
  end
end)
