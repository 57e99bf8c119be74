-- SPDX-License-Identifier: MIT
local config = require "predibase.config"
local json = require "predibase.json"

--- Makes the configuration of a client with these defaults.
local function read (defaults)
  return config.new({ base_url = "http://127.0.0.1:8080", defaults = defaults }, function () end)
end

describe("the option defaults", function ()
  it("are an empty table when none are given", function ()
    assert.same({}, read(nil).defaults)
    assert.same({}, read({}).defaults)
  end)

  it("are copied without the token", function ()
    local given = { top_k = 5, stop = { "a" }, api_token = "pb_x" }
    local cfg = read(given)
    assert.same({ top_k = 5, stop = { "a" } }, cfg.defaults)
    assert.equal("pb_x", config.defaults(cfg).api_token)
    assert.not_equal(given.stop, cfg.defaults.stop)
    assert.equal("pb_x", given.api_token)
  end)

  it("keep shared tables shared, keep the marks of JSON, and drop other metatables", function ()
    local shared = json.array {}
    local foreign = setmetatable({ 1 }, { __len = function () return 9 end })
    local extra = { a = shared, b = shared, c = foreign }
    local copy = read({ extra = extra }).defaults.extra
    assert.equal(copy.a, copy.b)
    assert.not_equal(shared, copy.a)
    assert.equal("[]", json.encode(copy.a))
    assert.is_nil(getmetatable(copy.c))
  end)

  it("are refused with a message that begins with the name of the option", function ()
    for _, case in ipairs {
      { 5, "defaults must be a table of parameters, got the number 5" },
      { { temperature = -1 }, "defaults: `temperature` must be non-negative" },
    } do
      local cfg, err = read(case[1])
      assert.is_nil(cfg)
      assert.equal(case[2], err.message)
    end
  end)

  it("are refused when a table contains itself", function ()
    local extra = {}
    extra.again = extra
    local cfg, err = read { extra = extra }
    assert.is_nil(cfg)
    assert.matches("^defaults: ", err.message)
  end)

  it("raise for a parameter that does not exist", function ()
    assert.error_matches(function () read { max_tokens = 5 } end,
      'unknown parameter "max_tokens"; did you mean "max_new_tokens"%?')
  end)
end)
