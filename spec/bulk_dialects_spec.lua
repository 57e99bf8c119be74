-- SPDX-License-Identifier: MIT
--- How rows of files become calls: the four dialects, what they send, and every error of a row.
local dialects = require "predibase.bulk.dialects"
local errors = require "predibase.errors"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local rows = require "predibase.bulk.rows"
local secrecy = require "spec.support.secrecy"
local template = require "predibase.template"

local SECRET = secrecy.TOKEN             -- the token of the client that pipe_transport makes

local client

local function open (options)
  client = pipe.client({ body = "{}" }, options)
  return client
end

local function close ()
  if client then client:close() end
  client = nil
end

--- Makes the dialect object of these options.
local function made (given, client_options)
  if not client then open(client_options) end
  return assert(dialects.new(client, given))
end

--- Returns the row of a line of JSON, or a table as it is, and where it stands.
local function row_of (line)
  if type(line) == "table" then return line, { line = 7, number = 5 } end
  return assert(json.decode(line)), { line = 7, number = 5, raw = line }
end

--- Returns the entry of a row.
local function entry_of (given, line)
  return assert(made(given):prepare(row_of(line)))
end

--- Returns the body that is sent for a row, and its path.
local function sent (given, line)
  local dialect = made(given)
  local entry = assert(dialect:prepare(row_of(line)))
  local call = assert(dialect:call(entry))
  local request = call.request()
  return request.body, request.url:match "https?://[^/]+(/.*)$"
end

--- Checks the message of the error of a row.
local function refused (message, given, line)
  local entry, err = made(given):prepare(row_of(line))
  assert.is_nil(entry)
  assert.is_true(errors.is(err))
  assert.equal("validation", err.kind)
  assert.equal("line 7: " .. message, err.message)
  assert.equal(7, err.line)
  assert.is_false(err.retryable)
end

--- Checks the message of the error that the call of a row has.
local function refused_call (message, given, line, kind)
  local dialect = made(given)
  local entry = assert(dialect:prepare(row_of(line)))
  local call, err = dialect:call(entry)
  assert.is_nil(call)
  assert.equal(kind or "validation", err.kind)
  assert.equal("line 7: " .. message, err.message)
  assert.equal(7, err.line)
end

local function csv (given)
  given = given or {}
  given.format = "csv"
  return given
end

local MESSAGES = '[{"role":"user","content":"Hi"}]'

describe("a row of plain columns", function ()
  after_each(close)

  it("is filled into a text with the names of its columns", function ()
    assert.equal('{"inputs":"Is Tea, hot good?","parameters":{"details":true}}',
      (sent({ template = "Is {the drink} {Größe}?" },
        '{"the drink":"Tea, hot","Größe":"good","other":1}')))
    local compiled = template.new "<{a}>"
    assert.equal("<x>", entry_of({ template = compiled }, '{"a":"x","b":2}').input)
  end)

  it("has its numbers, booleans and inner values written as in JSON", function ()
    local function text (line, t)
      return entry_of({ template = t or "{v}" }, '{"v":' .. line .. "}").input
    end
    assert.equal("3", text "3")
    assert.equal("3", text "3.0")
    assert.equal("0.1", text "0.1")
    assert.equal("-12345678901234567", text "-12345678901234567")
    assert.equal("true", text "true")
    assert.equal("false", text "false")
    assert.equal("no false", text("false", "{?v}yes{:else}no{/v} {v}"))
    assert.equal("yes true", text("true", "{?v}yes{:else}no{/v} {v}"))
    assert.equal('{"z":1.0, "a":[]}', text '{"z":1.0, "a":[]}')
    assert.equal("default", text("null", "{v=default}"))
    assert.equal('["x"]', entry_of({ template = "{v}" }, { v = { "x" } }).input)
  end)

  it("keeps the texts of cells, also empty ones", function ()
    assert.equal("007 []", entry_of(csv { template = "{n} [{e}]" }, { n = "007", e = "" }).input)
  end)

  it("is an error when a column is missing or null", function ()
    refused('the template: no value for "txt"; the row has no column "txt" (did you mean "text"?); '
      .. 'found: "label", "text"', { template = "{txt}" }, '{"text":"x","label":"y"}')
    refused('the template: no value for "a"; the column "a" is null', { template = "{a}" },
      '{"a":null}')
    refused('the template: no value for "a"; the row has no column "a"; found: "a;b" (a single '
      .. "column: the separator is a comma in csv, a tab in tsv)", { template = "{a}" },
      '{"a;b":"x"}')
    refused('the template: no values for "a", "b"; the row has no column "a"; found: none',
      { template = "{a}{b}" }, "{}")
    refused('the template: no value for "predibase_error"; the row has no column '
      .. '"predibase_error"; found: "a"', { template = "{predibase_error}" },
      '{"a":"x","predibase_error":"timeout"}')
  end)

  it("may be turned into a prompt or into messages by a function", function ()
    local seen
    local given = { template = function (row, at)
      seen = at.line
      return row.a:upper()
    end }
    assert.equal("X", entry_of(given, '{"a":"x"}').input)
    assert.equal(7, seen)
    local body, path = sent({ template = function (row)
      return { { role = "user", content = row.a } }
    end }, '{"a":"x"}')
    assert.equal('{"model":"","messages":[{"role":"user","content":"x"}]}', body)
    assert.equal("/v1/chat/completions", path)
    assert.equal("<x>", entry_of({ template = { render = function (_, row)
      return "<" .. row.a .. ">"
    end } }, '{"a":"x"}').input)
  end)

  it("has the errors of that function", function ()
    refused("the template: no such drink", { template = function ()
      return nil, "no such drink"
    end }, '{"a":"x"}')
    refused("the template: bad", { template = function ()
      return nil, errors.new { kind = "template", message = "bad" }
    end }, '{"a":"x"}')
    refused("the template returned no prompt", { template = function () end }, '{"a":"x"}')
    refused("the template must return a prompt as a string, or messages, got the number 5",
      { template = function () return 5 end }, '{"a":"x"}')
    refused("the template raised an error: oops",
      { template = function () error("oops", 0) end }, '{"a":"x"}')
  end)

  it("is not filled when Ctrl-C interrupts its function", function ()
    local dialect = made { template = function () error("interrupted!", 0) end }
    local ok, problem = pcall(dialect.prepare, dialect, { a = "x" }, {})
    assert.is_false(ok)
    assert.equal("interrupted!", problem)
  end)

  it("may have messages that a chat format writes", function ()
    local format = template.chat "llama-3"
    local entry = entry_of({ template = format }, '{"messages":' .. MESSAGES .. "}")
    assert.equal(format:render({ { role = "user", content = "Hi" } },
      { add_generation_prompt = true, bos_token = false }), entry.input)
    assert.is_truthy(sent({ template = format }, '{"messages":' .. MESSAGES .. "}")
      :find('"stop":["<|eot_id|>"', 1, true))
    assert.equal(entry.input, entry_of(csv { template = format }, { messages = MESSAGES }).input)
    refused('the row has no "messages", which the chat format llama-3 needs; found: "prompt"',
      { template = format }, '{"prompt":"Hi"}')
    refused('"messages" must be an array, got the string "Hi"', { template = format },
      '{"messages":"Hi"}')
    refused('the column "messages" must have JSON: Expected value but found invalid token at '
      .. "character 1", csv { template = format }, { messages = "Hi" })
  end)

  it("is filled in whatever other fields it has", function ()
    local entry = entry_of({ template = "{body} {prompt}" },
      '{"custom_id":"a","method":"m","url":"u","body":"b","prompt":"p","inputs":1}')
    assert.equal("b p", entry.input)
    assert.equal("a", entry.id)
    assert.equal("template", entry.dialect)
    assert.is_nil(entry.own)
  end)
end)

