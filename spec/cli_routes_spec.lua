-- SPDX-License-Identifier: MIT
-- once: the command runs as a process of its own
--- The commands for routes without generated text, against the stand-in server.
local child = require "spec.support.child"
local json = require "predibase.json"
local scratch = require "spec.support.scratch"
local server = require "spec.support.server"

local running

local function run (arguments, stdin)
  local args = { "bin/predibase" }
  for _, argument in ipairs(arguments) do args[#args + 1] = argument end
  local program = child.start(child.interpreter(), { args = args, stdin = stdin,
    env = { PREDIBASE_BASE_URL = running.url } })
  return program:wait(), program.stdout, program.stderr
end

local function lines (text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = line end
  return list
end

local function refused (code, pattern, arguments, stdin)
  local found, out, err = run(arguments, stdin)
  assert.equal("", out)
  assert.is_truthy(err:find(pattern), err)
  assert.equal(code, found)
end

describe("the commands for routes without generated text", function ()
  setup(function () running = server.spawn() end)
  teardown(server.stop)

  it("describe themselves", function ()
    for _, name in ipairs { "embed", "classify", "tokenize", "info", "health", "metrics",
      "request" } do
      local code, out, err = run { name, "--help" }
      assert.equal(0, code)
      assert.equal("", err)
      assert.is_truthy(out:find("Usage: predibase " .. name, 1, true))
      assert.is_truthy(out:find("Exit codes:", 1, true))
      for _, line in ipairs(lines(out)) do assert.is_true(#line <= 80, line) end
    end
  end)

  it("embed prints a vector in each line", function ()
    local code, out, err = run { "embed", "The sun is a star." }
    assert.equal("", err)
    assert.equal(0, code)
    local vector = assert(json.decode(out))
    assert.is_true(#vector > 10)
    local _, two = run({ "embed", "--lines", "--batch-size", "1" }, "The sun is a star.\nThe sea\n")
    assert.equal(2, #lines(two))
    assert.equal(out, lines(two)[1] .. "\n")
    local _, object = run({ "embed", "--json" }, "The sun is a star.\n")
    object = assert(json.decode(object))
    assert.equal("The sun is a star.", object.text)
    assert.equal(#vector, #object.embedding)
  end)

  it("classify prints the entities of each text", function ()
    local code, out = run { "classify", "I live in Paris" }
    assert.equal(0, code)
    assert.equal("LOC\t0.998\t11\t15\tParis\n", out)
    local _, of_lines = run({ "classify", "--lines" }, "Nothing here\nI live in Paris\n")
    assert.equal("2\tLOC\t0.998\t11\t15\tParis\n", of_lines)
    local _, object = run { "classify", "--json", "I live in Paris" }
    assert.same({ text = "I live in Paris", entities = { { entity_group = "LOC", score = 0.998,
      word = "paris", first = 11, last = 15 } } }, json.decode(object))
    refused(3, "base model", { "classify", "--adapter-id", "r/1", "x" })
  end)

  it("tokenize prints tokens or their number", function ()
    local code, out = run { "tokenize", "Where is" }
    assert.equal(0, code)
    assert.is_truthy(lines(out)[1]:find "^%d+\t<s>$")
    local _, count = run { "tokenize", "--count", "Where is" }
    assert.equal(#lines(out), tonumber(count))
    local _, without = run { "tokenize", "--count", "--no-special-tokens", "Where is" }
    assert.equal(tonumber(count) - 1, tonumber(without))
    local _, object = run({ "tokenize", "--json", "--lines" }, "a\nb\n")
    assert.equal(2, #lines(object))
    assert.equal("b", json.decode(lines(object)[2]).text)
  end)

  it("info, health and metrics ask the server", function ()
    local code, out = run { "info" }
    assert.equal(0, code)
    assert.is_truthy(out:find("model_id: predibase/stand-in\n", 1, true))
    local _, object = run { "info", "--json" }
    assert.equal("predibase/stand-in", assert(json.decode(object)).model_id)
    assert.same({ 0, "ok\n", "" }, { run { "health" } })
    local _, text = run { "metrics" }
    assert.is_truthy(text:find("# TYPE lorax_request_count counter", 1, true))
    local _, objects = run { "metrics", "--json" }
    local found
    for _, line in ipairs(lines(objects)) do
      local metric = assert(json.decode(line))
      if metric.name == "lorax_request_count" then found = metric end
    end
    assert.equal("counter", found.type)
    assert.is_number(found.value)
  end)

  it("request sends anything below the address", function ()
    local code, out = run { "request", "get", "/info" }
    assert.equal(0, code)
    assert.equal("predibase/stand-in", assert(json.decode(out)).model_id)
    local _, object = run { "request", "GET", "/info", "--json" }
    object = assert(json.decode(object))
    assert.equal(200, object.status)
    assert.equal("predibase/stand-in", object.json.model_id)
    assert.equal("application/json", object.headers["content-type"])
    local _, tokens = run({ "request", "POST", "/tokenize", "-" }, '{"inputs":"a"}')
    assert.is_truthy(tokens:find('"id"', 1, true))
    local _, events = run { "request", "POST", "/generate_stream", "--stream",
      '{"inputs":"a","parameters":{"max_new_tokens":2}}' }
    assert.equal(2, #lines(events))
    assert.is_truthy(json.decode(lines(events)[2]).generated_text)
    local _, text = run { "request", "GET", "/metrics", "--accept", "text/plain" }
    assert.is_truthy(text:find("# TYPE", 1, true))
  end)

  it("have the exit codes of the other commands", function ()
    refused(6, "not_found", { "request", "GET", "/nope" })
    refused(3, "stays below", { "request", "GET", "/../x" })
    refused(3, "cannot be empty", { "request", "POST", "/generate", '{"inputs":""}' })
    refused(64, "METHOD takes GET", { "request", "HEAD", "/info" })
    refused(64, "has no body", { "request", "GET", "/info", "{}" })
    refused(64, "batch%-size takes a whole number", { "embed", "--batch-size", "0", "x" })
    refused(64, "put the text in quotes", { "embed", "two", "words" })
    refused(64, "cannot be combined", { "embed", "--lines", "x" })
    refused(64, "cannot be combined", { "classify", "--file", "x", "y" })
    refused(64, "No such file", { "tokenize", "--file", "/does/not/exist" })
    refused(64, "No such file", { "request", "POST", "/x", "@/does/not/exist" })
    refused(64, "unknown option", { "embed", "--adapter-idd", "x" })
    refused(2, "%-%-server must be", { "embed", "--server", "vllm", "x" })
    refused(14, "connection",
      { "health", "--base-url", "http://127.0.0.1:1", "--max-retries", "0" })
  end)
end)

describe("predibase generate --schema", function ()
  local folder

  setup(function ()
    running = server.spawn()
    folder = scratch.new()
  end)
  teardown(function ()
    scratch.remove(folder)
    server.stop()
  end)

  local function schema (text)
    local path = folder .. "/schema.json"
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    return path
  end

  local GOOD = [[{ "type": "object", "properties": {
    "zone": { "type": "string", "maxLength": 5 }, "age": { "type": "integer" } },
    "required": ["zone", "age"] }]]

  it("prints the value, in the order of the schema", function ()
    local code, out, err = run { "generate", "--schema", schema(GOOD), "x" }
    assert.equal("", err)
    assert.equal(0, code)
    assert.is_truthy(out:find('^{"zone":"[^"]*","age":%d+}\n$'), out)
    local _, object = run { "generate", "--schema", schema(GOOD), "--json", "x" }
    assert.equal(out, assert(json.decode(object)).generated_text .. "\n")
  end)

  it("says what is wrong, on standard error alone", function ()
    refused(10, "raise %-%-max%-new%-tokens",
      { "generate", "--schema", schema(GOOD), "--max-new-tokens", "3", "x" })
    refused(3, "must be \"object\" or \"array\"",
      { "generate", "--schema", schema '{"type":"string"}', "x" })
    refused(3, "schema%.type", { "generate", "--schema", schema '{"type":"strin"}', "x" })
    refused(64, "%-%-schema is not JSON", { "generate", "--schema", schema "{", "x" })
    refused(64, "No such file", { "generate", "--schema", "/does/not/exist", "x" })
    refused(64, "cannot be combined", { "generate", "--schema", schema(GOOD),
      "--response-format", '{"type":"json_object"}', "x" })
  end)
end)
