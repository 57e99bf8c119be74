-- SPDX-License-Identifier: MIT
local prompts = require "predibase.batch.prompts"

local ALLOWED = { temperature = true, adapter_id = true }

describe("the prompts of a batch", function ()
  local function all(source)
    local found = {}
    repeat
      local entry = source(#found + 1)
      found[#found + 1] = entry
    until entry == nil
    return found
  end

  it("are an array, taken by value", function ()
    local list = { "a", { prompt = "b", adapter_id = "x/1" } }
    local source, count = prompts.new(list, ALLOWED)
    list[1] = "changed"
    assert.equal(2, count)
    assert.same({ "a", { prompt = "b", adapter_id = "x/1" } }, all(source))
    assert.is_nil(source(3))
    assert.same({}, all((prompts.new({}, ALLOWED))))
  end)

  it("are what a function gives, until its first nil", function ()
    local calls = 0
    local source, count = prompts.new(function ()
      calls = calls + 1
      if calls ~= 3 then return calls end
    end, ALLOWED)
    assert.is_nil(count)
    assert.same({ 1, 2 }, all(source))
    assert.is_nil(source(3))
    assert.equal(3, calls)
  end)

  it("are split into the prompt and its options", function ()
    assert.same({ "a" }, { prompts.split("a", ALLOWED, "it") })
    assert.same({ "b", { temperature = 0.5 } },
      { prompts.split({ prompt = "b", temperature = 0.5 }, ALLOWED, "it") })
    assert.same({ "b", {} }, { prompts.split({ prompt = "b" }, ALLOWED, "it") })
  end)

  it("raise for what no program should contain", function ()
    local function message(list)
      local function make() prompts.new(list, ALLOWED) end
      return select(2, pcall(make))
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
  end)
end)
