-- SPDX-License-Identifier: MIT
-- only: luajit
--- ngx.ctx.predibase: the counts of the calls that are made while nginx handles a request.

if not rawget(_G, "jit") then return end

local gateway = require "spec.support.gateway"
local json = require "predibase.json"
local server = require "spec.support.server"

-- Runs the code in the argument `code`, and prints the counts as JSON.
local LOCATION = [[
  location = /counts {
    content_by_lua_block {
      local retrying = require "predibase".new { base_url = client.cfg.url, api_token = false }
      local env = setmetatable({ client = client, retrying = retrying, resty = resty },
        { __index = _G })
      setfenv(assert(loadstring(ngx.unescape_uri(ngx.var.arg_code))), env)()
      local counts = ngx.ctx.predibase
      local shown = { line = tostring(counts) }
      if type(counts) == "table" then
        for name, value in pairs(counts) do shown[name] = value end
      end
      ngx.print(require "predibase.json".encode(shown))
    }
  }
  location = /log {
    set $predibase_tokens "-";
    set $predibase_line "-";
    access_log LOG_FILE counts;
    content_by_lua_block {
      if ngx.var.arg_call then client:generate("Hello") end
      ngx.say "done"
    }
    log_by_lua_block {
      local counts = ngx.ctx.predibase
      if not counts then return end
      ngx.var.predibase_tokens = counts.prompt_tokens + counts.completion_tokens
      ngx.var.predibase_line = tostring(counts)
    }
  }
  location = /relayed {
    log_by_lua_block {
      local file = io.open("LOG_FILE", "a")
      file:write(tostring(ngx.ctx.predibase), "\n")
      file:close()
    }
    content_by_lua_block { resty.relay(client:generate_stream "Hello") }
  }
  location = /access {
    access_by_lua_block { client:generate "Hello" }
    content_by_lua_block { ngx.say(ngx.ctx.predibase.calls) }
  }
  location = /timer {
    content_by_lua_block {
      local semaphore = require "ngx.semaphore".new()
      local inside
      ngx.timer.at(0, function ()
        client:generate "Hello"
        inside = ngx.ctx.predibase
        semaphore:post()
      end)
      semaphore:wait(5)
      ngx.say(tostring(inside), " ", tostring(ngx.ctx.predibase))
    }
  }
]]

