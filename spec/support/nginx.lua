-- SPDX-License-Identifier: MIT
-- A real nginx on loopback, in a temporary folder.
--
--    local server = nginx.start({ "main" }, function(address)
--      return "server { listen " .. address.main .. " ssl http2; … }"
--    end)
--    after_each(nginx.stop)
--
-- nginx cannot tell which port the kernel chose for it. So the sockets are bound here and handed
-- over as nginx hands its own over to its successor: as open descriptors, named in the variable
-- NGINX. A shell in between restarts it on the same sockets; when this program ends, however it
-- does, the shell's standard input ends, and with it nginx and the folder.

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

local function count(text, what)
  local n = 0
  for _ in text:gmatch(what) do n = n + 1 end
  return n
end

--- Runs luv's loop, and looks fifty times a second whether something is true.
local function wait(done, what)
  local timer = uv.new_timer()
  timer:start(20, 20, function() end)
  local ok, err = pcall(child.wait, done, what)
  timer:close()
  uv.run "nowait"
  if not ok then error(err, 0) end
end

function Nginx:errors()
  return scratch.read(self.dir .. "/start.log") .. scratch.read(self.dir .. "/error.log")
end

local function wait_for_worker(self, number)
  local refused       -- by nginx itself; the shell around it waits for more
  wait(function()
    refused = self.exited or self:errors():find("[emerg]", 1, true)
    return refused or count(self:errors(), "start worker process %d") >= number
  end, "a worker of nginx")
  if refused then error("nginx did not start:\n" .. self:errors(), 0) end
end

--- The access log so far: array of `{ connection, protocol, status, uri, client }`.
function Nginx:log()
  local entries = {}
  for line in scratch.read(self.dir .. "/access.log"):gmatch("[^\n]+") do
    local connection, protocol, status, uri, subject = line:match("^(%d+) (%S+) (%d+) (%S+) (.*)$")
    entries[#entries + 1] = { connection = connection, protocol = protocol,
      status = tonumber(status), uri = uri, client = subject }
  end
  return entries
end

--- The access log's entries of paths that begin so, once there are `n`: one is written when its
-- request is over for nginx, which may be after it was over for the client.
function Nginx:wait_for_log(n, prefix)
  local entries
  wait(function()
    entries = {}
    for _, entry in ipairs(self:log()) do
      if entry.uri:sub(1, #prefix) == prefix then entries[#entries + 1] = entry end
    end
    return #entries >= n
  end, n .. " lines in nginx's log")
  return entries
end

--- Takes a new set of workers; the old ones end what they have begun. Returns when they know.
function Nginx:reload()
  local before = count(self:errors(), "gracefully shutting down")
  self.workers = self.workers + 1
  self.stdin:write("reload\n")
  wait(function()
    return count(self:errors(), "gracefully shutting down") > before
  end, "the end of a worker")
  wait_for_worker(self, self.workers)
end

--- Ends it, with all its connections, and starts it again at the same address.
function Nginx:restart()
  self.workers = self.workers + 1
  self.stdin:write("restart\n")
  wait_for_worker(self, self.workers)
end

--- Starts nginx.
-- @tparam table names of the addresses to listen on
-- @tparam function config gets the addresses ("127.0.0.1:port" by name), returns what goes into
-- the block `http`
-- @tparam ?table options `workers` (1), `main` (lines outside of all blocks), `env` (variables)
-- @treturn table `port` (by name), `dir`
function M.start(names, config, options)
  options = options or {}
  local self = setmetatable({ dir = scratch.new(), port = {}, workers = options.workers or 1 },
    Nginx)
  running[#running + 1] = self
  self.stdin = uv.new_pipe(false)
  local address, sockets, stdio, inherited = {}, {}, { self.stdin, 2, 2 }, ""
  for i, name in ipairs(names) do
    local tcp = uv.new_tcp()
    assert(tcp:bind("127.0.0.1", 0))
    assert(tcp:listen(256, function() end))
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
  }, function()
    self.exited = true
    process:close()
  end))
  for _, tcp in ipairs(sockets) do tcp:close() end
  uv.run "nowait"
  wait_for_worker(self, self.workers)
  return self
end

--- Kills all workers without a word; returns when the master has made new ones.
function Nginx:kill_workers()
  local pids = {}
  for pid in self:errors():gmatch "start worker process (%d+)" do
    pids[#pids + 1] = tonumber(pid)
  end
  local n = self.workers
  for i = #pids - n + 1, #pids do assert(uv.kill(pids[i], "sigkill")) end
  wait_for_worker(self, #pids + n)
end

--- Stops one, and removes its folder.
function Nginx:stop()
  if self.stopped then return end
  self.stopped = true
  if not self.stdin:is_closing() then self.stdin:close() end
  wait(function() return self.exited end, "the end of nginx")
end

--- Stops all.
function M.stop()
  local list = running
  running = {}
  for _, self in ipairs(list) do self:stop() end
end

return M
