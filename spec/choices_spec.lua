-- SPDX-License-Identifier: MIT
local choices = require "predibase.choices"
local json = require "predibase.json"

local null = json.null

describe("choices.finish_reason", function ()
  it("translates what LoRAX and others write", function ()
    for raw, found in pairs { stop = "stop", length = "length", content_filter = "stop_sequence",
      eos_token = "stop", stop_sequence = "stop_sequence", tool_calls = "tool_calls" } do
      assert.equal(found, choices.finish_reason(raw, "lorax"))
    end
    for raw, found in pairs { stop = "stop", length = "length", content_filter = "content_filter",
      eos_token = "stop", function_call = "tool_calls", tool_calls = "tool_calls" } do
      assert.equal(found, choices.finish_reason(raw, "openai"))
    end
    assert.is_nil(choices.finish_reason(nil, "lorax"))
  end)
end)

describe("a field", function ()
  it("is a string, missing or null", function ()
    for _, name in ipairs { "string", "text" } do
      local read = choices[name]
      assert.equal("x", read({ a = "x" }, "a", "p"))
      assert.is_nil(read({}, "a", "p"))
      assert.is_nil(read({ a = null }, "a", "p"))
      for _, value in ipairs { 5, true, false, {} } do
        assert.same({ nil, "p.a is not a string" }, { read({ a = value }, "a", "p") })
      end
    end
    assert.equal("", choices.string({ a = "" }, "a", "p"))
    assert.is_nil(choices.text({ a = "" }, "a", "p"))
  end)

  it("with the reasoning has one of two names", function ()
    for _, object in ipairs { { reasoning = "R" }, { reasoning_content = "R" },
      { reasoning_content = "R", reasoning = "other" },
      { reasoning_content = null, reasoning = "R" },
      { reasoning_content = "", reasoning = "R" } } do
      assert.equal("R", choices.reasoning(object, "p"))
    end
    for _, object in ipairs { {}, { reasoning = "" }, { reasoning = null } } do
      local found, problem = choices.reasoning(object, "p")
      assert.is_nil(found or problem)
    end
    assert.same({ nil, "p.reasoning is not a string" },
      { choices.reasoning({ reasoning = 5 }, "p") })
    assert.same({ nil, "p.reasoning_content is not a string" },
      { choices.reasoning({ reasoning_content = {}, reasoning = "R" }, "p") })
  end)

  it("with arguments is a text or an object", function ()
    assert.equal('{"a":1}', choices.arguments({ arguments = '{"a":1}' }, "p"))
    assert.equal('{"a":1}', choices.arguments({ arguments = { a = 1 } }, "p"))
    assert.equal("{}", choices.arguments({ arguments = {} }, "p"))
    assert.equal('{"a":[1,{"b":"12345"}],"c":null}',
      choices.arguments({ arguments = { a = { 1, { b = "12345" } }, c = null } }, "p"))
    -- {} or []? A number or a string?
    for _, lossy in ipairs { { a = {} }, { a = { 1, {} } }, { a = "12345678901234567890" },
      { a = { b = "-9007199254740993" } } } do
      assert.same({ nil, "p.arguments is an object, and not its JSON text" },
        { choices.arguments({ arguments = lossy }, "p") })
    end
    assert.equal("", choices.arguments({}, "p"))
    assert.equal("", choices.arguments({ arguments = null }, "p"))
    assert.same({ nil, "p.arguments is not a string" },
      { choices.arguments({ arguments = 5 }, "p") })
  end)
end)

