-- SPDX-License-Identifier: MIT
-- only: luajit
--- The client in a real nginx with two workers: phases, shared clients, kept connections, and
-- streams that are closed or dropped.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local faults = require "spec.support.faults"
local in_nginx = require "spec.support.in_nginx"
local nginx = require "spec.support.nginx"
local raw_client = require "spec.support.raw_client"
local stand_in = require "spec.support.server"
local wire = require "spec.support.wire"

-- The code that each handler can use. The result of a handler is sent to the browser.
local PRELUDE = [[
  lua_shared_dict seen 1m;
  lua_socket_log_errors off;
  lua_check_client_abort on;
  init_by_lua_block {
    predibase = require "predibase"
    early, early_error = predibase.new { base_url = os.getenv "PREDIBASE_BASE_URL" }
    function ask (options)
      local result, err = early:generate("What colour is the sky?", options)
      return result and result.generated_text or err.kind .. ": " .. err.message
    end
    function stream (options)
      return early:generate_stream("What colour is the sky?", options)
    end
    function note (name) ngx.shared.seen:set(name, ask()) end
  }
  init_worker_by_lua_block { note "init_worker" }
]]

local PHASES = [[
  location = /rewrite { rewrite_by_lua_block { ngx.ctx.text = ask() }
    content_by_lua_block { ngx.say(ngx.ctx.text) } }
  location = /access { access_by_lua_block { ngx.ctx.text = ask() }
    content_by_lua_block { ngx.say(ngx.ctx.text) } }
  location = /content { content_by_lua_block { ngx.say(ask()) } }
  location = /timer { content_by_lua_block {
    ngx.timer.at(0, function () note "timer" end)
    ngx.say "started"
  } }
  location = /set { set_by_lua_block $text { return ask() } content_by_lua_block {
    ngx.say(ngx.var.text) } }
  location = /filters {
    header_filter_by_lua_block { note "header_filter" }
    body_filter_by_lua_block { note "body_filter" }
    log_by_lua_block { note "log" ngx.timer.at(0, function () note "timer from log" end) }
    content_by_lua_block { ngx.say "filtered" } }
  location = /seen { content_by_lua_block {
    local name = ngx.unescape_uri(ngx.var.args)
    for _ = 1, 500 do
      local text = ngx.shared.seen:get(name)
      if text then return ngx.say(text) end
      ngx.sleep(0.01)
    end
  } }
]]

