-- SPDX-License-Identifier: MIT
--- predibase.interrupt: raises each Ctrl-C as an error.
local child = require "spec.support.child"

local SIGINT = 2

local PROGRAM = [[
local interrupt = require "predibase.interrupt"
local function spin ()
  assert(interrupt.arm())
  io.write("on\n") io.flush()
  while true do end
end
for _ = 1, 3 do
  local ok, err = pcall(spin)
  assert(not ok and err:find("interrupted!$"), err)
  io.write("caught\n") io.flush()
end
local co = coroutine.create(spin)
local ok, err = coroutine.resume(co)
assert(not ok and err:find("interrupted!$"), err)
assert(interrupt.disarm())
io.write("off\n") io.flush()
while true do end
]]

describe("predibase.interrupt", function ()
  it("raises an error for each Ctrl-C in the coroutine that armed it, until disarmed", function ()
    -- LuaJIT does not handle signals inside compiled loops.
    local args = { "-e", PROGRAM }
    if rawget(_G, "jit") then table.insert(args, 1, "-joff") end
    local program = child.start(child.interpreter(), { args = args })
    for i = 1, 4 do
      child.wait(function ()
        local _, n = program.stdout:gsub("on\n", "")
        return n == i or program.code
      end, "the program")
      program:kill(SIGINT)
    end
    program:wait_for "off\n"
    program:kill(SIGINT)
    program:wait()
    assert.equal(SIGINT, program.signal)
    assert.equal("on\ncaught\non\ncaught\non\ncaught\non\noff\n", program.stdout)
  end)

  it("keeps a reference to the coroutine that armed it, until it is disarmed", function ()
    local program = child.start(child.interpreter(), { args = { "-e", [[
      local interrupt = require "predibase.interrupt"
      local kept = setmetatable({}, { __mode = "k" })
      local function ask () assert(interrupt.arm()) end
      do
        local co = coroutine.create(ask)
        kept[co] = true
        assert(coroutine.resume(co))
      end
      for _ = 1, 3 do collectgarbage() end
      io.write(tostring(next(kept) ~= nil))
      assert(interrupt.disarm())
      for _ = 1, 3 do collectgarbage() end
      io.write(" ", tostring(next(kept) ~= nil))
    ]] } })
    program:wait()
    assert.equal("true false", program.stdout)
  end)
end)
