-- SPDX-License-Identifier: MIT
local choices = require "predibase.choices"
local errors = require "predibase.errors"
local json = require "predibase.json"
local random = require "spec.support.random"
local template = require "predibase.template"

local function chat (name) return assert(template.chat(name)) end

--- Writes calls in short: `f{"a":1} g{}`.
local function calls_of (message)
  local out = {}
  for i, call in ipairs(message.tool_calls or {}) do
    assert.equal(9, #call.id)
    assert.is_nil(call.id:find("%W"))
    assert.same(choices.without_nulls(json.decode(call.raw_arguments)), call.arguments)
    out[i] = call.name .. call.raw_arguments
  end
  return table.concat(out, " ")
end

-- The format, the text, the calls, the content. Without the content, the text stays as it is.
local CASES = {
  -- Llama
  { "llama-3.1", '{"name": "f", "parameters": {"a": 1}}', 'f{"a": 1}', nil },
  { "llama-3.2", ' {"name": "f", "arguments": {"a": [1, {}]}}\n', 'f{"a": [1, {}]}', nil },
  { "llama-3.3", '{"type": "function", "name": "f", "parameters": {}}', "f{}", nil },
  { "llama-3.1", '{"type": "function", "function": {"name": "f", "parameters": {}}}', "f{}", nil },
  { "llama-3.1", '{"name": "f", "parameters": {}}; {"name": "g", "parameters": {}}', "f{} g{}" },
  { "llama-3.1", '{"name": "f", "parameters": {}}\n{"name": "g", "parameters": {}};', "f{} g{}" },
  { "llama-3.1", '<|python_tag|>{"name": "f", "parameters": {"a": "}"}}<|eom_id|>', 'f{"a": "}"}' },
  { "llama-3.1", 'So: <|python_tag|>{"name": "f", "parameters": null}<|eot_id|>', "f{}", "So:" },
  { "llama-3.1", "<|python_tag|>print(1)", "" },
  { "llama-3.1", 'I call {"name": "f", "parameters": {}}', "" },
  { "llama-3.1", '{"name": "f", "parameters": {}} is a call', "" },
  { "llama-3.1", '{"name": "f", "parameters": {}', "" },
  { "llama-3.1", '{"name": "f", "parameters": [1]}', "" },
  { "llama-3.1", '{"name": "f", "parameters": {}, "age": 7}', "" },
  { "llama-3.1", '{"name": 7, "parameters": {}}', "" },
  { "llama-3.1", '{"name": "f"}', "" },
  { "llama-3.1", '{"a": 1}', "" },
  { "llama-3.1", "", "" },
  -- Hermes and Qwen
  { "hermes", '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>', 'f{"a": 1}' },
  { "hermes", '<tool_call>{"arguments": {"a": 1}, "name": "f"}</tool_call><|im_end|>',
    'f{"a": 1}' },
  { "qwen-2.5", 'Well.\n<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>\n<tool_call>\n'
    .. '{"name": "g", "arguments": {"t": "</tool_call>"}}\n</tool_call>\n',
    'f{} g{"t": "</tool_call>"}', "Well." },
  { "qwen-2.5", '<tool_call>\n{"name": "f", "arguments": {}}', "f{}" },
  { "qwen-2.5", '<tool_call>{"name": "f", "arguments": {}}<tool_call>{"name": "g"}</tool_call>',
    "f{} g{}" },
  { "qwen-2.5", '<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>', 'f{"a": 1}' },
  { "qwen-2.5", 'a <tool_call>{"name": "f"}</tool_call> b', "f{}", "a\nb" },
  { "qwen-2.5", '<tool_call>{"name": f}</tool_call>\n<tool_call>{"name": "g"}</tool_call>', "g{}",
    '<tool_call>{"name": f}</tool_call>' },
  { "qwen-2.5", '{"name": "f", "arguments": {"a": 1}}', 'f{"a": 1}' },
  { "qwen-2.5", '{"name": "f", "arguments": {}}\n{"name": "g", "arguments": {}}', "f{} g{}" },
  { "qwen-2.5", '{"name": "Bob", "arguments": "many"}', "" },
  { "qwen-2.5", '<tool_call>{"name": "f", "arguments": {}} and more', "" },
  { "qwen-2.5", "<tool_call>\n{'name': 'f', 'arguments': {}}\n</tool_call>", "" },
  { "qwen-2.5", '<tool_call>{"name": "f", "arguments": "many"}</tool_call>', "" },
  { "qwen-2.5", '<tool_call>[{"name": "f", "arguments": {}}]</tool_call>', "" },
  { "qwen-2.5", "<tool_call>", "" },
  { "qwen-2.5", "</tool_call>", "" },
  { "qwen-3", '<think>\nf?\n</think>\n\n<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>',
    "f{}" },
  { "qwen-3-2507", '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>', "f{}" },
  -- Mistral
  { "mistral-v0.3", '[TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}}]</s>', 'f{"a": 1}' },
  { "mistral-v0.3", '[{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}]',
    'f{"a": 1} g{}' },
  { "mistral-v0.3", 'So [TOOL_CALLS][{"name": "f", "arguments": {}}] it is', "f{}", "So\nit is" },
  { "mistral-v0.3", '[TOOL_CALLS] [{"name": "f", "arguments": {}}', "" },
  { "mistral-v0.3", '[TOOL_CALLS] [{"name": "f"}, 7]', "" },
  { "mistral-v0.3", '[{"name": "f", "arguments": {}}] or not', "" },
  { "mistral-v0.3", '[{"name": "f", "arguments": {}, "age": 7}]', "" },
  { "mistral-v0.3", "[]", "" },
  { "mistral-v0.3", "[TOOL_CALLS] []", "" },
  { "mistral-v0.3", "[1, 2]", "" },
  { "mistral-nemo", '[TOOL_CALLS]f[ARGS]{"a": 1}', 'f{"a": 1}' },
  { "mistral-nemo", '[TOOL_CALLS]f[ARGS]{"a": 1}[TOOL_CALLS]g[CALL_ID]abc[ARGS]{}</s>',
    'f{"a": 1} g{}' },
  { "mistral-nemo", 'f{"a": 1}g{}', 'f{"a": 1} g{}' },
  { "mistral-nemo", 'f{"a": 1} or not', "" },
  { "mistral-nemo", "[TOOL_CALLS]f[ARGS]{a: 1}", "" },
  { "mistral-nemo", "body{color: red}", "" },
  -- formats that know no tools
  { "llama-3", '{"name": "f", "parameters": {}}', "" },
  { "mistral-v7", '[TOOL_CALLS] [{"name": "f", "arguments": {}}]', "" },
  { "chatml", '<tool_call>{"name": "f"}</tool_call>', "" },
}

describe("format:parse", function ()
  it("finds calls in the form of each model, and leaves everything else in the text", function ()
    for _, case in ipairs(CASES) do
      local name, text, calls, content = case[1], case[2], case[3], case[4]
      local message, list = chat(name):parse(text)
      assert.equal("assistant", message.role)
      assert.equal(calls, calls_of(message), text)
      assert.equal(message.tool_calls, list)
      if calls == "" then
        assert.is_nil(message.tool_calls, text)
        content = text
      end
      assert.equal(content, message.content, text)
    end
  end)

  it("takes JSON without marks for a call only of a tool that exists", function ()
    for name, text in pairs {
      ["llama-3.1"] = '{"name": "f", "parameters": {}}',
      ["qwen-2.5"] = '{"name": "f", "arguments": {}}',
      ["mistral-v0.3"] = '[{"name": "f", "arguments": {}}]',
      ["mistral-nemo"] = "f{}",
    } do
      local format = chat(name)
      local known = { { type = "function", ["function"] = { name = "f" } } }
      assert.equal("f{}", calls_of(assert(format:parse(text, { tools = known }))), name)
      assert.equal("f{}", calls_of(assert(format:parse(text, { tools = { { name = "f" } } }))))
      for _, tools in ipairs { { { name = "g" } }, {} } do
        local message = assert(format:parse(text, { tools = tools }))
        assert.is_nil(message.tool_calls)
        assert.equal(text, message.content)
      end
    end
    -- The program answers a call of a tool that does not exist.
    local marked = '<tool_call>{"name": "f"}</tool_call>'
    assert.equal("f{}", calls_of(chat "qwen-2.5":parse(marked, { tools = { { name = "g" } } })))
  end)

  it("keeps ids that the model wrote, and makes others", function ()
    local format = chat "mistral-v0.3"
    local message = assert(format:parse('[TOOL_CALLS] [{"name": "f", "id": "abcdefghi"}, '
      .. '{"name": "f", "id": "abcdefghi"}, {"name": "f", "id": "call_1"}, '
      .. '{"name": "f", "id": 7}]'))
    assert.equal("abcdefghi", message.tool_calls[1].id)
    local seen = {}
    for _, call in ipairs(message.tool_calls) do
      assert.is_nil(seen[call.id])
      seen[call.id] = true
    end
    for _ = 1, 100 do
      local call = assert(format:parse '[TOOL_CALLS] [{"name": "f"}]').tool_calls[1]
      assert.is_nil(seen[call.id])
      seen[call.id] = true
    end
  end)

  it("keeps every digit and the order of keys in raw_arguments", function ()
    local raw = '{"z": 12345678901234567890, "a": 1.0, "m": "\\u00e9"}'
    local call = assert(chat "hermes":parse('<tool_call>{"name": "f", "arguments": ' .. raw
      .. "}</tool_call>")).tool_calls[1]
    assert.equal(raw, call.raw_arguments)
    assert.equal("\195\169", call.arguments.m)
  end)

  it("separates the reasoning", function ()
    local qwen, r1 = chat "qwen-3", chat "deepseek-r1"
    local function parts (message) return { message.content, message.reasoning } end
    assert.same({ "Yes.", "Hm." }, parts(qwen:parse "<think>\nHm.\n</think>\n\nYes."))
    assert.same({ "Yes." }, parts(qwen:parse "<think>\n\n</think>\n\nYes."))
    assert.same({ "Yes." }, parts(qwen:parse "Yes."))
    assert.same({ "Yes.", "Hm." }, parts(r1:parse "Hm.\n</think>\n\nYes."))
    assert.same({ "", "Hm." }, parts(r1:parse "Hm."))
    -- A closing mark shows that the answer began inside.
    assert.same({ "Yes.", "Hm." }, parts(qwen:parse "Hm.</think>Yes."))
    assert.same({ "", "Hm." }, parts(qwen:parse("Hm.", { begins_inside = true })))
    assert.same({ "", "Hm." }, parts(qwen:parse("Hm.", { prompt = "Q<think>\n" })))
    assert.same({ "Hm." }, parts(r1:parse("Hm.", { prompt = "Q" })))
    assert.same({ "Write <think>." }, parts(qwen:parse("Write <think>.",
      { prompt = "<think>\n\n</think>\n\n" })))
    assert.same({ "Hm.</think>Yes." }, parts(r1:parse("Hm.</think>Yes.", { reasoning = false })))
    local marks = { "[T]", "[/T]" }
    assert.same({ "Yes.", "Hm." },
      parts(chat "phi-4":parse("[T]Hm.[/T]Yes.", { reasoning = marks })))
    local _, _, thoughts = qwen:parse "<think>a</think>b"
    assert.equal("a", thoughts)
  end)

  it("finds no calls in the reasoning", function ()
    local call = '<tool_call>{"name": "f"}</tool_call>'
    local message = assert(chat "qwen-3":parse("<think>" .. call .. "</think>No."))
    assert.is_nil(message.tool_calls)
    assert.equal(call, message.reasoning)
    assert.equal("No.", message.content)
  end)

  it("returns a message that the format writes again", function ()
    local question = { role = "user", content = "Q" }
    for name, text in pairs {
      ["llama-3.1"] = '{"name": "f", "parameters": {"b": 1, "a": 2.0}}',
      ["qwen-2.5"] = '<tool_call>\n{"name": "f", "arguments": {"b": 1, "a": 2.0}}\n</tool_call>',
      ["qwen-3"] = '<think>\nHm.\n</think>\n\n<tool_call>\n{"name": "f", "arguments": '
        .. '{"b": 1, "a": 2.0}}\n</tool_call>',
      hermes = '<tool_call>\n{"name": "f", "arguments": {"b": 1, "a": 2.0}}\n</tool_call>',
      ["mistral-nemo"] = '[TOOL_CALLS][{"name": "f", "arguments": {"b": 1, "a": 2.0}, '
        .. '"id": "abcdefghi"}]',
    } do
      local format = chat(name)
      local prompt = assert(format:render({ question }, { add_generation_prompt = true }))
      local message = assert(format:parse(text))
      local again = assert(format:render({ question, message }))
      assert.equal(prompt .. text, again:sub(1, #prompt + #text), name)
    end
  end)

  it("reads answers of a model's own template", function ()
    local function own (source, options)
      local config = { chat_template = source, eos_token = "</s>" }
      return assert(template.from_tokenizer_config(config, options))
    end
    local marked = '<tool_call>{"name": "f"}</tool_call>'
    assert.equal("f{}", calls_of(own "x<tool_call>":parse(marked .. "</s>")))
    assert.equal("", calls_of(own "x":parse(marked)))
    assert.equal("f{}", calls_of(own("x", { tool_calls = "hermes" }):parse(marked)))
    assert.equal("", calls_of(own("x<tool_call>", { tool_calls = false }):parse(marked)))
    assert.equal("f{}", calls_of(own "[TOOL_CALLS]":parse '[TOOL_CALLS][{"name": "f"}]'))
    local ask = "{{ '{\"name\": function name, \"parameters\": dictionary' }}"
    assert.equal("f{}", calls_of(own(ask):parse '{"name": "f", "parameters": {}}'))
    local thinking = own "{% if '</think>' in '' %}{% endif %}A<think>\n"
    assert.same({ open = "<think>", close = "</think>" }, thinking.reasoning)
    assert.equal("a", thinking:parse "a".reasoning)
    assert.equal("a", own("x", { reasoning = { "[", "]" } }):parse "[a]b".reasoning)
    assert.is_nil(own("<think></think>", { reasoning = false }).reasoning)
  end)

  it("returns an error for a wrong option, and raises for a wrong argument", function ()
    local format = chat "qwen-3"
    for _, case in ipairs {
      { { reasoning = 1 }, "reasoning must be a boolean or a table" },
      { { prompt = 1 }, "prompt must be a string" },
      { { begins_inside = 1 }, "begins_inside must be a boolean" },
      { { tools = "f" }, "tools must be a table" },
      { { tools = { 1 } }, "tools[1] must be a table" },
    } do
      local message, err = format:parse("x", case[1])
      assert.is_nil(message)
      assert.is_true(errors.is(err))
      assert.equal("template", err.kind)
      assert.is_truthy(err.message:find(case[2], 1, true), err.message)
    end
    assert.error_matches(function () format:parse() end, "takes the answer as a string, got nil")
    assert.error_matches(function () format:parse("x", 1) end, "takes its options as a table")
    assert.error_matches(function () format:parse("x", { tool = {} }) end, 'did you mean "tools"')
    assert.error_matches(function () format.parse("x") end, "called with a colon")
    assert.equal("x", format:parse("x", { prompt = json.null, tools = json.null }).content)
  end)
end)

--- Texts put together from parts of calls: nothing may be lost, and no error raised.
describe("no text is lost", function ()
  local parts = { "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "<|python_tag|>", "{",
    "}", "[", "]", '"', '"name"', ": ", '"f"', '"arguments"', '"parameters"', ", ", ";", "\\", "x",
    "\n",
    '{"name": "f", "arguments": {"secret": 1}}', '{"name": "f", "parameters": {"secret": 1}}',
    "<think>", "</think>", "secret" }

  local function count (text)
    local _, n = text:gsub("secret", "")
    return n
  end

  for _, name in ipairs { "hermes", "llama-3.1", "mistral-v0.3", "qwen-3", "deepseek-r1" } do
    it("by " .. name, function ()
      local source, format = random.new(77), chat(name)
      local found = 0
      for _ = 1, 4000 do
        local pieces = {}
        for i = 1, source:int(0, 8) do pieces[i] = source:pick(parts) end
        local text = table.concat(pieces)
        local message = assert(format:parse(text))
        local n = count(message.content or "") + count(message.reasoning or "")
        for _, call in ipairs(message.tool_calls or {}) do
          n, found = n + count(call.name .. call.raw_arguments), found + 1
        end
        assert.equal(count(text), n, text)
        if not message.tool_calls and not text:find("think", 1, true)
          and name ~= "deepseek-r1" then assert.equal(text, message.content) end
      end
      assert.is_true(found > 0 or name == "deepseek-r1")
    end)
  end

  it("in time that grows with its length only", function ()
    for _, unit in ipairs { '<tool_call>{"a":["x","', '<tool_call>{"\\', "[TOOL_CALLS][{", "{",
      '{"a":', '<tool_call>{"name": "f"}' } do
      for _, name in ipairs { "hermes", "llama-3.1", "mistral-v0.3" } do
        local text = unit:rep(20000)
        local message = assert(chat(name):parse(text))
        assert.is_true(message.content == text or #message.tool_calls == 20000)
      end
    end
  end)
end)
