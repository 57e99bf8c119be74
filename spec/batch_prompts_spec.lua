-- SPDX-License-Identifier: MIT
-- Where the prompts of a batch come from: an array, or a function that returns the next one.

local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"

describe("the prompts of a batch", function ()
  local network, client

  before_each(function ()
    network = pipe.new { headers = { ["content-type"] = "application/json" },
      body = '{"generated_text":"x"}' }
    client = require "predibase".new { base_url = network.url, transport = network }
  end)

  --- The bodies of the requests that were sent, decoded, in the order of sending.
  local function sent ()
    local bodies = {}
    for i, log in ipairs(network.requests) do bodies[i] = json.decode(log.body) end
    return bodies
  end

  it("are an array, taken by value", function ()
    local list = { "a", { prompt = "b", adapter_id = "x/1" } }
    local batch = client:generate_many(list, { concurrency = 1 })
    list[1] = "changed"
    list[3] = "too late"
    assert.equal(2, #batch:results())
    assert.same({ { inputs = "a" },
      { inputs = "b", parameters = { adapter_id = "x/1", adapter_source = "pbase" } } }, sent())
    assert.same({}, client:generate_many({}):results())
  end)

  it("are what a function gives, until its first nil", function ()
    local calls = 0
    local batch = client:generate_many(function ()
      calls = calls + 1
      if calls ~= 3 then return "p" .. calls end
    end, { concurrency = 1 })
    assert.equal(2, #batch:results())
    assert.same({ { inputs = "p1" }, { inputs = "p2" } }, sent())
    assert.same({ false, false }, { batch:next() and true or false, calls ~= 3 })
  end)

  it("are split into the prompt and its options, which go before the common ones", function ()
    client:generate_many({ "a", { prompt = "b", temperature = 0.5 }, { prompt = "c" } },
      { concurrency = 1, temperature = 2, seed = 1 }):results()
    assert.same({
      { inputs = "a", parameters = { temperature = 2, seed = 1 } },
      { inputs = "b", parameters = { temperature = 0.5, seed = 1 } },
      { inputs = "c", parameters = { temperature = 2, seed = 1 } },
    }, sent())
  end)

  it("raise for what no program should contain", function ()
    local function message (list)
      return select(2, pcall(client.generate_many, client, list))
    end
    for text, list in pairs {
      ["takes an array of prompts or a function that gives them, got the string \"a\""] = "a",
      ["prompt 2 must be a string or a table { prompt = … }, got the number 5"] = { "a", 5 },
      ["prompt 1 must have a string in its field prompt, got nil"] = { { "a" } },
      ['unknown option "temperatur"; did you mean "temperature"?'] =
        { { prompt = "a", temperatur = 1 } },
      ["the array of prompts has the key the string \"prompt\""] = { prompt = "a" },
      ["the array of prompts has no value at position 2"] = { "a", nil, "c" },
    } do
      local said = message(list)
      assert.is_truthy(said:find(text, 1, true), said)
      assert.is_truthy(said:find("^spec/batch_prompts_spec.lua:%d+: "), said)
    end
    assert.is_truthy(message(nil):find("got nil", 1, true))
    assert.same({}, sent())
  end)
end)
