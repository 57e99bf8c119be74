-- SPDX-License-Identifier: MIT
-- Envoy as a gateway: its situations, its configuration, and how it starts and restarts.

local cjson = require "cjson"
local process = require "spec.gateways.process"
local scratch = require "spec.support.scratch"
local tasks = require "spec.gateways.tasks"

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local M = { name = "Envoy", program = os.getenv "ENVOY" }

local TYPE = "type.googleapis.com/envoy.extensions."

local function typed (name, fields)
  fields = fields or {}
  fields["@type"] = TYPE .. name
  return fields
end

--- Settings of a route that limit requests by a bucket with one token.
local function bucket (seconds, headers, more)
  local whole = { numerator = 100, denominator = "HUNDRED" }
  local limit = typed("filters.http.local_ratelimit.v3.LocalRateLimit", { stat_prefix = "limit",
    token_bucket = { max_tokens = 1, tokens_per_fill = 1, fill_interval = seconds },
    filter_enabled = { default_value = whole }, filter_enforced = { default_value = whole },
    enable_x_ratelimit_headers = headers })
  for name, value in pairs(more or {}) do limit[name] = value end
  return { ["envoy.filters.http.local_ratelimit"] = limit }
end

--- Settings of a route that switch a filter on.
local function filter (name, config)
  return { ["envoy.filters.http." .. name] = {
    ["@type"] = "type.googleapis.com/envoy.config.route.v3.FilterConfig", config = config } }
end

local GZIP = filter("compressor", typed("filters.http.compressor.v3.CompressorPerRoute",
  { overrides = {} }))

local function retries (on, more)
  local policy = { retry_on = on, num_retries = 2, retry_back_off = { base_interval = "0.01s" } }
  for name, value in pairs(more or {}) do policy[name] = value end
  return { retry_policy = policy }
end

