-- SPDX-License-Identifier: MIT
--- Conversations as JSON.
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local scratch = require "spec.support.scratch"
local uv = require "luv"

local chat = predibase.chat

local JSON = { ["content-type"] = "application/json" }

describe("a saved chat session", function ()
  local client, network, path

  before_each(function ()
    client, network = pipe.client { headers = JSON, body = '{"generated_text":"Yes \\"é\\""}' }
    path = os.tmpname()
  end)

  after_each(function ()
    os.remove(path)
    client:close()
  end)

  local function session_of (options)
    local given = { format = "mistral-v0.3", system = "Be brief." }
    for name, value in pairs(options or {}) do given[name] = value end
    return assert(client:chat_session(given))
  end

  it("is readable JSON in a fixed order", function ()
    local session = session_of { max_new_tokens = 20, temperature = 0.5, trim_stop = false,
      client_stop = "###", max_input_tokens = 900, adapter_id = "my-repo/3",
      count_tokens = chat.estimate }
    assert(session:send "One?")
    assert.equal('{"version":2,"format":"mistral-v0.3","special_tokens_in_text":"neutralise",'
      .. '"max_input_tokens":900,"trim_stop":false,"client_stop":"###",'
      .. '"parameters":{"adapter_id":"my-repo/3","temperature":0.5,"max_new_tokens":20},'
      .. '"system":"Be brief.","messages":[{"role":"user","content":"One?"},'
      .. '{"role":"assistant","content":"Yes \\"é\\""}]}', (session:save()))
  end)

  it("goes on where it was, from a file and from a string", function ()
    local session = session_of { max_new_tokens = 20, seed = "18446744073709551615" }
    assert(session:send "One?")
    assert.is_true(session:save(path))
    for _, source in ipairs { path, (session:save()) } do
      local again = assert(chat.load(client, source))
      assert.same(session.messages, again.messages)
      assert.equal(session:save(), again:save())
      assert(session:fork():send "Two?")
      assert(again:send "Two?")
      local requests = network.requests
      assert.equal(requests[#requests - 1].body, requests[#requests].body)
    end
    assert.is_nil(io.open(path .. ".part"))
  end)

  it("goes to what a symbolic link leads to, and keeps that file's permissions", function ()
    local folder = scratch.new()
    scratch.write(folder .. "/target", "old")
    assert(uv.fs_chmod(folder .. "/target", 416))
    assert(uv.fs_symlink("target", folder .. "/link"))
    assert.is_true(session_of():save(folder .. "/link"))
    local saved = scratch.read(folder .. "/target")
    local mode = assert(uv.fs_stat(folder .. "/target")).mode % 512
    local kind = assert(uv.fs_lstat(folder .. "/link")).type
    scratch.remove(folder)
    assert.equal((session_of():save()) .. "\n", saved)
    assert.equal(416, mode)                      -- 0640
    assert.equal("link", kind)
  end)

  it("keeps the order of keys and the spelling of numbers", function ()
    local ordered = require "predibase.template.ordered"
    local format = assert(predibase.template.from_tokenizer_config { chat_template =
      "{% for m in messages %}{{ m|tojson }}{% endfor %}{{ tools|tojson }}" })
    local message = '{"tool_calls": [{"z": 1.0, "a": 2}], "role": "assistant", "content": "x"}'
    local schema = '{"type":"object","properties":{"z":{"type":"number","minimum":0.0},"a":{}}}'
    local session = assert(client:chat_session { format = format,
      messages = assert(ordered.decode('[{"role":"user","content":"q"},' .. message .. "]")),
      variables = { tools = assert(ordered.decode '[{"b":1.0,"a":2}]') },
      response_format = { type = "json_object", schema = assert(ordered.decode(schema)) },
      extra = { x = assert(ordered.decode '{"d":1,"c":12345678901234567890}') } })
    local again = assert(chat.load(client, (session:save()), { format = format }))
    assert.equal((session:save()), (again:save()))
    assert.equal("assistant", again.messages[2].role)
    assert(again:send "Go on.")
    local body = network.requests[1].body
    assert.is_truthy(body:find(schema, 1, true), body)
    assert.is_truthy(body:find('{"d":1,"c":12345678901234567890}', 1, true), body)
    local prompt = assert(json.decode(body)).inputs
    assert.is_truthy(prompt:find(message, 1, true), prompt)
    assert.is_truthy(prompt:find('[{"b": 1.0, "a": 2}]', 1, true), prompt)
  end)

  it("is read behind a byte order mark, with the line ends of any system", function ()
    local text = "\239\187\191" .. (session_of():save()):gsub(",", ",\r\n")
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    for _, source in ipairs { path, text } do
      assert.same("Be brief.", assert(chat.load(client, source)).messages[1].content)
    end
  end)

  it("writes an empty conversation", function ()
    local session = session_of { system = nil }
    local again = assert(chat.load(client, (session:save())))
    assert.same(session.messages, again.messages)
  end)

  it("has no token, no headers and no functions", function ()
    local session = session_of { api_token = "hf_SECRET", headers = { ["x-key"] = "SECRET" },
      on_request = print, count_tokens = chat.estimate }
    assert(not session:save():find "SECRET")
    assert.is_table(chat.load(client, (session:save())))
  end)

  it("takes options over what was saved", function ()
    local session = session_of { max_new_tokens = 20 }
    local again = assert(chat.load(client, (session:save()), { max_new_tokens = 3 }))
    assert(again:send "One?")
    assert.equal(3, assert(json.decode(network.requests[1].body)).parameters.max_new_tokens)
  end)

  it("goes on with another adapter", function ()
    local session = session_of { adapter_id = "my-repo/3", adapter_source = "hub" }
    local view = client:adapter "my-repo/4"
    assert(assert(chat.load(view, (session:save()))):send "One?")
    local parameters = assert(json.decode(network.requests[1].body)).parameters
    assert.equal("my-repo/4", parameters.adapter_id)
    assert.equal("pbase", parameters.adapter_source)
  end)

  it("wants a format again that is not built in", function ()
    local format = assert(predibase.template.from_tokenizer_config {
      chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}",
    })
    local session = session_of { format = format }
    local none, err = chat.load(client, (session:save()))
    assert.is_nil(none)
    assert.equal("template", err.kind)
    assert.is_truthy(err.message:find("format", 1, true))
    local again = assert(chat.load(client, (session:save()), { format = format }))
    assert.same(session.messages, again.messages)
  end)

  it("tells why a file cannot be written or read", function ()
    local ok, err = session_of():save "/nonexistent/file"
    assert.is_nil(ok)
    assert.equal("config", err.kind)
    local directory = os.tmpname()
    os.remove(directory)
    os.execute("mkdir " .. directory)
    ok, err = session_of():save(directory)
    os.remove(directory)
    assert.is_nil(ok)
    assert.is_truthy(err.message:find(directory, 1, true), err.message)
    ok, err = chat.load(client, "/nonexistent/file")
    assert.is_nil(ok)
    assert.equal("config", err.kind)
    ok, err = chat.load(client, "/")
    assert.is_nil(ok)
    assert.equal("config", err.kind)
  end)

  it("tells what is wrong with what was saved, and never raises for it", function ()
    local good = assert(json.decode((session_of():save())))
    local function broken (change)
      local copy = {}
      for name, value in pairs(good) do copy[name] = value end
      change(copy)
      return assert(json.encode(copy))
    end
    for i, source in ipairs {
      "{", "{}", '{"version":2}', "{} x",
      broken(function (t) t.version = "1" end),
      broken(function (t) t.messages = nil end),
      broken(function (t) t.messages = "x" end),
      broken(function (t) t.messages = { 3 } end),
      broken(function (t) t.messages = { { role = 3, content = "x" } } end),
      broken(function (t) t.messages = { { role = "user", content = 3 } } end),
      broken(function (t) t.system = 3 end),
      broken(function (t) t.format = 3 end),
      broken(function (t) t.format = "moon" end),
      broken(function (t) t.parameters = 3 end),
      broken(function (t) t.parameters = json.array { 1 } end),
      broken(function (t) t.parameters = { sede = 1 } end),
      broken(function (t) t.parameters = { api_token = "x" } end),
      broken(function (t) t.parameters = { temperature = -1 } end),
      broken(function (t) t.parameters = { response_format = { typ = 1 } } end),
      broken(function (t) t.max_input_tokens = -1 end),
      broken(function (t) t.special_tokens_in_text = "maybe" end),
      broken(function (t) t.variables = 3 end),
    } do
      local session, err = chat.load(client, source)
      assert.is_nil(session, i)
      assert.is_true(predibase.is_error(err), i)
      assert.is_true(err.kind == "validation" or err.kind == "template", i)
    end
    assert.equal(0, #network.requests)
  end)

  it("raises with the line of the caller where the program is wrong", function ()
    for _, f in ipairs {
      function () chat.load(client, 3) end,
      function () chat.load(client, "x", 3) end,
      function () chat.load(client, "x", { sede = 3 }) end,
      function () chat.load(3, "x") end,
    } do
      local ok, message = pcall(f)
      assert.is_false(ok)
      assert.is_truthy(message:find("chat_saved_spec.lua:%d+: "), message)
    end
  end)
end)
