-- SPDX-License-Identifier: MIT
--- Damaged chunks and damaged whole answers: for any damage the outcome is an answer or an error of
-- a documented kind, and an answer has all the text that arrived. The damage is the same on every
-- run.
local chat_completion = require "predibase.chat_completion"
local completion = require "predibase.completion"
local chat_delta = require "predibase.chat_delta"
local errors = require "predibase.errors"
local forced_call = require "predibase.forced_call"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local random = require "spec.support.random"
local wire_chat = require "spec.support.wire_chat"

local null = json.null

local function draw () return 0.5 end

local CONTEXTS = {
  lorax = { server = "lorax" }, forced = { server = "lorax", forced = true },
  openai = { server = "openai" }, plain = { server = "lorax", plain = true },
}

local function data_of (bytes)
  local list = {}
  for data in bytes:gmatch "data: ([^\n]*)\n" do list[#list + 1] = data end
  return list
end

--- Streams of each kind, as arrays of the data of events.
local STREAMS = {
  lorax = { data_of(wire_chat.answer()),
    data_of(wire_chat.delta "\\ud83d\\ude00\\n é" .. wire_chat.delta('\\"', "length",
      wire_chat.usage(2, 2)) .. wire_chat.DONE) },
  forced = {
    data_of(wire_chat.delta '{\\"function\\":{\\"_name\\":\\"no_tool\\",\\"content\\":\\"It'
      .. wire_chat.delta " ra\\\\u00" .. wire_chat.delta 'e9\\"}}' .. wire_chat.stop()
      .. wire_chat.DONE),
    data_of(wire_chat.delta '{\\"function\\":{\\"_name\\":\\"weather\\",' .. wire_chat.delta
      '\\"town\\":\\"Oslo\\"}}' .. wire_chat.stop() .. wire_chat.DONE),
  },
  openai = {
    data_of(wire_chat.vllm_role() .. wire_chat.vllm '{"reasoning_content":"Ray"}'
      .. wire_chat.vllm_text "Bl" .. wire_chat.vllm_text("ue", "stop")
      .. wire_chat.vllm_usage(9, 3) .. wire_chat.DONE),
    data_of(wire_chat.vllm_text "Look."
      .. wire_chat.vllm_piece '"index":0,"id":"a","function":{"name":"f","arguments":"{\\"x\\""}'
      .. wire_chat.vllm_piece '"index":1,"id":"b","function":{"name":"g","arguments":"{}"}'
      .. wire_chat.vllm_piece('"index":0,"function":{"arguments":":1}"}', "tool_calls")
      .. wire_chat.DONE),
  },
  plain = { data_of(wire_chat.text_chunk " one" .. wire_chat.text_chunk " two"
    .. wire_chat.text_chunk("", "stop", wire_chat.usage(2, 3)) .. wire_chat.DONE) },
}

local INSERTS = { "null", "true", "{}", "[]", '""', '"x"', "0", "-1", "1.5", "1e400", "1e9",
  "18446744073709551616", "[[", "{", "}", "]", ",", ":", '"', "\\", "\\ud83d", "\0", "\255",
  "\226\130", '"error":', '"error":null,', '"choices":', '"choices":[],', '"delta":', '"delta":{},',
  '"delta":null,', '"content":', '"content":null,', '"text":', '"finish_reason":',
  '"finish_reason":"stop",', '"finish_reason":"",', '"index":', '"index":1,', '"tool_calls":',
  '"tool_calls":[{}],', '"usage":', '"usage":{},', '"function":', '"arguments":', '"name":',
  '"reasoning":', "NaN", "[DONE]" }

local KINDS = { protocol = true, incomplete_generation = true, tool = true, too_large = true }

local function string_in (object, name)
  local value = type(object) == "table" and object[name]
  return type(value) == "string" and value or ""
end

--- Returns the text and the reasoning in the data of events up to the one with a finish reason, in
-- a simpler way than the reader's.
local function plain_texts (list, context)
  local texts, reasonings = {}, {}
  for _, data in ipairs(list) do
    local chunk = json.decode(data)
    local choice = type(chunk) == "table" and type(chunk.choices) == "table" and chunk.choices[1]
    if type(choice) == "table" then
      texts[#texts + 1] = context.plain and string_in(choice, "text")
        or string_in(choice.delta, "content")
      local reasoning = string_in(choice.delta, "reasoning_content")
      if reasoning == "" then reasoning = string_in(choice.delta, "reasoning") end
      reasonings[#reasonings + 1] = context.plain and "" or reasoning
      if string_in(choice, "finish_reason") ~= "" then break end
    end
  end
  return table.concat(texts), table.concat(reasonings)
end

--- Checks the fields of a delta. Returns what is wrong.
local function delta_problem (delta)
  if type(delta.text) ~= "string" then return "a delta without a text" end
  for _, name in ipairs { "reasoning", "finish_reason", "raw_finish_reason" } do
    if delta[name] ~= nil and type(delta[name]) ~= "string" then return "a wrong " .. name end
  end
  for _, call in ipairs(delta.tool_calls or {}) do
    if type(call.id) ~= "string" or type(call.name) ~= "string"
      or type(call.raw_arguments) ~= "string" then return "a wrong call" end
    if call.arguments ~= nil and type(call.arguments) ~= "table" then return "wrong arguments" end
  end
end

--- Reads the data of events. Returns "answer", "error", "failure" or "cut"; or what is wrong.
local function verdict (list, name)
  local context = CONTEXTS[name]
  local reader = chat_delta.new(context, { random = draw, max_text = 1e6 })
  local texts, closed = {}, nil
  for _, data in ipairs(list) do
    local ok, ev, failure = pcall(reader.decode, reader, data)
    if not ok then return "it raised: " .. tostring(ev) end
    if ev == nil then
      local known = type(failure) == "table" and KINDS[failure.kind]
        and type(failure.message) == "string"
      return known and "failure" or "a failure of no known kind"
    end
    if ev.error then return type(ev.error) == "string" and "error" or "a wrong error" end
    if ev.token then
      local problem = delta_problem(ev.token)
      if problem then return problem end
      texts[#texts + 1] = ev.token.text
    end
    closed = closed or ev.generated_text
    if closed then break end
  end
  if not closed and not reader:at_end() then return "cut" end
  local text, reasoning = plain_texts(list, context)
  if context.forced then
    local forced = forced_call.new()
    local last, call
    text = forced:feed(text)
    last, call = forced:finish()
    if last == nil then return "an answer where the text is wrong" end
    text = text .. last
    local found = reader.tool_calls and reader.tool_calls[1]
    if (call and call.arguments) ~= (found and found.raw_arguments) then return "another call" end
  end
  if table.concat(texts) ~= text then return "an answer that lost text" end
  if table.concat(reader.reasoning) ~= reasoning then return "an answer that lost reasoning" end
  return "answer"
end

local OUTCOMES = { answer = true, error = true, failure = true, cut = true }

local function copy (list)
  local twin = {}
  for i, data in ipairs(list) do twin[i] = data end
  return twin
end

describe("the reader of chunks", function ()
  for name, streams in pairs(STREAMS) do
    it("reads undamaged streams: " .. name, function ()
      for _, list in ipairs(streams) do assert.equal("answer", verdict(list, name)) end
    end)

    it("returns an answer or an error for damaged chunks: " .. name, function ()
      local rng, seen = random.new(4711 + #name), {}
      for _ = 1, 4000 do
        local list = copy(rng:pick(streams))
        local at = rng:int(1, #list)
        list[at] = rng:mutate(list[at], INSERTS)
        local found = verdict(list, name)
        if not OUTCOMES[found] then error(("%s for %q"):format(found, list[at])) end
        seen[found] = (seen[found] or 0) + 1
      end
      assert.is_true(seen.answer > 100 and seen.failure > 100)
    end)

    it("returns an answer or an error for chunks that are lost or doubled: " .. name, function ()
      local rng = random.new(4712)
      for _ = 1, 500 do
        local list = copy(rng:pick(streams))
        local at = rng:int(1, #list)
        if rng:int(1, 2) == 1 then
          table.remove(list, at)
        else
          table.insert(list, rng:int(1, #list), list[at])
        end
        local found = verdict(list, name)
        assert.is_true(OUTCOMES[found], found)
      end
    end)
  end
end)

describe("a whole answer", function ()
  local BODIES = {
    wire_chat.body { wire_chat.message "é\\ud83d\\ude00" },
    wire_chat.body({ wire_chat.message "a", wire_chat.message "b" }, "length"),
    wire_chat.body { '{"role":"assistant","content":null,"reasoning_content":"R","tool_calls":['
      .. '{"id":"a","type":"function","function":{"name":"f","arguments":"{\\"x\\":1}"}}]}' },
    wire_chat.text_body " The sky",
  }

  local function meta (server)
    return { context = { server = server }, random = draw, attempts = 1, timing = { total = 1 } }
  end

  --- Returns "answer" or the kind of the error; or what is wrong.
  local function outcome (route, body, server)
    local reply = { status = 200, headers = { ["content-type"] = "application/json" },
      body = body }
    local ok, result, err = pcall(route.read, reply, meta(server))
    if not ok then return "it raised: " .. tostring(result) end
    if not result then
      return errors.is(err) and errors.kinds[err.kind] and "error" or "no error object"
    end
    local problem = delta_problem(result)
    if problem then return problem end
    local object = json.decode(body)
    local choice = object.choices[1]
    local text = route == completion.ROUTE and string_in(choice, "text")
      or string_in(choice.message, "content")
    if result.text ~= text then return "an answer that lost text" end
    local calls = type(choice.message) == "table" and choice.message.tool_calls
    local wanted = route == chat_completion.ROUTE and type(calls) == "table" and calls ~= null
      and #calls or 0
    if #(result.tool_calls or {}) ~= wanted then return "an answer that lost calls" end
    if (result.choices and #result.choices or 1) ~= #object.choices then
      return "an answer that lost choices"
    end
    return "answer"
  end

  it("is read or refused, whatever the damage is", function ()
    local rng, seen = random.new(815), {}
    for _ = 1, 10000 do
      local body = rng:mutate(rng:pick(BODIES), INSERTS)
      for _, route in ipairs { chat_completion.ROUTE, completion.ROUTE } do
        local found = outcome(route, body, rng:pick { "lorax", "openai" })
        if found ~= "answer" and found ~= "error" then
          error(("%s for %q"):format(found, body))
        end
        seen[found] = (seen[found] or 0) + 1
      end
    end
    assert.is_true(seen.answer > 1000 and seen.error > 1000)
  end)

  it("that is cut short is refused", function ()
    for _, body in ipairs(BODIES) do
      for cut = 0, #body - 1 do
        assert.equal("error", outcome(chat_completion.ROUTE, body:sub(1, cut), "openai"))
        assert.equal("error", outcome(completion.ROUTE, body:sub(1, cut), "lorax"))
      end
    end
  end)
end)

describe("random texts", function ()
  local PIECES = { "a", " ", "é", "中", "\240\159\152\128", "\n", '"', "\\", "{", "}", "\0", "\127",
    "function", "_name" }

  local function random_texts (rng)
    local texts = {}
    for i = 1, rng:int(1, 8) do
      local parts = {}
      for k = 1, rng:int(0, 4) do parts[k] = rng:pick(PIECES) end
      texts[i] = table.concat(parts)
    end
    return texts
  end

  local function inner (text)
    return json.text(text):sub(2, -2)
  end

  --- Reads a stream of these deltas through a client, in pieces of bytes.
  local function read (rng, deltas, options, client_options)
    local chunks = {}
    for i, text in ipairs(deltas) do chunks[i] = wire_chat.delta(inner(text)) end
    local body = table.concat(chunks) .. wire_chat.stop() .. wire_chat.DONE
    local pieces, at = {}, 1
    while at <= #body do
      local size = rng:int(1, 200)
      pieces[#pieces + 1], at = body:sub(at, at + size - 1), at + size
    end
    local client = pipe.client({ pieces = pieces }, client_options)
    local stream = client:chat_completion_stream({ { role = "user", content = "x" } }, options)
    local found, shown = {}, {}
    for delta in stream do found[#found + 1] = delta.text end
    local again = client:chat_completion_stream({ { role = "user", content = "x" } }, options)
    for text in again:texts() do shown[#shown + 1] = text end
    local result = assert(stream:result())
    assert.equal(result.text, again:result().text)
    client:close()
    return table.concat(found), table.concat(shown), result
  end

  it("come out of deltas as they went in", function ()
    local rng = random.new(99)
    for _, server in ipairs { "lorax", "openai" } do
      for _ = 1, 150 do
        local texts = random_texts(rng)
        local whole = table.concat(texts)
        local joined, shown, result = read(rng, texts, nil, { server = server })
        assert.equal(whole, joined)
        assert.equal(whole, shown)
        assert.equal(whole, result.text)
        assert.equal(whole, result.message.content)
      end
    end
  end)

  it("come out of forced answers in words as they went in", function ()
    local rng = random.new(100)
    for _ = 1, 200 do
      local whole = table.concat(random_texts(rng))
      local forced = '{"function":{"_name":"no_tool","content":' .. json.text(whole) .. "}}"
      local deltas, at = {}, 1
      while at <= #forced do
        local size = rng:int(1, 9)
        -- A delta never ends inside a character: its chunk is UTF-8.
        while forced:find("^[\128-\191]", at + size) do size = size + 1 end
        deltas[#deltas + 1], at = forced:sub(at, at + size - 1), at + size
      end
      local joined, shown, result = read(rng, deltas, { tools = wire_chat.tools() })
      assert.equal(whole, joined)
      assert.equal(whole, shown)
      assert.equal(whole, result.text)
      assert.is_nil(result.tool_calls)
    end
  end)
end)
