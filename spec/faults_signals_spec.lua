-- SPDX-License-Identifier: MIT
-- Signals, a thousand in a second, while calls are waited for.
local child = require "spec.support.child"
local faults = require "spec.support.faults"
local stand_in = require "spec.support.server"
local uv = require "luv"
local wire = require "spec.support.wire"

local TOKENS = 300

-- Runs in a process of its own, which gets the signals.
local PROGRAM = [=[
local faults = require "spec.support.faults"
local uv = require "luv"
local counts = { sigalrm = 0, sigchld = 0 }
for name in pairs(counts) do
  uv.new_signal():start(name, function () counts[name] = counts[name] + 1 end)
end
print "ready"
io.stdout:flush()
local client = faults.client(os.getenv "URL")
for _, way in ipairs(faults.ways {}) do
  local found = faults.call(client, way)
  print(way.name, #found.tokens, found.result and found.result.generated_text, found.err)
  faults.check_idle(client)
end
client:close()
uv.run "nowait"
print(counts.sigalrm > 0 and counts.sigchld > 0)
print "over"
io.stdout:flush()
io.read()        -- without its handlers, the first signal would end this process
]=]

describe("A storm of signals", function ()
  local server

  setup(function ()
    local actions = { { send = faults.head("stream", faults.CHUNKED) } }
    for i = 1, TOKENS - 1 do
      actions[2 * i] = { send = faults.chunk(wire.token " a") }
      actions[2 * i + 1] = { sleep = 0.001 }
    end
    actions[#actions + 1] = { send = faults.chunk(wire.closing(".", " a.")) .. faults.LAST_CHUNK }
    server = stand_in.spawn { script = {
      ["/generate_stream"] = { raw = actions },
      ["/generate"] = { head_delay = 0.3, raw = { { send = faults.sized "generate" } } },
    } }
  end)

  teardown(function () stand_in.stop() end)

  it("breaks no call and loses no token", function ()
    local process = child.start(child.interpreter(), { args = { "-e", PROGRAM },
      env = { URL = server.url }, keep_stdin = true })
    process:wait_for "ready"
    local storm, turn = uv.new_timer(), 0
    storm:start(1, 1, function ()
      turn = turn + 1
      uv.kill(process.pid, turn % 2 == 0 and "sigalrm" or "sigchld")
    end)
    process:wait_for "over"
    storm:close()
    process.stdin:write "\n"
    local code = process:wait()
    assert.equal("", process.stderr)
    assert.equal(0, code)
    assert.equal(table.concat({
      "ready",
      "generate\t0\t" .. faults.TEXT .. "\tnil",
      ("stream\t%d\t a.\tnil"):format(TOKENS),
      ("stream, polled\t%d\t a.\tnil"):format(TOKENS),
      "true",
      "over\n",
    }, "\n"), process.stdout)
  end)
end)
