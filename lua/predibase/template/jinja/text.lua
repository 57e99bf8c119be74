-- SPDX-License-Identifier: MIT
--- Strings as Python sees them: by code points. A byte that is no UTF-8 belongs to the character
-- before it.
-- @module predibase.template.jinja.text

local case = require "predibase.template.jinja.case"
local codepoints = require "predibase.template.jinja.codepoints"
local runtime = require "predibase.template.jinja.runtime"

local M = {}

--- The characters of a string, code points and their UTF-8; see `codepoints`.
M.chars, M.codepoint, M.utf8 = codepoints.chars, codepoints.codepoint, codepoints.utf8
M.at, M.offset = codepoints.at, codepoints.offset

--- How many characters a string has.
function M.length(text)
  if not text:find("[\128-\255]") then return #text end
  local _, begins = text:gsub("[^\128-\191]", "")
  return begins + (text:find("^[\128-\191]") and 1 or 0)
end

--- Upper case and so on; see `case`.
M.upper, M.lower, M.capitalize, M.title = case.upper, case.lower, case.capitalize, case.title

--- A string repeated.
function M.times(text, n)
  if n <= 0 or text == "" then return "" end
  runtime.check_size(#text * n)
  return text:rep(n)
end

--- The place of a slice's bounds in Python: first index (from 0), step, number of items
-- and the bound behind the last.
-- nil stands for a bound that is left out.
function M.bounds(start, stop, step, n)
  step = step or 1
  if step == 0 then runtime.raise("slice step cannot be zero") end
  local low, high = 0, n
  if step < 0 then low, high = -1, n - 1 end
  local function clamp(i, default)
    if i == nil then return default end
    if i < 0 then i = i + n end
    return math.max(low, math.min(high, i))
  end
  local first = clamp(start, step < 0 and high or low)
  local last = clamp(stop, step < 0 and low or high)
  local count = math.max(0, math.ceil((last - first) / step))
  return first, step, count, last
end

--- A slice of a string.
function M.slice(text, start, stop, step)
  local n = M.length(text)
  local ascii = n == #text
  local first, by, count = M.bounds(start, stop, step, n)
  if count == 0 then return "" end
  if by == 1 then
    if ascii then return text:sub(first + 1, first + count) end
    local from = M.offset(text, first)
    return text:sub(from, from + M.offset(text:sub(from), count) - 2)
  end
  if ascii and by == -1 then return text:sub(first - count + 2, first + 1):reverse() end
  local out, chars = {}, not ascii and M.chars(text) or nil
  for i = 0, count - 1 do
    local at = first + i * by + 1
    out[i + 1] = ascii and text:sub(at, at) or chars[at]
  end
  return table.concat(out)
end

--- Replaces what is there literally, at most `count` times (nil: everywhere).
-- @tparam string text
-- @tparam string old
-- @tparam string new
-- @tparam ?integer count
-- @tparam function search `(text, old, from)` -> first and last byte, or nil
function M.replace(text, old, new, count, search)
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
    local chars, len = M.chars(text)
    for i = 1, len do
      if not count or done < count then add(new) done = done + 1 end
      add(chars[i])
    end
    if not count or done < count then add(new) end
    return table.concat(out)
  end
  while not count or done < count do
    local first, last = search(text, old, from)
    if not first then break end
    add(text:sub(from, first - 1))
    add(new)
    from, done = last + 1, done + 1
  end
  add(text:sub(from))
  return table.concat(out)
end

--- The lines of a string as Python's `splitlines` gives them.
-- @tparam string text
-- @tparam boolean keep the line ends
function M.lines(text, keep)
  local out, from, i = {}, 1, 1
  while true do
    i = text:find("[\10-\13\28-\30\194\226]", i)
    if not i then break end
    local size
    local b = text:byte(i)
    if b == 13 and text:byte(i + 1) == 10 then
      size = 2
    elseif (b >= 10 and b <= 13) or (b >= 28 and b <= 30) then
      size = 1
    elseif b == 0xC2 and text:byte(i + 1) == 0x85 then
      size = 2
    elseif b == 0xE2 and (text:find("^\128[\168\169]", i + 1)) then
      size = 3
    end
    if size then
      out[#out + 1] = text:sub(from, i - 1 + (keep and size or 0))
      from = i + size
    end
    i = i + (size or 1)
  end
  if from <= #text then out[#out + 1] = text:sub(from) end
  return out
end

return M
