-- SPDX-License-Identifier: MIT
local names = require "predibase.option_names"

local known = { "max_new_tokens", "repetition_penalty", "return_full_text", "seed", "stop",
  "temperature", "top_k", "top_p" }

local function set (list)
  local out = {}
  for _, name in ipairs(list) do out[name] = true end
  return out
end

describe("names.nearest", function ()
  it("finds the correct name for a typing mistake", function ()
    assert.equal("max_new_tokens", names.nearest("max_tokens", known))
    assert.equal("repetition_penalty", names.nearest("repitition_penalty", known))
    assert.equal("temperature", names.nearest("temprature", known))
    assert.equal("seed", names.nearest("sede", known))
    assert.equal("stop", names.nearest("stops", known))
  end)

  it("ignores case, and treats hyphens as underscores", function ()
    assert.equal("max_new_tokens", names.nearest("Max-New-Tokens", known))
    assert.equal("top_p", names.nearest("TOP_P", known))
  end)

  it("counts a swap of neighbouring letters as one edit", function ()
    assert.equal("abc", names.nearest("acb", { "abc" }))
    assert.is_nil(names.nearest("cab", { "abc" }))
  end)

  it("returns the first of two equally similar names", function ()
    assert.equal("top_k", names.nearest("top_x", known))
    assert.equal("top_p", names.nearest("top_x", { "top_p", "top_k" }))
  end)

  it("returns nil when no name is similar", function ()
    assert.is_nil(names.nearest("banana", known))
    assert.is_nil(names.nearest("", known))
    assert.is_nil(names.nearest("x", known))
    assert.is_nil(names.nearest(("x"):rep(100000), known))
    assert.is_nil(names.nearest("seed", {}))
  end)
end)

describe("names.check", function ()
  it("accepts known names and calls no metamethods", function ()
    local trap = setmetatable({ seed = 1 }, { __pairs = error, __index = error })
    assert.has_no_error(function () names.check(trap, set(known), "parameter") end)
    assert.has_no_error(function () names.check({}, set(known), "parameter") end)
  end)

  it("names the unknown option and the most similar known one", function ()
    local ok, message = pcall(names.check, { max_tokens = 3 }, set(known), "parameter", 0)
    assert.is_false(ok)
    assert.equal('unknown parameter "max_tokens"; did you mean "max_new_tokens"?',
      (message:gsub("^[^ ]*:%d+: ", "")))
  end)

  it("suggests nothing when no name is similar", function ()
    local ok, message = pcall(names.check, { banana = 3 }, set(known), "option", 0)
    assert.is_false(ok)
    assert.matches('unknown option "banana"$', message)
  end)

  it("names the same unknown option on every run when there are several", function ()
    for _ = 1, 20 do
      local _, message = pcall(names.check, { zz = 1, bb = 1, aaa = 1, cc = 1 }, set(known), "x")
      assert.matches('unknown x "aaa"', message, 1, true)
    end
  end)

  it("refuses keys that are not strings", function ()
    local _, message = pcall(names.check, { "seed" }, set(known), "parameter")
    assert.matches("unknown parameter 1 (parameter names must be strings)", message, 1, true)
  end)

  it("shows no control characters of an unknown name", function ()
    local _, message = pcall(names.check, { ["a\27[31m\n"] = 1 }, set(known), "parameter")
    assert.matches('unknown parameter "a?[31m "', message, 1, true)
  end)

  it("names the line of the program", function ()
    local line = debug.getinfo(1, "l").currentline + 1
    local _, message = pcall(function () names.check({ nope = 1 }, set(known), "option") end)
    assert.matches("names_spec.lua:" .. line .. ": unknown option", message, 1, true)
  end)
end)
