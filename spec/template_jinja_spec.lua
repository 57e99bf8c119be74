-- SPDX-License-Identifier: MIT
-- Values of the language itself; `make jinja` compares many more templates with Jinja.

local errors = require "predibase.errors"
local jinja = require "predibase.template.jinja"
local json = require "predibase.json"

local function rendered (source, context)
  return assert(assert(jinja.compile(source)):render(context))
end

local function check (cases)
  for i = 1, #cases, 2 do
    assert.equal(cases[i + 1], rendered(cases[i], { user = "Ann", n = 5, list = { 3, 1, 2 },
      data = json.object { { "b", 1 }, { "a", { 2.5, true, json.null } } } }), cases[i])
  end
end

describe("predibase.template.jinja", function ()
  it("writes values as Python does", function ()
    check {
      "{{ user }} {{ n }} {{ nothing }}|{{ none }} {{ true }} {{ 1.0 }} {{ 1e16 }} {{ 1e-5 }}",
      "Ann 5 |None True 1.0 1e+16 1e-05",
      "{{ data }} {{ (1,) }} {{ () }} {{ ['it\\'s', 'a\"b\\n'] }}",
      "{'b': 1, 'a': [2.5, True, None]} (1,) () [\"it's\", 'a\"b\\n']",
      "{{ data.items() }} {{ data.keys()|list }} {{ range(3) }}",
      "dict_items([('b', 1), ('a', [2.5, True, None])]) ['b', 'a'] range(0, 3)",
    }
  end)

  it("computes as Python does", function ()
    check {
      "{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ -7.5 // 2 }} {{ 2.5 * 2 }} "
        .. "{{ +n - -n }}",
      "3 -4 2 3.5 -4.0 5.0 10",
      "{{ 1 + 1.5 }} {{ 'a' + 'b' }} {{ 'ab' * 2 }} {{ [1] + [2] }} {{ 1 ~ 'x' ~ none }}",
      "2.5 ab abab [1, 2] 1xNone",
      "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in 'cat' }} {{ 4 not in list }} "
        .. "{{ 1 == 1.0 == true }}",
      "True False True True True",
      "{{ 1 and 0 or 'x' }} {{ not 1 }} {{ 'y' if n > 4 else 'z' }} {{ '' or none or [] }}",
      "x False y []",
    }
  end)

  it("takes items, attributes and slices", function ()
    check {
      "{{ list[0] }} {{ list[-1] }} {{ list[5] }}| {{ data['b'] }} {{ data.a.0 }}", "3 2 | 1 2.5",
      "{{ list[1:] }} {{ list[::-1] }} {{ 'héllo'[1:3] }} {{ 'héllo'[::-1] }} {{ 'abc'[-2:] }}",
      "[1, 2] [2, 1, 3] él olléh bc",
      "{{ '日本語'|length }} {{ data.get('z', 'no') }} {{ data.items is defined }}", "3 no True",
    }
  end)

  it("iterates with loop, else, if, break and continue", function ()
    check {
      "{% for x in list %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ x }},{% endfor %}",
      "1TrueFalse3,2FalseFalse1,3FalseTrue2,",
      "{% for x in list if x > 1 %}{{ x }}/{{ loop.length }} {% else %}none{% endfor %}",
      "3/2 2/2 ",
      "{% for x in [] %}{% else %}none{% endfor %}", "none",
      "{% for k, v in data.items() %}{{ k }}={{ v }};{% endfor %}", "b=1;a=[2.5, True, None];",
      "{% for x in range(9) %}{% if x == 1 %}{% continue %}{% elif x > 3 %}{% break %}{% endif %}"
        .. "{{ x }}{% endfor %}", "023",
      "{% for x in list %}{{ loop.previtem }}>{{ loop.nextitem }} {% endfor %}", ">1 3>2 1> ",
    }
  end)

  it("keeps variables of a loop inside the loop, except those of namespaces", function ()
    check {
      "{% set x = 1 %}{% for i in list %}{% set x = i %}{{ x }}{% endfor %}{{ x }}", "3121",
      "{% set ns = namespace(x=0) %}{% for i in list %}{% set ns.x = ns.x + i %}{% endfor %}"
        .. "{{ ns.x }}", "6",
      "{% if true %}{% set y = 2 %}{% endif %}{{ y }}", "2",
      "{% for i in [1] %}{{ user }}{% endfor %}{% set user = 2 %}", "",
      "{% if false %}{% set user = 2 %}{% endif %}{{ user }}", "Ann",
    }
  end)

  it("calls macros, and blocks as their caller", function ()
    check {
      "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=4, a=n) }}",
      "12 13 54",
      "{% macro m(t) %}<{{ caller(t) }}>{% endmacro %}{% call(x) m('in') %}{{ x }}!{% endcall %}",
      "<in!>",
      "{% macro tree(n) %}{{ n }}{% if n %}{{ tree(n - 1) }}{% endif %}{% endmacro %}{{ tree(3) }}",
      "3210",
    }
  end)

  it("controls white space as configured in transformers", function ()
    check {
      "a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc",
      "a  {%- if true -%}  b  {%- endif %} c", "ab c",
      "  {{ n }}  \n", "  5  ", "a\n  {%+ if true %}x{% endif +%}\nb", "a\n  x\nb",
      "x\n  {# note #}\ny {{- n -}} z", "x\ny5z", "{% raw %}{{ n }}{% endraw %}", "{{ n }}",
      "a\r\nb\rc\n\n", "a\nb\nc\n",
    }
  end)

  it("writes JSON as transformers does", function ()
    check {
      "{{ data|tojson }}", '{"b": 1, "a": [2.5, true, null]}',
      "{{ {'k': '<é\">'}|tojson }} {{ 'é'|tojson(ensure_ascii=true) }}",
      '{"k": "<é\\">"} "\\u00e9"',
      "{{ data|tojson(indent=2) }}",
      '{\n  "b": 1,\n  "a": [\n    2.5,\n    true,\n    null\n  ]\n}',
      "{{ data|tojson(separators=(',', ':'), sort_keys=true) }}", '{"a":[2.5,true,null],"b":1}',
    }
  end)

  it("uses the given time", function ()
    local template = assert(jinja.compile "{{ strftime_now('%Y-%m-%d') }}")
    assert.equal(os.date("%Y-%m-%d", 86400 * 400), template:render({}, { now = 86400 * 400 }))
  end)

  it("copies its variables and never changes them", function ()
    local messages = { { role = "user", content = "x" } }
    rendered("{% for m in messages %}{% set m = 1 %}{% endfor %}", { messages = messages })
    assert.same({ { role = "user", content = "x" } }, messages)
  end)

  it("reads the keys of plain tables in the usual order", function ()
    assert.equal("{'type': 'function', 'function': {'name': 'f', 'parameters': {}, 'z': []}}",
      rendered("{{ t }}", { t = { ["function"] = { z = {}, parameters = {}, name = "f" },
        type = "function" } }))
  end)

  it("says what is wrong and in which line", function ()
    for source, expected in pairs {
      ["a\n{{ x.y.z }}"] = { 2, "'x' is undefined" },
      ["\n\n{% if n < 'a' %}{% endif %}"] = { 3, "not supported between" },
      ["{% for x in y %}"] = { 1, "unexpected end of template" },
      ["a\n{{ n | nosuch }}"] = { 2, "there is no filter 'nosuch'" },
      ["{% include 'x' %}"] = { 1, "not supported" },
      ["{{ 'a }}"] = { 1, "closing quote" },
      ["{{ raise_exception('Roles must alternate') }}"] = { 1, "Roles must alternate" },
      ["{{ [1].append(2) }}"] = { 1, "unsafe" },
      ["{{ ''.__class__.__mro__ }}"] = { 1, "unsafe" },
      ["{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}"] = { 1, "not more than 1 argument(s)" },
      ["{% macro m(a) %}{% endmacro %}{{ m(b=2) }}"] = { 1, "no keyword argument 'b'" },
      ["{% macro m(a=1, b) %}{% endmacro %}"] = { 1, "non-default argument follows default" },
      ["{{ x.'a' }}"] = { 1, "expected name or number after the dot" },
      ["{{ n[1:2, 3] }}"] = { 1, "a slice inside brackets with commas" },
      ["{{ n() }}"] = { 1, "'int' object is not callable" },
      ["{{ 'a'|trim(chars='b', nosuch=1) }}"] = { 1, "has no argument 'nosuch'" },
      ["{{ [1]|map('nosuch')|list }}"] = { 1, "there is no filter 'nosuch'" },
      ["{{ ', '.join(['a', 1]) }}"] = { 1, "sequence item 1: expected str instance" },
      ["{{ [1]|tojson(separators=('a',)) }}"] = { 1, "separators are two strings" },
    } do
      local template, err = jinja.compile(source)
      if template then template, err = template:render { n = 1 } end
      assert.is_nil(template)
      assert.is_true(errors.is(err))
      assert.equal("template", err.kind)
      assert.equal(expected[1], err.line, source)
      assert.is_truthy(err.message:find(expected[2], 1, true), err.message)
    end
  end)

  it("calls and compares what expressions give", function ()
    local source = "{% macro m(a) %}<{{ a }}>{% endmacro %}{% set d = {'f': m} %}"
      .. "{{ d.f(1) }}{{ (d['f'])(2) }}{{ none == none }}{{ u == u }}"
    assert.equal("<1><2>TrueTrue", rendered(source, {}))
  end)

  it("refuses what no chat template uses, by its name", function ()
    for line in io.lines "spec/jinja/unsupported.txt" do
      local name, source = line:match("^([^#\t][^\t]*)\t(.*)$")
      if name then
        local template, err = jinja.compile(source)
        if template then
          template, err = template:render { text = "a", number = 7, ratio = 2.5,
            words = { "b", "a" }, numbers = { 3, 1 }, mapping = { zeta = 1 },
            messages = { { role = "user", name = "b" } } }
        end
        assert.is_nil(template, source)
        assert.equal("template", err.kind)
        assert.is_truthy(err.message:find(name, 1, true), source .. ": " .. err.message)
      end
    end
  end)

  it("raises only for misuse by the program", function ()
    assert.error_matches(function () jinja.compile(1) end, "as a string, got a number")
    assert.error_matches(function () jinja.compile("", { max_stepz = 1 }) end, "max_steps")
    local template = assert(jinja.compile "x")
    assert.error_matches(function () template:render(1) end, "as a table, got a number")
    assert.error_matches(function () template:render { [1] = 2 } end, "names .* are strings")
    assert.error_matches(function () template.render {} end, "must be called with a colon")
    local _, err = template:render { f = { g = print } }
    assert.matches("f%.g: a function cannot be given to a template", err.message)
    _, err = template:render { t = { a = 1, [3] = 1 } }
    assert.matches("t: a table with the key the number 3 among others", err.message)
  end)
end)
