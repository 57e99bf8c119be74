-- SPDX-License-Identifier: MIT
-- A real nginx on loopback, in a temporary folder.
--
--    local server = nginx.start({ "main" }, function (address)
--      return "server { listen " .. address.main .. " ssl http2; … }"
--    end)
--    after_each(nginx.stop)
--
-- nginx cannot report a port that the kernel chose. Therefore the sockets are bound here and passed
-- to nginx as open descriptors in the variable NGINX, which nginx itself uses for upgrades. A shell
-- runs nginx and can restart it on the same sockets. When this program ends for any reason, the
-- shell's standard input is closed, and the shell stops nginx and removes the folder.

local uv = require "luv"
local child = require "spec.support.child"
local scratch = require "spec.support.scratch"

local M = {}

local KEEPER = [[
folder=$1
start () { nginx -p "$folder" -c "$folder/nginx.conf" 2>"$folder/start.log" & pid=$!; }
start
while read -r word; do
  case $word in
    reload) kill -HUP "$pid" ;;
    restart) kill -TERM "$pid"; wait "$pid"; start ;;
  esac
done
kill -TERM "$pid"; wait "$pid"
rm -rf "$folder"
]]

local FRAME = [[
daemon off;
worker_processes %d;
%s
%s
pid nginx.pid;
error_log error.log notice;
events { worker_connections 512; }
http {
  log_format spec "$connection $server_protocol $status $request_uri $ssl_client_s_dn";
  access_log access.log spec;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  proxy_buffering off;
  proxy_http_version 1.1;
  client_max_body_size 8m;
%s
}
]]

local running = {}

local Nginx = {}
Nginx.__index = Nginx

local function count (text, what)
  local n = 0
  for _ in text:gmatch(what) do n = n + 1 end
  return n
end

--- Runs luv's loop until a condition is true; checks it fifty times per second.
local function wait (done, what)
  local timer = uv.new_timer()
  timer:start(20, 20, function () end)
  local ok, err = pcall(child.wait, done, what)
  timer:close()
  uv.run "nowait"
  if not ok then error(err, 0) end
end

function Nginx:errors ()
  return scratch.read(self.dir .. "/start.log") .. scratch.read(self.dir .. "/error.log")
end

local function wait_for_worker (self, number)
  local refused       -- nginx has refused its configuration, and the shell is waiting
  wait(function ()
    refused = self.exited or self:errors():find("[emerg]", 1, true)
    return refused or count(self:errors(), "start worker process %d") >= number
  end, "a worker of nginx")
  if refused then error("nginx did not start:\n" .. self:errors(), 0) end
end

--- Returns the access log so far: array of `{ connection, protocol, status, uri, client }`.
function Nginx:log ()
  local entries = {}
  for line in scratch.read(self.dir .. "/access.log"):gmatch("[^\n]+") do
    local connection, protocol, status, uri, subject = line:match("^(%d+) (%S+) (%d+) (%S+) (.*)$")
    entries[#entries + 1] = { connection = connection, protocol = protocol,
      status = tonumber(status), uri = uri, client = subject }
  end
  return entries
end

--- Waits for `n` entries of the access log whose paths have the given beginning, and returns them.
-- nginx writes an entry when the request ends, which may be after it ended for the client.
function Nginx:wait_for_log (n, prefix)
  local entries
  wait(function ()
    entries = {}
    for _, entry in ipairs(self:log()) do
      if entry.uri:sub(1, #prefix) == prefix then entries[#entries + 1] = entry end
    end
    return #entries >= n
  end, n .. " lines in nginx's log")
  return entries
end

--- Reloads nginx: starts new workers, while the old ones finish their requests. Returns when the
-- old workers have been told.
function Nginx:reload ()
  local before = count(self:errors(), "gracefully shutting down")
  self.workers = self.workers + 1
  self.stdin:write("reload\n")
  wait(function ()
    return count(self:errors(), "gracefully shutting down") > before
  end, "the end of a worker")
  wait_for_worker(self, self.workers)
end

--- Stops nginx with all its connections, and starts it again at the same address.
function Nginx:restart ()
  self.workers = self.workers + 1
  self.stdin:write("restart\n")
  wait_for_worker(self, self.workers)
end

--- Starts nginx.
-- @tparam table names of the addresses to listen on
-- @tparam function config takes the addresses ("127.0.0.1:port" by name), returns the content of
-- the block `http`
-- @tparam ?table options `workers` (1), `main` (lines outside all blocks), `env` (variables)
-- @treturn table `port` (by name), `dir`
function M.start (names, config, options)
  options = options or {}
  local self = setmetatable({ dir = scratch.new(), port = {}, workers = options.workers or 1 },
    Nginx)
  running[#running + 1] = self
  self.stdin = uv.new_pipe(false)
  local address, sockets, stdio, inherited = {}, {}, { self.stdin, 2, 2 }, ""
  for i, name in ipairs(names) do
    local tcp = uv.new_tcp()
    assert(tcp:bind("127.0.0.1", 0))
    assert(tcp:listen(256, function () end))
    self.port[name] = tcp:getsockname().port
    address[name] = "127.0.0.1:" .. self.port[name]
    sockets[i], stdio[3 + i] = tcp, tcp:fileno()
    inherited = inherited .. 2 + i .. ";"
  end
  scratch.write(self.dir .. "/nginx.conf", FRAME:format(self.workers,
    uv.getuid() == 0 and "user root;" or "", options.main or "", config(address)))
  local process
  local env = { NGINX = inherited, PATH = os.getenv "PATH" .. ":/usr/sbin", LD_PRELOAD = "" }
  for name, value in pairs(options.env or {}) do env[name] = value end
  process = assert(uv.spawn("sh", {
    args = { "-c", KEEPER, "sh", self.dir }, stdio = stdio, env = child.environment(env),
  }, function ()
    self.exited = true
    process:close()
  end))
  for _, tcp in ipairs(sockets) do tcp:close() end
  uv.run "nowait"
  wait_for_worker(self, self.workers)
  return self
end

--- Kills all workers with SIGKILL; returns when the master has started new ones.
function Nginx:kill_workers ()
  local pids = {}
  for pid in self:errors():gmatch "start worker process (%d+)" do
    pids[#pids + 1] = tonumber(pid)
  end
  local n = self.workers
  for i = #pids - n + 1, #pids do assert(uv.kill(pids[i], "sigkill")) end
  wait_for_worker(self, #pids + n)
end

--- Stops one, and removes its folder.
function Nginx:stop ()
  if self.stopped then return end
  self.stopped = true
  if not self.stdin:is_closing() then self.stdin:close() end
  wait(function () return self.exited end, "the end of nginx")
end

--- Stops all.
function M.stop ()
  local list = running
  running = {}
  for _, self in ipairs(list) do self:stop() end
end

return M
