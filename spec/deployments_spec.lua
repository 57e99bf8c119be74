-- SPDX-License-Identifier: MIT
--- Limits, several servers, fallback, views and cold starts over real connections. The spec
-- `resty_deployments_spec` runs this file inside nginx, too.
local predibase = require "predibase"
local server = require "spec.support.server"
local transports = require "predibase.transport"
local uv = require "luv"

local QUESTION = "What colour is the sky?"

describe("over real connections", function ()
  local clients, now

  before_each(function () clients, now = {}, transports.default().now end)

  after_each(function ()
    for _, client in ipairs(clients) do client:close() end
    server.stop()
  end)

  local function new (options)
    local client = assert(predibase.new(options))
    clients[#clients + 1] = client
    return client
  end

  --- Runs functions at the same time: as tasks, or as light threads of nginx.
  local function together (list)
    local ngx = rawget(_G, "ngx")
    if not transports.in_nginx() then return (require "predibase.async".gather(list)) end
    local threads, results = {}, {}
    for i, f in ipairs(list) do threads[i] = ngx.thread.spawn(f) end
    for i, thread in ipairs(threads) do results[i] = select(2, ngx.thread.wait(thread)) end
    return results
  end

  it("a rate limit spaces calls, streams and batches", function ()
    local one = server.spawn()
    local client = new { base_url = one.url, rate_limit = { requests = 2, seconds = 0.3 } }
    local began = now()
    assert(client:generate(QUESTION, { max_new_tokens = 2 }))
    assert(client:generate_stream(QUESTION, { max_new_tokens = 2 }):text())
    local results = client:generate_many({ QUESTION, QUESTION, QUESTION },
      { max_new_tokens = 2 }):results()
    assert.equal(3, #results)
    assert.is_true(now() - began >= 0.6)
    assert.equal(5, #one:log())
  end)

  it("a call that waits for its turn ends in time", function ()
    local one = server.spawn()
    local client = new { base_url = one.url, rate_limit = { requests = 1, seconds = 60 } }
    assert(client:generate(QUESTION, { max_new_tokens = 2 }))
    local began = now()
    local _, err = client:generate(QUESTION, { timeout = 0.2 })
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
    assert.is_true(now() - began >= 0.2)
    assert.same({ nil, "pending" }, { client:generate_stream(QUESTION):poll() })
    assert.equal(1, #one:log())
  end)

  it("calls at the same time share the places", function ()
    local one = server.spawn { script = { ["/generate"] = { delay = 0.02 } } }
    local client = new { base_url = one.url, concurrency = 2 }
    local list, open, most = {}, 0, 0
    for i = 1, 6 do
      list[i] = function ()
        local result, err = client:generate(QUESTION, { max_new_tokens = 3,
          on_request = function ()
            open = open + 1
            most = math.max(most, open)
          end,
          on_response = function () open = open - 1 end })
        return result or err
      end
    end
    for _, result in ipairs(together(list)) do assert.is_string(result.text) end
    assert.equal(2, most)
    assert.equal(6, #one:log())
  end)

  it("a stream that is closed gives its place to a call that waits", function ()
    local one = server.spawn { delay = 0.05 }
    local client = new { base_url = one.url, concurrency = 1 }
    local s = client:generate_stream(QUESTION, { max_new_tokens = 1000, ignore_eos_token = true })
    assert(s:next())
    local results = together {
      function () return client:generate(QUESTION, { max_new_tokens = 2, timeout = 20 }) end,
      function ()
        assert(s:next())
        s:close()
        return true
      end,
    }
    assert.is_string(results[1].text)
  end)

  it("a stream that is dropped gives its place back", function ()
    local one = server.spawn { delay = 0.05 }
    local client = new { base_url = one.url, concurrency = 1 }
    do
      local s = client:generate_stream(QUESTION, { max_new_tokens = 1000, ignore_eos_token = true })
      assert(s:next())
    end
    assert(client:generate(QUESTION, { max_new_tokens = 2, timeout = 20 }))
  end)

  it("the calls of an adapter go to one server, and to another when that one fails", function ()
    local both = { server.spawn(), server.spawn() }
    local client = new { base_url = { both[1].url, both[2].url }, max_retries = 0 }
    local options = { adapter_id = "a/1", max_new_tokens = 2 }
    for _ = 1, 3 do assert(client:generate(QUESTION, options)) end
    local counts = { #both[1]:log(), #both[2]:log() }
    table.sort(counts)
    assert.same({ 0, 3 }, counts)
    local first = #both[1]:log() == 3 and both[1] or both[2]
    local other = first == both[1] and both[2] or both[1]
    first:script("*", { status = 502 })
    assert(client:generate(QUESTION, options))
    assert(client:generate_stream(QUESTION, options):text())
    assert.equal(2, #other:log())
    assert.equal(4, #first:log())
    first:script("*", nil)
    other:script("*", { head_delay = 0.1 })
    local began = now()
    repeat
      assert(client:generate(QUESTION, options))
    until #first:log() > 4 or now() - began > 20
    local log = first:log()
    assert.equal(6, #log)
    assert.equal("/health", log[5].path)
    assert.equal("/generate", log[6].path)
  end)

  it("several servers serve a batch", function ()
    local both = { server.spawn(), server.spawn { script = { ["/generate"] = { overload = 3 } } } }
    local client = new { base_url = { both[1].url, both[2].url } }
    local prompts = {}
    for i = 1, 20 do
      prompts[i] = { prompt = QUESTION, adapter_id = "adapter/" .. i, max_new_tokens = 2 }
    end
    local _, failed = client:generate_many(prompts, { concurrency = 4 }):results()
    assert.same({}, failed)
    assert.is_true(#both[1]:log() > 0)
    assert.is_true(#both[2]:log() > 0)
  end)

  it("another client answers when the first one fails", function ()
    local bad, good = server.spawn { script = { ["*"] = { status = 500 } } }, server.spawn()
    local backup = new { base_url = good.url }
    local client = new { base_url = bad.url, max_retries = 0, fallback = { backup } }
    local result = assert(client:generate(QUESTION, { max_new_tokens = 2 }))
    assert.equal(backup, result.client)
    local s = client:generate_stream(QUESTION, { max_new_tokens = 2 })
    assert(s:text())
    assert.equal(backup, s:result().client)
    local results, failed = client:generate_many({ QUESTION, QUESTION, QUESTION },
      { max_new_tokens = 2 }):results()
    assert.same({}, failed)
    for i = 1, 3 do assert.equal(backup, results[i].client) end
    good:script("*", { status = 429 })
    local _, err = client:generate(QUESTION)
    assert.equal("rate_limited", err.kind)
    assert.equal("server", err.earlier[1].kind)
  end)

  it("a view uses another server, token and limits", function ()
    local one, two = server.spawn(), server.spawn { token = "token-of-two" }
    local client = new { base_url = one.url, concurrency = 1 }
    local view = assert(client:with { base_url = two.url, api_token = "token-of-two" })
    clients[#clients + 1] = view
    assert(client:generate(QUESTION, { max_new_tokens = 2 }))
    assert(view:generate(QUESTION, { max_new_tokens = 2 }))
    assert.equal(1, #one:log())
    assert.equal(200, two:log()[1].status)
    local s = view:generate_stream(QUESTION)
    assert(s:next())
    assert.same({ nil, "pending" }, { client:generate_stream(QUESTION):poll() })
    view:close()
    assert(client:generate(QUESTION, { max_new_tokens = 2 }))
    local _, err = s:text()
    assert.equal("cancelled", err.kind)
  end)

  it("a token comes from a function", function ()
    local one = server.spawn { token = "token-number-2" }
    local n = 0
    local client = new { base_url = one.url, max_retries = 0, api_token = function ()
      n = n + 1
      return "token-number-" .. n
    end }
    assert.equal("authentication", select(2, client:generate(QUESTION)).kind)
    assert(client:generate(QUESTION, { max_new_tokens = 2 }))
    assert.equal("authentication", select(2, client:generate_stream(QUESTION):next()).kind)
  end)

  it("a call waits for a deployment that starts", function ()
    local one = server.spawn { script = { ["/generate"] = {
      { status = 503, body = "no healthy upstream", content_type = "text/plain" }, {} } } }
    local client = new { base_url = one.url, max_retries = 0, cold_start = 20 }
    assert(client:generate(QUESTION, { max_new_tokens = 2 }))
    assert.equal(2, #one:log())
  end)

  it("a call waits while nothing listens", function ()
    local socket = uv.new_tcp()
    assert(socket:bind("127.0.0.1", 0))
    local url = ("http://127.0.0.1:%d"):format(socket:getsockname().port)
    socket:close()
    local client = new { base_url = url, max_retries = 0, cold_start = 1 }
    local began = now()
    local _, err = client:generate(QUESTION)
    assert.equal("connection", err.kind)
    assert.matches("did not start within 1 seconds", err.message)
    assert.is_true(now() - began >= 1)
    assert.is_true(err.attempts >= 2)
  end)
end)
