-- SPDX-License-Identifier: MIT
-- once: the command runs as a process of its own
local child = require "spec.support.child"
local json = require "predibase.json"
local scripted = require "spec.support.scripted"
local version = require "predibase.version"

local SIGINT, SIGPIPE_STATUS = 2, 141

-- Starts bin/predibase with the Lua that runs this spec.
local function start (arguments, options)
  options = options or {}
  local args = { "bin/predibase" }
  for _, argument in ipairs(arguments) do args[#args + 1] = argument end
  return child.start(child.interpreter(), {
    args = args, env = options.env, stdin = options.stdin, keep_stdin = options.keep_stdin,
  })
end

local function run (arguments, options)
  local program = start(arguments, options)
  return program:wait(), program.stdout, program.stderr
end

-- Runs `use(server)` with a server that answers by `handle`, and ends the server.
local function with_server (handle, use)
  local server = scripted.listen(handle)
  local ok, err = pcall(use, server)
  server:close()
  if not ok then error(err, 0) end
end

local function say_two_tokens (connection)
  connection:send(scripted.STREAM .. scripted.token("one") .. scripted.last(" two", "one two"))
  connection:close()
end

-- The request's JSON body.
local function body_of (connection)
  return json.decode(connection.request:match "\r\n\r\n(.*)$")
end

describe("predibase", function ()
  it("prints its version", function ()
    local code, out, err = run { "--version" }
    assert.equal("predibase " .. version .. "\n", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("prints help with the exit codes", function ()
    for _, arguments in ipairs { { "--help" }, { "generate", "--help" }, { "chat", "--help" },
      { "batch", "--help" }, { "batch", "merge", "--help" }, { "doctor", "--help" },
      { "mock", "--help" } } do
      local code, out, err = run(arguments)
      assert.equal(0, code)
      assert.equal("", err)
      assert.is_truthy(out:find "Usage: predibase")
      assert.is_truthy(out:find "Exit codes:")
      -- `mock` lists only its own exit codes.
      assert.equal(arguments[1] ~= "mock", out:find "authentication" ~= nil)
      for line in out:gmatch "[^\n]+" do assert.is_true(#line <= 80, line) end
    end
  end)

  it("fails when its output cannot be written", function ()
    local full = io.open "/dev/full"            -- not every system has it
    if not full then return pending "no /dev/full" end
    full:close()
    for _, arguments in ipairs { "--help", "--version", "generate --help", "chat -h", "mock --help",
      "mock --port 0 --max-seconds 60" } do
      local program = child.start("sh", { args = { "-c",
        ("%s bin/predibase %s >/dev/full"):format(child.interpreter(), arguments) } })
      assert.equal(1, program:wait(), arguments)
      assert.is_truthy(program.stderr:find "^predibase: standard output: [^\n]+\n")
    end
  end)

  it("fails when it was started without standard output", function ()
    with_server(say_two_tokens, function (server)
      for _, arguments in ipairs { "--help", "mock --max-seconds 60",
        "generate --base-url " .. server.url .. " x" } do
        local program = child.start("sh", { args = { "-c",
          ("%s bin/predibase %s >&-"):format(child.interpreter(), arguments) } })
        assert.equal(1, program:wait(), arguments)
        assert.is_truthy(program.stderr:find "^predibase: standard output: [^\n]+\n$")
      end
    end)
  end)

  it("exits with 64 for wrong arguments", function ()
    for _, arguments in ipairs {
      {}, { "sing" }, { "generate", "--frobnicate" }, { "generate", "--top-k", "x", "hello" },
      { "generate", "a", "b" }, { "generate", "--file", "/nonexistent" },
      { "generate", "--api-token", "pb_x", "hello" }, { "mock", "--port", "x" },
    } do
      local code, out, err = run(arguments)
      assert.equal(64, code)
      assert.equal("", out)
      assert.is_truthy(err:find "^predibase: ")
      assert.is_nil(err:find "traceback")
    end
  end)
end)

describe("predibase generate", function ()
  it("exits with 2 and a hint when no service is named", function ()
    local code, out, err = run { "generate", "hello" }
    assert.equal(2, code)
    assert.equal("", out)
    assert.is_truthy(err:find "PREDIBASE_")
    assert.is_truthy(err:find("\n  ", 1, true))
  end)

  it("exits with 64 for a wrong name inside JSON", function ()
    local code, out, err = run { "generate", "--base-url", "http://127.0.0.1:9",
      "--response-format", '{"typ":"text"}', "hello" }
    assert.equal(64, code)
    assert.equal("", out)
    assert.equal('predibase: unknown field of --response-format "typ"; did you mean "type"?\n',
      err)
  end)

  it("exits by the status, not by the server's words", function ()
    with_server(function (connection)
      connection:send(scripted.json("404 Not Found", '{"error":"interrupted!"}'))
      connection:close()
    end, function (server)
      local code, _, err = run { "generate", "--base-url", server.url, "hello" }
      assert.equal(6, code)
      assert.is_truthy(err:find("interrupted!", 1, true))
    end)
  end)

  it("exits with 3 for a bad value, before anything is sent", function ()
    with_server(function () error "asked" end, function (server)
      local code, _, err = run { "generate", "--base-url", server.url, "--temperature", "-1", "x" }
      assert.equal(3, code)
      assert.is_truthy(err:find("--temperature must be non-negative", 1, true))
    end)
  end)

  it("prints each piece as it arrives", function ()
    local connection
    with_server(function (c) connection = c end, function (server)
      local program = start { "generate", "--base-url", server.url, "hello" }
      child.wait(function () return connection or program.code end, "the request")
      connection:send(scripted.STREAM .. scripted.token("first"))
      program:wait_for("first")
      assert.equal("first", program.stdout)
      connection:send(scripted.token(" second") .. scripted.token("</s>", true))
      program:wait_for("second")
      connection:send(scripted.last(" third", "first second third"))
      connection:close()
      assert.equal(0, program:wait())
      assert.equal("first second third", program.stdout)
      assert.equal("", program.stderr)
    end)
  end)

  it("sends the prompt from arguments, standard input or a file", function ()
    local prompts = {}
    local function remember (connection)
      prompts[#prompts + 1] = body_of(connection).inputs
      say_two_tokens(connection)
    end
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write("from a file\n")
    file:close()
    with_server(remember, function (server)
      local env = { PREDIBASE_BASE_URL = server.url }
      assert.equal(0, (run({ "generate", "as an argument" }, { env = env })))
      assert.equal(0, (run({ "generate" }, { env = env, stdin = "from input\n" })))
      assert.equal(0, (run({ "generate", "-" }, { env = env, stdin = "é\n\n" })))
      assert.equal(0, (run({ "generate", "--file", path }, { env = env })))
      assert.equal(0, (run({ "generate", "--file", "-" }, { env = env, stdin = "dash" })))
    end)
    os.remove(path)
    assert.same({ "as an argument", "from input", "é\n", "from a file", "dash" }, prompts)
  end)

  it("sends every parameter that is given", function ()
    local body, text
    with_server(function (connection)
      body, text = body_of(connection), connection.request
      say_two_tokens(connection)
    end, function (server)
      local code, _, err = run {
        "generate", "--base-url", server.url, "--max-new-tokens", "7", "--temperature", "0.5",
        "--seed", "18446744073709551615", "--stop", "a", "--stop", "b", "--frequency-penalty",
        "-1", "--adapter-id", "mine/1", "--do-sample", "--extra", 'field={"a":[1]}',
        "--extra", 'exact={"z":[],"n":12345678901234567890}', "hello",
      }
      assert.equal("", err)
      assert.equal(0, code)
    end)
    local sent = body.parameters
    assert.equal(7, sent.max_new_tokens)
    assert.equal(0.5, sent.temperature)
    assert.same({ "a", "b" }, sent.stop)
    assert.equal(-1, sent.frequency_penalty)
    assert.equal("mine/1", sent.adapter_id)
    assert.equal("pbase", sent.adapter_source)
    assert.is_true(sent.do_sample)
    assert.equal(1, sent.field.a[1])
    assert.is_truthy(text:find('"exact":{"z":[],"n":12345678901234567890}', 1, true))
    assert.equal("18446744073709551615", json.encode(sent.seed):match "%d+")
  end)

  it("prints one token per line and then the result with --json", function ()
    with_server(say_two_tokens, function (server)
      local code, out = run { "generate", "--base-url", server.url, "--json", "hello" }
      assert.equal(0, code)
      local lines = {}
      for line in out:gmatch "([^\n]*)\n" do lines[#lines + 1] = assert(json.decode(line)) end
      assert.equal(3, #lines)
      assert.equal("one", lines[1].text)
      assert.equal(-0.5, lines[1].logprob)
      assert.equal(" two", lines[2].text)
      assert.equal("one two", lines[3].generated_text)
      assert.equal("length", lines[3].details.finish_reason)
      assert.equal(42, lines[3].details.seed)
      assert.equal('{"id":5,', out:sub(1, 8))
    end)
  end)

  it("waits for the whole answer with --no-stream", function ()
    local request
    local function answer (connection)
      request = connection.request
      connection:send(scripted.json("200 OK", '{"generated_text":"whole","details":'
        .. '{"finish_reason":"length","prompt_tokens":1,"generated_tokens":1,"prefill":[]}}'))
      connection:close()
    end
    with_server(answer, function (server)
      local code, out, err = run {
        "generate", "--base-url", server.url, "--no-stream", "--details", "hello",
      }
      assert.equal(0, code)
      assert.equal("whole\n", out)
      assert.is_truthy(request:find "^POST /generate HTTP")
      assert.equal("length", json.decode(err).details.finish_reason)

      code, out = run { "generate", "--base-url", server.url, "--no-stream", "--json", "hello" }
      assert.equal(0, code)
      assert.equal("whole", json.decode(out).generated_text)
      assert.is_truthy(out:find('"prefill":[]', 1, true))
    end)
  end)

  it("prints tokens and times on standard error with --stats", function ()
    with_server(say_two_tokens, function (server)
      local code, out, err = run { "generate", "--base-url", server.url, "--stats", "hello" }
      assert.equal(0, code)
      assert.equal("one two\n", out)
      assert.is_truthy(err:find "^2 tokens, first token after %d+%.%d+ s, .*%d+%.%d+ s in all\n$")
    end)
  end)

  it("ends the line only when something is printed on standard error", function ()
    local function half (connection)
      connection:send(scripted.STREAM .. scripted.token("half"))
      connection:close()
    end
    local none = function (connection)
      connection:send(scripted.STREAM)
      connection:close()
    end
    for _, case in ipairs {
      { say_two_tokens, "", "one two" }, { say_two_tokens, "--stats", "one two\n2 tokens, " },
      { say_two_tokens, "--details", "one two\n{" }, { half, "", "half\npredibase: " },
      { none, "--max-retries 0", "predibase: " },
    } do
      with_server(case[1], function (server)
        local program = child.start("sh", { args = { "-c",
          ("%s bin/predibase generate --base-url %s %s x 2>&1"):format(child.interpreter(),
            server.url, case[2]) } })
        program:wait()
        local out = program.stdout
        assert.equal(case[3], #out > #case[3] and out:sub(1, #case[3]) or out)
        if case[2] == "" and case[1] == say_two_tokens then assert.equal(case[3], out) end
      end)
    end
  end)

  it("exits by the kind of the error", function ()
    for status, expected in pairs {
      ["401 Unauthorized"] = 4, ["403 Forbidden"] = 5, ["404 Not Found"] = 6,
      ["422 Unprocessable Entity"] = 3, ["500 Internal Server Error"] = 17,
    } do
      with_server(function (connection)
        connection:send(scripted.json(status, '{"error":"said the server"}'))
        connection:close()
      end, function (server)
        local code, out, err = run {
          "generate", "--base-url", server.url, "--max-retries", "0", "hello",
        }
        assert.equal(expected, code, status)
        assert.equal("", out)
        assert.is_truthy(err:find "^predibase: [^\n]*said the server")
      end)
    end
  end)

  it("exits with 14 when there is no server", function ()
    local server = scripted.listen(say_two_tokens)
    server:close()
    local code, _, err = run { "generate", "--base-url", server.url, "--max-retries", "0", "x" }
    assert.equal(14, code)
    assert.is_truthy(err:find "^predibase: connection: ")
  end)

  it("keeps what it printed and exits with 10 when the stream is cut", function ()
    with_server(function (connection)
      connection:send(scripted.STREAM .. scripted.token("half"))
      connection:close()
    end, function (server)
      local code, out, err = run { "generate", "--base-url", server.url, "hello" }
      assert.equal(10, code)
      assert.equal("half\n", out)
      assert.is_truthy(err:find "^predibase: incomplete_generation: ")
    end)
  end)

  it("closes the stream and exits with 130 on Ctrl-C", function ()
    local connection
    with_server(function (c) connection = c end, function (server)
      local program = start { "generate", "--base-url", server.url, "hello" }
      child.wait(function () return connection or program.code end, "the request")
      connection:send(scripted.STREAM .. scripted.token("first"))
      program:wait_for("first")
      program:kill(SIGINT)
      assert.equal(130, program:wait())
      assert.equal("first", program.stdout)
      assert.equal("", program.stderr)
      assert.is_nil(program.stderr:find "interrupted")
      child.wait(function () return connection.closed end, "the end of the connection")
    end)
  end)

  it("exits with 130 on Ctrl-C before the first token, and without streaming", function ()
    for _, flag in ipairs { "--details", "--no-stream" } do
      local connection
      with_server(function (c) connection = c end, function (server)
        local program = start { "generate", "--base-url", server.url, flag, "hello" }
        child.wait(function () return connection or program.code end, "the request")
        program:kill(SIGINT)
        assert.equal(130, program:wait())
        assert.equal("", program.stdout .. program.stderr)
      end)
    end
  end)

  it("ends without a message when the reader of its output has ended", function ()
    local function go_on (connection)
      -- More than a pipe can hold, so that a write fails.
      connection:send(scripted.STREAM .. scripted.token("a piece of text"):rep(20000)
        .. scripted.last(".", "long"))
      connection:close()
    end
    for _, prefix in ipairs { "", "trap '' PIPE; " } do
      with_server(go_on, function (server)
        local program = child.start("sh", { args = { "-c", prefix
          -- By the time the reader begins, LuaJIT has compiled what writes.
          .. ('{ %s bin/predibase generate --base-url %s x; echo "status $?" >&2; } '
            .. '| { sleep 0.5; head -c 10; }')
            :format(child.interpreter(), server.url) } })
        assert.equal(0, program:wait())
        assert.equal("a piece of", program.stdout)
        assert.equal(("status %d\n"):format(SIGPIPE_STATUS), program.stderr)
      end)
    end
  end)

  it("shows the token only to the server", function ()
    local token, request = "pb_only_for_the_server", nil
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write(token, "\n")
    file:close()
    local function refuse (connection)
      request = connection.request
      connection:send(scripted.json("401 Unauthorized",
        ('{"error":"bad token %s"}'):format(token)))
      connection:close()
    end
    with_server(refuse, function (server)
      for _, way in ipairs {
        { { "generate", "--base-url", server.url, "x" }, { PREDIBASE_API_TOKEN = token } },
        { { "generate", "--base-url", server.url, "--token-file", path, "x" }, {} },
      } do
        request = nil
        local code, out, err = run(way[1], { env = way[2] })
        assert.equal(4, code)
        assert.is_truthy(request:find("Bearer " .. token, 1, true))
        assert.is_nil((out .. err):find(token, 1, true))
      end
    end)
    os.remove(path)
  end)
end)

describe("predibase mock", function ()
  -- Runs `use(url, server)` while the command runs, and ends it.
  local function with_mock (env, use)
    local server = start({ "mock", "--delay", "0" }, { env = env, keep_stdin = true })
    local ok, err = pcall(function ()
      server:wait_for("\n")
      use(server.stdout:match "http://127%.0%.0%.1:%d+", server)
    end)
    if not server.code then server:kill(SIGINT) end
    local code = server:wait()
    if not ok then error(err, 0) end
    assert.equal(0, code)
    assert.equal("", server.stderr)
  end

  it("prints its URL, answers predibase generate, and ends on Ctrl-C", function ()
    with_mock({}, function (url, server)
      server:wait_for("\nexport PREDIBASE_BASE_URL=" .. url .. "\n")
      local code, out, err = run { "generate", "--base-url", url, "--max-new-tokens", "12",
        "--seed", "7", "--do-sample", "--details", "Tell me a story." }
      assert.equal(0, code, err)
      assert.is_true(#out > 0)
      local details = json.decode(err).details
      assert.equal(12, details.generated_tokens)
      assert.equal(7, details.seed)
      local _, again = run { "generate", "--base-url", url, "--max-new-tokens", "12", "--seed",
        "7", "--do-sample", "--no-stream", "Tell me a story." }
      assert.equal(out, again .. "\n")
    end)
  end)

  it("has no TLS, and generate says so without a hint about authorities", function ()
    with_mock({}, function (url)
      local code, _, err = run { "generate", "--base-url", (url:gsub("^http:", "https:")),
        "--max-retries", "0", "x" }
      assert.equal(15, code)
      assert.is_truthy(err:find("the server does not use TLS; did you mean http://", 1, true))
      assert.is_nil(err:find("ca-file", 1, true))
    end)
  end)

  it("takes the token that clients must send from the environment", function ()
    with_mock({ PREDIBASE_MOCK_TOKEN = "pb_mine" }, function (url, server)
      local arguments = { "generate", "--base-url", url, "--max-new-tokens", "1", "x" }
      assert.equal(4, (run(arguments)))
      assert.equal(0, (run(arguments, { env = { PREDIBASE_API_TOKEN = "pb_mine" } })))
      assert.is_nil((server.stdout .. server.stderr):find "pb_mine")
    end)
  end)

  it("says what is wrong with its options, as they were typed", function ()
    for _, case in ipairs {
      { "--port", "70000", "--port must be from 0 to 65535, got 70000" },
      { "--port", "-1", "--port takes a whole number, got '-1'" },
      { "--host", "0.0.0.0", "--host must be a loopback address (127.0.0.1, ::1, localhost), "
        .. 'got "0.0.0.0"' },
      { "--delay", "-1", "--delay must not be negative" },
      { "--max-seconds", "-.5", "--max-seconds must not be negative" },
      { "--max-requests", "1.5", "--max-requests takes a whole number, got '1.5'" },
    } do
      local code, out, err = run { "mock", case[1], case[2] }
      assert.equal(64, code)
      assert.equal("", out)
      assert.equal("predibase: " .. case[3] .. "\n  see predibase mock --help\n", err)
    end
  end)

  it("exits with 1 when its port is in use", function ()
    with_server(function () end, function (server)
      local code, out, err = run { "mock", "--port", server.url:match "%d+$" }
      assert.equal(1, code)
      assert.equal("", out)
      assert.is_truthy(err:find "^predibase: cannot listen on 127%.0%.0%.1 port %d+: EADDRINUSE")
    end)
  end)
end)
