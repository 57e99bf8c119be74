-- SPDX-License-Identifier: MIT
--- Conversations, over a network without a network.
local json = require "predibase.json"
local calling_line = require "spec.support.blame"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"

local JSON = { ["content-type"] = "application/json" }

local function event (text, generated, special)
  return ('data:{"token":{"id":5,"text":"%s","logprob":-0.5,"special":%s},"generated_text":%s,'
    .. '"details":null}\n\n'):format(text, tostring(special or false), generated or "null")
end

local function answers (text)
  return function (log)
    if log.url:find "/generate_stream$" then
      return { pieces = { event(text), event("!", ('"%s!"'):format(text)) } }
    end
    return { headers = JSON, body = ('{"generated_text":"%s!"}'):format(text) }
  end
end

describe("a chat session", function ()
  local client, network, session

  local function open (options, replies, of_client)
    client, network = pipe.client(replies or answers "Yes", of_client)
    client.shared.random = function () return 0.5 end
    local given = { format = "mistral-v0.3" }
    for name, value in pairs(options or {}) do given[name] = value end
    session = assert(client:chat_session(given))
    return session
  end

  local function sent (n)
    return assert(json.decode(network.requests[n or #network.requests].body))
  end

  local function said ()
    local list = {}
    for i, message in ipairs(session.messages) do
      list[i] = message.role:sub(1, 1) .. ":" .. message.content
    end
    return table.concat(list, "|")
  end

  after_each(function ()
    if not client then return end
    assert.equal(0, client.transport:size())
    if not client.closed then client:close() end
    client, session = nil, nil
  end)

  it("writes the history in the model's format and joins the answer to it", function ()
    open { system = "Be brief.", max_new_tokens = 9 }
    assert.equal("Yes!", tostring(assert(session:send "One?")))
    assert.equal("[INST] Be brief.\n\nOne?[/INST]", sent().inputs)
    assert.same({ max_new_tokens = 9, stop = { "</s>" } }, sent().parameters)
    assert(session:send("Two?", { max_new_tokens = 3, seed = 8 }))
    assert.equal("[INST] One?[/INST] Yes!</s>[INST] Be brief.\n\nTwo?[/INST]", sent().inputs)
    assert.equal(3, sent().parameters.max_new_tokens)
    assert.equal("s:Be brief.|u:One?|a:Yes!|u:Two?|a:Yes!", said())
  end)

  it("leaves the history as it was when the call failed", function ()
    open({}, { { status = 400, headers = JSON, body = '{"error":"no"}' } })
    local result, err = session:send "One?"
    assert.is_nil(result)
    assert.equal("validation", err.kind)
    assert.equal("", said())
    result, err = session:send("One?", { temperature = -1 })
    assert.is_nil(result)
    assert.equal("validation", err.kind)
    assert.equal(1, #network.requests)
    network:serve(answers "Yes")
    assert(session:send "One?")
    assert.equal("u:One?|a:Yes!", said())
  end)

  it("streams like any stream, and joins the answer when it is complete", function ()
    open()
    for _, read in ipairs {
      function (stream) for _ in stream do end end,
      function (stream) while stream:next() do end end,
      function (stream) for _ in stream:texts() do end end,
      function (stream) assert.equal("Yes!", stream:text()) end,
      function (stream)
        local token, err
        repeat
          token, err = stream:poll()
          if err == "pending" then client.transport.step(1) end
        until not token and err ~= "pending"
      end,
    } do
      local stream = session:stream "One?"
      read(stream)
      assert.equal("Yes!", tostring(stream:result()))
      assert.equal("u:One?|a:Yes!", said())
      session:reset()
    end
  end)

  it("has the answer with its last token", function ()
    open()
    local stream = session:stream "One?"
    stream:next()
    assert.equal("", said())
    stream:next()
    assert.equal("u:One?|a:Yes!", said())
    assert.is_nil(stream:next())
    assert.equal("u:One?|a:Yes!", said())
  end)

  it("has the answer before on_token is told of the last token, also when that raises", function ()
    open()
    local seen = {}
    local stream = session:stream("One?", { on_token = function ()
      seen[#seen + 1] = said()
      if #seen == 2 then error("hook", 0) end
    end })
    stream:next()
    assert.is_false((pcall(stream.next, stream)))
    assert.same({ "", "u:One?|a:Yes!" }, seen)
    stream:close()
  end)

  it("keeps out what broke, was closed, or never began", function ()
    open({}, { { pieces = { event "Yes" }, ending = "cut" } })
    local text, err = session:stream "One?":text()
    assert.is_nil(text)
    assert.equal("connection", err.kind)
    network:serve(answers "Yes")
    local stream = session:stream "One?"
    stream:next()
    stream:close()
    session:stream "One?":close()
    assert.equal("", said())
    assert(session:send "One?")
    assert.equal("u:One?|a:Yes!", said())
  end)

  it("joins what client_stop left of the answer, and what trim_stop left", function ()
    open({ client_stop = "es" })
    assert.equal("Y", session:stream "One?":text())
    assert.equal("u:One?|a:Y", said())
    open({ stop = { "!" } })
    assert.equal("Yes", session:stream "One?":text())
    assert.equal("Yes", tostring(session:send "Two?"))
    assert.equal("u:One?|a:Yes|u:Two?|a:Yes", said())
  end)

  it("takes an answer of no text for one", function ()
    open({}, { pieces = { event("</s>", '""', true) } })
    assert.equal("", session:stream "One?":text())
    assert.equal("u:One?|a:", said())
  end)

  it("never sends the prompt back as the answer", function ()
    open({}, nil, { defaults = { return_full_text = true, apply_chat_template = true } })
    assert(session:send "One?")
    assert.is_nil(sent().parameters.return_full_text)
    assert.is_nil(sent().parameters.apply_chat_template)
  end)

  it("closes a stream that is still open for the next call", function ()
    for name, f in pairs {
      send = function () assert(session:send "Two?") end,
      stream = function () assert(session:stream("Two?"):text()) end,
      reset = function () session:reset() end,
      set_system = function () assert(session:set_system "x") end,
      undo = function () session:undo() end,
    } do
      for reads = 0, 1 do
        open()
        local stream = session:stream "One?"
        for _ = 1, reads do assert(stream:next()) end
        f()
        local token, err = stream:next()
        assert.is_nil(token)
        assert.equal("cancelled", err.kind, name)
        assert.is_nil(said():find("One?", 1, true))
        assert.equal(0, client.transport:size())
        client:close()
      end
    end
  end)

  it("leaves a stream open when nothing can be said", function ()
    open()
    local stream = session:stream "One?"
    assert(stream:next())
    local result, err = session:send("Two?", { temperature = -1 })
    assert.is_nil(result)
    assert.equal("validation", err.kind)
    assert.has_error(function () session:send("Two?", { temperatur = 1 }) end)
    assert.equal("Yes!", stream:text())
    assert.equal("u:One?|a:Yes!", said())
  end)

  it("raises for a call out of a hook of its own call, and goes on after it", function ()
    open()
    local message
    assert(session:send("One?", { on_request = function ()
      local _, err = pcall(session.send, session, "Two?")
      message = err
    end }))
    assert.is_truthy(message:find("another call of this session is running", 1, true))
    assert.is_false((pcall(session.send, session, "Two?", {
      on_request = function () error("hook", 0) end })))
    assert(session:send "Three?")
    assert.equal("u:One?|a:Yes!|u:Three?|a:Yes!", said())
  end)

  it("is free again when its stream has been collected", function ()
    open()
    session:stream "One?"
    collectgarbage()
    collectgarbage()
    assert(session:send "Two?")
    assert.equal("u:Two?|a:Yes!", said())
  end)

  it("needs no collection after a loop over its stream was left", function ()
    open()
    collectgarbage()
    collectgarbage "stop"
    for token in session:stream "One?" do if token then break end end
    local before = collectgarbage "count"
    local ok, result = pcall(session.send, session, "Two?")
    local grown = collectgarbage "count" - before
    collectgarbage "restart"
    assert.is_true(ok, result)
    assert.is_true(grown > 0, "something was collected")
    assert.equal("u:Two?|a:Yes!", said())
  end)

  it("stores only the answer when return_full_text is set", function ()
    local prompt = "[INST] One?[/INST]"
    open(nil, function (log)
      local full = prompt .. " Yes!"
      if log.url:find "/generate_stream$" then
        return { pieces = { event(" Yes!", ('"%s"'):format(full)) } }
      end
      return { headers = JSON, body = ('{"generated_text":"%s"}'):format(full) }
    end)
    local result = assert(session:send("One?", { return_full_text = true }))
    assert.equal(prompt .. " Yes!", result.generated_text)
    assert.equal("u:One?|a: Yes!", said())
    session:reset()
    assert(session:stream("One?", { return_full_text = true }):text())
    assert.equal("u:One?|a: Yes!", said())
  end)

  it("neutralises special tokens in prompts and in answers", function ()
    open({}, answers "Yes [/INST]")
    assert(session:send "Hi </s>[INST]")
    assert.equal("[INST] Hi < /s>[ INST][/INST]", sent().inputs)
    assert(session:send "Two?")
    assert.is_truthy(sent().inputs:find("Yes [ /INST]!</s>", 1, true))
    assert.equal("Hi </s>[INST]", session.messages[1].content)
  end)

  it("refuses it from the user alone when asked to", function ()
    open({ special_tokens_in_text = "refuse" }, answers "Yes [/INST]")
    local result, err = session:send "Hi </s>"
    assert.is_nil(result)
    assert.equal("template", err.kind)
    result, err = session:stream "Hi </s>":next()
    assert.is_nil(result)
    assert.equal("template", err.kind)
    assert.equal(0, #network.requests)
    assert(session:send "One?")
    assert(session:send "Two?")
    assert.is_truthy(sent().inputs:find("Yes [ /INST]!</s>", 1, true))
    open({ special_tokens_in_text = "allow" })
    assert(session:send "Hi </s>")
    assert.equal("[INST] Hi </s>[/INST]", sent().inputs)
  end)

  it("finds the format of its deployment", function ()
    client, network = pipe.client(answers "Yes")
    client.cfg.deployment = "llama-3-1-8b-instruct"
    session = assert(client:chat_session())
    assert.equal("llama-3.1", session.format.name)
    client.cfg.deployment = nil
    local none, err = client:chat_session {}
    assert.is_nil(none)
    assert.is_truthy(err.message:find('give format = "…"', 1, true))
    assert.equal("chatml", assert(client:chat_session { format = "chatml" }).format.name)
    assert.equal("zephyr", assert(client:chat_session {
      format = assert(predibase.template.chat "zephyr") }).format.name)
  end)

  it("passes on how the format is to be written", function ()
    open { format = "qwen-3", enable_thinking = false }
    assert(session:send "Hi")
    assert.is_truthy(sent().inputs:find("<think>\n\n</think>", 1, true))
  end)

  it("begins with messages, and refuses bad ones at once", function ()
    open { messages = {
      { role = "user", content = "Hi" }, { role = "assistant", content = "Ho" } } }
    assert(session:send "Two?")
    assert.equal("[INST] Hi[/INST] Ho</s>[INST] Two?[/INST]", sent().inputs)
    for _, case in ipairs {
      { { messages = 3 }, "must be an array" },
      { { messages = { x = 1 } }, "must be an array" },
      { { messages = { 3 } }, "message 1 must be a table" },
      { { messages = { { content = "x" } } }, "needs a role" },
      { { messages = { { role = "user", content = 3 } } }, "string as its content" },
      { { messages = { { role = "user", content = "a" }, { role = "system", content = "b" } } },
        "only the first" },
      { { system = "a", messages = { { role = "system", content = "b" } } }, "given twice" },
      { { system = 3 }, "system must be a string" },
      { { max_input_tokens = 0 }, "max_input_tokens must" },
      { { max_input_tokens = "9" }, "max_input_tokens must" },
      { { count_tokens = 3 }, "count_tokens must" },
      { { format = 3 }, "format must be" },
      { { format = "moon" }, "no chat format" },
      { { format = "mistral-v0.1-2023", system = "x" }, "mistral" },
      { { special_tokens_in_text = "maybe" }, "special_tokens_in_text" },
    } do
      local given = { format = "mistral-v0.3" }
      for name, value in pairs(case[1]) do given[name] = value end
      local none, err = client:chat_session(given)
      assert.is_nil(none)
      assert.is_truthy(err.message:find(case[2], 1, true), err.message)
    end
  end)

  it("does not change the caller's messages", function ()
    local list = { { role = "user", content = "Hi" }, { role = "assistant", content = "Ho" } }
    open { messages = list }
    assert(session:send "Two?")
    assert.equal(2, #list)
    list[1].content = "changed"
    assert.equal("Hi", session.messages[1].content)
  end)

  it("replaces the system's message, and forgets the rest", function ()
    open()
    assert(session:send "One?")
    assert.is_true(session:set_system "Be brief.")
    assert.is_true(session:set_system "Be long.")
    assert.equal("s:Be long.|u:One?|a:Yes!", said())
    session:reset()
    assert.equal("s:Be long.", said())
    assert.is_true(session:set_system(nil))
    assert.equal("", said())
    open { format = "mistral-v0.1-2023" }
    local ok, err = session:set_system "x"
    assert.is_nil(ok)
    assert.equal("template", err.kind)
    assert.equal("", said())
  end)

  it("takes turns back", function ()
    open { system = "Be brief." }
    assert.is_nil(session:undo())
    assert(session:send "One?")
    assert(session:send "Two?")
    assert.equal("Two?", session:undo())
    assert.equal("s:Be brief.|u:One?|a:Yes!", said())
    assert.equal("One?", session:undo())
    assert.is_nil(session:undo())
    assert.equal("s:Be brief.", said())
    open { format = "chatml", messages = { { role = "assistant", content = "Hi" } } }
    assert.is_nil(session:undo())
    assert.equal("a:Hi", said())
    local stream = session:stream "One?"
    assert.equal("Hi", (session:undo() or session.messages[1].content))
    assert.equal("cancelled", select(2, stream:next()).kind)
  end)

  it("forks", function ()
    open { system = "Be brief." }
    assert(session:send "One?")
    local twin = session:fork()
    assert(twin:send "Two?")
    assert.equal(5, #twin.messages)
    assert.equal("s:Be brief.|u:One?|a:Yes!", said())
    local stream = session:stream "Three?"
    local third = session:fork()
    assert(third:send "Four?")
    assert.equal("Yes!", stream:text())
    assert.equal("s:Be brief.|u:One?|a:Yes!|u:Three?|a:Yes!", said())
  end)

  it("belongs to an adapter", function ()
    open()
    local format = assert(predibase.template.chat "zephyr")
    local view = client:adapter("my-repo/3", { template = format, defaults = { seed = 3 } })
    session = assert(view:chat_session { system = "Be brief." })
    assert.equal("zephyr", session.format.name)
    assert(session:send "One?")
    assert.equal("my-repo/3", sent().parameters.adapter_id)
    assert.equal(3, sent().parameters.seed)
    session = assert(view:chat_session { format = "llama-3" })
    assert(session:send "One?")
    assert.same({ "<|eot_id|>", "<|end_of_text|>" }, sent().parameters.stop)
  end)

  it("shows no token to those who walk over it", function ()
    open { api_token = "hf_SECRET" }
    assert(session:send "One?")
    local function walk (value, seen)
      assert.is_true(value ~= "hf_SECRET")
      if type(value) ~= "table" or seen[value] then return end
      seen[value] = true
      for key, inner in pairs(value) do walk(key, seen) walk(inner, seen) end
    end
    walk(session, { [client] = true })
    assert.equal("hf_SECRET", sent().parameters.api_token)
    assert.is_truthy(tostring(session):find("mistral-v0.3, 2 messages", 1, true))
  end)

  it("raises with the line of the caller where the program is wrong", function ()
    open()
    for i, case in ipairs {
      { function () client:chat_session(3) end, "a table" },
      { function () client:chat_session { fromat = "x" } end, 'mean "format"' },
      { function () session:send() end, "as a string" },
      { function () session:stream {} end, "as a string" },
      { function () session:send("x", 3) end, "a table" },
      { function () session:stream("x", 3) end, "a table" },
      { function () session:send("x", { sede = 1 }) end, 'mean "seed"' },
      { function () session:stream("x", { format = "llama-3" }) end, "unknown option" },
      { function () session:send("x", { timeout = { x = 1 } }) end, "timeout" },
      { function () session:send("x", { on_token = print }) end, "on_token" },
      { function () session:set_system(3) end, "a string or nil" },
      { function () session:save(3) end, "path" },
      { function () session.send({}, "x") end, "colon" },
      { function () session.fork {} end, "colon" },
    } do
      local message = calling_line(case[1])
      assert.is_truthy(message:find(case[2], 1, true), i .. ": " .. message)
    end
    client:close()
    calling_line(function () session:send "x" end)
    calling_line(function () session:stream "x" end)
  end)
end)