describe("ngx.ctx.predibase", function ()
  local model, site, log

  local function start (script)
    model = server.spawn { script = script }
    log = os.tmpname()
    site = gateway.start(model, (LOCATION:gsub("LOG_FILE", log)), nil,
      'log_format counts "$request_uri $predibase_tokens $predibase_line";')
  end

  after_each(function ()
    gateway.stop()
    server.stop()
    if log then os.remove(log) end
  end)

  local function counts (code)
    local body = site:get("/counts?code=" .. code:gsub("[^%w]", function (c)
      return ("%%%02X"):format(c:byte())
    end)).body
    return assert(json.decode(body), body)
  end

  --- Waits until the log has a line for a request.
  local function logged (what)
    local text
    server.run_until(function ()
      local file = assert(io.open(log))
      text = file:read "*a"
      file:close()
      return text:find(what)
    end)
    return text
  end

  local ANSWER = { answer = { "one", " two" } }

  it("is nil in a request that makes no call", function ()
    start {}
    assert.same({ line = "nil" }, counts "")
  end)

  it("adds up the calls of a request", function ()
    start { ["/generate"] = ANSWER, ["/generate_stream"] = ANSWER }
    local c = counts [[
      first = assert(client:generate("Hello", { details = true }))
      assert(client:generate_stream("Hello"):text())
      usage = first.usage
      ngx.ctx.prompt_tokens = usage.prompt_tokens
    ]]
    assert.equal(2, c.calls)
    assert.equal(2, c.attempts)
    assert.equal(0, c.retries)
    assert.equal(6, c.completion_tokens)
    assert.is_true(c.prompt_tokens > 0)
    assert.is_true(c.seconds > 0)
    assert.is_true(c.first_token > 0 and c.first_token <= c.seconds)
    assert.same({}, c.errors)
    assert.matches("^calls=2 attempts=2 retries=0 prompt_tokens=%d+ completion_tokens=6 "
      .. "seconds=[%d.]+ first_token=[%d.]+$", c.line)
  end)

  it("counts chat completions, their streams and embeddings", function ()
    start {}
    local c = counts [[
      local messages = { { role = "user", content = "Hi" } }
      assert(client:chat_completion(messages, { max_tokens = 2 }))
      assert(client:chat_completion_stream(messages, { max_tokens = 3 }):text())
      assert(client:embed "Hi")
    ]]
    assert.equal(3, c.calls)
    assert.equal(5, c.completion_tokens)
    assert.is_true(c.prompt_tokens > 0)
    assert.same({}, c.errors)
  end)

  it("counts retries and the kinds of final errors", function ()
    start { ["/generate"] = { overload = 1, answer = "one" },
      ["/generate_stream"] = { { status = 401, body = "no" } } }
    local c = counts [[
      assert(retrying:generate "Hello")
      client:generate_stream("Hello"):text()
      client:generate_stream("Hello"):text()
      client:generate("Hello", { temperature = -1 })
    ]]
    assert.equal(3, c.calls)
    assert.equal(4, c.attempts)
    assert.equal(1, c.retries)
    assert.same({ authentication = 2 }, c.errors)
    assert.matches(" errors=authentication:2$", c.line)
  end)

  it("counts a stream that breaks off, and one that is closed", function ()
    start { ["/generate_stream"] = { answer = { "one", " two", " three" }, cut_after = 2 } }
    local c = counts "client:generate_stream('Hello'):text()"
    assert.same({ connection = 1 }, c.errors)
    assert.equal(2, c.completion_tokens)
    c = counts "local s = client:generate_stream('Hello') s:next() s:close() s:next()"
    assert.same({ cancelled = 1 }, c.errors)
    assert.equal(1, c.completion_tokens)
    assert.equal(1, c.calls)
    -- A stream that was never read has sent nothing.
    assert.same({ line = "nil" }, counts "client:generate_stream('Hello'):close()")
  end)

  it("counts the calls of a batch, of a session and of light threads", function ()
    start { ["/generate"] = ANSWER }
    local c = counts [[ client:generate_many({ "a", "b", "c" }, { details = true }):results() ]]
    assert.equal(3, c.calls)
    assert.equal(9, c.completion_tokens)
    c = counts [[
      local session = client:chat_session { format = "chatml", details = true }
      assert(session:send "Hello")
      local function call () assert(client:generate("Hello", { details = true })) end
      local a, b = ngx.thread.spawn(call), ngx.thread.spawn(call)
      ngx.thread.wait(a) ngx.thread.wait(b)
    ]]
    assert.equal(3, c.calls)
    assert.equal(9, c.completion_tokens)
  end)

  it("counts the prompts of a batch that were sent and then given up", function ()
    start { ["/generate"] = { status = 429, body = "no", headers = { ["retry-after"] = "1000" } } }
    local c = counts [[ client:generate_many({ "a", "b", "c" }, { concurrency = 3 }):results() ]]
    assert.equal(3, c.errors.rate_limited)
    assert.equal(3, c.calls)
  end)

  it("is there in log_by_lua, and for log_format", function ()
    start { ["/generate"] = ANSWER }
    site:get "/log"
    site:get "/log?call=1"
    local text = logged "/log%?call=1"
    assert.matches("/log %- %-\n", text)
    assert.matches("/log%?call=1 %d+ calls=1 attempts=1 ", text)
  end)

  it("counts a relayed stream, also when the browser disconnects", function ()
    start { ["/generate_stream"] = { answer = ("word "):rep(100), delay = 0.02 } }
    local browser = site:open "/relayed"
    browser:wait 'data: {"text"'
    browser:close()
    local text = logged "calls"
    assert.matches("calls=1 .* completion_tokens=[1-9]%d* .* errors=cancelled:1\n", text)
  end)

  it("keeps the counts from one phase to the next", function ()
    start { ["/generate"] = ANSWER }
    assert.equal("1\n", site:get "/access".body)
  end)

  it("counts nothing in timers", function ()
    start { ["/generate"] = ANSWER }
    assert.equal("nil nil\n", site:get "/timer".body)
  end)

  it("leaves a field alone that the program uses for something else", function ()
    start { ["/generate"] = ANSWER }
    local c = counts "ngx.ctx.predibase = 'mine' assert(client:generate 'Hello')"
    assert.same({ line = "mine" }, c)
  end)
end)
