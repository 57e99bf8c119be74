-- SPDX-License-Identifier: MIT

local json = require "predibase.json"
local scratch = require "spec.support.scratch"
local template = require "predibase.template"

local TURNS = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}"
  .. "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
local HELLO = { { role = "user", content = "hi" } }

local function config (fields)
  local made = { chat_template = TURNS, bos_token = "<s>",
    eos_token = { __type = "AddedToken", content = "</s>" } }
  for name, value in pairs(fields or {}) do made[name] = value end
  return made
end

describe("template.from_tokenizer_config", function ()
  it("makes a format of a decoded table", function ()
    local format = assert(template.from_tokenizer_config(config()))
    assert.equal("<s><user>hi</s><assistant>",
      format:render(HELLO, { add_generation_prompt = true }))
    assert.equal("<user>hi</s>", format:render(HELLO, { bos_token = false }))
    assert.same({ "</s>" }, format.stop)
    assert.same({ "</s>", "<s>" }, format.special_tokens)
  end)

  it("guards texts against every special token of the tokenizer", function ()
    local format = assert(template.from_tokenizer_config(config {
      additional_special_tokens = { "<|a|>", { content = "<|bb|>" } },
      added_tokens_decoder = { ["7"] = { content = "<|ccc|>", special = true },
        ["8"] = { content = "plain", special = false } },
    }))
    assert.same({ "<|ccc|>", "<|bb|>", "<|a|>", "</s>", "<s>" }, format.special_tokens)
    local text, err = format:render { { role = "user", content = "x<|ccc|>" } }
    assert.is_nil(text)
    assert.matches("special token", err.message)
    assert.is_string(format:render { { role = "user", content = "plain" } })
  end)

  it("reads a file, and the template in a second file", function ()
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    local function write (name, text)
      local file = assert(io.open(folder .. "/" .. name, "wb"))
      file:write(text)
      file:close()
    end
    write("tokenizer_config.json", assert(json.encode(config())))
    local path = folder .. "/tokenizer_config.json"
    local first = assert(template.from_tokenizer_config(path)):render(HELLO)
    write("chat_template.jinja", "own {{ bos_token }}{{ messages|length }}\n")
    local second = assert(template.from_tokenizer_config(path)):render(HELLO)
    local third = assert(template.from_tokenizer_config(folder .. "/chat_template.jinja"))
    os.remove(folder .. "/chat_template.jinja")
    os.remove(path)
    os.remove(folder)
    assert.equal("<s><user>hi</s>", first)
    assert.equal("own <s>1", second)
    assert.equal("own <s>1", third:render(HELLO))
  end)

  describe("with the files of a model", function ()
    local folder, path
    before_each(function ()
      folder = scratch.new()
      path = folder .. "/tokenizer_config.json"
    end)
    after_each(function () scratch.remove(folder) end)

    local function write (name, value)
      scratch.write(folder .. "/" .. name, type(value) == "string" and value or json.encode(value))
    end

    local function refused (source, options)
      local format, err = template.from_tokenizer_config(source, options)
      assert.is_nil(format)
      assert.equal("template", err.kind)
      return err.message
    end

    it("guards the tokens of all of them", function ()
      write("tokenizer_config.json", { chat_template = TURNS, tokenizer_class = "LlamaTokenizer",
        image_token = "<img>", extra_special_tokens = { voice_token = "<voice>" } })
      write("special_tokens_map.json", { additional_special_tokens = { "<|a|>" } })
      write("tokenizer.json", '{"version":"1.0","added_tokens":[{"id":1,"content":"<|b|>",'
        .. '"special":true},{"id":2,"content":"plain","special":false}],"model":{"vocab":{"x":')
      local format = assert(template.from_tokenizer_config(path))
      assert.same({ "<voice>", "<img>", "<unk>", "<|a|>", "<|b|>", "</s>", "<s>" },
        format.special_tokens)
      assert.same({ "</s>" }, format.stop)
      assert.equal("<s><user>hi</s>", format:render(HELLO))
    end)

    it("names a token that is in no file, and accepts it as an option", function ()
      write("tokenizer_config.json", { chat_template = TURNS, tokenizer_class = "OwnTokenizer",
        eos_token = "</s>" })
      local message = refused(path)
      assert.matches('uses bos_token, and the class "OwnTokenizer" may', message, 1, true)
      assert.matches('tokens = { bos_token = "…" }', message, 1, true)
      local tokens = { bos_token = "<b>" }
      local format = assert(template.from_tokenizer_config(path, { tokens = tokens }))
      assert.equal("<b><user>hi</s>", format:render(HELLO))
      format = assert(template.from_tokenizer_config(path, { tokens = { bos_token = false } }))
      assert.equal("<user>hi</s>", format:render(HELLO))
      assert.same({ "</s>" }, format.special_tokens)
      write("tokenizer_config.json", { chat_template = TURNS })
      assert.matches("the tokenizer's class", refused(path), 1, true)
      write("tokenizer_config.json", { chat_template = TURNS, bos_token = json.null,
        eos_token = json.null, tokenizer_class = "OwnTokenizer" })
      assert.equal("<user>hi", assert(template.from_tokenizer_config(path)):render(HELLO))
    end)

    it("reads them in the folder of a template file", function ()
      write("chat_template.jinja", TURNS)
      assert.matches("uses bos_token", refused(folder .. "/chat_template.jinja"))
      write("tokenizer_config.json", { tokenizer_class = "GemmaTokenizerFast" })
      local format = assert(template.from_tokenizer_config(folder .. "/chat_template.jinja"))
      assert.equal("<bos><user>hi<eos>", format:render(HELLO))
      write("plain.jinja", "{{ messages[0].content }}")
      assert.equal("hi", assert(template.from_tokenizer_config(folder .. "/plain.jinja"))
        :render(HELLO))
    end)

    it("looks for the template of the processor last", function ()
      write("tokenizer_config.json", { tokenizer_class = "PreTrainedTokenizerFast" })
      assert.matches("no chat_template", refused(path))
      write("chat_template.json", { chat_template = "P" })
      assert.equal("P", assert(template.from_tokenizer_config(path)):render(HELLO))
    end)

    it("names the file that is wrong", function ()
      write("tokenizer_config.json", { chat_template = "x" })
      write("special_tokens_map.json", "[]")
      assert.matches("special_tokens_map.json: is not a JSON object", refused(path), 1, true)
      write("special_tokens_map.json", {})
      write("tokenizer.json", '{"added_tokens":[{"id":}]}')
      assert.matches("tokenizer.json: the added tokens", refused(path), 1, true)
      write("tokenizer_config.json", "{")
      assert.matches("tokenizer_config.json: is not a JSON object", refused(path), 1, true)
    end)

    it("does not leave the folder because of a template's name", function ()
      write("tokenizer_config.json", { chat_template = "x" })
      write("secret.jinja", "s")
      assert.matches('there is no template "../secret"', refused(path, { template = "../secret" }),
        1, true)
    end)

    it("drops byte order marks", function ()
      local mark = "\239\187\191"
      write("tokenizer_config.json", mark .. json.encode { tokenizer_class = "LlamaTokenizer" })
      write("chat_template.jinja", mark .. "a\r\n{{ bos_token }}{{ voice_token }}\r\n")
      write("special_tokens_map.json", mark .. '{"voice_token":"<v>"}')
      assert.equal("a\n<s><v>", assert(template.from_tokenizer_config(path)):render(HELLO))
    end)
  end)

  it("chooses among named templates as transformers does", function ()
    local list = { { name = "default", template = "D" },
      { name = "tool_use", template = "T{{ tools[0].name }}" }, { name = "rag", template = "R" } }
    local format = assert(template.from_tokenizer_config(config { chat_template = list }))
    assert.equal("D", format:render(HELLO))
    assert.equal("Tf", format:render(HELLO, { variables = { tools = { { name = "f" } } } }))
    local rag = assert(template.from_tokenizer_config(config { chat_template = list },
      { template = "rag" }))
    assert.equal("R", rag:render(HELLO, { variables = { tools = { { name = "f" } } } }))
    local none, err = template.from_tokenizer_config(config { chat_template = list },
      { template = "tools" })
    assert.is_nil(none)
    assert.matches("there are: default, rag, tool_use", err.message)
  end)

  it("passes tools with the order of their keys", function ()
    local ordered = require "predibase.template.ordered"
    local tools = assert(ordered.decode '[{"zeta": {"b": 1, "a": []}, "alpha": null}]')
    local format = assert(template.from_tokenizer_config(config {
      chat_template = "{{ tools|tojson }}" }))
    assert.equal('[{"zeta": {"b": 1, "a": []}, "alpha": null}]',
      format:render(HELLO, { variables = { tools = tools } }))
    assert.equal("null", format:render(HELLO))
  end)

  it("passes numbers as Python reads them", function ()
    local ordered = require "predibase.template.ordered"
    local function rendered (source, text)
      local format = assert(template.from_tokenizer_config(config { chat_template = source }))
      return (assert(format:render(HELLO, { variables = { x = assert(ordered.decode(text)) } })))
    end
    for given, wanted in pairs {
      ["[0.0, 1.0, 1, -0.0]"] = "[0.0, 1.0, 1, -0.0]", ["1e5"] = "100000.0", ["1.50"] = "1.5",
      ["[9007199254740993, -12345678901234567890]"] = "[9007199254740993, -12345678901234567890]",
      ["-0"] = "0", ["1E3"] = "1000.0",
    } do
      assert.equal(wanted, rendered("{{ x|tojson }}", given))
      assert.equal(wanted, rendered("{{ x }}", given))
    end
    local big = "12345678901234567890"
    for source, wanted in pairs {
      ["{{ x is integer }} {{ x is number }} {{ x is float }}"] = "True True False",
      ["{{ x == x }} {{ x == 1 }} {{ x != 1.5 }}"] = "True False True",
      ["{{ '%d|%s' % (x, x) }}"] = big .. "|" .. big, ["{{ x|int }}{{ x ~ '' }}"] = big .. big,
      ["{{ 'y' if x else 'n' }}"] = "y", ["{{ '{}'.format(x) }}"] = big,
    } do
      assert.equal(wanted, rendered(source, big), source)
    end
    for source, wanted in pairs {
      ["{{ x + 1 }}"] = "an integer beyond 2^53", ["{{ x < 1 }}"] = "an integer beyond 2^53",
      ["{{ 1 < x }}"] = "an integer beyond 2^53", ["{{ x <= x }}"] = "an integer beyond 2^53",
      ["{{ [x, 5]|sort }}"] = "an integer beyond 2^53",
      ["{{ '{:,}'.format(x) }}"] = "the format '{:,}' is not supported",
    } do
      local format = assert(template.from_tokenizer_config(config { chat_template = source }))
      local text, err = format:render(HELLO, { variables = { x = assert(ordered.decode(big)) } })
      assert.is_nil(text, source)
      assert.matches(wanted, err.message, 1, true)
    end
  end)

  it("passes on the template's own error", function ()
    local format = assert(template.from_tokenizer_config(config {
      chat_template = "\n{{ raise_exception('No system role') }}" }, { name = "mine" }))
    local text, err = format:render(HELLO)
    assert.is_nil(text)
    assert.equal("template", err.kind)
    assert.matches('chat format "mine": No system role %(line 2%)', err.message)
  end)

  it("says what is wrong with a configuration", function ()
    for _, case in ipairs {
      { {}, "no chat_template" }, { { chat_template = json.null }, "no chat_template" },
      { { chat_template = { { name = 1 } } }, "must be a string or a list" },
      { { chat_template = "{% if %}" }, "line 1" },
      { { chat_template = { { name = "x", template = "y" } } }, "no default template" },
      { "/nonexistent/tokenizer_config.json", "No such file" },
    } do
      local format, err = template.from_tokenizer_config(case[1])
      assert.is_nil(format)
      assert.equal("template", err.kind)
      assert.is_truthy(err.message:find(case[2], 1, true), err.message)
    end
    assert.error_matches(function () template.from_tokenizer_config(1) end,
      "a path or a table, got a number")
    assert.error_matches(function () template.from_tokenizer_config({}, { nam = 1 }) end, "name")
    for _, tokens in ipairs { 1, { 1 }, { bos_token = 1 }, { bos_token = true } } do
      assert.error_matches(function () template.from_tokenizer_config({}, { tokens = tokens }) end,
        "takes tokens as")
    end
  end)
end)
