-- SPDX-License-Identifier: MIT
--- The module by itself, and its functions in programs that have an environment of their own.
local child = require "spec.support.child"
local predibase = require "predibase"
local scripted = require "spec.support.scripted"

--- The library's variables, unset: the user's environment must not change the results.
local UNSET = { PREDIBASE_API_TOKEN = "", PREDIBASE_TENANT_ID = "", PREDIBASE_DEPLOYMENT = "",
  PREDIBASE_BASE_URL = "" }

--- Runs a program with environment variables; gives its output and its errors.
local function run (program, environment)
  local all = {}
  for name, value in pairs(UNSET) do all[name] = value end
  for name, value in pairs(environment or {}) do all[name] = value end
  local started = child.start(child.interpreter(), { args = { "-e", program }, env = all })
  local code = started:wait()
  assert.equal("", started.stderr)
  assert.equal(0, code)
  return started.stdout
end

local PRINT_ERROR = [[
  local predibase = require "predibase"
  local result, err = predibase.generate "x"
  io.write(tostring(result), " ", err.kind, ": ", err.message, "\n")
  result, err = predibase.generate "x"
  io.write(tostring(result), " ", err.kind, "\n")
  local stream = predibase.generate_stream "x"
  local token, err = stream:next()
  io.write(tostring(token), " ", err.kind, " ", err.tokens, " ", err.partial_text, "|\n")
  local ok, raised = pcall(function () for _ in predibase.generate_stream "x" do end end)
  io.write(tostring(ok), " ", tostring(predibase.is_error(raised)), "\n")
  local results, why = predibase.generate_many { "x" }:results()
  io.write(tostring(results), " ", why.kind, "\n")
  local given = { info = false, health = false, metrics = false, chat_session = false }
  local given = { info = false, health = false, metrics = false, chat_session = false }
  for _, name in ipairs { "generate_json", "chat_completion_json", "tokenize", "adapter",
    "chat_session", "info", "health", "embed", "classify", "metrics", "request", "with" } do
    local none, problem = predibase[name](given[name] == nil and "x" or nil)
    assert(none == nil and problem.kind == "config")
  end
  local events = predibase.request("GET", "/x", nil, { stream = true })
  assert(select(2, events:next()).kind == "config")
]]

describe("require 'predibase'", function ()
  it("gives the version and the functions of the guide", function ()
    assert.equal(require "predibase.version", predibase._VERSION)
    for _, name in ipairs { "new", "generate", "generate_json", "generate_stream",
      "generate_many", "chat_completion_json", "tokenize", "adapter", "chat_session", "is_error",
      "update", "info", "health", "embed", "classify", "metrics", "request", "with",
      "similarity" } do
      assert.is_function(predibase[name])
    end
    assert.is_function(predibase.template.new)
    assert.is_function(predibase.chat.load)
  end)

  it("sets no global and prints nothing", function ()
    assert.equal("", run [[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      require "predibase"
      local client = assert(require "predibase".new { base_url = "http://127.0.0.1:9" })
      client:generate("x", { max_retries = 0 })
      for name in pairs(_G) do assert(before[name], name) end
    ]])
  end)

  it("leaves the program's own lua-cjson and math.random alone", function ()
    assert.equal("", run [[
      local cjson = require "cjson"
      math.randomseed(7)
      local a = math.random()
      math.randomseed(7)
      require "predibase".new { base_url = "http://127.0.0.1:9" }:generate_stream "x"
      assert(math.random() == a)
      assert(cjson.decode "NaN" ~= 0 and cjson.encode { 0.1 } == "[0.1]")
    ]])
  end)
end)

describe("predibase.is_error", function ()
  it("knows errors of this library from everything else", function ()
    local _, err = predibase.new { base_url = "nonsense" }
    assert.is_true(predibase.is_error(err))
    for _, value in ipairs { "predibase: config: x", { kind = "config" }, 5, true } do
      assert.is_false(predibase.is_error(value))
    end
    assert.is_false(predibase.is_error(nil))
  end)
end)

