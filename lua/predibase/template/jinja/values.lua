-- SPDX-License-Identifier: MIT
--- The values of a template. Strings are Lua strings in UTF-8, integers Lua numbers, `true` and
-- `false` booleans; everything else is a table with a field `kind`, so that a template never holds
-- a value of the program's own.
-- @module predibase.template.jinja.values

local characters = require "predibase.template.jinja.characters"
local runtime = require "predibase.template.jinja.runtime"

local M = {}

local raise = runtime.raise

--- Python's None.
M.NONE = { kind = "none" }

local BASIC = { string = "str", number = "int", boolean = "bool" }

--- The kind of a value: str, int, bigint (an integer beyond 2^53), bool, none, float, list, tuple,
-- dict, undefined, markup, range, generator, view, function, macro, namespace, loop.
function M.kind(v)
  return BASIC[type(v)] or v.kind
end

local kind = M.kind

-- As Python's messages name the types.
local NAMES = { bigint = "int", none = "NoneType", undefined = "Undefined", markup = "Markup",
  view = "dict view",
  ["function"] = "function", macro = "Macro", namespace = "Namespace", loop = "LoopContext" }

--- The name of a value's type in messages.
function M.type_name(v)
  local k = kind(v)
  return NAMES[k] or k
end

--- A float; integers of Lua 5.3 become floats, so that zero can have a sign.
function M.float(x) return { kind = "float", value = x * 1.0 } end

--- An integer of any size, of its digits. From 2^53 on it can be written and compared only.
function M.integer(digits)
  local near = tonumber(digits)
  -- Beyond the limit literals may be rounded to it.
  if near < runtime.INTEGER and near > -runtime.INTEGER then return near == 0 and 0 or near end
  return { kind = "bigint", digits = digits }
end

--- Markup, the text that `safe` makes.
function M.markup(s) return { kind = "markup", text = s } end

--- A list that takes over a table with `n` items.
function M.list(items, n)
  items.kind, items.n = "list", n or #items
  return items
end

--- A tuple that takes over a table with `n` items.
function M.tuple(items, n)
  items.kind, items.n = "tuple", n or #items
  return items
end

--- Something to be called: `call(rt, args, kwargs)`; `args.n` and the fields of `kwargs` (nil when
-- there are none, else `{ names = {…}, values = { name = … } }`).
function M.callable(name, call)
  return { kind = "function", name = name, call = call }
end

--- Items that are made one after the other: `next()` gives a value, then nil.
function M.generator(next_item)
  return { kind = "generator", next = next_item }
end

--- An undefined value. `name` is what was asked for, `object` where; `message` says it instead.
function M.undefined(name, object, message)
  return { kind = "undefined", name = name, object = object, message = message }
end

--- What is wrong with using an undefined value.
function M.why_undefined(u)
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
function M.needs(v)
  if type(v) == "table" and v.kind == "undefined" then raise(M.why_undefined(v)) end
  return v
end

local BEYOND = "an integer beyond 2^53, which is not supported"

--- An integer, as long as it is exact.
function M.int(x)
  if x > runtime.INTEGER or x < -runtime.INTEGER then raise(BEYOND) end
  return x == 0 and 0 or x
end

--- A number as a Lua number, and whether it is a float; nil for everything else. Raises for an
-- integer beyond 2^53.
function M.number(v)
  local t = type(v)
  if t == "number" then return v, false end
  if t == "boolean" then return v and 1 or 0, false end
  if t == "table" and v.kind == "float" then return v.value, true end
  if t == "table" and v.kind == "bigint" then raise(BEYOND .. " in arithmetic") end
  return nil
end

--- The text of a str or Markup, else nil.
function M.text(v)
  if type(v) == "string" then return v end
  if type(v) == "table" and v.kind == "markup" then return v.text end
  return nil
end

--- Items of a range.
function M.range_length(r)
  local n = math.ceil((r.stop - r.start) / r.step)
  return n > 0 and n or 0
end

--- Python's `len`, or nil.
function M.length(v)
  local k = kind(v)
  if k == "list" or k == "tuple" or k == "dict" then return v.n end
  if k == "str" or k == "markup" then
    return characters.length(M.text(v))
  end
  if k == "range" then return M.range_length(v) end
  if k == "view" then return v.dict.n end
  if k == "undefined" then return 0 end
  if k == "loop" then return v:length() end
  return nil
end

--- Python's truth.
function M.truth(v)
  local t = type(v)
  if t == "boolean" then return v end
  if t == "string" then return v ~= "" end
  if t == "number" then return v ~= 0 end
  local k = v.kind
  if k == "none" or k == "undefined" then return false end
  if k == "float" then return v.value ~= 0 end
  if k == "bigint" then return true end
  if k == "markup" then return v.text ~= "" end
  if k == "list" or k == "tuple" or k == "dict" then return v.n > 0 end
  if k == "generator" or k == "function" or k == "macro" or k == "namespace" then return true end
  return M.length(v) ~= 0
end

local UNDEFINED = {}     -- all undefined values are equal

local function tuple_hash(v, depth)
  if depth > runtime.DATA then raise("a tuple that is nested too deeply") end
  local parts, size = {}, 0
  for i = 1, v.n do
    local item = v[i]
    local h
    if kind(item) == "tuple" then h = tuple_hash(item, depth + 1) else h = M.hash(item) end
    parts[i] = type(h) .. ":" .. #tostring(h) .. ":" .. tostring(h)
    size = size + #parts[i]
    -- Bounds the work too: the parts of a tuple that holds itself twice are counted twice.
    if size > runtime.KEY then raise("a tuple that is too large to be a key") end
  end
  return "\0(" .. table.concat(parts, ",")
end

--- What stands for a value as a key: equal values have the same.
function M.hash(v)
  local t = type(v)
  if t == "number" then return v end
  if t == "boolean" then return v and 1 or 0 end
  local s = M.text(v)
  if s then return s:sub(1, 1) == "\0" and "\0s" .. s or s end
  local k = v.kind
  if k == "float" then return v.value == v.value and v.value or v end
  if k == "bigint" then return "\0n" .. v.digits end
  if k == "tuple" then return tuple_hash(v, 1) end
  if k == "undefined" then return UNDEFINED end
  if k == "list" or k == "dict" or k == "view" then
    raise(("unhashable type: '%s'"):format(M.type_name(v)))
  end
  return v
end

--- An empty dict, which keeps the order of its keys.
function M.dict()
  return { kind = "dict", n = 0, keys = {}, map = {} }
end

--- Puts a value into a dict that is being made; no dict is ever changed later.
function M.put(dict, key, value)
  local h = M.hash(key)
  if dict.map[h] == nil then
    dict.n = dict.n + 1
    dict.keys[dict.n] = key
  end
  dict.map[h] = value
end

--- The value of a key, or nil.
function M.get(dict, key)
  return dict.map[M.hash(key)]
end

return M