-- `route` has settings of the route's action, `filters` of its filters, `cluster` of its cluster;
-- `listener` has settings of the connection manager, for a listener of their own. `inside`: the
-- call is made inside nginx as well. `varies`: numbers of the table that depend on the timing of
-- the gateway (for one `client`). `drain` is the time in seconds that the old Envoy of a hot
-- restart has.
M.situations = {
  { id = "plain", case = "plain", what = "nothing goes wrong", inside = true },
  { id = "gzip", case = "plain", what = "the filter `compressor` (gzip) is on", inside = true,
    filters = GZIP },
  { id = "gzip_forced", case = "plain", inside = true,
    what = "the same for requests that do not ask for it",
    listener = { early_header_mutation_extensions = { {
      name = "envoy.http.early_header_mutation.header_mutation",
      typed_config = typed("http.early_header_mutation.header_mutation.v3.HeaderMutation",
        { mutations = { { append = { header = { key = "accept-encoding", value = "gzip" } } } } })
    } } },
    filters = GZIP },
  { id = "limited", case = "limited", what = "the local rate limit refuses", inside = true,
    filters = bucket "3600s" },
  { id = "limited_says", case = "limited", inside = true,
    what = "the same for 4 s, with `x-ratelimit-reset`",
    filters = bucket("4s", "DRAFT_VERSION_03") },
  { id = "limited_long", case = "limited", inside = true,
    what = "the same for an hour, with `x-ratelimit-reset`",
    filters = bucket("3600s", "DRAFT_VERSION_03") },
  { id = "limited_503", case = "limited", inside = true,
    what = "the same with the status 503 and `x-envoy-ratelimited`",
    filters = bucket("3600s", nil, { status = { code = "ServiceUnavailable" },
      response_headers_to_add = { { header = { key = "x-envoy-ratelimited", value = "true" } } }
    }) },
  { id = "none", case = "no_server", what = "the cluster has no server (`no healthy upstream`)",
    inside = true },
  { id = "dead", case = "refused", what = "the server refuses connections", inside = true },
  { id = "closed", case = "closed", what = "the server closes the connection before its head",
    inside = true },
  { id = "cut", case = "cut", what = "the server closes the connection in its body",
    inside = true },
  { id = "reset", case = "reset", what = "the server resets the connection in its body",
    inside = true },
  { id = "timeout_head", case = "headless", inside = true,
    what = "route `timeout` before the head", route = { timeout = "2s" } },
  { id = "timeout", case = "silent", what = "route `timeout` in the stream", inside = true,
    route = { timeout = "3s" } },
  { id = "idle_head", case = "headless", inside = true,
    what = "route `idle_timeout` before the head", route = { idle_timeout = "2s" } },
  { id = "idle", case = "silent", what = "route `idle_timeout` in the stream", inside = true,
    route = { idle_timeout = "3s" } },
  { id = "stream_idle", case = "silent", inside = true,
    what = "`stream_idle_timeout` in the stream", listener = { stream_idle_timeout = "3s" } },
  { id = "duration_head", case = "headless", inside = true,
    what = "`max_stream_duration` before the head",
    route = { max_stream_duration = { max_stream_duration = "2s" } } },
  { id = "duration", case = "silent", what = "`max_stream_duration` in the stream", inside = true,
    route = { max_stream_duration = { max_stream_duration = "3s" } } },
  { id = "retry_once", case = "refuses_once", inside = true,
    what = "`retry_policy`; the server answers 503 once", route = retries "5xx" },
  { id = "retry", case = "refuses", what = "`retry_policy`; the server always answers 503",
    inside = true, route = retries "5xx" },
  { id = "retry_slow", case = "headless", inside = true,
    what = "`retry_policy` with `per_try_timeout`; the server is slow",
    route = retries("5xx", { per_try_timeout = "1s" }) },
  { id = "retry_cut", case = "cut", inside = true,
    what = "`retry_policy`; the server closes the connection in its body",
    route = retries "5xx,reset" },
  { id = "breaker", case = "plain", what = "a circuit breaker is open", inside = true,
    cluster = { circuit_breakers = { thresholds = { { max_requests = 0 } } } } },
  { id = "too_large", case = "too_large", what = "the filter `buffer` refuses a long prompt",
    inside = true, filters = { ["envoy.filters.http.buffer"] =
      typed("filters.http.buffer.v3.BufferPerRoute",
        { buffer = { max_request_bytes = 20000 } }) } },
  { id = "one_request", case = "again", inside = true,
    what = "`max_requests_per_connection: 1`; the third call",
    listener = { common_http_protocol_options = { max_requests_per_connection = 1 } } },
  { id = "old", case = "continues",
    what = "`max_connection_duration` in the stream",
    listener = { common_http_protocol_options = { max_connection_duration = "1s" } } },
  { id = "idle_connection", case = "idle", inside = true,
    what = "`idle_timeout` of the connection between two calls",
    listener = { common_http_protocol_options = { idle_timeout = "1s" } } },
  { id = "one_stream", case = "second", inside = true,
    what = "`max_concurrent_streams: 1`; a second stream of the client",
    listener = { http2_protocol_options = { max_concurrent_streams = 1 } } },
  { id = "late", case = "starts", varies = { attempts = true },
    what = "the deployment starts late; `cold_start`",
    inside = true },
  { id = "restart", case = "continues", action = "restart",
    what = "a hot restart, and the old process stays long enough" },
  { id = "restart_short", case = "interrupted", action = "restart", drain = 1,
    what = "a hot restart, and the old process ends (`--parent-shutdown-time-s`)" },
  { id = "stop", case = "interrupted", action = "stop", what = "SIGTERM" },
  { id = "kill", case = "interrupted", action = "kill", what = "SIGKILL" },
}

local function host (port)
  return { endpoint = { address = { socket_address = { address = "127.0.0.1",
    port_value = port } } } }
end

local function cluster (row, name)
  local made = { name = name, type = "STATIC", connect_timeout = "5s", load_assignment = {
    cluster_name = name, endpoints = { {
      lb_endpoints = row.upstream and { host(row.upstream) } or nil } } } }
  for key, value in pairs(row.situation.cluster or {}) do made[key] = value end
  return made
end

local function route (prefix, name, row)
  local action = { cluster = name, timeout = "0s", idle_timeout = "900s" }
  if row.situation.listener and row.situation.listener.stream_idle_timeout then
    action.idle_timeout = nil
  end
  for key, value in pairs(row.situation.route or {}) do action[key] = value end
  return { match = { prefix = prefix }, route = action,
    typed_per_filter_config = row.situation.filters }
end

