-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local scratch = require "spec.support.scratch"
local template = require "predibase.template"

local function rendered (text, values, options)
  return (assert(assert(template.new(text, options)):render(values)))
end

--- The message of the error that rendering ends with.
local function refused (text, values, options)
  local result, err = assert(template.new(text, options)):render(values)
  assert.is_nil(result)
  assert.is_true(errors.is(err))
  assert.equal("template", err.kind)
  return err.message
end

local function broken (text)
  local result, err = template.new(text)
  assert.is_nil(result)
  assert.equal("template", err.kind)
  return err
end

describe("a template", function ()
  it("inserts values", function ()
    local t = assert(template.new "### Instruction: {instruction}\n### Response:")
    assert.equal("### Instruction: Sing.\n### Response:", (t:render { instruction = "Sing." }))
    assert.equal("### Instruction: Sing.\n### Response:", (t { instruction = "Sing." }))
  end)

  it("can be rendered any number of times", function ()
    local t = assert(template.new "{a}{?b} and {b}{/b}")
    for _ = 1, 3 do
      assert.equal("1", (t { a = 1 }))
      assert.equal("1 and 2", (t { a = 1, b = 2 }))
    end
  end)

  it("lists its names in the order of their first appearance", function ()
    local t = assert(template.new "{b}{?c}{a}{/c}{b}{a=1}{d-e.f}")
    assert.same({ "b", "c", "a", "d-e.f" }, t.variables)
    assert.equal("predibase.template (b, c, a, d-e.f)", tostring(t))
    assert.same({}, assert(template.new "plain").variables)
  end)

  it("accepts the name of any column", function ()
    for _, name in ipairs { "Consumer complaint text", "질문", "Straße", "2nd_line", "size (cm)",
      "is it spam?", "1", "City, State", "what's up", "a/b", "50%", "x_1.y-z", "[x]", "%s" } do
      local t = assert(template.new(("{?%s}<{%s}>{:else}-{/%s}{%s=d}"):format(
        name, name, name, name)))
      assert.same({ name }, t.variables)
      assert.equal("<v>v", (t { [name] = "v" }))
      assert.equal("-d", (t {}))
    end
  end)

  it("replaces doubled braces by single ones", function ()
    assert.equal("{}", rendered "{{}}")
    assert.equal('{"a": 1, "b": {}}', rendered('{{"a": {x}, "b": {{}}}}', { x = 1 }))
    assert.equal("{x}", rendered "{{x}}")
    assert.equal("{1}", rendered("{{{x}}}", { x = 1 }))
  end)

  it("never expands a value again", function ()
    assert.equal("{b} {{ {?a} %1 {a} b", rendered("{a} {b}", { a = "{b} {{ {?a} %1 {a}", b = "b" }))
  end)

  it("writes numbers as people do", function ()
    local t = assert(template.new "{n}")
    for text, n in pairs {
      ["3"] = 3.0, ["0.1"] = 0.1, ["-2.5"] = -2.5, ["0"] = -0.0, ["0.00001"] = 1e-5,
      ["100000000000000000000"] = 1e20, ["1e21"] = 1e21, ["1.5e300"] = 1.5e300,
      ["1e-7"] = 1e-7, ["0.0000125"] = 12.5e-6, ["-1234567.5"] = -1234567.5,
      ["0.30000000000000004"] = 0.1 + 0.2, ["9007199254740991"] = 2^53 - 1,
    } do
      assert.equal(text, (t { n = n }))
      assert.equal(n, tonumber(text))
    end
  end)

  it("inserts any bytes", function ()
    local bytes = {}
    for byte = 0, 255 do bytes[#bytes + 1] = string.char(byte) end
    local all = table.concat(bytes)
    assert.equal("<" .. all .. ">", rendered("<{x}>", { x = all }))
  end)

  it("has defaults", function ()
    assert.equal("calm", rendered("{mood=calm}", {}))
    assert.equal("sad", rendered("{mood=calm}", { mood = "sad" }))
    assert.equal("", rendered("{mood=}", {}))
    assert.equal("", rendered("{mood=calm}", { mood = "" }))
    assert.equal("a {b}\n=", rendered("{mood=a {{b}}\n=}", {}))
  end)
end)

describe("an optional part", function ()
  local t = assert(template.new "a{?x} [{x}]{:else} -{/x} b")

  it("is rendered when a value is given", function ()
    assert.equal("a [1] b", (t { x = 1 }))
    assert.equal("a [0] b", (t { x = 0 }))
    assert.equal("a [ ] b", (t { x = " " }))
  end)

  it("is replaced by the other part without a value", function ()
    for _, nothing in ipairs { {}, { x = "" }, { x = false } } do
      assert.equal("a - b", (t(nothing)))
    end
  end)

  it("needs no values of its own when it is not rendered", function ()
    assert.equal("", rendered("{?x}{y}{/x}", {}))
    assert.matches('no value for "y"', refused("{?x}{y}{/x}", { x = 1 }))
  end)

  it("is rendered for true", function ()
    assert.equal("brief", rendered("{?short}brief{/short}", { short = true }))
    assert.matches('"x" must be a string or a number, got the boolean true',
      refused("{?x}{x}{/x}", { x = true }))
  end)

  it("can be nested", function ()
    local nested = "{?a}({?b}{a}{b}{:else}{a}{/b}){:else}{?b}{b}{/b}{/a}"
    assert.equal("(12)", rendered(nested, { a = 1, b = 2 }))
    assert.equal("(1)", rendered(nested, { a = 1 }))
    assert.equal("2", rendered(nested, { b = 2 }))
    assert.equal("", rendered(nested, {}))
  end)

  it("removes the line of a tag that is alone on it", function ()
    local text = "a\n  {?x}  \nwith {x}\n{:else}\r\nwithout\n\t{/x}\nb"
    assert.equal("a\nwith 1\nb", rendered(text, { x = 1 }))
    assert.equal("a\nwithout\nb", rendered(text, {}))
    assert.equal("one\n", rendered("{?x}\none\n{/x}", { x = 1 }))
    assert.equal("a\n\nb", rendered("a\n{?x}1{/x}\nb", {}))
    assert.equal("  .\n", rendered("  {?x}1{/x}.\n", {}))
  end)
end)

describe("rendering", function ()
  it("names the values that are missing", function ()
    assert.equal('no value for "b"', refused("{a}{b}{b}", { a = 1 }))
    assert.equal('no values for "a", "b"', refused("{a}{b}", {}))
    assert.equal('no value for "a"', refused("{a}", nil))
    assert.equal('no value for "a"', refused("{a}", { a = false }))
  end)

  it("names a value that the template does not use, and the nearest name", function ()
    assert.equal('there is no "instuction" in this template; did you mean "instruction"?',
      refused("{instruction}", { instruction = 1, instuction = 2 }))
    assert.equal('there is no "x" in this template', refused("plain", { x = 1 }))
    assert.matches("got one at the number 1", refused("{a}", { "x", a = 1 }))
  end)

  it("ignores other values on request", function ()
    assert.equal("1", rendered("{a}", { a = 1, b = 2 }, { allow_extra = true }))
    local t = assert(template.new "{a}")
    assert.equal("1", (t:render({ a = 1, b = 2 }, { allow_extra = true })))
    assert.is_nil((t:render { a = 1, b = 2 }))
  end)

  it("writes booleans where it is told to, and still has them as conditions", function ()
    local t = template.new "{a} {b} {?a}yes{:else}no{/a} {?b}yes{:else}no{/b} {b=x}"
    assert.equal("true false yes no false",
      (t:render({ a = true, b = false }, { booleans = true })))
    local text, err = t:render { a = true, b = false }
    assert.is_nil(text)
    assert.equal('"a" must be a string or a number, got the boolean true', err.message)
  end)

  it("has the text that it was made from", function ()
    assert.equal("<{a}>", template.new("<{a}>").text)
  end)

  it("accepts strings and numbers only", function ()
    assert.matches('"a" must be a string or a number, got a table', refused("{a}", { a = {} }))
    assert.matches("the number nan", refused("{a}", { a = 0 / 0 }))
    assert.matches("the number inf", refused("{a}", { a = math.huge }))
    assert.matches("got a function", refused("{a}", { a = print }))
  end)

  it("ignores the metatable of the values", function ()
    local values = setmetatable({}, { __index = function () error "looked" end })
    assert.matches("no value", refused("{a}", values))
  end)

  it("raises for arguments of wrong types", function ()
    local t = assert(template.new "{a}")
    assert.error_matches(function () t:render "a" end, "takes the values as a table, got a string")
    assert.error_matches(function () t "a" end, "takes the values as a table, got a string")
    assert.error_matches(function () t.render({}, {}) end, "with a colon")
    assert.error_matches(function () t:render({}, 1) end, "its options as a table, got a number")
    assert.error_matches(function () t:render({}, { extra = 1 }) end, 'unknown option "extra"')
  end)
end)

describe("a template's text", function ()
  it("is refused with line and column", function ()
    for text, expected in pairs {
      ["{"] = { 1, 1, "is not a variable" }, ["a\nb }"] = { 2, 3, "must be written twice, }}" },
      ["{ a b}"] = { 1, 1, '"{ a b}" has spaces at the ends of its name, which is written {a b}' },
      ["{?a }"] = { 1, 1, "is written {a}" }, ["{ }"] = { 1, 1, "is not a variable" },
      ["{a: b}"] = { 1, 1, '"{a: b}" is not a variable: a name has none of' },
      ["{/?a}"] = { 1, 1, "does not begin with" }, ["{a\nb}"] = { 1, 1, "is not a variable" },
      ["{a;}"] = { 1, 1, "if this brace is text, write {{ and }}" },
      ["\n\n \"{\"a\": 1}"] = { 3, 3, "is not a variable" },
      ["\195\164\195\182 {}"] = { 1, 4, "{}" },
      ["x{?a}"] = { 1, 2, "{?a} has no {/a}" }, ["{/a}"] = { 1, 1, "{/a} without {?a}" },
      ["{?a}{?b}{/a}{/b}"] = { 1, 9, "{/a} where {/b} was expected" },
      ["{:else}"] = { 1, 1, "{:else} is not inside" },
      ["{?a}{:else}{:else}{/a}"] = { 1, 12, "a second {:else} in the part {?a}" },
      ["{a=b"] = { 1, 1, "the default of {a=…} has no end" },
      ["{a=b{c}}"] = { 1, 5, "inside the default of {a=…}" },
    } do
      local err = broken(text)
      assert.same({ expected[1], expected[2] }, { err.line, err.column }, text)
      assert.is_truthy(err.message:find(expected[3], 1, true), err.message)
      assert.matches(("^line %d, column %d: "):format(err.line, err.column), err.message)
    end
  end)

  it("is refused when parts are nested too deeply", function ()
    assert.matches("nested deeper than 32", broken(("{?a}"):rep(33) .. ("{/a}"):rep(33)).message)
    assert.equal("x", rendered(("{?a}"):rep(32) .. "x" .. ("{/a}"):rep(32), { a = 1 }))
  end)

  it("must be a string, and its options must exist", function ()
    assert.error_matches(function () template.new(1) end, "new takes a string, got a number")
    assert.error_matches(function () template.new("", 1) end, "takes its options as a table")
    assert.error_matches(function () template.new("", { extra = 1 }) end, "unknown option")
  end)
end)

describe("values that break a format", function ()
  local text = "<s>[INST] {x} [/INST]"

  it("are refused when the template has a format", function ()
    assert.matches('"x" has the special token "%[/INST%]" in its text',
      refused(text, { x = "a [/INST] b" }, { format = "llama-2" }))
    assert.equal("<s>[INST] a [/INST]", rendered(text, { x = "a" }, { format = "llama-2" }))
    local format = assert(template.chat "llama-2")
    assert.matches("</s>", refused(text, { x = "</s>" }, { format = format }))
  end)

  it("are refused when the text around them completes a token", function ()
    assert.matches("make up a special token",
      refused("<{x}", { x = "/s>" }, { format = "llama-2" }))
    assert.matches("make up a special token",
      refused("{x}{y}", { x = "</", y = "s>" }, { format = "llama-2" }))
    assert.equal("a < b", rendered("{x} {y}", { x = "a <", y = "b" }, { format = "llama-2" }))
  end)

  it("become plain text, or stay unchanged, on request", function ()
    assert.equal("<s>[INST] a [ /INST] b [/INST]", rendered(text, { x = "a [/INST] b" },
      { format = "llama-2", special_tokens_in_text = "neutralise" }))
    assert.equal("<s>[INST] </s> [/INST]", rendered(text, { x = "</s>" },
      { format = "llama-2", special_tokens_in_text = "allow" }))
  end)

  it("need a format that exists", function ()
    local _, err = template.new("", { format = "lama-2" })
    assert.matches("no chat format is called that; there are llama%-2", err.message)
    _, err = template.new("", { format = 2 })
    assert.matches("must be a chat format or the name of one", err.message)
    _, err = template.new("", { special_tokens_in_text = "neutralise" })
    assert.matches("needs a format", err.message)
    _, err = template.new("", { special_tokens_in_text = "deny", format = "llama-2" })
    assert.matches('must be "refuse", "neutralise" or "allow"', err.message)
  end)
end)

describe("template.load", function ()
  local folder, path

  setup(function ()
    folder = scratch.new()
    path = folder .. "/a.txt"
  end)

  teardown(function () scratch.remove(folder) end)

  it("reads a file without the line end that editors add", function ()
    scratch.write(path, "\239\187\191a {x}\n")
    assert.equal("a 1", (assert(template.load(path)) { x = 1 }))
    scratch.write(path, "a {x}\n\r\n")
    assert.equal("a 1\n", (assert(template.load(path)) { x = 1 }))
    scratch.write(path, "")
    assert.equal("", (assert(template.load(path)) {}))
    scratch.write(path, "a\r\n{x}\r\nb\rc\r\n")
    assert.equal("a\n1\nb\rc", (assert(template.load(path)) { x = 1 }))
  end)

  it("names the file in its errors", function ()
    scratch.write(path, "a\n{")
    local _, err = template.load(path)
    assert.equal(1, (err.message:find(path .. ": line 2, column 1: ", 1, true)))
    scratch.write(path, "{a}")
    _, err = assert(template.load(path)):render {}
    assert.equal(path .. ': no value for "a"', err.message)
    _, err = template.load(path .. ".none")
    assert.equal("template", err.kind)
    assert.is_truthy(err.message:find(path .. ".none", 1, true))
    _, err = template.load "spec"
    assert.matches("directory", err.message)
  end)

  it("raises for a path that is not a string", function ()
    assert.error_matches(function () template.load() end, "template.load takes a string, got a nil")
  end)
end)
