-- SPDX-License-Identifier: MIT
--- What the methods of strings are made of: stripping, splitting, joining, finding.
-- @module predibase.template.jinja.pieces

local characters = require "predibase.template.jinja.characters"
local iterate = require "predibase.template.jinja.iterate"
local runtime = require "predibase.template.jinja.runtime"
local trim = require "predibase.template.trim"
local values = require "predibase.template.jinja.values"

local M = {}

--- Strings inside a result as Markup.
function M.marked(v)
  if type(v) == "string" then return values.markup(v) end
  if type(v) == "table" and (v.kind == "list" or v.kind == "tuple") then
    for i = 1, v.n do v[i] = M.marked(v[i]) end
  end
  return v
end

--- Takes characters off the ends.
-- @tparam string s
-- @tparam ?string set the characters; nil for white space
-- @tparam boolean left
-- @tparam boolean right
-- @treturn string
function M.strip(s, set, left, right)
  if not set then
    if right then s = trim.right(s) end
    return left and trim.left(s) or s
  end
  local member, chars, n = {}, characters.chars(set)
  for i = 1, n do member[chars[i]] = true end
  local first, last = 1, #s
  while left and first <= last do
    local char, after = characters.at(s, first)
    if not member[char] then break end
    first = after
  end
  while right and last >= first do
    local begin = last
    while begin > first and s:find("^[\128-\191]", begin) do begin = begin - 1 end
    if not member[s:sub(begin, last)] then break end
    last = begin - 1
  end
  return s:sub(first, last)
end

