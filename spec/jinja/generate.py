# SPDX-License-Identifier: MIT
"""Random templates made of every construct that the interpreter supports.

Most expressions get operands of a fitting type, so that most templates render; others get any
operand, so that errors are compared as well. The same seed gives the same templates. They use the variables of
`cases.CONTEXT`."""

import random

TEXTS = ["", "a", "Hello", " spaced out\t", "ünï", "日本語", "two\nlines\n", "it's \"so\"", "{}",
         "<b>&</b>", "a,b,,c", "x" * 12, "Hello World", "42", "-7", "3.5", "\u00a0nb\u3000", "%s"]

# Letters for the parts of a rule: S a string, I an integer, F a float, B a boolean, Q an iterable,
# D a dict, A anything, each one level deeper; s, i, a: simple ones. L a slice, N a digit.
STRINGS = """S + S#S ~ A#S|upper#S|lower#S|trim#S|capitalize#S|title#S|string#S|safe#(S).strip()
(S).lstrip()#(S).rstrip()#(S).upper()#(S).title()#(S).capitalize()#(S).strip(s)
(S).lstrip(s)#(S).rstrip(s)#(S).replace(s, s)#S|replace(s, s)#(S)[L]#(S)[i]#A|tojson#A|string
A|tojson(indent=N)#A|tojson(ensure_ascii=true)#S * N#S * -1#Q|join(s)#s.join(words)#S|indent(N)
S|indent(N, true)#S|indent(N, blank=true)#(S if B else S)#A|default(s)#A|default(s, true)
'%s' % A#'[%s|%s]' % (A, a)#'%d' % I#'{}'.format(A)
'<{0}{1}{0}>'.format(S, a)#'{x}'.format(x=A)#S|first#S|last#S|reverse#S|escape
(S).split(s)[0]#(S).split(s)[-1]#(S).split(s)|last#(S).rsplit(s, 1)|first
(S).partition(s)[N]#(S).removeprefix(s)#(S).removesuffix(s)#strftime_now('%d %b %Y')#S|trim(s)#S|e#S|safe ~ s#(S|safe) + s"""
INTEGERS = """(I + I)#(I - I)#(I * I)#(I // I)#(I % I)#A|length#S|int#Q|count#numbers|min#-I#I|abs
numbers|max#numbers|first#(S).find(s)#(S).count('l')#F|int#words|length#A|int(N)"""
FLOATS = """(I / I)#(F + I)#(F - F)#(F * I)#(F // I)#(F % I)#I|float#S|float#-F#F|abs#numbers|max / I"""
TRUTHS = """A == A#A != A#I < I#I >= I#I > I#S < S#i < I <= i#S in S#S not in S#a in Q#a not in Q#not B
'role' in messages[0]#'zeta' in mapping#'x' in absent#(B and B)#(B or B)#A is defined#A is undefined
A is none#A is not none#A is string#A is mapping#A is iterable#A is sequence#A is number#A is integer
A is float#A is boolean#A is true#A is false#A is callable#I is odd#I is even#I is divisibleby 3
A is eq a#A is ne a#I is gt(i)#I is le i#S is in words#(S).startswith(s)#(S).endswith(s)
(S).isdigit()#(S).isupper()#(S).islower()#(S).isspace()#A is sameas true#S is lower#A is eq(A)"""
SEQUENCES = """[A, a]#(A, a)#[A]#(Q)[L]#(Q|list)[L]#Q|list + [a]#Q|reverse|list#S|list#(S).split()
(S).split(s)#words|sort#numbers|sort(reverse=true)#words|sort(case_sensitive=true)#words|unique|list
words|map('upper')|list#words|map('length')|list#messages|map(attribute='role')|list
messages|map(attribute='content.t')|list#messages|map(attribute='name', default='-')|list
messages|selectattr('role', 'equalto', 'user')|list#messages|rejectattr('role', 'eq', 'tool')|list
messages|selectattr('role', 'in', words)|list#messages|selectattr('tool_calls')|list
messages|selectattr('name', 'defined')|list#Q|select|list#Q|reject('string')|list#Q|select('none')|list
mapping|items|list#mapping|dictsort#mapping.items()|list#mapping.keys()|list#mapping.values()|list
range(i, i)|list#range(i, i, 2)#range(i, i, -1)|list
(S).splitlines()#(S).splitlines(true)#D|list#(Q)|sort#Q|map('string')|list#numbers|map('abs')"""
DICTS = "{s: A, 'z': a}#dict(a=A)#dict(mapping, b=a)#{'role': S, 'content': A}#{i: A, s: i}"
WILD = """nil#absent#mixed[N]#mixed[-N]#mapping.mid#mapping.absent#mapping['zeta']#mapping.get('q')
messages[2].tool_calls[0].function#none#messages[1]['role']#(S if B)#messages[N].content#mapping.get(s)
mapping[s]#tools#ratio#(1, 'x')#range(3)#messages[2].get('tool_calls')#A.x#A['x']#D.z#D|items|list"""
PLAIN = {"I": "-5#-1#0#1#2#3#7#12#number#zero", "F": "ratio#1.0#0.1#1e3#1.5e-7#12345.678#1e9#0.5",
         "B": "true#false#yes#no#True#nil#empty#number#text#none", "D": "mapping#{}#{'k': 1}#messages[0]",
         "Q": "words#numbers#mixed#messages#[]#()#[1, 'b']#('x',)#range(4)#mapping#text",
         "A": "nil#absent#true#number#ratio#text#words#mapping#'x'#1#[1]#none#messages[1]"}
