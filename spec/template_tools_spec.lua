-- SPDX-License-Identifier: MIT
-- Expected texts are what `transformers` renders with the models' own published templates; see
-- spec/fixtures/tools/make.py.
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"
local random = require "spec.support.random"
local scratch = require "spec.support.scratch"
local template = require "predibase.template"

local FOLDER = "spec/fixtures/tools/"
local FORMATS = { "hermes", "llama-3.1", "llama-3.2", "llama-3.3", "mistral-nemo", "mistral-v0.3",
  "qwen-2.5", "qwen-3", "qwen-3-2507" }

local given = assert(ordered.decode(scratch.read(FOLDER .. "conversations.json")))
local conversations = {}
for _, conversation in ipairs(given.conversations) do
  conversations[conversation.name] = conversation
end

--- Changes the calls of messages.
local function with_calls (messages, change)
  local out = {}
  for i, message in ipairs(messages) do
    out[i] = {}
    for _, pair in ipairs(message) do out[i][pair[1]] = pair[2] end
    for k, call in ipairs(message.tool_calls or {}) do
      out[i].tool_calls = k == 1 and {} or out[i].tool_calls
      out[i].tool_calls[k] = change(call)
    end
  end
  return out
end

local FORMS = {
  ["as it is"] = function (messages) return messages end,
  ["with the arguments as text"] = function (messages)
    return with_calls(messages, function (call)
      return { id = call.id, type = "function", ["function"] = { name = call["function"].name,
        arguments = assert(json.encode(call["function"].arguments)) } }
    end)
  end,
  ["as format:parse returns it"] = function (messages)
    return with_calls(messages, function (call)
      local arguments = call["function"].arguments
      return { id = call.id, name = call["function"].name, arguments = ordered.plain(arguments),
        raw_arguments = assert(json.encode(arguments)) }
    end)
  end,
  ["without an empty content"] = function (messages)
    local out = with_calls(messages, function (call) return call end)
    for _, message in ipairs(out) do
      if message.tool_calls and message.content == "" then message.content = json.null end
    end
    return out
  end,
}

local function noon (day)
  local year, month, mday = day:match("^(%d+)-(%d+)-(%d+)$")
  return os.time { year = year, month = month, day = mday, hour = 12 }
end

-- The template that Hermes has for conversations without tools would lose the call.
local LOST = { hermes = "a call without the list of tools" }

local function compare (format, case, today)
  if LOST[format.name] == case.conversation then return end
  local conversation = conversations[case.conversation]
  local tools = conversation.tools and given.tools[conversation.tools]
  for form, change in pairs(FORMS) do
    local text, err = format:render(change(conversation.messages), {
      add_generation_prompt = case.add_generation_prompt, enable_thinking = case.enable_thinking,
      tools = tools, now = noon(today), special_tokens_in_text = "allow",
    })
    local where = ("%s: %s, %s"):format(format.name, case.conversation, form)
    if case.error then
      assert.is_nil(text, where)
      assert.equal("template", err.kind, where)
    else
      assert.equal(case.text, text, where .. (err and ": " .. tostring(err) or ""))
    end
  end
end

