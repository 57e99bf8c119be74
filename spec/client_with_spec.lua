-- SPDX-License-Identifier: MIT
--- Views of a client: `client:with { … }`.
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local wire = require "spec.support.wire"

local ANSWER = { headers = { ["content-type"] = "application/json" },
  body = '{"generated_text":"yes"}' }

describe("client:with", function ()
  local client, network

  local function new (options, replies)
    client, network = pipe.client(replies or ANSWER, options)
    return client
  end

  after_each(function () client:close() end)

  local function last ()
    local req = network.requests[#network.requests]
    local found = { url = req.url, body = req.body }
    for _, line in ipairs(req.headers) do
      local name, value = line:match "^([^:]+): (.*)$"
      found[name:lower()] = value
    end
    return found
  end

  it("shares the connections of the client", function ()
    new()
    local view = assert(client:with { base_url = "http://127.0.0.1:8099/llm" })
    assert(client:generate "x")
    assert(view:generate "x")
    assert.equal("http://127.0.0.1:8099/llm/generate", last().url)
    assert.equal(1, network.pools)
    assert.matches("8099/llm", tostring(view))
  end)

  it("replaces the options that are given, and no others", function ()
    new { max_retries = 5, user_agent = "mine/1", trim_stop = true }
    local view = assert(client:with { max_retries = 1, api_token = "another_token" })
    assert.equal(1, view.cfg.max_retries)
    assert.is_true(view.cfg.trim_stop)
    assert.equal(5, client.cfg.max_retries)
    assert(view:generate "x")
    assert.equal("Bearer another_token", last().authorization)
    assert.equal("mine/1", last()["user-agent"])
    assert(client:generate "x")
    assert.equal("Bearer pb_SENTINEL_7f3a", last().authorization)
    view = assert(client:with { api_token = false })
    assert(view:generate "x")
    assert.is_nil(last().authorization)
  end)

  it("merges defaults, headers and timeout", function ()
    new { defaults = { max_new_tokens = 5, seed = 7 }, headers = { ["X-A"] = "1", ["X-B"] = "2" },
      timeout = { total = 50, token = 9 } }
    local view = assert(client:with { defaults = { seed = 8, adapter_id = "a/1" },
      headers = { ["x-b"] = "3" }, timeout = { total = 4 } })
    assert(view:generate "x")
    local sent = last()
    assert.matches('"adapter_id":"a/1"', sent.body)
    assert.matches('"max_new_tokens":5', sent.body)
    assert.matches('"seed":8', sent.body)
    assert.equal("1", sent["x-a"])
    assert.equal("3", sent["x-b"])
    assert.equal(4, view.cfg.timeout.total)
    assert.equal(9, view.cfg.timeout.token)
    view = assert(view:with { defaults = { seed = json.null } })
    assert(view:generate "x")
    assert.is_nil(last().body:find "seed")
    assert.matches('"adapter_id":"a/1"', last().body)
    assert(client:generate "x")
    assert.matches('{"max_new_tokens":5,"seed":7}', last().body)
  end)

  it("keeps the secrets of merged options", function ()
    new { defaults = { adapter_source = "hub", adapter_id = "a/b",
      api_token = "hf_SENTINEL_of_hub" }, headers = { ["X-Api-Key"] = "SENTINEL_of_key" } }
    local view = assert(client:with { defaults = { seed = 1 } })
    assert(view:generate "x")
    assert.matches("hf_SENTINEL_of_hub", last().body)
    assert.equal("SENTINEL_of_key", last()["x-api-key"])
    assert.equal("[redacted]", view.cfg.headers[1][2])
  end)

  it("changes the deployment of the same tenant", function ()
    local made = assert(predibase.new { tenant_id = "tenant", deployment = "one",
      api_token = "pb_x" })
    local view = assert(made:with { deployment = "two" })
    assert.matches("/tenant/deployments/v2/llms/two$", view.cfg.url)
    assert.matches("/tenant/deployments/v2/llms/one$", made.cfg.url)
    view = assert(view:with { base_url = "http://127.0.0.1:1" })
    assert.equal("http://127.0.0.1:1", view.cfg.url)
    view = assert(view:with { tenant_id = "other", deployment = "three" })
    assert.matches("/other/deployments/v2/llms/three$", view.cfg.url)
    made:close()
    new()
  end)

  it("ignores later changes of the tables that it was given", function ()
    local list = { "http://127.0.0.1:8081", "http://127.0.0.1:8082" }
    new { base_url = list, client_stop = { "a" } }
    list[1] = "nonsense"
    local view = assert(client:with { max_retries = 0 })
    assert.equal(2, #view.cfg.servers)
    assert.equal("http://127.0.0.1:8081", view.cfg.servers[1].url)
    assert.same({ "a" }, view.cfg.client_stop)
  end)

  it("returns an error for values that are not valid", function ()
    new()
    for message, options in pairs {
      ["max_retries must be an integer from 0 to 100, got the number -1"] = { max_retries = -1 },
      ["loop cannot be given here: a view shares the connections of its client"] = {
        loop = require "predibase.loop.blocking".new() },
      ["transport cannot be given here: a view shares the connections of its client"] = {
        transport = network },
    } do
      local view, err = client:with(options)
      assert.is_nil(view)
      assert.equal("config", err.kind)
      assert.equal(message, err.message)
    end
  end)

  it("is closed alone", function ()
    new({}, { body = wire.answer() })
    local view = assert(client:with {})
    local of_client, of_view = client:generate_stream "x", view:generate_stream "x"
    assert(of_client:next())
    assert(of_view:next())
    view:close()
    view:close()
    assert.has_error(function () view:generate "x" end)
    local err
    repeat local token; token, err = of_view:next() until not token
    assert.equal("cancelled", err.kind)
    assert.equal(" The sky is blue.", of_client:text())
    network:serve(ANSWER)
    assert(client:generate "x")
  end)

  it("ends with its client", function ()
    new()
    local view = assert(client:with {})
    client:close()
    local _, err = view:generate "x"
    assert.equal("cancelled", err.kind)
    view:close()
    new()
  end)

  it("is collected with its client, although their functions refer to them", function ()
    local weak = setmetatable({}, { __mode = "v" })
    local function make ()
      local one, view
      local function refer () return one, view end
      one = assert(predibase.new { base_url = "http://127.0.0.1:1", on_error = refer,
        api_token = refer, traceparent = refer, rate_limit = { requests = 1 } })
      view = assert(one:with { on_retry = refer, api_token = refer, fallback = { one } })
      view:generate("", { on_error = refer })
      weak[1], weak[2] = one, view
    end
    make()
    collectgarbage()
    collectgarbage()
    assert.same({}, weak)
    new()
  end)

  it("can make adapters, sessions and batches", function ()
    new()
    local view = assert(client:with { defaults = { seed = 3 } })
    assert(view:adapter "a/1":generate "x")
    assert.matches('"seed":3', last().body)
    assert(view:chat_session { format = "chatml" }:send "x")
    local results = view:generate_many({ "a", "b" }):results()
    assert.equal(2, #results)
  end)
end)
