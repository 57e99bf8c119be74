-- SPDX-License-Identifier: MIT
--- The tokens of what stands inside `{{ … }}` and `{% … %}`.
-- @module predibase.template.jinja.tokens

local runtime = require "predibase.template.jinja.runtime"
local text = require "predibase.template.jinja.text"

local M = {}

local raise = runtime.raise

local OPERATORS = {}
for operator in ("== != >= <= // ** + - / * % ~ [ ] ( ) { } > < = . : | , ;"):gmatch("%S+") do
  OPERATORS[operator] = true
end

local CLOSES = { [")"] = "(", ["]"] = "[", ["}"] = "{" }
local OPENS = { ["("] = ")", ["["] = "]", ["{"] = "}" }

local ESCAPES = { a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v",
  ["\\"] = "\\", ["'"] = "'", ['"'] = '"', ["\n"] = "" }

local HEX = { x = 2, u = 4, U = 8 }

--- What stands between the quotes, its escapes (those of Python) replaced.
local function unescaped(body, line)
  if not body:find("\\", 1, true) then return body end
  local out, from = {}, 1
  while true do
    local at = body:find("\\", from, true)
    if not at then break end
    out[#out + 1] = body:sub(from, at - 1)
    local letter = body:sub(at + 1, at + 1)
    local octal = body:match("^[0-7][0-7]?[0-7]?", at + 1)
    if octal then
      out[#out + 1] = text.utf8(tonumber(octal, 8))
      from = at + 1 + #octal
    elseif HEX[letter] then
      local digits = body:match("^%x+", at + 2)
      digits = digits and digits:sub(1, HEX[letter])
      local code = digits and #digits == HEX[letter] and tonumber(digits, 16)
      if not code or code > 0x10FFFF then raise("a broken escape \\" .. letter, line) end
      out[#out + 1] = text.utf8(code)
      from = at + 2 + HEX[letter]
    elseif letter == "N" then
      raise("the escape \\N is not supported; write \\u and four hexadecimal digits", line)
    else
      out[#out + 1] = ESCAPES[letter] or "\\" .. letter
      from = at + 2
    end
  end
  out[#out + 1] = body:sub(from)
  return table.concat(out)
end

--- The string literal at `i`: where it ends, and its value.
local function string_at(source, i, line)
  local quote = source:sub(i, i)
  local at = i + 1
  while true do
    at = source:find("[\\" .. quote .. "]", at)
    if not at then raise("a string without its closing quote", line) end
    if source:sub(at, at) == quote then break end
    at = at + 2
  end
  return at, unescaped(source:sub(i + 1, at - 1), line)
end

local BASES = { b = { "^_?[01][01_]*", 2 }, o = { "^_?[0-7][0-7_]*", 8 },
  x = { "^_?%x[%x_]*", 16 } }

local function digits_at(source, i)
  local digits = source:match("^%d[%d_]*", i)
  digits = digits and digits:gsub("__.*$", ""):gsub("_$", "")
  return digits
end

--- The number at `i`: where it ends, its kind and its value.
local function number_at(source, i, line)
  local base = source:sub(i, i) == "0" and BASES[source:sub(i + 1, i + 1):lower()]
  local digits = base and source:match(base[1], i + 2)
  if digits then
    local value = 0
    for digit in digits:gmatch("%x") do value = value * base[2] + tonumber(digit, 16) end
    if value > runtime.INTEGER then raise("an integer beyond 2^53, which is not supported", line) end
    return i + 1 + #digits, "integer", value
  end
  local whole = digits_at(source, i)
  local stop = i + #whole
  local fraction, exponent = "", ""
  if source:sub(stop, stop) == "." then
    local part = digits_at(source, stop + 1)
    if part then fraction = "." .. part end
  end
  local sign, part = source:match("^[eE]([+-]?)()", stop + #fraction)
  local power = sign and digits_at(source, part)
  if power then exponent = source:sub(stop + #fraction, part - 1) .. power end
  local all = whole .. fraction .. exponent
  if fraction == "" and exponent == "" then
    if whole:find("^0") and not whole:find("^[0_]+$") then
      whole = whole:match("^0[0_]*")      -- `012` is two numbers, and an error further on
    end
    local value = tonumber((whole:gsub("_", "")))
    if value > runtime.INTEGER then raise("an integer beyond 2^53, which is not supported", line) end
    return i + #whole - 1, "integer", value
  end
  return i + #all - 1, "float", tonumber((all:gsub("_", "")))
end

--- Reads tokens up to the end of the tag.
-- @tparam string source
-- @tparam integer i behind the opening braces
-- @tparam integer line
-- @tparam string closing `}}` or `%}`
-- @tparam table out tokens are put behind those that are there; each is `{ type, value, line }`
-- @treturn integer where the closing braces begin, with the sign in front of them
-- @treturn integer the line there
function M.read(source, i, line, closing, out)
  local stack = {}
  while true do
    local first, last = source:find("^[ \t\n\v\f\r]+", i)
    if first then
      local _, lines = source:sub(first, last):gsub("\n", "")
      i, line = last + 1, line + lines
    end
    local char = source:sub(i, i)
    if char == "" then
      raise(("unexpected end of template, looking for '%s'"):format(closing), line)
    end
    if #stack == 0 then
      local sign = char == "-" or (char == "+" and closing == "%}")
      if source:sub(i, i + 1) == closing or (sign and source:sub(i + 1, i + 2) == closing) then
        return i, line
      end
    end
    local token = { line = line }
    if char:find("%d") then
      last, token.type, token.value = number_at(source, i, line)
    elseif char:find("[%a_\128-\255]") then
      last = source:match("^[%w_\128-\255]+()", i) - 1
      token.type, token.value = "name", source:sub(i, last)
    elseif char == "'" or char == '"' then
      token.type = "string"
      last, token.value = string_at(source, i, line)
      local _, lines = source:sub(i, last):gsub("\n", "")
      line = line + lines
    else
      local two = source:sub(i, i + 1)
      local operator = OPERATORS[two] and two or OPERATORS[char] and char
      if not operator then raise(("unexpected character '%s'"):format(char), line) end
      if OPENS[operator] then
        stack[#stack + 1] = operator
      elseif CLOSES[operator] then
        if stack[#stack] ~= CLOSES[operator] then
          raise(("unexpected '%s'"):format(operator), line)
        end
        stack[#stack] = nil
      end
      last = i + #operator - 1
      token.type, token.value = operator, operator
    end
    out[#out + 1] = token
    i = last + 1
  end
end

return M
