-- SPDX-License-Identifier: MIT
local config = require "predibase.config"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local server_limits = require "predibase.server_limits"

local INFO = { model_id = "m", max_best_of = 2, max_stop_sequences = 3, max_input_length = 100,
  max_total_tokens = 200, version = "0.1.0", sha = json.null }

describe("the limits of a server", function ()
  local limits = server_limits.read(INFO, "check_limits")

  it("refuse what the router would refuse, in its words", function ()
    for message, values in pairs {
      ["`best_of` must be > 0 and <= 2. Given: 3"] = { best_of = 3 },
      ["`stop` supports up to 3 stop sequences. Given: 4"] = { stop = { "a", "b", "c", "d" } },
      ["`truncate` must be strictly positive and less than 100. Given: 101"] = { truncate = 101 },
      ["`inputs` tokens + `max_new_tokens` must be <= 200. Given: at least 1 `inputs` tokens and "
        .. "200 `max_new_tokens`"] = { max_new_tokens = 200 },
    } do
      assert.equal(message, server_limits.problem(limits, values))
    end
    for _, values in ipairs { {}, { best_of = 2 }, { best_of = 0 }, { stop = { "a", "b", "c" } },
      { truncate = 100 }, { max_new_tokens = 199 } } do
      assert.is_nil(server_limits.problem(limits, values))
    end
  end)

  it("know servers that do not offer best_of", function ()
    assert.equal("`best_of` != 1 is not allowed for this endpoint",
      server_limits.problem({ max_best_of = 1 }, { best_of = 2 }))
    assert.is_nil(server_limits.problem({ max_best_of = 1 }, { best_of = 1 }))
  end)

  it("are checked only where the server reports them", function ()
    assert.is_nil(server_limits.problem({ max_best_of = 2 }, { max_new_tokens = 10 ^ 6,
      stop = { "a", "b", "c", "d" }, truncate = 10 ^ 6 }))
  end)
end)

describe("the option check_limits", function ()
  it("checks calls before they are sent", function ()
    local client, network = pipe.client({ headers = { ["content-type"] = "application/json" },
      body = '{"generated_text":"yes"}' }, { check_limits = INFO,
      defaults = { max_new_tokens = 200 } })
    for _, options in ipairs { {}, { max_new_tokens = 5, stop = { "a", "b", "c", "d" } },
      { max_new_tokens = 5, best_of = 3, do_sample = true, details = true } } do
      local _, err = client:generate("x", options)
      assert.equal("validation", err.kind)
      assert.matches("^Input validation error: `", err.message)
    end
    assert.equal("validation", select(2, client:generate_stream "x":next()).kind)
    assert.equal(0, #network.requests)
    assert(client:generate("x", { max_new_tokens = 199 }))
    assert(client:generate("x", { check_limits = false }))
    assert(client:generate("x", { check_limits = { max_total_tokens = 201 } }))
    local messages = { { role = "user", content = "x" } }
    local _, err = client:chat_completion(messages, { max_tokens = 300 })
    assert.equal("validation", err.kind)
    _, err = client:chat_completion(messages, { n = 3, max_tokens = 5 })
    assert.equal("Input validation error: `best_of` must be > 0 and <= 2. Given: 3", err.message)
    client:close()
  end)

  it("takes what client:info() returns", function ()
    for message, value in pairs {
      ["check_limits must be the table that client:info() returns, got the boolean true"] = true,
      ["check_limits must have at least one of max_input_length, max_total_tokens, max_best_of, "
        .. "max_stop_sequences"] = { model_id = "m" },
      ["check_limits.max_best_of must be an integer of at least 0, got the number 1.5"] = {
        max_best_of = 1.5 },
    } do
      local cfg, err = config.new({ base_url = "http://127.0.0.1:1", check_limits = value },
        function () return nil end)
      assert.is_nil(cfg)
      assert.equal(message, err.message)
    end
  end)
end)
