-- SPDX-License-Identifier: MIT
--- A real Ctrl-C in a program with many waiting tasks and calls.
local child = require "spec.support.child"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"

-- Prints "ready" when all of them wait, and after the signal what is left of them.
local PROGRAM = [=[
local async = require "predibase.async"
local predibase = require "predibase"
local count_of = require "predibase.stream".count
local how, tasks = os.getenv "HOW", {}
local client = assert(predibase.new { base_url = os.getenv "URL", api_token = false,
  max_retries = 0 })

local function ready ()
  print "ready"
  io.stdout:flush()
end

local function wait_for (streams)
  local waiting
  repeat
    async.sleep(0.005)
    waiting = 0
    for i = 1, #streams do waiting = waiting + (count_of(streams[i]) == 2 and 1 or 0) end
  until waiting == #streams
  ready()
end

local ways = {}

function ways.batch ()
  local begun = 0
  return client:generate_many({ "a", "b", "c" }, { on_request = function ()
    begun = begun + 1
    if begun == 3 then ready() end
  end }):results()
end

function ways.tasks ()
  async.run(function ()
    local streams = {}
    for i = 1, 50 do
      streams[i] = client:generate_stream "x"
      tasks[i] = async.spawn(function () return streams[i]:text() end)
    end
    wait_for(streams)
    async.sleep(3600)
  end)
end

-- The signal most likely arrives while the second task runs, for which no other task waits.
function ways.busy ()
  async.run(function ()
    local stream = client:generate_stream "x"
    tasks[1] = async.spawn(function () return stream:text() end)
    wait_for { stream }
    tasks[2] = async.spawn(function ()
      while true do
        for i = 1, 100000 do tasks.i = i end
        async.sleep(0)
      end
    end)
    async.sleep(3600)
  end)
end

local ok, err = pcall(ways[how])
print(ok, tostring(err):match "interrupted!$")
-- A signal inside a hook leaves a batch to which the program has no reference.
collectgarbage()
collectgarbage()
local running = 0
for _, task in ipairs(tasks) do if task:status() == "running" then running = running + 1 end end
print("running", running, "open", client.transport:size())
print(async.run(function () return "and again" end))
-- A second signal would end the program. After this one the program still continues.
print(client:generate_stream("x"):next().text)
client:close()
]=]

describe("Ctrl-C", function ()
  local s

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)

  for how, path in pairs { batch = "/mute", tasks = "/hang", busy = "/hang" } do
    it("ends all waits and leaves nothing behind: " .. how, function ()
      s:script("/mute/generate_stream", { answer = lifetime.ANSWER })
      local process = child.start(child.interpreter(), {
        args = { "-e", PROGRAM }, env = { HOW = how, URL = s.url .. path },
      })
      process:wait_for "ready"
      process:kill "sigint"
      local code = process:wait()
      assert.equal("", process.stderr)
      assert.equal("ready\nfalse\tinterrupted!\nrunning\t0\topen\t0\nand again\none\n",
        process.stdout)
      assert.equal(0, code)
      assert.is_true(lifetime.quiet(s))
    end)
  end
end)