local FILTERS = {
  { name = "envoy.filters.http.local_ratelimit",
    typed_config = typed("filters.http.local_ratelimit.v3.LocalRateLimit",
      { stat_prefix = "limit" }) },
  { name = "envoy.filters.http.compressor", disabled = true,
    typed_config = typed("filters.http.compressor.v3.Compressor", {
      response_direction_config = { common_config = { min_content_length = 1,
        content_type = { "application/json", "text/event-stream" } } },
      compressor_library = { name = "gzip",
        typed_config = typed "compression.gzip.compressor.v3.Gzip" } }) },
  { name = "envoy.filters.http.buffer", disabled = true,
    typed_config = typed("filters.http.buffer.v3.Buffer", { max_request_bytes = 1e9 }) },
  { name = "envoy.filters.http.router", typed_config = typed "filters.http.router.v3.Router" },
}

local function listener (port, routes, pair, settings)
  local manager = typed("filters.network.http_connection_manager.v3.HttpConnectionManager", {
    stat_prefix = "gateway", http_filters = FILTERS, route_config = {
      virtual_hosts = { { name = "all", domains = { "*" }, routes = routes } } } })
  for key, value in pairs(settings or {}) do manager[key] = value end
  return { name = "port" .. port, address = { socket_address = { address = "127.0.0.1",
      port_value = port } },
    filter_chains = { {
      filters = { { name = "envoy.filters.network.http_connection_manager",
        typed_config = manager } },
      transport_socket = { name = "envoy.transport_sockets.tls",
        typed_config = typed("transport_sockets.tls.v3.DownstreamTlsContext", {
          common_tls_context = { alpn_protocols = { "h2", "http/1.1" }, tls_certificates = { {
            certificate_chain = { filename = pair.cert },
            private_key = { filename = pair.key } } } } }) } } } }
end

--- Writes the configuration, and sets the ports of the rows.
local function configure (rows, folder, pair)
  local routes, listeners, clusters, ports = {}, {}, {}, {}
  for i, row in ipairs(rows) do
    local key = row.situation.listener and row.situation.id or ""
    if not ports[key] then
      ports[key], routes[key] = process.port(), {}
      listeners[#listeners + 1] = listener(ports[key], routes[key], pair, row.situation.listener)
    end
    row.port = ports[key]
    local name = "model" .. i
    clusters[i] = cluster(row, name)
    local list = routes[key]
    -- Calls that prepare the one that counts use up a bucket too, so both have the same route.
    list[#list + 1] = route(row.path, name, row)
  end
  scratch.write(folder .. "/envoy.json", cjson.encode { admin = {},
    static_resources = { listeners = listeners, clusters = clusters } })
end

local Gateway = {}
Gateway.__index = Gateway

function Gateway:stop () self.process:signal "sigterm" end
function Gateway:kill () self.process:signal "sigkill" end

local function launch (self, ...)
  local command = { M.program, "-c", self.folder .. "/envoy.json", "--concurrency", "1",
    "--log-level", "warning" }
  for _, word in ipairs { ... } do command[#command + 1] = word end
  local started = process.start("Envoy", command, self.folder .. "/envoy.log")
  self.all[#self.all + 1] = started
  return started
end

--- Starts a second Envoy, which takes over the listening sockets.
function Gateway:restart ()
  local file = self.folder .. "/base"
  tasks.wait(function () return scratch.read(file):find "%d" end, "the file with Envoy's base id")
  launch(self, "--restart-epoch", "1", "--base-id", scratch.read(file):match "%d+",
    unpack(self.times))
end

--- Starts Envoy in a task.
-- @tparam table rows each gets a `port`
-- @tparam string folder for its files
-- @tparam table pair `cert` and `key`
function M.start (rows, folder, pair)
  configure(rows, folder, pair)
  local self = setmetatable({ folder = folder, all = {} }, Gateway)
  local drain = rows[1].situation.drain
  self.times = { "--drain-time-s", drain or "30", "--parent-shutdown-time-s",
    drain and drain + 1 or "60" }
  if rows[1].situation.action == "restart" then
    self.process = launch(self, "--use-dynamic-base-id", "--base-id-path", folder .. "/base",
      unpack(self.times))
  else
    self.process = launch(self, "--disable-hot-restart")
  end
  for _, row in ipairs(rows) do process.wait_for_port(self.process, row.port) end
  return self
end

--- Ends it, in a task.
function Gateway:finish ()
  for i = #self.all, 1, -1 do self.all[i]:stop() end
end

return M
