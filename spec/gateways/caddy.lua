-- SPDX-License-Identifier: MIT
-- Caddy as a gateway: its situations, its configuration, and how it starts and reloads.

local child = require "spec.support.child"
local process = require "spec.gateways.process"
local scratch = require "spec.support.scratch"
local tasks = require "spec.gateways.tasks"

local M = { name = "Caddy", program = "caddy" }

local GZIP = [[encode {
    gzip
    minimum_length 1
    match {
      header Content-Type application/json*
      header Content-Type text/event-stream*
    }
  }]]

-- `handler` has lines before the proxy, `proxy` its lines; `server` has options for a listener of
-- their own, `global` options of a Caddy of its own.
M.situations = {
  { id = "plain", case = "plain", what = "nothing goes wrong", inside = true },
  { id = "gzip", case = "plain", what = "`encode` (gzip)", handler = GZIP },
  { id = "gzip_forced", case = "plain", handler = "request_header Accept-Encoding gzip\n" .. GZIP,
    what = "the same for requests that do not ask for it" },
  { id = "none", case = "refused", proxy = "fail_duration 1h",
    what = "the only server counts as failed (`fail_duration`)" },
  { id = "dead", case = "refused", what = "the server refuses connections", inside = true },
  { id = "closed", case = "closed", what = "the server closes the connection before its head",
    inside = true },
  { id = "cut", case = "cut", what = "the server closes the connection in its body",
    inside = true },
  { id = "reset", case = "reset", what = "the server resets the connection in its body",
    inside = true },
  { id = "timeout_head", case = "headless", inside = true,
    what = "`response_header_timeout`",
    proxy = "transport http {\n response_header_timeout 2s\n }" },
  { id = "timeout", case = "silent", what = "`read_timeout` in the stream", inside = true,
    proxy = "transport http {\n read_timeout 3s\n }" },
  { id = "too_large", case = "too_large", inside = true, varies = { requests = true },
    what = "`request_body` refuses a long prompt",
    handler = "request_body {\n max_size 20KB\n }" },
  { id = "idle_connection", case = "idle", server = "timeouts {\n idle 1s\n }",
    what = "the timeout `idle` of the connection between two calls" },
  { id = "late", case = "starts", varies = { attempts = true },
    what = "the deployment starts late; `cold_start`" },
  { id = "late_held", case = "starts", varies = { attempts = true, requests = true },
    proxy = "lb_try_duration 100s",
    what = "the same with `lb_try_duration`" },
  { id = "reload", case = "continues", action = "reload", global = "grace_period 1s",
    what = "a reload, also with `grace_period`" },
  { id = "stop", case = "interrupted", action = "stop", global = "grace_period 1s",
    what = "SIGTERM with `grace_period`" },
  { id = "kill", case = "interrupted", action = "kill", what = "SIGKILL" },
}

local SERVERS = [[
  servers :%d {
    protocols h1 h2
    %s
  }
]]

local SITE = [[
https://localhost:%d {
  bind 127.0.0.1
  tls %s %s
%s}
]]

-- Without buffer_requests, Caddy 2.6 ends about one stream in 200 early over HTTP/1.1, also for
-- other clients.
local HANDLER = [[
  handle %s/* {
  route {
  %s
    reverse_proxy 127.0.0.1:%d {
      buffer_requests
      %s
    }
  }
  }
]]

local function configure (rows, folder, pair)
  local ports, handlers, order = {}, {}, {}
  for _, row in ipairs(rows) do
    local situation = row.situation
    local key = situation.server and situation.id or ""
    if not ports[key] then
      ports[key], handlers[key] = process.port(), {}
      order[#order + 1] = { key = key, options = situation.server or "" }
    end
    row.port = ports[key]
    table.insert(handlers[key], HANDLER:format(row.path, situation.handler or "", row.upstream,
      situation.proxy or ""))
  end
  local parts = { ("{\n  auto_https off\n  admin unix/%s/admin\n  %s\n"):format(folder,
    rows[1].situation.global or "") }
  for _, each in ipairs(order) do
    parts[#parts + 1] = SERVERS:format(ports[each.key], each.options)
  end
  parts[#parts + 1] = "}\n"
  for _, each in ipairs(order) do
    parts[#parts + 1] = SITE:format(ports[each.key], pair.cert, pair.key,
      table.concat(handlers[each.key]))
  end
  scratch.write(folder .. "/Caddyfile", table.concat(parts))
end

local Gateway = {}
Gateway.__index = Gateway

function Gateway:stop () self.process:signal "sigterm" end
function Gateway:kill () self.process:signal "sigkill" end
function Gateway:finish () self.process:stop() end

function Gateway:reload ()
  local reload = child.start(M.program, { args = { "reload", "--force", "--address",
    "unix/" .. self.folder .. "/admin", "--config", self.folder .. "/Caddyfile", "--adapter",
    "caddyfile" }, env = self.env })
  tasks.wait(function () return reload.code and reload.open == 0 end, "caddy reload")
  assert(reload.code == 0, reload.stderr)
end

--- Starts Caddy in a task; as spec/gateways/envoy.lua.
function M.start (rows, folder, pair)
  configure(rows, folder, pair)
  local self = setmetatable({ folder = folder, env = { HOME = folder, XDG_DATA_HOME = folder,
    XDG_CONFIG_HOME = folder } }, Gateway)
  self.process = process.start("Caddy", { M.program, "run", "--config", folder .. "/Caddyfile",
    "--adapter", "caddyfile" }, folder .. "/caddy.log", self.env)
  for _, row in ipairs(rows) do process.wait_for_port(self.process, row.port) end
  return self
end

return M
