-- SPDX-License-Identifier: MIT

local json = require "predibase.json"
local ordered = require "predibase.template.ordered"
local template = require "predibase.template"

local function read (text) return (assert(ordered.decode(text))) end

describe("predibase.template.ordered", function ()
  it("keeps the order of keys", function ()
    local text = '{"z":1,"a":{"y":[],"b":null},"é\\"":"\\u00e9\\n","m":[1.5,true,{}]}'
    local again = json.encode(assert(ordered.decode(" " .. text:gsub(",", " ,\n") .. "\n")))
    assert.equal((text:gsub("\\u00e9", "é")), again)
  end)

  it("uses the last of two equal keys, at the place of the first", function ()
    assert.equal('{"a":3,"b":2}', json.encode(ordered.decode '{"a":1,"b":2,"a":3}'))
  end)

  it("keeps the spelling of numbers that Lua would write in another way", function ()
    for _, text in ipairs { "1.0", "-0.0", "-0", "1e5", "1.50", "9007199254740993",
      "-9007199254740993", "12345678901234567890123", "9223372036854776000", "3E+2" } do
      local value = assert(ordered.decode(text))
      assert.equal(text, tostring(value))
      assert.equal(text, json.encode(value))
      assert.equal('{"a":[' .. text .. "]}", json.encode(ordered.decode('{"a":[' .. text .. "]}")))
    end
    for _, text in ipairs { "0", "1", "-17", "123456789012345", "0.5", "-2.25" } do
      assert.equal("number", type(ordered.decode(text)), text)
    end
    for _, text in ipairs { "1.", "-.5", "1e400", "-", "0x10", "1-2", "+1" } do
      assert.is_nil((ordered.decode(text)), text)
    end
  end)

  it("returns objects whose members can be read, and plain tables of them", function ()
    local value = assert(ordered.decode '{"b":{"x":1.0,"l":[]},"a":null,"1":2}')
    assert.equal("1.0", tostring(value.b.x))
    assert.equal(json.null, value.a)
    assert.equal(2, value["1"])
    assert.is_nil(value.c)
    local plain = ordered.plain(value)
    assert.equal(1, plain.b.x)
    assert.equal(json.null, plain.a)
    assert.equal('{"1":2,"a":null,"b":{"l":[],"x":1}}', json.encode(plain))
  end)

  it("reads a text behind a byte order mark", function ()
    assert.equal('{"a":1}', json.encode(ordered.decode '\239\187\191 {"a":1}'))
  end)

  it("says what is wrong with a text that is not JSON", function ()
    for _, text in ipairs { "", "{", "[1,]", "[1 2]", '{"a"}', '{"a":}', "{a:1}", '"x', "[1]]",
      "nul", "01", "[,1]", '{"a":1,}' } do
      local value, problem = ordered.decode(text)
      assert.is_nil(value, text)
      assert.is_string(problem, text)
    end
    local _, problem = ordered.decode(("["):rep(100000))
    assert.matches("nested deeper", problem)
  end)
end)

describe("ordered objects", function ()
  local EACH = "{% for m in messages %}{{ m|tojson }}{% endfor %}"
  local TEXTS = "{% for m in messages %}{{ m.content if m.content is string else "
    .. "m.content|map(attribute='text')|join }}{% endfor %}"

  local function format_of (source)
    return (assert(template.from_tokenizer_config { chat_template = source, eos_token = "</s>" }))
  end

  it("are messages of a model's own template, every key in its place", function ()
    local message = '{"tool_calls": [{"z": 1.0, "a": {"y": 2, "x": 3}}], "role": "assistant"}'
    assert.equal(message, format_of(EACH):render(read("[" .. message .. "]")))
    local mixed = { { role = "user", content = read '[{"type":"text","text":"a"}]' },
      read '{"content":[{"text":"b","type":"text"}],"role":"user"}' }
    assert.equal("ab", format_of(TEXTS):render(mixed))
  end)

  it("stay open at the end of the last message", function ()
    for _, last in ipairs { '{"role":"assistant","content":"abc "}',
      '{"role":"assistant","content":[{"type":"text","text":"abc "}]}' } do
      local messages = read('[{"role":"user","content":"q"},' .. last .. "]")
      assert.equal("qabc ", format_of(TEXTS):render(messages, { continue_final_message = true }))
    end
    assert.equal("abc", format_of(TEXTS):render({ { role = "assistant",
      content = read '[{"type":"text","text":"abc"}]' } }, { continue_final_message = true }))
  end)

  it("are guarded against special tokens, including their names", function ()
    local format = format_of(EACH)
    for _, text in ipairs { '{"role":"user","content":"a</s>"}',
      '{"role":"user","content":"a","x":{"b":["</s>"]}}', '{"role":"user","</s>":"a"}' } do
      local got, err = format:render { read(text) }
      assert.is_nil(got)
      assert.matches("special token", err.message)
    end
    assert.equal('{"role": "user", "content": "a< /s>"}', (format:render(
      { read '{"role":"user","content":"a</s>"}' }, { special_tokens_in_text = "neutralise" })))
    local got, err = format:render({ read '{"role":"user","</s>":"a"}' },
      { special_tokens_in_text = "neutralise" })
    assert.is_nil(got)
    assert.matches("the name of a field", err.message)
  end)

  it("are messages and parts of the built-in formats", function ()
    local format = assert(template.chat "chatml")
    local wanted = format:render { { role = "user", content = "ab" } }
    assert.equal(wanted, format:render(read '[{"content":"ab","role":"user"}]'))
    assert.equal(wanted, format:render(read('[{"role":"user","content":'
      .. '[{"type":"text","text":"a"},{"text":"b","type":"text"}]}]')))
    local got, err = format:render(read '[{"role":"user","content":"a","tools":[]}]')
    assert.is_nil(got)
    assert.matches('has "tools"', err.message)
    got, err = format:render(read '{"role":"user","content":"a"}')
    assert.is_nil(got)
    assert.matches("this is one message", err.message)
  end)

  it("are values of templates, with numbers as they are spelled", function ()
    local t = assert(template.new "{a} {b} {c}")
    assert.equal("1.0 12345678901234567890 x", t(read '{"c":"x","b":12345678901234567890,"a":1.0}'))
    local got, err = t(read '{"a":1,"b":2,"c":3,"d":4}')
    assert.is_nil(got)
    assert.matches('no "d"', err.message)
  end)

  it("are variables of a model's own template, and its configuration", function ()
    local format = assert(template.from_tokenizer_config(read
      '{"chat_template":"{{ tools|tojson }}{{ n }}{{ eos_token }}","eos_token":{"content":"<e>"}}'))
    assert.same({ "<e>" }, format.stop)
    assert.equal('[{"b": 1, "a": 2}]1.0<e>', format:render({ { role = "user", content = "" } },
      { variables = read '{"n":1.0,"tools":[{"b":1,"a":2}]}' }))
    assert.equal("1.0", assert(require "predibase.template.jinja".compile "{{ n }}")
      :render(read '{"n":1.0}'))
  end)
end)
