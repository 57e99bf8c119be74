-- SPDX-License-Identifier: MIT
--- The tests by name (`x is defined`): `(rt, value, args, kwargs) -> boolean`.
-- @module predibase.template.jinja.tests

local compare = require "predibase.template.jinja.compare"
local iterate = require "predibase.template.jinja.iterate"
local operators = require "predibase.template.jinja.operators"
local pieces = require "predibase.template.jinja.pieces"
local represent = require "predibase.template.jinja.represent"
local signature = require "predibase.template.jinja.signature"
local values = require "predibase.template.jinja.values"

local M = {}

local kind = values.kind

local function test(name, params, fn)
  M[name] = signature.define(name, params, fn)
end

local function is_kind(name, ...)
  local kinds = {}
  for _, k in ipairs { ... } do kinds[k] = true end
  test(name, {}, function (_, v) return kinds[kind(v)] or false end)
end

is_kind("undefined", "undefined")
is_kind("none", "none")
is_kind("boolean", "bool")
is_kind("integer", "int", "bigint")
is_kind("float", "float")
is_kind("string", "str", "markup")
is_kind("mapping", "dict")
is_kind("number", "int", "bigint", "float", "bool")
is_kind("escaped", "markup")
is_kind("sequence", "str", "markup", "list", "tuple", "dict", "range", "undefined")
is_kind("callable", "function", "macro", "undefined", "loop")

test("defined", {}, function (_, v) return kind(v) ~= "undefined" end)
test("true", {}, function (_, v) return v == true end)
test("false", {}, function (_, v) return v == false end)
test("iterable", {}, function (_, v) return iterate.iterable(v) end)

for name, of in pairs { upper = "isupper", lower = "islower" } do
  test(name, {}, function (rt, v) return pieces.tests[of](represent.str(rt, v), rt) end)
end

for name, result in pairs { odd = 1, even = 0 } do
  test(name, {}, function (rt, v)
    return compare.equal(rt, operators.binary["%"](rt, v, 2), result)
  end)
end

test("divisibleby", { "num", required = 1 }, function (rt, v, num)
  return compare.equal(rt, operators.binary["%"](rt, v, num), 0)
end)

test("sameas", { "other", required = 1 }, function (_, v, other)
  return rawequal(v, other)
end)

test("in", { "seq", required = 1 }, function (rt, v, seq)
  return compare.contains(rt, seq, v)
end)

test("filter", {}, function (rt, v)
  return values.text(v) ~= nil and rt.filters[values.text(v)] ~= nil
end)

test("test", {}, function (rt, v)
  return values.text(v) ~= nil and rt.tests[values.text(v)] ~= nil
end)

for operator, names in pairs {
  ["=="] = "== eq equalto", ["!="] = "!= ne", [">"] = "> gt greaterthan", [">="] = ">= ge",
  ["<"] = "< lt lessthan", ["<="] = "<= le",
} do
  for name in names:gmatch("%S+") do
    test(name, { "other", required = 1 }, function (rt, v, other)
      return compare.operators[operator](rt, v, other)
    end)
  end
end

return M
