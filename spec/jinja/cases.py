# SPDX-License-Identifier: MIT
"""Templates of our own that use every construct found in published chat templates, and templates
with constructs of Jinja that none uses."""

import pathlib

CONTEXT = {
    "text": "Some Text", "empty": "", "number": 7, "zero": 0, "ratio": 2.5, "yes": True,
    "no": False, "nil": None, "words": ["delta", "alpha", "Charlie", "bravo", "alpha"],
    "numbers": [3, 1, 2, 10, -4], "mixed": [1, "a", None, True, 2.5, [1, 2], {"k": "v"}],
    "mapping": {"zeta": 1, "Alpha": "x", "mid": [1, 2], "items_": None},
    "bos_token": "<s>", "eos_token": "</s>",
    "messages": [
        {"role": "system", "content": " Be brief. \n"},
        {"role": "user", "content": "Hi <|x|> ünï"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes", "tool_calls": [
            {"id": "abc", "function": {"name": "f", "arguments": {"a": 1, "b": [True, None]}}}]},
        {"role": "tool", "content": {"t": 21.5}, "name": "f"},
        {"role": "user", "content": [{"type": "text", "text": "part"}, {"type": "image"}]},
    ],
    "tools": [{"type": "function", "function": {
        "name": "weather", "description": "It's the weather", "parameters": {
            "type": "object", "properties": {
                "city": {"type": "string"}, "days": {"type": ["integer", "null"]}}}}}],
}

# White space, where the line ends matter.
BLOCKS = [
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a  {# c\n d #}  \n b",
    "a\n{%- if true -%}\n b \n{%- endif -%}\nc\n\n", "  {{ text }}  \n  {{- text -}}  \n x",
    "\n\n{# c #}\n\n  {#- d -#}  e", "x {%+ if true +%}\n y{% endif %}\n", "a\r\nb\rc\n\r\n",
    "{% raw %}\n {{ x }}\n{% endraw %}\nz", "a {%- raw -%} {{ x }} {%- endraw -%} z",
    "\t{% set x = 1 %}\t\n\u00a0{% set y = 2 %}\nz", "{{ text -}}\n\n {{ text }}",
    "{% for x in numbers %}\n  {{ x }}\n{% endfor %}\n", "{% if true %}{% endif %}\n\nx",
    "{% for x in numbers -%}\n  {{ x }},\n{%- endfor %}\n", " {% if true %} {% endif %} ",
    "{{ '\n' }}{{ 'a\r\nb' }}", "{{ {'a': {'b': 1}} }}", "{", "{ {", "}}", "%}", "#}", "{{ 'open",
    "{{ '}}' }}{{ \"%}\" }}", "\u3000{% if true %}\u2003x{% endif %}\u2028\n", "{% if true %}",
    "{%- for m in messages %}\n    {%- if m.role == 'user' %}\n        {{- 'U: ' }}\n"
    "    {%- else %}\n        {{- m.role }}\n    {%- endif %}\n{%- endfor %}",
    '{{ "a\\\nb" }}', "{% set x\n = 1\n%}{{\nx\n}}", "{#", "{% raw %}", "{{", "{%",
]


def templates():
    """Every construct alone."""
    path = pathlib.Path(__file__).with_name("constructs.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("## ")] + BLOCKS


def unsupported():
    """Templates that the interpreter refuses, each with a part of the message."""
    path = pathlib.Path(__file__).with_name("unsupported.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split("\t", 1) for line in lines if line and not line.startswith("## ")]


def combined(single):
    """Every construct after another one, and inside a loop, a condition and a macro."""
    out = []
    for i, one in enumerate(single):
        other = single[(i * 7 + 3) % len(single)]
        out.append(one + "\n" + other)
        out.append("{% for m in [1, 2] %}" + one + "{% endfor %}" + other)
        out.append("{% if yes %}\n  " + one + "\n{% else %}" + other + "{% endif %}")
        out.append("{%- macro made(text) -%}" + one + "{%- endmacro -%}{{ made('T') }}" + other)
    return out
