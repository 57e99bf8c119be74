-- SPDX-License-Identifier: MIT
-- only: luajit
--- Limits that several nginx share through a real Redis, which fails in many ways.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local authority = require "spec.support.ca"
local gateway = require "spec.support.gateway"
local in_nginx = require "spec.support.in_nginx"
local json = require "predibase.json"
local nginx = require "spec.support.nginx"
local raw_client = require "spec.support.raw_client"
local redis_server = require "spec.support.redis_server"
local scratch = require "spec.support.scratch"
local server = require "spec.support.server"
local uv = require "luv"

local why = redis_server.obstacle()
if why then
  describe("predibase.resty.limits in Redis", function () pending("share limits: " .. why) end)
  return
end

local CONFIG = [[
%s
lua_shared_dict predibase 1m;
lua_socket_log_errors off;
%s
init_by_lua_block {
  resty = require "predibase.resty"
  store = require "predibase.resty.limits.redis_store"
  store.RENEW, store.PAUSE, store.LOOK = 0.1, 0.05, 0.05
  predibase_nginx = require "predibase.nginx"
  limits = resty.limits { %s }
  leases = {}
  -- Enters for a key; the lease gets a name. Returns "ok" or kind and message of the error.
  function enter (key, name)
    local lease, err = limits:enter(key)
    if not lease then return err.kind .. ": " .. err.message end
    leases[name or #leases + 1] = lease
    return "ok"
  end
  function leave (name)
    leases[name]:leave()
    leases[name] = nil
  end
}
server {
  listen %s;
  location = /evaluate {
    content_by_lua_block {
      ngx.req.read_body()
      local ok, value = pcall(assert(loadstring(ngx.req.get_body_data())))
      ngx.print(tostring(value))
    }
  }
  location = /stream {
    content_by_lua_block {
      local lease, err = limits:enter(ngx.var.arg_key)
      if not lease then return resty.refuse(err) end
      ngx.say "begun"
      ngx.flush(true)
      while not ngx.shared.predibase:get "go" do ngx.sleep(0.02) end
      lease:leave()
      ngx.say "ended"
    }
  }
  location = /phases {
    rewrite_by_lua_block { leases.rewrite = limits:enter "rewrite" }
    access_by_lua_block { leases.access = limits:enter "access" }
    content_by_lua_block { ngx.print "content" }
    header_filter_by_lua_block {
      local lease, err = limits:enter "filter"
      leases.filter = lease
      ngx.header["X-Error"] = err and err.kind .. ": " .. err.message
    }
    log_by_lua_block {
      leases.rewrite:leave()
      leases.access:leave()
    }
  }
}
]]

local Site = {}
Site.__index = Site

--- Evaluates Lua code in a worker and returns the text of its value.
function Site:run (code)
  local browser = raw_client.connect { host = "127.0.0.1", port = self.nginx.port.main }
  browser:post("/evaluate", code)
  local answer = browser:answer(30)
  browser:close()
  return answer.body
end

function Site:enter (key, name)
  return self:run(('return enter(%q, %q)'):format(key, name or key))
end

function Site:leave (name)
  self:run(("leave(%q)"):format(name))
end

function Site:open_now ()
  return tonumber((self:run "return limits:open()"))
end

function Site:open (path)
  local browser = raw_client.connect { host = "127.0.0.1", port = self.nginx.port.main }
  return browser:send(("GET %s HTTP/1.1\r\nhost: x\r\n\r\n"):format(path))
end

--- Returns how often a text is in nginx's log.
function Site:logged (what)
  local n, from = 0, 1
  local text = self.nginx:errors()
  while true do
    local first, last = text:find(what, from, true)
    if not first then return n end
    n, from = n + 1, last + 1
  end
end

--- Starts an nginx.
-- @tparam string options of the limits
-- @tparam ?number workers
-- @tparam ?string http more lines
local function start (options, workers, http)
  return setmetatable({ nginx = nginx.start({ "main" }, function (address)
    return CONFIG:format(in_nginx.paths(), http or "", options, address.main)
  end, { main = in_nginx.modules(), workers = workers, env = in_nginx.sanitizers() }) }, Site)
end

local STREAMS = "predibase:{default}:streams"

local redis

local function by_port (more)
  return ("redis = { host = 'localhost', port = %d, timeout = 5, %s }"):format(redis.port,
    more or "")
end

local function by_socket (more)
  return ("redis = { unix = %q, timeout = 5, %s }"):format(redis.socket, more or "")
end

local function eventually (condition)
  assert.is_truthy(server.run_until(condition, 30))
end

after_each(function ()
  nginx.stop()
  redis_server.stop()
end)

describe("predibase.resty.limits in Redis", function ()
  before_each(function () redis = redis_server.start() end)

  it("are shared by two nginx, over TCP and a Unix socket", function ()
    local limits = ", streams = 3, streams_per_key = 2"
    local a, b = start(by_port() .. limits), start(by_socket() .. limits)
    assert.equal("ok", a:enter("ann", "1"))
    assert.equal("ok", b:enter("ann", "2"))
    for _, site in ipairs { a, b } do
      assert.equal("rate_limited: 2 streams are open already, which is the limit",
        site:enter "ann")
    end
    assert.equal("ok", a:enter("bob", "3"))
    for _, site in ipairs { a, b } do
      assert.equal("rate_limited: 3 streams are open already, which is the limit",
        site:enter "carol")
      assert.equal(3, site:open_now())
    end
    local browser = b:open "/stream?key=ann"
    local answer = browser:answer()
    browser:close()
    assert.equal(429, answer.status)
    assert.equal("1", answer.headers["retry-after"])
    assert.equal("rate_limited", json.decode(answer.body).kind)
    a:leave "1"
    assert.equal("ok", b:enter("ann", "4"))
    for _, name in ipairs { "2", "4" } do b:leave(name) end
    a:leave "3"
    assert.equal(0, b:open_now())
    assert.same({}, redis:call("KEYS", "*:key:*"))
  end)

  it("count a rate together, per key, and say when to try again", function ()
    local limits = ", rate = 0.001, burst = 3"
    local a, b = start(by_port() .. limits), start(by_socket() .. limits)
    assert.equal("ok", a:enter("ann", "1"))
    assert.equal("ok", b:enter("ann", "2"))
    assert.equal("ok", a:enter("ann", "3"))
    for _, site in ipairs { a, b } do
      assert.equal("rate_limited: too many streams were started in a short time",
        site:enter "ann")
      local wait = tonumber((site:run "return select(2, limits:enter 'ann').retry_after"))
      assert.is_true(wait > 900 and wait <= 1000, wait)
    end
    assert.equal("ok", b:enter("bob", "4"))
    -- The entry is kept until the bucket is full.
    local left = redis:call("PTTL", "predibase:{default}:rate:ann")
    assert.is_true(left > 2900000 and left <= 3000001, left)
    -- A stream that is refused by one limit is not counted by another.
    local c = start(by_port() .. ", rate = 0.001, burst = 1, streams = 1, name = 'c'")
    assert.equal("ok", c:enter("ann", "1"))
    assert.is_truthy(c:enter("bob", "2"):find("1 streams are open", 1, true))
    c:leave "1"
    assert.equal("ok", c:enter("bob", "2"))
  end)

  it("admit streams again after their time, and after the clock was set back", function ()
    local a = start(by_port() .. ", rate = 1000, burst = 1, name = 'r'")
    local key = "predibase:{r}:rate:ann"
    redis:call("SET", key, "9e15")
    assert.is_true(tonumber((a:run [[
      local _, err = limits:enter "ann"
      return err and err.retry_after or 0
    ]])) <= 0.001)
    eventually(function () return a:enter "ann" == "ok" end)
    local b = start(by_port() .. ", streams = 1, name = 's'")
    redis:call("ZADD", "predibase:{s}:streams", "9e15", "from the future")
    assert.equal("ok", b:enter "ann")
  end)

  it("keep keys of any bytes apart", function ()
    local a = start(by_port() .. ", streams_per_key = 1")
    assert.equal("ok", a:run [[
      for i, key in ipairs { "a", "a\0", "a b", "{x}", "\r\n", "ann:1", ("x"):rep(5000) } do
        assert(enter(key, i) == "ok", key)
        assert(enter(key, -i) ~= "ok", key)
      end
      return "ok"
    ]])
    for _, key in ipairs(redis:call("KEYS", "*")) do assert.is_true(#key < 300) end
  end)

  it("end a lease once, however often leave is called", function ()
    local a = start(by_port() .. ", streams = 2")
    assert.equal("1", a:run [[
      local one, two = limits:enter "a", limits:enter "b"
      leases.two = two
      for _ = 1, 3 do one:leave() end
      return limits:open()
    ]])
  end)

  it("renew leases, and forget those of killed workers", function ()
    local limits = ", streams = 10"
    local a, b = start(by_port() .. limits), start(by_port() .. limits)
    assert.equal("ok", a:enter("ann", "1"))
    assert.equal("ok", b:enter("ann", "2"))
    assert.equal("ok", b:enter("ann", "3"))
    b.nginx:kill_workers()
    local before, n = redis:leases(STREAMS)
    assert.equal(3, n)
    for id in pairs(before) do           -- as if most of their time had passed
      local time = redis:call "TIME"
      redis:call("ZADD", STREAMS, ("%.0f"):format(time[1] * 1e6 + time[2] + 3e5), id)
    end
    eventually(function () return b:open_now() == 1 end)
    local list = redis:leases(STREAMS)
    eventually(function ()
      list = redis:leases(STREAMS)
      for _, left in pairs(list) do if left > 20 then return true end end
    end)
    a:leave "1"
    assert.equal(0, b:open_now())
  end)

  it("renew the leases of a worker that exits after a reload", function ()
    local a = start(by_port() .. ", streams = 10")
    local browser = a:open "/stream?key=ann"
    assert.is_truthy(browser:wait "begun")
    a.nginx:reload()
    local before, n = redis:leases(STREAMS)
    assert.equal(1, n)
    local id = next(before)
    local function expire_soon ()
      local time = redis:call "TIME"
      redis:call("ZADD", STREAMS, ("%.0f"):format(time[1] * 1e6 + time[2] + 10e6), id)
    end
    expire_soon()
    a:run "store.RENEW = 0.1"
    eventually(function () return redis:leases(STREAMS)[id] > 15 end)
    a:run "ngx.shared.predibase:set('go', true)"
    browser:wait()
    assert.is_truthy(browser.received:find("ended", 1, true))
    browser:close()
    eventually(function () return a:logged "exited with code 0" >= 1 end)
    assert.equal(0, a:open_now())
  end)

  it("work in every phase that allows network I/O, and end in all phases", function ()
    local a = start(by_port() .. ", streams = 10")
    local browser = a:open "/phases"
    local answer = browser:answer()
    browser:close()
    assert.equal("content", answer.body)
    assert.is_truthy(answer.headers["x-error"]:find("config: nginx allows no network I/O in "
      .. "header_filter_by_lua", 1, true))
    eventually(function () return a:open_now() == 0 end)
    a:run [[
      ngx.timer.at(0, function () enter("timer", "timer") end)
    ]]
    eventually(function () return a:open_now() == 1 end)
    assert.equal(0, a:logged "[error]")
  end)

  it("end leases that the program dropped", function ()
    local a = start(by_port() .. ", streams = 2")
    a:run "for _ = 1, 2 do limits:enter 'x' end"
    assert.equal("ok", a:enter "ann")
    a:leave "ann"
    a:run "limits:enter 'x' collectgarbage() collectgarbage()"
    eventually(function () return a:open_now() == 0 end)
  end)

  it("are never exceeded by streams that begin at the same moment", function ()
    local limits = ", streams = 25, streams_per_key = 10"
    local sites = { start(by_port() .. limits, 2), start(by_socket() .. limits, 2) }
    local browsers, refused = {}, 0
    for i = 1, 60 do browsers[i] = sites[i % 2 + 1]:open("/stream?key=" .. i % 3) end
    for _, browser in ipairs(browsers) do
      server.run_until(function () return browser.received:find "\r\n\r\n" end)
      if browser.received:find("429", 1, true) then refused = refused + 1 end
    end
    assert.equal(35, refused)
    assert.equal(25, sites[1]:open_now())
    for _, browser in ipairs(browsers) do browser:close() end
  end)

  it("end with the stream when its browser leaves", function ()
    local model = server.spawn {
      script = { ["/generate_stream"] = { silent_after = 1, keepalive_interval = 0 } },
    }
    local a = start(by_port() .. ", streams = 10", 1)
    local site = gateway.start(model, ([[
      location = /limited {
        content_by_lua_block {
          limits = limits or resty.limits { streams = 10, %s }
          local lease, err = limits:enter()
          if not lease then return resty.refuse(err) end
          resty.relay(client:generate_stream "Hello", { lease = lease })
        }
      }
    ]]):format(by_port()))
    local browser = site:open "/limited"
    assert.is_truthy(browser:wait "data: ")
    assert.equal(1, a:open_now())
    browser:close()
    eventually(function () return a:open_now() == 0 end)
    gateway.stop()
    server.stop()
  end)

  it("survive SCRIPT FLUSH, and connections that Redis has closed", function ()
    local a = start(by_port() .. ", streams = 100, on_redis_down = 'refuse'")
    for i = 1, 20 do
      assert.equal("ok", a:enter("ann", i))
      if i % 2 == 0 then redis:call("SCRIPT", "FLUSH") end
      if i % 3 == 0 then redis:call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") end
    end
    for i = 1, 20 do a:leave(i) end
    assert.equal(0, a:open_now())
    assert.equal(0, a:logged "the limits cannot be shared")
  end)
end)

describe("predibase.resty.limits, when Redis fails,", function ()
  before_each(function () redis = redis_server.start() end)

  local function recovers (site)
    eventually(function ()
      site:run "enter('probe', 'probe') leave 'probe'"
      return site:logged "predibase: Redis answers again" >= 1
    end)
  end

  --- Counts the streams that are admitted of 20, with the limit 4.
  local function admitted (site)
    local n, refusal = 0, nil
    for i = 1, 20 do
      local result = site:enter("ann", "down" .. i)
      if result == "ok" then n = n + 1 else refusal = result end
    end
    return n, refusal
  end

  local function redis_at (timeout)
    return ("redis = { host = '127.0.0.1', port = %d, timeout = %s }, streams = 4, dict = "
      .. "'predibase', on_redis_down = "):format(redis.port, timeout)
  end

  for policy, expected in pairs { allow = 20, refuse = 0, ["local"] = 4 } do
    it(("%s as on_redis_down says, without waiting each time"):format(policy), function ()
      local a = start(redis_at(10) .. ("%q"):format(policy))
      local b = start(redis_at(10) .. ("%q"):format(policy))
      a:run [[
        store.PAUSE = 3600
        local connection = limits.store.connection
        local run = connection.run
        waited, connection.timeout = 0, 0.2
        function connection.run (...)
          if ngx.get_phase() ~= "timer" then waited = waited + 1 end
          return run(...)
        end
      ]]
      assert.equal("ok", b:enter("bob", "1"))
      redis:pause()
      local n, refusal = admitted(a)
      assert.equal("1", a:run "return waited")
      assert.equal(expected, n)
      if policy == "refuse" then
        assert.equal(("overloaded: the limits cannot be checked: Redis at 127.0.0.1:%d: timeout")
          :format(redis.port), refusal)
        assert.equal("503", a:run [[
          return require "predibase.resty.answer".STATUS[select(2, limits:enter "x").kind]
        ]])
      elseif policy == "local" then
        assert.equal("rate_limited: 4 streams are open already, which is the limit", refusal)
      end
      assert.equal(1, a:logged "the limits cannot be shared")
      redis:resume()
      a:run "store.PAUSE, limits.store.connection.timeout = 0.05, 10"
      recovers(a)
      -- Streams that were admitted meanwhile are counted, and no others.
      eventually(function () return b:open_now() == 1 + expected end)
      assert.equal(expected >= 3 and "rate_limited: 4 streams are open already, which is the limit"
        or "ok", a:enter("carol", "c"))
      a:run "for name in pairs(leases) do leave(name) end"
      eventually(function () return b:open_now() == 1 end)
    end)
  end

  it("apply the local limits if there is a dict, and allow all if there is none", function ()
    local a = start(by_port() .. ", streams = 4, dict = 'predibase'")
    local b = start(by_port() .. ", streams = 4")
    redis:kill()
    assert.equal(4, (admitted(a)))
    assert.equal(20, (admitted(b)))
  end)

  it("know, as local limits, the streams that Redis has admitted", function ()
    local a = start(by_port() .. ", streams = 4, streams_per_key = 3, dict = 'predibase'")
    for _, name in ipairs { "1", "2", "3" } do assert.equal("ok", a:enter("ann", name)) end
    redis:kill()
    assert.equal("rate_limited: 3 streams are open already, which is the limit", a:enter "ann")
    assert.equal("ok", a:enter("bob", "4"))
    assert.equal("rate_limited: 4 streams are open already, which is the limit", a:enter "carol")
    a:leave "1"
    assert.equal("ok", a:enter "carol")
    for _, name in ipairs { "2", "3", "4", "carol" } do a:leave(name) end
    assert.equal("0", a:run "return limits.store.local_store:open()")
  end)

  it("go on after it was killed and restarted, with and without its data", function ()
    local a = start(by_port() .. ", streams = 4, on_redis_down = 'refuse'")
    assert.equal("ok", a:enter("ann", "1"))
    assert.equal("ok", a:enter("ann", "2"))
    redis:call "SAVE"
    for _, keep in ipairs { true, false } do
      redis:kill()
      assert.is_truthy(a:enter "bob":find("overloaded: the limits cannot be checked", 1, true))
      if not keep then uv.fs_unlink(redis.dir .. "/dump.rdb") end
      redis:restart()
      eventually(function ()
        local result = a:enter "bob"
        if result == "ok" then a:leave "bob" end
        return result == "ok"
      end)
      eventually(function () return a:open_now() == 2 end)
    end
    a:leave "1"
    a:leave "2"
    assert.equal(0, a:open_now())
  end)

  it("start although it is not there, and use it when it comes", function ()
    redis:kill()
    local a = start(by_socket() .. ", streams = 1, on_redis_down = 'allow'")
    assert.equal("ok", a:enter("ann", "1"))
    assert.equal("ok", a:enter("ann", "2"))
    redis:restart()
    recovers(a)
    eventually(function () return a:open_now() == 2 end)
    assert.is_truthy(a:enter "ann":find("rate_limited", 1, true))
  end)

  it("wait for a slow one as long as the timeout says", function ()
    local patient = start(by_port() .. ", streams = 4, on_redis_down = 'refuse'")
    local hasty = start(redis_at(0.02) .. "'refuse'")
    redis:call("CLIENT", "PAUSE", 300)
    assert.equal("ok", patient:enter "ann")
    redis:call("CLIENT", "PAUSE", 2000)
    assert.is_truthy(hasty:enter "ann":find("timeout", 1, true))
  end)

  it("take no more time for a script that it does not know", function ()
    local a = start(redis_at(5) .. "'refuse'")
    assert.equal("2 true", a:run [[
      local set, client = {}, { connect = function () return true end }
      function client:set_timeout (ms) set[#set + 1] = ms end
      function client:get_reused_times () return 1 end
      function client:set_keepalive () end
      function client:evalsha ()
        ngx.sleep(0.1)
        set = { set[#set] }
        return false, "NOSCRIPT No matching script"
      end
      function client:eval () return { 0 } end
      limits.store.connection.client = { new = function () return client end }
      assert(limits:enter "ann")
      return #set .. " " .. tostring(set[1] - (set[2] or set[1]) >= 90)
    ]])
  end)

  it("act when its memory is full", function ()
    local a = start(by_port() .. ", streams = 4, rate = 100, dict = 'predibase'")
    assert.equal("ok", a:enter("ann", "1"))
    redis:call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    redis:call("CONFIG", "SET", "maxmemory", "1")
    local n, refusal = admitted(a)
    assert.equal(3, n, refusal)          -- and the one before
    assert.equal(1, a:logged "OOM command not allowed")
    a:leave "1"
    redis:call("CONFIG", "SET", "maxmemory", "0")
    recovers(a)
    eventually(function () return a:open_now() == 3 end)
  end)

  it("end leases in the log phase while it hangs", function ()
    local a = start(redis_at(0.2) .. "'allow'")
    redis:pause()
    local browser = a:open "/phases"
    assert.equal("content", browser:answer().body)
    browser:close()
    redis:resume()
    recovers(a)
    eventually(function () return a:open_now() == 0 end)
  end)
end)

describe("a login into Redis for predibase.resty.limits", function ()
  local PASSWORD = "pb_SENTINEL_7f3a"
  local LIMITS = ", streams = 4, on_redis_down = 'refuse'"

  local function refuses (more, expected)
    local a = start(by_port(more) .. LIMITS)
    local result = a:enter "ann"
    assert.is_truthy(result:find(expected, 1, true), result)
    for _, text in ipairs { result, a.nginx:errors() } do
      assert.is_nil(text:find(PASSWORD, 1, true))
      assert.is_nil(text:find("a wrong one", 1, true))
    end
    a.nginx:stop()
  end

  it("uses a password, and shows none", function ()
    redis = redis_server.start { "--requirepass", PASSWORD }
    local a = start(by_port(("password = %q, database = 3"):format(PASSWORD)) .. LIMITS)
    assert.equal("ok", a:enter "ann")
    assert.equal(1, a:open_now())
    local b = start(by_port(("password = %q"):format(PASSWORD)) .. LIMITS)
    assert.equal(0, b:open_now())          -- of another database
    refuses("password = 'a wrong one'", "Redis refused the password (WRONGPASS)")
    refuses("", "NOAUTH")
    refuses(("password = %q, database = 99"):format(PASSWORD), "DB index is out of range")
  end)

  it("shows no password that Redis repeats", function ()
    redis = redis_server.start { "--rename-command", "AUTH", "" }
    refuses(("password = %q"):format(PASSWORD), "Redis refused the password (ERR)")
  end)

  it("uses the name of a user, who needs only a few commands", function ()
    redis = redis_server.start()
    redis:call("ACL", "SETUSER", "gate", "on", ">" .. PASSWORD, "~predibase:*", "+eval",
      "+evalsha", "+time", "+zadd", "+zrem", "+zcount", "+zscore", "+zremrangebyscore",
      "+get", "+set", "+pexpire")
    local login = ("username = 'gate', password = %q"):format(PASSWORD)
    local a = start(by_socket(login) .. ", rate = 10" .. LIMITS)
    assert.equal("ok", a:enter "ann")
    assert.equal(1, a:open_now())
    a:leave "ann"
    assert.equal(0, a:open_now())
    refuses("username = 'gate', password = 'a wrong one'", "WRONGPASS")
    refuses(login .. ", prefix = 'other:'", "NOPERM")
  end)

  it("works over TLS, and checks the certificate", function ()
    local ca = authority.new()
    local pair = ca:issue("redis", { san = "DNS:redis.test,DNS:localhost" })
    local tls_port = redis_server.free_port()
    redis = redis_server.start { "--tls-port", tls_port, "--tls-cert-file", pair.cert,
      "--tls-key-file", pair.key, "--tls-ca-cert-file", ca.file, "--tls-auth-clients", "no" }
    local http = ("lua_ssl_trusted_certificate %s; lua_ssl_verify_depth 3;"):format(ca.file)
    local function with (more, lines)
      local a = start(("redis = { host = 'localhost', port = %d, timeout = 5, ssl = true, %s }")
        :format(tls_port, more) .. LIMITS, 1, lines or http)
      local result = a:enter("ann", "ann")
      if result == "ok" then
        result = a:enter("ann", "again")         -- over the kept connection
        a:leave "ann"
        a:leave "again"
      end
      a.nginx:stop()
      return result
    end
    assert.equal("ok", with "")
    assert.equal("ok", with "server_name = 'redis.test'")
    assert.equal("ok", with("verify = false", " "))
    local mismatch, untrusted = with "server_name = 'other.test'", with("", " ")
    assert.is_truthy(mismatch:find("TLS: certificate host mismatch", 1, true), mismatch)
    assert.is_truthy(untrusted:find "TLS: .*self.signed certificate", untrusted)
    ca:remove()
  end)
end)

describe("the nginx.conf of docs/openresty.md for several machines", function ()
  it("answers streams, and refuses too many of them", function ()
    local block
    for code in scratch.read "docs/openresty.md":gmatch "\n```nginx\n(.-)\n```" do
      if code:find("redis = {", 1, true) then block = code:match "\nhttp {\n(.*)\n}$" end
    end
    local model = server.spawn {}
    redis = redis_server.start()
    local function change (from, to)
      local first, last = block:find(from, 1, true)
      assert(first, "the page has no more: " .. from)
      block = block:sub(1, first - 1) .. to .. block:sub(last + 1)
    end
    change('host = "10.0.0.5", port = 6379',
      ('host = "127.0.0.1", port = %d, timeout = 5'):format(redis.port))
    change("http://127.0.0.1:8081", model.url)
    change("resolver 127.0.0.53;", "")
    change("lua_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;", "")
    local site = setmetatable({ nginx = nginx.start({ "main" }, function (address)
      change("listen 127.0.0.1:8080;", "listen " .. address.main .. ";")
      return in_nginx.paths() .. block
    end, { main = in_nginx.modules(), env = in_nginx.sanitizers() }) }, Site)
    for _ = 1, 5 do
      local browser = site:open "/chat"
      local answer = browser:answer()
      browser:close()
      assert.equal(200, answer.status)
      assert.is_truthy(answer.body:find("event: done", 1, true))
    end
    local browser = site:open "/chat"
    assert.equal(429, browser:answer().status)
    browser:close()
    eventually(function () return select(2, redis:leases(STREAMS)) == 0 end)
    nginx.stop()
    server.stop()
  end)
end)

describe("the options of predibase.resty.limits for Redis", function ()
  it("are checked", function ()
    local process = in_nginx.eval([[
      local limits = require "predibase.resty.limits"
      local function raises (options, what)
        options.streams = 1
        local ok, err = pcall(limits.new, options)
        assert(not ok and tostring(err):find(what, 1, true), tostring(err))
        assert(not tostring(err):find "hidden", tostring(err))
      end
      raises({ redis = 5 }, "redis must be a table")
      raises({ redis = { hots = "x" } }, 'unknown option of redis "hots"; did you mean "host"?')
      raises({ redis = { host = 5 } }, "redis.host must be a string")
      raises({ redis = { port = 0 } }, "redis.port must be a whole number from 1 to 65535")
      raises({ redis = { port = "6379" } }, "redis.port must be")
      raises({ redis = { unix = "/x", port = 1 } }, "unix excludes host and port")
      raises({ redis = { password = { "hidden" } } }, "redis.password must be a string")
      raises({ redis = { password = "" } }, "redis.password must be a string that is not empty")
      raises({ redis = { username = "x" } }, "username requires password")
      raises({ redis = { database = -1 } }, "redis.database must be")
      raises({ redis = { timeout = 0 } }, "redis.timeout must be a number of seconds")
      raises({ redis = { timeout = 11 } }, "redis.timeout must be")
      raises({ redis = { pool_size = 0 } }, "redis.pool_size must be")
      raises({ redis = { keepalive = 0 / 0 } }, "redis.keepalive must be")
      raises({ redis = { prefix = "{" } }, "redis.prefix must consist of")
      raises({ redis = { verify = true } }, "verify and server_name require ssl")
      raises({ redis = { ssl = true } }, "ssl requires a host with a name")
      raises({ redis = { ssl = true, host = "10.0.0.1" } }, "ssl requires a host with a name")
      raises({ redis = {}, on_redis_down = "local" }, "requires dict")
      raises({ redis = {}, on_redis_down = "panic" }, '"allow", "refuse" or "local"')
      raises({ dict = "predibase", on_redis_down = "allow" }, "on_redis_down requires redis")
      raises({}, "need dict, the name of a lua_shared_dict, or redis")
      assert(limits.new { redis = {}, rate = 1 })
      package.loaded["nginx.redis"], package.loaded["resty.redis"] = nil, nil
      package.preload["nginx.redis"] = function () error "none" end
      package.preload["resty.redis"] = package.preload["nginx.redis"]
      raises({ redis = {} }, "lua-nginx-redis")
    ]], nil, "lua_shared_dict predibase 1m;\n")
    assert.equal(0, process.exit_code, process.stdout .. process.stderr)
  end)
end)
