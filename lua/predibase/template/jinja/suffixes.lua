-- SPDX-License-Identifier: MIT
--- The parser of what follows a value: attributes, items, calls, filters and tests.
-- @module predibase.template.jinja.suffixes

local filters = require "predibase.template.jinja.filters"
local node = require "predibase.template.jinja.nodes".new
local tests = require "predibase.template.jinja.tests"

local M = {}

-- The parser of expressions, which needs this room and is needed by it; `connect` sets it.
local expressions

--- Gives this room the parser of expressions.
function M.connect(parser)
  expressions = parser
end

--- Names of Jinja's that this interpreter does not have, for the message.
local function unknown(s, list, what, name, line)
  if list[name] then return end
  local entry = { what = what, name = name, line = line }
  if not s.soft then s.unknown[#s.unknown + 1] = entry end
end

local function call_args(s)
  local open = s:expect("(")
  local out = { args = {}, kwargs = {} }
  local function ensure(fine)
    if not fine then s:fail("invalid arguments of a call", open.line) end
  end
  local first = true
  s:enter()
  while not s:is(")") do
    if not first then
      s:expect(",")
      if s:is(")") then break end
    end
    first = false
    if s:skip("*") then
      ensure(not out.star and not out.stars)
      out.star = expressions.expression(s)
    elseif s:skip("**") then
      ensure(not out.stars)
      out.stars = expressions.expression(s)
    elseif s:is("name") and s:look().type == "=" then
      ensure(not out.stars)
      local name = s:next().value
      s:next()
      for _, given in ipairs(out.kwargs) do
        if given.name == name then s:fail(("keyword argument repeated: %s"):format(name)) end
      end
      out.kwargs[#out.kwargs + 1] = { name = name, value = expressions.expression(s) }
    else
      ensure(not out.star and not out.stars and #out.kwargs == 0)
      out.args[#out.args + 1] = expressions.expression(s)
    end
  end
  s:leave()
  s:expect(")")
  return out
end

local function bound(s)
  if s:is(":") or s:is("]") or s:is(",") then return nil end
  return expressions.expression(s)
end

local function subscribed(s)
  local line, start = s.token.line, nil
  if not s:is(":") then
    start = expressions.expression(s)
    if not s:is(":") then return start end
  end
  s:next()
  local stop, step = bound(s), nil
  if s:skip(":") then step = bound(s) end
  return node("slice", line, { start = start, stop = stop, step = step })
end

local function subscript(s, inner)
  local line = s.token.line
  if s:skip(".") then
    local token = s:next()
    if token.type == "name" then
      return node("attribute", line, { inner = inner, name = token.value })
    elseif token.type ~= "integer" then
      s:fail("expected name or number behind the dot", token.line)
    end
    return node("item", line, { inner = inner,
      key = node("const", line, { value = token.value }) })
  end
  s:expect("[")
  s:enter()
  local args = s:list("]", subscribed)
  s:leave()
  local key = args[1]
  if #args ~= 1 then key = node("tuple", line, { items = args }) end
  return node("item", line, { inner = inner, key = key })
end

local function call(s, inner)
  local line = s.token.line
  return node("call", line, { inner = inner, given = call_args(s) })
end

local function dotted(s)
  local name = s:expect("name").value
  while s:skip(".") do name = name .. "." .. s:expect("name").value end
  return name
end

--- Filters behind a value; `inner` is nil for a filter block's.
function M.filters(s, inner, inline)
  local before = s.depth
  while inline or s:is("|") do
    if not inline then s:next() end
    inline = false
    local line, name = s.token.line, dotted(s)
    unknown(s, filters, "filter", name, line)
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

--- Attributes, items and calls behind a value.
-- @tparam table s the stream
-- @tparam table inner the value's node
-- @treturn table a node
function M.postfix(s, inner)
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

local function test(s, inner)
  local line = s:next().line
  local negated = s:skip("name", "not")
  local name, given = dotted(s), nil
  unknown(s, tests, "test", name, line)
  if s:is("(") then
    given = call_args(s)
  elseif ARGUMENT[s.token.type] and not (s:is("name") and NO_ARGUMENT[s.token.value]) then
    if s:is("name", "is") then s:fail("tests cannot be chained with is") end
    given = { args = { M.postfix(s, expressions.primary(s)) }, kwargs = {} }
  end
  local made = node("test", line, { inner = inner, name = name, given = given })
  return negated and node("not", line, { inner = made }) or made
end

--- Filters, tests and calls behind a value.
-- @tparam table s the stream
-- @tparam table inner the value's node
-- @treturn table a node
function M.trailing(s, inner)
  local before = s.depth
  while true do
    if s:is("|") then
      inner = M.filters(s, inner)
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

return M
