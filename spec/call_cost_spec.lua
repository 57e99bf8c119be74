-- SPDX-License-Identifier: MIT
-- What a call costs in Lua, in instructions of the virtual machine. The number does not depend on
-- the speed of the machine. `lua5.4 bench/calls.lua` shows where a call goes.
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

--- Returns the instructions of the library that a function runs, once its caches are filled.
local function count (f)
  for _ = 1, 3 do f() end
  local n = 0
  debug.sethook(function ()
    if debug.getinfo(2, "S").source:find("lua/predibase/", 1, true) then n = n + 1 end
  end, "", 1)
  f()
  debug.sethook()
  return n
end

describe("the instructions of a call", function ()
  it("are few for generate", function ()
    local client = pipe.client { headers = { ["content-type"] = "application/json" }, body =
      '{"generated_text":"water","details":{"finish_reason":"eos_token","prompt_tokens":3,'
      .. '"generated_tokens":1,"prefill":[],"tokens":[],"seed":null}}' }
    local n = count(function () assert(client:generate "water") end)
    assert.is_true(n > 100 and n <= 1550, n)
  end)

  it("are few for the first token of a stream", function ()
    local client = pipe.client { body = wire.answer() }
    local n = count(function ()
      local stream = client:generate_stream "water"
      assert(stream:next())
      stream:close()
    end)
    assert.is_true(n > 100 and n <= 1200, n)
  end)
end)
