-- SPDX-License-Identifier: MIT
-- only: luajit
-- A process that was forked off and runs no other program has every socket of the program.

if not rawget(_G, "jit") then return end

local child = require "spec.support.child"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"

-- The child lives until its parent has gone, and has read the end of the parent's input.
local PROGRAM = [[
io.stdout:setvbuf "no"
local ffi = require "ffi"
ffi.cdef "int fork(void); void _exit(int); unsigned sleep(unsigned); int kill(int, int);"
local predibase = require "predibase"
local client = assert(predibase.new { base_url = os.getenv "BASE", api_token = false,
  max_retries = 0 })
local stream = client:generate_stream "x"
assert(stream:next().text == "one" and stream:next().text == " two")
local forked = ffi.C.fork()
if forked == 0 then
  ffi.C.sleep(60)
  ffi.C._exit(0)
end
%s
print "closed"
io.read "*l"
print(ffi.C.kill(forked, 9) == 0 and "the child was alive" or "there was no child")
]]

describe("A forked child", function ()
  local s

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)

  for what, close in pairs {
    stream = "stream:close()", client = "client:close()",
    ["forgotten stream"] = "stream = nil collectgarbage() collectgarbage()",
  } do
    it("does not keep the connection of a closed " .. what .. " open", function ()
      local process = child.start(child.interpreter(), {
        args = { "-e", PROGRAM:format(close) }, env = { BASE = s.url .. "/hang" },
        keep_stdin = true,
      })
      child.wait(function () return process.code or process.stdout == "closed\n" end,
        "a program that closes its " .. what)
      assert.equal("", process.stderr)
      assert.is_true(lifetime.quiet(s))
      process.stdin:write "go\n"
      assert.equal(0, process:wait())
      assert.equal("closed\nthe child was alive\n", process.stdout)
    end)
  end
end)
