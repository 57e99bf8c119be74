-- SPDX-License-Identifier: MIT
--- A stand-in server in a process of its own, for tests whose client blocks.
-- @module predibase.mock.spawn

local faults = require "predibase.mock.faults"
local lines = require "predibase.mock.lines"
local loop = require "predibase.mock.loop"
local options_of = require "predibase.mock.options"
local serde = require "predibase.mock.serde"
local writer = require "predibase.mock.writer"

local M = {}

local REPLY = 30           -- seconds the child may take to answer
local KILL = 5             -- seconds it may take to end before it is killed

local Handle = {}
Handle.__index = Handle

local function any_bytes(reader)
  reader.strict = false
  return serde.any(reader)
end

-- Runs luv's loop until something is true; false when the time is up. The loop is only run a step
-- at a time, so that other users of it are served too.
local function run_until(uv, condition, seconds)
  if condition() then return true end
  local timer, late = uv.new_timer(), false
  uv.update_time()            -- the loop may have stood still while the client waited
  -- Again and again: one that ran out just before uv.run would leave that waiting for ever.
  timer:start(math.floor(seconds * 1000), 50, function() late = true end)
  while not late do
    uv.run("once")
    if condition() then break end
  end
  loop.finish(uv, timer)
  return condition() and true or false
end

-- A log is one line of a megabyte that comes in many pieces: each piece is looked at once.
local function on_line(self, line)
  local message = serde.plain((serde.read(line, any_bytes)))
  if type(message) == "table" then self.replies[message.id] = message end
end

-- `level` as in `error`; unless said otherwise, the caller of a handle's method is blamed.
local function call(self, command, arguments, level)
  level = level or 3
  if self.closed then error("the stand-in server is closed", level) end
  self.last = self.last + 1
  local id = self.last
  arguments = arguments or {}
  arguments.id, arguments.command = id, command
  self.uv.write(self.stdin, writer.encode(arguments) .. "\n")
  run_until(self.uv, function() return self.replies[id] or self.exited end, REPLY)
  local reply = self.replies[id]
  self.replies[id] = nil
  if not reply then
    local why = self.exited and ("ended with exit code %s"):format(self.code) or "does not answer"
    error("the stand-in server's process " .. why, level)
  end
  if reply.error then error(reply.error, level) end
  return reply.result
end

local function quoted(text)
  return ("%q"):format(text):gsub("\\\n", "\\n")
end

-- The child finds its modules where this program found them.
local function program()
  return ("package.path = %s package.cpath = %s os.exit(require(%q).main())")
    :format(quoted(package.path), quoted(package.cpath), "predibase.mock.child")
end

--- Starts a server as a child process. Raises an error when luv is missing or an option is wrong.
-- @tparam[opt] table options those of a server, and `interpreter`, the program to run (default: the
--   one that runs this); `max_seconds` is 600 unless said otherwise
-- @treturn[1] Handle with `url`, `host`, `port` and `pid`
-- @treturn[2] nil
-- @treturn[2] string why it could not be started
function M.new(options)
  options = options_of.check(options, options_of.spawn, 3)
  local uv = loop.uv()
  local interpreter = options.interpreter or uv.exepath()
  options.interpreter, options.on_error = nil, nil
  for _, script in pairs(options.script or {}) do faults.check_script(script, 3) end
  local self = setmetatable({
    uv = uv, stdin = uv.new_pipe(false), stdout = uv.new_pipe(false),
    pieces = {}, replies = {}, last = 0, closed = false, signal = loop.no_sigpipe(uv),
  }, Handle)
  local pid
  self.process, pid = uv.spawn(interpreter, {
    args = { "-e", program() }, stdio = { self.stdin, self.stdout, 2 },
  }, function(code, signal)
    self.exited, self.code = true, signal ~= 0 and "signal " .. signal or code
  end)
  if not self.process then
    loop.finish(uv, self.stdin, self.stdout, self.signal)
    return nil, ("cannot start %s: %s"):format(interpreter, tostring(pid))
  end
  self.pid = pid
  local feed = lines.new(function(line) on_line(self, line) end)
  uv.read_start(self.stdout, function(err, data)
    if not err and data then feed(data) end
  end)
  local ok, address = pcall(call, self, "start", { options = options }, 0)
  if not ok then
    self:close()
    return nil, tostring(address)
  end
  self.url, self.host, self.port = address.url, address.host, address.port
  return self
end

--- Sets what happens to requests for a path, see `Server:script`.
-- @tparam string path
-- @tparam ?table script
function Handle:script(path, script)
  if script ~= nil then faults.check_script(script, 2) end
  call(self, "script", { path = path, script = script })
end

--- What the server saw, see `Server:log`. A request is there from its head on; `complete` is set
-- when it is over.
-- @treturn table array
function Handle:log()
  return call(self, "log").entries
end

--- Errors in the server itself: always empty, or there is a bug to report.
-- @treturn table array of strings
function Handle:failures()
  return call(self, "log").failures
end

--- How many connections there were and are.
-- @treturn table `{ accepted =, open =, active = }`
function Handle:connections()
  return call(self, "connections")
end

--- Waits until something is true. The condition is asked some fifty times a second.
-- @tparam function condition called with this handle
-- @tparam[opt=5] number seconds
-- @treturn any what the condition returned, or false when the time is up
function Handle:wait(condition, seconds)
  local deadline = loop.now(self.uv) + (seconds or 5)
  while true do
    local result = condition(self)
    if result then return result end
    if loop.now(self.uv) >= deadline then return false end
    self.uv.sleep(20)
  end
end

--- Ends the server and waits for its process. Any number of times.
-- @treturn ?number|string exit code, or the signal that was needed
function Handle:close()
  if self.closed then return self.code end
  self.closed = true
  local function exited() return self.exited end
  loop.close(self.uv, self.stdin)
  if not run_until(self.uv, exited, KILL) then
    self.uv.process_kill(self.process, 9)
    run_until(self.uv, exited, KILL)
  end
  loop.finish(self.uv, self.stdout, self.process, self.signal)
  return self.code
end

return M