describe("a row with a prompt", function ()
  after_each(close)

  it("has parameters of the API as members, and other columns", function ()
    assert.equal('{"inputs":"Hi","parameters":{"adapter_id":"r/1","adapter_source":"pbase",'
      .. '"temperature":0.5,"max_new_tokens":5,"stop":["a"],"details":true,"seed":7}}',
      (sent({}, '{"prompt":"Hi","seed":7,"temperature":0.5,"max_new_tokens":5,"stop":["a"],'
        .. '"adapter_id":"r/1","label":"good","model":"x","top_k":null}')))
    local entry = entry_of({}, '{"prompt":"Hi","label":1}')
    assert.is_nil(entry.own)
    assert.equal("generate", entry.form)
    assert.is_false(entry.openai)
    assert.equal("prompt", entry.dialect)
  end)

  it("has them in a member, too", function ()
    assert.equal('{"inputs":"Hi","parameters":{"temperature":1,"max_new_tokens":5,"details":true,'
      .. '"new_one":{"z":1.0,"a":[]}}}',
      (sent({}, '{"prompt":"Hi","temperature":1,"parameters":{"max_new_tokens":5,'
        .. '"extra":{"new_one":{"z":1.0,"a":[]}},"top_p":null}}')))
  end)

  it("sends the parameters of each row, whatever those of the row before were", function ()
    local dialect = made {}
    for _, case in ipairs {
      { '"seed":7,"temperature":0.5', '"temperature":0.5,"details":true,"seed":7' },
      { '"temperature":0.5,"seed":7', '"temperature":0.5,"details":true,"seed":7' },
      { '"seed":7', '"details":true,"seed":7' },
      { '"seed":8', '"details":true,"seed":8' },
      { '"seed":8,"stop":["a"]', '"stop":["a"],"details":true,"seed":8' },
      { '"seed":8,"stop":["b"]', '"stop":["b"],"details":true,"seed":8' },
      { '"seed":8', '"details":true,"seed":8' },
      { '"label":"x"', '"details":true' },
      { '"seed":8', '"details":true,"seed":8' },
    } do
      local entry = assert(dialect:prepare(row_of('{"prompt":"Hi",' .. case[1] .. "}")))
      assert.equal('{"inputs":"Hi","parameters":{' .. case[2] .. "}}",
        assert(dialect:call(entry)).request().body)
    end
    local chat = assert(dialect:prepare(row_of(
      '{"messages":[{"role":"user","content":"Hi"}],"seed":8}')))
    assert.equal('{"model":"","messages":[{"role":"user","content":"Hi"}],"seed":8}',
      assert(dialect:call(chat)).request().body)
  end)

  it("may call the limit of tokens as OpenAI does", function ()
    assert.equal('{"inputs":"Hi","parameters":{"max_new_tokens":5,"details":true}}',
      (sent({}, '{"prompt":"Hi","max_tokens":5}')))
    assert.equal('{"inputs":"Hi","parameters":{"max_new_tokens":5,"details":true}}',
      (sent({}, '{"prompt":"Hi","parameters":{"max_completion_tokens":5}}')))
    refused("`max_new_tokens` is given twice", {},
      '{"prompt":"Hi","parameters":{"max_new_tokens":5,"max_tokens":5}}')
    refused("`seed` is given twice", {}, '{"prompt":"Hi","seed":1,"parameters":{"seed":1}}')
  end)

  it("keeps the order of a schema's properties", function ()
    local format = '{"type":"json_object","schema":{"type":"object","properties":'
      .. '{"z":{"type":"string"},"a":{"type":"integer"}},"required":[]}}'
    local expected = '"response_format":' .. format
    assert.is_truthy(sent({}, '{"prompt":"Hi","response_format":' .. format .. "}")
      :find(expected, 1, true))
    assert.is_truthy(sent({}, '{"prompt":"Hi","parameters":{"response_format":' .. format .. "}}")
      :find(expected, 1, true))
    assert.is_truthy(sent(csv(), { prompt = "Hi", response_format = format })
      :find(expected, 1, true))
  end)

  it("is an error for a wrong member parameters", function ()
    refused('"parameters" must be an object, got the string "x"', {},
      '{"prompt":"Hi","parameters":"x"}')
    refused('"parameters" must be an object', {}, '{"prompt":"Hi","parameters":[1]}')
    refused('"parameters" has an unknown parameter "max_new_token"; did you mean "max_new_tokens"?',
      {}, '{"prompt":"Hi","parameters":{"max_new_token":1}}')
    refused('"parameters" has an unknown parameter "timeout"', {},
      '{"prompt":"Hi","parameters":{"timeout":1}}')
    refused('the column "parameters" must have JSON: Expected value but found invalid token at '
      .. "character 1", csv(), { prompt = "Hi", parameters = "x" })
  end)

  it("is an error for a prompt that is no text, and has the errors of its call", function ()
    refused('"prompt" must be a string, got the number 5', {}, '{"prompt":5}')
    refused_call("Input validation error: `inputs` cannot be empty", {}, '{"prompt":""}')
    refused_call("Input validation error: `temperature` must be non-negative", {},
      '{"prompt":"Hi","temperature":-1}')
    refused_call("Input validation error: `temperature` must be a number, got the string \"1\"", {},
      '{"prompt":"Hi","temperature":"1"}')
    refused_call('unknown field of merged_adapters "idz"; did you mean "ids"?', {},
      '{"prompt":"Hi","merged_adapters":{"idz":["a"],"weights":[1]}}')
  end)

  it("may have messages, which are answered by a chat completion", function ()
    local body, path = sent({}, '{"messages":' .. MESSAGES .. ',"max_tokens":5,"model":"r/1",'
      .. '"label":"x","predibase_error":"timeout"}')
    assert.equal('{"model":"r/1","messages":' .. MESSAGES .. ',"adapter_source":"pbase",'
      .. '"max_tokens":5}', body)
    assert.equal("/v1/chat/completions", path)
    assert.equal("chat", entry_of({}, '{"messages":' .. MESSAGES .. "}").form)
    refused('"messages" must be an array, got the string "Hi"', {}, '{"messages":"Hi"}')
    refused('the row has both "prompt" and "messages"; give one of them', {},
      '{"prompt":"Hi","messages":[]}')
    refused_call("Input validation error: `messages[1].role` must be system, developer, "
      .. 'user, assistant or tool, got the string "me"', {},
      '{"messages":[{"role":"me","content":"x"}]}')
  end)

  it("sends the tools of messages in the order of the row", function ()
    local tools = '[{"type":"function","function":{"name":"f","parameters":{"type":"object",'
      .. '"properties":{"z":{"type":"string"},"a":{"type":"string"}},"required":["z"]}}}]'
    local body = sent({}, '{"messages":' .. MESSAGES .. ',"tools":' .. tools .. "}")
    assert.is_truthy(body:find('"z":{"type":"string"},"a":', 1, true), body)
    body = sent(csv(), { messages = MESSAGES, tools = tools, tool_choice = "f" })
    assert.is_truthy(body:find('"z":{"type":"string"},"a":', 1, true), body)
    assert.is_truthy(body:find('"tool_choice":"f"', 1, true), body)
  end)

  it("may be a plain line", function ()
    local entry = entry_of({ format = "lines" }, { text = "Hi {there}" })
    assert.equal("Hi {there}", entry.input)
    assert.equal("prompt", entry.dialect)
    assert.equal("<Hi>", entry_of({ format = "lines", template = "<{text}>" },
      { text = "Hi" }).input)
  end)
end)