describe("the functions of the module", function ()
  it("return what the environment lacks as an error, every time", function ()
    local lines = {}
    for line in run(PRINT_ERROR):gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.is_truthy(lines[1]:find "^nil config: ")
    for _, name in ipairs { "PREDIBASE_API_TOKEN", "PREDIBASE_TENANT_ID", "PREDIBASE_DEPLOYMENT",
      "PREDIBASE_BASE_URL" } do
      assert.is_truthy(lines[1]:find(name, 1, true), name)
    end
    assert.same({ "nil config", "nil config 0 |", "false true", "nil config" },
      { lines[2], lines[3], lines[4], lines[5] })
  end)

  it("name the variable that is wrong, and show no token", function ()
    local output = run(PRINT_ERROR, { PREDIBASE_BASE_URL = "http://127.0.0.1:9",
      PREDIBASE_API_TOKEN = "pb_SENTINEL_7f3a\n" })
    assert.is_truthy(output:find("PREDIBASE_API_TOKEN", 1, true))
    assert.is_nil(output:find("SENTINEL", 1, true))
    output = run(PRINT_ERROR, { PREDIBASE_BASE_URL = "gopher://x" })
    assert.is_truthy(output:find("PREDIBASE_BASE_URL", 1, true))
  end)

  it("ask the deployment that the environment names", function ()
    local requests = {}
    local server = scripted.listen(function (connection)
      requests[#requests + 1] = connection.request
      if connection.request:find("^POST /llm/generate_stream ") then
        connection:send(scripted.STREAM .. scripted.token "one" .. scripted.last(" two", "one two"))
      else
        connection:send(scripted.json("200 OK", '{"generated_text":"whole"}'))
      end
      connection:close()
    end)
    local output = run([[
      local predibase = require "predibase"
      io.write(tostring(assert(predibase.generate("x", { max_new_tokens = 3 }))), "\n")
      for token in predibase.generate_stream "y" do io.write(token.text, "|") end
      local stream = predibase.generate_stream "z"
      io.write(assert(stream:text()), "|", stream:result().usage.completion_tokens, "\n")
      for i, result in predibase.generate_many { "w" } do io.write(i, ":", tostring(result)) end
    ]], { PREDIBASE_BASE_URL = server.url .. "/llm/", PREDIBASE_API_TOKEN = "pb_SENTINEL_7f3a" })
    server:close()
    assert.equal("whole\none| two|one two|2\n1:whole", output)
    assert.equal(4, #requests)
    assert.is_truthy(requests[1]:find("^POST /llm/generate HTTP/1%.1\r\n"))
    assert.is_truthy(requests[1]:find('{"inputs":"x","parameters":{"max_new_tokens":3}}', 1, true))
    for _, request in ipairs(requests) do
      assert.is_truthy(request:lower():find("authorization: bearer pb_sentinel_7f3a\r\n", 1, true))
    end
  end)

  it("share one client", function ()
    assert.equal("1 2\n", run([[
      local client = require "predibase.client"
      local made, new = 0, client.new
      client.new = function (...)
        made = made + 1
        return new(...)
      end
      local predibase = require "predibase"
      for _ = 1, 3 do predibase.generate("x", { max_retries = 0 }) end
      predibase.generate_stream("x", { max_retries = 0 }):next()
      io.write(made, " ")
      assert(predibase.new())
      io.write(made, "\n")
    ]], { PREDIBASE_BASE_URL = "http://127.0.0.1:9" }))
  end)

  it("raise for wrong programs like the methods", function ()
    assert.equal("", run([[
      local predibase = require "predibase"
      local ok, message = pcall(predibase.generate, "x", { max_tokens = 5 })
      assert(not ok and message:find 'did you mean "max_new_tokens"', message)
      ok, message = pcall(predibase.generate_stream, 5)
      assert(not ok and message:find "must be a string", message)
      ok, message = pcall(predibase.generate_many, { "x", 5 })
      assert(not ok and message:find "prompt 2 must be a string", message)
      for _, case in ipairs {
        { predibase.tokenize, 5 }, { predibase.adapter, 5 }, { predibase.adapter, "a/1", 5 },
        { predibase.chat_session, 5 }, { predibase.chat_session, { fromat = "x" } },
        { predibase.info, 5 }, { predibase.health, 5 }, { predibase.embed, 5 },
        { predibase.classify, 5 }, { predibase.metrics, 5 }, { predibase.request, "GET", 5 },
      } do
        ok, message = pcall(function () case[1](case[2], case[3]) end)
        assert(not ok and message:find '^%(command line%):%d+: ', message)
      end
      assert(predibase.adapter "my-repo/3":generate("x", { max_retries = 0 }) == nil)
      assert(predibase.tokenize("x", { max_retries = 0 }) == nil)
      assert(predibase.chat_session { format = "chatml" }:send("x", { max_retries = 0 }) == nil)
    ]], { PREDIBASE_BASE_URL = "http://127.0.0.1:9" }))
  end)
end)
