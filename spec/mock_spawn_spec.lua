-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own

local mock = require "predibase.mock"
local raw = require "spec.support.raw_client"
local server = require "spec.support.server"
local uv = require "luv"

local BODY = '{"inputs":"What is the capital of France?","parameters":{%s}}'
local PARIS = '{"generated_text":" The capital of France is Paris."}'

-- False also for a zombie, a process that has ended but whose parent has not asked for its status.
local function alive (pid)
  if uv.kill(pid, 0) ~= 0 then return false end
  local file = io.open("/proc/" .. pid .. "/stat")
  local state = file and file:read("*a"):match("%) (%a)")
  if file then file:close() end
  return state ~= "Z" and state ~= "X"
end

describe("predibase.mock.spawn", function ()
  after_each(server.stop)

  it("serves from a process of its own while this program runs no loop", function ()
    local s = server.spawn()
    assert.is_true(alive(s.pid))
    assert.equal(("http://127.0.0.1:%d"):format(s.port), s.url)
    -- the client is a third process; this one waits for it without running luv's loop
    local program = ("package.path, package.cpath = %q, %q local raw = require %q "
      .. "io.write(raw.ask({ host = %q, port = %d }, %q, %q).body)"):format(package.path,
      package.cpath, "spec.support.raw_client", s.host, s.port, "/generate", BODY:format(""))
    local client = io.popen(("%s -e '%s'"):format(uv.exepath(), program))
    local answer = client:read("*a")
    client:close()
    assert.equal(PARIS, answer)
  end)

  it("reports requests byte for byte", function ()
    local s = server.spawn()
    local body = '{"inputs":"\\u0000 \195\169 \240\159\153\130"}\255\0'
    assert.equal(200, raw.ask(s, "/generate", body, "authorization: Bearer pb_x\r\n").status)
    local entry = s:log()[1]
    assert.equal("POST", entry.method)
    assert.equal("/generate", entry.path)
    assert.equal("/generate", entry.route)
    assert.equal(body, entry.body)
    assert.equal("Bearer pb_x", entry.headers.authorization)
    assert.equal(200, entry.status)
    assert.is_true(entry.tokens > 0)
    assert.is_true(entry.complete)
    assert.is_nil(entry.closed_by)
    assert.same({ accepted = 1, open = 0, active = 0 },
      s:wait(function () return s:connections().open == 0 and s:connections() end))
  end)

  it("accepts scripts at any time, with raw bytes", function ()
    local s = server.spawn { script = { ["/generate"] = { status = 503 } } }
    assert.equal(503, raw.ask(s, "/generate", BODY:format("")).status)
    s:script("/generate", { { raw = { { send = "\0\255\r\n" }, { close = true } } }, {} })
    local client = raw.connect(s):post("/generate", BODY:format(""))
    assert.is_true(client:wait())
    assert.equal("\0\255\r\n", client.received)
    client:close()
    assert.equal(PARIS, raw.ask(s, "/generate", BODY:format("")).body)
    s:script("/generate", { answer = "fixed" })
    assert.equal('{"generated_text":"fixed"}',
      raw.ask(s, "/generate", BODY:format("")).body)
    s:script("/generate", nil)
    assert.equal(PARIS, raw.ask(s, "/generate", BODY:format("")).body)
  end)

  it("transfers megabytes in both directions", function ()
    local s = server.spawn()
    local large = ("x"):rep(5000000)
    s:script("/generate", { status = 200, body = large, headers = { a = "b" } })
    local answer = raw.ask(s, "/generate", BODY:format("") .. (" "):rep(2000000))
    assert.equal(#large, #answer.body)
    assert.is_true(#s:log()[1].body > 2000000)
  end)

  it("names the caller's line for a wrong script", function ()
    local s = server.spawn()
    local ok, message = pcall(function () s:script(5, {}) end)
    assert.is_false(ok)
    assert.is_truthy(message:find("spawn_spec%.lua:%d+: the path of a script must be a string$"))
    assert.is_nil(message:find("predibase/mock", 1, true))
  end)

  it("raises an error for an unknown fault or option, and names the nearest", function ()
    local s = server.spawn()
    local ok, message = pcall(s.script, s, "/generate", { dely = 1 })
    assert.is_false(ok)
    assert.is_truthy(message:find('unknown fault "dely"; did you mean "delay"?', 1, true))
    ok, message = pcall(mock.spawn, { prot = 1 })
    assert.is_false(ok)
    assert.is_truthy(message:find('unknown option "prot"; did you mean "port"?', 1, true))
    assert.is_truthy(message:find("mock_spawn_spec%.lua:%d+: "))
    ok, message = pcall(mock.listen, { host = "0.0.0.0" })
    assert.is_false(ok)
    assert.is_truthy(message:find("loopback", 1, true))
  end)

  it("says why it could not be started", function ()
    local s = server.spawn()
    local handle, message = mock.spawn { port = s.port }
    assert.is_nil(handle)
    assert.is_truthy(message:find("^cannot listen on 127%.0%.0%.1"))
    handle, message = mock.spawn { interpreter = "/nonexistent/lua" }
    assert.is_nil(handle)
    assert.is_truthy(message:find("cannot start /nonexistent/lua", 1, true))
  end)

  it("waits for a condition, and returns false when it stays false", function ()
    local s = server.spawn()
    local client = raw.connect(s)
    assert.equal(1, s:wait(function () return s:connections().open == 1 and 1 end))
    assert.is_false(s:wait(function () return s:connections().open == 2 end, 0.1))
    client:close()
  end)

  it("notices that a client has closed", function ()
    local s = server.spawn()
    local client = raw.connect(s)
    client:post("/~delay=0.01/generate_stream", BODY:format('"ignore_eos_token":true'))
    client:wait("data: ")
    client:close()
    assert.is_true(s:wait(function () return s:log()[1].closed_by == "client" end))
  end)

  it("ends with close, which may be called again", function ()
    local s = server.spawn()
    local pid = s.pid
    assert.equal(0, s:close())
    assert.equal(0, s:close())
    assert.is_false(alive(pid))
    assert.has_error(function () s:connections() end, "the stand-in server is closed")
    -- for `server.stop`, which asks every server
    s.connections = function () return { open = 0 } end
    s.failures = function () return {} end
  end)

  it("ends with the program that started it, also when that is killed", function ()
    for _, ending in ipairs { "os.exit(0)", "error('x')", "require'luv'.kill(%d, 9)" } do
      local program = ("package.path, package.cpath = %q, %q local uv = require 'luv' "
        .. "local s = require 'predibase.mock'.spawn() io.write(s.pid, ' ', uv.getpid(), '\\n') "
        .. "io.flush() %s"):format(package.path, package.cpath,
          (ending:gsub("%%d", "uv.getpid()")))
      local output, exited = uv.new_pipe(false), false
      local text = ""
      local process = uv.spawn(uv.exepath(), { args = { "-e", program },
        stdio = { nil, output, nil } }, function () exited = true end)
      uv.read_start(output, function (_, data) text = text .. (data or "") end)
      server.run_until(function () return exited and text:find("\n") end)
      local pid = tonumber(text:match("^(%d+)"))
      assert.is_truthy(pid)
      assert.is_true(server.run_until(function ()
        uv.sleep(5)
        uv.run("nowait")
        return not alive(pid)
      end), ending)
      uv.close(output)
      uv.close(process)
      uv.run("nowait")
    end
  end)

  it("closes itself after max_seconds", function ()
    local s = mock.spawn { max_seconds = 0.1 }
    assert.is_true(server.run_until(function () return s.exited end))
    assert.equal(0, s:close())
  end)

  it("closes itself after max_requests", function ()
    local s = server.spawn { max_requests = 2 }
    local client = raw.connect(s)
    client:post("/generate", BODY:format(""))
    assert.equal(200, client:answer().status)
    client:post("/generate", BODY:format(""))
    assert.equal("close", client:answer().headers.connection)
    assert.is_true(client:wait())
    client:close()
    local socket, failure = uv.new_tcp(), nil
    uv.tcp_connect(socket, s.host, s.port, function (err) failure = err or "connected" end)
    server.run_until(function () return failure end)
    assert.equal("ECONNREFUSED", failure:match("^%u+"))
    uv.close(socket)
  end)
end)

describe("the lines between predibase.mock.spawn and its process", function ()
  after_each(server.stop)

  it("may be longer than one read, and hold any bytes", function ()
    local s = server.spawn()
    local body = ("\0\255\r\n"):rep(300000)
    s:script("/generate", { status = 200, body = body })
    assert.equal(body, raw.ask(s, "/generate", body).body)
    assert.equal(body, s:log()[1].body)
  end)
end)
