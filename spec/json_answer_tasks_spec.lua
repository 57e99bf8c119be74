-- SPDX-License-Identifier: MIT
--- Values of several tasks over one client, from the stand-in server.
local async = require "predibase.async"
local predibase = require "predibase"
local server = require "spec.support.server"

local SCHEMA = '{"type":"object","properties":{"name":{"type":"string"},"tags":{"type":"array",'
  .. '"items":{"enum":["a","b"]},"minItems":1,"maxItems":3},"size":{"type":"integer","minimum":1,'
  .. '"maximum":9}},"required":["name","tags","size"],"additionalProperties":false}'

describe("generate_json in tasks", function ()
  after_each(server.stop)

  it("returns values that fit, and reports one that was cut", function ()
    local running = server.spawn {}
    local client = assert(predibase.new { base_url = running.url, api_token = false,
      defaults = { max_new_tokens = 100, seed = 5 } })
    local values, others
    async.run(function ()
      local calls = {}
      for i = 1, 4 do
        calls[i] = function ()
          return client:generate_json("Thing " .. i, { schema = SCHEMA,
            max_new_tokens = i == 4 and 3 or nil })
        end
      end
      values, others = async.gather(calls)
    end)
    for i = 1, 3 do
      assert.equal("string", type(values[i].name))
      assert.is_true(#values[i].tags >= 1 and values[i].size >= 1 and values[i].size <= 9)
    end
    assert.is_nil(values[4])
    assert.equal("incomplete_generation", others[4].kind)
    assert.is_false(others[4].retryable)
    assert.equal(1, (others[4].partial_text:find("{", 1, true)))
    client:close()
  end)
end)
