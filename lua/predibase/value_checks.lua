-- SPDX-License-Identifier: MIT
--- Describes values in error messages, and checks what options and parameters have in common.
-- Tables are read with `next` and `rawget` only, so that a metatable of the caller can neither hide
-- a value nor raise an error.
-- @module predibase.value_checks

local errors = require "predibase.errors"
local json = require "predibase.json"

local M = {}

--- Most bytes of a given string that an error message repeats.
M.SHOWN = 40

--- Most bytes of an API token. Gateways commonly refuse header fields above 8 KiB.
M.MAX_TOKEN = 8192

local floor, huge = math.floor, math.huge

--- Tells whether a value is a number other than NaN and the infinities.
-- @param value anything
-- @treturn boolean
function M.finite (value)
  return type(value) == "number" and value == value and value < huge and value > -huge
end

--- Tells whether a value is a finite number without a fraction (`20` or `20.0`).
-- @param value anything
-- @treturn boolean
function M.integral (value)
  return M.finite(value) and floor(value) == value
end

--- Formats a number as a person writes it: `20` for `20.0`, otherwise the shortest digits that read
-- back as the same number.
-- @tparam number value
-- @treturn string
function M.number (value)
  if value ~= value then return "nan" end
  if value == huge then return "inf" end
  if value == -huge then return "-inf" end
  if floor(value) == value and value > -1e15 and value < 1e15 then
    return string.format("%.0f", value)
  end
  if value == floor(value) and not tostring(value):find("[%.eE]") then
    return tostring(value)                      -- an integer of Lua 5.3 and later, exact
  end
  local text
  for digits = 14, 17 do
    text = string.format("%." .. digits .. "g", value)
    if tonumber(text) == value then break end
  end
  return (text:gsub(",", "."))                  -- some locales write a decimal comma
end

--- Describes a value for an error message. Must not be used on secrets.
-- @param value anything
-- @treturn string such as `the string "true"`, `the number 20.5`, `a table`
function M.describe (value)
  local kind = type(value)
  if value == json.null then
    return "null"
  elseif json.literal(value) then
    return "the number " .. errors.excerpt(json.literal(value), M.SHOWN)
  elseif kind == "string" then
    return 'the string "' .. errors.excerpt(value, M.SHOWN) .. '"'
  elseif kind == "number" then
    return "the number " .. M.number(value)
  elseif kind == "boolean" then
    return "the boolean " .. tostring(value)
  elseif kind == "nil" then
    return "nil"
  end
  return "a " .. kind
end

--- Finds the first control character (below 0x20, or 0x7f) of a string.
-- @tparam string text
-- @treturn ?string `byte 0x0a at position 4`; nil when there is none
function M.control (text)
  local at = text:find("[^\32-\126\128-\255]")
  return at and string.format("byte 0x%02x at position %d", text:byte(at), at)
end

--- Counts the entries of an array.
-- @tparam table list
-- @treturn[1] number the number of entries, whose keys run from 1 without a gap
-- @treturn[2] nil
-- @treturn[2] string why the table is not an array
function M.array (list)
  local count, last = 0, 0
  for key in next, list do
    if not M.integral(key) or key < 1 then
      return nil, "has the key " .. M.describe(key)
    end
    count = count + 1
    if key > last then last = key end
  end
  if last > count then
    local gap = 1
    while rawget(list, gap) ~= nil do gap = gap + 1 end
    return nil, string.format("has no value at position %d", gap)
  end
  return count
end

--- Tells whether a value can be called: a function, or a value with a `__call` metamethod.
-- @param value anything
-- @treturn boolean
function M.callable (value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(meta) == "table" and type(rawget(meta, "__call")) == "function"
end

--- Checks a token that is sent after `Bearer `: it has to be visible ASCII (RFC 6750 section 2.1
-- allows less). The message never contains the token.
-- @tparam string value
-- @treturn ?string the rest of a sentence that begins with the option's name; nil when it is valid
function M.token (value)
  if value == "" then return "is empty" end
  if #value > M.MAX_TOKEN then
    return string.format("is %d bytes long; at most %d are allowed", #value, M.MAX_TOKEN)
  end
  local at = value:find("[^!-~]")
  if not at then return nil end
  if value:lower():find("^bearer[ \t]") then
    return 'begins with the word "Bearer"; remove it, the client adds it'
  end
  local inner = value:match("^[ \t\r\n]*(.-)[ \t\r\n]*$")
  if inner == "" then return "contains only white space" end
  if not inner:find("[^!-~]") then
    if value:find("[\r\n]$") then
      return "ends in a newline, so it probably came from a file (`$(cat file)` in a shell, "
        .. 'or file:read("*a")); strip it: token:match("^%s*(.-)%s*$")'
    end
    return "begins or ends with white space; "
      .. 'strip it: token:match("^%s*(.-)%s*$")'
  end
  return string.format("has byte 0x%02x at position %d; a token is visible ASCII without spaces",
    value:byte(at), at)
end

return M
