-- SPDX-License-Identifier: MIT
--- The methods of lists, dicts and other values. Nothing that a template holds is ever changed:
-- what would change it is hidden, as in Jinja's immutable sandbox.
-- @module predibase.template.jinja.containers

local access = require "predibase.template.jinja.access"
local compare = require "predibase.template.jinja.compare"
local runtime = require "predibase.template.jinja.runtime"
local signature = require "predibase.template.jinja.signature"
local values = require "predibase.template.jinja.values"

local M = {}

local define = signature.define

local function hidden(list, names)
  for name in names:gmatch("%S+") do list[name] = "unsafe" end
  return list
end

local function view(of)
  return define(of, {}, function (_, self) return { kind = "view", of = of, dict = self } end)
end

local dict = hidden({}, "clear pop popitem setdefault update")
dict.items, dict.keys, dict.values = view "items", view "keys", view "values"

dict.get = define("get", { "key", "default", required = 1 }, function (rt, self, key, default)
  local long = values.text(key)
  runtime.charge(rt, long and #long / 64 or 0)
  local value = values.get(self, key)
  if value ~= nil then return value end
  return default == nil and values.NONE or default
end)

dict.copy = define("copy", {}, function (_, self) return self end)
dict.fromkeys = "absent"

local sequence = {}

sequence.index = define("index", { "value", "start", "stop", required = 1 },
  function (rt, self, value, start, stop)
    local part = access.slice(rt, self, start, stop)
    local offset = 0
    local from = start ~= nil and values.number(start)
    if from then offset = from < 0 and math.max(0, from + self.n) or from end
    for i = 1, part.n do
      runtime.charge(rt, 1)
      if compare.equal(rt, part[i], value) then return offset + i - 1 end
    end
    runtime.raise("a value that is not in the list")
  end)

sequence.count = define("count", { "value", required = 1 }, function (rt, self, value)
  local n = 0
  for i = 1, self.n do
    runtime.charge(rt, 1)
    if compare.equal(rt, self[i], value) then n = n + 1 end
  end
  return n
end)

local list = hidden({}, "append clear extend insert pop remove reverse sort")
list.index, list.count = sequence.index, sequence.count
list.copy = define("copy", {}, function (_, self) return self end)

local function is_integer(_, self) return self.value == math.floor(self.value) end

local numeric = { real = { value = function (v) return v end } }
for name in ("as_integer_ratio bit_length bit_count conjugate from_bytes to_bytes"):gmatch("%S+") do
  numeric[name] = "absent"
end
numeric.imag = { value = function () return 0 end }
numeric.numerator = numeric.real
numeric.denominator = { value = function () return 1 end }

access.register("dict", dict)
access.register("list", list)
access.register("tuple", sequence)
access.register("int", numeric)
access.register("bigint", numeric)
access.register("bool", numeric)
access.register("float", { is_integer = define("is_integer", {}, is_integer), real = numeric.real,
  imag = { value = function () return values.float(0) end }, as_integer_ratio = "absent",
  conjugate = "absent", fromhex = "absent", hex = "absent" })
access.register("range", { count = "absent", index = "absent",
  start = { value = function (v) return v.start end },
  stop = { value = function (v) return v.stop end },
  step = { value = function (v) return v.step end } })
access.register("view", { isdisjoint = "absent", mapping = "absent" })
access.register("macro", { name = { value = function (v) return v.name end },
  arguments = { value = function (v)
    local names = {}
    for i, name in ipairs(v.params) do names[i] = name end
    return values.tuple(names)
  end } })

M.dict, M.list = dict, list

return M
