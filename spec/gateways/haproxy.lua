-- SPDX-License-Identifier: MIT
-- HAProxy as a gateway: its situations, its configuration, and how it starts and reloads.

local process = require "spec.gateways.process"
local scratch = require "spec.support.scratch"

local M = { name = "HAProxy", program = "haproxy" }

local GZIP = "compression algo gzip\n  compression type application/json text/event-stream"

-- `backend` has lines of the backend, `server` words of its server; `frontend` has lines for a
-- frontend of their own, `global` lines for a HAProxy of its own.
M.situations = {
  { id = "plain", case = "plain", what = "nothing goes wrong", inside = true },
  { id = "gzip", case = "plain", what = "`compression algo gzip`", backend = GZIP },
  { id = "gzip_forced", case = "plain", backend = GZIP,
    frontend = "http-request set-header accept-encoding gzip",
    what = "the same for requests that do not ask for it" },
  { id = "limited", case = "limited", what = "a stick table refuses (`deny_status 429`)",
    backend = "stick-table type integer size 10 expire 1h store http_req_cnt\n"
      .. "  http-request track-sc0 int(1)\n"
      .. "  http-request deny deny_status 429 if { sc0_http_req_cnt gt 1 }" },
  { id = "none", case = "refused", what = "the backend has no server that works",
    server = "disabled" },
  { id = "dead", case = "refused", what = "the server refuses connections", inside = true },
  { id = "closed", case = "closed", what = "the server closes the connection before its head",
    inside = true, varies = { requests = true } },
  { id = "cut", case = "cut", what = "the server closes the connection in its body",
    inside = true },
  { id = "reset", case = "reset", what = "the server resets the connection in its body",
    inside = true },
  { id = "timeout_head", case = "headless", inside = true,
    what = "`timeout server` before the head", backend = "timeout server 2s" },
  { id = "timeout", case = "silent", what = "`timeout server` in the stream", inside = true,
    backend = "timeout server 3s" },
  { id = "queue", case = "second", what = "`maxconn 1` and `timeout queue`; a second stream",
    backend = "timeout queue 2s", server = "maxconn 1" },
  { id = "retry_once", case = "refuses_once", backend = "retry-on all-retryable-errors",
    varies = { client = "2", attempts = true, requests = true },
    what = "`retry-on all-retryable-errors`; the server answers 503 once" },
  { id = "retry", case = "refuses", backend = "retry-on all-retryable-errors",
    varies = { client = "2", requests = true },
    what = "the same; the server always answers 503" },
  { id = "retry_slow", case = "headless", varies = { client = "2", requests = true },
    what = "the same with `timeout server`; the server is slow",
    backend = "retry-on all-retryable-errors\n  timeout server 1s" },
  { id = "retry_cut", case = "cut", backend = "retry-on all-retryable-errors",
    what = "the same; the server closes the connection in its body" },
  { id = "too_large", case = "too_large", what = "a long prompt is denied (`deny_status 413`)",
    varies = { outcomes = { "too_large", "connection" } },
    backend = "http-request deny deny_status 413 if { req.hdr_val(content-length) gt 20000 }" },
  { id = "one_request", case = "again", what = "`option httpclose`; the third call",
    frontend = "option httpclose" },
  { id = "idle_connection", case = "idle",
    what = "`timeout http-keep-alive` of the connection between two calls",
    frontend = "timeout http-keep-alive 1s" },
  { id = "one_stream", case = "second", global = "tune.h2.max-concurrent-streams 1",
    what = "`tune.h2.max-concurrent-streams 1`; a second stream of the client" },
  { id = "late", case = "starts", varies = { attempts = true },
    what = "the deployment starts late; `cold_start`" },
  { id = "reload", case = "continues", action = "reload", what = "a reload" },
  { id = "reload_short", case = "interrupted", action = "reload", global = "hard-stop-after 2s",
    what = "a reload with `hard-stop-after`" },
  { id = "stop", case = "interrupted", action = "stop", what = "SIGTERM" },
  { id = "kill", case = "interrupted", action = "kill", what = "SIGKILL" },
}

local FRAME = [[
global
  maxconn 1000
  %s
defaults
  mode http
  timeout connect 5s
  timeout client 900s
  timeout server 900s
]]

local FRONTEND = [[
frontend %s
  bind 127.0.0.1:%d ssl crt %s alpn h2,http/1.1
  %s
%s
]]

local BACKEND = [[
backend model%d
  %s
  server model 127.0.0.1:%d %s
]]

local function configure (rows, folder, pair)
  local pem = folder .. "/both.pem"
  scratch.write(pem, scratch.read(pair.cert) .. scratch.read(pair.key))
  local parts, ports, rules, order = { FRAME:format(rows[1].situation.global or "") }, {}, {}, {}
  for i, row in ipairs(rows) do
    local situation = row.situation
    local key = situation.frontend and situation.id or ""
    if not ports[key] then
      ports[key], rules[key] = process.port(), {}
      order[#order + 1] = { key = key, lines = situation.frontend or "" }
    end
    row.port = ports[key]
    table.insert(rules[key], ("  use_backend model%d if { path_beg %s/ }"):format(i, row.path))
    parts[#parts + 1] = BACKEND:format(i, situation.backend or "", row.upstream,
      situation.server or "")
  end
  for i, each in ipairs(order) do
    parts[#parts + 1] = FRONTEND:format("front" .. i, ports[each.key], pem, each.lines,
      table.concat(rules[each.key], "\n"))
  end
  scratch.write(folder .. "/haproxy.cfg", table.concat(parts))
end

local Gateway = {}
Gateway.__index = Gateway

function Gateway:stop () self.process:signal "sigterm" end
function Gateway:kill () self.process:signal "sigkill" end
function Gateway:reload () self.process:signal "sigusr2" end
function Gateway:finish () self.process:stop() end

--- Starts HAProxy in a task; as spec/gateways/envoy.lua.
function M.start (rows, folder, pair)
  configure(rows, folder, pair)
  local command = { M.program, "-db", "-f", folder .. "/haproxy.cfg" }
  if rows[1].situation.action == "reload" then table.insert(command, 2, "-W") end
  local self = setmetatable({ process = process.start("HAProxy", command,
    folder .. "/haproxy.log") }, Gateway)
  for _, row in ipairs(rows) do process.wait_for_port(self.process, row.port) end
  return self
end

return M
