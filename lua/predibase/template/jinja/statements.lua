-- SPDX-License-Identifier: MIT
--- The parser of statements.
-- @module predibase.template.jinja.statements

local expressions = require "predibase.template.jinja.expressions"
local lexer = require "predibase.template.jinja.lexer"
local runtime = require "predibase.template.jinja.runtime"

local M = {}

local node = expressions.node
local body, statement

--- Reads a part in which an unknown filter is an error even if it never runs, as in Jinja. Inside
-- an `if` it is an error only when it runs.
local function hard(s, read, ...)
  local soft = s.soft
  s.soft = false
  local made = read(s, ...)
  s.soft = soft
  return made
end

--- Reads a target of an assignment: a name, a tuple of names, or an attribute of a namespace.
local function target(s, how)
  local line = s.token.line
  local made = expressions.tuple(s, how)
  local function check(part)
    if part.type == "tuple" then
      for _, item in ipairs(part.items) do check(item) end
    elseif part.type == "name" and part.name == "loop" and how.stop then
      s:fail("can't assign to the special variable loop", line)
    elseif part.type ~= "nsref"
      and not (part.type == "name" and expressions.assignable(part.name))
    then
      s:fail("can't assign to this", line)
    end
  end
  check(made)
  return made
end

local function name_of(s)
  local token = s:expect("name")
  if not expressions.assignable(token.value) then s:fail("can't assign to this", token.line) end
  return token.value
end

local parse = {}

parse["for"] = function (s, line)
  local goal = target(s, { simple = true, stop = "in" })
  s:expect("name", "in")
  local made = node("for", line, { target = goal })
  made.iter = expressions.tuple(s, { no_if = true, stop = "recursive" })
  if s:skip("name", "if") then made.test = hard(s, expressions.expression) end
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
    local condition = expressions.tuple(s, { no_if = true })
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
    return node("set", line, { target = goal, value = expressions.tuple(s) })
  end
  local wrap = s:is("|") and expressions.filters(s, nil) or nil
  return node("setblock", line, { target = goal, filter = wrap,
    body = hard(s, body, { "endset" }) })
end

--- Reads the parameters of a macro or call block.
local function signature(s)
  s:expect("(")
  local optional = false
  return s:list(")", function ()
    local param = { name = name_of(s) }
    if s:skip("=") then
      param.default, optional = expressions.expression(s), true
    elseif optional then
      s:fail("non-default argument follows default argument")
    end
    return param
  end)
end

--- Reads a body that is a function of its own: `break` cannot leave it.
local function own_body(s, stop)
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
  local called = expressions.expression(s)
  if called.type ~= "call" then s:fail("expected call", line) end
  return node("callblock", line, { params = params, call = called,
    body = own_body(s, "endcall") })
end

parse["filter"] = function (s, line)
  local wrap = expressions.filters(s, nil, true)
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

function statement(s)
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

local function one_of(name, list)
  for _, word in ipairs(list) do
    if word == name then return true end
  end
  return false
end

--- Reads statements up to a tag with one of the names in `stops`, takes that name and puts it into
-- the field `stop`. Reads the whole template when `stops` is nil.
function body(s, stops)
  if stops then s:expect("%}") end
  local out = {}
  while true do
    local token = s.token
    if token.type == "data" then
      s:next()
      out[#out + 1] = node("data", token.line, { value = token.value })
    elseif token.type == "{{" then
      s:next()
      out[#out + 1] = node("print", token.line, { inner = expressions.tuple(s) })
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
function M.parse(source)
  local s = lexer.stream(source)
  local made = body(s)
  local bad = s.unknown[1]
  if bad then
    runtime.raise(("there is no %s '%s'"):format(bad.what, bad.name), bad.line)
  end
  return made
end

return M
