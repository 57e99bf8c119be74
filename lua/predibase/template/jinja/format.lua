-- SPDX-License-Identifier: MIT
--- `"…" % values` and `"…".format(…)`.
-- @module predibase.template.jinja.format

local characters = require "predibase.template.jinja.characters"
local numbers = require "predibase.template.jinja.numbers"
local represent = require "predibase.template.jinja.represent"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

local function padded(s, width, align, fill)
  local missing = width - values.length(s)
  if missing <= 0 then return s end
  runtime.check_size(#s + missing * #fill)
  if align == "<" then return s .. fill:rep(missing) end
  if align == "^" then
    local left = math.floor(missing / 2)
    return fill:rep(left) .. s .. fill:rep(missing - left)
  end
  if align == "=" then
    local sign, rest = s:match("^([+-]?)(.*)$")
    return sign .. fill:rep(missing) .. rest
  end
  return fill:rep(missing) .. s
end

local function small(digits, what)
  local n = tonumber(digits)
  if n and n > runtime.STRING then raise(what .. " is too large") end
  return n
end

local function places(n)
  if n > runtime.PLACES then raise(("more than %d decimal places"):format(runtime.PLACES)) end
  return n
end

local function truncated(x)
  return x < 0 and math.ceil(x) or math.floor(x)
end

--- An integer in a base, with its sign.
local function in_base(x, letter)
  local base = ({ x = 16, X = 16, o = 8, b = 2 })[letter]
  if not base then return numbers.int(x) end
  local n, out = math.abs(x), ""
  repeat
    out = ("0123456789abcdef"):sub(n % base + 1, n % base + 1) .. out
    n = math.floor(n / base)
  until n == 0
  return (x < 0 and "-" or "") .. (letter == "X" and out:upper() or out)
end

--- A number with the letters e, E, g, G.
local function scientific(x, letter, precision)
  -- One place less than `places` takes: Lua's format goes no further.
  if precision >= runtime.PLACES then
    raise(("%d decimal places and more with the letter %s"):format(runtime.PLACES, letter))
  end
  return ("%." .. precision .. letter):format(x):gsub(",", ".")
end

local function percent_number(v, letter, precision)
  if kind(v) == "bigint" and letter == "d" then return v.digits end
  local x = values.number(v)
  if not x then
    raise(("%%%s format: a number is required, not %s"):format(letter, values.type_name(v)))
  end
  if letter == "f" or letter == "F" then return numbers.fixed(x, places(precision or 6)) end
  if letter:find("[eEgG]") then return (scientific(x, letter, precision or 6)) end
  if letter:find("[xXo]") and kind(v) == "float" then
    raise(("%%%s format: an integer is required, not float"):format(letter))
  end
  return in_base(truncated(x), letter)
end

--- One conversion of `%`.
local function converted(rt, v, letter, precision)
  if letter == "s" or letter == "r" then
    local s = letter == "s" and represent.str(rt, v) or represent.repr(rt, v)
    runtime.charge_scan(rt, #s)
    return precision and characters.slice(s, 0, precision) or s
  elseif letter == "c" then
    if kind(v) == "int" and v >= 0 and v < 0x110000 then return characters.utf8(v) end
    if kind(v) == "str" and #v < 8 and values.length(v) == 1 then return v end
    raise("%c requires int or char")
  end
  return percent_number(v, letter == "i" and "d" or letter == "u" and "d" or letter, precision)
end

local LETTERS = "[diouxXeEfFgGcrs]"

--- Python's `format % value`.
-- @tparam table rt
-- @param pattern str or Markup
-- @param given a tuple, a dict, or one value
-- @return str, or Markup
function M.percent(rt, pattern, given)
  local source, out, at, used = values.text(pattern), {}, 1, 0
  local size = 0
  local function add(piece)
    size = size + #piece
    runtime.charge_string(rt, #piece)
    runtime.check_size(size)
    out[#out + 1] = piece
  end
  local function take()
    used = used + 1
    if kind(given) == "tuple" then
      if used > given.n then raise("not enough arguments for format string") end
      return given[used]
    end
    if used > 1 then raise("not enough arguments for format string") end
    return given
  end
  while true do
    local start = source:find("%", at, true)
    add(source:sub(at, (start or 0) - 1))
    if not start then break end
    local name, flags, width, dot, precision, letter, stop =
      source:match("^(%b())([-+ 0#]*)(%d*)(%.?)(%d*)(.)()", start + 1)
    if not name then
      flags, width, dot, precision, letter, stop =
        source:match("^([-+ 0#]*)(%d*)(%.?)(%d*)(.)()", start + 1)
    end
    if not letter then raise("incomplete format") end
    if letter == "%" then
      add("%")
    else
      if not letter:find(LETTERS) then raise("unsupported format character") end
      local value
      if name then
        if kind(given) ~= "dict" then raise("format requires a mapping") end
        value = values.get(given, name:sub(2, -2))
        if value == nil then raise("a name that the mapping of % does not have") end
        used = 1
      else
        value = take()
      end
      local made = converted(rt, value, letter,
        dot ~= "" and (small(precision, "precision") or 0) or nil)
      if kind(pattern) == "markup" and kind(value) ~= "markup" and letter == "s" then
        made = made:gsub("[&<>'\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
          ["'"] = "&#39;", ['"'] = "&#34;" })
      end
      local numeric = not letter:find("[crs]")
      if numeric and not made:find("^-") then
        if flags:find("+", 1, true) then made = "+" .. made
        elseif flags:find(" ", 1, true) then made = " " .. made end
      end
      local left = flags:find("-", 1, true)
      local zero = numeric and flags:find("0", 1, true) and not left
      add(padded(made, small(width, "width") or 0, left and "<" or zero and "=" or ">",
        zero and "0" or " "))
    end
    at = stop
  end
  if kind(given) == "tuple" and used < given.n or (used == 0 and values.text(given)) or (used == 0
    and values.number(given)) then
    raise("not all arguments converted during string formatting")
  end
  local made = table.concat(out)
  return kind(pattern) == "markup" and values.markup(made) or made
end

local function grouped(digits, mark)
  if mark == "" then return digits end
  local sign, whole, rest = digits:match("^([+-]?)(%d+)(.*)$")
  if not whole then return digits end
  whole = whole:reverse():gsub("(%d%d%d)", "%1" .. mark):reverse()
  if whole:sub(1, 1) == mark then whole = whole:sub(2) end
  return sign .. whole .. rest
end

--- Python's `format(value, spec)`.
-- @tparam table rt
-- @param v a value
-- @tparam string spec
-- @treturn string
function M.spec(rt, v, spec)
  if spec == "" then return represent.str(rt, v) end
  local fill, align, rest = spec:match("^([^\128-\191][\128-\191]*)([<>=^])(.*)$")
  if not fill then align, rest = spec:match("^([<>=^]?)(.*)$") end
  local sign, zero, width, mark, dot, precision, letter =
    rest:match("^([-+ ]?)#?(0?)(%d*)([,_]?)(%.?)(%d*)(%a?%%?)$")
  if not letter or #letter > 1 then raise("invalid format specifier") end
  local big = kind(v) == "bigint" and v.digits
  local x, is_float
  if not big then x, is_float = values.number(v) end
  local made, numeric
  local wanted = dot ~= "" and places(tonumber(precision) or 0) or nil
  if values.text(v) then
    if letter ~= "" and letter ~= "s" or sign ~= "" or mark ~= "" then
      raise("unknown format code for an object of type 'str'")
    end
    made = values.text(v)
    runtime.charge_scan(rt, #made)
    if wanted then made = characters.slice(made, 0, wanted) end
  elseif big then
    if letter ~= "" and letter ~= "d" or wanted then values.number(v) end
    made, numeric = grouped(big, mark), true
    if not big:find("^-") and sign ~= "" and sign ~= "-" then made = sign .. made end
  elseif x and not (kind(v) == "bool" and letter == "s") then
    numeric = true
    if letter == "%" then
      made = numbers.fixed(x * 100, wanted or 6) .. "%"
    elseif letter:find("[fFeEgG]") or (letter == "" and is_float and wanted) then
      local form = letter == "" and "g" or letter
      if form:lower() == "f" then
        made = numbers.fixed(x, wanted or 6)
      else
        made = scientific(x, form, wanted or 6)
      end
    elseif letter == "" and is_float then
      made = numbers.float(x)
    elseif (letter == "" or letter:find("[dxXobn]")) and not is_float and not wanted then
      made = in_base(x, letter)
    else
      raise(("unknown format code '%s' for an object of type '%s'"):format(letter,
        values.type_name(v)))
    end
    made = grouped(made, mark)
    if not made:find("^-") and sign ~= "" and sign ~= "-" then made = sign .. made end
  else
    raise(("unsupported format string passed to %s"):format(values.type_name(v)))
  end
  if zero ~= "" and not fill and align == "" then
    fill, align = "0", numeric and "=" or "<"
  end
  if align == "" then align = numeric and ">" or "<" end
  if align == "=" and not numeric then raise("'=' alignment is for numbers") end
  return padded(made, small(width, "width") or 0, align, fill or " ")
end

return M