RULES = {"S": STRINGS, "I": INTEGERS, "F": FLOATS, "B": TRUTHS, "Q": SEQUENCES, "D": DICTS}
LOOP = """loop.index#loop.index0#loop.first#loop.last#loop.length#loop.revindex#loop.revindex0
loop.previtem#loop.nextitem#loop.nextitem is defined"""


def split(rules):
    return [rule for line in rules.split("\n") for rule in line.split("#")]


RULES = {kind: split(rules) for kind, rules in RULES.items()}
PLAIN = {kind: split(rules) for kind, rules in PLAIN.items()}
WILD, LOOP = split(WILD), split(LOOP)


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names, self.macros, self.loop = [], [], 0

    def pick(self, *choices):
        return self.random.choice(choices)

    def chance(self, percent):
        return self.random.random() * 100 < percent

    # --- expressions ----------------------------------------------------------

    def literal(self):
        quote = self.pick("'", '"')
        out = self.random.choice(TEXTS).replace("\\", "\\\\").replace(quote, "\\" + quote)
        return quote + (out.replace("\n", "\\n") if self.chance(70) else out) + quote

    def plain(self, kind):
        if kind == "S":
            return self.pick(self.literal(), self.literal(), "text", "empty")
        return self.random.choice(PLAIN[kind])

    def slice(self):
        def bound():
            return self.pick("", "", str(self.random.randint(-4, 5)))
        return f"{bound()}:{bound()}{self.pick('', '', ':', ':-1', ':2', ':-2')}"

    def value(self, kind, depth):
        if kind == "A":
            if self.names and self.chance(25):
                return self.random.choice(self.names)
            if depth > 0 and self.chance(20):
                return self.filled(self.random.choice(WILD), depth)
            if depth > 0 or self.chance(50):
                kind = self.pick("S", "S", "I", "B", "Q", "D", "F")
        if depth <= 0:
            return self.plain(kind)
        return self.filled(self.random.choice(RULES[kind]), depth)

    def filled(self, rule, depth):
        """Replaces the letters of a rule by values, except inside words and quotes."""
        out, quoted = "", False
        for at, char in enumerate(rule):
            before, after = rule[at - 1] if at else " ", rule[at + 1:at + 2] or " "
            if char == "'":
                quoted = not quoted
            if quoted or before.isalnum() or before in "_.'" or after.isalnum() or after == "_":
                out += char
            elif char in "SIFBQDA":
                out += self.value(char, depth - 1)
            elif char in "sia":
                out += self.plain(char.upper())
            elif char == "L":
                out += self.slice()
            elif char == "N":
                out += str(self.random.randint(0, 4))
            else:
                out += char
        return out

    # --- statements -----------------------------------------------------------

    def tag(self, inside):
        return ("{%" + self.pick("", "", "-", "-", "+") + " " + inside + " "
                + self.pick("", "", "-", "-", "+") + "%}")

    def data(self):
        return self.pick("", " ", "\n", "  \n", "\n  ", "text", "text \n", "\n\n  x  \n", "<|end|>",
                         "\t", " a b ", "}", "{", "\r\n", "日本\u3000")

    def output(self):
        inside = self.value("A", self.random.randint(0, 3))
        return f"{self.pick('{{', '{{', '{{-')} {inside} {self.pick('}}', '}}', '-}}')}"

    def comment(self):
        return "{#" + self.pick("", "-") + " note {{ }} " + self.pick("", "-", "+") + "#}"

    def raw(self):
        opening = self.pick("{% raw %}", "{%- raw -%}", "{% raw -%}")
        return opening + self.data() + "{{ not }} {% rendered" + self.data() + self.tag("endraw")

    def name(self):
        return self.pick("va", "vb", "vc", "text", "number", "words")

    def assign(self):
        name, value = self.name(), self.value("A", 2)
        self.names.append(name)
        if self.chance(15):
            return self.tag(f"set {name}, vd = {value}, {self.value('A', 1)}")
        return self.tag(f"set {name} = {value}")

    def looping(self):
        if self.chance(50):
            return "{{ %s }}" % self.random.choice(LOOP)
        return (self.tag(f"if {self.value('B', 1)}") + self.tag(self.pick("break", "continue"))
                + self.tag("endif"))

    def statement(self, depth):
        kinds = [self.output] * 3 + [self.data] * 2 + [self.comment, self.assign]
        if self.chance(10):
            kinds.append(self.raw)
        if self.loop:
            kinds += [self.looping] * 3
        if self.macros:
            kinds.append(self.invoke)
        if depth <= 0:
            return self.random.choice(kinds)()
        kinds += [lambda: self.for_loop(depth - 1), lambda: self.if_block(depth - 1)] * 3
        kinds += [lambda: self.set_block(depth - 1), lambda: self.macro(depth - 1),
                  lambda: self.filter_block(depth - 1), lambda: self.generation(depth - 1),
                  self.namespace, self.call_block]
        return self.random.choice(kinds)()

    def body(self, depth):
        names = len(self.names)
        out = "".join(self.statement(depth) for _ in range(self.random.randint(1, 4)))
        if self.chance(60):
            del self.names[names:]
        return out

    def for_loop(self, depth):
        target, items = self.pick("x", "y", "m"), self.value("Q", self.random.randint(0, 2))
        if self.chance(20):
            target = "k, v"
            items = self.pick("mapping.items()", "mapping|items", "mapping|dictsort", "[(1, 2)]")
        test = f" if {self.value('B', 1)}" if self.chance(12) else ""
        if self.chance(10):
            test = f" if {target[0]} is {self.pick('defined', 'string', 'mapping')}"
        names = len(self.names)
        self.names += target.split(", ")
        self.loop += 1
        inside = self.body(depth)
        self.loop -= 1
        del self.names[names:]
        other = self.tag("else") + self.body(0) if self.chance(20) else ""
        return self.tag(f"for {target} in {items}{test}") + inside + other + self.tag("endfor")

    def if_block(self, depth):
        out = self.tag(f"if {self.value('B', 2)}") + self.body(depth)
        while self.chance(25):
            out += self.tag(f"elif {self.value('B', 1)}") + self.body(depth)
        if self.chance(40):
            out += self.tag("else") + self.body(depth)
        return out + self.tag("endif")

    def set_block(self, depth):
        name, wrap = self.name(), self.pick("", "", " | upper", " | trim | title")
        out = self.tag(f"set {name}{wrap}") + self.body(depth) + self.tag("endset")
        self.names.append(name)
        return out

    def namespace(self):
        value = self.pick("x", self.value("A", 1), "ns.v ~ loop.index")
        return (self.tag(f"set ns = namespace(v={self.value('A', 1)}, n=0)")
                + self.tag(f"for x in {self.value('Q', 1)}") + self.tag("set ns.n = ns.n + 1")
                + self.tag(f"set ns.v = {value}") + self.body(0) + self.tag("endfor")
                + "{{ ns.n }}{{ ns.v }}{{ ns.absent is defined }}")

    def separate(self, depth):
        loop, self.loop = self.loop, 0
        out = self.body(depth)
        self.loop = loop
        return out

    def macro(self, depth):
        name, names = self.pick("ma", "mb", "mc"), len(self.names)
        self.names += ["p", "q"]
        inside = self.separate(depth)
        inside += self.pick("", "{{ caller is defined }}")
        del self.names[names:]
        self.macros.append(name)
        return self.tag(f"macro {name}(p, q={self.value('A', 0)})") + inside + self.tag("endmacro")

    def invoke(self):
        args = self.pick("", "A", "a, a", "q=a", "a, z=1", "1, 2, 3")
        return "{{ %s(%s) }}" % (self.random.choice(self.macros), self.filled(args, 1))

    def call_block(self):
        return (self.tag("macro called(n)") + "[{{ caller(n) }}|{{ caller() }}]"
                + self.tag("endmacro") + self.tag(f"call(c=0) called({self.value('A', 0)})")
                + "{{ c }}" + self.separate(0) + self.tag("endcall"))

    def filter_block(self, depth):
        wrap = self.pick("upper", "trim", "replace(1, 2)", "title|trim", "indent(2)")
        return self.tag(f"filter {wrap}") + self.body(depth) + self.tag("endfilter")

    def generation(self, depth):
        return self.tag("generation") + self.separate(depth) + self.tag("endgeneration")

    def template(self):
        self.names, self.macros, self.loop = [], [], 0
        return "".join(self.statement(2) for _ in range(self.random.randint(1, 5))) + self.data()


def templates(seed, count):
    generator = Generator(seed)
    return [generator.template() for _ in range(count)]