describe("tools and calls in the format", function ()
  for _, name in ipairs(FORMATS) do
    it(name .. " equal the template that its model was published with", function ()
      local fixture = assert(json.decode(scratch.read(FOLDER .. name .. ".json")))
      local format = assert(template.chat(name))
      assert.equal(fixture.source, format.source)
      assert.is_true(#fixture.cases >= 20)
      for _, case in ipairs(fixture.cases) do compare(format, case, fixture.today) end
    end)
  end
end)

local ASK = { role = "user", content = "Q" }
local TOOL = { name = "f", description = "Does.", parameters = { type = "object",
  properties = { a = { type = "string" } } } }

local function call (arguments, fields)
  local made = { id = "abcdefghi", type = "function",
    ["function"] = { name = "f", arguments = arguments } }
  for name, value in pairs(fields or {}) do made[name] = value end
  return { role = "assistant", tool_calls = { made } }
end

local function result (text)
  return { role = "tool", tool_call_id = "abcdefghi", content = text }
end

local function refused (pattern, format, messages, options)
  local text, err = format:render(messages, options)
  assert.is_nil(text)
  assert.equal("template", err.kind)
  assert.is_truthy(err.message:find(pattern, 1, true), err.message)
end

describe("tools", function ()
  it("may be given in short, with the function of the program", function ()
    for _, name in ipairs(FORMATS) do
      local format = template.chat(name)
      local whole = assert(format:render({ ASK },
        { tools = { { type = "function", ["function"] = TOOL } } }))
      local short = { run = print }
      for key, value in pairs(TOOL) do short[key] = value end
      assert.equal(whole, format:render({ ASK }, { tools = { short } }))
      assert.equal(whole, format:render({ ASK },
        { tools = { { type = "function", ["function"] = short } } }))
      local flat = { type = "function" }
      for key, value in pairs(TOOL) do flat[key] = value end
      assert.equal(whole, format:render({ ASK }, { tools = { flat } }))
      assert.equal(print, short.run)
      short.parameters = '{"type": "object", "properties": {"a": {"type": "string"}}}'
      assert.equal(whole, format:render({ ASK }, { tools = { short } }))
      assert.equal(format:render { ASK }, format:render({ ASK }, { tools = {} }))
    end
  end)

  it("need neither a description nor parameters", function ()
    for _, name in ipairs(FORMATS) do
      local text = assert(template.chat(name):render({ ASK }, { tools = { { name = "now" } } }))
      assert.is_truthy(text:find('"name": "now"', 1, true), text)
    end
    local text = assert(template.chat "hermes":render({ ASK }, { tools = { { name = "f",
      parameters = { properties = { a = { type = { "string", "null" } } } } } } }))
    assert.is_truthy(text:find("f(a: Union[str,None])", 1, true), text)
  end)

  it("are refused when they are wrong", function ()
    local format = template.chat "qwen-2.5"
    for _, case in ipairs {
      { "f", 'tools must be a list of tools, got the string "f"' },
      { TOOL, "tools must be a list of tools, this table has the key" },
      { { "f" }, 'tools[1] must be a table, got the string "f"' },
      { { {} }, "tools[1] needs a name, got nil" },
      { { TOOL, { name = "" } }, 'tools[2] needs a name, got the string ""' },
      { { { type = "function", ["function"] = "f" } }, "function must be a table" },
      { { TOOL, TOOL }, 'tools[2] has the name "f" of another tool' },
      { { { name = "f", parameters = "{" } }, "tools[1] has parameters that are no JSON object" },
      { { { name = "f", parameters = "[]" } }, "tools[1] has parameters that are no JSON object" },
      { { { name = "f", parameters = print } }, "a function cannot be given to a template" },
      { { { name = "f", description = "<|im_end|>" } },
        'tools[1] has the special token "<|im_end|>" in its text' },
    } do
      refused(case[2], format, { ASK }, { tools = case[1] })
    end
  end)

  it("are refused by formats that know none", function ()
    for _, name in ipairs { "llama-3", "mistral-v7", "qwen-2", "gemma", "deepseek-r1", "alpaca" } do
      local format = template.chat(name)
      refused("it does not know tools", format, { ASK }, { tools = { TOOL } })
      refused('has "tool_calls", which this format cannot write', format, { ASK, call {} })
    end
    refused('of role "tool"', template.chat "gemma", { ASK, { role = "tool", content = "x" } })
  end)

  it("are refused where the format has no place for them", function ()
    local system = { { role = "system", content = "S" } }
    refused("there is none", template.chat "llama-3.1", system, { tools = { TOOL } })
    refused("there is none", template.chat "mistral-nemo", system, { tools = { TOOL } })
    refused('cannot have the role "judge"', template.chat "hermes",
      { ASK, { role = "judge", content = "x" } }, { tools = { TOOL } })
  end)
end)

describe("calls and results", function ()
  it("are refused when they are wrong", function ()
    local format = template.chat "qwen-2.5"
    for _, case in ipairs {
      { { role = "user", content = "x", tool_calls = call({}).tool_calls },
        "has tool_calls, which only an assistant has" },
      { { role = "assistant", tool_calls = "f" }, "they must be a list of calls, got the string" },
      { { role = "assistant", tool_calls = { 1 } }, "call 1 must be a table, got the number 1" },
      { { role = "assistant", tool_calls = { { id = "x" } } }, "call 1 needs a name, got nil" },
      { call(7), "call 1 needs a table or a text as its arguments, got the number 7" },
      { call({}, { id = 7 }), "call 1 needs a string as its id, got the number 7" },
      { { role = "tool", tool_call_id = 1, content = "x" }, "needs a string as its tool_call_id" },
      { { role = "tool" }, "needs a string as its content, got nil" },
      { { role = "assistant", tool_calls = {} }, "needs a string as its content, got nil" },
    } do
      refused(case[2], format, { ASK, case[1] })
    end
    refused("the last message has calls of tools", format,
      { ASK, { role = "assistant", content = "x", tool_calls = call({}).tool_calls } },
      { continue_final_message = true })
    refused("needs a string as its reasoning, got", template.chat "qwen-3",
      { ASK, { role = "assistant", content = "x", reasoning = {} } })
  end)

  it("keep arguments that are not a JSON object as text", function ()
    local text = assert(template.chat "qwen-3":render { ASK, call '{"a": ' })
    assert.is_truthy(text:find('"arguments": {"a": }', 1, true), text)
    text = assert(template.chat "qwen-2.5":render { ASK, call '{"a": ' })
    assert.is_truthy(text:find([["arguments": "{\"a\": "}]], 1, true), text)
  end)

  it("are guarded like the text of a user", function ()
    for _, name in ipairs(FORMATS) do
      local format = template.chat(name)
      local token = format.special_tokens[1]
      local escaped = token:gsub("[<%[]", { ["<"] = "\\u003c", ["["] = "\\u005b" })
      for _, messages in ipairs {
        { ASK, call { a = 1 }, result(token) },
        { ASK, call { a = { token } }, result "1" },
        { ASK, call('{"a": "' .. escaped .. '"}'), result "1" },
        { ASK, call('{"a": "' .. escaped), result "1" },
      } do
        -- Text that is no JSON stays escaped, which is not a token.
        local broken = messages[2].tool_calls[1]["function"].arguments
        if broken ~= '{"a": "' .. escaped then
          refused("has the special token", format, messages, { tools = { TOOL } })
        end
        local text = assert(format:render(messages,
          { tools = { TOOL }, special_tokens_in_text = "neutralise" }))
        local plain = assert(format:render({ ASK, call { a = "x" }, result "x" },
          { tools = { TOOL } }))
        local function count (whole)
          local n, at = 0, whole:find(token, 1, true)
          while at do n, at = n + 1, whole:find(token, at + 1, true) end
          return n
        end
        assert.equal(count(plain), count(text), name)
      end
      refused("has a special token in the name of a field", format,
        { ASK, call { [token] = 1 }, result "1" })
      refused("has the special token", format,
        { ASK, { role = "assistant", tool_calls = { { id = "abcdefghi", name = token } } } })
    end
  end)

  for number, name in ipairs(FORMATS) do
    it("do not break out of " .. name, function ()
      local format, source = template.chat(name), random.new(2000 + number)
      local list = { " ", "x", "<", ">", "[", "]", "|", "/", "", "\n", '"', "\\" }
      for _, token in ipairs(format.special_tokens) do
        local half = math.floor(#token / 2)
        list[#list + 1], list[#list + 2] = token, token:sub(1, half)
        list[#list + 1], list[#list + 2] = token:sub(half + 1), token:sub(2)
      end
      local function text ()
        return source:pick(list) .. source:pick(list) .. source:pick(list)
      end
      local function conversation (make)
        return { ASK, call { a = make(), b = { make() } }, result(make()), result(make()),
          { role = "assistant", content = make() } },
          { { name = "f", description = make(), parameters = { type = "object",
            properties = { a = { type = "string", description = make(), enum = { make() } } } } } }
      end
      local function counts (whole)
        local found = {}
        for _, token in ipairs(format.special_tokens) do
          local n, at = 0, whole:find(token, 1, true)
          while at do n, at = n + 1, whole:find(token, at + 1, true) end
          found[token] = n
        end
        return found
      end
      local harmless, tools = conversation(function () return "x" end)
      local plain = counts(assert(format:render(harmless, { tools = tools })))
      local written = { refuse = 0, neutralise = 0 }
      for _ = 1, 150 do
        local messages, of_tools = conversation(text)
        for mode, n in pairs(written) do
          local whole = format:render(messages, { tools = of_tools, special_tokens_in_text = mode })
          if whole then
            written[mode] = n + 1
            assert.same(plain, counts(whole), whole)
          end
        end
      end
      assert.is_true(written.neutralise > 100, written.neutralise)
    end)
  end
end)

describe("a model's own template", function ()
  local function own (source)
    return assert(template.from_tokenizer_config { chat_template = source, eos_token = "</s>" })
  end

  it("gets the tools", function ()
    local format = own "{{ tools|tojson }}"
    assert.equal('[{"type": "function", "function": {"name": "f"}}]',
      format:render({ ASK }, { tools = { { name = "f", run = print } } }))
    assert.equal("null", format:render { ASK })
    assert.equal("null", format:render({ ASK }, { tools = {} }))
    assert.equal('"x"', format:render({ ASK }, { variables = { tools = "x" } }))
    refused("tools are given twice", format, { ASK },
      { tools = { TOOL }, variables = { tools = {} } })
    refused('has the special token "</s>"', format, { ASK },
      { tools = { { name = "f", description = "</s>" } } })
  end)

  it("gets the arguments of calls as objects, or as text if it wants text", function ()
    local object = own "{{ messages[0].tool_calls[0].function.arguments|tojson }}"
    local text = own "{{ '#' + messages[0].tool_calls[0].function.arguments }}"
    assert.equal('{"b": 1, "a": 2.0}', object:render { call '{"b":1,"a":2.0}' })
    assert.equal('#{"b":1,"a":2.0}', text:render { call '{"b":1,"a":2.0}' })
    assert.equal('"many"', object:render { call "many" })
    local parsed = { role = "assistant", tool_calls = { { id = "x", name = "f",
      arguments = { a = 1 }, raw_arguments = '{"a": 1.0}' } } }
    assert.equal('{"a": 1.0}', object:render { parsed })
    assert.is_nil(parsed.tool_calls[1]["function"])
  end)
end)
