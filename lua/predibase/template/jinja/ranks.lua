-- SPDX-License-Identifier: MIT
--- The ranks of operators, from the tightest to the loosest. Operators of one rank that follow one
-- another are one node, so that a long sum is not a deep one.
-- @module predibase.template.jinja.ranks

local node = require "predibase.template.jinja.nodes".new

local M = {}

--- A rank of operators, from left to right.
local function rank(below, operators)
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

--- Operands with one sign or word between them.
local function several(below, kind, word)
  return function (s)
    local line, items = s.token.line, { below(s) }
    while s:skip(word and "name" or "~", word) do items[#items + 1] = below(s) end
    return items[2] and node(kind, line, { items = items }) or items[1]
  end
end

local COMPARES = { ["=="] = true, ["!="] = true, [">"] = true, [">="] = true, ["<"] = true,
  ["<="] = true }

local function comparison(s)
  if COMPARES[s.token.type] then return s:next().type end
  if s:skip("name", "in") then return "in" end
  local ahead = s:look()
  if s:is("name", "not") and ahead.type == "name" and ahead.value == "in" then
    s:next()
    s:next()
    return "not in"
  end
end

--- Comparisons, which are a chain: `a < b < c`.
local function compares(below)
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

local function negated(below)
  local function read(s)
    if not s:is("name", "not") then return below(s) end
    s:enter()
    local line = s:next().line
    local made = node("not", line, { inner = read(s) })
    s:leave()
    return made
  end
  return read
end

--- The parser of everything but `if`.
-- @tparam function unary parses a value with its sign
-- @treturn function
function M.over(unary)
  local power = rank(unary, { ["**"] = true })
  local product = rank(power, { ["*"] = true, ["/"] = true, ["//"] = true, ["%"] = true })
  local sum = rank(several(product, "concat"), { ["+"] = true, ["-"] = true })
  local one = negated(compares(sum))
  return several(several(one, "and", "and"), "or", "or")
end

return M
