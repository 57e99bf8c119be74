-- SPDX-License-Identifier: MIT
-- only: luajit
--- What happens to a whole process of nginx while it makes calls: it ends, has no descriptor left,
-- gets a thousand signals a second, or its wall clock jumps.

if not rawget(_G, "jit") then return end

local clock_jumps = require "spec.support.clock_jumps"
local faults = require "spec.support.faults"
local in_nginx = require "spec.support.in_nginx"
local scratch = require "spec.support.scratch"
local stand_in = require "spec.support.server"
local uv = require "luv"
local wire = require "spec.support.wire"

local TOKENS = 300

describe("a process of nginx", function ()
  after_each(function () stand_in.stop() end)

  --- Runs a program in nginx. The server is another process, so nothing is served in nginx.
  local function run (program, server, env, meanwhile)
    local all = { URL = server.url, NO_PUMP = "yes" }
    for name, value in pairs(env or {}) do all[name] = value end
    local process = in_nginx.eval([[
      local faults = require "spec.support.faults"
      io.stdout:setvbuf "no"
      local function say (text) io.write(text, "\n") end
    ]] .. program, all, nil, meanwhile)
    assert.equal(0, process.exit_code, process.stderr:sub(-2000))
    return process.stdout
  end

  it("that ends in mid-stream closes its connections", function ()
    local server = stand_in.spawn { script = { ["/generate_stream"] = { raw = {
      { send = faults.head("stream", faults.CHUNKED) .. faults.chunk(wire.token " The") },
      { hold = true } } } } }
    assert.equal("reading", run([[
      local client, streams = faults.client(os.getenv "URL"), {}
      for i = 1, 50 do
        streams[i] = client:generate_stream "x"
        assert(streams[i]:next())
      end
      io.write "reading"
    ]], server))
    assert.is_truthy(server:wait(function () return server:connections().open == 0 end, 20))
  end)

  it("that has no descriptor left cannot connect, and can again when it has some", function ()
    local server = stand_in.spawn { script = { ["*"] = { close = true,
      raw = { { send = faults.sized("generate", nil, "connection: close") },
        { close = true } } } } }
    assert.equal("true\nconnection 3 true\ntrue\n", run([[
      local ffi = require "ffi"
      ffi.cdef("struct limits { unsigned long now, most; };"
        .. "int getrlimit(int, struct limits *); int setrlimit(int, const struct limits *);")
      local limits = ffi.new "struct limits"
      assert(ffi.C.getrlimit(7, limits) == 0)         -- RLIMIT_NOFILE of Linux
      limits.now = 100
      assert(ffi.C.setrlimit(7, limits) == 0)
      local way, client = { method = "generate" }, faults.client(os.getenv "URL")
      say(tostring(faults.call(client, way).result ~= nil))
      local files = {}
      repeat
        local file = io.open "/dev/null"
        files[#files + 1] = file
      until not file
      local found = faults.call(client, way, { max_retries = 2 })
      faults.check(found, { kind = "connection", attempts = 3, retryable = true }, way)
      say(found.err.kind .. " " .. found.err.attempts .. " " .. tostring(#files > 10))
      for _, file in ipairs(files) do file:close() end
      say(tostring(faults.call(client, way).result ~= nil))
      faults.check_idle(client)
      client:close()
    ]], server))
  end)

  it("in a storm of signals loses no token", function ()
    local actions = { { send = faults.head("stream", faults.CHUNKED) } }
    for _ = 1, TOKENS - 1 do
      actions[#actions + 1] = { send = faults.chunk(wire.token " a") }
      actions[#actions + 1] = { sleep = 0.001 }
    end
    actions[#actions + 1] = { send = faults.chunk(wire.closing(".", " a.")) .. faults.LAST_CHUNK }
    local server = stand_in.spawn { script = {
      ["/generate_stream"] = { raw = actions },
      ["/generate"] = { head_delay = 0.3, raw = { { send = faults.sized "generate" } } },
    } }
    local sent = 0
    local found = run([[
      say "ready"
      local client = faults.client(os.getenv "URL")
      for _, way in ipairs(faults.ways {}) do
        local found = faults.call(client, way)
        say(("%d %s %s"):format(#found.tokens, tostring(found.result),
          tostring(found.err)))
      end
      say "over"
    ]], server, nil, function (process)
      process:wait_for "ready"
      local storm = uv.new_timer()
      storm:start(1, 1, function ()
        sent = sent + 1
        uv.kill(process.pid, sent % 2 == 0 and "sigalrm" or "sigchld")
      end)
      process:wait_for "over"
      storm:close()
    end)
    assert.equal(("ready\n0 %s nil\n%d  a. nil\n%d  a. nil\nover\n"):format(faults.TEXT, TOKENS,
      TOKENS), found)
    assert.is_true(sent > 100, "only " .. sent .. " signals")
  end)

  it("whose clock jumps by a day ends no stream and delays no timeout", function ()
    local folder = scratch.new()
    local library = clock_jumps.library(folder)
    for _, program in ipairs { "stream", "timeouts", "wait" } do
      assert.equal("true", run(('require "spec.support.clock_program".run "%s"'):format(program),
        clock_jumps.serve(program), { LD_PRELOAD = library }))
    end
    scratch.remove(folder)
  end)
end)
