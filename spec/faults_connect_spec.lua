-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Connections that do not come about, and connections that are gone when they are needed again.
local child = require "spec.support.child"
local faults = require "spec.support.faults"
local since_7_80 = require "spec.support.libcurl".KEEPS_CONNECTIONS and it or pending
local mock = require "predibase.mock"
local stand_in = require "spec.support.server"
local uv = require "luv"

local function shutdown (handle)
  if not handle:is_closing() then handle:close() end
end

--- Returns a port without a listener: one that was free a moment ago.
local function closed_port ()
  local socket = uv.new_tcp()
  socket:bind("127.0.0.1", 0)
  local port = socket:getsockname().port
  socket:close()
  uv.run "nowait"
  return port
end

describe("A refused connection", function ()
  local port
  setup(function () port = closed_port() end)

  for _, way in ipairs(faults.ways {}) do
    it(("is tried three times and names its server (%s)"):format(way.name), function ()
      local client = faults.client("http://127.0.0.1:" .. port)
      local found = faults.call(client, way, { max_retries = 2 })
      faults.check(found, { kind = "connection", phase = "connect", attempts = 3,
        retryable = true, message = "127%.0%.0%.1:" .. port }, way)
      faults.check_idle(client)
      client:close()
    end)
  end
end)

describe("A server with a full queue of connections", function ()
  local listener, guests, port

  before_each(function ()
    listener, guests = uv.new_tcp(), {}
    assert(listener:bind("127.0.0.1", 0))
    assert(listener:listen(1, function () end))   -- but never accept
    port = listener:getsockname().port
    for i = 1, 8 do
      guests[i] = uv.new_tcp()
      guests[i]:connect("127.0.0.1", port, function () end)
    end
  end)

  after_each(function ()
    for _, guest in ipairs(guests) do shutdown(guest) end
    shutdown(listener)
    uv.run "nowait"
  end)

  for _, way in ipairs(faults.ways {}) do
    it(("is given up when the clock of connecting runs out (%s)"):format(way.name), function ()
      local client = faults.client("http://127.0.0.1:" .. port)
      local options = { max_retries = 1, timeout = { connect = 0.2, total = 30 } }
      local found = faults.call(client, way, options)
      faults.check(found, { kind = "timeout", phase = "connect", attempts = 2,
        retryable = true, message = "127%.0%.0%.1:" .. port }, way)
      faults.check_idle(client)
      client:close()
    end)
  end
end)

describe("A kept connection", function ()
  local rig = faults.rig()
  local servers = {}
  setup(function () rig:start() end)
  teardown(function () rig:stop() end)

  after_each(function ()
    for _, server in ipairs(servers) do server:close() end
    servers = {}
  end)

  local function restart (method, port)
    local server = assert(mock.spawn { max_seconds = 60, port = port,
      script = { ["*"] = { raw = { { send = faults.sized(method) } } } } })
    servers[#servers + 1] = server
    return server
  end

  for _, ending in ipairs { "close", "reset" } do
    for _, way in ipairs(faults.ways {}) do
      it(("that ends (%s) with the next request on it is made anew by libcurl (%s)"):format(
        ending, way.name), function ()
        local good = { raw = { { send = faults.sized(way.method) } } }
        rig.server:script(faults.PATHS[way.method],
          { good, { raw = { { [ending] = true } } }, good })
        local before, client = rig:requests(), faults.client(rig.url)
        for _ = 1, 2 do
          faults.check(faults.call(client, way), { text = faults.TEXT, attempts = 1 }, way)
        end
        assert.equal(3, rig:requests() - before)
        rig:check_recovery(client, way)
      end)
    end
  end

  -- A gateway that is reloaded ends all its kept connections at once. When one of them fails, the
  -- request must not be sent on another of them.
  for _, ending in ipairs { "close", "reset" } do
    since_7_80(("that ends (%s) is replaced by a new one, not by another"):format(ending),
      function ()
        local slow = { raw = { { sleep = 0.3 }, { send = faults.sized "generate" } } }
        local good = { raw = { { send = faults.sized "generate" } } }
        local way = { method = "generate" }
        local client = faults.client(rig.url, { max_retries = 0 })
        local broken = { raw = { { [ending] = true } } }
        rig.server:script("/generate", { slow, slow, slow, broken, good, broken, good })
        local before = rig.server:connections().accepted
        local function opened () return rig.server:connections().accepted - before end
        for _, result in client:generate_many({ "a", "b", "c" }, { concurrency = 3 }) do
          assert.equal(faults.TEXT, result.generated_text)
        end
        for already = 3, 4 do
          assert.equal(already, opened())
          faults.check(faults.call(client, way), { text = faults.TEXT, attempts = 1 }, way)
        end
        assert.equal(5, opened())
        client:close()
      end)
  end

  for _, way in ipairs(faults.ways {}) do
    it(("is not needed: the server may restart between two calls (%s)"):format(way.name),
      function ()
        local first = restart(way.method)
        local client = faults.client(first.url)
        faults.check(faults.call(client, way), faults.GOOD, way)
        first:close()
        faults.check(faults.call(client, way, { max_retries = 1 }),
          { kind = "connection", attempts = 2 }, way)
        local second = restart(way.method, first.port)
        faults.check(faults.call(client, way), faults.GOOD, way)
        faults.check_idle(client)
        client:close()
        assert.is_truthy(second:wait(stand_in.left_alone, 20))
      end)
  end
end)

-- Runs in a process of its own that may have few descriptors; WARM makes a call before they are
-- used up.
local DESCRIPTORS = [=[
local faults = require "spec.support.faults"
local way = { method = "generate" }
local client = faults.client(os.getenv "URL")
if os.getenv "WARM" then print(faults.call(client, way).result ~= nil) end
local files = {}
local file = io.open("/dev/null")
while file do
  files[#files + 1] = file
  file = io.open("/dev/null")
end
local found = faults.call(client, way, { max_retries = 2 })
faults.check(found, { kind = "connection", attempts = 3, retryable = true }, way)
print(found.err.kind, #files > 0)
for _, each in ipairs(files) do each:close() end
found = faults.call(client, way)
print(found.result ~= nil, found.err)
faults.check_idle(client)
client:close()
]=]

describe("A process that has no descriptor left", function ()
  local server
  setup(function ()
    server = stand_in.spawn { script = { ["*"] = { close = true,
      raw = { { send = faults.sized("generate", nil, "connection: close") },
        { close = true } } } } }
  end)
  teardown(function () stand_in.stop() end)

  for _, case in ipairs { { "cold", "" }, { "warm", "true\n" } } do
    it(("cannot connect, and can again when it has some (%s)"):format(case[1]), function ()
      local process = child.start("sh", {
        args = { "-c", 'ulimit -n 40; exec "$0" -e "$1"', child.interpreter(), DESCRIPTORS },
        env = { URL = server.url, WARM = case[1] == "warm" and "yes" or nil },
      })
      local code = process:wait()
      assert.equal("", process.stderr)
      assert.equal(0, code)
      assert.equal(case[2] .. "connection\ttrue\ntrue\tnil\n", process.stdout)
    end)
  end
end)
