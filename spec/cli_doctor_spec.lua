-- SPDX-License-Identifier: MIT
-- once: the command runs as a process of its own
--- `predibase doctor` in front of servers with one problem each.

local child = require "spec.support.child"
local errors = require "predibase.errors"
local https = require "spec.support.https"
local json = require "predibase.json"
local leak = require "spec.support.leak"
local scratch = require "spec.support.scratch"
local server = require "spec.support.server"
local uv = require "luv"

local TOKEN = leak.TOKEN

-- Runs the command; returns its exit code, the lines by check, and all output.
local function doctor (arguments, env)
  local args = { "bin/predibase", "doctor" }
  for _, argument in ipairs(arguments) do args[#args + 1] = argument end
  local program = child.start(child.interpreter(), { args = args, env = env })
  local code = program:wait()
  local all = program.stdout .. program.stderr
  assert.is_nil(all:find(TOKEN, 1, true), "the token was printed")
  if arguments.json then return code, nil, all end
  local lines, order = {}, {}
  for line in program.stdout:gmatch "[^\n]+" do
    local check, state, text = line:match "^(%l+) +(%l+) +(.+)$"
    assert.is_string(check, line)
    lines[check] = { state = state, text = text }
    order[#order + 1] = check
  end
  assert.same({ "configuration", "network", "tls", "token", "deployment" }, order)
  return code, lines, all
end

-- Checks the states of all lines, of which the first that is not given is "skipped".
local function has (lines, states)
  local seen = {}
  for check, line in pairs(lines) do seen[check] = line.state end
  assert.same(states, seen)
end

local SKIPPED = "skipped"

describe("predibase doctor", function ()
  local model, testbed

  after_each(function ()
    model = nil
    server.stop()
  end)

  local function start (script, options)
    options = options or {}
    options.script = script
    model = server.spawn(options)
    return model.url
  end

  it("finds nothing wrong, and tells where the settings come from", function ()
    local url = start()
    local code, lines = doctor({}, { PREDIBASE_BASE_URL = url, PREDIBASE_API_TOKEN = TOKEN,
      PREDIBASE_TENANT_ID = "unused" })
    assert.equal(0, code)
    has(lines, { configuration = "ok", network = "ok", tls = "ok", token = "ok",
      deployment = "ok" })
    assert.equal(url .. " from PREDIBASE_BASE_URL; token from PREDIBASE_API_TOKEN; "
      .. "not used: PREDIBASE_TENANT_ID", lines.configuration.text)
    assert.matches("^127%.0%.0%.1:%d+ is reached, the first request took", lines.network.text)
    assert.equal("the server accepts it", lines.token.text)
    assert.equal("predibase/stand-in, at most 1792 tokens of prompt, 2048 with the answer, "
      .. "1024 requests at once", lines.deployment.text)
    local paths = {}
    for i, entry in ipairs(model:log()) do paths[i] = entry.method .. " " .. entry.path end
    assert.same({ "GET /health", "GET /info" }, paths)
  end)

  it("prints JSON", function ()
    local code, _, out = doctor({ "--json", "--base-url", start(), json = true })
    assert.equal(0, code)
    local checks = {}
    for line in out:gmatch "[^\n]+" do
      local value = assert(json.decode(line))
      assert.equal("ok", value.state)
      checks[#checks + 1] = value.check
    end
    assert.same({ "configuration", "network", "tls", "token", "deployment" }, checks)
  end)

  it("names every setting that is missing", function ()
    local code, lines = doctor({})
    assert.equal(errors.kinds.config.exit, code)
    has(lines, { configuration = "problem", network = SKIPPED, tls = SKIPPED, token = SKIPPED,
      deployment = SKIPPED })
    for _, word in ipairs { "--tenant-id", "PREDIBASE_DEPLOYMENT", "--token-file",
      "PREDIBASE_BASE_URL" } do
      assert.is_truthy(lines.configuration.text:find(word, 1, true), lines.configuration.text)
    end
  end)

  it("does not print a bad token, or one that is a flag", function ()
    local code, lines = doctor({ "--base-url", "http://127.0.0.1:1" },
      { PREDIBASE_API_TOKEN = TOKEN .. "\n" })
    assert.equal(errors.kinds.config.exit, code)
    assert.matches("newline", lines.configuration.text)
    local path = scratch.new()
    scratch.write(path .. "/token", TOKEN .. "\n")
    code, lines = doctor { "--base-url", start(), "--token-file", path .. "/token" }
    scratch.remove(path)
    assert.equal(0, code)
    assert.matches("token from %-%-token%-file$", lines.configuration.text)
  end)

  it("tells that nothing listens at the address", function ()
    local probe = uv.new_tcp()
    assert(probe:bind("127.0.0.1", 0))
    local port = probe:getsockname().port
    local code, lines = doctor { "--base-url", "http://127.0.0.1:" .. port }
    probe:close()
    uv.run "nowait"
    assert.equal(errors.kinds.connection.exit, code)
    has(lines, { configuration = "ok", network = "problem", tls = SKIPPED, token = SKIPPED,
      deployment = SKIPPED })
    assert.matches("Connection refused", lines.network.text)
    assert.matches("check the address", lines.network.text)
  end)

  it("tells that the name has no address", function ()
    local code, lines = doctor { "--base-url", "http://no-such-host.invalid", "--no-proxy" }
    assert.equal(errors.kinds.connection.exit, code)
    has(lines, { configuration = "ok", network = "problem", tls = SKIPPED, token = SKIPPED,
      deployment = SKIPPED })
    assert.matches("check the name of the host", lines.network.text)
  end)

  it("tells that the server accepts connections and does not answer", function ()
    local url = start { ["/health"] = { raw = { { hold = true } } },
      ["/info"] = { raw = { { hold = true } } } }
    local code, lines = doctor { "--base-url", url, "--timeout", "0.3" }
    assert.equal(errors.kinds.timeout.exit, code)
    has(lines, { configuration = "ok", network = "ok", tls = "ok", token = SKIPPED,
      deployment = "problem" })
    assert.matches("starting", lines.deployment.text)
  end)

  it("tells that the server closes the connection", function ()
    local url = start { ["/health"] = { raw = { { close = true } } } }
    local code, lines = doctor { "--base-url", url }
    assert.equal(errors.kinds.connection.exit, code)
    assert.equal("problem", lines.network.state)
    assert.matches("try again", lines.network.text)
  end)

  it("tells that a token is refused, and which one", function ()
    local url = start(nil, { token = "pb_another_token" })
    local code, lines = doctor({ "--base-url", url }, { PREDIBASE_API_TOKEN = TOKEN })
    assert.equal(errors.kinds.authentication.exit, code)
    has(lines, { configuration = "ok", network = "ok", tls = "ok", token = "problem",
      deployment = SKIPPED })
    assert.matches("replace the token of PREDIBASE_API_TOKEN$", lines.token.text)
    code, lines = doctor { "--base-url", url }
    assert.equal(errors.kinds.authentication.exit, code)
    assert.matches("the server needs a token: set PREDIBASE_API_TOKEN", lines.token.text)
    code = doctor({ "--base-url", url }, { PREDIBASE_API_TOKEN = "pb_another_token" })
    assert.equal(0, code)
  end)

  it("tells that the token may not use the deployment", function ()
    local code, lines = doctor({ "--base-url", start { ["*"] = { status = 403, body = "" } } },
      { PREDIBASE_API_TOKEN = TOKEN })
    assert.equal(errors.kinds.permission.exit, code)
    has(lines, { configuration = "ok", network = "ok", tls = "ok", token = "problem",
      deployment = SKIPPED })
  end)

  it("does not repeat a token that the server echoes", function ()
    local code, lines = doctor(
      { "--base-url", start { ["*"] = { status = 401, body = "unknown " .. TOKEN } } },
      { PREDIBASE_API_TOKEN = TOKEN })
    assert.equal(errors.kinds.authentication.exit, code)
    assert.matches("%[redacted%]", lines.token.text)
  end)

  it("tells that there is no such deployment", function ()
    local code, lines = doctor({ "--base-url", start { ["*"] = { status = 404, body = "" } } },
      { PREDIBASE_API_TOKEN = TOKEN })
    assert.equal(errors.kinds.not_found.exit, code)
    has(lines, { configuration = "ok", network = "ok", tls = "ok", token = "ok",
      deployment = "problem" })
    assert.equal("the server did not refuse it", lines.token.text)
    assert.matches("check the URL, the tenant and the deployment", lines.deployment.text)
  end)

  it("tells that the deployment may be starting", function ()
    local code, lines = doctor { "--base-url",
      start { ["*"] = { status = 503, body = "no healthy upstream" } } }
    assert.equal(errors.kinds.server.exit, code)
    assert.equal("problem", lines.deployment.state)
    assert.matches("no healthy upstream.*scaled to zero", lines.deployment.text)
  end)

  it("gives no advice about an option that it does not have", function ()
    local code, lines = doctor { "--base-url", start { ["*"] = { status = 429, body = "" } } }
    assert.equal(errors.kinds.rate_limited.exit, code)
    assert.matches("wait a little, and try again$", lines.deployment.text)
  end)

  it("tells that the server is no LoRAX server", function ()
    local code, lines = doctor { "--base-url", start { ["*"] = { status = 200, body = "<h1>Hi</h1>",
      content_type = "text/html" } } }
    assert.equal(errors.kinds.protocol.exit, code)
    assert.equal("problem", lines.deployment.state)
    assert.matches("is this the address of a LoRAX server", lines.deployment.text)
  end)

  it("accepts a gateway that passes on only one of the two paths", function ()
    local code, lines = doctor { "--base-url", start { ["/health"] = { status = 404, body = "" } } }
    assert.equal(0, code)
    assert.matches("^predibase/stand%-in", lines.deployment.text)
    server.stop()
    code, lines = doctor { "--base-url", start { ["/info"] = { status = 404, body = "" } } }
    assert.equal(0, code)
    assert.equal("it works; it has no /info", lines.deployment.text)
  end)

  it("prints one line for each check although texts have line ends", function ()
    local _, lines = doctor { "--base-url",
      start { ["*"] = { status = 500, body = "one\ntwo\27[31m\r\nthree" } } }
    assert.matches("one two", lines.deployment.text)
    assert.is_nil(lines.deployment.text:find("\27", 1, true))
  end)

  describe("with TLS", function ()
    before_each(function () testbed = https.new() end)
    after_each(function () testbed:close() end)

    local function site (options)
      local nginx = testbed:nginx({ "main" }, function (address)
        return testbed:block(address.main, options)
      end)
      return "https://localhost:" .. nginx.port.main
    end

    it("accepts a certificate of an authority that it knows", function ()
      local code, lines = doctor({ "--base-url", site(), "--ca-file", testbed.ca.file },
        { PREDIBASE_API_TOKEN = TOKEN })
      assert.equal(0, code)
      assert.equal("the certificate is valid", lines.tls.text)
    end)

    it("tells that a certificate has expired, or that nobody vouches for it", function ()
      local expired = testbed.ca:issue("expired", { expired = true })
      for text, arguments in pairs {
        ["expired"] = { "--base-url", site { pair = expired }, "--ca-file", testbed.ca.file },
        ["%-%-ca%-file FILE names"] = { "--base-url", site() },
      } do
        local code, lines = doctor(arguments, { PREDIBASE_API_TOKEN = TOKEN })
        assert.equal(errors.kinds.tls.exit, code)
        has(lines, { configuration = "ok", network = "ok", tls = "problem", token = SKIPPED,
          deployment = SKIPPED })
        assert.matches(text, lines.tls.text)
      end
    end)

    it("tells that the certificate is not checked", function ()
      local code, lines = doctor { "--base-url", site(), "--insecure" }
      assert.equal(0, code)
      assert.matches("not checked", lines.tls.text)
    end)

    it("tells that the server does not use TLS", function ()
      local code, lines = doctor { "--base-url", (testbed:stand_in().url:gsub("http:", "https:")) }
      assert.equal(errors.kinds.tls.exit, code)
      assert.equal("problem", lines.tls.state)
      assert.matches("did you mean http://", lines.tls.text)
    end)
  end)

  it("refuses what it does not know", function ()
    local program = child.start(child.interpreter(),
      { args = { "bin/predibase", "doctor", "--temperature", "1" } })
    assert.equal(64, program:wait())
    assert.matches("see predibase doctor %-%-help", program.stderr)
  end)
end)
