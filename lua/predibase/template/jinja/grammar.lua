-- SPDX-License-Identifier: MIT
--- The parser. A node is a table `{ type, line, … }`. Operators of the same precedence that follow
-- each other become one node, so that a long sum is not a deep tree.
-- @module predibase.template.jinja.grammar

local filters = require "predibase.template.jinja.filters"
local lexer = require "predibase.template.jinja.lexer"
local tests = require "predibase.template.jinja.tests"
local values = require "predibase.template.jinja.values"

local M = {}

-- Expressions.

--- Makes a node from a table of its fields.
local function node (kind, line, fields)
  fields.type, fields.line = kind, line
  return fields
end

local CONSTANTS = { ["true"] = true, ["True"] = true, ["false"] = false, ["False"] = false,
  none = values.NONE, None = values.NONE }

--- Tells whether a name may be assigned to.
local function assignable (name)
  return CONSTANTS[name] == nil
end

local expression, primary

local function tuple_end (s, stop)
  local kind = s.token.type
  if kind == "}}" or kind == "%}" or kind == ")" then return true end
  return stop ~= nil and kind == "name" and s.token.value == stop
end

--- Reads one expression, or several with commas between them as a tuple. Fields of `how`: `simple`
-- (only names, for targets), `no_if` and `namespace` (as for `expression` and `primary`), `stop` (a
-- name that ends the tuple), `brackets` (the tuple may be empty).
local function tuple (s, how)
  how = how or {}
  local line, args, several = s.token.line, {}, false
  while true do
    if #args > 0 then s:expect(",") end
    if tuple_end(s, how.stop) then break end
    if how.simple then
      args[#args + 1] = primary(s, how.namespace)
    else
      args[#args + 1] = expression(s, how.no_if)
    end
    if not s:is(",") then break end
    several = true
  end
  if several then return node("tuple", line, { items = args }) end
  if args[1] then return args[1] end
  if not how.brackets then s:fail("expected an expression, got " .. s:describe()) end
  return node("tuple", line, { items = args })
end

local function pair (s)
  local key = expression(s)
  s:expect(":")
  return { key, expression(s) }
end

--- Reads a name, a literal, or an expression in brackets. With `namespace`, `name.attribute` is a
-- target of an assignment.
function primary (s, namespace)
  local token = s.token
  local kind, line = token.type, token.line
  if kind == "name" then
    s:next()
    local constant = CONSTANTS[token.value]
    if constant ~= nil then return node("const", line, { value = constant }) end
    if namespace and s:is(".") then
      s:next()
      return node("nsref", line, { name = token.value, attribute = s:expect("name").value })
    end
    return node("name", line, { name = token.value })
  elseif kind == "string" then
    local parts = {}
    while s:is("string") do parts[#parts + 1] = s:next().value end
    return node("const", line, { value = table.concat(parts) })
  elseif kind == "integer" or kind == "float" then
    local value = s:next().value
    return node("const", line, { value = kind == "float" and values.float(value) or value })
  elseif kind == "(" then
    s:enter()
    s:next()
    local inner = tuple(s, { brackets = true })
    s:expect(")")
    s:leave()
    return inner
  elseif kind == "[" or kind == "{" then
    s:enter()
    s:next()
    local items = s:list(kind == "[" and "]" or "}", kind == "[" and expression or pair)
    s:leave()
    return node(kind == "[" and "list" or "dict", line, { items = items })
  end
  s:fail("unexpected " .. s:describe())
end

--- Records a filter or test that does not exist. Inside the statement `if` it is an error only when
-- it runs, so it is not recorded there.
local function check_exists (s, list, what, name, line)
  if list[name] or s.soft then return end
  s.unknown[#s.unknown + 1] = { what = what, name = name, line = line }
end

--- Reads the arguments of a call.
local function call_args (s)
  local args, kwargs, seen = {}, {}, {}
  local open = s:expect("(")
  s:enter()
  s:list(")", function ()
    if s:is("*") or s:is("**") then s:fail("* and ** in a call are not supported") end
    if not (s:is("name") and s:look().type == "=") then
      if kwargs[1] then s:fail("invalid arguments of a call", open.line) end
      args[#args + 1] = expression(s)
      return true
    end
    local name = s:next().value
    if seen[name] then s:fail(("keyword argument repeated: %s"):format(name)) end
    s:next()
    seen[name] = true
    kwargs[#kwargs + 1] = { name = name, value = expression(s) }
    return true
  end)
  s:leave()
  return { args = args, kwargs = kwargs }
end

--- Reads one bound of a slice; nil when it is left out.
local function bound (s)
  if s:is(":") or s:is("]") or s:is(",") then return nil end
  return expression(s)
end

--- Reads what stands between brackets: a slice or an expression.
local function index_or_slice (s)
  local line, start = s.token.line, nil
  if not s:is(":") then
    start = expression(s)
    if not s:is(":") then return start end
  end
  s:next()
  local stop, step = bound(s), nil
  if s:skip(":") then step = bound(s) end
  return node("slice", line, { start = start, stop = stop, step = step })
end

local function subscript (s, inner)
  local line = s.token.line
  if s:skip(".") then
    local token = s:next()
    if token.type == "name" then
      return node("attribute", line, { inner = inner, name = token.value })
    elseif token.type ~= "integer" then
      s:fail("expected name or number after the dot", token.line)
    end
    return node("item", line, { inner = inner,
      key = node("const", line, { value = token.value }) })
  end
  s:expect("[")
  s:enter()
  local args = s:list("]", index_or_slice)
  s:leave()
  local key = args[1]
  if #args ~= 1 then key = node("tuple", line, { items = args }) end
  return node("item", line, { inner = inner, key = key })
end

local function call (s, inner)
  return node("call", s.token.line, { inner = inner, given = call_args(s) })
end

--- Reads the name of a filter or test, which may have dots in it.
local function dotted (s)
  local name = s:expect("name").value
  while s:skip(".") do name = name .. "." .. s:expect("name").value end
  return name
end

--- Reads the filters after a value. `inner` is the node of the value, or nil for the filters of a
-- block. With `inline`, the first filter has no `|` in front of it.
local function filters_after (s, inner, inline)
  local before = s.depth
  while inline or s:is("|") do
    if not inline then s:next() end
    inline = false
    local line, name = s.token.line, dotted(s)
    check_exists(s, filters, "filter", name, line)
    local given = s:is("(") and call_args(s) or nil
    inner = node("filter", line, { inner = inner, name = name, given = given })
    s:enter()
  end
  s.depth = before
  return inner
end

local ARGUMENT = { name = true, string = true, integer = true, float = true, ["("] = true,
  ["["] = true, ["{"] = true }
local NO_ARGUMENT = { ["else"] = true, ["or"] = true, ["and"] = true }

--- Reads the attributes, items and calls after a value.
local function postfix (s, inner)
  local before = s.depth
  while true do
    if s:is(".") or s:is("[") then
      inner = subscript(s, inner)
    elseif s:is("(") then
      inner = call(s, inner)
    else
      s.depth = before
      return inner
    end
    s:enter()
  end
end

local function test (s, inner)
  local line = s:next().line
  local negated = s:skip("name", "not")
  local name, given = dotted(s), nil
  check_exists(s, tests, "test", name, line)
  if s:is("(") then
    given = call_args(s)
  elseif ARGUMENT[s.token.type] and not (s:is("name") and NO_ARGUMENT[s.token.value]) then
    if s:is("name", "is") then s:fail("tests cannot be chained with is") end
    given = { args = { postfix(s, primary(s)) }, kwargs = {} }
  end
  local made = node("test", line, { inner = inner, name = name, given = given })
  return negated and node("not", line, { inner = made }) or made
end

--- Reads the filters, tests and calls after a value.
local function trailing (s, inner)
  local before = s.depth
  while true do
    if s:is("|") then
      inner = filters_after(s, inner)
    elseif s:is("name", "is") then
      inner = test(s, inner)
    elseif s:is("(") then
      inner = call(s, inner)
    else
      break
    end
    s:enter()
  end
  s.depth = before
  return inner
end

--- Reads a value with its signs. A sign is applied before a filter: `-x|abs` is `(-x)|abs`.
local function unary (s, plain)
  local line = s.token.line
  local made
  if s:is("-") or s:is("+") then
    s:enter()
    local sign = s:next().type
    made = node(sign == "-" and "negative" or "positive", line, { inner = unary(s, true) })
    s:leave()
  else
    made = primary(s)
  end
  made = postfix(s, made)
  return plain and made or trailing(s, made)
end

-- Each of these functions takes the parser of the operators with the next higher precedence, and
-- returns a parser.

--- Returns a parser of binary operators of one precedence, which are applied from left to right.
local function binary (below, operators)
  return function (s)
    local line, first = s.token.line, below(s)
    if not operators[s.token.type] then return first end
    local rest = {}
    while operators[s.token.type] do
      local token = s:next()
      rest[#rest + 1] = { operator = token.type, value = below(s) }
    end
    return node("binary", line, { first = first, rest = rest })
  end
end

--- Returns a parser of operands with the sign `~` or a word between them.
local function several (below, kind, word)
  return function (s)
    local line, items = s.token.line, { below(s) }
    while s:skip(word and "name" or "~", word) do items[#items + 1] = below(s) end
    return items[2] and node(kind, line, { items = items }) or items[1]
  end
end

local COMPARES = { ["=="] = true, ["!="] = true, [">"] = true, [">="] = true, ["<"] = true,
  ["<="] = true }

local function comparison (s)
  if COMPARES[s.token.type] then return s:next().type end
  if s:skip("name", "in") then return "in" end
  local ahead = s:look()
  if s:is("name", "not") and ahead.type == "name" and ahead.value == "in" then
    s:next()
    s:next()
    return "not in"
  end
end

--- Returns a parser of comparisons, which may be chained: `a < b < c`.
local function compares (below)
  return function (s)
    local line, first, rest = s.token.line, below(s), {}
    local operator = comparison(s)
    while operator do
      rest[#rest + 1] = { operator = operator, value = below(s) }
      operator = comparison(s)
    end
    return rest[1] and node("compare", line, { first = first, rest = rest }) or first
  end
end

local function negated (below)
  local function read (s)
    if not s:is("name", "not") then return below(s) end
    s:enter()
    local line = s:next().line
    local made = node("not", line, { inner = read(s) })
    s:leave()
    return made
  end
  return read
end

local power = binary(unary, { ["**"] = true })
local product = binary(power, { ["*"] = true, ["/"] = true, ["//"] = true, ["%"] = true })
local sum = binary(several(product, "concat"), { ["+"] = true, ["-"] = true })
local conjunction = several(negated(compares(sum)), "and", "and")
local disjunction = several(conjunction, "or", "or")

--- Reads one expression. With `no_if`, an `if` after it is not read.
function expression (s, no_if)
  s:enter()
  local line, mark = s.token.line, #s.unknown
  local made = disjunction(s)
  local levels = 0
  while not no_if and s:is("name", "if") do
    s:enter()
    levels = levels + 1
    s:next()
    local condition, other = disjunction(s), nil
    if s:skip("name", "else") then other = expression(s) end
    made = node("choice", line, { condition = condition, yes = made, no = other })
    for i = #s.unknown, mark + 1, -1 do s.unknown[i] = nil end
  end
  s.depth = s.depth - levels
  s:leave()
  return made
end

-- Statements.

local body, statement

--- Reads a part of the template in which an unknown filter or test is an error even if it never
-- runs, as in Jinja. The parts of the statement `if` are read without this function.
local function hard (s, read, ...)
  local soft = s.soft
  s.soft = false
  local made = read(s, ...)
  s.soft = soft
  return made
end

--- Reads a target of an assignment: a name, a tuple of names, or an attribute of a namespace.
local function target (s, how)
  local line = s.token.line
  local made = tuple(s, how)
  local function check (part)
    if part.type == "tuple" then
      for _, item in ipairs(part.items) do check(item) end
    elseif part.type == "name" and part.name == "loop" and how.stop then
      s:fail("can't assign to the special variable loop", line)
    elseif part.type ~= "nsref"
      and not (part.type == "name" and assignable(part.name))
    then
      s:fail("can't assign to this", line)
    end
  end
  check(made)
  return made
end

local function name_of (s)
  local token = s:expect("name")
  if not assignable(token.value) then s:fail("can't assign to this", token.line) end
  return token.value
end

local parse = {}

parse["for"] = function (s, line)
  local goal = target(s, { simple = true, stop = "in" })
  s:expect("name", "in")
  local made = node("for", line, { target = goal })
  made.iter = tuple(s, { no_if = true, stop = "recursive" })
  if s:skip("name", "if") then made.test = hard(s, expression) end
  if s:is("name", "recursive") then
    s:fail("recursive loops are not supported; use a macro that calls itself")
  end
  s.loops = s.loops + 1
  made.body = hard(s, body, { "else", "endfor" })
  s.loops = s.loops - 1
  if made.body.stop == "else" then made.other = hard(s, body, { "endfor" }) end
  return made
end

parse["if"] = function (s, line)
  local soft = s.soft
  s.soft = true
  local made = node("if", line, { branches = {} })
  repeat
    local condition = tuple(s, { no_if = true })
    local inner = body(s, { "elif", "else", "endif" })
    made.branches[#made.branches + 1] = { condition = condition, body = inner }
  until inner.stop ~= "elif"
  if made.branches[#made.branches].body.stop == "else" then made.other = body(s, { "endif" }) end
  s.soft = soft
  return made
end

parse["set"] = function (s, line)
  local goal = target(s, { simple = true, namespace = true })
  if s:skip("=") then
    return node("set", line, { target = goal, value = tuple(s) })
  end
  local wrap = s:is("|") and filters_after(s, nil) or nil
  return node("setblock", line, { target = goal, filter = wrap,
    body = hard(s, body, { "endset" }) })
end

--- Reads the parameters of a macro or call block.
local function signature (s)
  s:expect("(")
  local optional = false
  return s:list(")", function ()
    local param = { name = name_of(s) }
    if s:skip("=") then
      param.default, optional = expression(s), true
    elseif optional then
      s:fail("non-default argument follows default argument")
    end
    return param
  end)
end

--- Reads a body that becomes a function of its own, so that `break` in it cannot end an outer loop.
local function own_body (s, stop)
  local loops = s.loops
  s.loops = 0
  local made = hard(s, body, { stop })
  s.loops = loops
  return made
end

parse["macro"] = function (s, line)
  local name = name_of(s)
  local params = hard(s, signature)
  return node("macro", line, { name = name, params = params, body = own_body(s, "endmacro") })
end

parse["call"] = function (s, line)
  local params = s:is("(") and hard(s, signature) or {}
  local called = expression(s)
  if called.type ~= "call" then s:fail("expected call", line) end
  return node("callblock", line, { params = params, call = called,
    body = own_body(s, "endcall") })
end

parse["filter"] = function (s, line)
  local wrap = filters_after(s, nil, true)
  return node("filterblock", line, { filter = wrap, body = hard(s, body, { "endfilter" }) })
end

for _, word in ipairs { "break", "continue" } do
  parse[word] = function (s, line)
    if s.loops == 0 then s:fail(word .. " outside of a loop", line) end
    return node(word, line, {})
  end
end

--- Marks the assistant's text for training; it is rendered like any other text.
parse["generation"] = function (s, line)
  return node("generation", line, { body = own_body(s, "endgeneration") })
end

local UNSUPPORTED = { block = true, extends = true, include = true, import = true, from = true,
  autoescape = true, trans = true, ["do"] = true, print = true, with = true }

function statement (s)
  local token = s:next()
  if token.type ~= "name" then s:fail("expected the name of a tag", token.line) end
  local read = parse[token.value]
  if UNSUPPORTED[token.value] then
    s:fail(("the tag %s is not supported"):format(token.value), token.line)
  end
  if not read then s:fail(("unknown tag '%s'"):format(token.value), token.line) end
  s:enter()
  local made = read(s, token.line)
  s:leave()
  return made
end

local function one_of (name, list)
  for _, word in ipairs(list) do
    if word == name then return true end
  end
  return false
end

--- Reads statements up to a tag with one of the names in `stops`, and puts that name into the field
-- `stop`; reads the whole template when `stops` is nil.
function body (s, stops)
  if stops then s:expect("%}") end
  local out = {}
  while true do
    local token = s.token
    if token.type == "data" then
      s:next()
      out[#out + 1] = node("data", token.line, { value = token.value })
    elseif token.type == "{{" then
      s:next()
      out[#out + 1] = node("print", token.line, { inner = tuple(s) })
      s:expect("}}")
    elseif token.type == "{%" then
      s:next()
      if stops and s:is("name") and one_of(s.token.value, stops) then
        out.stop = s:next().value
        return out
      end
      out[#out + 1] = statement(s)
      s:expect("%}")
    elseif stops then
      s:fail(("unexpected end of template, looking for '%s'"):format(table.concat(stops, "' or '")))
    else
      return out
    end
  end
end

--- Parses a template.
function M.parse (source)
  local s = lexer.stream(source)
  local made = body(s)
  local bad = s.unknown[1]
  if bad then s:fail(("there is no %s '%s'"):format(bad.what, bad.name), bad.line) end
  return made
end

return M
