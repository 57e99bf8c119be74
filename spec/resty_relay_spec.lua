-- SPDX-License-Identifier: MIT
-- only: luajit
--- Streams through a real nginx to a browser: what the browser receives and when, and what the
-- model's server sees when the browser disconnects.

if not rawget(_G, "jit") then return end

local gateway = require "spec.support.gateway"
local json = require "predibase.json"
local server = require "spec.support.server"

--- Parses the events of a body into an array of `{ event, data }`, with comments as
-- `{ comment = … }`.
local function events (body)
  local list = {}
  for block in body:gmatch "(.-)\n\n" do
    if block:sub(1, 1) == ":" then
      list[#list + 1] = { comment = block }
    else
      local lines = "\n" .. block
      local name, id = lines:match "\nevent: (%w+)\n", lines:match "\nid: (%w+)\n"
      list[#list + 1] = { event = name or "message", id = id,
        data = assert(json.decode(block:match "data: (.*)$")) }
    end
  end
  return list
end

local function text_of (list)
  local parts = {}
  for _, item in ipairs(list) do
    if item.event == "message" then parts[#parts + 1] = item.data.text end
  end
  return table.concat(parts)
end

describe("predibase.resty.relay", function ()
  local model, site

  local function start (script, locations)
    model = server.spawn { script = { ["/generate_stream"] = script } }
    site = gateway.start(model, locations)
  end

  after_each(function ()
    gateway.stop()
    server.stop()
  end)

  it("sends each token as an event, and tells how the stream ended", function ()
    start({ answer = { "one", " <b>two</b>", " \240\159\152\128 \"three\"" } })
    local answer = site:get "/relay"
    assert.equal(200, answer.status)
    assert.equal("text/event-stream", answer.headers["content-type"])
    assert.equal("no", answer.headers["x-accel-buffering"])
    assert.matches("no%-cache", answer.headers["cache-control"])
    local list = events(answer.body)
    assert.equal("one <b>two</b> \240\159\152\128 \"three\"", text_of(list))
    local last = list[#list]
    assert.equal("done", last.event)
    assert.equal("done", last.id)
    for i = 1, #list - 1 do assert.is_nil(list[i].id) end
    assert.equal("eos_token", last.data.finish_reason)
    assert.is_number(last.data.usage.completion_tokens)
    assert.equal("ended well", site:last_line())
  end)

  it("sends a token when it is generated, not when the next one is", function ()
    start({ answer = { "one", " two" }, silent_after = 1, keepalive_interval = 0 })
    local browser = site:open "/relay"
    assert.is_truthy(browser:wait 'data: {"text":"one"}')
    assert.is_nil(browser.received:find "two")
    browser:close()
  end)

  it("sends to a client of HTTP/1.0, such as another nginx in front", function ()
    start { answer = { "one", " two" }, delay = 0.05 }
    local browser = site:open("/relay", "1.0")
    assert.is_truthy(browser:wait "event: done\n")
    browser:close()
    assert.matches('"one".*" two"', browser.received)
    assert.equal("ended well", site:last_line())
  end)

  it("sends buffered tokens as one event, and counts them", function ()
    local function event (text)
      return ('data:{"token":{"id":1,"text":"%s","special":%s}}\n\n'):format(text,
        tostring(text == "<s>"))
    end
    local body = event "one" .. event " two" .. event "<s>" .. event " \240\159"
      .. event "\152\128" .. event " three" .. 'data:{"token":{"id":2,"text":"</s>",'
      .. '"special":true},"generated_text":"","details":{"finish_reason":"eos_token",'
      .. '"generated_tokens":7,"prompt_tokens":1}}\n\n'
    start({ raw = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
      .. "transfer-encoding: chunked\r\n\r\n" .. ("%x\r\n%s\r\n0\r\n\r\n"):format(#body, body) })
    local list = events(site:get "/relay".body)
    assert.equal("one two \240\159\152\128 three", text_of(list))
    assert.equal(2, #list)
    assert.equal(7, list[2].data.usage.completion_tokens)
    assert.equal("ended well", site:last_line())
  end)

  it("keeps the model's connection for the next stream", function ()
    start({ answer = { "one", " two", " three" }, delay = 0.02 })
    for _ = 1, 3 do
      local list = events(site:get "/relay".body)
      assert.equal("done", list[#list].event)
    end
    assert.equal(1, model:connections().accepted)
  end)

  it("ends the request if the model does not end its answer", function ()
    start({ raw = {
      { send = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        .. "content-length: 100000\r\n\r\n" },
      { send = 'data:{"token":{"id":1,"text":"one","special":false}}\n\n' },
      { sleep = 0.1 },
      { send = 'data:{"token":{"id":3,"text":"!","special":false},"generated_text":"one!"}\n\n' },
      { hold = true },
    } })
    local list = events(site:get "/relay".body)
    assert.equal("done", list[#list].event)
    assert.is_truthy(model:wait(function () return model:connections().open == 0 end, 10))
    assert.equal("ended well", site:last_line())
  end)

  it("makes the system send each token at once", function ()
    start({ answer = "one" })
    assert.equal("true\n", site:evaluate "require 'predibase.nginx'.send_at_once()")
  end)

  it("never cuts a character, and leaves special tokens out", function ()
    start({ raw = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
      .. 'data:{"token":{"id":1,"text":"\195","special":false}}\n\n'
      .. 'data:{"token":{"id":1,"text":"\169","special":false}}\n\n'
      .. 'data:{"token":{"id":2,"text":"<s>","special":true}}\n\n'
      .. 'data:{"token":{"id":3,"text":"!","special":false},"generated_text":"\195\169!"}\n\n' })
    local answer = site:get "/relay"
    local list = events(answer.body)
    assert.equal("\195\169!", text_of(list))
    for _, item in ipairs(list) do assert.not_equal("<s>", item.data.text) end
  end)

  it("answers with a status and JSON while nothing was sent", function ()
    for _, case in ipairs {
      { { status = 429, body = "slow down", headers = { ["retry-after"] = "7" } }, 429,
        "rate_limited", "too many requests", "7" },
      { { overload = 9 }, 503, "overloaded", "the model is busy" },
      { { status = 401, body = "who are you, pb_SENTINEL_7f3a?" }, 502, "authentication",
        "the model cannot be reached" },
      { { status = 422, body = '{"error":"Input validation error: too long","error_type":'
        .. '"validation"}' }, 422, "validation", "Input validation error: too long" },
      { { cut_after = 0 }, 502, "connection", "the model cannot be reached" },
    } do
      start(case[1])
      local answer = site:get "/relay"
      assert.equal(case[2], answer.status)
      assert.equal("application/json", answer.headers["content-type"])
      local told = json.decode(answer.body)
      assert.equal(case[3], told.kind)
      assert.equal(case[4], told.message)
      assert.equal(case[5], answer.headers["retry-after"])
      gateway.stop()
      server.stop()
    end
  end)

  it("turns a later error into a last event", function ()
    start({ answer = { "one", " two", " three" }, error_after = 2, error_type = "overloaded",
      error = "Model is overloaded" })
    local answer = site:get "/relay"
    assert.equal(200, answer.status)
    local list = events(answer.body)
    assert.equal("one two", text_of(list))
    assert.same({ event = "failed", id = "done", data = { kind = "overloaded",
      message = "the answer broke off: the model is busy" } }, list[#list])
    assert.equal("overloaded", site:last_line())
  end)

  it("reports a cut answer as broken off and not as an unreachable model", function ()
    for said, script in pairs {
      ["the answer broke off"] = { answer = { "one", " two", " three" }, cut_after = 2 },
      ["the answer broke off: CUDA out of memory"] = { answer = { "one", " two", " three" },
        error_after = 2, error_type = "generation", error = "CUDA out of memory" },
    } do
      start(script)
      local list = events(site:get "/relay".body)
      assert.equal("failed", list[#list].event)
      assert.equal(said, list[#list].data.message)
      gateway.stop()
      server.stop()
    end
  end)

  it("generates nothing for a browser that repeats its request after a complete answer", function ()
    start({ answer = { "one" } }, [[location /leased { content_by_lua_block {
      limits = limits or resty.limits { dict = "predibase", streams = 1 }
      local lease, refusal = limits:enter()
      if not lease then return resty.refuse(refusal) end
      local result, err = resty.relay(client:generate_stream "Hello", { lease = lease })
      note(result, err)
    } }]])
    assert.equal(200, site:get "/leased".status)
    for _ = 1, 3 do
      local again = site:get("/leased", "last-event-id: done\r\n")
      assert.equal(204, again.status)
      assert.equal("", again.body)
      assert.is_truthy(server.run_until(function () return site:last_line() == "cancelled" end))
    end
    assert.equal(1, #model:log())
    assert.equal(200, site:get("/leased", "last-event-id: 7\r\n").status)
  end)

  for _, condition in ipairs { 'if-match: "abc"', "if-none-match: *",
    "if-unmodified-since: Mon, 17 Apr 2006 03:10:35 GMT",
    "if-modified-since: Mon, 17 Apr 2034 03:10:35 GMT", 'if-range: "abc"\r\nrange: bytes=0-1' } do
    it("sends its stream in spite of a conditional header: " .. condition:match "^[%w-]+",
      function ()
        start({ answer = { "one", " two" }, delay = 0.02 })
        local answer = site:get("/relay", condition .. "\r\n")
        assert.equal(200, answer.status)
        assert.equal("one two", text_of(events(answer.body)))
        assert.equal("ended well", site:last_line())
        assert.equal("hello", site:get("/hello").body)
      end)
  end

  it("keeps sending comments when the wall clock is set back", function ()
    start({ answer = { "one" }, silent_after = 1, keepalive_interval = 0 }, [[
      location = /back { content_by_lua_block {
        local wall = ngx.now
        ngx.now = function () return wall() - (back or 0) end
        ngx.timer.at(0.2, function () back = 3600 end)
        resty.relay(client:generate_stream "Hello", { keep_alive = 0.1 })
      } }]])
    local browser = site:open "/back"
    assert.is_truthy(browser:wait 'data: {"text":"one"}')
    assert.is_truthy(server.run_until(function ()
      local _, n = browser.received:gsub(": keep%-alive", "")
      return n >= 6
    end, 20))
    browser:close()
  end)

  it("sends comments while the model is silent, and the head with the first one", function ()
    start({ answer = { "one" }, first_delay = 1 })
    local answer = site:get "/relay?keep_alive=0.1"
    local list = events(answer.body)
    assert.equal(": keep-alive", list[1].comment)
    assert.equal("one", text_of(list))
    assert.equal("done", list[#list].event)
  end)

  it("sends an error as an event if the head was sent before the first token", function ()
    start({ head_delay = 0.5, status = 503, body = "no" })
    local answer = site:get "/relay?keep_alive=0.1"
    assert.equal(200, answer.status)
    local list = events(answer.body)
    assert.equal("failed", list[#list].event)
  end)

  it("sends plain text, and cuts the connection if the stream fails", function ()
    start({ answer = { "one", " two" } })
    local answer = site:get "/relay?format=text"
    assert.equal("text/plain; charset=utf-8", answer.headers["content-type"])
    assert.equal("one two", answer.body)
    model:script("/generate_stream", { answer = { "one", " two" }, cut_after = 1 })
    local browser = site:open "/relay?format=text"
    browser:wait()
    assert.is_truthy(browser.received:find("one", 1, true))
    assert.is_nil(browser.received:find("\r\n0\r\n\r\n", 1, true), "looks like a whole answer")
    browser:close()
  end)

  it("lets the program encode each token", function ()
    start({ answer = { "one", " two" } })
    assert.equal("[one][ two][</s>]", site:get("/encoded").body:gsub("id:.*", ""))
  end)

  for _, path in ipairs { "/relay", "/unwatched" } do
    it("closes the model's connection when the browser disconnects, at " .. path, function ()
      start({ answer = ("word "):rep(1000), delay = 0.02 })
      local browser = site:open(path)
      assert.is_truthy(browser:wait "data: ")
      assert.equal(1, model:connections().active)
      browser:close()
      assert.is_truthy(model:wait(function () return model:connections().open == 0 end, 10))
      local log = model:log()
      assert.equal("client", log[1].closed_by)
      assert.is_false(log[1].complete)
      assert.equal("cancelled", site:last_line())
    end)
  end

  it("closes it when a browser cancels its request over HTTP/2", function ()
    start({ answer = { "one", " two" }, silent_after = 1, keepalive_interval = 0 })
    local browser = site:open_http2 "/relay"
    assert.is_truthy(browser:wait 'data: {"text":"one"}')
    assert.equal(1, model:connections().active)
    browser:cancel()
    assert.is_truthy(model:wait(function () return model:connections().open == 0 end, 10))
    assert.equal("cancelled", site:last_line())
    assert.is_nil(browser.ended)
    browser:close()
  end)

  it("closes it before the first token", function ()
    start({ silent_after = 0, keepalive_interval = 0 })
    local browser = site:open "/relay"
    assert.is_truthy(model:wait(function () return model:connections().active == 1 end, 10))
    browser:close()
    assert.is_truthy(model:wait(function () return model:connections().open == 0 end, 10))
    assert.equal("cancelled", site:last_line())
  end)

  it("lets a slow browser slow the model", function ()
    local answer = {}
    for i = 1, 2000 do answer[i] = ("x"):rep(10000) end
    start({ answer = answer })
    local browser = site:open "/relay"
    browser:wait "data: "
    browser:pause()
    -- The sockets in between hold some megabytes; the rest must not be read from the model.
    local taken, same = -1, 0
    model:wait(function ()
      local now = model:log()[1] and model:log()[1].tokens or 0
      same = now == taken and same + 1 or 0
      taken = now
      return same >= 20
    end, 20)
    assert.is_true(same >= 20, "the model was never held up")
    assert.is_true(taken < #answer)
    browser:close()
    assert.is_truthy(model:wait(function () return model:connections().open == 0 end, 10))
  end)

  it("sends the answer alone when the reasoning is separated", function ()
    start({ answer = { "<think>Hm", "</think>", "\n\nYes", ".", " <" } }, [[location = /thinking {
      content_by_lua_block {
        local marks = { "<think>", "</think>" }
        note(resty.relay(client:generate_stream("Hello", { reasoning = marks })))
      }
    }]])
    assert.equal("Yes. <", text_of(events(site:get "/thinking".body)))
  end)

  it("gives up a browser that reads nothing for send_timeout", function ()
    local answer = {}
    for i = 1, 2000 do answer[i] = ("x"):rep(10000) end
    start({ answer = answer }, [[location = /impatient {
      send_timeout 1s;
      content_by_lua_block { note(resty.relay(client:generate_stream "Hello")) }
    }]])
    local browser = site:open "/impatient"
    browser:wait "data: "
    browser:pause()
    assert.is_truthy(model:wait(function () return model:connections().open == 0 end, 20))
    assert.equal("client", model:log()[1].closed_by)
    assert.equal("cancelled", site:last_line())
    browser:close()
  end)

  it("answers other requests while it streams", function ()
    start({ silent_after = 1, keepalive_interval = 0 })
    local browser = site:open "/relay"
    assert.is_truthy(browser:wait "data: ")
    for _ = 1, 20 do assert.equal("hello", site:get("/hello").body) end
    browser:close()
  end)

  it("raises for misuse", function ()
    start({ answer = "one" })
    for _, case in ipairs {
      { "relay(nil)", "relay takes a stream of client:generate_stream, got a nil" },
      { "relay(client)", "relay takes a stream" },
      { "relay(client:generate_stream 'x', 1)", "relay takes its options as a table" },
      { "relay(client:generate_stream 'x', { formt = 'sse' })", "formt.*format" },
      { "relay(client:generate_stream 'x', { format = 'xml' })", 'format must be "sse", "text"' },
      { "relay(client:generate_stream 'x', { keep_alive = 0 })", "keep_alive must be a number" },
      { "refuse 'no'", "refuse takes an error object" },
    } do
      assert.matches(case[2], site:evaluate(case[1]))
    end
  end)
end)
