-- SPDX-License-Identifier: MIT
local defaults = require "predibase.config.defaults"
local json = require "predibase.json"

describe("defaults.read", function()
  it("gives an empty table when there are none", function()
    assert.same({}, defaults.read(nil, 1))
    assert.same({}, defaults.read({}, 1))
  end)

  it("copies the parameters and takes the token out", function()
    local given = { top_k = 5, stop = { "a" }, api_token = "pb_x" }
    local parameters, token, problem = defaults.read(given, 1)
    assert.same({ top_k = 5, stop = { "a" } }, parameters)
    assert.equal("pb_x", token)
    assert.is_nil(problem)
    assert.are_not.equal(given.stop, parameters.stop)
    assert.equal("pb_x", given.api_token)
  end)

  it("keeps one table one table, the marks of JSON, and no other metatable", function()
    local shared = json.array {}
    local foreign = setmetatable({ 1 }, { __len = function() return 9 end })
    local extra = { a = shared, b = shared, c = foreign }
    local copy = defaults.read({ extra = extra }, 1).extra
    assert.equal(copy.a, copy.b)
    assert.are_not.equal(shared, copy.a)
    assert.equal("[]", json.encode(copy.a))
    assert.is_nil(getmetatable(copy.c))
  end)

  it("says what is wrong, behind the name of the option", function()
    for _, case in ipairs {
      { 5, "defaults must be a table of parameters, got the number 5" },
      { { temperature = -1 }, "defaults: `temperature` must be non-negative" },
    } do
      local parameters, token, problem = defaults.read(case[1], 1)
      assert.is_nil(parameters)
      assert.is_nil(token)
      assert.equal(case[2], problem)
    end
  end)

  it("refuses a table that holds itself", function()
    local extra = {}
    extra.again = extra
    local parameters, _, problem = defaults.read({ extra = extra }, 1)
    assert.is_nil(parameters)
    assert.matches("^defaults: ", problem)
  end)

  it("raises for a parameter that does not exist", function()
    assert.error_matches(function() defaults.read({ max_tokens = 5 }, 1) end,
      'unknown parameter "max_tokens"; did you mean "max_new_tokens"%?')
  end)
end)