local HANDLERS = [[
  location = /module { content_by_lua_block {
    local result = assert(predibase.generate "What colour is the sky?")
    ngx.say(result.generated_text, " ", tostring(package.loaded["predibase.curl"]))
  } }
  location = /ids { content_by_lua_block {
    local id
    ask { on_request = function (info) id = info.headers["x-request-id"] end }
    ngx.say(ngx.worker.pid(), " ", id)
  } }
  location = /story { content_by_lua_block {
    for token in stream { seed = tonumber(ngx.var.arg_seed), max_new_tokens = 20 } do
      ngx.print(token.text)
      ngx.flush(true)
    end
  } }
  location = /hello { content_by_lua_block { ngx.say "hello" } }
  location = /first { content_by_lua_block {
    local s = stream()
    ngx.say(s:next().text)
    if ngx.var.arg_close then s:close() end
  } }
  location = /other_thread { content_by_lua_block {
    local s = stream()
    ngx.say(s:next().text)
    local reader = ngx.thread.spawn(function ()
      local token, err = s:next()
      return token == nil and err.kind
    end)
    s:close()
    local ok, kind = ngx.thread.wait(reader)
    ngx.say(tostring(ok), " ", kind, " ", tostring(select(2, s:next()).kind))
  } }
  location = /closed_client { content_by_lua_block {
    local client = assert(predibase.new {})
    local s = client:generate_stream "x"
    ngx.say(s:next().text)
    client:close()
    ngx.say(s:next() == nil and select(2, s:next()).kind)
  } }
  location = /kept_open { content_by_lua_block {
    local s = stream()
    ngx.say(s:next().text)
    running = s
    local token, err = s:next()
    ngx.say(token == nil and err.kind)
  } }
  location = /stop { content_by_lua_block {
    local s = running
    if s then s:close() end
    ngx.say(s and "stopped" or "no stream here")
  } }
  location = /abandoned { content_by_lua_block {
    local s = stream()
    s:next()
    ngx.print "before"
    ngx.flush(true)
    s:next()
  } }
  location = /poll { content_by_lua_block {
    local s, pending, texts = stream(), 0, {}
    while true do
      local token, err = s:poll()
      if token then texts[#texts + 1] = token.text
      elseif err == "pending" then pending = pending + 1
      else break end
    end
    ngx.say(table.concat(texts), " ", pending > 0)
  } }
  location = /slow { content_by_lua_block {
    local s, texts = stream(), {}
    for token in s do
      texts[#texts + 1] = token.text
      ngx.sleep(0.08)           -- longer than its light thread stays
    end
    ngx.say(table.concat(texts))
  } }
  location = /many { content_by_lua_block {
    local batch = early:generate_many({ "a", "b", "c", "d" }, { concurrency = 3 })
    for index, result, err in batch do ngx.say(index, result and result.generated_text or err) end
  } }
  location = /async { content_by_lua_block {
    local ok, err = pcall(require, "predibase.async")
    ngx.say(tostring(ok), " ", err)
  } }
]]

describe("a client inside nginx", function ()
  local server, upstream

  setup(function ()
    upstream = stand_in.spawn { log_limit = 8 }
    local env = in_nginx.sanitizers()
    env.PREDIBASE_BASE_URL = upstream.url
    server = nginx.start({ "front" }, function (address)
      return ("%s%s server { listen %s; %s %s }"):format(in_nginx.paths(), PRELUDE, address.front,
        PHASES, HANDLERS)
    end, { workers = 2, main = in_nginx.modules() .. "env PREDIBASE_BASE_URL;",
      env = env })
  end)

  teardown(function ()
    nginx.stop()
    stand_in.stop()
  end)

  local function connect ()
    return raw_client.connect { host = "127.0.0.1", port = server.port.front }
  end

  local function get (path)
    local client = connect()
    client:send("GET " .. path .. " HTTP/1.1\r\nhost: x\r\n\r\n")
    local answer = client:answer(20)
    client:close()
    return answer.body
  end

  local function serve (method, ...)
    upstream:script(faults.PATHS[method], { raw = { ... } })
  end

  local function good ()
    serve("generate", { send = faults.sized "generate" })
  end

  --- Sends three tokens of a stream, and then nothing.
  local function halting ()
    serve("stream", { send = faults.head("stream", faults.CHUNKED)
      .. faults.chunk(wire.three_tokens()) }, { hold = true })
  end

  --- Tells whether the last request has ended for its server, which would keep it open forever.
  local function is_over ()
    local log = upstream:log()
    return log[#log].complete ~= nil
  end

  local function gone ()
    return upstream:wait(is_over, 20)
  end

  before_each(good)

  it("works with the functions of the module, configured by environment variables", function ()
    assert.equal(" The sky is blue. nil\n", get "/module")
  end)

  for _, phase in ipairs { "rewrite", "access", "content" } do
    it(("works in %s_by_lua"):format(phase), function ()
      assert.equal(" The sky is blue.\n", get("/" .. phase))
    end)
  end

  it("works in timers, also in one that log_by_lua starts", function ()
    get "/timer"
    assert.equal(" The sky is blue.\n", get "/seen?timer")
    get "/filters"
    assert.equal(" The sky is blue.\n", get "/seen?timer%20from%20log")
  end)

  it("reports phases in which it cannot work, and what to do instead", function ()
    get "/filters"
    local texts = { set = get "/set" }
    for _, name in ipairs { "init_worker", "header_filter", "body_filter", "log" } do
      texts[name] = get("/seen?" .. name)
    end
    for name, text in pairs(texts) do
      assert.is_truthy(text:find("^config: .*" .. name .. "_by_lua; call from a timer instead "
        .. "%(ngx%.timer%.at"), name .. ": " .. text)
    end
  end)

  it("may be made before the workers, and then uses different request ids in each", function ()
    local ids, count = {}, 0
    for _ = 1, 400 do
      local worker, id = get("/ids"):match "^(%d+) (%x+)\n$"
      if not ids[worker] then count = count + 1 end
      ids[worker] = ids[worker] or {}
      ids[worker][id] = true
      if count == 2 then break end
    end
    assert.equal(2, count)
    local seen = {}
    for _, of_worker in pairs(ids) do
      for id in pairs(of_worker) do
        assert.is_nil(seen[id])
        seen[id] = true
      end
    end
  end)

  it("serves several streaming requests at once, and other requests meanwhile", function ()
    upstream:script("/generate_stream", { delay = 0.02 })
    local clients, alone = {}, {}
    for seed = 1, 4 do alone[seed] = get("/story?seed=" .. seed) end
    for seed = 1, 4 do
      clients[seed] = connect():send("GET /story?seed=" .. seed
        .. " HTTP/1.1\r\nhost: x\r\n\r\n")
    end
    assert.equal("hello\n", get "/hello")
    for seed = 1, 4 do
      assert.is_nil(clients[seed].received:find("\r\n0\r\n\r\n", 1, true))
    end
    for seed = 1, 4 do
      assert.equal(alone[seed], clients[seed]:answer(20).body)
      clients[seed]:close()
    end
  end)

  it("keeps its connections for the next request of the worker", function ()
    for _ = 1, 3 do get "/content" end
    local before = upstream:connections().accepted
    for _ = 1, 30 do get "/content" end
    assert.is_true(upstream:connections().accepted - before <= 1)
  end)

  it("keeps a connection if its body ends a little later than its stream", function ()
    serve("stream", { send = faults.head("stream", faults.CHUNKED) .. faults.chunk(wire.answer()) },
      { sleep = 0.02 }, { send = faults.LAST_CHUNK })
    for _ = 1, 4 do get "/story" end      -- each worker has a connection
    local before = upstream:connections().accepted
    for _ = 1, 10 do assert.equal(" The sky is blue.", get "/story") end
    assert.is_true(upstream:connections().accepted - before <= 1)
  end)

  it("ends a stream that was dropped without being closed", function ()
    halting()
    assert.equal(" The\n", get "/first")
    assert.is_truthy(gone())
  end)

  it("closes a stream at once", function ()
    halting()
    assert.equal(" The\n", get "/first?close=1")
    assert.is_truthy(gone())
  end)

  it("closes a stream that another light thread waits for", function ()
    serve("stream", { send = faults.head("stream", faults.CHUNKED)
      .. faults.chunk(wire.token " The") }, { hold = true })
    assert.equal(" The\ntrue cancelled cancelled\n", get "/other_thread")
    assert.is_truthy(gone())
  end)

  it("ends a stream with an error when its client is closed", function ()
    halting()
    assert.equal(" The\ncancelled\n", get "/closed_client")
    assert.is_truthy(gone())
  end)

  it("closes a stream that another request of the worker waits for", function ()
    serve("stream", { send = faults.head("stream", faults.CHUNKED)
      .. faults.chunk(wire.token " The") }, { hold = true })
    local waiting = connect():send "GET /kept_open HTTP/1.1\r\nhost: x\r\n\r\n"
    local stopped
    for _ = 1, 400 do
      stopped = get "/stop"
      if stopped == "stopped\n" then break end
    end
    assert.equal("stopped\n", stopped)
    assert.is_truthy(waiting:answer(20).body:find "cancelled\n$")
    waiting:close()
    assert.is_truthy(gone())
  end)

  it("closes a stream when its browser has disconnected", function ()
    serve("stream", { send = faults.head("stream", faults.CHUNKED)
      .. faults.chunk(wire.token " The") }, { hold = true })
    local browser = connect():send "GET /abandoned HTTP/1.1\r\nhost: x\r\n\r\n"
    assert.is_truthy(browser:wait("before", 20))
    assert.is_false(is_over())
    browser:close()
    assert.is_truthy(gone())
  end)

  it("polls without blocking the worker", function ()
    serve("stream",
      { send = faults.head("stream", faults.CHUNKED) .. faults.chunk(wire.token "a") },
      { sleep = 0.05 }, { send = faults.chunk(wire.closing("b", "ab")) .. faults.LAST_CHUNK })
    assert.equal("ab true\n", get "/poll")
  end)

  it("reads a stream slower than it arrives", function ()
    serve("stream",
      { send = faults.head("stream", faults.CHUNKED) .. faults.chunk(wire.token "a") },
      { sleep = 0.01 }, { send = faults.chunk(wire.token "b") },
      { sleep = 0.01 }, { send = faults.chunk(wire.closing("c", "abc")) .. faults.LAST_CHUNK })
    assert.equal("abc\n", get "/slow")
  end)

  it("generates many at once", function ()
    local lines = {}
    for line in get("/many"):gmatch "[^\n]+" do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({ "1 The sky is blue.", "2 The sky is blue.", "3 The sky is blue.",
      "4 The sky is blue." }, lines)
  end)

  it("refuses predibase.async", function ()
    local text = get "/async"
    assert.is_truthy(text:find("^false .*ngx%.thread%.spawn"), text)
  end)
end)
