-- SPDX-License-Identifier: MIT
--- Which turns are sent when not all of them fit.
local budget = require "predibase.chat.budget"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local server = require "spec.support.server"

local JSON = { ["content-type"] = "application/json" }

--- A server whose tokens are single characters, special tokens as well.
local function letters (log)
  if not log.url:find "/tokenize$" then
    return { headers = JSON, body = '{"generated_text":"answer"}' }
  end
  local asked, tokens = assert(json.decode(log.body)), {}
  for i = 1, #asked.inputs + (asked.add_special_tokens and 1 or 0) do
    tokens[i] = ('{"id":%d,"text":"x","start":0,"stop":1}'):format(i)
  end
  return { headers = JSON, body = "[" .. table.concat(tokens, ",") .. "]" }
end

local function without_tokenizer (status)
  return function (log)
    if not log.url:find "/tokenize$" then return letters(log) end
    return { status = status, headers = JSON, body = "" }
  end
end

describe("the budget of a chat session", function ()
  local client, network, session

  local function open (options, replies)
    client, network = pipe.client(replies or letters)
    client.shared.random = function () return 0.5 end
    local given = { format = "mistral-v0.3" }
    for name, value in pairs(options) do given[name] = value end
    session = assert(client:chat_session(given))
  end

  --- Prompts that were sent, and texts that were counted.
  local function traffic ()
    local prompts, counted = {}, {}
    for _, log in ipairs(network.requests) do
      local list = log.url:find "/tokenize$" and counted or prompts
      list[#list + 1] = assert(json.decode(log.body)).inputs
    end
    return prompts, counted
  end

  after_each(function ()
    if not client then return end
    assert.equal(0, client.transport:size())
    client:close()
    client = nil
  end)

  it("counts nothing without a limit", function ()
    open {}
    assert(session:send "One?")
    assert.equal(1, #network.requests)
  end)

  it("leaves out the oldest turns, and never the system's message", function ()
    open { system = "Be brief.", max_input_tokens = 80 }
    for i = 1, 4 do assert(session:send("Question " .. i .. "?")) end
    local prompts = traffic()
    assert.equal("[INST] Be brief.\n\nQuestion 1?[/INST]", prompts[1])
    for i = 2, 4 do
      assert.is_true(#prompts[i] + 1 <= 80, prompts[i])
      assert.is_truthy(prompts[i]:find("Be brief.", 1, true))
      assert.is_truthy(prompts[i]:find("Question " .. i, 1, true))
    end
    assert.equal("[INST] Question 3?[/INST] answer</s>[INST] Be brief.\n\nQuestion 4?[/INST]",
      prompts[4])
    assert.equal(4, session.left_out)
    assert.equal(9, #session.messages)
  end)

  it("sends whole turns only, whatever the limit", function ()
    local history = {}
    for i = 1, 6 do
      history[2 * i - 1] = { role = "user", content = ("q"):rep(i) }
      history[2 * i] = { role = "assistant", content = ("a"):rep(7 - i) }
    end
    local seen = {}
    for limit = 20, 230, 3 do
      open { messages = history, max_input_tokens = limit }
      if session:send "last" then
        local prompt = traffic()[1]
        assert.is_true(#prompt + 1 <= limit)
        local turns, questions = 0, 0
        for _ in prompt:gmatch "q%[/INST%] a+</s>" do turns = turns + 1 end
        for _ in prompt:gmatch "%[INST%] q" do questions = questions + 1 end
        assert.equal(questions, turns)
        seen[turns] = true
      end
      client:close()
    end
    for turns = 0, 6 do assert.is_true(seen[turns], turns) end
  end)

  it("counts each text once", function ()
    open { max_input_tokens = 1000 }
    for i = 1, 3 do assert(session:send("Question " .. i .. "?")) end
    local _, counted = traffic()
    local times = {}
    for _, text in ipairs(counted) do times[text] = (times[text] or 0) + 1 end
    for text, n in pairs(times) do assert.equal(1, n, text) end
    -- A question each, the answer, which is always the same, and what is around three turns.
    assert.equal(3 + 1 + 3, #counted)
    local twin, before = session:fork(), #network.requests
    assert(twin:send "Question 3?")
    assert.equal(before + 2, #network.requests)      -- what is around four turns, and the call
  end)

  it("looks at no more of a long history than may fit", function ()
    local history = {}
    for i = 1, 200 do
      history[2 * i - 1] = { role = "user", content = "question " .. i }
      history[2 * i] = { role = "assistant", content = "answer " .. i }
    end
    open { messages = history, max_input_tokens = 100 }
    assert(session:send "last")
    assert.is_true(#network.requests < 20, #network.requests)
  end)

  it("fails when the newest turn does not fit by itself, and sends nothing", function ()
    open { system = "Be brief.", max_input_tokens = 40 }
    assert(session:send "One?")
    local before = #session.messages
    local result, err = session:send(("x"):rep(30))
    assert.is_nil(result)
    assert.equal("too_large", err.kind)
    assert.is_truthy(err.message:find("max_input_tokens is 40", 1, true))
    result, err = session:stream(("x"):rep(30)):next()
    assert.is_nil(result)
    assert.equal("too_large", err.kind)
    assert.equal(before, #session.messages)
    assert.equal(1, #traffic())
    assert(session:send "Two?")
  end)

  it("counts what is written, not what was said", function ()
    open { max_input_tokens = 1000 }
    assert(session:send "</s></s></s>")
    local _, counted = traffic()
    assert.equal("< /s>< /s>< /s>", counted[1])
  end)

  it("estimates where the server has no tokenizer, and asks it once", function ()
    for _, status in ipairs { 404, 405, 403 } do
      open({ max_input_tokens = 30 }, without_tokenizer(status))
      for i = 1, 5 do assert(session:send("Question " .. i .. "?")) end
      local prompts, counted = traffic()
      assert.equal(1, #counted)
      assert.equal(5, #prompts)
      for _, prompt in ipairs(prompts) do assert.is_true(budget.estimate(prompt) <= 30) end
      assert.is_true(session.left_out > 0)
      assert(session:fork():send "x")
      assert.equal(7, #network.requests)
      client:close()
    end
  end)

  it("fails when counting fails for another reason", function ()
    open({ max_input_tokens = 100 }, without_tokenizer(401))
    local result, err = session:send "One?"
    assert.is_nil(result)
    assert.equal("authentication", err.kind)
    result, err = session:stream "One?":next()
    assert.is_nil(result)
    assert.equal("authentication", err.kind)
    assert.equal(2, #network.requests)
  end)

  it("takes a counter of the program's own", function ()
    open { max_input_tokens = 30, count_tokens = predibase.chat.estimate }
    assert(session:send "One?")
    assert.equal(1, #network.requests)
    open { max_input_tokens = 30, count_tokens = function () return "x" end }
    local result, err = session:send "One?"
    assert.is_nil(result)
    assert.equal("validation", err.kind)
    assert.is_truthy(err.message:find("count_tokens", 1, true))
  end)

  it("estimates three bytes a token, rounded up", function ()
    assert.equal(0, budget.estimate "")
    assert.equal(1, budget.estimate "a")
    assert.equal(1, budget.estimate "abc")
    assert.equal(2, budget.estimate "abcd")
  end)
end)

describe("the budget beside a real tokenizer", function ()
  after_each(server.stop)

  it("is never exceeded, and left unused by a few tokens at most", function ()
    local running = server.spawn()
    local client = assert(predibase.new { base_url = running.url, api_token = false,
      defaults = { max_new_tokens = 6 } })
    for _, name in ipairs { "chatml", "llama-2", "vicuna", "gemma" } do
      local session = assert(client:chat_session { format = name, max_input_tokens = 200 })
      for i = 1, 8 do
        local result = assert(session:send("Where is the sea, and how deep? \n Ünï " .. i))
        local used = result.usage.prompt_tokens
        assert.is_true(used <= 200, name .. " " .. used)
        if session.left_out > 0 then assert.is_true(used > 100, name .. " " .. used) end
      end
      assert.is_true(session.left_out > 0, name)
    end
    client:close()
  end)
end)