describe("a row of a table of text", function ()
  after_each(close)

  it("has its cells converted to what the parameters are", function ()
    assert.equal('{"inputs":"Hi","parameters":{"adapter_id":"007","adapter_source":"hub",'
      .. '"api_token":"","best_of":1,"temperature":0.5,"do_sample":true,'
      .. '"max_new_tokens":5,"stop":["a","b"],"details":false,"seed":18446744073709551615}}',
      (sent(csv(), { prompt = "Hi", adapter_id = "007",
      adapter_source = "hub", best_of = "1", temperature = " 5e-1 ", do_sample = "TRUE",
      max_new_tokens = "5", stop = '["a","b"]', details = "false", seed = "18446744073709551615",
      top_k = "", label = "x" })))
    assert.equal('{"inputs":"Hi","parameters":{"stop":["[/INST]"],"details":true}}',
      (sent({ format = "tsv" }, { prompt = "Hi", stop = "[/INST]" })))
    assert.equal('{"inputs":"Hi","parameters":{"merged_adapters":{"ids":["a"],"weights":[1]},'
      .. '"max_new_tokens":5,"details":true}}', (sent(csv(), { prompt = "Hi",
      merged_adapters = '{"weights":[1],"ids":["a"]}', parameters = '{"max_new_tokens":5}' })))
  end)

  it("is an error when a cell is something else", function ()
    local function wrong (message, name, cell)
      refused(message, csv(), { prompt = "Hi", [name] = cell })
    end
    wrong('`temperature` must be a number, got the string "abc"', "temperature", "abc")
    wrong('`temperature` must be a number, got the string "0,5"', "temperature", "0,5")
    wrong('`temperature` must be a number, got the string "01"', "temperature", "01")
    wrong('`max_new_tokens` must be an integer, got the string "five"', "max_new_tokens", "five")
    wrong('`do_sample` must be true or false, got the string "yes"', "do_sample", "yes")
    wrong("`response_format` must be JSON: Expected value but found invalid token at character 1",
      "response_format", "json")
    refused('`best_of` must be an integer, got the string "x"', csv(),
      { prompt = "Hi", temperature = "x", best_of = "x", top_p = "x", seed = "1" })
    refused_call("Input validation error: `max_new_tokens` must be an integer, got the number 5.5",
      csv(), { prompt = "Hi", max_new_tokens = "5.5" })
    refused_call("Input validation error: `seed` must be an integer from 0 to "
      .. '18446744073709551615, got the string "x"', csv(), { prompt = "Hi", seed = "x" })
  end)

  it("takes an empty cell for a missing one", function ()
    assert.equal("Hi", entry_of(csv(), { prompt = "Hi", messages = "", inputs = "" }).input)
    refused('the row is in no known dialect; found: "inputs", "prompt"; expected: "prompt" or '
      .. '"messages" (dialect prompt), "inputs" (dialect predibase), or "custom_id", "method", '
      .. '"url" and "body" (dialect openai); other columns need a template', csv(),
      { prompt = "", inputs = "" })
  end)
end)

