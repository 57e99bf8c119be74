-- SPDX-License-Identifier: MIT
--- The values of a template, and iteration over them. A string is a Lua string in UTF-8, an integer
-- a Lua number, `true` and `false` are booleans. Every other value is a table with a field `kind`,
-- so that a template never holds a table of the program.
-- @module predibase.template.jinja.values

local runtime = require "predibase.template.jinja.runtime"
local strings = require "predibase.python_strings"

local M = {}

local raise, charge = runtime.raise, runtime.charge

--- Python's None.
M.NONE = { kind = "none" }

local BASIC = { string = "str", number = "int", boolean = "bool" }

--- Returns the kind of a value: str, int, bigint (an integer beyond 2^53), bool, none, float, list,
-- tuple, dict, undefined, safe (of the filter `safe`), range, generator, view, function, macro,
-- namespace, loop.
function M.kind (v)
  return BASIC[type(v)] or v.kind
end

local kind = M.kind

-- Names of types that differ from the kind, as in Python's messages.
local NAMES = { bigint = "int", none = "NoneType", undefined = "Undefined",
  safe = "a text made by the filter safe", view = "dict view", macro = "Macro",
  namespace = "Namespace", loop = "LoopContext" }

--- Returns the name of a value's type for messages.
function M.type_name (v)
  local k = kind(v)
  return NAMES[k] or k
end

--- Makes a float; an integer of Lua 5.3 becomes a float, so that zero can have a sign.
function M.float (x) return { kind = "float", value = x * 1.0 } end

--- Makes an integer of any size. From 2^53 on it can only be written and compared.
function M.integer (digits)
  local near = tonumber(digits)
  -- A literal beyond the limit may be rounded to the limit.
  if near < runtime.INTEGER and near > -runtime.INTEGER then return near == 0 and 0 or near end
  return { kind = "bigint", digits = digits }
end

--- Makes a list of a table with `n` items; the table becomes the list.
function M.list (items, n)
  items.kind, items.n = "list", n or #items
  return items
end

--- Makes a tuple of a table with `n` items; the table becomes the tuple.
function M.tuple (items, n)
  items.kind, items.n = "tuple", n or #items
  return items
end

--- Makes a value that a template can call.
function M.callable (name, call)
  return { kind = "function", name = name, call = call }
end

--- Makes a generator.
function M.generator (next_item)
  return { kind = "generator", next = next_item }
end

--- Makes a generator that starts when its first item is read.
function M.lazy (start)
  local next_item
  return M.generator(function ()
    next_item = next_item or start()
    return next_item()
  end)
end

--- Makes an undefined value.
function M.undefined (name, object, message)
  return { kind = "undefined", name = name, object = object, message = message }
end

local function why_undefined (u)
  if u.message then return u.message end
  local name = type(u.name) == "string" and "'" .. u.name .. "'" or nil
  if u.object == nil then return (name or "a value") .. " is undefined" end
  if name then
    return ("'%s object' has no attribute %s"):format(M.type_name(u.object), name)
  end
  local index = type(u.name) == "number" and (" %.0f"):format(u.name) or ""
  return ("'%s object' has no element%s"):format(M.type_name(u.object), index)
end

--- Raises when a value is undefined.
function M.needs (v)
  if type(v) == "table" and v.kind == "undefined" then raise(why_undefined(v)) end
  return v
end

local BEYOND = "an integer beyond 2^53, which is not supported"

--- Makes an integer; raises when it is not exact.
function M.int (x)
  if x > runtime.INTEGER or x < -runtime.INTEGER then raise(BEYOND) end
  return x == 0 and 0 or x
end

--- Returns a value as a Lua number, and whether it is a float; nil if it is not a number.
function M.number (v)
  local t = type(v)
  if t == "number" then return v, false end
  if t == "boolean" then return v and 1 or 0, false end
  local k = t == "table" and v.kind
  if k == "float" then return v.value, true end
  if k == "bigint" then raise(BEYOND .. " in arithmetic") end
  if k == "safe" then raise(M.type_name(v) .. " is not supported as a number") end
  return nil
end

--- Counts the items of a range.
function M.range_length (r)
  local n = math.ceil((r.stop - r.start) / r.step)
  return n > 0 and n or 0
end

