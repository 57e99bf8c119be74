-- SPDX-License-Identifier: MIT
-- A real redis-server on loopback and on a Unix socket, in a temporary folder.
--
--    local why = redis_server.obstacle()     -- why it cannot run here, or nil
--    local redis = redis_server.start()
--    redis:call("SCRIPT", "FLUSH")
--    after_each(redis_server.stop)

local child = require "spec.support.child"
local in_nginx = require "spec.support.in_nginx"
local scratch = require "spec.support.scratch"
local server = require "spec.support.server"
local uv = require "luv"

local M = {}

local Redis = {}
Redis.__index = Redis

local running = {}

local SIGCONT, SIGSTOP = 18, 19

-- Ends Redis also when this program ends for any reason.
local KEEPER = [[
redis-server "$@" &
pid=$!
echo "$pid"
read -r word
kill -9 "$pid" 2>/dev/null
wait "$pid"
]]

--- Returns a port of the loopback interface that is free now.
function M.free_port ()
  local tcp = uv.new_tcp()
  assert(tcp:bind("127.0.0.1", 0))
  local port = tcp:getsockname().port
  tcp:close()
  uv.run "nowait"
  return port
end

--- Parses one answer at a position (RESP 2). Returns it and the position after it; an error of
-- Redis is a table with `err`. Returns nothing if the answer is incomplete.
local function parse (bytes, at)
  local kind, line, after = bytes:match("^(.)([^\r]*)\r\n()", at)
  if not kind then return end
  if kind == "+" then return line, after end
  if kind == "-" then return { err = line }, after end
  if kind == ":" then return tonumber(line), after end
  local n = tonumber(line)
  if kind == "$" then
    if n < 0 then return false, after end
    if #bytes < after + n + 1 then return end
    return bytes:sub(after, after + n - 1), after + n + 2
  end
  local list = {}
  for i = 1, n do
    local value, next_at = parse(bytes, after)
    if not next_at then return end
    list[i], after = value, next_at
  end
  return list, after
end

--- Connects to the Unix socket and sends a command. Returns an object whose `answer` is set later.
local function send (self, ...)
  local words = { ... }
  local request = ("*%d\r\n"):format(#words)
  for _, word in ipairs(words) do
    request = request .. ("$%d\r\n%s\r\n"):format(#tostring(word), tostring(word))
  end
  local pipe, received, state = uv.new_pipe(false), "", {}
  local function finish ()
    if not pipe:is_closing() then pipe:close() end
  end
  pipe:connect(self.socket, function (problem)
    if problem then
      state.failed = problem
      return finish()
    end
    pipe:write(request)
    pipe:read_start(function (_, data)
      received = received .. (data or "")
      local answer, after = parse(received, 1)
      if after then state.answer, state.done = answer, true end
      if after or not data then
        state.failed = not after and "closed" or nil
        finish()
      end
    end)
  end)
  server.run_until(function () return state.done or state.failed end)
  finish()
  uv.run "nowait"
  return state
end

--- Sends a command and returns its answer; raises an error if Redis answers with one.
function Redis:call (...)
  local state = send(self, ...)
  assert(state.done, state.failed)
  local answer = state.answer
  if type(answer) == "table" and answer.err then error(answer.err, 2) end
  return answer
end

--- Returns the ids and expiry times (seconds from now) of a set of leases.
function Redis:leases (key)
  local time = self:call "TIME"
  local now, list, n = time[1] + time[2] / 1e6, {}, 0
  local words = self:call("ZRANGE", key, 0, -1, "WITHSCORES")
  for i = 1, #words, 2 do
    list[words[i]] = words[i + 1] / 1e6 - now
    n = n + 1
  end
  return list, n
end

local function is_up (self)
  local state = send(self, "PING")
  return state.done and (state.answer == "PONG" or type(state.answer) == "table"
    and state.answer.err:find "^NOAUTH" ~= nil)
end

local function launch (self)
  self.process = child.start("sh", { args = self.args, env = child.STRANGER, keep_stdin = true })
  self.process:wait_for "\n"
  self.pid = tonumber(self.process.stdout:match "^%d+")
  if not server.run_until(function () return uv.fs_stat(self.socket) and is_up(self) end) then
    error("redis-server did not start: " .. self.process.stdout, 0)
  end
end

--- Stops the process so that it hangs, with its connections open.
function Redis:pause ()
  uv.kill(self.pid, SIGSTOP)
end

--- Lets it go on.
function Redis:resume ()
  uv.kill(self.pid, SIGCONT)
end

--- Ends the process at once. What it had not saved is lost.
function Redis:kill ()
  if self.process.code then return end
  self.process.stdin:close()
  self.process.stdin = nil
  self.process:wait()
  uv.fs_unlink(self.socket)
end

--- Starts it again at the same addresses, after `kill`.
function Redis:restart ()
  launch(self)
end

--- Starts a server.
-- @tparam ?table more arguments of redis-server
-- @treturn table `port`, `socket` (a path), `dir`
function M.start (more)
  local self = setmetatable({ dir = scratch.new(), port = M.free_port() }, Redis)
  self.socket = self.dir .. "/socket"
  self.args = { "-c", KEEPER, "sh",
    "--bind", "127.0.0.1", "--port", self.port, "--unixsocket", self.socket,
    "--dir", self.dir, "--save", "", "--appendonly", "no", "--daemonize", "no" }
  for _, word in ipairs(more or {}) do self.args[#self.args + 1] = word end
  for i, word in ipairs(self.args) do self.args[i] = tostring(word) end
  running[#running + 1] = self
  launch(self)
  return self
end

--- Stops all.
function M.stop ()
  local list = running
  running = {}
  for _, self in ipairs(list) do
    self:kill()
    scratch.remove(self.dir)
  end
end

--- Returns why no test with Redis can run here, or nil.
function M.obstacle ()
  local found = io.popen "command -v redis-server"
  local path = found:read "*a"
  found:close()
  if path == "" then return "redis-server is not installed (CI installs it)" end
  local run = in_nginx.eval [[
    os.exit((pcall(require, "resty.redis") or pcall(require, "nginx.redis")) and 0 or 1)
  ]]
  if run.exit_code ~= 0 then return "lua-resty-redis is not installed (CI installs it)" end
end

return M