--- `strip` that counts the bytes which were taken off.
function M.stripped(rt, s, set, ...)
  runtime.charge(rt, set and #set or 0)
  local made = M.strip(s, set, ...)
  runtime.charge(rt, (#s - #made) / 4)
  return made
end

--- Cuts a string at a separator.
-- @tparam table rt
-- @tparam string s
-- @tparam string sep
-- @tparam integer limit most cuts, negative for all
-- @tparam boolean from_right
-- @return a list
function M.split(rt, s, sep, limit, from_right)
  local cuts, at = {}, 1
  while from_right or limit < 0 or #cuts < limit do
    local first, last = runtime.search(rt, s, sep, at)
    if not first then break end
    cuts[#cuts + 1] = { first, last }
    at = last + 1
  end
  if from_right and limit >= 0 then
    -- Overlapping separators are found from the right then.
    cuts = {}
    local reversed, mirror = s:reverse(), sep:reverse()
    runtime.charge_scan(rt, #s)
    at = 1
    while #cuts < limit do
      local first, last = runtime.search(rt, reversed, mirror, at)
      if not first then break end
      table.insert(cuts, 1, { #s - last + 1, #s - first + 1 })
      runtime.charge(rt, #cuts / 16)
      at = last + 1
    end
  end
  local out, from = {}, 1
  for i, cut in ipairs(cuts) do
    out[i] = s:sub(from, cut[1] - 1)
    from = cut[2] + 1
  end
  out[#cuts + 1] = s:sub(from)
  return values.list(out)
end

--- The words between white space.
function M.words(rt, s, limit, from_right)
  local out = {}
  if limit < 0 and not s:find("[\128-\255]") then
    runtime.charge_scan(rt, #s)
    for word in s:gmatch("[^\t-\r\28-\32]+") do out[#out + 1] = word end
    runtime.charge(rt, #out)
    return values.list(out)
  end
  runtime.charge(rt, #s)
  local chars, n = characters.chars(s)
  local function space(i) return trim.left(chars[i]) == "" end
  local i, step, stop = 1, 1, n
  if from_right then i, step, stop = n, -1, 1 end
  local function inside() return (i - stop) * step <= 0 end
  while true do
    while inside() and space(i) do i = i + step end
    if not inside() then break end
    local begin = i
    if limit >= 0 and #out >= limit then
      i = stop + step
    else
      while inside() and not space(i) do i = i + step end
    end
    local from, to = math.min(begin, i - step), math.max(begin, i - step)
    local word = table.concat(chars, "", from, to)
    out[#out + 1] = word
  end
  if from_right then
    for k = 1, math.floor(#out / 2) do out[k], out[#out + 1 - k] = out[#out + 1 - k], out[k] end
  end
  return values.list(out)
end

--- The items of an iterable with a string between them; each has to be a string.
function M.join(rt, sep, iterable)
  local parts, n = iterate.all(rt, iterable)
  local size = 0
  for i = 1, n do
    local s = values.text(parts[i])
    if not s then
      runtime.raise(("sequence item %d: expected str instance, %s found"):format(i - 1,
        values.type_name(parts[i])))
    end
    parts[i] = s
    size = size + #s + #sep
    runtime.check_size(size)
  end
  runtime.charge_string(rt, size)
  return table.concat(parts, sep, 1, n)
end

--- The index (in characters) where a string is found, or nil.
function M.find(rt, s, needle, from_right)
  local at
  if from_right then
    at = runtime.search(rt, s:reverse(), needle:reverse(), 1)
    at = at and #s - (at - 1) - #needle + 1
  else
    at = runtime.search(rt, s, needle, 1)
  end
  runtime.charge_scan(rt, at or 0)
  return at and values.length(s:sub(1, at - 1))
end

--- How often a string is in another, without overlaps.
function M.count(rt, s, needle)
  runtime.charge_scan(rt, needle == "" and #s or 0)
  if needle == "" then return values.length(s) + 1 end
  local n, at = 0, 1
  while true do
    local first, last = runtime.search(rt, s, needle, at)
    if not first then break end
    n, at = n + 1, last + 1
  end
  return n
end

--- `ljust`, `rjust`, `center` and `zfill`.
function M.justify(name, s, width, fill)
  if values.length(fill) ~= 1 then
    runtime.raise("the fill character must be exactly one character long")
  end
  local missing = width - values.length(s)
  if missing <= 0 then return s end
  if name == "ljust" then return s .. fill:rep(missing) end
  if name == "rjust" then return fill:rep(missing) .. s end
  if name == "zfill" then
    local sign, rest = s:match("^([+-]?)(.*)$")
    return sign .. ("0"):rep(missing) .. rest
  end
  local left = math.floor(missing / 2) + (missing % 2 == 1 and width % 2 == 1 and 1 or 0)
  return fill:rep(left) .. s .. fill:rep(missing - left)
end

--- Tabs as spaces up to the next multiple of a width.
function M.expand_tabs(rt, s, size)
  local out, column, bytes = {}, 0, 0
  for char in s:gmatch("[^\128-\191][\128-\191]*") do
    local piece = char
    if char == "\t" then
      piece = size > 0 and (" "):rep(math.min(size, 1024) - column % size) or ""
      column = column + #piece
    else
      column = (char == "\n" or char == "\r") and 0 or column + 1
    end
    bytes = bytes + #piece
    runtime.charge_string(rt, #piece)
    runtime.check_size(bytes)
    out[#out + 1] = piece
  end
  return table.concat(out)
end

local function replaced(rt, text, old, new, count)
  if count and count < 0 then count = nil end
  local out, n, from, done = {}, 0, 1, 0
  local size = 0
  local function add(piece)
    size = size + #piece
    runtime.check_size(size)
    n = n + 1
    out[n] = piece
  end
  if old == "" then
    local chars, len = characters.chars(text)
    for i = 1, len do
      if not count or done < count then add(new) done = done + 1 end
      add(chars[i])
    end
    if not count or done < count then add(new) end
    return table.concat(out)
  end
  while not count or done < count do
    local first, last = runtime.search(rt, text, old, from)
    if not first then break end
    add(text:sub(from, first - 1))
    add(new)
    from, done = last + 1, done + 1
  end
  add(text:sub(from))
  return table.concat(out)
end

--- Replaces what is there literally, at most `count` times (nil or negative: everywhere).
function M.replace(rt, s, old, new, count)
  if old == "" then runtime.charge(rt, #s) end
  local made = replaced(rt, s, old, new, count)
  runtime.charge(rt, #made / 64)
  return made
end

--- What may be asked about a string: `isdigit` and so on. Beyond ASCII everything is a letter.
M.tests = {
  isdigit = function (s) return s:find("^%d+$") ~= nil end,
  isdecimal = function (s) return s:find("^%d+$") ~= nil end,
  isalpha = function (s) return s:find("^[%a\128-\255]+$") ~= nil end,
  isalnum = function (s) return s:find("^[%w\128-\255]+$") ~= nil end,
  isspace = function (s) return s ~= "" and trim.left(s) == "" end,
  isascii = function (s) return not s:find("[\128-\255]") end,
  isupper = function (s) return characters.all_of_case(s, "upper") end,
  islower = function (s) return characters.all_of_case(s, "lower") end,
  istitle = function (s) return s:find("%a") ~= nil and characters.title(s) == s end,
}

for name, test in pairs(M.tests) do
  local share = (name == "isupper" or name == "islower" or name == "istitle") and 1 or 16
  M.tests[name] = function (s, rt)
    runtime.charge(rt, #s / share)
    return test(s)
  end
end

return M