describe("choices.list", function ()
  it("is an array of objects", function ()
    local list, count = choices.list { choices = { {}, {} } }
    assert.equal(2, count)
    assert.equal(2, #list)
    assert.equal(0, select(2, choices.list { choices = {} }))
    for _, value in ipairs { 5, "x", true, { a = 1 }, null } do
      assert.same({ nil, "choices is not an array" }, { choices.list { choices = value } })
    end
    assert.same({ nil, "choices is not an array" }, { choices.list {} })
    assert.same({ nil, "choices[2] is not an object" }, { choices.list { choices = { {}, null } } })
    assert.same({ nil, "choices[1] is not an object" }, { choices.list { choices = { "x" } } })
  end)
end)

describe("choices.usage", function ()
  it("has the counts that are known", function ()
    assert.is_nil(choices.usage {})
    assert.is_nil(choices.usage { usage = null })
    assert.same({}, choices.usage { usage = {} })
    assert.same({ prompt_tokens = 1, completion_tokens = 2, total_tokens = 3 },
      choices.usage { usage = { prompt_tokens = 1.0, completion_tokens = 2, total_tokens = 3,
        prompt_tokens_details = { cached_tokens = 1 } } })
    assert.same({ completion_tokens = 2 }, choices.usage { usage = { completion_tokens = 2,
      prompt_tokens = null } })
    assert.equal("3", tostring(choices.usage { usage = { total_tokens = 3.0 } }.total_tokens))
  end)

  it("leaves out what LoRAX writes when it does not know", function ()
    assert.same({ completion_tokens = 2 }, choices.usage { usage = { prompt_tokens = 0,
      completion_tokens = 2, total_tokens = 2 } })
    local found, problem = choices.usage { usage = { prompt_tokens = 0, completion_tokens = 0,
      total_tokens = 0 } }
    assert.is_nil(found or problem)
  end)

  it("refuses everything else with the path", function ()
    for _, value in ipairs { 5, "x", true } do
      assert.same({ nil, "usage is not an object" }, { choices.usage { usage = value } })
    end
    for _, name in ipairs { "prompt_tokens", "completion_tokens", "total_tokens" } do
      for _, value in ipairs { -1, 1.5, "5", 1 / 0, true, {}, "12345678901234567890" } do
        assert.same({ nil, ("usage.%s is not a number of tokens"):format(name) },
          { choices.usage { usage = { [name] = value } } })
      end
    end
  end)
end)

describe("the ids of calls", function ()
  local function draw () return 0.5 end

  it("are the server's where they are its own", function ()
    local of_lorax, of_others = choices.id_maker("lorax", draw), choices.id_maker("openai", draw)
    assert.equal("call_a", of_others "call_a")
    for _, id in ipairs { of_lorax "0", of_lorax(nil), of_others "", of_others(nil) } do
      assert.is_truthy(id:find "^call_%w+$")
    end
  end)
end)

describe("choices.calls", function ()
  local function new_id (id) return id or "new" end

  local function read (list)
    return choices.calls({ tool_calls = list }, "p", new_id)
  end

  it("reads calls", function ()
    assert.same({ { id = "a", name = "f", raw_arguments = '{"x":1,"y":null}',
      arguments = { x = 1 } }, { id = "new", name = "g", raw_arguments = "", arguments = {} } },
      read { { id = "a", ["function"] = { name = "f", arguments = '{"x":1,"y":null}' } },
        { ["function"] = { name = "g" } } })
    for _, list in ipairs { null, {} } do
      local found, problem = read(list)
      assert.is_nil(found or problem)
    end
    assert.is_nil(read(nil))
  end)

  it("refuses everything else with the path", function ()
    local function refused (message, list)
      assert.same({ nil, message }, { read(list) })
    end
    refused("p.tool_calls is not an array", 5)
    refused("p.tool_calls is not an array", { a = 1 })
    refused("p.tool_calls[1].function is not an object", { 5 })
    refused("p.tool_calls[1].function is not an object", { {} })
    refused("p.tool_calls[1].function is not an object", { { ["function"] = null } })
    refused("p.tool_calls[2].function.name is not a string",
      { { ["function"] = { name = "f" } }, { ["function"] = { name = 5 } } })
    refused("p.tool_calls[1].function.name is not a string", { { ["function"] = {} } })
    refused("p.tool_calls[1].function.arguments is not a string",
      { { ["function"] = { name = "f", arguments = true } } })
    refused("p.tool_calls[1].id is not a string", { { id = 5, ["function"] = { name = "f" } } })
  end)
end)

describe("choices.without_nulls", function ()
  it("removes members that are null, and keeps elements", function ()
    assert.same({ b = { 1, null, { c = 1 } }, d = {} }, choices.without_nulls { a = null,
      b = { 1, null, { c = 1, e = null } }, d = { x = null } })
    assert.same({ null, 1 }, choices.without_nulls { null, 1 })
    assert.same({ a = { null } }, choices.without_nulls { a = { null } })
  end)
end)

describe("choices.message", function ()
  it("decode arguments, and print their integers without a fraction", function ()
    local arguments = choices.new_call("a", "f", '{"n":3,"deep":{"list":[-2,0.5,null]}}').arguments
    local list = arguments.deep.list
    assert.same({ "3", "-2", "0.5", json.null },
      { tostring(arguments.n), tostring(list[1]), tostring(list[2]), list[3] })
  end)

  it("has OpenAI's form", function ()
    assert.same({ role = "assistant", content = "" }, choices.message("", nil))
    local calls = { choices.new_call("a", "f", '{"x":1}'), choices.new_call("b", "g", " ") }
    local list = {
      { id = "a", type = "function", ["function"] = { name = "f", arguments = '{"x":1}' } },
      { id = "b", type = "function", ["function"] = { name = "g", arguments = "{}" } },
    }
    assert.same({ role = "assistant", tool_calls = list }, choices.message("", calls))
    assert.same({ role = "assistant", content = "T", tool_calls = list },
      choices.message("T", calls))
  end)
end)
