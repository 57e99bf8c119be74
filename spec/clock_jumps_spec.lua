-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- The wall clock moves by a day, back and forth, during calls (spec/support/jumping_clock.c). All
-- clocks of the library must be monotonic ones.
local child = require "spec.support.child"
local clock_jumps = require "spec.support.clock_jumps"
local scratch = require "spec.support.scratch"
local stand_in = require "spec.support.server"

describe("A clock that jumps by a day", function ()
  local folder, library

  setup(function ()
    folder = scratch.new()
    library = clock_jumps.library(folder)
  end)
  teardown(function () scratch.remove(folder) end)
  after_each(function () stand_in.stop() end)

  for what, program in pairs { ["ends no stream, and changes no duration"] = "stream",
      ["delays no timeout"] = "timeouts", ["changes no wait before a retry"] = "wait" } do
    it(what, function ()
      local server = clock_jumps.serve(program)
      local process = child.start(child.interpreter(), {
        args = { "-e", ('require "spec.support.clock_program".run "%s"'):format(program) },
        env = { LD_PRELOAD = library, URL = server.url },
      })
      local code = process:wait()
      assert.equal("", process.stderr)
      assert.equal("true", process.stdout)
      assert.equal(0, code)
    end)
  end
end)
