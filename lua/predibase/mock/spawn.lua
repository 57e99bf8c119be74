-- SPDX-License-Identifier: MIT
--- Runs a stand-in server in a process of its own, for tests whose client blocks.
-- The parent writes one JSON object per line to the child's standard input, such as
-- `{"id":1,"command":"log"}`. The child answers on its standard output, with `{"id":1,"result":…}`
-- or `{"id":1,"error":"…"}`. It ends when its standard input does, so that it cannot outlive the
-- program that started it.
-- @module predibase.mock.spawn

local faults = require "predibase.mock.faults"
local json = require "predibase.mock.router_json"
local server = require "predibase.mock.server"
local usage = require "predibase.usage"
local uv_of = require "predibase.mock.uv"

--- The options of a stand-in server in a process of its own.
-- @table MockSpawnOptions
-- @extends MockOptions
-- @tfield ?string interpreter the program that runs it (default: the one that runs this program)

--- A stand-in server in a process of its own.
-- @table MockHandle
-- @tfield string url where it listens
-- @tfield string host the address
-- @tfield integer port the port
-- @tfield integer pid of the process

local M = {}

local REPLY = 30           -- seconds the child may take to answer
local KILL = 5             -- seconds it may take to end before it is killed

-- The further options of `new`, and those with another default.
local OPTIONS = {
  interpreter = { "string" },       -- program that runs the child; default: the running one
  max_seconds = 600,
}

