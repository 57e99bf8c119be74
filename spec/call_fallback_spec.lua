-- SPDX-License-Identifier: MIT
--- The option `fallback`, and the hook `on_error`.
local async = require "predibase.async"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local wire = require "spec.support.wire"

local JSON = { ["content-type"] = "application/json" }

local function whole (text)
  return { headers = JSON, body = ('{"generated_text":"%s"}'):format(text) }
end

local function failure (message, error_type, status)
  return { status = status or 424, headers = JSON, body = wire.error_json(message, error_type) }
end

local DOWN = { failure = { kind = "connection", phase = "connect", sent = false,
  message = "Connection refused" } }

describe("fallback", function ()
  local network, clients

  --- Makes clients on one network: the first has the others as its fallback. Each answers with the
  -- reply of the same number.
  local function new (replies, options)
    network = pipe.new(function (req)
      return replies[tonumber(req.url:match ":808(%d)")]
    end)
    clients = {}
    for i = #replies, 1, -1 do
      local all = { base_url = "http://127.0.0.1:808" .. i, transport = network, max_retries = 0,
        api_token = "token-of-client-" .. i, defaults = { max_new_tokens = i } }
      if i == 1 then
        all.fallback = {}
        for k = 2, #replies do all.fallback[k - 1] = clients[k] end
        for name, value in pairs(options or {}) do all[name] = value end
      end
      clients[i] = assert(predibase.new(all))
    end
    return clients[1]
  end

  after_each(function ()
    for _, client in pairs(clients) do client:close() end
  end)

  local function visited ()
    local list = {}
    for i, req in ipairs(network.requests) do list[i] = req.url:match ":808(%d)" end
    return table.concat(list, " ")
  end

  it("is not used while the first client answers", function ()
    local client = new { whole "one", whole "two" }
    local result = assert(client:generate "x")
    assert.equal("one", result.text)
    assert.equal(clients[1], result.client)
    assert.equal("1", visited())
  end)

  it("comes after the retries, each client with its own URL, token and defaults", function ()
    local client = new({ DOWN, failure("no adapter", "generation"), whole "three" },
      { max_retries = 2 })
    local result = assert(client:generate("x", { seed = 7 }))
    assert.equal("three", result.text)
    assert.equal(clients[3], result.client)
    assert.equal("1 1 1 2 3", visited())
    local last = network.requests[5]
    assert.matches('"max_new_tokens":3,"seed":7', last.body)
    local found
    for _, line in ipairs(last.headers) do
      if line == "authorization: Bearer token-of-client-3" then found = true end
    end
    assert.is_true(found)
  end)

  it("keeps the request id of the call", function ()
    local client = new { DOWN, whole "two" }
    local result = assert(client:generate "x")
    local ids = {}
    for i, req in ipairs(network.requests) do
      for _, line in ipairs(req.headers) do
        ids[i] = ids[i] or line:match "^x%-request%-id: (.*)$"
      end
    end
    assert.equal(ids[1], ids[2])
    assert.equal(ids[1], result.request_id)
  end)

  it("returns the last error, which has the others", function ()
    local client = new { DOWN, failure("no", "generation"), failure("busy", "overloaded", 429) }
    local result, err = client:generate "x"
    assert.is_nil(result)
    assert.equal("overloaded", err.kind)
    assert.equal(2, #err.earlier)
    assert.equal("connection", err.earlier[1].kind)
    assert.equal("generation", err.earlier[2].kind)
    assert.is_nil(err.earlier[1].earlier)
  end)

  it("is not used for errors that it would not mend", function ()
    local client = new { failure("Input validation error: no", "validation", 422), whole "two" }
    local _, err = client:generate "x"
    assert.equal("validation", err.kind)
    assert.is_nil(err.earlier)
    assert.equal("1", visited())
    assert.equal("validation", select(2, client:generate("x", { temperature = -1 })).kind)
  end)

  it("stays inside total", function ()
    local client = new({ { headers = JSON, before = 100, body = "" }, whole "two" },
      { timeout = 5 })
    local clock = network.clock
    local _, err = client:generate "x"
    assert.equal("timeout", err.kind)
    assert.equal(clock + 5, network.clock)
    assert.equal("1", visited())
    -- A client of fallback has only the time that is left.
    client = new({ { headers = JSON, before = 3, status = 500, body = "" },
      { headers = JSON, before = 100, body = "" } }, { timeout = 5 })
    clock = network.clock
    _, err = client:generate "x"
    assert.equal("timeout", err.kind)
    assert.equal("server", err.earlier[1].kind)
    assert.equal(clock + 5, network.clock)
  end)

  it("skips a client whose options do not fit, and one that was closed", function ()
    local client = new { DOWN, whole "two", whole "three" }
    clients[2]:close()
    assert.equal("three", assert(client:generate "x").text)
    network:serve { DOWN }
    local _, err = client:generate "x"
    assert.same({ "connection", "cancelled" }, { err.earlier[1].kind, err.earlier[2].kind })
  end)

  it("continues streams before the first token, and not after it", function ()
    local client = new { { body = wire.error("Model is overloaded", "overloaded") },
      { body = wire.answer() } }
    local s = client:generate_stream "x"
    assert.equal(" The sky is blue.", s:text())
    assert.equal(clients[2], s:result().client)
    assert.equal("1 2", visited())
    client = new { { body = wire.token "Hel", ending = "cut" }, { body = wire.answer() } }
    s = client:generate_stream "x"
    local text, err = s:text()
    assert.is_nil(text)
    assert.equal("Hel", err.partial_text)
    assert.is_nil(err.earlier)
    assert.equal("1", visited())
  end)

  it("continues polled streams, with the stop sequences of its own defaults", function ()
    local client = new { DOWN, { body = wire.answer() } }
    local s = client:generate_stream("x", { client_stop = "sky" })
    local token, state
    local text = ""
    repeat
      token, state = s:poll()
      if state == "pending" then network:sleep() end
      if token then text = text .. token.text end
    until not token and state ~= "pending"
    assert.is_nil(state)
    assert.equal(" The ", s:result().text)
  end)

  it("continues chat completions, whole and streamed", function ()
    local chunk = 'data: {"id":"null","object":"chat.completion.chunk","created":0,'
      .. '"model":"null",'
      .. '"choices":[{"index":0,"delta":{"role":"assistant","content":"%s"},"finish_reason":%s}]}'
      .. "\n\n"
    local client = new { DOWN, { body = chunk:format("Hel", "null") .. chunk:format("lo", '"stop"')
      .. "data: [DONE]\n\n" } }
    local s = client:chat_completion_stream { { role = "user", content = "x" } }
    assert.equal("Hello", s:text())
    assert.equal(clients[2], s:result().client)
    client = new { DOWN, { headers = JSON, body = '{"id":"null","object":"text_completion",'
      .. '"created":0,"model":"null","choices":[{"index":0,"message":{"role":"assistant",'
      .. '"content":"Hi"},'
      .. '"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"total_tokens":2,'
      .. '"completion_tokens":1}}' } }
    local result = assert(client:chat_completion { { role = "user", content = "x" } })
    assert.equal("Hi", result.text)
    assert.equal(clients[2], result.client)
    assert.equal("1 2", visited())
  end)

  it("names the client beside vectors, results of classify, JSON and other answers", function ()
    local client = new { DOWN, { headers = JSON,
      body = '{"embeddings":[1],"generated_text":"{}"}' } }
    assert.equal(clients[2], select(2, client:embed "x").client)
    assert.equal(clients[2], select(2, client:generate_json "x").client)
    assert.equal(clients[2], client:request("GET", "/x").client)
    client = new { DOWN, { headers = JSON, body = "[]" } }
    assert.equal(clients[2], select(2, client:classify "x").client)
    client = new { { headers = JSON, body = "[]" }, DOWN }
    assert.equal(clients[1], select(2, client:classify "x").client)
  end)

  it("returns the errors of all clients from a stream", function ()
    local client = new { DOWN, { body = wire.error("no", "generation") } }
    local _, err = client:generate_stream "x":text()
    assert.equal("generation", err.kind)
    assert.equal("connection", err.earlier[1].kind)
  end)

  it("serves batches, several prompts at once", function ()
    local client = new { DOWN, whole "two" }
    local prompts = {}
    for i = 1, 20 do prompts[i] = "prompt " .. i end
    local results, failed = client:generate_many(prompts, { concurrency = 4 }):results()
    assert.same({}, failed)
    for i = 1, 20 do
      assert.equal("two", results[i].text)
      assert.equal(clients[2], results[i].client)
    end
    client = new { DOWN, failure("no", "generation") }
    results, failed = client:generate_many(prompts, { concurrency = 4 }):results()
    assert.is_false(results[20])
    assert.equal("generation", failed[20].kind)
    assert.equal("connection", failed[20].earlier[1].kind)
  end)

  it("works in tasks, with a view of the same client too", function ()
    local client = new { DOWN, whole "two" }
    local view = assert(client:with { fallback = { assert(client:with {
      base_url = "http://127.0.0.1:8082" }) } })
    async.run(function ()
      local results = async.gather {
        function () return client:generate "x" end,
        function () return view:generate "x" end,
      }
      assert.equal("two", results[1].text)
      assert.equal("two", results[2].text)
    end)
  end)

  it("uses the limits of the client that is asked", function ()
    local client = new { DOWN, whole "two" }
    local slow = assert(clients[2]:with { rate_limit = { requests = 1, seconds = 9 } })
    local view = assert(client:with { fallback = { slow } })
    local clock = network.clock
    assert(view:generate "x")
    assert(view:generate "x")
    assert.equal(clock + 9, network.clock)
    assert(slow:generate "x")
    assert.equal(clock + 18, network.clock)
  end)

  it("tells the hook on_retry when it changes to another client", function ()
    local seen = {}
    local client = new({ DOWN, whole "two" }, { on_retry = function (info)
      seen[#seen + 1] = info.error.kind .. " " .. info.delay
    end })
    assert(client:generate "x")
    assert.same({ "connection 0" }, seen)
  end)

  it("takes clients only", function ()
    for message, list in pairs {
      ["fallback must be an array of clients, got the boolean true"] = true,
      ["fallback[1] must be a client of predibase.new"] = { {} },
      ['fallback must be an array of clients, but it has the key the string "url"'] = {
        url = "x" },
    } do
      local made, err = predibase.new { base_url = "http://127.0.0.1:1", fallback = list }
      assert.is_nil(made)
      assert.equal("config", err.kind)
      assert.equal(message, err.message)
    end
    local other = assert(predibase.new { base_url = "http://127.0.0.1:1" })
    network = pipe.new {}
    clients = { other }
    local _, err = predibase.new { base_url = network.url, transport = network,
      fallback = { other } }
    assert.equal("fallback[1] has another transport than this client", err.message)
    other:close()
    _, err = predibase.new { base_url = "http://127.0.0.1:1", fallback = { other } }
    assert.equal("fallback[1] is a closed client", err.message)
    local alone = assert(predibase.new { base_url = "http://127.0.0.1:1", fallback = false })
    assert.is_nil(alone.fallback)
    alone:close()
  end)
end)

describe("on_error", function ()
  local seen, client, network

  local function new (replies, options)
    seen = {}
    local all = { max_retries = 1, on_error = function (err) seen[#seen + 1] = err end }
    for name, value in pairs(options or {}) do all[name] = value end
    client, network = pipe.client(replies, all)
  end

  after_each(function () client:close() end)

  it("observes the final error of a call, and none that a retry has mended", function ()
    new { failure("busy", "overloaded", 429), whole "yes" }
    assert(client:generate "x")
    assert.same({}, seen)
    network:serve { DOWN }
    local _, err = client:generate "x"
    assert.same({ err }, seen)
    assert.equal(2, seen[1].attempts)
  end)

  it("observes errors that are found before anything is sent", function ()
    new {}
    local _, err = client:generate("x", { temperature = -1 })
    assert.equal(err, seen[1])
    _, err = client:generate ""
    assert.equal(err, seen[2])
    local s = client:generate_stream("x", { max_retries = -1 })
    assert.equal(select(2, s:next()), seen[3])
    assert.equal(0, #network.requests)
  end)

  it("observes the errors of sessions, and of answers that are no JSON", function ()
    new(whole "no JSON")
    local _, err = client:generate_json("x", { schema = { type = "object", properties = {} } })
    assert.equal("protocol", err.kind)
    assert.same({ err }, seen)
    local session = assert(client:chat_session { format = "chatml", max_input_tokens = 1,
      special_tokens_in_text = "refuse" })
    seen[1] = nil
    _, err = session:stream("<|im_end|>"):next()
    assert.equal(err, seen[1])
    _, err = session:send "<|im_end|>"
    assert.equal(err, seen[2])
  end)

  it("observes the error of classify once, and none of a shape that was wrong", function ()
    new { failure("missing field `inputs`", "validation", 422), { headers = JSON, body = "[]" } }
    client:classify "x"
    seen[1] = nil
    network:serve { failure("no", "generation", 424) }
    local _, err = client:classify "x"
    assert.same({ err }, seen)
    _, err = client:classify("x", { on_error = 5 })
    assert.equal("config", err.kind)
    assert.equal(err, seen[2])
  end)

  it("observes the errors of all other methods", function ()
    new(DOWN, { max_retries = 0 })
    local errs = {
      select(2, client:embed "x"), select(2, client:embed { "x\255" }),
      select(2, client:embed("x", { timeout = -1 })), select(2, client:info()),
      select(2, client:metrics { text = 5 }), select(2, client:request("GET", "x")),
      select(2, client:request("GET", "x", nil, { stream = true }):next()),
      select(2, client:wait_ready { timeout = 0.001 }),
    }
    assert.equal(8, #errs)
    for i, err in ipairs(errs) do assert.equal(err, seen[i]) end
    local own = {}
    local options = { on_error = function (err) own[#own + 1] = err end }
    errs = { select(2, client:embed("x\255", options)), select(2, client:request("GET", "x", nil,
      options)) }
    options.text = 5
    errs[3] = select(2, client:metrics(options))
    for i = 1, 3 do assert.equal(errs[i], own[i]) end
    assert.equal(8, #seen)
  end)

  it("observes the error of a stream once", function ()
    new { body = wire.token "Hel", ending = "cut" }
    local s = client:generate_stream "x"
    local _, err = s:text()
    s:next()
    assert.same({ err }, seen)
    assert.equal("Hel", seen[1].partial_text)
  end)

  it("observes the error of each prompt of a batch", function ()
    new(failure("no", "validation", 422))
    local prompts = { "a", { prompt = "b", temperature = -1 }, "" }
    local _, failed = client:generate_many(prompts):results()
    assert.equal(3, #seen)
    local all = {}
    for _, err in ipairs(seen) do all[err] = true end
    for i = 1, 3 do assert.is_true(all[failed[i]]) end
  end)

  it("of a call replaces that of the client", function ()
    new(DOWN)
    local own
    local _, err = client:generate("x", { on_error = function (e) own = e end })
    assert.equal(err, own)
    _, err = client:generate("", { on_error = function (e) own = e end })
    assert.equal(err, own)
    _, err = client:generate("x", { seed = -1, on_error = function (e) own = e end })
    assert.equal(err, own)
    assert.same({}, seen)
  end)

  it("of the first client observes the error when all clients have failed", function ()
    new(DOWN)
    local other = assert(client:with { on_error = function () error "not this one" end })
    local view = assert(client:with { fallback = { other } })
    local _, err = view:generate "x"
    assert.same({ err }, seen)
    assert.equal(1, #err.earlier)
  end)
end)