--- Returns Python's `len`.
function M.length (v)
  local k = kind(v)
  if k == "list" or k == "tuple" or k == "dict" then return v.n end
  if k == "str" then return strings.length(v) end
  if k == "range" then return M.range_length(v) end
  if k == "view" then return v.dict.n end
  if k == "undefined" then return 0 end
  if k == "loop" then return v:length() end
  return nil
end

local ALWAYS_TRUE = { bigint = true, generator = true, ["function"] = true, macro = true,
  namespace = true }

--- Returns Python's truth of a value.
function M.truth (v)
  local t = type(v)
  if t == "boolean" then return v end
  if t == "string" then return v ~= "" end
  if t == "number" then return v ~= 0 end
  local k = v.kind
  if k == "none" or k == "undefined" then return false end
  if k == "list" or k == "tuple" or k == "dict" then return v.n > 0 end
  if k == "float" then return v.value ~= 0 end
  if k == "safe" then return v.text ~= "" end
  return ALWAYS_TRUE[k] or M.length(v) ~= 0
end

-- Keys of dicts.

local UNDEFINED = {}     -- all undefined values are equal

--- Returns the Lua key for a value as a key of a dict: equal values have the same one.
function M.hash (v)
  local t = type(v)
  if t == "string" then return v:sub(1, 1) == "\0" and "\0s" .. v or v end
  if t == "number" then return v end
  if t == "boolean" then return v and 1 or 0 end
  local k = v.kind
  if k == "float" then return v.value == v.value and v.value or v end
  if k == "bigint" then return "\0n" .. v.digits end
  if k == "undefined" then return UNDEFINED end
  if k == "tuple" then raise("a tuple as a key of a dict is not supported") end
  if k == "list" or k == "dict" or k == "view" or k == "safe" then
    raise(("unhashable type: '%s'"):format(M.type_name(v)))
  end
  return v
end

local hash = M.hash

--- Adds the steps for hashing a key.
function M.charge_key (rt, key)
  if type(key) == "string" then charge(rt, #key / 64) end
end

--- Makes an empty dict, which keeps the order of its keys.
function M.dict ()
  return { kind = "dict", n = 0, keys = {}, map = {} }
end

--- Puts a value into a dict that is being made; no dict is changed later.
function M.put (dict, key, value)
  local h = hash(key)
  if dict.map[h] == nil then
    dict.n = dict.n + 1
    dict.keys[dict.n] = key
  end
  dict.map[h] = value
end

--- Returns the value of a key.
function M.get (dict, key)
  return dict.map[hash(key)]
end

local function counted (n, at)
  local i = 0
  return function ()
    if i >= n then return nil end
    i = i + 1
    return at(i)
  end
end

local function view_items (view)
  local dict = view.dict
  return counted(dict.n, function (i)
    local key = dict.keys[i]
    if view.of == "keys" then return key end
    local value = M.get(dict, key)
    if view.of == "values" then return value end
    return M.tuple { key, value }
  end)
end

local ITERATORS = {
  list = function (_, v) return counted(v.n, function (i) return v[i] end) end,
  dict = function (_, v) return counted(v.n, function (i) return v.keys[i] end) end,
  range = function (_, v)
    return counted(M.range_length(v), function (i) return v.start + (i - 1) * v.step end)
  end,
  generator = function (_, v) return v.next end,
  view = function (_, v) return view_items(v) end,
  undefined = function () return function () return nil end end,
  str = function (rt, v)
    local at = 1
    return function ()
      charge(rt, 0.5)
      local char, after = strings.at(v, at)
      at = after or at
      return char
    end
  end,
}
ITERATORS.tuple = ITERATORS.list

--- Returns an iterator over the items of a value.
function M.iter (rt, v)
  local iterator = ITERATORS[kind(v)]
  if iterator then return iterator(rt, v) end
  raise(("'%s' object is not iterable"):format(M.type_name(v)))
end

--- Returns all items of a value.
function M.all (rt, v)
  local out, n = {}, 0
  for item in M.iter(rt, v) do
    n = n + 1
    if n % 64 == 0 then charge(rt, 64) end
    out[n] = item
  end
  charge(rt, n % 64)
  return out, n
end

--- Tells whether a value has items.
function M.iterable (v)
  local k = kind(v)
  return ITERATORS[k] ~= nil or k == "safe" or k == "loop"
end

return M
