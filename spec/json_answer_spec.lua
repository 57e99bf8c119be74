-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local json = require "predibase.json"
local json_answer = require "predibase.json_answer"
local ordered = require "predibase.template.ordered"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local random = require "spec.support.random"
local schema = require "predibase.schema"
local validator = require "predibase.validator"

local JSON = { ["content-type"] = "application/json", ["x-generated-tokens"] = "7" }

local PEOPLE = '{"type":"object","properties":{"people":{"type":"array","items":{"type":"object",'
  .. '"properties":{"name":{"type":"string"},"age":{"type":["integer","null"]}},'
  .. '"required":["name"]}}},"required":["people"]}'

--- Makes the reply of /generate with a text as the answer.
local function reply (text, finish_reason)
  return { headers = JSON, body = json.encode { generated_text = text, details = {
    finish_reason = finish_reason or "eos_token", generated_tokens = 7, prompt_tokens = 3,
    prefill = json.array {}, tokens = json.array {} } } }
end

describe("generate_json", function ()
  local client, network

  local function open (replies, options)
    client, network = pipe.client(replies, options)
  end

  local function sent (n)
    return network.requests[n or #network.requests].body
  end

  --- Makes a call whose answer is a text.
  local function ask (text, finish_reason, options)
    open(reply(text, finish_reason))
    return client:generate_json("Who?", options or { schema = PEOPLE })
  end

  after_each(function ()
    if client then
      assert.equal(0, client.transport:size())
      client:close()
    end
    client = nil
  end)

  it("returns the value and the result", function ()
    local text = '\n {"people":[{"name":"Ada","age":36},{"name":"Bob","age":null}]} \r\n\t'
    local value, result = ask(text)
    assert.same({ people = { { name = "Ada", age = 36 }, { name = "Bob" } } }, value)
    assert.equal(text, result.text)
    assert.equal("stop", result.finish_reason)
    assert.equal(7, result.usage.completion_tokens)
  end)

  it("sends the schema in its order, and asks for details", function ()
    for _, given in ipairs { PEOPLE, assert(ordered.decode(PEOPLE)) } do
      ask('{"people":[]}', nil, { schema = given, max_new_tokens = 9 })
      assert.equal('{"inputs":"Who?","parameters":{"max_new_tokens":9,"details":true,'
        .. '"response_format":{"type":"json_schema","schema":' .. PEOPLE .. "}}}", sent())
      client:close()
    end
    ask("[1]", nil, { schema = { type = "array", items = { type = "integer" } }, details = false,
      return_full_text = nil })
    assert.is_truthy(sent():find('"details":false', 1, true))
  end)

  it("accepts any JSON object where there is no schema", function ()
    local value = assert(ask('{"a":[]}', nil, {}))
    assert.equal('{"a":[]}', json.encode(value))
    assert.is_truthy(sent():find('"response_format":{"type":"json_object"}', 1, true))
    client:close()
    local none, err = ask("[]", nil, { schema = json.null })
    assert.is_nil(none)
    assert.equal("must be an object, got a list", err.reason)
  end)

  it("takes response_format in both forms, and the client's default", function ()
    local named = { type = "json_schema", json_schema = { name = "people", schema = PEOPLE } }
    for _, format in ipairs { named, { type = "json_object", schema = PEOPLE } } do
      local none, err = ask("{}", nil, { response_format = format })
      assert.is_nil(none)
      assert.equal('has no member "people"', err.reason)
      assert.is_truthy(sent():find('"schema":' .. PEOPLE, 1, true))
      client:close()
      open(reply "{}", { defaults = { response_format = format, return_full_text = true } })
      none, err = client:generate_json "Who?"
      assert.is_nil(none)
      assert.equal('has no member "people"', err.reason)
      assert.is_nil(sent():find("return_full_text", 1, true))
      assert(client:generate_json("Who?", { schema = { type = "object" } }))
      assert.is_nil(sent():find("people", 1, true))
      client:close()
    end
    client = nil
  end)

  it("is a success whatever the finish reason, when the text fits", function ()
    for _, finish in ipairs { "length", "stop_sequence", "eos_token" } do
      assert.same({ people = {} }, (ask('{"people":[]}', finish)))
      client:close()
    end
    client = nil
  end)

  it("keeps what JSON says: order aside, numbers, nulls in lists, empty lists", function ()
    local any = { schema = '{"type":"array"}' }
    local text = '[null,{"a":null,"b":[null]},[],{},1.5,12345678901234567890,"\\u00e9"]'
    local value = assert(ask(text, nil, any))
    assert.equal(7, #value)
    assert.equal(json.null, value[1])
    assert.same({ b = { json.null } }, value[2])
    assert.equal('[null,{"b":[null]},[],{},1.5,"12345678901234567890","é"]', json.encode(value))
    client:close()
    assert.same({ a = 2 }, (ask('{"a":1,"a":2}', nil, {})))
  end)

  --- Text of the answer, path and reason.
  local WRONG = {
    { "", "$", "is not JSON: the text ends before the value" },
    { "Sure! {}", "$", "is not JSON: no JSON at byte 1" },
    { "{} and more", "$", "is not JSON: more text after the value at byte 4" },
    { '{"people":[]', "$", "is not JSON: expected , or } at byte 13" },
    { "null", "$", "must be an object or a list, got null" },
    { '"x"', "$", 'must be an object or a list, got the string "x"' },
    { "1.50", "$", "must be an object or a list, got the number 1.50" },
    { "[]", "$", "must be an object, got a list" },
    { "{}", "$", 'has no member "people"' },
    { '{"people":null}', "$.people", "must be a list, got null" },
    { '{"people":{}}', "$.people", "must be a list, got an object" },
    { '{"people":[{"name":"Ada","age":36},{"name":5}]}', "$.people[2].name",
      "must be a string, got the number 5" },
  }

  it("is an error of kind protocol when the text does not fit", function ()
    for _, case in ipairs(WRONG) do
      for _, finish in ipairs { "eos_token", "stop_sequence" } do
        local none, err = ask(case[1], finish)
        assert.is_nil(none)
        assert.is_true(errors.is(err))
        assert.same({ "protocol", false, "response", case[1], case[2], case[3], 7, 200, 1 },
          { err.kind, err.retryable, err.phase, err.partial_text, err.path, err.reason, err.tokens,
            err.status, err.attempts })
        assert.equal("the answer does not fit the schema: " .. case[2] .. " " .. case[3],
          err.message)
        assert.equal(1, #network.requests)
        client:close()
      end
    end
    client = nil
  end)

  it("is an incomplete generation when the model reached its limit of tokens", function ()
    for _, case in ipairs(WRONG) do
      local none, err = ask(case[1], "length")
      assert.is_nil(none)
      assert.same({ "incomplete_generation", false, case[1], case[2], case[3] },
        { err.kind, err.retryable, err.partial_text, err.path, err.reason })
      assert.equal(1, #network.requests)
      client:close()
    end
    client = nil
  end)

  it("reads a value whole at every cut, or not at all", function ()
    local whole = '{"people":[{"name":"A\\u00e9\\ud83d\\ude00é","age":1.0e1}]}'
    local check = validator.new(PEOPLE)
    for cut = 0, #whole - 1 do
      local none, err = json_answer.read({ text = whole:sub(1, cut), finish_reason = "length" },
        check)
      assert.is_nil(none, whole:sub(1, cut))
      assert.equal("incomplete_generation", err.kind)
    end
    assert.equal(10, json_answer.read({ text = whole }, check).people[1].age)
  end)

  it("never raises for texts of random bytes, and returns no value that does not fit", function ()
    local draw, check = random.new(17), validator.new(PEOPLE)
    local seed, good = '{"people":[{"name":"Ada","age":36},{"name":"Bob"}]}', 0
    for _ = 1, 4000 do
      local text = draw:mutate(seed, { '"', "{", "]", "null", ",", "\\ud800", "1e999", "\255" })
      local value, other = json_answer.read({ text = text, finish_reason = "stop" }, check)
      if value then
        good = good + 1
        for i = 1, #value.people do assert.equal("string", type(value.people[i].name)) end
      else
        assert.equal("protocol", other.kind)
        assert.equal(text, other.partial_text)
      end
    end
    assert.is_true(good > 50)
  end)

  it("refuses schemas before anything is sent", function ()
    open(reply "{}")
    for _, case in ipairs {
      { { schema = 5 }, "`schema` must be a JSON schema: a table with named fields, or a string of "
        .. "JSON, got the number 5" },
      { { schema = "[]" }, "`schema` must be a JSON object, got []" },
      { { schema = { type = "string" } }, '`schema.type` must be "object" or "array", because it '
        .. 'is that of the whole answer, got the string "string"' },
      { { response_format = { type = "json_object", schema = { type = "null" } } },
        '`response_format.schema.type` must be "object" or "array", because it is that of the '
          .. 'whole answer, got the string "null"' },
      { { schema = { type = { "object", "null" } } }, '`schema.type` must be "object" or "array", '
        .. 'because it is that of the whole answer, got the string "null"' },
      { { schema = {} }, '`schema.type` must be "object" or "array", because it is that of the '
        .. "whole answer, got nil" },
      { { schema = { enum = { "yes", "no" } } }, "`schema.enum` must contain objects and lists "
        .. 'only, because the whole answer is one of them, got the string "yes"; write it as a '
        .. "property of an object" },
      { { schema = { const = 5 } }, "`schema.const` must contain objects and lists only, because "
        .. "the whole answer is one of them, got the number 5; write it as a property of an "
        .. "object" },
      { { response_format = { type = "text" } }, '`response_format.type` "text" asks for no JSON' },
      { { schema = { type = "object", properties = { x = { type = "String" } } } },
        "`schema.properties.x.type`: " .. schema.REASONS.unknown_type },
      { { temperature = -1 }, "`temperature` must be non-negative" },
    } do
      local none, err = client:generate_json("Who?", case[1])
      assert.is_nil(none)
      assert.equal("validation", err.kind)
      assert.equal(1, (err.message:find("Input validation error: " .. case[2], 1, true)),
        err.message)
    end
    assert.equal(0, #network.requests)
    local odd = { type = "object", properties = { x = { type = "String" } } }
    assert(client:generate_json("Who?", { schema = odd, check_schema = false }))
  end)

  it("passes on the errors of the call, and retries those that may pass", function ()
    open { { headers = JSON, status = 422,
      body = '{"error":"Input validation error: no","error_type":"validation"}' },
      { headers = JSON, status = 429,
        body = '{"error":"Model is overloaded","error_type":"overloaded"}' }, reply "{}" }
    local none, err = client:generate_json "Who?"
    assert.is_nil(none)
    assert.equal("validation", err.kind)
    local value, result = client:generate_json "Who?"
    assert.same({}, value)
    assert.equal(2, result.attempts)
  end)

  it("renders the template of an adapter, and uses its defaults", function ()
    open(reply '{"people":[]}', { defaults = { max_new_tokens = 7 } })
    local view = client:adapter("my-repo/3", { template = predibase.template.new "Who is {name}?",
      defaults = { temperature = 0.5, response_format = { type = "json_object" } } })
    local value, result = view:generate_json({ name = "Ada" }, { schema = PEOPLE })
    assert.same({ people = {} }, value)
    assert.equal("my-repo/3", result.adapter_id)
    assert.equal('{"inputs":"Who is Ada?","parameters":{"adapter_id":"my-repo/3",'
      .. '"adapter_source":"pbase","temperature":0.5,"max_new_tokens":7,"details":true,'
      .. '"response_format":{"type":"json_schema","schema":' .. PEOPLE .. "}}}", sent())
    assert.is_nil((view:generate_json({}, { schema = PEOPLE })))
    local ok, message = pcall(view.generate_json, view, { name = "x" }, { adapter_id = "y" })
    assert.is_false(ok)
    assert.matches("adapter_id cannot be set here", message)
    assert.equal(1, #network.requests)
  end)
end)

describe("chat_completion_json", function ()
  local MESSAGES = { { role = "user", content = "Who?" } }
  local client, network

  local function chat_reply (text, finish_reason)
    return { headers = JSON, body = json.encode { id = "null", object = "text_completion",
      created = 0, model = "m", choices = { { index = 0, finish_reason = finish_reason or "stop",
        message = { role = "assistant", content = text } } },
      usage = { prompt_tokens = 3, completion_tokens = 7, total_tokens = 10 } } }
  end

  local function open (replies, options)
    client, network = pipe.client(replies, options)
  end

  local function sent ()
    return network.requests[#network.requests].body
  end

  after_each(function ()
    assert.equal(0, client.transport:size())
    client:close()
  end)

  it("returns the value and the result", function ()
    open(chat_reply('{"people":[{"name":"Ada","age":null}]}', "length"))
    local value, result = client:chat_completion_json(MESSAGES, { schema = PEOPLE })
    assert.same({ people = { { name = "Ada" } } }, value)
    assert.equal("assistant", result.message.role)
    assert.equal("length", result.finish_reason)
    assert.is_truthy(sent():find('"response_format":{"type":"json_schema","json_schema":{'
      .. '"name":"answer","schema":' .. PEOPLE .. "}}", 1, true), sent())
    assert.is_nil(sent():find("details", 1, true))
    assert(client:chat_completion_json(MESSAGES))
    assert.is_truthy(sent():find('"response_format":{"type":"json_object"}', 1, true))
  end)

  it("sends a named schema, also to a server of OpenAI's form", function ()
    for _, server in ipairs { "lorax", "openai" } do
      if client then client:close() end
      open(chat_reply "{}", { server = server })
      local none, err = client:chat_completion_json(MESSAGES, { model = "m", response_format = {
        type = "json_schema", json_schema = { name = "people", strict = true, schema = PEOPLE } } })
      assert.is_nil(none)
      assert.same({ "protocol", "$", 'has no member "people"', "{}", 7 },
        { err.kind, err.path, err.reason, err.partial_text, err.tokens })
      assert.is_truthy(sent():find('"response_format":{"type":"json_schema","json_schema":{'
        .. '"name":"people","schema":' .. PEOPLE .. ',"strict":true}}', 1, true), sent())
    end
  end)

  it("tells an answer that was cut", function ()
    open(chat_reply('{"people":[', "length"))
    local none, err = client:chat_completion_json(MESSAGES, { schema = PEOPLE })
    assert.is_nil(none)
    assert.same({ "incomplete_generation", false, '{"people":[' },
      { err.kind, err.retryable, err.partial_text })
    assert.equal(1, #network.requests)
  end)

  it("tells a tool call that was cut, with its text", function ()
    local cut = "Tool error: Failed to parse generated text: EOF while parsing an object at "
      .. [[line 1 column 34 "{\"function\":{\"a\n\u{e9}\u{1f600}\\b"]]
    open { { headers = JSON, status = 422,
      body = json.encode { error = cut, error_type = "tool_error" } },
      { headers = JSON, status = 422,
        body = '{"error":"Tool error: Tool with name x not found","error_type":"tool_error"}' } }
    local none, err = client:chat_completion(MESSAGES, { tools = { { name = "f" } } })
    assert.is_nil(none)
    assert.same({ "incomplete_generation", false, '{"function":{"a\né😀\\b', 422 },
      { err.kind, err.retryable, err.partial_text, err.status })
    assert.equal(1, #network.requests)
    none, err = client:chat_completion_json(MESSAGES)
    assert.is_nil(none)
    assert.equal("tool", err.kind)
    assert.is_nil(err.partial_text)
  end)

  it("refuses tools, as the server would, and bad schemas, before anything is sent", function ()
    open(chat_reply "{}")
    local none, err = client:chat_completion_json(MESSAGES, { tools = { { name = "f" } } })
    assert.is_nil(none)
    assert.equal("Tool error: Response format and tools are mutually exclusive", err.message)
    none, err = client:chat_completion_json(MESSAGES, { schema = { type = "object",
      properties = { x = { type = "String" } } } })
    assert.is_nil(none)
    assert.equal(1, (err.message:find("Input validation error: `schema.properties.x.type`: ", 1,
      true)), err.message)
    assert.equal(0, #network.requests)
  end)

  it("refuses tools for other servers, which would call them in place of the JSON", function ()
    open(chat_reply "{}", { server = "openai" })
    local none, err = client:chat_completion_json(MESSAGES, { tools = { { name = "f" } } })
    assert.is_nil(none)
    assert.equal("validation", err.kind)
    assert.equal(1, (err.message:find("Input validation error: `tools` cannot be combined with a "
      .. "schema", 1, true)), err.message)
    assert.equal(0, #network.requests)
  end)
end)