describe("a row in the form of Predibase", function ()
  after_each(close)

  it("has inputs, parameters and metadata", function ()
    assert.equal('{"inputs":"Hi","parameters":{"max_new_tokens":5,"details":false}}',
      (sent({}, '{"inputs":"Hi","parameters":{"max_new_tokens":5,"details":false},'
        .. '"metadata":{"n":1}}')))
    assert.equal("predibase", entry_of({}, '{"inputs":"Hi"}').dialect)
  end)

  it("is an error when a parameter is in the wrong place, or a value of the wrong type", function ()
    refused('"seed" is a parameter: in the dialect predibase it is a member of "parameters"', {},
      '{"inputs":"Hi","temperature":1,"seed":2}')
    refused('"inputs" must be a string, got a table', {}, '{"inputs":["Hi"]}')
    refused('"parameters" has an unknown parameter "temprature"; did you mean "temperature"?', {},
      '{"inputs":"Hi","parameters":{"temprature":1}}')
  end)
end)

local function batch_row (url, body, more)
  return '{"custom_id":"r-1","method":"POST","url":"' .. url .. '",' .. (more or "")
    .. '"body":' .. body .. "}"
end

local CHAT, COMPLETION, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"

describe("a row in the form of OpenAI", function ()
  after_each(close)

  it("has its body sent byte for byte", function ()
    for url, body in pairs {
      [CHAT] = '{ "temperature": 1.0,\t"messages":' .. MESSAGES .. ',"z":12345678901234567890,'
        .. '"model":"m\\u0061", "new":[] }',
      [COMPLETION] = '{"prompt":"a/b \\/ \\u00e9","model":"","max_tokens":5.0}',
      [EMBEDDINGS] = '{"input":["a","b"],"model":"m","dimensions":1e2}',
    } do
      local found, path = sent({}, batch_row(url, body))
      assert.equal(body, found)
      assert.equal(url, path)
      local entry = entry_of({}, batch_row("https://api.example.com/x" .. url, body))
      assert.is_true(entry.openai)
      assert.equal("r-1", entry.id)
      assert.equal(({ [CHAT] = "chat", [COMPLETION] = "completion",
        [EMBEDDINGS] = "embeddings" })[url], entry.form)
    end
  end)

  it("may be a row of a table of text, or of the program", function ()
    local body = '{ "prompt" : "x" }'
    assert.equal(body, (sent(csv(), { custom_id = "1", method = "POST", url = COMPLETION,
      body = body })))
    assert.equal('{"prompt":"x"}', (sent({}, { custom_id = 1, method = "POST", url = COMPLETION,
      body = { prompt = "x" } })))
  end)

  it("gets an adapter of the options in place of its model", function ()
    local body = '{"model": "gpt" , "messages":' .. MESSAGES .. ', "top_p":1.0 }'
    local given = { options = { adapter_id = "r/1" } }
    assert.equal('{"model": "r/1" , "messages":' .. MESSAGES .. ', "top_p":1.0 ,'
      .. '"adapter_source":"pbase"}', (sent(given, batch_row(CHAT, body))))
    assert.equal('{"model":"r/1","prompt":"x","adapter_source":"pbase"}',
      (sent(given, batch_row(COMPLETION, '{"prompt":"x"}'))))
    assert.equal('{"model":"r/1","prompt":"x","adapter_source":"hub","api_token":""}',
      (sent({ options = { adapter_id = "r/1", adapter_source = "hub" } },
        batch_row(COMPLETION, '{"model":"m","prompt":"x"}'))))
    refused_call("Input validation error: the body has `adapter_source`, which cannot be combined "
      .. "with the option adapter_id", given,
      batch_row(COMPLETION, '{"prompt":"x","adapter_source":"hub"}'))
  end)

  it("gets the adapter of embeddings where LoRAX reads it, with the token", function ()
    local given = { options = { adapter_id = "r/1" } }
    assert.equal('{"input":"x","model":"r/1","parameters":{"adapter_id":"r/1",'
      .. '"adapter_source":"pbase","api_token":"' .. SECRET .. '"}}',
      (sent(given, batch_row(EMBEDDINGS, '{"input":"x","model":"m"}'))))
    refused_call("Input validation error: the body has `parameters`, which cannot be combined "
      .. "with the option adapter_id", given,
      batch_row(EMBEDDINGS, '{"input":"x","parameters":{}}'))
  end)

  it("gets only the model where the server has the API of OpenAI", function ()
    open { server = "openai" }
    local given = { options = { adapter_id = "r/1" } }
    for url, body in pairs { [CHAT] = '"messages":' .. MESSAGES, [COMPLETION] = '"prompt":"x"',
      [EMBEDDINGS] = '"input":"x"' } do
      assert.equal("{" .. body .. ',"model":"r/1"}',
        (sent(given, batch_row(url, "{" .. body .. ',"model":"m"}'))))
    end
  end)

  it("takes no other parameters from the options", function ()
    local row = batch_row(COMPLETION, '{"prompt":"x"}')
    refused("temperature is an option of this run, but rows of the dialect openai bring their own "
      .. "parameters; only adapter_id can be set for all of them",
      { options = { temperature = 1, adapter_id = "r/1" } }, row)
    refused("adapter_source is an option of this run, but rows of the dialect openai bring their "
      .. "own parameters; only adapter_id can be set for all of them",
      { options = { adapter_source = "hub" } }, row)
    close()
    open { defaults = { max_new_tokens = 5 } }
    refused("max_new_tokens is a default of this client, but rows of the dialect openai bring "
      .. "their own parameters; only adapter_id can be set for all of them", {}, row)
    close()
    open { defaults = { adapter_id = "r/2" } }
    assert.equal('{"model":"r/2","prompt":"x","adapter_source":"pbase"}', (sent({}, row)))
  end)

  it("takes the options of calls", function ()
    local dialect = made { options = { timeout = { total = 9 }, max_retries = 1,
      headers = { ["X-A"] = "b" } } }
    local row = batch_row(CHAT, '{"messages":' .. MESSAGES .. "}")
    local entry = assert(dialect:prepare(row_of(row)))
    local plan = assert(dialect:plan(entry))
    assert.equal(9, plan.settings.timeout.total)
    assert.equal(1, plan.settings.max_retries)
    assert.same({ "X-A", "b" }, plan.start.headers[#plan.start.headers])
  end)

  it("is an error when a field is missing or wrong", function ()
    refused('the row has no "method", "url": a row of the dialect openai has "custom_id", '
      .. '"method", "url" and "body"; found: "body", "custom_id"', {},
      '{"custom_id":"a","body":{}}')
    refused('`method` must be "POST", got the string "GET"', {},
      '{"custom_id":"a","method":"GET","url":"/v1/completions","body":{}}')
    for _, url in ipairs { "/v1/responses", "v1/completions", "http://x/v1/completions?a=1",
      "/x/v1/completions" } do
      refused("`url` must be /v1/chat/completions, /v1/completions or /v1/embeddings, or a URL "
        .. 'that ends with one of them, got the string "' .. url .. '"', {}, batch_row(url, "{}"))
    end
    refused("`body` must be an object, got the string \"x\"", {}, batch_row(CHAT, '"x"'))
    refused("`body` must be an object, got an array", {}, batch_row(CHAT, "[1]"))
    refused("`body` is not valid JSON: invalid number at character 14", {},
      batch_row(CHAT, '{"messages":[1.]}'))
    refused("`body` is not valid JSON: Expected value but found invalid token at character 1",
      csv(), { custom_id = "a", method = "POST", url = CHAT, body = "x" })
  end)

  it("is an error when its body has a wrong input, or asks for a stream", function ()
    local function wrong (message, url, body) refused(message, {}, batch_row(url, body)) end
    wrong("`body.messages` must be an array with at least one message, got nil", CHAT, "{}")
    wrong("`body.messages` must be an array with at least one message, got an empty one", CHAT,
      '{"messages":[]}')
    wrong("`body.messages[2]` must be an object with a role", CHAT,
      '{"messages":[{"role":"user"},{}]}')
    wrong("`body.prompt` must be a string, or an array with at least one entry, got the number 5",
      COMPLETION, '{"prompt":5}')
    wrong("`body.prompt` must be a string, or an array with at least one entry, got an empty one",
      COMPLETION, '{"prompt":[]}')
    wrong("`body.input` cannot be empty", EMBEDDINGS, '{"input":""}')
    wrong("`body.stream` is true, but the answers of a batch are no streams; leave it out", CHAT,
      '{"stream":true,"messages":' .. MESSAGES .. "}")
    wrong("`body.stream` must be a boolean, got the number 1", CHAT, '{"stream":1}')
    wrong("`body.model` must be a string, got the number 1", CHAT, '{"model":1}')
    assert.is_truthy(sent({}, batch_row(CHAT, '{"stream":false,"messages":' .. MESSAGES .. "}")))
  end)
end)

describe("the dialect of a row", function ()
  after_each(close)

  local NONE = '; expected: "prompt" or "messages" (dialect prompt), "inputs" (dialect predibase), '
    .. 'or "custom_id", "method", "url" and "body" (dialect openai); other columns need a template'

  it("is an error when no field shows it", function ()
    refused('the row is in no known dialect; found: "answer", "question"' .. NONE, {},
      '{"question":"x","answer":"y","predibase_error":"z"}')
    refused("the row is in no known dialect; found: none" .. NONE, {}, "{}")
    refused('the row is in no known dialect; found: "a1", "a10", "a11", "a12", "a2", "a3", "a4", '
      .. '"a5", "a6", "a7" and 2 more' .. NONE, {}, '{"a1":1,"a2":1,"a3":1,"a4":1,"a5":1,"a6":1,'
      .. '"a7":1,"a8":1,"a9":1,"a10":1,"a11":1,"a12":1}')
  end)

  it("is an error when fields show several", function ()
    refused('the row has fields of several dialects: "prompt" (prompt), "inputs" (predibase); name '
      .. "one with the option dialect, or remove the other fields", {},
      '{"prompt":"x","inputs":"y"}')
    refused('the row has fields of several dialects: "prompt" (prompt), "custom_id", "url", "body" '
      .. "(openai); name one with the option dialect, or remove the other fields", {},
      '{"prompt":"x","custom_id":1,"url":"u","body":{}}')
    assert.equal("y", entry_of({ dialect = "predibase" }, '{"prompt":"x","inputs":"y"}').input)
  end)

  it("is not OpenAI's for columns that only have these names", function ()
    assert.equal("x", entry_of({}, '{"prompt":"x","url":"u","body":"text"}').input)
    assert.equal("x", entry_of({}, '{"prompt":"x","custom_id":1,"url":"u"}').input)
  end)

  it("may be fixed, and then needs its fields", function ()
    refused('the row has no "prompt" or "messages", which the dialect prompt needs; found: '
      .. '"inputs"', { dialect = "prompt" }, '{"inputs":"x"}')
    refused('the row has no "inputs", which the dialect predibase needs; found: "prompt"',
      { dialect = "predibase" }, '{"prompt":"x"}')
    refused('the row has no "custom_id", "method", "url", "body": a row of the dialect openai has '
      .. '"custom_id", "method", "url" and "body"; found: "prompt"',
      { dialect = "openai" }, '{"prompt":"x"}')
  end)

  it("cannot be found in a row that is no object", function ()
    refused("a row must be an object, got an array", {}, "[1]")
    refused("a row must be an object, got the string \"x\"", {}, '"x"')
  end)

  it("is not looked for in a row that could not be read", function ()
    local problem = errors.new { kind = "validation", message = "line 3: bad" }
    local entry, err = made({}):prepare({}, { line = 3, err = problem })
    assert.is_nil(entry)
    assert.equal(problem, err)
  end)

  it("is told with the number of the row where there is no line", function ()
    local _, err = made({}):prepare({ x = 1 }, { number = 4 })
    assert.is_truthy(err.message:find "^row 4: the row is in no")
    _, err = made({}):prepare({ x = 1 })
    assert.is_truthy(err.message:find "^the row is in no")
  end)
end)

describe("the id of a row", function ()
  after_each(close)

  it("is custom_id, or the column that is named", function ()
    assert.equal("a", entry_of({}, '{"prompt":"x","custom_id":"a"}').id)
    assert.equal("5", entry_of({}, '{"prompt":"x","custom_id":5}').id)
    assert.equal("-12345678901234567", entry_of({},
      '{"prompt":"x","custom_id":-12345678901234567}').id)
    assert.is_nil(entry_of({}, '{"prompt":"x"}').id)
    assert.is_nil(entry_of({}, '{"prompt":"x","custom_id":null}').id)
    assert.equal("7", entry_of({ id = "my key" }, '{"prompt":"x","my key":7,"custom_id":"a"}').id)
    assert.equal("007", entry_of(csv { id = "k" }, { prompt = "x", k = "007" }).id)
  end)

  it("is an error when it is missing, empty or something else", function ()
    refused('the row has no "k", which the option id names; found: "prompt"', { id = "k" },
      '{"prompt":"x"}')
    refused('the id "custom_id" must be a string that is not empty, or an integer, got the number '
      .. "1.5", {}, '{"prompt":"x","custom_id":1.5}')
    refused('the id "custom_id" must be a string that is not empty, or an integer, got the string '
      .. '""', {}, '{"prompt":"x","custom_id":""}')
    refused('the id "k" must be a string that is not empty, or an integer, got the boolean true',
      { id = "k" }, '{"prompt":"x","k":true}')
    refused('the id "k" must be a string that is not empty, or an integer, got a table',
      { id = "k" }, '{"prompt":"x","k":[]}')
  end)
end)

describe("the options of all rows", function ()
  after_each(close)

  it("apply where a row has none of its own", function ()
    local given = { options = { temperature = 0.5, max_new_tokens = 9 } }
    assert.equal('{"inputs":"Hi","parameters":{"temperature":0.5,"max_new_tokens":3,'
      .. '"details":true}}', (sent(given, '{"prompt":"Hi","max_new_tokens":3}')))
    assert.equal('{"model":"","messages":' .. MESSAGES .. ',"temperature":0.5,"max_tokens":3}',
      (sent(given, '{"messages":' .. MESSAGES .. ',"max_tokens":3}')))
  end)

  it("ask for details, unless they say otherwise", function ()
    assert.equal('{"inputs":"Hi","parameters":{"details":false}}',
      (sent({ options = { details = false } }, '{"prompt":"Hi"}')))
    close()
    open { defaults = { details = false } }
    assert.equal('{"inputs":"Hi","parameters":{"details":false}}', (sent({}, '{"prompt":"Hi"}')))
  end)

  it("are an error of a row that cannot have them", function ()
    refused("the option typical_p does not exist for this row, which is sent to "
      .. "/v1/chat/completions", { options = { typical_p = 0.5, watermark = true } },
      '{"messages":' .. MESSAGES .. "}")
    refused("the option max_tokens does not exist for this row, which is sent to /generate",
      { options = { max_tokens = 5 } }, '{"prompt":"Hi"}')
  end)

  it("are an error of each call when their values are wrong", function ()
    refused_call("Input validation error: `temperature` must be non-negative",
      { options = { temperature = -1 } }, '{"prompt":"Hi"}')
  end)

  it("are kept where no walk over tables finds their token", function ()
    open()
    local token = "hf_SENTINEL_91c2"
    local dialect = made { options = { adapter_id = "r/1", api_token = token,
      adapter_source = "hub" } }
    local entry = assert(dialect:prepare({ prompt = "Hi" }))
    local call = assert(dialect:call(entry))
    assert.is_truthy(call.request().body:find(token, 1, true))
    for _, value in ipairs { dialect, entry, call } do
      assert.is_nil(secrecy.find(value, token, pipe.is_core))
      assert.is_nil(secrecy.find(value, SECRET, pipe.is_core))
    end
    assert.is_nil(dialect:fingerprint():find(token, 1, true))
  end)

  it("raise when they do not exist", function ()
    open()
    local function raises (message, given)
      local ok, problem = pcall(dialects.new, client, given)
      assert.is_false(ok)
      assert.is_truthy(tostring(problem):find(message, 1, true), tostring(problem))
    end
    raises('unknown option "temprature"; did you mean "temperature"?',
      { options = { temprature = 1 } })
    raises("client:run_bulk does not accept on_token", { options = { on_token = print } })
    raises("client:run_bulk takes its options as a table, got a string", { options = "x" })
    raises("id must be the name of a column, got the number 5", { id = 5 })
    raises('id must be the name of a column, got the string ""', { id = "" })
    raises("dialect must be the name of a dialect, got the boolean true", { dialect = true })
    raises("template must be a text with {names}, one of predibase.template, a chat format, a "
      .. "function, or an object with a method render, got the number 5", { template = 5 })
  end)

  it("are returned as errors when they contradict each other", function ()
    open()
    local function bad (kind, message, given)
      local found, err = dialects.new(client, given)
      assert.is_nil(found)
      assert.equal(kind, err.kind)
      assert.equal(message, err.message)
    end
    bad("config", 'dialect must be one of template, prompt, predibase, openai, got the string '
      .. '"opnai"; did you mean "openai"?', { dialect = "opnai" })
    bad("config", "the dialect template needs a template", { dialect = "template" })
    bad("config", "the dialect prompt has no template; leave out the template or the dialect",
      { dialect = "prompt", template = "{a}" })
    bad("template", "line 1, column 1: a single } must be written twice, }}", { template = "}" })
  end)
end)

describe("an adapter's rows", function ()
  after_each(close)

  local function view (more)
    local made_view = { base = { adapter_id = "r/1", merged_adapters = json.null },
      check = function (own)
        if own.adapter_id then require("predibase.usage").fail "adapter_id cannot be set here" end
      end }
    for name, value in pairs(more or {}) do made_view[name] = value end
    return made_view
  end

  it("are sent with its options and filled into its template", function ()
    assert.equal('{"inputs":"<x>","parameters":{"adapter_id":"r/1","adapter_source":"pbase",'
      .. '"details":true}}', (sent({ view = view { template = template.new "<{a}>" } },
      '{"a":"x"}')))
    assert.equal('{"inputs":"Hi","parameters":{"adapter_id":"r/1","adapter_source":"pbase",'
      .. '"details":true}}', (sent({ view = view { template = template.new "<{a}>" },
      dialect = "prompt" }, '{"prompt":"Hi"}')))
    assert.equal('{"model":"r/1","prompt":"x","adapter_source":"pbase"}',
      (sent({ view = view() }, batch_row(COMPLETION, '{"model":"m","prompt":"x"}'))))
  end)

  it("cannot name another adapter", function ()
    refused("adapter_id cannot be set here", { view = view() },
      '{"prompt":"Hi","adapter_id":"r/2"}')
  end)

  it("are written in its chat format with its options", function ()
    local format = template.chat "chatml"
    local entry = entry_of({ view = view { template = format,
      rendering = { special_tokens_in_text = "neutralise" } } },
      '{"messages":[{"role":"user","content":"<|im_end|>"}]}')
    assert.equal(format:render({ { role = "user", content = "<|im_end|>" } },
      { add_generation_prompt = true, bos_token = false,
        special_tokens_in_text = "neutralise" }), entry.input)
  end)
end)

describe("the fingerprint of a dialect", function ()
  after_each(close)

  local function print_of (given) return made(given):fingerprint() end

  it("is a text in a fixed order, without secrets and options of time", function ()
    assert.equal('{"dialect":"template","template":"text:{a}","deployment":null,"parameters":'
      .. '{"adapter_id":"r/1","details":true,"stop":["x"],"temperature":0.5}}',
      print_of { template = "{a}", options = { temperature = 0.5, stop = { "x" },
        adapter_id = "r/1", api_token = "hf_SECRET_1", timeout = 5, max_retries = 1,
        on_error = print, headers = { a = "b" } } })
    assert.equal('{"dialect":"auto","template":null,"deployment":null,"parameters":'
      .. '{"details":true}}', print_of {})
  end)

  it("differs with everything that changes an answer", function ()
    local seen, count = {}, 0
    for _, given in ipairs { {}, { dialect = "prompt" }, { template = "{a}" }, { template = "{b}" },
      { template = template.chat "llama-3" }, { template = template.chat "chatml" },
      { template = print }, { options = { temperature = 1 } }, { options = { temperature = 0 } },
      { options = { adapter_id = "a" } }, { options = { client_stop = { "x" } } },
      { options = { trim_stop = true } }, { options = { reasoning = false } },
      { template = template.chat "chatml", view = { rendering = { enable_thinking = false } } },
      } do
      local text = print_of(given)
      assert.is_nil(seen[text], text)
      seen[text] = true
      count = count + 1
    end
    assert.equal(14, count)
  end)

  it("has the defaults of the client and its deployment", function ()
    local c = assert(predibase.new { tenant_id = "t", deployment = "mistral-7b",
      api_token = "pb_0123456789", defaults = { temperature = 0.25 } })
    local text = assert(dialects.new(c, {})):fingerprint()
    c:close()
    assert.equal('{"dialect":"auto","template":null,"deployment":"mistral-7b","parameters":'
      .. '{"details":true,"temperature":0.25}}', text)
  end)

  it("is not invalid for values that cannot be sent", function ()
    assert.is_truthy(print_of { options = { temperature = 0 / 0 } }
      :find('"temperature":"invalid"', 1, true))
  end)

  it("is not all that a dialect shows of itself", function ()
    assert.equal("predibase.bulk.dialects (openai)", tostring(made { dialect = "openai" }))
    assert.equal("predibase.bulk.dialects (by the fields of each row)", tostring(made {}))
  end)
end)

describe("the rows of a file", function ()
  after_each(close)

  --- Reads a text as a file of this format. Returns for each row what it sends, or its error.
  local function outcomes (text, format, given)
    local file = { read = function (_, n)
      if text == "" then return nil end
      local piece = text:sub(1, n)
      text = text:sub(n + 1)
      return piece
    end }
    local reader = assert(rows.open(file, { format = format }))
    given = given or {}
    given.format = reader.format
    local dialect, list = made(given), {}
    for row, at in reader do
      local entry, err = dialect:prepare(row, at)
      list[#list + 1] = entry and assert(dialect:call(entry)).request().body or err.message
    end
    reader:close()
    return list
  end

  it("are calls or errors with their lines, in JSON Lines", function ()
    local list = outcomes('\239\187\191{"prompt":"a"}\r\n\n{"url":"/v1/completions",'
      .. '"method":"POST","custom_id":"1","body": { "prompt":"x", "n":1.0 } }\n{"prompt":\n'
      .. '{"x":1}\n{"inputs":"é","parameters":{"seed":1}}', "jsonl")
    assert.is_truthy(table.remove(list, 3):find "^line 4: ")
    assert.same({
      '{"inputs":"a","parameters":{"details":true}}',
      '{ "prompt":"x", "n":1.0 }',
      'line 5: the row is in no known dialect; found: "x"; expected: "prompt" or "messages" '
        .. '(dialect prompt), "inputs" (dialect predibase), or "custom_id", "method", "url" and '
        .. '"body" (dialect openai); other columns need a template',
      '{"inputs":"é","parameters":{"details":true,"seed":1}}',
    }, list)
  end)

  it("are calls or errors with their lines, in CSV", function ()
    assert.same({
      '{"inputs":"a\\nb","parameters":{"max_new_tokens":5,"details":true}}',
      'line 4: `max_new_tokens` must be an integer, got the string "x"',
      '{"inputs":"say \\"d\\"","parameters":{"details":true}}',
    }, outcomes('prompt,max_new_tokens\r\n"a\nb",5\r\nc,x\r\n"say ""d""",\r\n', "csv"))
    assert.same({ '{"inputs":"<a\\nb>","parameters":{"details":true}}' },
      outcomes('the text,y\n"a\nb",5\n', "csv", { template = "<{the text}>" }))
  end)

  it("are prompts in a file of plain lines", function ()
    assert.same({ '{"inputs":"a {b}","parameters":{"details":true}}' },
      outcomes("\na {b}\n", "lines"))
  end)
end)
