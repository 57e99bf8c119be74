-- SPDX-License-Identifier: MIT
local options = require "predibase.call.options"

describe("the options of calls", function ()
  it("are split into parameters of the API and options of the call", function ()
    local parameters, of_call = options.split {
      temperature = 0.5, timeout = 3, max_retries = 1, adapter_id = "a/1", concurrency = 4 }
    assert.same({ temperature = 0.5, adapter_id = "a/1" }, parameters)
    assert.same({ timeout = 3, max_retries = 1 }, of_call)
    assert.same({ {}, nil }, { options.split {} })
    assert.equal(0, select("#", options.split()) - 2)
    assert.is_nil((options.split()))
  end)

  it("of one call go before the common ones, each as a whole", function ()
    local parameters, of_call = options.over({ temperature = 0.5, stop = { "a" } },
      { timeout = 3, headers = { a = "1" } },
      { stop = { "b" }, headers = { b = "2" }, repitition_penalty = 2 })
    assert.same({ temperature = 0.5, stop = { "b" }, repetition_penalty = 2 }, parameters)
    assert.same({ timeout = 3, headers = { b = "2" } }, of_call)
    local common = { seed = 1 }
    assert.equal(common, (options.over(common, nil, nil)))
    assert.same({ { seed = 1 }, nil }, { options.over(common, nil, {}) })
    assert.same({ { seed = 2 }, { timeout = 1 } },
      { options.over(nil, nil, { seed = 2, timeout = 1 }) })
  end)

  it("that no program should contain raise with the line of the caller", function ()
    local function message(given, allowed)
      local function check() options.check(given, allowed, "it") end
      return select(2, pcall(check))
    end
    for text, said in pairs {
      ["client:it takes its options as a table, got a number"] = message(5, options.whole),
      ["client:it takes no on_token"] = message({ on_token = print }, options.whole),
      ['unknown option "on_tokn"; did you mean "on_token"?'] =
        message({ on_tokn = 1 }, options.stream),
      ['unknown option "concurrency"'] = message({ concurrency = 1 }, options.whole),
    } do
      assert.is_truthy(said:find(text, 1, true), said)
      assert.is_truthy(said:find("^spec/call_options_spec.lua:%d+: "), said)
    end
    assert.is_nil(message(nil, options.whole))
    assert.is_nil(message({ concurrency = 1 }, options.batch))
    assert.is_nil(message({ on_token = print }, options.stream))
  end)
end)
