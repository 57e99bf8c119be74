-- SPDX-License-Identifier: MIT
-- only: luajit
--- The options of deployments inside nginx: their specs once more, and what only requests of nginx
-- can do: pass on headers, disconnect while they wait, and share the limits of their worker.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local in_nginx = require "spec.support.in_nginx"
local nginx = require "spec.support.nginx"
local raw_client = require "spec.support.raw_client"
local stand_in = require "spec.support.server"

describe("inside nginx", function ()
  in_nginx.each({ "deployments", "client_with", "cold_start", "trace_context" }, it)
end)

local PRELUDE = [[
  lua_check_client_abort on;
  lua_shared_dict seen 1m;
  init_by_lua_block {
    predibase = require "predibase"
    local url = os.getenv "PREDIBASE_BASE_URL"
    tracing = assert(predibase.new { base_url = url, traceparent = "pass" })
    limited = assert(predibase.new { base_url = url, concurrency = 1 })
    function ask (client)
      local result, err = client:generate("What colour is the sky?", { max_new_tokens = 2,
        timeout = 20 })
      return result and "answered" or err.kind .. ": " .. err.message
    end
    function hold ()
      local s = limited:generate_stream("x", { max_new_tokens = 1000, ignore_eos_token = true })
      assert(s:next())
      return s
    end
  }
]]

local HANDLERS = [[
  location = /trace { content_by_lua_block { ngx.say(ask(tracing)) } }
  location = /timer { content_by_lua_block {
    ngx.timer.at(0, function () ngx.shared.seen:set("timer", ask(tracing)) end)
    for _ = 1, 500 do
      local text = ngx.shared.seen:get "timer"
      if text then return ngx.say(text) end
      ngx.sleep(0.01)
    end
  } }
  location = /ask { content_by_lua_block { ngx.say(ask(limited)) } }
  location = /holder { content_by_lua_block {
    local s = hold()
    ngx.print "holding"
    ngx.flush(true)
    repeat local token = s:next() until not token
  } }
  location = /waiter { content_by_lua_block {
    ngx.print "waiting"
    ngx.flush(true)
    ngx.say(ask(limited))
  } }
  location = /dropped { content_by_lua_block {
    hold()
    ngx.say "dropped"
  } }
  location = /killed { content_by_lua_block {
    local s = hold()
    local first = ngx.thread.spawn(ask, limited)
    local second = ngx.thread.spawn(ask, limited)
    ngx.sleep(0.01)
    ngx.thread.kill(first)
    s:close()
    ngx.say(select(2, ngx.thread.wait(second)))
  } }
  location = /killed_answer { content_by_lua_block {
    local thread = ngx.thread.spawn(ask, limited)
    ngx.sleep(0.01)
    ngx.thread.kill(thread)
    local answer = ask(limited)
    ngx.say(answer, " ", coroutine.status(thread))      -- the thread was not garbage until now
  } }
  location = /killed_stream { content_by_lua_block {
    local thread = ngx.thread.spawn(function ()
      local s = hold()
      ngx.sleep(60)
      s:close()
    end)
    ngx.sleep(0.1)
    ngx.thread.kill(thread)
    ngx.say(ask(limited))
  } }
]]

describe("requests of nginx", function ()
  local server, upstream

  setup(function ()
    upstream = stand_in.spawn { delay = 0.02 }
    local env = in_nginx.sanitizers()
    env.PREDIBASE_BASE_URL = upstream.url
    server = nginx.start({ "front" }, function (address)
      return ("%s%s server { listen %s; %s }"):format(in_nginx.paths(), PRELUDE, address.front,
        HANDLERS)
    end, { main = in_nginx.modules() .. "env PREDIBASE_BASE_URL;", env = env })
  end)

  teardown(function ()
    nginx.stop()
    stand_in.stop()
  end)

  local function send (path, headers)
    local client = raw_client.connect { host = "127.0.0.1", port = server.port.front }
    client:send("GET " .. path .. " HTTP/1.1\r\nhost: x\r\n" .. (headers or "") .. "\r\n")
    return client
  end

  local function get (path, headers)
    local client = send(path, headers)
    local body = client:answer(30).body
    client:close()
    return body
  end

  local function last_headers ()
    local log = upstream:log()
    return log[#log].headers
  end

  it("pass on their traceparent and tracestate", function ()
    local parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert.equal("answered\n", get("/trace", "traceparent: " .. parent
      .. "\r\ntracestate: a=b\r\n"))
    assert.equal(parent, last_headers().traceparent)
    assert.equal("a=b", last_headers().tracestate)
    assert.equal("answered\n", get "/trace")
    assert.is_nil(last_headers().traceparent)
    assert.equal("answered\n", get("/trace", "traceparent: nonsense\r\ntracestate: a=b\r\n"))
    assert.is_nil(last_headers().traceparent)
    assert.is_nil(last_headers().tracestate)
    assert.equal("answered\n", get "/timer")
    assert.is_nil(last_headers().traceparent)
  end)

  it("wait for each other", function ()
    local holder = send "/holder"
    assert.is_truthy(holder:wait("holding", 20))
    local waiter = send "/waiter"
    assert.is_truthy(waiter:wait("waiting", 20))
    holder:close()
    assert.is_truthy(waiter:answer(30).body:find "answered")
    waiter:close()
  end)

  it("do not block others when their browser disconnects while they wait", function ()
    local holder = send "/holder"
    assert.is_truthy(holder:wait("holding", 20))
    local gone = send "/waiter"
    assert.is_truthy(gone:wait("waiting", 20))
    local waiter = send "/waiter"
    assert.is_truthy(waiter:wait("waiting", 20))
    gone:close()
    holder:close()
    assert.is_truthy(waiter:answer(30).body:find "answered")
    waiter:close()
  end)

  it("do not keep the places of streams that they dropped", function ()
    assert.equal("dropped\n", get "/dropped")
    assert.equal("answered\n", get "/ask")
  end)

  it("may kill light threads that wait or hold a place", function ()
    assert.equal("answered\n", get "/killed")
    assert.matches("^answered ", get "/killed_answer")
    assert.equal("answered\n", get "/killed_stream")
    assert.equal("answered\n", get "/ask")
  end)
end)
