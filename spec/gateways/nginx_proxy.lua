-- SPDX-License-Identifier: MIT
-- nginx as a gateway: its situations, its configuration, and how it starts and reloads.

local process = require "spec.gateways.process"
local scratch = require "spec.support.scratch"
local uv = require "luv"

local M = { name = "nginx", program = "nginx" }

local GZIP = "gzip on; gzip_min_length 1; gzip_proxied any; "
  .. "gzip_types application/json text/event-stream;"
local NEXT = "proxy_next_upstream error timeout http_503 non_idempotent;"

-- `location` has directives of the location, `upstream` the words after its server, which is there
-- `servers` times; `server` has directives for a server of their own, `global` for an nginx of its
-- own.
M.situations = {
  { id = "plain", case = "plain", what = "nothing goes wrong", inside = true },
  { id = "gzip", case = "plain", what = "`gzip on`", location = GZIP },
  { id = "limited", case = "limited", what = "`limit_req` with `limit_req_status 429`",
    location = "limit_req zone=rows; limit_req_status 429;" },
  { id = "limited_503", case = "limited", what = "`limit_req` with its default status",
    location = "limit_req zone=rows;" },
  { id = "none", case = "refused", what = "the upstream has no server that works",
    upstream = "down" },
  { id = "dead", case = "refused", what = "the server refuses connections", inside = true },
  { id = "closed", case = "closed", what = "the server closes the connection before its head",
    inside = true },
  { id = "cut", case = "cut", what = "the server closes the connection in its body",
    inside = true },
  { id = "reset", case = "reset", what = "the server resets the connection in its body",
    inside = true },
  { id = "timeout_head", case = "headless", inside = true,
    what = "`proxy_read_timeout` before the head", location = "proxy_read_timeout 2s;" },
  { id = "timeout", case = "silent", what = "`proxy_read_timeout` in the stream", inside = true,
    location = "proxy_read_timeout 3s;" },
  { id = "retry_once", case = "refuses_once", location = NEXT, servers = 2,
    what = "`proxy_next_upstream … non_idempotent`; the server answers 503 once" },
  { id = "retry", case = "refuses", location = NEXT, servers = 2,
    what = "the same; both servers always answer 503" },
  { id = "retry_slow", case = "headless", location = NEXT .. " proxy_read_timeout 1s;",
    servers = 2, what = "the same with `proxy_read_timeout`; both servers are slow" },
  { id = "retry_cut", case = "cut", location = NEXT, servers = 2,
    what = "the same; the server closes the connection in its body" },
  { id = "too_large", case = "too_large", inside = true,
    what = "`client_max_body_size` refuses a long prompt",
    location = "client_max_body_size 20k;" },
  { id = "one_request", case = "again", what = "`keepalive_requests 1`; the third call",
    server = "keepalive_requests 1;" },
  { id = "idle_connection", case = "idle", server = "keepalive_timeout 1s;",
    what = "`keepalive_timeout` of the connection between two calls" },
  { id = "one_stream", case = "second", server = "http2_max_concurrent_streams 1;",
    what = "`http2_max_concurrent_streams 1`; a second stream of the client" },
  { id = "late", case = "starts", varies = { attempts = true },
    what = "the deployment starts late; `cold_start`" },
  { id = "reload", case = "continues", action = "reload", what = "a reload" },
  { id = "reload_short", case = "interrupted", action = "reload",
    global = "worker_shutdown_timeout 1s;", what = "a reload with `worker_shutdown_timeout`" },
  { id = "stop", case = "interrupted", action = "stop", what = "SIGTERM" },
  { id = "kill", case = "interrupted", action = "kill", what = "SIGKILL of the worker" },
}

local FRAME = [[
daemon off;
worker_processes 1;
%s
%s
pid nginx.pid;
error_log stderr notice;
events { worker_connections 512; }
http {
access_log off;
client_body_temp_path body;
proxy_temp_path proxy;
fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi;
scgi_temp_path scgi;
map $uri $row { ~^(?<begin>/[^/]+/[^/]+/[^/]+)/ $begin; }
limit_req_zone $row zone=rows:1m rate=1r/m;
%s
}
]]

local SERVER = [[
server {
listen 127.0.0.1:%d ssl http2;
ssl_certificate %s;
ssl_certificate_key %s;
client_max_body_size 8m;
proxy_http_version 1.1;
proxy_set_header Connection "";
%s
%s
}
]]

local LOCATION = "location %s/ { proxy_pass http://model%d; %s }\n"

local function configure (rows, folder, pair)
  local ports, locations, order, parts = {}, {}, {}, {}
  for i, row in ipairs(rows) do
    local situation = row.situation
    local key = situation.server and situation.id or ""
    if not ports[key] then
      ports[key], locations[key] = process.port(), {}
      order[#order + 1] = { key = key, lines = situation.server or "" }
    end
    row.port = ports[key]
    table.insert(locations[key], LOCATION:format(row.path, i, situation.location or ""))
    parts[#parts + 1] = ("upstream model%d { %s}\n"):format(i,
      ("server 127.0.0.1:%d max_fails=0 %s; "):format(row.upstream, situation.upstream or "")
        :rep(situation.servers or 1))
  end
  for _, each in ipairs(order) do
    parts[#parts + 1] = SERVER:format(ports[each.key], pair.cert, pair.key, each.lines,
      table.concat(locations[each.key]))
  end
  scratch.write(folder .. "/nginx.conf", FRAME:format(uv.getuid() == 0 and "user root;" or "",
    rows[1].situation.global or "", table.concat(parts)))
end

local Gateway = {}
Gateway.__index = Gateway

function Gateway:stop () self.process:signal "sigterm" end
function Gateway:reload () self.process:signal "sighup" end
function Gateway:finish () self.process:stop() end

--- Kills the worker; the master starts another one.
function Gateway:kill ()
  uv.kill(tonumber(self.process:output():match "start worker process (%d+)"), "sigkill")
end

--- Starts nginx in a task; as spec/gateways/envoy.lua.
function M.start (rows, folder, pair)
  configure(rows, folder, pair)
  local self = setmetatable({ process = process.start("nginx", { M.program, "-p", folder, "-c",
    folder .. "/nginx.conf", "-e", "stderr" }, folder .. "/nginx.log") }, Gateway)
  for _, row in ipairs(rows) do process.wait_for_port(self.process, row.port) end
  return self
end

return M
