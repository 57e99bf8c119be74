-- SPDX-License-Identifier: MIT
-- only: luajit
--- The light threads of streams inside nginx: what happens to them, to their connections and to
-- their requests if a reader is killed, if other code closes the stream, or if nginx ends the
-- request.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local faults = require "spec.support.faults"
local in_nginx = require "spec.support.in_nginx"
local nginx = require "spec.support.nginx"
local raw_client = require "spec.support.raw_client"
local stand_in = require "spec.support.server"
local wire = require "spec.support.wire"

local HANDLERS = [[
  lua_socket_log_errors off;
  lua_shared_dict seen 1m;
  init_by_lua_block {
    client = assert(require "predibase".new { api_token = false, max_retries = 0,
      base_url = os.getenv "PREDIBASE_BASE_URL" })
    function stream () return client:generate_stream "What colour is the sky?" end
    function outcome (s)
      local token, err = s:next()
      return token and token.text or err and err.kind or "the end"
    end
  }
  server {
    listen %s;
    location = /hello { content_by_lua_block { ngx.print "hello" } }
    location = /killed { content_by_lua_block {
      local s = stream()
      local thread = ngx.thread.spawn(function ()
        s:next()
        if ngx.var.arg_while == "reading" then s:next() end
        ngx.sleep(600)
      end)
      ngx.sleep(tonumber(ngx.var.arg_after))
      ngx.thread.kill(thread)
      ngx.print "ended"
    } }
    location = /polled { content_by_lua_block {
      local s = stream()
      s:next()
      s:poll()
      polled = s
      ngx.print "polled"
      ngx.flush(true)
      ngx.sleep(600)
    } }
    # A batch that waits for the end of a pause, and the close of its client.
    location = /batch { content_by_lua_block {
      pausing = assert(require "predibase".new { api_token = false,
        base_url = os.getenv "PREDIBASE_BASE_URL" .. "/refused" })
      ngx.print "begun "
      ngx.flush(true)
      pause = pausing:generate_many { "a", "b" }
      local _, errs = pause:results()
      ngx.print(errs[1].kind, " ", errs[2].kind)
    } }
    location = /close_batch { content_by_lua_block {
      for _ = 1, 1000 do
        if select(3, pause:level()) > 10 then break end
        ngx.sleep(0.01)
      end
      ngx.sleep(0.05)
      pausing:close()
      ngx.print "closed"
    } }
    location = /suspended { content_by_lua_block {
      local s = stream()
      coroutine.wrap(function () s:next() coroutine.yield() end)()
      ngx.print "ended"
    } }
    location = /close { content_by_lua_block {
      polled:close()
      ngx.print(outcome(polled))
    } }
    location = /again { content_by_lua_block {
      local s = stream()
      local thread = ngx.thread.spawn(function () return s:next().text end)
      local _, text = ngx.thread.wait(thread)
      ngx.sleep(0.2)
      ngx.print(text, "|", outcome(s), "|", outcome(s))
    } }
    location = /ended_by_nginx { content_by_lua_block {
      -- If nginx lets this code continue, the timeout ends the stream.
      local s = client:generate_stream("What colour is the sky?", { timeout = { idle = 5 } })
      s:next()
      pcall(ngx.print, "x")
      pcall(ngx.flush, true)
      local kinds = {}
      for i = 1, 4 do
        local ran, kind = pcall(outcome, s)
        kinds[i] = tostring(kind)
      end
      local ran, err = pcall(s.close, s)
      local called, problem = pcall(client.generate, client, "x")
      ngx.shared.seen:set("kinds", table.concat(kinds, " ") .. " " .. tostring(ran) .. " "
        .. tostring(called) .. " " .. problem)
    } }
    location = /seen { content_by_lua_block {
      for _ = 1, 500 do
        local kinds = ngx.shared.seen:get "kinds"
        if kinds then return ngx.print(kinds) end
        ngx.sleep(0.01)
      end
    } }
    location = /clock { content_by_lua_block {
      local result, err = client:generate_stream("x", { timeout = { idle = 0.2,
        first_token = tonumber(ngx.var.arg_first_token) } }):text()
      ngx.print(result or err.kind .. " " .. err.phase)
    } }
  }
]]

