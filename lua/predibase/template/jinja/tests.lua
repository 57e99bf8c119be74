-- SPDX-License-Identifier: MIT
--- The tests by name (`x is defined`): functions `(rt, value, args, kwargs)` that return a boolean.
-- @module predibase.template.jinja.tests

local arguments = require "predibase.template.jinja.arguments"
local operators = require "predibase.template.jinja.operators"
local python_text = require "predibase.template.jinja.python_text"
local runtime = require "predibase.template.jinja.runtime"
local strings = require "predibase.python_strings"
local values = require "predibase.template.jinja.values"

local M = {}

local kind = values.kind

local function test (name, params, fn)
  M[name] = arguments.define(name, params, fn)
end

for name, kinds in pairs {
  undefined = "undefined", none = "none", boolean = "bool", integer = "int bigint",
  float = "float", string = "str safe", mapping = "dict", number = "int bigint float bool",
  sequence = "str safe list tuple dict range undefined", callable = "function macro undefined loop",
} do
  local set = {}
  for k in kinds:gmatch("%S+") do set[k] = true end
  test(name, {}, function (_, v) return set[kind(v)] or false end)
end

test("defined", {}, function (_, v) return kind(v) ~= "undefined" end)
test("true", {}, function (_, v) return v == true end)
test("false", {}, function (_, v) return v == false end)
test("iterable", {}, function (_, v) return values.iterable(v) end)

for _, case in ipairs { "upper", "lower" } do
  test(case, {}, function (rt, v)
    local s = python_text.str(rt, v)
    runtime.charge(rt, #s)
    return strings.all_of_case(s, case)
  end)
end

for name, result in pairs { odd = 1, even = 0 } do
  test(name, {}, function (rt, v)
    return operators.equal(rt, operators.binary["%"](rt, v, 2), result)
  end)
end

test("divisibleby", { "num", required = 1 }, function (rt, v, num)
  return operators.equal(rt, operators.binary["%"](rt, v, num), 0)
end)

test("sameas", { "other", required = 1 }, function (_, v, other)
  return rawequal(v, other)
end)

test("in", { "seq", required = 1 }, function (rt, v, seq)
  return operators.contains(rt, seq, v)
end)

for operator, names in pairs {
  ["=="] = "== eq equalto", ["!="] = "!= ne", [">"] = "> gt greaterthan", [">="] = ">= ge",
  ["<"] = "< lt lessthan", ["<="] = "<= le",
} do
  for name in names:gmatch("%S+") do
    test(name, { "other", required = 1 }, function (rt, v, other)
      return operators.compare[operator](rt, v, other)
    end)
  end
end

return M
