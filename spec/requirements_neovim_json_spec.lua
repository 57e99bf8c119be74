-- SPDX-License-Identifier: MIT
--- The lua-cjson of Neovim, imitated with the one of this Lua. spec/examples/neovim.lua runs the
-- specs of predibase.json in Neovim itself.
local cjson = require "cjson"
local neovim_json = require "predibase.requirements.neovim_json"
local random = require "spec.support.random"
local requirements = require "predibase.requirements"

local MAX_DEPTH = 128

--- What the global `vim` of Neovim 0.12 has: lua-cjson without any settings.
local function imitation ()
  local made = 0
  local function new ()
    local own = cjson.new()
    made = made + 1
    return { encode = own.encode, decode = own.decode, new = new }
  end
  return { json = new(), NIL = cjson.null }, function () return made end
end

describe("predibase.requirements.neovim_json", function ()
  it("is nil outside of Neovim and in a Neovim that has no vim.json", function ()
    for _, vim in ipairs { false, true, {}, { json = {} }, { json = true } } do
      assert.is_nil(neovim_json.cjson(vim))
    end
    assert.is_nil(neovim_json.cjson(nil))
  end)

  it("is vim.json itself where that has the settings of lua-cjson", function ()
    local json = cjson.new()
    assert.equal(json, neovim_json.cjson { json = json, NIL = cjson.null })
  end)

  it("has all that the library uses", function ()
    local module = neovim_json.cjson(imitation())
    assert.is_nil(requirements.cjson_problem(module))
    assert.equal(cjson.null, module.null)
    assert.is_nil(requirements.cjson_problem(neovim_json.cjson {
      json = { encode = cjson.encode, decode = cjson.decode }, NIL = cjson.null }))
  end)

  it("is preferred to a module cjson", function ()
    local vim = imitation()
    rawset(_G, "vim", vim)
    local preferred = requirements.cjson()
    vim.json.encode = function () return '"wrong"' end
    vim.json.new = nil
    local other = requirements.cjson()
    rawset(_G, "vim", nil)
    assert.is_function(preferred.new)
    assert.not_equal(cjson, preferred)
    assert.equal(cjson, other)
  end)

  it("uses another instance for a long string, whose buffer is not kept", function ()
    local vim, made = imitation()
    local instance = neovim_json.cjson(vim).new()
    local before = made()
    assert.equal('"a\\n"', instance.encode "a\n")
    assert.equal(before, made())
    assert.equal('"' .. ("x"):rep(70000) .. '"', instance.encode(("x"):rep(70000)))
    assert.equal(before + 1, made())
  end)
end)

describe("an instance of predibase.requirements.neovim_json", function ()
  local theirs, ours

  setup(function ()
    theirs = cjson.new()
    theirs.decode_invalid_numbers(false)
    theirs.decode_max_depth(MAX_DEPTH)
    ours = neovim_json.cjson(imitation()).new()
    ours.decode_max_depth(MAX_DEPTH)
  end)

  --- Decodes with both; returns whether they did.
  local function compare (text)
    local expected, value = pcall(theirs.decode, text)
    local ok, other = pcall(ours.decode, text)
    assert.equal(expected, ok, text)
    if ok then assert.same(value, other) end
    return ok
  end

  it("refuses numbers that JSON does not have", function ()
    for _, number in ipairs { "NaN", "nan", "-nan", "Infinity", "-Infinity", "inf", "+1", "0x10",
      "-0x1", "01", "-01", "00" } do
      for _, text in ipairs { number, "[" .. number .. "]", '{"a" :' .. number .. "}",
        '["]\\"", ' .. number .. " ]" } do
        assert.is_false(compare(text), text)
      end
    end
    assert.has_error(function () ours.decode "[1, 0x10]" end,
      "Expected value but found invalid number at character 5")
  end)

  it("accepts all other numbers, and such words in strings", function ()
    for _, text in ipairs { "0", "-0", "0.5", "-0.5", "1e5", "1E-5", "10", "1.", "-.5", "0e1",
      '["NaN",null,true,false,"0x10","[[[","\\\\",01.5e3]', '{"01":"+1","\\"":-2}', '"\\\\"',
      "[1e400]" } do
      compare(text)
    end
    assert.is_true(compare '["NaN", "\\"01", "[[[", "\\\\", 0.5, null]')
  end)

  it("limits the depth", function ()
    for _, pair in ipairs { { "[", "]" }, { '{"a":', "}" } } do
      local function nested (n)
        return pair[1]:rep(n) .. (pair[1] == "[" and "" or "1") .. pair[2]:rep(n)
      end
      assert.is_true(compare(nested(MAX_DEPTH)))
      assert.is_false(compare(nested(MAX_DEPTH + 1)))
    end
    assert.is_true(compare("[" .. ("[],{},"):rep(MAX_DEPTH) .. "1]"))
    assert.has_error(function () ours.decode(("["):rep(129) .. ("]"):rep(129)) end,
      "Found too many nested data structures (129) at character 129")
  end)

  it("decides as lua-cjson does on random texts", function ()
    local rng = random.new(1205)
    local pieces = { "[", "]", "{", "}", ",", ":", '"', "\\", '"a":', "0", "1", "-", "+", ".", "e",
      "x", "nan", "null", "true", " ", "\n", "inf", "é", '"x"' }
    local accepted = 0
    for _ = 1, 20000 do
      local text = {}
      for i = 1, rng:int(1, 9) do text[i] = rng:pick(pieces) end
      if compare(table.concat(text)) then accepted = accepted + 1 end
    end
    assert.is_true(accepted > 500, accepted)
  end)
end)
