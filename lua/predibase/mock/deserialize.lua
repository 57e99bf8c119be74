-- SPDX-License-Identifier: MIT
--- Converts a JSON text to typed fields as the router does, with the messages of its libraries.
-- The library (serde) looks at a body while it reads it; this module reads the whole text first, so
-- that a text with two mistakes may be refused for the other one.
-- @module predibase.mock.deserialize

local json = require "predibase.mock.router_json"

local M = {}

local PREFIXES = {
  [400] = "Failed to parse the request body as JSON: ",
  [422] = "Failed to deserialize the JSON body into the target type: ",
}

-- The largest integer of each kind, and the largest number after a minus sign where one is allowed.
local INTEGERS = {
  u32 = { "4294967295" }, i32 = { "2147483647", "2147483648" },
  usize = { "18446744073709551615" }, u64 = { "18446744073709551615" },
}

local FORMATS = { "Text", "text", "JsonObject", "json_object", "JsonSchema", "json_schema" }

--- Describes an object.
-- @tparam string name that of the router's type
-- @tparam string required names of fields, separated by spaces
-- @tparam table fields name, kind, name, kind, …
-- @treturn table a kind
function M.struct (name, required, fields)
  local kind = { struct = name, required = {}, kinds = {}, order = {} }
  for field in required:gmatch("%S+") do kind.required[#kind.required + 1] = field end
  for i = 1, #fields, 2 do
    kind.order[#kind.order + 1], kind.kinds[fields[i]] = fields[i], fields[i + 1]
  end
  return kind
end

--- Describes a list.
-- @param item the kind of its items
-- @treturn table a kind
function M.list (item)
  return { list = item }
end

--- Describes a value that may be null.
-- @param kind
-- @treturn table a kind
function M.optional (kind)
  return { optional = kind }
end

--- Describes a value that may have one of several forms.
-- @tparam string name that of the router's type
-- @tparam function convert returns the converted value, or nil or false when it has no such form
-- @treturn table a kind
function M.untagged (name, convert)
  return { untagged = name, convert = convert }
end

-- A place is the position of a value: `path`, `start` and `stop` (the bytes of the text before the
-- value and to its end), and the text.
local function fail (place, message, at, status)
  if place.path ~= "" then message = place.path .. ": " .. message end
  error({ status = status or 422,
    message = message .. " at " .. json.place(place.source, at or place.stop) }, 0)
end

local function inner (place, name, span)
  local path = place.path .. (place.path == "" and "" or ".") .. name
  if type(name) == "number" then path = ("%s[%d]"):format(place.path, name - 1) end
  return { source = place.source, path = path, start = span[1], stop = span[2] }
end

-- Fails because of a value's type. An array or an object is refused before it is read.
local function mismatch (value, place, expected)
  local at, found = place.stop, "null"
  if type(value) == "string" then
    found = "string " .. json.string(value)
  elseif type(value) == "boolean" then
    found = ("boolean `%s`"):format(tostring(value))
  elseif value.literal then
    local integer = value.literal:find("^%-?%d+$")
    found = (integer and "integer `%s`" or "floating point `%s`"):format(value.literal)
  elseif value.array or value.object then
    at, found = place.start, value.array and "sequence" or "map"
  end
  fail(place, ("invalid type: %s, expected %s"):format(found, expected), at)
end

local function within (digits, most)
  return most and (#digits < #most or (#digits == #most and digits <= most))
end

local function integer (kind)
  local limits = INTEGERS[kind]
  return function (value, place)
    local literal = type(value) == "table" and value.literal
    local sign, digits = (literal or ""):match("^(%-?)(%d+)$")
    if not digits then mismatch(value, place, kind) end
    -- what does not fit into 64 bits is a float for serde_json
    if not within(digits, sign == "" and "18446744073709551615" or "9223372036854775808") then
      fail(place, ("invalid type: floating point `%s`, expected %s"):format(literal, kind))
    end
    if not within(digits, limits[sign == "" and 1 or 2]) then
      fail(place, ("invalid value: integer `%s`, expected %s"):format(literal, kind))
    end
    return kind == "u64" and literal or tonumber(literal)
  end
end

local function read_string (value, place)
  return type(value) == "string" and value or mismatch(value, place, "a string")
end

local function boolean (value, place)
  if type(value) ~= "boolean" then mismatch(value, place, "a boolean") end
  return value
end

local function f32 (value, place)
  local literal = type(value) == "table" and value.literal or mismatch(value, place, "f32")
  return json.single(tonumber(literal))
end

local function any (value)
  return value
end

local function map (value, place)
  return type(value) == "table" and value.object and value or mismatch(value, place, "a map")
end

local function format (value, place)
  -- serde_json refuses this as broken JSON
  if type(value) ~= "string" then fail(place, "expected value", place.start + 1, 400) end
  for _, name in ipairs(FORMATS) do
    if name == value then return value end
  end
  return fail(place, ("unknown variant `%s`, expected one of `%s`")
    :format(value, table.concat(FORMATS, "`, `")))
end

local scalars = {
  string = read_string, boolean = boolean, f32 = f32, any = any, map = map, format = format,
}
for kind in pairs(INTEGERS) do scalars[kind] = integer(kind) end

local read_one

-- An array may stand for an object: it has the fields in their order.
local function read_positions (kind, value, place)
  local out = { given = {} }
  for i, item in ipairs(value) do
    local name = kind.order[i] or fail(place, "trailing characters", value.spans[i][1], 400)
    out[name] = read_one(kind.kinds[name], item, inner(place, i, value.spans[i]))
    out.given[name] = item
  end
  for _, name in ipairs(kind.required) do
    if out.given[name] == nil then
      fail(place, ("invalid length %d, expected struct %s with %d elements")
        :format(#value, kind.struct, #kind.order))
    end
  end
  return out
end

-- Reads the fields of an object. Unknown fields are ignored; a known field may appear only once.
local function read_struct (kind, value, place)
  if type(value) == "table" and value.array then return read_positions(kind, value, place) end
  if type(value) ~= "table" or not value.object then
    mismatch(value, place, "struct " .. kind.struct)
  end
  local out = { given = value.values }
  for _, name in ipairs(value.keys) do
    local field = kind.kinds[name]
    if field then
      out[name] = read_one(field, value.values[name], inner(place, name, value.spans[name]))
    end
  end
  if kind.kinds[value.twice] then
    fail(place, ("duplicate field `%s`"):format(value.twice), value.twice_at)
  end
  for _, name in ipairs(kind.required) do
    if value.values[name] == nil then fail(place, ("missing field `%s`"):format(name)) end
  end
  return out
end

local function read_list (kind, value, place)
  if type(value) ~= "table" or not value.array then mismatch(value, place, "a sequence") end
  local out = {}
  for i, item in ipairs(value) do
    out[i] = read_one(kind.list, item, inner(place, i, value.spans[i]))
  end
  return out
end

local function read_untagged (kind, value, place)
  local result = kind.convert(value)
  if result then return result end
  -- such a mistake is found once the end of the surrounding object has been read, if it comes next
  local stop = place.source:match("^[ \t\r\n]*[%]}]?()", place.stop + 1) - 1
  return fail(place, "data did not match any variant of untagged enum " .. kind.untagged, stop)
end

function read_one (kind, value, place)
  if type(kind) == "string" then
    local name, optional = kind:match("^(%w+)(%??)$")
    if value == json.null and optional == "?" then return nil end
    return scalars[name](value, place)
  end
  if kind.optional then
    if value == json.null then return nil end
    return read_one(kind.optional, value, place)
  end
  local read = kind.struct and read_struct or kind.list and read_list or read_untagged
  return read(kind, value, place)
end

--- Reads a text.
-- @tparam string source
-- @param kind as `struct` or another function of this module returns it
-- @treturn[1] any the value; an object has its fields by their names, and the raw ones in `given`
-- @treturn[2] nil
-- @treturn[2] number status of the refusal
-- @treturn[2] string its text
function M.read (source, kind)
  local tree, stop = json.read(source)
  if tree == nil then return nil, 400, PREFIXES[400] .. stop end
  local start = source:find("[^ \t\r\n]") - 1
  local place = { source = source, path = "", start = start, stop = stop }
  local ok, result = pcall(read_one, kind, tree, place)
  if ok then return result end
  if type(result) ~= "table" then error(result, 0) end
  return nil, result.status, PREFIXES[result.status] .. result.message
end

return M
