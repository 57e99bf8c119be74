-- SPDX-License-Identifier: MIT
-- only: luajit
--- Limits shared by the workers of a real nginx.

if not rawget(_G, "jit") then return end

local gateway = require "spec.support.gateway"
local in_nginx = require "spec.support.in_nginx"
local json = require "predibase.json"
local server = require "spec.support.server"

local LOCATIONS = [[
  location = /limited {
    content_by_lua_block {
      limits = limits or resty.limits { dict = "predibase", streams = 3, streams_per_key = 2 }
      local lease, err = limits:enter(ngx.var.arg_key)
      if not lease then return resty.refuse(err) end
      resty.relay(client:generate_stream "Hello", { lease = lease })
    }
  }
  location = /open {
    content_by_lua_block { ngx.print(resty.limits { dict = "predibase", streams = 3 }:open()) }
  }
]]

describe("predibase.resty.limits in front of streams", function ()
  local model, site

  local function start (workers)
    model = server.spawn {
      script = { ["/generate_stream"] = { silent_after = 1, keepalive_interval = 0 } },
    }
    site = gateway.start(model, LOCATIONS, workers)
  end

  after_each(function ()
    gateway.stop()
    server.stop()
  end)

  local function begin (key)
    local browser = site:open("/limited?key=" .. key)
    assert.is_truthy(browser:wait "data: ")
    return browser
  end

  local function open_now (n)
    return server.run_until(function () return site:get("/open").body == tostring(n) end)
  end

  for workers = 1, 4, 3 do
    it(("apply to %d workers together, until each stream ends"):format(workers), function ()
      start(workers)
      local a, b, c = begin "ann", begin "ann", begin "bob"
      local answer = site:get "/limited?key=bob"
      assert.equal(429, answer.status)
      assert.equal("1", answer.headers["retry-after"])
      assert.equal("rate_limited", json.decode(answer.body).kind)
      a:close()
      assert.is_true(open_now(2))
      local d = begin "bob"
      assert.equal(429, site:get "/limited?key=bob".status)
      for _, browser in ipairs { b, c, d } do browser:close() end
      assert.is_true(open_now(0))
    end)
  end

  it("apply to each key", function ()
    start(1)
    local a, b = begin "ann", begin "ann"
    assert.equal(429, site:get "/limited?key=ann".status)
    local c = begin "bob"
    for _, browser in ipairs { a, b, c } do browser:close() end
    assert.is_true(open_now(0))
  end)

  it("forget the streams of a worker that was killed", function ()
    start(2)
    local browsers = { begin "ann", begin "ann", begin "bob" }
    site:kill_workers()
    for _, browser in ipairs(browsers) do
      browser:wait()
      browser:close()
    end
    -- The counters still include the dead streams until a request would be refused.
    local again = { begin "ann", begin "ann" }
    assert.is_true(open_now(2))
    for _, browser in ipairs(again) do browser:close() end
    assert.is_true(open_now(0))
  end)
end)

