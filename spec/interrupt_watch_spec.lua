-- SPDX-License-Identifier: MIT
--- predibase.interrupt: notes the first Ctrl-C, and raises an error at the second.
local child = require "spec.support.child"
local server = require "spec.support.server"

local SIGINT, SIGTERM = 2, 15

-- LuaJIT does not handle signals inside compiled loops.
local function start (program)
  local args = { "-e", program }
  if rawget(_G, "jit") then table.insert(args, 1, "-joff") end
  return child.start(child.interpreter(), { args = args })
end

local WATCH = [[
local interrupt = require "predibase.interrupt"
local function say (...) io.write(table.concat({ ... }, " "), "\n") io.flush() end
assert(interrupt.watch())
]]

describe("predibase.interrupt.watch", function ()
  it("notes the first signal, raises an error at the second, and ends at the third", function ()
    for _, first in ipairs { SIGINT, SIGTERM } do
      for _, second in ipairs { SIGINT, SIGTERM } do
        local program = start(WATCH .. [[
          say("on", tostring(interrupt.caught()))
          while not interrupt.caught() do end
          local ok, err = pcall(function ()
            say("noted", interrupt.caught())
            while true do end
          end)
          assert(not ok and err:find("interrupted!$"), err)
          say("raised", interrupt.caught())
          while true do end
        ]])
        program:wait_for "on nil\n"
        program:kill(first)
        program:wait_for(("noted %d\n"):format(first))
        program:kill(second)
        program:wait_for(("raised %d\n"):format(first))
        program:kill(second)
        program:wait()
        assert.equal(second, program.signal)
      end
    end
  end)

  it("forgets the signal when it is called again, and after disarm and arm", function ()
    local program = start(WATCH .. [[
      say "1"
      while not interrupt.caught() do end
      assert(interrupt.watch())
      say("2", tostring(interrupt.caught()))
      while not interrupt.caught() do end
      assert(interrupt.arm())
      local ok = pcall(function ()
        say("3", tostring(interrupt.caught()))
        while true do end
      end)
      assert(interrupt.disarm())
      say("4", tostring(interrupt.caught()), tostring(ok))
      while true do end
    ]])
    for _, text in ipairs { "1\n", "2 nil\n", "3 nil\n" } do
      program:wait_for(text)
      program:kill(SIGINT)
    end
    program:wait_for "4 nil false\n"
    program:kill(SIGTERM)
    program:wait()
    assert.equal(SIGTERM, program.signal)
  end)

  it("ends a system call that waits at the first signal", function ()
    local program = child.start(child.interpreter(), { keep_stdin = true, args = { "-e",
      WATCH .. [[
        say "reads"
        local text, message = io.read("*l")
        say("ended", tostring(text), tostring(message ~= nil), interrupt.caught())
      ]] } })
    program:wait_for "reads\n"
    assert.is_true(server.run_until(function ()
      local file = assert(io.open("/proc/" .. program.pid .. "/stat"))
      local state = file:read("*a"):match "%) (%a) "
      file:close()
      return state == "S"
    end))
    program:kill(SIGINT)
    program:wait_for "ended nil true 2\n"
    assert.equal(0, program:wait())
  end)
end)
