-- SPDX-License-Identifier: MIT
--- What one token costs, in instructions of Lua's virtual machine, which do not depend on the speed
-- of the machine. Each token wakes the program alone, so nothing is shared between tokens.
local async = require "predibase.async"
local peer = require "spec.support.peer"
local predibase = require "predibase"

-- LuaJIT calls no hooks in compiled code.
local jit = rawget(_G, "jit")
setup(function () if jit then jit.off() end end)
teardown(function () if jit then jit.on() end end)
after_each(peer.stop)

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

local function read_all (client, step)
  local stream, n, last = client:generate_stream "x", 0, nil
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
end)
