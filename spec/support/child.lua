-- SPDX-License-Identifier: MIT
-- Runs child processes on luv's loop, so that a server in the spec's own process can serve them.

local uv = require "luv"

local M = {}

-- Much longer than any operation here takes. A child that hangs makes the test fail.
-- `make coverage`, in which programs are slow, sets another number of seconds.
M.PATIENCE = (tonumber(os.getenv "TEST_PATIENCE") or 60) * 1000         -- milliseconds

--- The interpreter that runs this spec.
function M.interpreter ()
  local i = 0
  while arg[i - 1] do i = i - 1 end
  return arg[i]
end

-- The environment variables that a child inherits.
local INHERITED = {
  "PATH", "HOME", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TMPDIR",
}

--- The environment for third-party programs, which must run without our sanitizers.
M.STRANGER = { LD_PRELOAD = "" }

--- Returns NAME=VALUE strings: the inherited variables, the search paths of this spec, and `extra`.
function M.environment (extra)
  local values = { LUA_PATH = package.path, LUA_CPATH = package.cpath }
  for _, name in ipairs(INHERITED) do values[name] = os.getenv(name) end
  for name, value in pairs(extra or {}) do values[name] = value end
  local list = {}
  for name, value in pairs(values) do list[#list + 1] = name .. "=" .. value end
  return list
end

--- Runs the loop until `done()` is true; raises an error when that takes too long. `patience` is in
-- milliseconds (PATIENCE).
function M.wait (done, what, patience)
  local late = false
  local timer = uv.new_timer()
  uv.update_time()              -- a blocking client may have kept the loop from running
  timer:start(patience or M.PATIENCE, 50, function () late = true end)
  while not done() and not late do uv.run "once" end
  timer:close()
  uv.run "nowait"
  if not done() then error("waited in vain for " .. (what or "a child"), 2) end
end

local methods = {}
local mt = { __index = methods }

local function collect (child, name)
  local pipe = uv.new_pipe(false)
  child[name] = ""
  child.open = child.open + 1
  return pipe, function ()
    pipe:read_start(function (_, data)
      if data then
        child[name] = child[name] .. data
      else
        pipe:close()
        child.open = child.open - 1
      end
    end)
  end
end

--- Starts a program.
-- options: `args`, `env` (table of additional variables), `stdin` (string), and `keep_stdin` (true:
-- standard input stays open).
function M.start (path, options)
  local child = setmetatable({ open = 0 }, mt)
  local stdin = uv.new_pipe(false)
  local stdout, read_stdout = collect(child, "stdout")
  local stderr, read_stderr = collect(child, "stderr")
  local handle
  handle, child.pid = uv.spawn(path, {
    args = options.args, stdio = { stdin, stdout, stderr }, env = M.environment(options.env),
  }, function (code, signal)
    child.code, child.signal = code, signal
    handle:close()
  end)
  assert(handle, child.pid)
  read_stdout()
  read_stderr()
  if options.stdin then stdin:write(options.stdin) end
  if options.keep_stdin then
    child.stdin = stdin
  else
    stdin:shutdown(function () stdin:close() end)
  end
  return child
end

--- Waits until standard output contains `text`.
function methods:wait_for (text)
  M.wait(function () return self.stdout:find(text, 1, true) or self.code end, text)
  assert(self.stdout:find(text, 1, true), self.stdout .. self.stderr)
end

--- Waits for the end; returns the exit code, or 128 + the number of the signal, as in shells.
function methods:wait (patience)
  M.wait(function () return self.code and self.open == 0 end, "the end of a child", patience)
  if self.stdin then
    self.stdin:close()
    uv.run "nowait"
    self.stdin = nil
  end
  -- tools/test-one.sh runs a test again when the log says this.
  local crash = self.stderr:match "LeakSanitizer has encountered a fatal error"
  if crash then io.stderr:write(crash, "\n") end
  return self.signal ~= 0 and 128 + self.signal or self.code
end

--- Sends a signal by number.
function methods:kill (signal)
  uv.kill(self.pid, signal)
end

return M
