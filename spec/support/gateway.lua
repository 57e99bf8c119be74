-- SPDX-License-Identifier: MIT
-- A real nginx with predibase.resty, between a browser and a stand-in server.
--
--    local site = gateway.start(model)        -- of spec.support.server
--    local answer = site:get "/relay"
--    after_each(gateway.stop)

local in_nginx = require "spec.support.in_nginx"
local nginx = require "spec.support.nginx"
local raw_client = require "spec.support.raw_client"
local scratch = require "spec.support.scratch"
local server = require "spec.support.server"
local uv = require "luv"

local M = {}

local CONFIG = [[
%s
lua_shared_dict predibase 1m;
lua_socket_log_errors off;
%s
init_by_lua_block {
  predibase, resty = require "predibase", require "predibase.resty"
  client = assert(predibase.new { base_url = "%s", api_token = "pb_SENTINEL_7f3a",
    max_retries = 0 })
  function note (result, err)
    local file = io.open("%s/outcome.log", "a")
    file:write(err and err.kind or "ended well", "\n")
    file:close()
  end
}
server {
  listen %s;
  listen %s http2;
  lua_check_client_abort on;
  location = /relay {
    content_by_lua_block {
      local seconds = tonumber(ngx.var.arg_keep_alive)
      note(resty.relay(client:generate_stream "Hello",
        { format = ngx.var.arg_format, keep_alive = seconds }))
    }
  }
  location = /unwatched {
    lua_check_client_abort off;
    content_by_lua_block { note(resty.relay(client:generate_stream "Hello")) }
  }
  location = /encoded {
    content_by_lua_block {
      resty.relay(client:generate_stream "Hello",
        { encode = function (token) return "[" .. token.text .. "]" end })
    }
  }
  location = /evaluate {
    content_by_lua_block {
      ngx.req.read_body()
      local env = setmetatable({ client = client, require = require }, { __index = resty })
      local f = setfenv(assert(loadstring(ngx.req.get_body_data())), env)
      local ok, value = pcall(f)
      ngx.say(tostring(value))
    }
  }
  location = /hello { return 200 "hello"; }
  %s
}
]]

local Site = {}
Site.__index = Site

local sites = {}

--- Begins a request; the received bytes are in `browser.received`, see spec.support.raw_client.
-- @tparam string path
-- @tparam ?string version of HTTP, 1.1 by default
-- @tparam ?string headers more header lines, with line ends
function Site:open (path, version, headers)
  local browser = raw_client.connect { host = "127.0.0.1", port = self.nginx.port.main }
  browser.pause = function (b) uv.read_stop(b.socket) end
  return browser:send(("GET %s HTTP/%s\r\nhost: x\r\n%s\r\n"):format(path, version or "1.1",
    headers or ""))
end

--- Returns a frame of HTTP/2 (RFC 9113 section 4.1).
local function frame (kind, flags, stream, payload)
  return string.char(0, 0, #payload, kind, flags, 0, 0, 0, stream) .. payload
end

--- The same over HTTP/2, as browsers use it over TLS. `browser:cancel()` cancels the request and
-- keeps the connection. The received bytes are frames.
function Site:open_http2 (path)
  local browser = raw_client.connect { host = "127.0.0.1", port = self.nginx.port.http2 }
  browser.cancel = function (b) b:send(frame(3, 0, 1, "\0\0\0\8")) end      -- RST_STREAM, CANCEL
  -- RFC 7541's static table: the entries for GET and http, and names for path and authority.
  local fields = ("\130\134\4%c%s\1\1x"):format(#path, path)
  return browser:send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" .. frame(4, 0, 0, "")
    .. frame(1, 5, 1, fields))
end

local function whole (browser)
  local answer = browser:answer()
  browser:close()
  return answer
end

--- Makes a request and returns `status`, `headers` (lower-case names) and `body`; the argument
-- `headers` is that of `open`.
function Site:get (path, headers)
  return whole(self:open(path, nil, headers))
end

--- Evaluates an expression in nginx; it can use `client` and the functions of predibase.resty.
-- Returns its value or its error.
function Site:evaluate (expression)
  local browser = raw_client.connect { host = "127.0.0.1", port = self.nginx.port.main }
  browser:post("/evaluate", "return " .. expression)
  return whole(browser).body
end

--- Kills all workers with SIGKILL; returns when the master has started new ones.
function Site:kill_workers ()
  self.nginx:kill_workers()
end

--- Waits until the last relay has ended, and returns how.
function Site:last_line ()
  local path = self.outcomes .. "/outcome.log"
  local last
  server.run_until(function ()
    local file = io.open(path)
    if file then
      last = file:read "*a":match "([^\n]+)\n$"
      file:close()
    end
    if not last then uv.sleep(5) end
    return last
  end)
  return last
end

--- Starts a gateway in front of a stand-in server.
-- @tparam table model `url`
-- @tparam ?string locations more of them
-- @tparam ?number workers 1 unless given
-- @tparam ?string http lines for the block `http`
function M.start (model, locations, workers, http)
  local self = setmetatable({}, Site)
  local dir = scratch.new()
  self.outcomes = dir
  self.nginx = nginx.start({ "main", "http2" }, function (address)
    return CONFIG:format(in_nginx.paths(), http or "", model.url, dir, address.main, address.http2,
      locations or "")
  end, { main = in_nginx.modules(), workers = workers, env = in_nginx.sanitizers() })
  sites[#sites + 1] = self
  return self
end

--- Stops all.
function M.stop ()
  nginx.stop()
  for _, self in ipairs(sites) do scratch.remove(self.outcomes) end
  sites = {}
end

return M
