-- SPDX-License-Identifier: MIT
--- The parser of expressions. A node is `{ type, line, … }`; operators of one rank that follow one
-- another are one node, so that long sums are not deep ones.
-- @module predibase.template.jinja.expressions

local node = require "predibase.template.jinja.nodes".new
local ranks = require "predibase.template.jinja.ranks"
local suffixes = require "predibase.template.jinja.suffixes"
local values = require "predibase.template.jinja.values"

local M = {}

local CONSTANTS = { ["true"] = true, ["True"] = true, ["false"] = false, ["False"] = false,
  none = values.NONE, None = values.NONE }

--- Whether a name may be assigned to.
function M.assignable(name)
  return CONSTANTS[name] == nil
end

local function tuple_end(s, stop)
  local kind = s.token.type
  if kind == "}}" or kind == "%}" or kind == ")" then return true end
  return stop ~= nil and kind == "name" and s.token.value == stop
end

--- One expression, or several with commas between them as a tuple.
-- @tparam table s the stream
-- @tparam ?table how `simple` (names only, for targets), `no_if`, `stop` (a name that ends it),
-- `brackets` (an empty tuple is one), `namespace`
function M.tuple(s, how)
  how = how or {}
  local line, args, several = s.token.line, {}, false
  while true do
    if #args > 0 then s:expect(",") end
    if tuple_end(s, how.stop) then break end
    if how.simple then
      args[#args + 1] = M.primary(s, how.namespace)
    else
      args[#args + 1] = M.expression(s, how.no_if)
    end
    if not s:is(",") then break end
    several = true
  end
  if several then return node("tuple", line, { items = args }) end
  if args[1] then return args[1] end
  if not how.brackets then s:fail("expected an expression, got " .. s:describe()) end
  return node("tuple", line, { items = args })
end

local function pair(s)
  local key = M.expression(s)
  s:expect(":")
  return { key, M.expression(s) }
end

--- A name, a literal, or something in brackets.
-- @tparam table s the stream
-- @tparam ?boolean namespace whether `name.attribute` is a goal of an assignment
-- @treturn table a node
function M.primary(s, namespace)
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
  elseif kind == "integer" then
    return node("const", line, { value = s:next().value })
  elseif kind == "float" then
    return node("const", line, { value = values.float(s:next().value) })
  elseif kind == "(" then
    s:enter()
    s:next()
    local inner = M.tuple(s, { brackets = true })
    s:expect(")")
    s:leave()
    return inner
  elseif kind == "[" or kind == "{" then
    s:enter()
    s:next()
    local items = s:list(kind == "[" and "]" or "}", kind == "[" and M.expression or pair)
    s:leave()
    return node(kind == "[" and "list" or "dict", line, { items = items })
  end
  s:fail("unexpected " .. s:describe())
end

local function unary(s, plain)
  local line = s.token.line
  local made
  if s:is("-") or s:is("+") then
    s:enter()
    local sign = s:next().type
    made = node(sign == "-" and "negative" or "positive", line, { inner = unary(s, true) })
    s:leave()
  else
    made = M.primary(s)
  end
  made = suffixes.postfix(s, made)
  return plain and made or suffixes.trailing(s, made)
end

local either = ranks.over(unary)

--- One expression.
-- @tparam table s the stream
-- @tparam ?boolean no_if leaves an `if` behind it alone
-- @treturn table the node
function M.expression(s, no_if)
  s:enter()
  local line, mark = s.token.line, #s.unknown
  local made = either(s)
  local levels = 0
  while not no_if and s:is("name", "if") do
    s:enter()
    levels = levels + 1
    s:next()
    local condition, other = either(s), nil
    if s:skip("name", "else") then other = M.expression(s) end
    made = node("choice", line, { condition = condition, yes = made, no = other })
    for i = #s.unknown, mark + 1, -1 do s.unknown[i] = nil end
  end
  s.depth = s.depth - levels
  s:leave()
  return made
end

suffixes.connect(M)

return M