describe("predibase.resty.limits", function ()
  local HTTP = "lua_shared_dict predibase 1m;\n"

  local function run (code)
    local process = in_nginx.eval([[
      local limits = require "predibase.resty.limits"
      local now = 1000
      require "predibase.nginx".now = function () return now end
      ngx.now = function () return 5e8 end        -- the wall clock was set back
      local function pass (seconds) now = now + seconds end
      local function enter (l, key)
        local lease, err = l:enter(key)
        return lease ~= nil, err and err.retry_after, err and err.kind
      end
    ]] .. code, nil, HTTP)
    assert(process.exit_code == 0, process.stdout .. process.stderr)
  end

  it("admit the rate of streams after a burst", function ()
    run [[
      local l = limits.new { dict = "predibase", rate = 2, burst = 3 }
      for _ = 1, 3 do assert(enter(l)) end
      local ok, after, kind = enter(l)
      assert(not ok and kind == "rate_limited" and math.abs(after - 0.5) < 1e-6, after)
      pass(0.5)
      assert(enter(l))
      assert(not enter(l))
      pass(1)
      assert(enter(l) and enter(l) and not enter(l))
      pass(100)
      for _ = 1, 3 do assert(enter(l)) end
      assert(not enter(l))
    ]]
  end)

  it("count each key separately, including long ones", function ()
    run [[
      local l = limits.new { dict = "predibase", rate = 1 }
      local long = ("x"):rep(10000)
      assert(enter(l, "a") and not enter(l, "a"))
      assert(enter(l, "b") and not enter(l, "b"))
      assert(enter(l, long .. 1) and not enter(l, long .. 1) and enter(l, long .. 2))
    ]]
  end)

  it("count nothing for refused streams", function ()
    run [[
      local l = limits.new { dict = "predibase", rate = 1, burst = 1, streams = 5 }
      local lease = assert(l:enter "a")
      for _ = 1, 50 do assert(not enter(l, "a")) end
      assert(l:open() == 1, l:open())
      pass(1)
      assert(enter(l, "a"), "refused requests pushed the time away")
      lease:leave()
    ]]
  end)

  it("end a lease once, however often leave is called", function ()
    run [[
      local l = limits.new { dict = "predibase", streams = 2, streams_per_key = 1 }
      local a, b = l:enter "a", l:enter "b"
      assert(l:open() == 2)
      a:leave() a:leave() a:leave()
      assert(l:open() == 1)
      assert(l:enter "a")
      b:leave()
      assert(l:open() == 1)
    ]]
  end)

  it("end a lease that the program dropped, when the limit is reached", function ()
    run [[
      local l = limits.new { dict = "predibase", streams = 2 }
      for _ = 1, 2 do assert(l:enter()) end
      assert(l:enter(), "lost leases were counted")
    ]]
  end)

  it("keep keys apart that look like the names of internal entries", function ()
    run [[
      local l = limits.new { dict = "predibase", streams_per_key = 1 }
      local leases = {}
      for _, key in ipairs { "ann:pids", "ann", "::1", "::1:" .. ngx.worker.pid(), "a\0b", "a" } do
        leases[#leases + 1] = assert(l:enter(key), key)
        assert(not l:enter(key), key)
      end
    ]]
  end)

  it("do not collect garbage for each refused stream", function ()
    run [[
      local l = limits.new { dict = "predibase", streams = 1 }
      local collect, n = collectgarbage, 0
      _G.collectgarbage = function (...) n = n + 1 return collect(...) end
      local lease = l:enter()
      for _ = 1, 50 do assert(not enter(l)) end
      assert(n == 1, n)
      pass(60)
      assert(not enter(l) and n == 2, n)
      _G.collectgarbage = collect
      lease:leave()
    ]]
  end)

  it("are separate by their names", function ()
    run [[
      local a = limits.new { dict = "predibase", streams = 1, name = "a" }
      local b = limits.new { dict = "predibase", streams = 1, name = "b" }
      local one, two = a:enter(), b:enter()
      assert(one and two and not a:enter() and not b:enter())
    ]]
  end)

  it("raise for invalid options", function ()
    run [[
      local function raises (options, what)
        local ok, err = pcall(limits.new, options)
        assert(not ok and tostring(err):find(what), tostring(err))
      end
      raises(nil, "options as a table")
      raises({}, "need dict")
      raises({ dict = "predibase" }, "need streams")
      raises({ dict = "missing", streams = 1 }, "no lua_shared_dict missing")
      raises({ dict = 5, streams = 1 }, "name of a lua_shared_dict")
      raises({ dict = "predibase", strems = 1 }, "streams")
      raises({ dict = "predibase", streams = 0 }, "whole number from 1")
      raises({ dict = "predibase", streams = 1.5 }, "whole number from 1")
      raises({ dict = "predibase", rate = 0 }, "streams per second")
      raises({ dict = "predibase", rate = 0 / 0 }, "streams per second")
      raises({ dict = "predibase", streams = 1, burst = 2 }, "burst requires rate")
      raises({ dict = "predibase", streams = 1, name = "a:b" }, "letters, digits")
      local l = limits.new { dict = "predibase", streams = 1 }
      assert(not pcall(l.enter, l, 5))
    ]]
  end)
end)
