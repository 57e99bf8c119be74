-- SPDX-License-Identifier: MIT
-- once: the command runs as a process of its own
local child = require "spec.support.child"
local json = require "predibase.json"
local scratch = require "spec.support.scratch"
local scripted = require "spec.support.scripted"
local secrecy = require "spec.support.secrecy"
local verbose = require "predibase.cli.verbose"

local TOKEN = secrecy.TOKEN
local ENV = { PREDIBASE_API_TOKEN = TOKEN }

-- Runs the command against a server that answers by `handle`. Returns the exit code, standard
-- output and standard error.
local function run (arguments, handle, stdin)
  local server = scripted.listen(handle)
  local args = { "bin/predibase" }
  for _, argument in ipairs(arguments) do args[#args + 1] = argument end
  args[#args + 1] = "--base-url"
  args[#args + 1] = server.url
  args[#args + 1] = "--verbose"
  local program = child.start(child.interpreter(), { args = args, env = ENV, stdin = stdin })
  local code = program:wait()
  server:close()
  return code, program.stdout, program.stderr
end

local function two_tokens (connection)
  connection:send(scripted.STREAM .. scripted.token("one") .. scripted.last(" two", "one two"))
  connection:close()
end

-- Echoes the request and the token in every part of the answer.
local function echo (connection)
  local body = json.encode { error = "no: " .. connection.request, error_type = TOKEN }
  connection:send(("HTTP/1.1 401 %s\r\ncontent-type: application/json\r\nx-echo: %s\r\n"):format(
    TOKEN, TOKEN) .. ("set-cookie: a=%s\r\nlocation: http://u:%s@h/?token=%s\r\n"):format(TOKEN,
    TOKEN, TOKEN) .. ("connection: close\r\ncontent-length: %d\r\n\r\n%s"):format(#body, body))
  connection:close()
end

local function has (text, part)
  assert.is_truthy(text:find(part, 1, true), part .. " is not in:\n" .. text)
end

describe("--verbose", function ()
  it("shows on standard error what is sent and received, and leaves the output alone", function ()
    local code, out, err = run({ "generate", "--json", "hello" }, two_tokens)
    assert.equal(0, code)
    local count = 0
    for line in out:gmatch "[^\n]+" do
      assert(json.decode(line))
      count = count + 1
    end
    assert.equal(3, count)
    has(err, " > POST /generate_stream HTTP/1.1\n")
    has(err, " > authorization: Bearer [redacted]\n")
    has(err, ' > {"inputs":"hello"')
    has(err, " < HTTP/1.1 200 OK\n")
    has(err, ' < data:{"token":{"id":5,"text":"one"')
    has(err, " * Connected to 127.0.0.1")
    for line in err:gmatch "[^\n]+" do
      assert.is_truthy(line:find "^#1 %d+%.%d%d%d [*<>] ", line)
    end
    assert.is_nil(err:find(TOKEN, 1, true))
  end)

  it("says why a call is tried again", function ()
    local count = 0
    local code, out, err = run({ "generate", "hello" }, function (connection)
      count = count + 1
      if count > 1 then return two_tokens(connection) end
      connection:send(scripted.json("503 Service Unavailable",
        '{"error":"busy","error_type":"overloaded"}'))
      connection:close()
    end)
    assert.equal(0, code)
    assert.equal("one two", out)
    has(err, "* attempt 1 failed: overloaded: busy")
    has(err, "#2 ")
  end)

  it("never shows the token, whatever the command and the server do", function ()
    local folder = scratch.new()
    scratch.write(folder .. "/rows.txt", "a\nb\n")
    for _, arguments in ipairs {
      { "generate", "hello" }, { "generate", "--no-stream", TOKEN }, { "embed", "x" },
      { "classify", "x" }, { "tokenize", "x" }, { "info" }, { "health" }, { "metrics" },
      { "doctor" }, { "request", "GET", "/x?api_key=" .. TOKEN }, { "chat", "--format", "llama-3" },
      { "request", "POST", "/x", '{"token":"' .. TOKEN .. '"}' },
      { "generate", "--adapter-id", "a/1", "--header", "X-Secret: " .. TOKEN, "hello" },
      { "batch", folder .. "/rows.txt", "--max-retries", "0" },
    } do
      local what = table.concat(arguments, " ")
      local code, out, err = run(arguments, echo, "a question\n")
      assert.is_true(code ~= 0, what)
      has(err, " < HTTP/1.1 401")
      assert.is_nil(err:find(TOKEN, 1, true), what .. "\n" .. err)
      assert.is_nil(err:find("SENTINEL", 1, true), what .. "\n" .. err)
      assert.is_nil(out:find(TOKEN, 1, true), what)
    end
    scratch.remove(folder)
  end)

  it("replaces control characters, which a terminal would obey", function ()
    local text = verbose.lines { kind = "body", text = "a\27[31mb\r\nc", size = 9, request = 3,
      time = 1.5 }
    assert.equal("#3 1.500 < (body of 9 bytes)\n#3 1.500 < a\239\191\189[31mb\n#3 1.500 < c\n",
      text)
    has(verbose.lines { kind = "sent", text = "x", size = 100000, request = 1, time = 0 },
      "(body of 100000 bytes, shown in part)")
  end)
end)
