-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own

local foreground = require "predibase.mock.foreground"
local raw = require "spec.support.raw_client"
local server = require "spec.support.server"
local uv = require "luv"

local BODY = '{"inputs":"Hello","parameters":{"max_new_tokens":%d}}'

-- Runs `mock.main` in a child; returns a handle with `output`, `errors` and `code`.
local function start (arguments, environment)
  local self = { output = "", errors = "" }
  local list = {}
  for i, argument in ipairs(arguments) do list[i] = ("%q"):format(argument) end
  local program = ("package.path, package.cpath = %q, %q os.exit(require 'predibase.mock'.main "
    .. "{ %s })"):format(package.path, package.cpath, table.concat(list, ", "))
  local out, err, left = uv.new_pipe(false), uv.new_pipe(false), 3
  local process
  process = uv.spawn(uv.exepath(), { args = { "-e", program }, stdio = { nil, out, err },
    env = environment }, function (code)
    self.code, left = code, left - 1
    uv.close(process)
  end)
  local function reader (pipe, key)
    uv.read_start(pipe, function (_, data)
      if data then
        self[key] = self[key] .. data
      else
        left = left - 1
        uv.close(pipe)
      end
    end)
  end
  reader(out, "output")
  reader(err, "errors")
  function self.signal (name) uv.process_kill(process, name) end
  function self.finished ()
    local over = server.run_until(function () return left == 0 end)
    uv.run("nowait")
    return over
  end
  function self.listening ()
    server.run_until(function () return self.output:find("\n.*\n") end)
    local url
    url, self.host, self.port = self.output:match("^listening on (http://([%d.]+):(%d+))\n")
    assert.equal(("listening on %s\nexport PREDIBASE_BASE_URL=%s\n"):format(url, url),
      self.output)
    self.port = tonumber(self.port)
    return self
  end
  return self
end

describe("predibase.mock.foreground", function ()
  it("prints its URL, serves, and ends with 0 on SIGINT and SIGTERM", function ()
    for _, signal in ipairs { "sigint", "sigterm" } do
      local one = start({ "--delay", "0", "--max-seconds=60" }).listening()
      assert.equal(200, raw.ask(one, "/generate", BODY:format(3)).status)
      one.signal(signal)
      assert.is_true(one.finished())
      assert.equal(0, one.code)
      assert.equal("", one.errors)
    end
  end)

  it("writes at a natural pace by default", function ()
    local one = start({ "--max-requests", "1", "--max-seconds", "60" }).listening()
    local began = uv.hrtime()
    assert.equal(4, #raw.ask(one, "/generate_stream", BODY:format(4)).chunks)
    assert.is_true(uv.hrtime() - began > 0.09e9)
    assert.is_true(one.finished())
    assert.equal(0, one.code)
  end)

  it("ends after max-seconds", function ()
    local one = start({ "--max-seconds", "0.1" })
    assert.is_true(one.finished())
    assert.equal(0, one.code)
  end)

  it("prints nothing with --quiet", function ()
    local one = start({ "--quiet", "--max-seconds", "0.1" })
    assert.is_true(one.finished())
    assert.equal("", one.output)
  end)

  it("takes the token from the environment", function ()
    local one = start({ "--max-requests", "2", "--max-seconds", "60", "--delay", "0" },
      { "PREDIBASE_MOCK_TOKEN=pb_secret" }).listening()
    assert.equal(401, raw.ask(one, "/generate", BODY:format(1)).status)
    assert.equal(200, raw.ask(one, "/generate", BODY:format(1),
      "authorization: Bearer pb_secret\r\n").status)
    assert.is_true(one.finished())
  end)

  it("refuses unknown arguments, and addresses that other machines can reach", function ()
    local one = start({ "--prot", "1" })
    assert.is_true(one.finished())
    assert.equal(64, one.code)
    assert.equal("predibase: unknown argument --prot\n", one.errors)
    one = start({ "--port" })
    assert.is_true(one.finished())
    assert.equal(64, one.code)
    one = start({ "--host=" })
    assert.is_true(one.finished())
    assert.equal(64, one.code)
    one = start({ "--host", "0.0.0.0" })
    assert.is_true(one.finished())
    assert.equal(64, one.code)
    assert.equal("predibase: --host must be a loopback address (127.0.0.1, ::1, localhost), "
      .. 'got "0.0.0.0"\n', one.errors)
    one = start({ "--max-requests", "1.5" })
    assert.is_true(one.finished())
    assert.equal(64, one.code)
    assert.equal("predibase: --max-requests must be a whole number, got 1.5\n", one.errors)
  end)

  it("is called by predibase.mock.run and predibase.mock.main", function ()
    local mock = require "predibase.mock"
    assert.equal("function", type(mock.run))
    assert.equal("function", type(foreground.main))
  end)
end)
