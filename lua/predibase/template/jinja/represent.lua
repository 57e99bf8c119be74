-- SPDX-License-Identifier: MIT
--- Values as text: Python's `str` and `repr`.
-- @module predibase.template.jinja.represent

local characters = require "predibase.template.jinja.characters"
local iterate = require "predibase.template.jinja.iterate"
local numbers = require "predibase.template.jinja.numbers"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\" }

-- What Python's `repr` escapes above ASCII: spaces, separators, controls and formats, surrogates
-- and private use. Unassigned code points are not looked up.
local HIDDEN = { { 0x80, 0xA0 }, { 0xAD, 0xAD }, { 0x600, 0x605 }, { 0x61C, 0x61C },
  { 0x1680, 0x1680 }, { 0x180E, 0x180E }, { 0x2000, 0x200F }, { 0x2028, 0x202F },
  { 0x205F, 0x206F }, { 0x3000, 0x3000 }, { 0xD800, 0xF8FF }, { 0xFEFF, 0xFEFF },
  { 0xFFF0, 0xFFFB }, { 0xE0000, 0x10FFFF } }

local function hidden(char)
  local code = characters.codepoint(char)
  for _, range in ipairs(HIDDEN) do
    if code < range[1] then return nil end
    if code <= range[2] then
      return (code < 0x100 and "\\x%02x" or code < 0x10000 and "\\u%04x" or "\\U%08x"):format(code)
    end
  end
  return nil
end

--- A string in quotes, as Python writes it.
local function quoted(s)
  local quote = s:find("'", 1, true) and not s:find('"', 1, true) and '"' or "'"
  local out = s:gsub("[%c\\" .. quote .. "]", function (char)
    if char == quote then return "\\" .. char end
    return ESCAPES[char] or ("\\x%02x"):format(char:byte())
  end)
  if out:find("[\128-\255]") then out = out:gsub("[\194-\244][\128-\191]+", hidden) end
  return quote .. out .. quote
end

local repr

local function joined(rt, v, depth, opening, closing)
  local out, size = {}, 2
  for item in iterate.iter(rt, v) do
    local one = repr(rt, item, depth)
    size = size + #one + 2
    runtime.charge_string(rt, #one + 2)
    runtime.check_size(size)
    out[#out + 1] = one
  end
  return opening .. table.concat(out, ", ") .. closing
end

local function pairs_of(rt, v, depth)
  local out, size = {}, 2
  for i = 1, v.n do
    local key = v.keys[i]
    local one = repr(rt, key, depth) .. ": " .. repr(rt, values.get(v, key), depth)
    size = size + #one + 2
    runtime.charge_string(rt, #one + 2)
    runtime.check_size(size)
    out[i] = one
  end
  return "{" .. table.concat(out, ", ") .. "}"
end

local how = {}

how["str"] = function (rt, v)
  runtime.charge_string(rt, #v)
  runtime.charge(rt, #v / 4)
  return quoted(v)
end

how["markup"] = function (rt, v) return "Markup(" .. how.str(rt, v.text) .. ")" end
how["int"] = function (_, v) return numbers.int(v) end
how["bigint"] = function (rt, v)
  runtime.charge_string(rt, #v.digits)
  return v.digits
end
how["bool"] = function (_, v) return v and "True" or "False" end
how["none"] = function () return "None" end
how["float"] = function (_, v) return numbers.float(v.value) end
how["list"] = function (rt, v, depth) return joined(rt, v, depth, "[", "]") end
how.dict = pairs_of
how["undefined"] = function () return "Undefined" end

how["tuple"] = function (rt, v, depth)
  return joined(rt, v, depth, "(", v.n == 1 and ",)" or ")")
end

how["range"] = function (_, v)
  local step = v.step ~= 1 and ", " .. numbers.int(v.step) or ""
  return ("range(%s, %s%s)"):format(numbers.int(v.start), numbers.int(v.stop), step)
end

how["view"] = function (rt, v, depth)
  return "dict_" .. v.of .. "(" .. joined(rt, v, depth, "[", "])")
end

how["namespace"] = function (rt, v, depth)
  return "<Namespace " .. pairs_of(rt, v.dict, depth) .. ">"
end
how["function"] = function (_, v) return "<function " .. v.name .. ">" end
how["macro"] = function (_, v) return "<Macro " .. quoted(v.name) .. ">" end
how["generator"] = function () return "<generator object>" end
how["loop"] = function (_, v) return ("<LoopContext %d/%d>"):format(v.index0 + 1, v:length()) end

function repr(rt, v, depth)
  if depth > runtime.DATA then runtime.raise("a value that is nested too deeply to be written") end
  local k = values.kind(v)
  return how[k] and how[k](rt, v, depth + 1) or ("<%s object>"):format(values.type_name(v))
end

--- Python's `repr`.
-- @tparam table rt the rendering
-- @param v a value
-- @treturn string
function M.repr(rt, v)
  return repr(rt, v, 1)
end

--- Python's `str`.
-- @tparam table rt the rendering
-- @param v a value
-- @treturn string
function M.str(rt, v)
  if type(v) == "string" then return v end
  if type(v) == "table" then
    if v.kind == "undefined" then return "" end
    if v.kind == "markup" then return v.text end
  end
  return repr(rt, v, 1)
end

return M
