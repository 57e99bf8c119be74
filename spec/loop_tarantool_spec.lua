-- SPDX-License-Identifier: MIT
--- The loop for Tarantool's fibers that docs/loops.md shows, inside Tarantool.

local child = require "spec.support.child"
local lifetime = require "spec.support.lifetime"
local page = require "spec.support.page"
local scratch = require "spec.support.scratch"
local server = require "spec.support.server"

local CODE = page.code("docs/loops.md", "tarantool_loop.lua")

--- Returns why the spec cannot run here.
local function obstacle ()
  if (os.getenv "LD_PRELOAD" or ""):find("asan", 1, true) then
    return "the sanitizers do not know the stacks of Tarantool's fibers"
  end
  local found = io.popen "command -v tarantool"
  local path = found:read "*a"
  found:close()
  if path == "" then return "tarantool is not installed (CI installs it)" end
end

describe("the loop that docs/loops.md shows for Tarantool", function ()
  it("is valid Lua", function ()
    assert.is_function((rawget(_G, "loadstring") or load)(CODE, "=docs/loops.md"))
  end)

  if not rawget(_G, "jit") then return end     -- Tarantool loads modules that were built for LuaJIT
  local why = obstacle()
  if why then
    pending("runs: " .. why)
    return
  end
  local s, folder

  setup(function ()
    s = lifetime.serve()
    folder = scratch.new()
    scratch.write(folder .. "/tarantool_loop.lua", CODE)
  end)
  teardown(function ()
    scratch.remove(folder)
    server.stop()
  end)

  it("runs many streams next to timers, and keeps none of them", function ()
    local program = child.start("tarantool", {
      args = { "spec/support/tarantool.lua", s.url, lifetime.TEXT },
      env = { LUA_PATH = folder .. "/?.lua;" .. package.path },
    })
    local code = program:wait()
    assert.equal("", program.stderr)
    assert.equal(0, code)
    local passed = 0
    for line in program.stdout:gmatch "[^\n]+" do
      assert.is_truthy(line:find "^passed: ", program.stdout)
      passed = passed + 1
    end
    assert.equal(7, passed)
    assert.is_true(lifetime.quiet(s))
  end)
end)
