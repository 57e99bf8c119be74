-- SPDX-License-Identifier: MIT
--- JSON text as serde_json writes it: compact, raw UTF-8, lower-case escapes.
-- @module predibase.mock.writer

local M = {}

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t",
}

local function escape(byte)
  return ESCAPES[byte] or ("\\u%04x"):format(byte:byte())
end

--- A JSON string.
-- @tparam string text
-- @treturn string
function M.string(text)
  return '"' .. text:gsub('[%z\1-\31"\\]', escape) .. '"'
end

--- A 32-bit float, or `null` for nil, NaN and the infinities. Seven digits, at least one decimal.
-- @tparam ?number value
-- @treturn string
function M.float(value)
  if not value or value ~= value or value == math.huge or value == -math.huge then return "null" end
  local text = ("%.7g"):format(value):gsub(",", "."):gsub("e%-0*", "e-")
  if not text:find("[.e]") then text = text .. ".0" end
  return text
end

local function number(value)
  if value % 1 == 0 and math.abs(value) < 1e15 then return ("%.0f"):format(value) end
  return (("%.17g"):format(value):gsub(",", "."))
end

--- Plain Lua tables as JSON, for the stand-in's own use: a table with `[1]` is an array. Strings
-- are passed on as they are, even if they are not UTF-8.
-- @param value
-- @treturn string
function M.encode(value)
  local kind = type(value)
  if kind == "string" then return M.string(value) end
  if kind == "number" then return number(value) end
  if kind ~= "table" then return tostring(value) end
  local parts = {}
  if value[1] ~= nil then
    for index, item in ipairs(value) do parts[index] = M.encode(item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, item in pairs(value) do
    parts[#parts + 1] = M.string(tostring(key)) .. ":" .. M.encode(item)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

return M