-- Returns a function that takes bytes and calls `on_line` with every whole line, without its line
-- feed. A log can be one line of megabytes that comes in many pieces: each is looked at only once.
local function line_reader (on_line)
  local parts = {}
  return function (data)
    local from, stop = 1, data:find("\n", 1, true)
    while stop do
      parts[#parts + 1] = data:sub(from, stop - 1)
      local line = table.concat(parts)
      parts = {}
      on_line(line)
      from = stop + 1
      stop = data:find("\n", from, true)
    end
    if from <= #data then parts[#parts + 1] = data:sub(from) end
  end
end

local Handle = {}
Handle.__index = Handle

-- Runs luv's loop until something is true; false when the time is up. It runs one step at a time,
-- so that the condition is checked after each.
local function run_until (uv, condition, seconds)
  if condition() then return true end
  local timer, late = uv.new_timer(), false
  uv.update_time()            -- the loop has not run while the client waited
  -- repeated, because uv.run would wait for ever for one that fired just before
  timer:start(math.floor(seconds * 1000), 50, function () late = true end)
  while not late do
    uv.run("once")
    if condition() then break end
  end
  uv_of.finish(uv, timer)
  return condition() and true or false
end

local function on_line (self, line)
  local message = json.plain((json.read(line, { any_bytes = true })))
  if type(message) == "table" then self.replies[message.id] = message end
end

-- Sends a command to the child and returns its result; nil and a message when it fails.
local function try_call (self, command, arguments)
  if self.closed then return nil, "the stand-in server is closed" end
  self.last = self.last + 1
  local id = self.last
  arguments = arguments or {}
  arguments.id, arguments.command = id, command
  self.uv.write(self.stdin, json.encode(arguments) .. "\n")
  run_until(self.uv, function () return self.replies[id] or self.exited end, REPLY)
  local reply = self.replies[id]
  self.replies[id] = nil
  if not reply then
    local why = self.exited and ("ended with exit code %s"):format(self.code) or "does not answer"
    return nil, "the stand-in server's process " .. why
  end
  return reply.result, reply.error
end

local function call (self, command, arguments)
  local result, message = try_call(self, command, arguments)
  if message then usage.fail(message) end
  return result
end

local function quoted (text)
  return ("%q"):format(text):gsub("\\\n", "\\n")
end

-- The child finds its modules where this program found them.
local function program ()
  return ("package.path = %s package.cpath = %s os.exit(require(%q).child())")
    :format(quoted(package.path), quoted(package.cpath), "predibase.mock.spawn")
end

--- Starts a server as a child process. Raises an error when luv is missing or an option is wrong.
-- @tparam ?MockSpawnOptions options see `predibase.mock.spawn`
-- @treturn[1] MockHandle with `url`, `host`, `port` and `pid`
-- @treturn[2] nil
-- @treturn[2] string why it could not be started
function M.new (options)
  options = server.check(options, OPTIONS)
  local uv = uv_of.load()
  local interpreter = options.interpreter or uv.exepath()
  options.interpreter, options.on_error = nil, nil
  for _, script in pairs(options.script or {}) do faults.check_script(script) end
  local self = setmetatable({
    uv = uv, stdin = uv.new_pipe(false), stdout = uv.new_pipe(false),
    replies = {}, last = 0, closed = false, signal = uv_of.no_sigpipe(uv),
  }, Handle)
  local pid
  self.process, pid = uv.spawn(interpreter, {
    args = { "-e", program() }, stdio = { self.stdin, self.stdout, 2 },
  }, function (code, signal)
    self.exited, self.code = true, signal ~= 0 and "signal " .. signal or code
  end)
  if not self.process then
    uv_of.finish(uv, self.stdin, self.stdout, self.signal)
    return nil, ("cannot start %s: %s"):format(interpreter, tostring(pid))
  end
  self.pid = pid
  local feed = line_reader(function (line) on_line(self, line) end)
  uv.read_start(self.stdout, function (err, data)
    if not err and data then feed(data) end
  end)
  local address, message = try_call(self, "start", { options = options })
  if not address then
    self:close()
    return nil, message
  end
  self.url, self.host, self.port = address.url, address.host, address.port
  return self
end

--- Sets what happens to requests for a path, see `Server:script`.
-- @tparam string path
-- @tparam ?MockFaults|MockFaults[] script
function Handle:script (path, script)
  if script ~= nil then faults.check_script(script) end
  call(self, "script", { path = path, script = script })
end

--- Returns the requests, see `Server:log`. Each is added when its head has arrived; `complete` is
-- set when it is over.
-- @treturn MockRequest[]
function Handle:log ()
  return call(self, "log").entries
end

--- Returns errors in the server itself. There are none unless the server has a bug.
-- @treturn string[]
function Handle:failures ()
  return call(self, "log").failures
end

--- Counts connections and requests.
-- @treturn MockConnections `accepted` and `open` connections, `active` requests
function Handle:connections ()
  return call(self, "connections")
end

--- Waits until something is true. The condition is checked about fifty times per second.
-- @tparam fun(server:MockHandle):any condition is called with this handle
-- @tparam[opt=5] number seconds
-- @treturn any what the condition returned, or false when the time is up
function Handle:wait (condition, seconds)
  local deadline = uv_of.now(self.uv) + (seconds or 5)
  while true do
    local result = condition(self)
    if result then return result end
    if uv_of.now(self.uv) >= deadline then return false end
    self.uv.sleep(20)
  end
end

--- Ends the server and waits for its process. May be called again.
-- @treturn ?number|string exit code, or the signal that ended it
function Handle:close ()
  if self.closed then return self.code end
  self.closed = true
  local function exited () return self.exited end
  uv_of.close(self.uv, self.stdin)
  if not run_until(self.uv, exited, KILL) then
    self.uv.process_kill(self.process, 9)
    run_until(self.uv, exited, KILL)
  end
  uv_of.finish(self.uv, self.stdout, self.process, self.signal)
  return self.code
end

local running, commands = nil, {}      -- in the child: its server, and the commands by name

--- Starts the server: `{ options = … }`. Returns `url`, `host` and `port`.
function commands.start (arguments)
  local message
  running, message = server.new(server.check(arguments.options))
  if not running then usage.fail(message) end
  return { url = running.url, host = running.host, port = running.port }
end

--- Sets a script: `{ path = …, script = … }`.
function commands.script (arguments)
  running:script(arguments.path, arguments.script)
  return true
end

--- Returns the log and the server's own failures.
function commands.log ()
  return { entries = running:log(), failures = running.failures }
end

--- Returns the numbers of connections and requests.
function commands.connections ()
  return running:connections()
end

local function answer (line)
  local request = json.plain((json.read(line, { any_bytes = true })))
  local ok, result = usage.catch(commands[request.command], request)
  if not ok then return { id = request.id, error = tostring(result) } end
  return { id = request.id, result = result }
end

--- Serves as the child process: until standard input ends, or the server has reached its limits.
-- @treturn number exit code
function M.child ()
  local uv = uv_of.load()
  local input, output = uv.new_pipe(false), uv.new_pipe(false)
  uv.pipe_open(input, 0)
  uv.pipe_open(output, 1)
  local done = false
  local feed = line_reader(function (line)
    uv.write(output, json.encode(answer(line)) .. "\n")
  end)
  uv.read_start(input, function (err, data)
    if err or not data then
      done = true
    else
      feed(data)
    end
  end)
  repeat
    uv.run("once")
    if running and running.ended == "max_seconds" then done = true end
  until done
  if running then running:close() end
  uv.run("nowait")
  return 0
end

return M
