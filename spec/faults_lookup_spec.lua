-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Name look-ups that hang or find nothing (spec/support/slow_lookup.c).
local child = require "spec.support.child"
local preload = require "spec.support.preload"
local scratch = require "spec.support.scratch"
local stand_in = require "spec.support.server"

-- Runs in a process of its own, with look-ups that hang.
local LOOKUP = [=[
local faults = require "spec.support.faults"
local what, port = os.getenv "WHAT", os.getenv "PORT"
local curl = require "predibase.curl"

local function report (found)
  local err = found.err
  print(("%s %s %d %s"):format(err.kind, err.phase, err.attempts, tostring(err.retryable)))
  faults.check(found, { kind = err.kind }, { method = "generate" })
end

local began = curl.now()
if what == "pool" or what == "many" then
  local pool = curl.pool()
  local function open (host)
    return assert(pool:open { url = ("http://%s:%s/generate"):format(host, port), method = "POST",
      headers = { "content-type: application/json" }, body = '{"inputs":"a"}', connect = 2 })
  end
  local names, left = {}, 0
  local function add (name, host)
    names[open(host)] = name
    left = left + 1
  end
  for i = 1, what == "many" and 30 or 1 do add("slow", ("%d.slow.test"):format(i)) end
  add("quick", what == "many" and "nowhere.invalid" or "127.0.0.1")
  while left > 0 do
    pool:step(10, {})
    for exchange, name in pairs(names) do
      local _, state = exchange:next()
      if state ~= "pending" then
        print(name, state, (exchange:failure()))
        exchange:close()
        names[exchange] = nil
        left = left - 1
      end
    end
  end
  pool:close()
else
  local host = what == "slow" and "a.slow.test" or "nowhere.invalid"
  local client = faults.client(("http://%s:%s"):format(host, port), { allow_plain_http = true })
  report(faults.call(client, { method = "generate" },
    { max_retries = 1, timeout = { connect = 0.3 } }))
  faults.check_idle(client)
  client:close()
end
print(curl.now() - began < 5 and "before the look-up was over" or "too late")
]=]

describe("A name look-up", function ()
  local folder, library, server

  setup(function ()
    folder = scratch.new()
    library = preload.library("slow_lookup", folder)
    server = stand_in.spawn {}
  end)

  teardown(function ()
    stand_in.stop()
    scratch.remove(folder)
  end)

  local function run (what)
    local process = child.start(child.interpreter(), {
      args = { "-e", LOOKUP },
      env = { LD_PRELOAD = library, WHAT = what, PORT = server.port },
    })
    local code = process:wait()
    assert.equal("", process.stderr)
    assert.equal(0, code)
    return process.stdout
  end

  it("that hangs is given up when the clock of connecting runs out, each time", function ()
    assert.equal("timeout connect 2 true\nbefore the look-up was over\n", run "slow")
  end)

  it("that finds nothing is a failure that is tried again", function ()
    assert.equal("connection resolve 2 true\nbefore the look-up was over\n", run "nowhere")
  end)

  it("that hangs does not hold up another exchange of the pool", function ()
    assert.equal("quick\tdone\tnil\nslow\tfailed\ttimeout\nbefore the look-up was over\n",
      run "pool")
  end)

  it("that hangs does not hold up another name, nor do thirty", function ()
    assert.equal("quick\tfailed\tconnection\n" .. ("slow\tfailed\ttimeout\n"):rep(30)
      .. "before the look-up was over\n", run "many")
  end)
end)
