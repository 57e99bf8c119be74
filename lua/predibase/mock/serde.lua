-- SPDX-License-Identifier: MIT
--- A JSON reader that reads into a given shape and complains as serde_json does.
-- The stand-in must answer a wrong request with the very text of the real server, which names what
-- was found, what was expected, the path to it and the byte where reading stopped; it must also
-- tell `128.0` from `128`. So it has a reader of its own instead of the client's.
-- A shape is a function from a reader to a value; it raises a failure, which `read` catches.
-- @module predibase.mock.serde

local scan = require "predibase.mock.serde_scan"
local random = require "predibase.mock.random"

local M = {}

--- What `any` gives for `null`.
M.null = scan.null

-- A float as Rust prints it: the fewest digits that read back, always with a point or an exponent.
local function float(text)
  local value = tonumber(text)
  local digits
  for precision = 1, 17 do
    digits = ("%." .. precision .. "g"):format(value)
    if tonumber(digits) == value then break end
  end
  if value == 0 then
    digits = text:sub(1, 1) == "-" and "-0.0" or "0.0"   -- as an integer, zero has lost its sign
  elseif value % 1 == 0 and math.abs(value) < 1e16 then
    digits = ("%.1f"):format(value)
  else
    digits = digits:gsub("e([+-]?)0*", function(sign) return sign == "-" and "e-" or "e" end)
  end
  return "floating point `" .. digits .. "`"
end

-- A string as Rust's debug format prints it.
local function debug_string(text)
  local names = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }
  return 'string "' .. text:gsub('[%c"\\]', function(byte)
    return names[byte] or ("\\u{%x}"):format(byte:byte())
  end) .. '"'
end

-- Takes a scalar of the wrong type and says what it was. Arrays and objects are not even entered.
local function found(reader)
  local first = reader:peek()
  if first == '"' then return debug_string(reader:string()) end
  if first == "t" then return reader:word("true", "boolean `true`") end
  if first == "f" then return reader:word("false", "boolean `false`") end
  if first == "n" then return reader:word("null", "null") end
  if first == "[" then return "sequence" end
  if first == "{" then return "map" end
  local text, integral = reader:number()
  return integral and "integer `" .. text .. "`" or float(text)
end

local function found_wrong(reader, expected)
  return reader:fail(("invalid type: %s, expected %s"):format(found(reader), expected))
end

--- Shape: a string.
function M.string(reader)
  if reader:peek() ~= '"' then return found_wrong(reader, "a string") end
  return reader:string()
end

--- Shape: true or false.
function M.boolean(reader)
  local first = reader:peek()
  if first == "t" then return reader:word("true", true) end
  if first == "f" then return reader:word("false", false) end
  return found_wrong(reader, "a boolean")
end

-- Whether a decimal integer, as text, lies between two others.
local function within(text, low, high)
  local negative = text:sub(1, 1) == "-"
  if negative then return low < 0 and -tonumber(text:sub(2)) >= low end
  if high == "u64" then return random.is_u64(text) end
  return #text <= 15 and tonumber(text) <= high
end

--- Shape: an integer of a Rust type; a u64 is given as a decimal string, the others as a number.
-- @tparam string name "u32", "i32", "usize" or "u64"
-- @treturn function
function M.integer(name)
  local low = name == "i32" and -2147483648 or 0
  local high = name == "i32" and 2147483647 or name == "u32" and 4294967295 or "u64"
  return function(reader)
    local first = reader:peek()
    if first ~= "-" and not first:find("%d") then return found_wrong(reader, name) end
    local text, integral = reader:number()
    if not integral then
      return reader:fail(("invalid type: %s, expected %s"):format(float(text), name))
    end
    if not within(text, low, high) then
      return reader:fail(("invalid value: integer `%s`, expected %s"):format(text, name))
    end
    return name == "u64" and text or tonumber(text)
  end
end

--- Shape: a number that becomes a 32-bit float.
function M.f32(reader)
  local first = reader:peek()
  if first ~= "-" and not first:find("%d") then return found_wrong(reader, "f32") end
  return (tonumber((reader:number())))
end

--- Shape: `null` (then nil) or another shape.
-- @tparam function shape
-- @treturn function
function M.option(shape)
  return function(reader)
    if reader:peek() == "n" then return reader:word("null", nil) end
    return shape(reader)
  end
end

--- Shape: an array of another shape.
-- @tparam function shape
-- @treturn function
function M.list(shape)
  return function(reader)
    if reader:peek() ~= "[" then return found_wrong(reader, "a sequence") end
    local out = {}
    reader:array(function(index)
      reader:enter("[" .. (index - 1) .. "]")
      out[index] = shape(reader)
      reader:leave()
    end)
    return out
  end
end

--- Shape: an object with known fields. Unknown ones are skipped, a known one may come only once.
-- @tparam string name of the Rust struct
-- @tparam table fields name -> `{ shape, required = boolean, default = value }`
-- @treturn function
function M.struct(name, fields)
  return function(reader)
    if reader:peek() ~= "{" then return found_wrong(reader, "struct " .. name) end
    local out, seen = {}, {}
    reader:object(function(key)
      local field = fields[key]
      if field and seen[key] then reader:fail(("duplicate field `%s`"):format(key)) end
      reader:colon()
      if not field then return M.any(reader) end
      seen[key] = true
      reader:enter("." .. key)
      out[key] = field[1](reader)
      reader:leave()
    end)
    for _, key in ipairs(fields) do
      if fields[key].required and not seen[key] then
        reader:fail(("missing field `%s`"):format(key))
      end
    end
    for key, field in pairs(fields) do
      if type(key) == "string" and not seen[key] then out[key] = field.default end
    end
    return out
  end
end

--- Shape: any JSON value. Objects become `{ object = true, keys = array, values = key -> value }`
-- (the order of keys is kept), arrays `{ array = true, … }`, null is `serde.null`.
function M.any(reader)
  local first = reader:peek()
  if first == '"' then return reader:string() end
  if first == "t" then return reader:word("true", true) end
  if first == "f" then return reader:word("false", false) end
  if first == "n" then return reader:word("null", M.null) end
  if first == "[" then
    local out = { array = true }
    reader:array(function(index) out[index] = M.any(reader) end)
    return out
  end
  if first == "{" then
    local out = { object = true, keys = {}, values = {} }
    reader:object(function(key)
      reader:colon()
      if out.values[key] == nil then out.keys[#out.keys + 1] = key end
      out.values[key] = M.any(reader)
    end)
    return out
  end
  return (tonumber((reader:number())))
end

--- Reads a text into a shape. What follows the value is not looked at, as in axum 0.7.
-- @tparam string text
-- @tparam function shape
-- @treturn[1] any the value
-- @treturn[2] nil
-- @treturn[2] table `{ syntax = boolean, message = string }`; the message has path and position
function M.read(text, shape)
  local reader = scan.new(text)
  local ok, value = pcall(shape, reader)
  if ok then return value end
  if type(value) ~= "table" or not value.message then error(value, 0) end
  return nil, value
end

--- A value of `any` as plain Lua tables; null becomes nil.
-- @param value
-- @return the plain value
function M.plain(value)
  if value == M.null then return nil end
  if type(value) ~= "table" then return value end
  local out = {}
  if value.array then
    for index, item in ipairs(value) do out[index] = M.plain(item) end
  else
    for key, item in pairs(value.values) do out[key] = M.plain(item) end
  end
  return out
end

return M
