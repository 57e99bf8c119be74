-- SPDX-License-Identifier: MIT
--- The limits, servers and tokens of a client, on a simulated clock that only waits advance.
local async = require "predibase.async"
local config = require "predibase.config"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local secrecy = require "spec.support.secrecy"
local wire = require "spec.support.wire"

local JSON = { ["content-type"] = "application/json" }

local function whole (text, tokens)
  return { headers = JSON, body = ('{"generated_text":"%s","details":{"finish_reason":"length",'
    .. '"prompt_tokens":%d,"generated_tokens":%d,"seed":null,"prefill":[],"tokens":[]}}'):format(
    text or "yes", tokens or 3, tokens or 2) }
end

local answer = { body = wire.answer() }

local function times (network)
  local list = {}
  for i, req in ipairs(network.requests) do list[i] = req.at - network.requests[1].at end
  return list
end

describe("rate_limit", function ()
  it("spaces whole calls", function ()
    local client, network = pipe.client(whole(), { rate_limit = { requests = 1, seconds = 2 } })
    for _ = 1, 3 do assert(client:generate "x") end
    assert.same({ 0, 2, 4 }, times(network))
    client:close()
  end)

  it("spaces streams that are read, and counts tokenize, too", function ()
    local client, network = pipe.client(function (req)
      return req.url:find "tokenize" and { headers = JSON, body = "[]" } or answer
    end, { rate_limit = { requests = 2, seconds = 3 } })
    assert.equal(" The sky is blue.", client:generate_stream "x":text())
    assert(client:tokenize "x")
    assert.equal(" The sky is blue.", client:generate_stream "x":text())
    assert.same({ 0, 0, 3 }, times(network))
    client:close()
  end)

  it("makes a polled stream pending, and poll never waits", function ()
    local client, network = pipe.client(answer, { rate_limit = { requests = 1, seconds = 5 } })
    client:generate_stream "x":text()
    local s = client:generate_stream "y"
    local clock = network.clock
    for _ = 1, 10 do assert.same({ nil, "pending" }, { s:poll() }) end
    assert.equal(clock, network.clock)
    assert.equal(1, #network.requests)
    network:advance(5)
    local token
    repeat token = s:poll() until token or #network.requests == 2
    assert.equal(2, #network.requests)
    s:close()
    client:close()
  end)

  it("counts the time of waiting towards total", function ()
    local client, network = pipe.client(whole(), { rate_limit = { requests = 1, seconds = 60 } })
    assert(client:generate "x")
    local clock = network.clock
    local _, err = client:generate("y", { timeout = 10 })
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
    assert.is_false(err.sent)
    assert.equal(0, err.attempts)
    assert.equal(clock + 10, network.clock)
    assert.equal(1, #network.requests)
    local s = client:generate_stream("y", { timeout = { total = 3 } })
    assert.same({ nil, "pending" }, { s:poll() })
    network:advance(3)
    assert.equal("timeout", select(2, s:poll()).kind)
    client:close()
  end)

  it("counts every attempt of a call", function ()
    local client, network = pipe.client({ { status = 503, headers = {} }, whole() },
      { rate_limit = { requests = 1, seconds = 30 } })
    assert.equal(2, assert(client:generate "x").attempts)
    assert.same({ 0, 30 }, times(network))
    client:close()
  end)

  it("spaces the prompts of a batch, which goes on reading meanwhile", function ()
    local client, network = pipe.client(whole(), { rate_limit = { requests = 2, seconds = 1 } })
    local results, failed = client:generate_many({ "a", "b", "c", "d", "e" }):results()
    assert.equal(5, #results)
    assert.same({}, failed)
    assert.same({ 0, 0, 1, 1, 2 }, times(network))
    client:close()
  end)

  it("serves a batch and calls of tasks in the order of coming", function ()
    local client, network = pipe.client(whole(), { rate_limit = { requests = 1, seconds = 1 } })
    async.run(function ()
      async.gather {
        function () client:generate_many({ "a", "b" }):results() end,
        function () client:generate "c" end,
        function () client:generate "d" end,
      }
    end)
    local order = {}
    for i, req in ipairs(network.requests) do order[i] = req.body:match '"inputs":"(.)"' end
    assert.equal("a", order[1])
    assert.equal(4, #order)
    assert.same({ 0, 1, 2, 3 }, times(network))
    client:close()
  end)

  it("limits tokens, with max_new_tokens until the real number is known", function ()
    local client, network = pipe.client(whole("yes", 40),
      { rate_limit = { tokens = 100, seconds = 10 } })
    assert(client:generate("x", { max_new_tokens = 90 }))     -- 80 tokens in the end
    assert(client:generate("x", { max_new_tokens = 20 }))     -- 80 more
    assert(client:generate "x")
    assert.same({ 0, 0, 10 }, times(network))
    client:close()
  end)

  it("counts the tokens of streams", function ()
    local client, network = pipe.client(answer, { rate_limit = { tokens = 11, seconds = 10 } })
    client:generate_stream "x":text()                         -- 6 + 5
    client:generate_stream "x":text()
    assert.same({ 0, 10 }, times(network))
    client:close()
  end)

  it("of a view is that of its client, unless it has its own", function ()
    local client, network = pipe.client(whole(), { rate_limit = { requests = 1, seconds = 2 } })
    local view = assert(client:with {})
    local free = assert(client:with { rate_limit = false })
    local own = assert(client:with { rate_limit = { requests = 1, seconds = 7 } })
    local none = assert(client:with { rate_limit = json.null })
    assert(client:generate "x")
    assert(view:generate "x")
    assert(free:generate "x")
    assert(none:generate "x")
    assert(own:generate "x")
    assert(own:generate "x")
    assert.same({ 0, 2, 2, 2, 2, 9 }, times(network))
    client:close()
  end)

  it("gives the place of a task that is cancelled to the next one", function ()
    local client, network = pipe.client(whole(), { rate_limit = { requests = 1, seconds = 4 } })
    async.run(function ()
      assert(client:generate "a")
      local b = async.spawn(function () return client:generate "b" end)
      local c = async.spawn(function () return client:generate "c" end)
      async.sleep(0)
      async.sleep(0)
      b:cancel()
      assert.is_false((b:join()))
      assert.equal("yes", tostring(c:await()))
    end)
    assert.same({ 0, 4 }, times(network))
    assert.truthy(network.requests[2].body:find('"c"', 1, true))
    client:close()
  end)
end)

describe("concurrency", function ()
  it("counts open streams until they end or are closed", function ()
    local client, network = pipe.client(answer, { concurrency = 2 })
    local a, b = client:generate_stream "a", client:generate_stream "b"
    local c = client:generate_stream "c"
    assert(a:next())
    assert(b:next())
    assert.same({ nil, "pending" }, { c:poll() })
    assert.equal(2, #network.requests)
    a:close()
    assert(c:next())
    assert.equal(3, #network.requests)
    b:text()
    assert(client:generate_stream "d":next())
    client:close()
  end)

  it("takes the place of a stream back that was dropped", function ()
    local client, network = pipe.client(answer, { concurrency = 1 })
    client:generate_stream "a":next()
    local text = assert(client:generate_stream "b":text())
    assert.equal(" The sky is blue.", text)
    assert.equal(2, #network.requests)
    client:close()
  end)

  it("lets a stream that is closed while it waits leave the line", function ()
    local client, network = pipe.client(answer, { concurrency = 1 })
    local a, b = client:generate_stream "a", client:generate_stream "b"
    local c = client:generate_stream "c"
    assert(a:next())
    assert.same({ nil, "pending" }, { b:poll() })
    assert.same({ nil, "pending" }, { c:poll() })
    b:close()
    assert.equal("cancelled", select(2, b:next()).kind)
    a:close()
    assert.is_table(c:next())
    assert.equal(2, #network.requests)
    client:close()
  end)

  it("ends the wait of a task when another closes its stream", function ()
    local client = pipe.client(answer, { concurrency = 1 })
    local a, b = client:generate_stream "a", client:generate_stream "b"
    async.run(function ()
      assert(a:next())
      local reader = async.spawn(function () return b:next() end)
      async.sleep(0)
      b:close()
      local ok, token, err = reader:join()
      assert.is_true(ok)
      assert.is_nil(token)
      assert.equal("cancelled", err.kind)
    end)
    a:close()
    client:close()
  end)

  it("keeps the place of a call during its retries, and gives it back at the end", function ()
    local client, network = pipe.client({ { status = 500, headers = {} } },
      { concurrency = 1, max_retries = 2 })
    assert.equal(3, select(2, client:generate "a").attempts)
    network:serve(whole())
    assert(client:generate "b")
    client:close()
  end)

  it("gives the place back at once when a hook raises an error", function ()
    local client, network = pipe.client(whole(), { concurrency = 1 })
    for _ = 1, 3 do
      for _, hook in ipairs { "on_request", "on_response" } do
        local options = { [hook] = function () error "no" end }
        assert.is_false((pcall(client.generate, client, "a", options)))
      end
    end
    assert(client:generate "b")
    assert.equal(1000, network.clock)
    client:close()
  end)

  it("gives the place back when a task is cancelled while it waits for the answer", function ()
    local client, network = pipe.client({ { headers = JSON, before = 1000, body = "" }, whole() },
      { concurrency = 1 })
    async.run(function ()
      local a = async.spawn(function () return client:generate "a" end)
      local b = async.spawn(function () return client:generate "b" end)
      repeat async.sleep(0) until #network.requests == 1
      a:cancel()
      assert.equal("yes", tostring(b:await()))
    end)
    assert.is_true(network.clock < 1100)
    client:close()
  end)

  it("limits the requests of a batch, with those of others", function ()
    local open, most = 0, 0
    local client = pipe.client(function ()
      open = open + 1
      most = math.max(most, open)
      return { headers = JSON, pieces = { 0.5, whole().body } }
    end, { concurrency = 2, on_response = function () open = open - 1 end })
    async.run(function ()
      async.gather {
        function () client:generate_many({ "a", "b", "c", "d", "e" }):results() end,
        function () client:generate_many({ "f", "g", "h" }):results() end,
        function () client:generate "i" end,
      }
    end)
    assert.equal(2, most)
    client:close()
  end)

  it("fails the calls that wait when the client is closed", function ()
    local client = pipe.client(answer, { concurrency = 1 })
    async.run(function ()
      assert(client:generate_stream "a":next())
      local b = async.spawn(function () return client:generate "b" end)
      local many = async.spawn(function ()
        return client:generate_many({ "c", "d" }):results()
      end)
      async.sleep(0)
      async.sleep(0)
      client:close()
      assert.equal("cancelled", select(3, b:join()).kind)
      local _, results, failed = many:join()
      assert.same({ false, false }, results)
      assert.equal("cancelled", failed[1].kind)
    end)
  end)
end)

describe("api_token as a function", function ()
  local TOKEN = secrecy.TOKEN

  local function bearers (network)
    local list = {}
    for i, req in ipairs(network.requests) do
      for _, line in ipairs(req.headers) do
        list[i] = list[i] or line:match "^authorization: Bearer (.*)$"
      end
    end
    return list
  end

  it("is called once for each attempt", function ()
    local n = 0
    local client, network = pipe.client({ { status = 503, headers = {} }, whole() },
      { api_token = function ()
        n = n + 1
        return "token-number-" .. n
      end })
    assert(client:generate "x")
    assert(client:generate "x")
    assert.same({ "token-number-1", "token-number-2", "token-number-3" }, bearers(network))
    client:close()
  end)

  it("shares one target while the token is the same", function ()
    local client, network = pipe.client(whole(), { api_token = function () return TOKEN end })
    assert(client:generate "x")
    assert(client:generate "y")
    assert.equal(network.requests[1].options.url, network.requests[2].options.url)
    assert.same({ TOKEN, TOKEN }, bearers(network))
    client:close()
  end)

  it("appears nowhere, as a string does not", function ()
    local shown = {}
    local client = pipe.client({ status = 401, headers = { ["x-echo"] = TOKEN },
      body = "bad token " .. TOKEN }, { api_token = function () return TOKEN end,
      on_request = function (info) shown[1] = info.headers.authorization end,
      on_response = function (info) shown[2] = info.headers["x-echo"] end })
    local _, err = client:generate "x"
    assert.equal("authentication", err.kind)
    assert.is_nil((err.message .. err.body .. err.headers["x-echo"]):find(TOKEN, 1, true))
    assert.same({ "Bearer [redacted]", "[redacted]" }, shown)
    local s = client:generate_stream "x"
    s:next()
    assert.is_nil(secrecy.find(s, nil, pipe.is_core))
    assert.is_nil(secrecy.find(client, nil, pipe.is_core))
    client:close()
  end)

  it("returns an error of kind authentication when the function has none", function ()
    for _, case in ipairs {
      { function () return nil, "the vault is closed" end,
        "the function api_token returned no token: the vault is closed" },
      { function () end, "the function api_token returned no token and no error" },
      { function () return 5 end, "the function api_token must return a string, but it returned a "
        .. "number" },
      { function () return "SENT\nINEL" end, "the function api_token returned a token that has "
        .. "byte 0x0a at position 5; a token is visible ASCII without spaces" },
    } do
      local client, network = pipe.client(whole(), { api_token = case[1], concurrency = 1 })
      for _ = 1, 2 do
        local _, err = client:generate "x"
        assert.equal("authentication", err.kind)
        assert.equal(case[2], err.message)
        assert.is_false(err.retryable)
      end
      assert.equal("authentication", select(2, client:generate_stream "x":next()).kind)
      assert.equal("authentication", select(2, client:generate_stream "x":poll()).kind)
      local _, failed = client:generate_many({ "a", "b" }):results()
      assert.equal("authentication", failed[2].kind)
      assert.equal(0, #network.requests)
      client:close()
    end
  end)

  it("may wait, and may use another client", function ()
    local vault = pipe.client(whole "token-of-the-vault")
    local client, network = pipe.client(whole(), { api_token = function ()
      local result, err = vault:generate "token, please"
      return result and result.text, err
    end })
    assert(client:generate "x")
    async.run(function () assert(client:generate "x") end)
    assert.same({ "token-of-the-vault", "token-of-the-vault" }, bearers(network))
    vault:close()
    client:close()
  end)

  it("raises the error of the function, and gives the place back", function ()
    local broken = true
    local client = pipe.client(whole(), { concurrency = 1, api_token = function ()
      if broken then error("my own error", 0) end
      return "token-that-works"
    end })
    local ok, err = pcall(client.generate, client, "x")
    assert.is_false(ok)
    assert.equal("my own error", err)
    broken = false
    assert(client:generate "x")
    client:close()
  end)

  it("is refused where others could read the token", function ()
    local cfg, err = config.new({ base_url = "http://10.0.0.1", api_token = print },
      function () return nil end)
    assert.is_nil(cfg)
    assert.matches("^api_token would be sent unencrypted", err.message)
  end)
end)

describe("base_url with several URLs", function ()
  local URLS = { "http://127.0.0.1:8081", "http://127.0.0.1:8082", "http://127.0.0.1:8083" }

  local function hosts (network)
    local list = {}
    for i, req in ipairs(network.requests) do
      local asked = req.url:match "^http://127.0.0.1:808(%d)/health$"
      list[i] = asked and "probe" .. asked or req.url:match ":808(%d)/generate"
    end
    return table.concat(list, " ")
  end

  --- A client whose servers answer as `by` says: by the digit of their port, a reply.
  local function new (by, options)
    local all = { base_url = URLS }
    for name, value in pairs(options or {}) do all[name] = value end
    return pipe.client(function (req)
      local reply = by[req.url:match ":808(%d)"]
      if req.url:find "/health$" then
        return by.health and by.health[req.url:match ":808(%d)"] or { headers = JSON, body = "" }
      end
      return reply or req.url:find "stream" and answer or whole()
    end, all)
  end

  --- The order in which the servers are preferred for an adapter.
  local function order_of (client, key)
    local list = {}
    for i, state in ipairs(client.shared.replicas:order(key)) do
      list[i] = state.server.url:match ":808(%d)"
    end
    return list
  end

  it("sends the calls of one adapter to one server, and those of all to all", function ()
    local client, network = new {}
    local seen = {}
    for i = 1, 30 do
      local id = "repo/" .. i
      for _ = 1, 2 do assert(client:generate("x", { adapter_id = id })) end
      local n = #network.requests
      assert.equal(network.requests[n].url, network.requests[n - 1].url)
      seen[network.requests[n].url] = true
      assert.equal(order_of(client, id)[1], network.requests[n].url:match ":808(%d)")
    end
    local count = 0
    for _ in pairs(seen) do count = count + 1 end
    assert.equal(3, count)
    client:close()
  end)

  it("spills over at once when a server is overloaded, without using up retries", function ()
    local by = {}
    local client, network = new(by, { max_retries = 0 })
    local order = order_of(client, "")
    by[order[1]] = { status = 429, headers = JSON, body = wire.error_json("Model is overloaded",
      "overloaded") }
    local clock = network.clock
    assert(client:generate "x")
    assert.equal(clock, network.clock)
    assert.equal(order[1] .. " " .. order[2], hosts(network))
    -- It is passed over for a moment, and then tried again.
    assert(client:generate "x")
    assert.equal(3, #network.requests)
    network:advance(1)
    assert(client:generate "x")
    assert.equal(table.concat({ order[1], order[2], order[2], order[1], order[2] }, " "),
      hosts(network))
    client:close()
  end)

  it("spills over in streams before the first token, and in batches", function ()
    local by = {}
    local client, network = new(by, { max_retries = 0 })
    local order = order_of(client, "")
    by[order[1]] = { body = wire.error("Model is overloaded", "overloaded") }
    assert.equal(" The sky is blue.", client:generate_stream "x":text())
    assert.equal(order[1] .. " " .. order[2], hosts(network))
    network:advance(5)
    by[order[1]] = { status = 503, headers = {} }
    local _, failed = client:generate_many({ "a", "b", "c" }):results()
    assert.same({}, failed)
    client:close()
  end)

  it("retries as usual when all are overloaded", function ()
    local refused = { status = 429, headers = {} }
    local client, network = new({ ["1"] = refused, ["2"] = refused, ["3"] = refused },
      { max_retries = 1 })
    local _, err = client:generate "x"
    assert.equal("rate_limited", err.kind)
    assert.is_true(#network.requests >= 4)
    assert.is_true(#network.requests <= 6)
    client:close()
  end)

  it("leaves out a server that fails, and asks it before it is used again", function ()
    local by = { health = {} }
    local client, network = new(by, { max_retries = 0 })
    local order = order_of(client, "")
    local first, second = order[1], order[2]
    local down = { failure = { kind = "connection", phase = "connect", sent = false,
      message = "Connection refused" } }
    by[first], by.health[first] = down, down
    assert(client:generate "x")
    assert(client:generate "x")
    assert.equal(("%s %s %s"):format(first, second, second), hosts(network))
    network:advance(1)
    assert(client:generate "x")                  -- asks, and the answer is no
    assert(client:generate_stream "x":text())
    assert.equal(("%s %s %s probe%s %s %s"):format(first, second, second, first, second, second),
      hosts(network))
    by[first], by.health[first] = nil, nil
    network:advance(2)
    assert(client:generate "x")
    assert(client:generate "x")
    assert.matches(("probe%s %s %s$"):format(first, first, first), hosts(network))
    client:close()
  end)

  it("asks a server in a polled stream without waiting", function ()
    local by = { health = {} }
    local client, network = new(by, { max_retries = 0 })
    local first = order_of(client, "")[1]
    by[first] = { failure = { kind = "connection", phase = "connect", sent = false,
      message = "Connection refused" } }
    assert(client:generate "x")
    by[first], by.health[first] = nil, { before = 0.5, headers = JSON, body = "" }
    network:advance(1)
    local s = client:generate_stream "x"
    local clock = network.clock
    assert.same({ nil, "pending" }, { s:poll() })
    assert.equal(clock, network.clock)
    network:advance(1)
    local token
    repeat token = s:poll() until token
    assert.matches(("probe%s %s$"):format(first, first), hosts(network))
    s:close()
    client:close()
  end)

  it("gives up asking after a while, and sends no token with the question", function ()
    local by = { health = {} }
    local client, network = new(by, { max_retries = 0 })
    local order = order_of(client, "")
    local first, second = order[1], order[2]
    by[first] = { failure = { kind = "connection", phase = "connect", sent = false,
      message = "Connection refused" } }
    assert(client:generate "x")
    by.health[first] = { headers = JSON, pieces = {}, ending = "open" }
    network:advance(1)
    assert(client:generate "x")
    local probe = network.requests[#network.requests - 1]
    assert.equal("GET", probe.method)
    for _, line in ipairs(probe.headers) do assert.is_nil(line:lower():find "^authorization") end
    assert.matches(("probe%s %s$"):format(first, second), hosts(network))
    client:close()
  end)

  it("names the server that failed", function ()
    local down = { failure = { kind = "connection", phase = "connect", sent = false,
      message = "Connection refused" } }
    local client = new({ ["1"] = down, ["2"] = down, ["3"] = down }, { max_retries = 0 })
    local _, err = client:generate "x"
    assert.matches("^127%.0%.0%.1:808%d: Connection refused$", err.message)
    client:close()
  end)

  it("refuses lists that are no lists of URLs", function ()
    for message, list in pairs {
      ["base_url must have 1 to 100 URLs, got 0"] = {},
      ["base_url[2] must be a string, got the number 5"] = { URLS[1], 5 },
      ["base_url[2] is the same URL as base_url[1]"] = { URLS[1], URLS[1] .. "/" },
    } do
      local cfg, err = config.new({ base_url = list }, function () return nil end)
      assert.is_nil(cfg)
      assert.equal(message, err.message)
    end
    local _, err = config.new({ base_url = { URLS[1], "http://10.0.0.1" }, api_token = "pb_x" },
      function () return nil end)
    assert.matches("^api_token would be sent unencrypted to http://10%.0%.0%.1", err.message)
  end)
end)