describe("the light threads of a stream inside nginx", function ()
  local site, upstream

  setup(function ()
    upstream = stand_in.spawn {}
    local env = in_nginx.sanitizers()
    env.PREDIBASE_BASE_URL = upstream.url
    site = nginx.start({ "main" }, function (address)
      return in_nginx.paths() .. HANDLERS:format(address.main)
    end, { main = in_nginx.modules() .. "env PREDIBASE_BASE_URL;", env = env })
  end)

  teardown(function ()
    nginx.stop()
    stand_in.stop()
  end)

  local function open (path, headers)
    return raw_client.connect { host = "127.0.0.1", port = site.port.main }
      :send(("GET %s HTTP/1.1\r\nhost: x\r\n%s\r\n"):format(path, headers or ""))
  end

  local function get (path)
    local client = open(path)
    local body = client:answer(20).body
    client:close()
    return body
  end

  local function serve (...)
    upstream:script("/generate_stream", { raw = { ... } })
  end

  --- Sends one token, and then nothing.
  local function halting ()
    serve({ send = faults.head("stream", faults.CHUNKED) .. faults.chunk(wire.token " The") },
      { hold = true })
  end

  local function gone ()
    return upstream:wait(function ()
      local log = upstream:log()
      return log[#log].complete ~= nil
    end, 20)
  end

  for _, case in ipairs {
    { "doing something else", "sleeping", 0.3 }, { "reading", "reading", 0.3 },
    { "beginning", "reading", 0 } } do
    it(("let the request end if their reader is killed while %s"):format(case[1]), function ()
      halting()
      assert.equal("ended", get(("/killed?while=%s&after=%s"):format(case[2], case[3])))
      assert.is_truthy(gone())
    end)
  end

  it("end a batch in its pause before a retry when its client is closed elsewhere", function ()
    upstream:script("/refused/generate", { status = 429, body = "{}",
      headers = { ["retry-after"] = "300" } })
    local waiting = open "/batch"
    assert.is_truthy(waiting:wait("begun", 20))
    assert.equal("closed", get "/close_batch")
    assert.is_truthy(waiting:wait("cancelled cancelled", 20))
    waiting:close()
  end)

  it("let the request end if their reader is suspended forever", function ()
    halting()
    assert.equal("ended", get "/suspended")
    assert.is_truthy(gone())
  end)

  it("end when a stream that is polled is closed by another request", function ()
    halting()
    local waiting = open "/polled"
    assert.is_truthy(waiting:wait("polled", 20))
    assert.equal("cancelled", get "/close")
    assert.is_truthy(gone())
    waiting:close()
  end)

  it("leave the stream to the next reader when the first one has ended", function ()
    serve({ send = faults.head("stream", faults.CHUNKED) .. faults.chunk(wire.token "a")
      .. faults.chunk(wire.closing("b", "ab")) .. faults.LAST_CHUNK })
    assert.equal("a|b|the end", get "/again")
  end)

  it("fail the stream when nginx has ended their request, and block no other request", function ()
    -- nginx's own Lua module crashes in such a request that has read from a socket, also without
    -- this library. Its worker is started again.
    if os.getenv "ASAN_OPTIONS" then return pending "AddressSanitizer would report that crash" end
    halting()
    local visitor = open("/ended_by_nginx", 'if-match: "x"\r\n')
    assert.is_truthy(visitor:wait("412", 20))
    assert.equal("hello", get "/hello")
    local seen = get "/seen"
    local ended = "predibase: nginx has ended this request, so its code cannot go on; a "
      .. "conditional header of the request (such as If-Match) may be the reason"
    -- nginx 1.26 lets the code of such a request continue as if nothing had happened.
    if seen:find "^timeout" then
      assert.equal(1, (seen:find("timeout timeout timeout timeout true true ", 1, true)), seen)
    else
      assert.equal(1, (seen:find(ended, 1, true)), seen)
      local rest = seen:match(" (cancelled cancelled cancelled true false .*)$")
      assert.is_truthy(rest and rest:find(ended, 1, true), seen)
    end
    assert.is_truthy(gone())
    visitor:close()
  end)

  it("start the timeout idle with the response, not with an interim one", function ()
    for _, interim in ipairs { "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\nlink" } do
      serve({ send = interim }, { hold = true })
      assert.equal("timeout first_token", get "/clock?first_token=0.6")
    end
    serve({ send = faults.head("stream", faults.CHUNKED) }, { hold = true })
    assert.equal("timeout idle", get "/clock?first_token=30")
  end)
end)
