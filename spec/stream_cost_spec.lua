-- SPDX-License-Identifier: MIT
--- What one token costs, in instructions of Lua's virtual machine, and what an open stream costs,
-- in bytes of Lua's memory. Neither depends on the speed of the machine. Each token wakes the
-- program alone, so nothing is shared between tokens.
local async = require "predibase.async"
local lifetime = require "spec.support.lifetime"
local peer = require "spec.support.peer"
local predibase = require "predibase"
local servers = require "spec.support.server"

-- LuaJIT calls no hooks in compiled code.
local jit = rawget(_G, "jit")
setup(function () if jit then jit.off() end end)
teardown(function () if jit then jit.on() end end)
after_each(peer.stop)
teardown(servers.stop)

local BEFORE, MEASURED = 20, 80

--- Reads tokens one by one. Returns the number of instructions that a token takes on average.
local function cost (read)
  local server = peer.start "stepped"
  local client = assert(predibase.new { base_url = "http://127.0.0.1:" .. server.port.steps,
    api_token = false, max_retries = 0 })
  local instructions, counting = 0, false
  local function count ()
    if counting and debug.getinfo(2, "S").source:find("lua/predibase/", 1, true) then
      instructions = instructions + 1
    end
  end
  local function step (n)
    counting = false
    server:go()
    counting = n > BEFORE and n <= BEFORE + MEASURED
  end
  debug.sethook(count, "", 1)
  local ok, err = pcall(read, client, step, count)
  debug.sethook()
  client:close()
  if not ok then error(err, 0) end
  return instructions / MEASURED
end

local function read_all (client, step, _, options)
  local stream, n, last = client:generate_stream("x", options), 0, nil
  step(0)
  while true do         -- Lua 5.1 cannot wait in an iterator
    local token, err = stream:next()
    if not token then
      assert.is_nil(err)
      break
    end
    n = n + 1
    if n < 120 then step(n) end
    last = token
  end
  assert.equal(121, n)
  assert.equal(".", last.text)
end

describe("a token that wakes its reader", function ()
  it("in a task costs at most 150 instructions", function ()
    local found = cost(function (client, step, count)
      async.run(function ()
        debug.sethook(count, "", 1)      -- each coroutine has a hook of its own
        read_all(client, step)
      end)
    end)
    assert.is_true(found <= 150, found .. " instructions")
  end)

  it("outside of tasks costs at most 125 instructions", function ()
    local found = cost(read_all)
    assert.is_true(found <= 125, found .. " instructions")
  end)

  local FILTERS = {
    ["stop sequences"] = { client_stop = { "END", "\n\n" } },
    ["text in front of reasoning"] = { reasoning = { "<think>", "</think>" },
      client_stop = { "END" } },
    ["reasoning"] = { reasoning = { open = "<think>", close = "</think>", begins_inside = true } },
  }
  for name, options in pairs(FILTERS) do
    it("costs the same with " .. name, function ()
      local found = cost(function (client, step, count) read_all(client, step, count, options) end)
      assert.is_true(found <= 125, found .. " instructions")
    end)
  end
end)

describe("a stream that a task reads", function ()
  local STREAMS = 100
  -- The tables and coroutines of Lua 5.1 are larger.
  local LIMIT = _VERSION == "Lua 5.1" and not jit and 5 or 4

  --- Returns the bytes of Lua's memory in use, without garbage.
  local function in_use ()
    for _ = 1, 3 do collectgarbage() end
    return collectgarbage "count" * 1024
  end

  it("needs at most " .. LIMIT .. " KiB of Lua's memory while it is open", function ()
    local client = assert(predibase.new { base_url = lifetime.serve().url .. "/hang",
      api_token = false, max_retries = 0 })
    local read, before, after = 0, nil, nil
    local function read_two ()
      local stream = client:generate_stream "x"
      for _ = 1, 2 do assert(stream:next()) end
      read = read + 1
      stream:next()                  -- waits until the task is cancelled
    end
    async.run(function ()
      local tasks = {}
      -- The first two create what all streams share.
      for i = 1, STREAMS + 2 do
        if i == 3 then before = in_use() end
        tasks[i] = async.spawn(read_two)
        while read < i do async.sleep(0.001) end
      end
      after = in_use()
      for i = 1, #tasks do tasks[i]:cancel() end
    end)
    client:close()
    local found = (after - before) / STREAMS
    assert.is_true(found > 1024 and found <= LIMIT * 1024, found .. " bytes")
  end)
end)
