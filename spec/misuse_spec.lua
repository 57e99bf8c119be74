-- SPDX-License-Identifier: MIT
-- What no program should contain raises, says what to write instead, and names the line.

local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local rows = require "predibase.bulk.rows"
local wire = require "spec.support.wire"

--- The error of a function that must raise, without its position, and the position.
local function raised (f)
  local ok, err = pcall(f)
  assert(not ok, "nothing was raised")
  local line, text = err:match("^.-misuse_spec%.lua:(%d+): (.*)$")
  return text or err, line
end

describe("Misuse", function ()
  local client

  before_each(function () client = pipe.client { body = wire.answer() } end)

  local CASES = {
    ["client.generate with a dot"] = { function () local r = client.generate("x") return r end,
      "client:generate must be called with a colon on a client" },
    ["client.close with a dot"] = { function () local r = client.close() return r end,
      "client:close must be called with a colon on a client" },
    ["a prompt that is missing"] = { function () local r = client:generate() return r end,
      "the prompt must be a string, got nil" },
    ["options that are no table"] = { function () local r = client:generate("x", 5) return r end,
      "client:generate takes its options as a table, got a number" },
    ["an option that does not exist"] = {
      function () local r = client:generate("x", { max_tokens = 1 }) return r end,
      'unknown option "max_tokens"; did you mean "max_new_tokens"?' },
    ["client.generate_json with a dot"] = {
      function () local r = client.generate_json("x") return r end,
      "client:generate_json must be called with a colon on a client" },
    ["a prompt of generate_json that is missing"] = {
      function () local r = client:generate_json() return r end,
      "the prompt must be a string, got nil" },
    ["options of generate_json that are no table"] = {
      function () local r = client:generate_json("x", '{"type":"object"}') return r end,
      "client:generate_json takes its options as a table, got a string" },
    ["a misspelt schema"] = {
      function () local r = client:generate_json("x", { shema = {} }) return r end,
      'unknown option "shema"; did you mean "schema"?' },
    ["a schema for generate"] = {
      function () local r = client:generate("x", { schema = {} }) return r end,
      'unknown option "schema"; did you mean "response_format"?' },
    ["a schema and a format"] = {
      function ()
        local r = client:generate_json("x", { schema = {}, response_format = { type = "text" } })
        return r
      end,
      "client:generate_json takes schema or response_format, not both" },
    ["a prompt before the JSON"] = {
      function () local r = client:generate_json("x", { return_full_text = true }) return r end,
      "client:generate_json does not accept return_full_text: it would put the prompt before the "
        .. "JSON" },
    ["a hook of generate_json that would never be called"] = {
      function () local r = client:generate_json("x", { on_token = print }) return r end,
      "client:generate_json does not accept on_token: it receives only the whole text, not tokens"
    },
    ["messages of chat_completion_json that are no table"] = {
      function () local r = client:chat_completion_json "x" return r end,
      'messages must be an array such as { { role = "user", content = … } }, got the string "x"' },
    ["a schema and a format for a chat"] = {
      function ()
        local r = client:chat_completion_json({}, { schema = {}, response_format = {} })
        return r
      end,
      "client:chat_completion_json takes schema or response_format, not both" },
    ["a tool with a field that does not exist"] = {
      function ()
        local r = client:chat_completion({}, { tools = { { name = "f", parameter = {} } } })
        return r
      end,
      'unknown field of tools[1] "parameter"; did you mean "parameters"?' },
    ["a field of json_schema that does not exist"] = {
      function ()
        local r = client:generate("x", { response_format = { type = "json_schema",
          json_schema = { shcema = {} } } })
        return r
      end,
      'unknown field of response_format.json_schema "shcema"; did you mean "schema"?' },
    ["a clock that does not exist"] = {
      function () local r = client:generate_stream("x", { timeout = { tokens = 1 } }) return r end,
      'unknown timeout "tokens"; did you mean "token"?' },
    ["a hook that would never be called"] = {
      function () local r = client:generate("x", { on_token = print }) return r end,
      "client:generate does not accept on_token: it receives only the whole text, not tokens" },
    ["an option of format:reader that does not exist"] = {
      function ()
        local r = require "predibase.template".chat "chatml":reader { tolls = {} }
        return r
      end, 'unknown option "tolls"; did you mean "tools"?' },
    ["stream.next with a dot"] = {
      function () local r = client:generate_stream("x").next() return r end,
      "stream:next must be called with a colon on a stream" },
    ["stream.close with a dot"] = {
      function () local r = client:generate_stream("x").close() return r end,
      "stream:close must be called with a colon on a stream" },
    ["an option of the reasoning that is misspelt"] = {
      function () local r = client:generate("x", { reasonning = true }) return r end,
      'unknown option "reasonning"; did you mean "reasoning"?' },
    ["reasoning where no text is generated"] = {
      function () local r = client:tokenize("x", { reasoning = true }) return r end,
      'unknown option "reasoning"' },
    ["texts of client:embed that are none"] = {
      function () local r = client:embed { "a", 5 } return r end,
      "text 2 for client:embed must be a string, got the number 5" },
    ["an option of client:embed that does not exist"] = {
      function () local r = client:embed("x", { batchsize = 5 }) return r end,
      'unknown option "batchsize"; did you mean "batch_size"?' },
    ["texts of client:classify that are none"] = {
      function () local r = client:classify(5) return r end,
      "client:classify takes a text or an array of texts, got the number 5" },
    ["an option of client:classify that does not exist"] = {
      function () local r = client:classify("x", { adapter_ids = "x" }) return r end,
      'unknown option "adapter_ids"; did you mean "adapter_id"?' },
    ["a method of client:request that does not exist"] = {
      function () local r = client:request("get", "/info") return r end,
      "client:request takes one of the methods DELETE, GET, OPTIONS, PATCH, POST, PUT, got the "
        .. 'string "get"' },
    ["an option of client:request that does not exist"] = {
      function () local r = client:request("GET", "/info", nil, { streams = true }) return r end,
      'unknown option "streams"; did you mean "stream"?' },
    ["an option of client:metrics that does not exist"] = {
      function () local r = client:metrics { test = true } return r end,
      'unknown option "test"; did you mean "text"?' },
    ["vectors of two sizes"] = {
      function () local r = predibase.similarity({ 1 }, { 1, 2 }) return r end,
      "similarity takes two vectors of the same size, got 1 and 2 numbers" },
    ["client.info with a dot"] = { function () local r = client.info() return r end,
      "client:info must be called with a colon on a client" },
    ["options of client:health that are no table"] = {
      function () local r = client:health "x" return r end,
      "client:health takes its options as a table, got a string" },
    ["a parameter of generate for client:info"] = {
      function () local r = client:info { temperature = 1 } return r end,
      'unknown option "temperature"' },
    ["an option of a client that does not exist"] = {
      function () local r = predibase.new { base_ulr = "x" } return r end,
      'unknown option "base_ulr"; did you mean "base_url"?' },
  }

  -- The calls of chats and completions, on a client; what they take first, and what a client says
  -- about a value that is none.
  local CHATS = "messages must be an array such as { { role = \"user\", content = … } }, got "
  local PROMPTS = "the prompt must be a string, got "
  for name, call in pairs {
    chat_completion = { {}, CHATS }, chat_completion_stream = { {}, CHATS },
    completion = { "x", PROMPTS }, completion_stream = { "x", PROMPTS },
  } do
    local input, wanted = call[1], call[2]
    local function add (what, message, f)
      CASES[("%s %s"):format(name, what)] = { f, message }
    end
    add("with a dot", ("client:%s must be called with a colon on a client"):format(name),
      function () local r = client[name](input) return r end)
    add("on another object", ("client:%s must be called with a colon on a client"):format(name),
      function () local r = client[name](predibase, input) return r end)
    add("without its input", wanted .. "nil",
      function () local r = client[name](client) return r end)
    add("with a number as its input", wanted .. "the number 5",
      function () local r = client[name](client, 5) return r end)
    add("with options that are no table",
      ("client:%s takes its options as a table, got a boolean"):format(name),
      function () local r = client[name](client, input, true) return r end)
    add("with a misspelt option", 'unknown option "temprature"; did you mean "temperature"?',
      function () local r = client[name](client, input, { temprature = 1 }) return r end)
    add("with an option of other clients", 'unknown option "stop_sequences"; did you mean "stop"?',
      function () local r = client[name](client, input, { stop_sequences = {} }) return r end)
    add("with an option of /generate", 'unknown option "decoder_input_details"',
      function ()
        local r = client[name](client, input, { decoder_input_details = true })
        return r
      end)
    add("with a key that is no name", "unknown option 1 (option names must be strings)",
      function () local r = client[name](client, input, { "x" }) return r end)
    add("with a clock that does not exist", 'unknown timeout "tokens"; did you mean "token"?',
      function () local r = client[name](client, input, { timeout = { tokens = 1 } }) return r end)
    if not name:find "_stream$" then
      add("with a hook that would never be called", ("client:%s does not accept on_token: it "
        .. "receives only the whole text, not tokens"):format(name),
        function () local r = client[name](client, input, { on_token = print }) return r end)
    end
  end

  local USER = { { role = "user", content = "x" } }
  for name, case in pairs {
    ["a prompt where messages are expected"] = {
      function () local r = client:chat_completion "Hi" return r end,
      CHATS .. 'the string "Hi"' },
    ["messages where a prompt is expected"] = {
      function () local r = client:completion(USER) return r end,
      PROMPTS .. "a table; give the prompt first and then a table of parameters" },
    ["a field of a message that does not exist"] = {
      function () local r = client:chat_completion { { contant = "x" } } return r end,
      'unknown field of messages[1] "contant"; did you mean "content"?' },
    ["a field of a stream's message that does not exist"] = {
      function () local r = client:chat_completion_stream { { rule = "user" } } return r end,
      'unknown field of messages[1] "rule"; did you mean "role"?' },
    ["a field of a tool that does not exist"] = {
      function ()
        local r = client:chat_completion(USER, { tools = { { nam = "x" } } })
        return r
      end,
      'unknown field of tools[1] "nam"; did you mean "name"?' },
    ["a field of a response_format that does not exist"] = {
      function ()
        local r = client:chat_completion(USER, { response_format = { typ = "text" } })
        return r
      end, 'unknown field of response_format "typ"; did you mean "type"?' },
    ["tools of a completion"] = {
      function () local r = client:completion("x", { tools = {} }) return r end,
      'unknown option "tools"' },
    ["a response_format of a completion"] = {
      function () local r = client:completion("x", { response_format = {} }) return r end,
      'unknown option "response_format"' },
    ["client.chat_completion_many with a dot"] = {
      function () local r = client.chat_completion_many {} return r end,
      "client:chat_completion_many must be called with a colon on a client" },
    ["many conversations that are no table"] = {
      function () local r = client:chat_completion_many() return r end,
      "client:chat_completion_many takes an array of conversations or a function that gives them, "
        .. "got nil" },
    ["a conversation that is no table"] = {
      function () local r = client:chat_completion_many { "Hi" } return r end,
      "conversation 1 must be an array of messages or a table { messages = … }, got the string "
        .. '"Hi"' },
    ["an option of many conversations that does not exist"] = {
      function () local r = client:chat_completion_many({}, { concurency = 1 }) return r end,
      'unknown option "concurency"; did you mean "concurrency"?' },
    ["an image that is no table"] = { function () local r = predibase.image "a.png" return r end,
      'predibase.image takes a table with path or bytes, got the string "a.png"' },
    ["an option of an image that does not exist"] = {
      function () local r = predibase.image { file = "a.png" } return r end,
      'unknown option "file"' },
    ["stream.poll with a dot on deltas"] = {
      function () local r = client:chat_completion_stream(USER).poll() return r end,
      "stream:poll must be called with a colon on a stream" },
    ["stream.texts on another object"] = {
      function () local r = client:chat_completion_stream(USER).texts(client) return r end,
      "stream:texts must be called with a colon on a stream" },
    ["stream.result before the end of a stream of deltas"] = {
      function () local r = client:chat_completion_stream(USER):result() return r end,
      "stream:result() before the end of the stream: read all tokens first, or call "
        .. "stream:text()" },
  } do CASES[name] = case end

  for name, case in pairs {
    ["client.with with a dot"] = { function () local r = client.with {} return r end,
      "client:with must be called with a colon on a client" },
    ["client:with without options"] = { function () local r = client:with() return r end,
      "client:with takes the options as a table, got nil" },
    ["an option of client:with that does not exist"] = {
      function () local r = client:with { deploymnet = "x" } return r end,
      'unknown option "deploymnet"; did you mean "deployment"?' },
    ["a field of rate_limit that does not exist"] = {
      function () local r = client:with { rate_limit = { second = 1 } } return r end,
      'unknown field of rate_limit "second"; did you mean "seconds"?' },
    ["concurrency of one call"] = {
      function () local r = client:generate("x", { concurrency = 1 }) return r end,
      'unknown option "concurrency"' },
    ["a misspelt cold_start"] = {
      function () local r = client:generate("x", { coldstart = 1 }) return r end,
      'unknown option "coldstart"; did you mean "cold_start"?' },
    ["a misspelt on_error"] = {
      function () local r = client:generate("x", { on_eror = print }) return r end,
      'unknown option "on_eror"; did you mean "on_error"?' },
    ["a misspelt traceparent"] = {
      function () local r = client:generate("x", { trace_parent = "x" }) return r end,
      'unknown option "trace_parent"; did you mean "traceparent"?' },
    ["a misspelt check_limits"] = {
      function () local r = client:generate("x", { check_limit = {} }) return r end,
      'unknown option "check_limit"; did you mean "check_limits"?' },
    ["a misspelt fallback"] = {
      function () local r = predibase.new { fallbacks = {} } return r end,
      'unknown option "fallbacks"; did you mean "fallback"?' },
    ["client.wait_ready with a dot"] = { function () local r = client.wait_ready() return r end,
      "client:wait_ready must be called with a colon on a client" },
    ["an option of client:wait_ready that does not exist"] = {
      function () local r = client:wait_ready { timeuot = 1 } return r end,
      'unknown option "timeuot"; did you mean "timeout"?' },
  } do CASES[name] = case end

  for name, case in pairs {
    ["session.run with a dot"] = { "run", true,
      "session:run must be called with a colon on a session" },
    ["session.append with a dot"] = { "append", true,
      "session:append must be called with a colon on a session" },
    ["a question of run that is no string"] = { "run", false, 5,
      "session:run takes the question as a string, got the number 5" },
    ["max_rounds that is no number"] = { "run", false, "x", { max_rounds = 0 },
      "session:run takes max_rounds as an integer above 0, got the number 0" },
    ["on_tool that is no function"] = { "run_stream", false, "x", { on_tool = "y" },
      'session:run_stream takes on_tool as a function, got the string "y"' },
    ["on_tool_error that is no function"] = { "run", false, "x", { on_tool_error = 1 },
      "session:run takes on_tool_error as a function, got the number 1" },
    ["max_rounds for send"] = { "send", false, "x", { max_rounds = 1 },
      'unknown option "max_rounds"' },
    ["a misspelt max_rounds"] = { "run", false, "x", { max_round = 1 },
      'unknown option "max_round"; did you mean "max_rounds"?' },
    ["misspelt tools over generate"] = { "send", false, "x", { tool = {} }, "generate",
      'unknown option "tool"; did you mean "tools"?' },
    ["misspelt tools"] = { "send", false, "x", { tool = {} },
      'unknown option "tool"; did you mean "tools"?' },
    ["a message that is no table"] = { "append", false, "x",
      'session:append takes a message as a table, got the string "x"' },
    ["on_token for run"] = { "run", false, "x", { on_token = print },
      "session:run does not accept on_token: it receives only the whole text, not tokens" },
    ["a tool without run"] = { "run", false, "x", { tools = { { name = "f" } } },
      "session:run needs a function run in every tool, and f has none" },
  } do
    CASES[name] = { function ()
      local over = case[5] == "generate" and { format = "hermes" } or { over = "chat" }
      local session = assert(client:chat_session(over))
      local r
      if case[2] then
        r = session[case[1]]()
      else
        r = session[case[1]](session, case[3], #case > 4 and case[4] or nil)
      end
      return r
    end, case[#case] }
  end

  local template = predibase.template
  local greeting = template.new "Hello {name}"
  local chatml = template.chat "chatml"
  for name, case in pairs {
    ["an answer that is no string"] = { function () local r = chatml:parse() return r end,
      "format:parse takes the answer as a string, got nil" },
    ["options of format:parse that are no table"] = {
      function () local r = chatml:parse("x", true) return r end,
      "format:parse takes its options as a table, got a boolean" },
    ["an option of format:parse that does not exist"] = {
      function () local r = chatml:parse("x", { begin_inside = true }) return r end,
      'unknown option "begin_inside"; did you mean "begins_inside"?' },
    ["format.parse with a dot"] = { function () local r = chatml.parse("x") return r end,
      "format:parse must be called with a colon on a format" },
    ["tools under another name"] = {
      function () local r = chatml:render({}, { tool = {} }) return r end,
      'unknown option "tool"; did you mean "tools"?' },
    ["a template that is no string"] = { function () local r = template.new(1) return r end,
      "template.new takes a string, got a number" },
    ["an option of a template that does not exist"] = {
      function () local r = template.new("", { allow_extras = true }) return r end,
      'unknown option "allow_extras"; did you mean "allow_extra"?' },
    ["the path of a template that is no string"] = {
      function () local r = template.load() return r end,
      "template.load takes a string, got a nil" },
    ["the name of a format that is no string"] = {
      function () local r = template.chat() return r end,
      "template.chat takes a name as a string, got a nil" },
    ["the name of a model that is no string"] = {
      function () local r = template.for_model {} return r end,
      "template.for_model takes a name as a string, got a table" },
    ["values that are no table"] = { function () local r = greeting "Ada" return r end,
      "a template takes the values as a table, got a string" },
    ["values of render that are no table"] = {
      function () local r = greeting:render "Ada" return r end,
      "template:render takes the values as a table, got a string" },
    ["an option of render that does not exist"] = {
      function () local r = greeting:render({}, { allow = true }) return r end,
      'unknown option "allow"' },
    ["a JSON number that is none"] = {
      function () local r = json.number "1x" return r end, "expected a JSON number as a string" },
    ["a path of rows that is no string"] = {
      function () local r = rows.create(5) return r end, "expected a path, got the number 5" },
    ["options of a tokenizer's format that are no table"] = {
      function () local r = template.from_tokenizer_config({}, 5) return r end,
      "template.from_tokenizer_config takes its options as a table, got a number" },
    ["messages that are no table"] = { function () local r = chatml:render "Hi" return r end,
      "format:render takes the messages as a table, got a string" },
    ["an option of a format that does not exist"] = {
      function () local r = chatml:render({}, { add_generation = true }) return r end,
      'unknown option "add_generation"; did you mean "add_generation_prompt"?' },
  } do CASES[name] = case end

  for name, case in pairs(CASES) do
    it(name .. " names the line", function ()
      local text, line = raised(case[1])
      assert.equal(case[2], text)
      assert.is_truthy(line, "no position")
    end)
  end

  it("of a closed client names the line", function ()
    client:close()
    for name, input in pairs { generate = "x", chat_completion = {}, chat_completion_stream = {},
      chat_completion_many = {}, completion = "x", completion_stream = "x" } do
      local text, line = raised(function ()
        local r = client[name](client, input)
        return r
      end)
      assert.equal(("client:%s on a closed client"):format(name), text)
      assert.is_truthy(line)
    end
    client:close()     -- again is no misuse
  end)

  it("names the place of an IPv6 host as a URL does", function ()
    local v6 = assert(predibase.new { base_url = "http://[::1]:1", max_retries = 0 })
    local _, err = v6:generate("x")
    assert.equal("connection", err.kind)
    assert.equal("[::1]:1: ", err.message:sub(1, 9))
    v6:close()
  end)
end)
