-- SPDX-License-Identifier: MIT
--- Conversations in which the model calls tools, with each way of sending them and each format.
local predibase = require "predibase"
local scripted = require "spec.support.scripted_model"
local tool_session = require "spec.support.tool_session"

local call = scripted.call

local client, network, session

local function open (...)
  session, client, network = tool_session.open(...)
  return session
end

local function close ()
  if not client then return end
  assert.equal(0, client.transport:size())
  if not client.closed then client:close() end
  client, session = nil, nil
end

local function said (messages)
  return tool_session.said(messages or session.messages)
end

local function sent (n)
  return tool_session.sent(network, n)
end

for _, way in ipairs(scripted.WAYS) do
  describe("a session with tools " .. way.name, function ()
    after_each(close)

    it("runs what the model calls until it answers in words", function ()
      local tools, seen = tool_session.tools()
      open(way, { { call("get_weather", { town = "Oslo" }) }, { call("get_time") },
        "Bring a coat." }, { tools = tools })
      local result = assert(session:run "What is the weather in Oslo?")
      assert.equal("Bring a coat.", tostring(result))
      assert.equal(3, result.rounds)
      assert.same({ town = "Oslo" }, seen[1][2])
      assert.equal("get_weather", seen[1][3].name)
      assert.same({}, seen[2][2])
      assert.equal("u:What is the weather in Oslo?|a:(get_weather)|t:Rain in Oslo|a:(get_time)"
        .. '|t:{"hour":12}|a:Bring a coat.', said())
      assert.is_true(tool_session.ids_fit(session.messages))
      assert.equal(3, #network.requests)
      local body = network.requests[3].body
      assert.is_truthy(body:find("Rain in Oslo", 1, true))
      assert.is_truthy(body:find("get_time", 1, true))
    end)

    it("streams the words of all rounds", function ()
      local tools = tool_session.tools()
      open(way, { { call("get_weather", { town = "Oslo" }) }, "Bring a coat, and a hat." },
        { tools = tools })
      local stream = session:run_stream "What is the weather in Oslo?"
      local text, calls = tool_session.read(stream)
      assert.equal("Bring a coat, and a hat.", text)
      assert.equal("get_weather", calls)
      assert.equal("Bring a coat, and a hat.", tostring(stream:result()))
      assert.equal(2, stream:result().rounds)
      assert.equal("u:What is the weather in Oslo?|a:(get_weather)|t:Rain in Oslo"
        .. "|a:Bring a coat, and a hat.", said())
      assert.is_true(tool_session.ids_fit(session.messages))
    end)

    it("gives texts(), text() and poll() of a stream", function ()
      local tools = tool_session.tools()
      local answers = { { call("get_weather", { town = "Åre" }) }, "Snø, så ta på deg en lue." }
      open(way, answers, { tools = tools })
      local pieces = {}
      for piece in session:run_stream "Weather?":texts() do
        assert.not_equal("", piece)
        pieces[#pieces + 1] = piece
      end
      assert.equal(answers[2], table.concat(pieces))
      close()
      open(way, answers, { tools = tools })
      assert.equal(answers[2], session:run_stream "Weather?":text())
      close()
      open(way, answers, { tools = tools })
      local stream, all = session:run_stream "Weather?", {}
      while true do
        local delta, err = stream:poll()
        if delta then
          all[#all + 1] = delta.text
        elseif err == "pending" then
          client.transport.step(1)
        else
          assert.is_nil(err)
          break
        end
      end
      assert.equal(answers[2], table.concat(all))
      assert.is_nil((stream:next()))
    end)

    it("can be continued by hand", function ()
      local tools = { { name = "get_weather", parameters = tool_session.WEATHER } }
      open(way, { { call("get_weather", { town = "Oslo" }) }, "Bring a coat.", "You are welcome." },
        { tools = tools })
      local result = assert(session:send "Weather?")
      assert.equal("", result.text)
      assert.equal("tool_calls", result.finish_reason)
      assert.same({ town = "Oslo" }, result.tool_calls[1].arguments)
      local ok, err = pcall(session.send, session, "Hello?")
      assert.is_false(ok)
      assert.is_truthy(err:find("chat_tools_spec.lua", 1, true), err)
      assert.is_truthy(err:find("session:send while a call of the tool get_weather has no result; "
        .. "give it with session:append", 1, true), err)
      for _, method in ipairs { "stream", "run", "run_stream", "generate", "generate_stream" } do
        assert.is_false((pcall(session[method], session, method:find "gen" and {} or "x")), method)
      end
      assert(session:append { role = "tool", tool_call_id = result.tool_calls[1].id,
        content = "Rain" })
      assert.equal("Bring a coat.", tostring(assert(session:generate())))
      assert.equal("You are welcome.", session:stream "Thanks!":text())
      assert.equal("u:Weather?|a:(get_weather)|t:Rain|a:Bring a coat.|u:Thanks!|a:You are welcome.",
        said())
    end)

    it("streams by hand, too", function ()
      local tools = { { name = "get_weather", parameters = tool_session.WEATHER } }
      open(way, { { call("get_weather", { town = "Oslo" }) }, "Bring a coat." }, { tools = tools })
      local stream = session:stream "Weather?"
      while stream:next() do end
      local result = assert(stream:result())
      assert.equal("get_weather", result.tool_calls[1].name)
      assert(session:append { role = "tool", tool_call_id = result.tool_calls[1].id,
        content = "Rain" })
      assert.equal("Bring a coat.", session:generate_stream():text())
      assert.equal("u:Weather?|a:(get_weather)|t:Rain|a:Bring a coat.", said())
    end)

    it("tells the model of calls that cannot be run", function ()
      local tools, seen = tool_session.tools()
      local wrong = way.server == "lorax" and { call("get_weather", { town = "Oslo" }) } or nil
      open(way, { wrong or { call("get_weather", { town = 5 }) }, "I do not know." },
        { tools = tools })
      assert.equal("I do not know.", tostring(assert(session:run "Weather?")))
      if wrong then return assert.equal(1, #seen) end
      assert.equal(0, #seen)
      assert.is_truthy(said():find("|t:The arguments do not fit the parameters of get_weather: "
        .. "$.town must be a string", 1, true), said())
    end)

    it("runs several calls of one answer", function ()
      if not way.several then return assert.is_nil(way.several) end
      local tools, seen = tool_session.tools()
      open(way, { { call("get_weather", { town = "Oslo" }, "0"), call("get_time", {}, "0"),
        call("get_weather", { town = "Bergen" }, "1") }, "Rain.",
        { call("get_time", {}, "0") }, "Noon." }, { tools = tools })
      assert(session:run "Weather?")
      assert.equal(3, #seen)
      assert.equal("u:Weather?|a:(get_weather get_time get_weather)|t:Rain in Oslo"
        .. '|t:{"hour":12}|t:Rain in Bergen|a:Rain.', said())
      local stream = session:run_stream "And the time?"
      tool_session.read(stream)
      assert.equal(4, #seen)
      assert.is_true(tool_session.ids_fit(session.messages))
    end)

    it("does not change the history when a round fails, and the error has the messages", function ()
      local tools = tool_session.tools()
      local function refuse ()
        return { status = 400, headers = { ["content-type"] = "application/json" },
          body = '{"error":"no","error_type":"validation"}' }
      end
      open(way, { "Hello.", { call("get_weather", { town = "Oslo" }) }, refuse,
        { call("get_weather", { town = "Oslo" }) }, refuse, "Well." }, { tools = tools })
      assert(session:run "Hi.")
      local result, err = session:run "Weather?"
      assert.is_nil(result)
      assert.equal("validation", err.kind)
      assert.equal("u:Weather?|a:(get_weather)|t:Rain in Oslo", said(err.messages))
      assert.equal("u:Hi.|a:Hello.", said())
      local stream = session:run_stream "Weather?"
      local text, problem = stream:text()
      assert.is_nil(text)
      assert.equal("validation", problem.kind)
      assert.equal("u:Weather?|a:(get_weather)|t:Rain in Oslo", said(problem.messages))
      assert.equal(problem, select(2, stream:next()))
      assert.equal(problem, select(2, stream:result()))
      assert.equal("Well.", tostring(assert(session:run "Weather?")))
      assert.equal("u:Hi.|a:Hello.|u:Weather?|a:Well.", said())
    end)

    it("stops after max_rounds", function ()
      local tools, seen = tool_session.tools()
      open(way, { { call("get_time") } }, { tools = tools })
      local result, err = session:run("Time?", { max_rounds = 2 })
      assert.is_nil(result)
      assert.equal("tool", err.kind)
      assert.is_false(err.retryable)
      assert.is_truthy(err.message:find("still calls tools after 2 rounds", 1, true))
      assert.equal(1, #seen)
      assert.equal(2, #network.requests)
      assert.equal("", said())
      err = select(2, session:run_stream("Time?", { max_rounds = 1 }):text())
      assert.equal("tool", err.kind)
      assert.equal("u:Time?|a:(get_time)", said(err.messages))
    end)

    it("saves and continues, with the functions given again", function ()
      local tools, seen = tool_session.tools()
      open(way, { { call("get_weather", { town = "Oslo" }) }, "Rain.", { call("get_time") },
        "Noon." }, { tools = tools })
      assert(session:run "Weather?")
      local text = assert(session:save())
      assert.is_nil(text:find("function:", 1, true))
      local before = said()
      local without = assert(predibase.chat.load(client, text))
      assert.equal(before, said(without.messages))
      local ok, err = pcall(without.run, without, "Time?")
      assert.is_false(ok)
      assert.is_truthy(err:find("session:run needs a function run in every tool", 1, true), err)
      session = assert(predibase.chat.load(client, text, { tools = tools }))
      assert.equal("Noon.", tostring(assert(session:run "Time?")))
      assert.equal(2, #seen)
      assert.equal(before .. '|u:Time?|a:(get_time)|t:{"hour":12}|a:Noon.', said())
      assert.is_true(tool_session.ids_fit(session.messages))
    end)

    it("never parts a call from its result", function ()
      local tools = tool_session.tools()
      local count = 0
      open(way, { { call("get_weather", { town = "Oslo" }) }, "Rain." }, { tools = tools,
        max_input_tokens = 100000, count_tokens = function (text)
          count = count + 1
          return #text
        end })
      assert(session:run "First?")
      assert.equal(0, session.left_out)
      assert.is_true(count > 0)
      -- The limit leaves room for less than the whole first turn.
      local needed
      for limit = 200, 3000, 50 do
        session.max_input_tokens = limit
        network:serve(scripted.replies({ { call("get_weather", { town = "Bergen" }) }, "Sun." },
          way))
        local result, err = session:run "Second?"
        if result then
          needed = limit
          break
        end
        assert.equal("too_large", err.kind)
      end
      assert.is_truthy(needed)
      assert.equal(4, session.left_out)
      local body = network.requests[#network.requests].body
      assert.is_nil(body:find("Rain in Oslo", 1, true))
      assert.is_nil(body:find("First?", 1, true))
      assert.is_truthy(body:find("Rain in Bergen", 1, true))
      assert.is_truthy(body:find("Second?", 1, true))
    end)

    it("can be undone, forked, reset, and given another system message", function ()
      local tools = tool_session.tools()
      open(way, { { call("get_weather", { town = "Oslo" }) }, "Rain.", "Fine." }, { tools = tools,
        system = "Be brief." })
      assert(session:run "Weather?")
      local twin = session:fork()
      assert.equal("Weather?", session:undo())
      assert.equal("s:Be brief.", said())
      assert.equal("s:Be brief.|u:Weather?|a:(get_weather)|t:Rain in Oslo|a:Rain.",
        said(twin.messages))
      assert(twin:set_system "Be polite.")
      assert(twin:run "And you?")
      assert.equal("s:Be polite.|u:Weather?|a:(get_weather)|t:Rain in Oslo|a:Rain.|u:And you?"
        .. "|a:Fine.", said(twin.messages))
      twin:reset()
      assert.equal("s:Be polite.", said(twin.messages))
    end)

    it("takes tools for one call only, and can leave them out", function ()
      local tools = tool_session.tools()
      open(way, { "Hello.", { call("get_time") }, "Noon.", "Hello again." })
      assert(session:send "Hi.")
      assert.is_nil(network.requests[1].body:find("get_time", 1, true))
      assert(session:run("Time?", { tools = tools }))
      assert.is_truthy(network.requests[2].body:find("get_weather", 1, true))
      assert(session:run "Hi.")
      assert.is_nil(network.requests[4].body:find("get_weather", 1, true))
      assert.equal("Hello again.", tostring(session.messages[#session.messages].content))
    end)

    it("sends no tools when it may not call any", function ()
      local tools = tool_session.tools()
      open(way, { "Hello.", "Hello." }, { tools = tools, tool_choice = "none" })
      assert(session:run "Hi.")
      if way.server == "openai" then
        assert.equal("none", sent().tool_choice)
      else
        assert.is_nil(network.requests[1].body:find("get_weather", 1, true))
      end
      assert(session:run("Hi.", { tools = {} }))
      assert.is_nil(network.requests[2].body:find("get_weather", 1, true))
    end)
  end)
end
