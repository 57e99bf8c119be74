-- SPDX-License-Identifier: MIT
-- Templates that try to use up the program's time or memory, or to read its data.

local jinja = require "predibase.template.jinja"

--- The message of the error that a template ends in.
local function refused (source, options)
  local template, err = jinja.compile(source, options)
  local text
  if template then text, err = template:render { x = "y" } end
  assert.is_nil(text)
  assert.equal("template", err.kind)
  return err.message
end

describe("a hostile template", function ()
  it("ends after a number of steps", function ()
    assert.matches("more than 10000 steps", refused("{% for a in range(1000) %}"
      .. "{% for b in range(1000) %}{% endfor %}{% endfor %}", { max_steps = 10000 }))
    assert.matches("steps", refused("{% set ns = namespace(l=[1]) %}{% for i in range(99) %}"
      .. "{% set ns.l = ns.l + ns.l %}{% endfor %}"))
    assert.matches("%* of a list is not supported", refused("{{ ['a'] * 1000000000000 }}"))
    assert.matches("steps", refused("{% set ns = namespace(s=['a'], t=['a']) %}"
      .. "{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}"
      .. "{% endfor %}{{ ns.s == ns.t }}",
      { max_steps = 100000 }))
  end)

  it("pays for every string that it reads", function ()
    -- A thousand rounds over megabytes: more than any limit of steps allows.
    for _, case in ipairs {
      { "'a' * 4000000", "a|length" }, { "'é' * 2000000", "a|length" },
      { "' ' * 4000000 ~ 'c'", "a|trim" }, { "' ' * 4000000 ~ 'c'", "a.strip()" },
      { "'a' * 4000000", "a[::-1]" }, { "'é' * 2000000", "a[::-1]" }, { "'é' * 2000000", "a[:-1]" },
      { "'a' * 4000000", "'b' in a" }, { "'a' * 4000000", "a.find('b')" },
      { "'a' * 4000000", "a.count('b')" }, { "'a' * 4000000", "a.split('b')" },
      { "'a' * 4000000", "a.replace('b', 'c')" }, { "'a' * 4000000", "a|upper" },
      { "'a' * 4000000", "a is lower" }, { "'a' * 4000000", "a.isdigit()" },
      { "'a' * 4000000", "a[-1]" }, { "'a' * 4000000", "a == a ~ ''" },
      { "'a' * 4000000", "[a, a]|sort" }, { "'a' * 4000000", "{a: 1}" },
      { "'a' * 4000000", "a|tojson" }, { "'a' * 4000000", "'%s' % a" },
      { "'a' * 4000000", "a.rsplit('b', 1)" }, { "'é' * 2000000", "a.split()" },
    } do
      assert.matches("steps", refused("{% set a = " .. case[1] .. " %}{% for i in range(1000) %}"
        .. "{% set b = " .. case[2] .. " %}{% endfor %}", { max_steps = 2000000 }))
    end
    -- As many comparisons as two lengths multiplied.
    for _, form in ipairs { "b in a", "a.find(b)", "a.rsplit(b, 1)", "a.split(b)",
      "a.replace(b, '')", "a.partition(b)", "a.count(b)" } do
      assert.matches("steps", refused("{% set a = 'a' * 1000000 %}{% set b = 'a' * 400000 ~ 'b' "
        .. "~ 'a' * 100000 %}{{ " .. form .. " }}"))
    end
  end)

  it("may process long texts a few times", function ()
    local text = ("Ein Satz über Wörter.\n"):rep(5000)
    local template = assert(jinja.compile("{% for i in range(20) %}{% set t = x|trim %}"
      .. "{% if 'Kein Satz dieser Art steht in dem langen Text' in t %}!{% endif %}"
      .. "{{ t[:3] ~ t[-3:] ~ t|length }}{{ t.split('\n')|length }}{{ t.startswith('Ein') }}"
      .. "{{ x.strip()[0] ~ x.rstrip('\n')[-1] }}{% endfor %}"))
    assert.equal(("Einer.1099995000TrueE."):rep(20), template:render { x = text })
  end)

  it("may iterate over the characters of a text", function ()
    assert.equal("['a', 'é', 'b']", assert(jinja.compile "{{ 'aéb'|list }}"):render())
    assert.matches("no filter 'batch'", refused("{{ 'aéb'|batch(2)|list }}"))
  end)

  it("says which option sets the limit", function ()
    assert.matches("the option max_steps", refused("{% for a in range(9) %}{% endfor %}",
      { max_steps = 5 }))
  end)

  it("makes no string or range that is too large", function ()
    assert.matches("string of more than", refused("{{ 'a' * 1000000000000 }}"))
    assert.matches("string of more than", refused("{% set ns = namespace(s='ab') %}"
      .. "{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}"))
    assert.matches("string of more than",
      refused("{{ ('a' * 1000000).replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaa') }}"))
    assert.matches("format '%%99999999999d' is not supported", refused("{{ '%99999999999d' % 1 }}"))
    assert.matches("format '{:>99999999999}' is not supported",
      refused("{{ '{:>99999999999}'.format(1) }}"))
    assert.matches("range of more than", refused("{{ range(1000000) }}"))
    assert.matches("bytes of output", refused("{% set s = 'a' * 1000000 %}"
      .. "{% for i in range(99) %}{{ s }}{% endfor %}"))
    assert.matches("a tuple as a key of a dict is not supported",
      refused("{% set ns = namespace(s=('a',)) %}"
      .. "{% for i in range(60) %}{% set ns.s = (ns.s, ns.s) %}{% endfor %}{{ {ns.s: 1} }}"))
  end)

  it("does not go too deep", function ()
    assert.matches("without end", refused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"))
    assert.matches("without end", refused("{% macro f() %}{% for i in [1] %}{% if i %}"
      .. "{% for j in [1] %}{{ f()|trim ~ (1 + (2 * f())) }}{% endfor %}{% endif %}{% endfor %}"
      .. "{% endmacro %}{{ f() }}"))
    for piece, closing in pairs { ["("] = ")", ["-"] = "", ["not "] = "", ["["] = "]",
      ["{1: "] = "}" } do
      local source = "{{ " .. piece:rep(20000) .. "1" .. closing:rep(20000) .. " }}"
      assert.matches("levels of nesting", refused(source))
    end
    for _, piece in ipairs { ".a", "[0]", "|list", "()", " if 1 else 1" } do
      assert.matches("levels of nesting", refused("{{ x" .. piece:rep(20000) .. " }}"))
    end
    assert.matches("levels of nesting", refused(("{% if 1 %}"):rep(20000)))
    assert.matches("nested too deeply", refused("{% set ns = namespace(s=[]) %}"
      .. "{% for i in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}"))
    assert.matches("type Namespace is not supported",
      refused("{% set ns = namespace() %}{% set ns.n = ns %}{{ ns }}"))
  end)

  it("may have a long sum, which is not deep", function ()
    assert.equal("20001", assert(jinja.compile("{{ 1" .. (" + 1"):rep(20000) .. " }}")):render())
  end)

  it("fails with its own error, however long the source is", function ()
    for _, source in ipairs {
      ("{{"):rep(200000), ("{%"):rep(200000), ("{#"):rep(200000),
      "{% raw %}" .. ("{%  "):rep(100000), "{{ '" .. (" x"):rep(100000),
      (" "):rep(500000) .. "{%- if 1 %}", "{{ 1" .. (" "):rep(500000),
    } do
      assert.is_string(refused(source))
    end
    assert.matches("source has more than", refused((" "):rep(2000000)))
  end)

  it("cannot reach anything of the program", function ()
    for _, source in ipairs {
      "{{ os.execute('true') }}", "{{ _G.print }}", "{{ load('x')() }}", "{{ x.format.call() }}",
      "{{ namespace.call() }}", "{{ range.kind.x }}", "{{ loop.rt.x }}",
      "{% for i in [1] %}{{ loop.rt.steps }}{% endfor %}",
      "{% for i in [1] %}{{ loop.next_item() }}{% endfor %}", "{{ ''.__class__.__base__ }}",
      "{{ '{0.__class__.__mro__}'.format(x) }}", "{{ [].n.x }}", "{{ {}.map.x }}",
    } do
      assert.is_string(refused(source))
    end
  end)
end)
