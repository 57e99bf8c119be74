-- SPDX-License-Identifier: MIT
--- Removes secrets and unprintable bytes from texts, for `predibase.errors`.
-- @module predibase.errors.safe_text

local utf8 = require "predibase.utf8"

local M = {}

-- A pattern for an escape of JSON (RFC 8259 section 7), and how many levels of JSON texts inside
-- JSON strings are searched.
local ESCAPE, NESTING = "\\(.)(%x?%x?%x?%x?)", 3

local LETTERS = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

--- Returns the text that an escape stands for, and the length of the escape in bytes.
local function meaning (letter, hex)
  if letter ~= "u" or #hex < 4 then return LETTERS[letter] or letter, 2 end
  local n, low = tonumber(hex, 16), 0x80
  if n < 0x80 then return string.char(n), 6 end
  low = low + n % 64
  if n < 0x800 then return string.char(0xC0 + math.floor(n / 64), low), 6 end
  return string.char(0xE0 + math.floor(n / 4096), 0x80 + math.floor(n / 64) % 64, low), 6
end

local function unescaped (letter, hex)
  local text, size = meaning(letter, hex)
  return size == 2 and text .. hex or text
end

--- Makes a function that maps the position of a byte in the unescaped text to the first and last
-- byte of the characters in `text` that stand for it. It must be called with ascending positions,
-- because all calls share one pass over the text.
local function locator (text)
  local here, plain = 1, 1     -- the same position in `text` and in the unescaped text
  local at, size, width        -- the next escape, its length, and that of its meaning
  local function look ()
    local stop, letter, hex
    at, stop, letter, hex = text:find(ESCAPE, here)
    if not stop then at = #text + 1 return end
    letter, size = meaning(letter, hex)
    width = #letter
  end
  look()
  return function (place)
    while at <= #text and place >= plain + at - here + width do
      here, plain = at + size, plain + at - here + width
      look()
    end
    local first = here + place - plain
    if first < at then return first, first end
    return at, at + size - 1
  end
end

local function by_place (a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  return a[2] > b[2]
end

--- Finds secrets, written literally or with the escapes of JSON. Returns their places as
-- `{ first, last }` in ascending order without overlaps.
local function places (text, secrets, shortest, nesting)
  local found = {}
  for _, secret in ipairs(secrets) do
    local first, last = 1, 0
    while first and #secret >= shortest do
      first, last = text:find(secret, last + 1, true)
      if first then found[#found + 1] = { first, last } end
    end
  end
  if nesting > 0 and text:find("\\", 1, true) then
    local locate = locator(text)
    for _, place in ipairs(places((text:gsub(ESCAPE, unescaped)), secrets, shortest,
      nesting - 1)) do
      local first = locate(place[1])
      local _, last = locate(place[2])
      found[#found + 1] = { first, last }
    end
  end
  table.sort(found, by_place)
  local apart = {}
  for _, place in ipairs(found) do
    local before = apart[#apart]
    if before and place[1] <= before[2] then
      before[2] = math.max(before[2], place[2])
    else
      apart[#apart + 1] = place
    end
  end
  return apart
end

--- Replaces secrets, see `predibase.errors.redact`.
-- @tparam string text
-- @tparam string[] secrets
-- @tparam integer shortest bytes of the shortest secret that is replaced
-- @treturn string
function M.redact (text, secrets, shortest)
  local out, from = {}, 1
  for _, place in ipairs(places(text, secrets, shortest, NESTING)) do
    out[#out + 1] = text:sub(from, place[1] - 1) .. "[redacted]"
    from = place[2] + 1
  end
  if from == 1 then return text end
  out[#out + 1] = text:sub(from)
  return table.concat(out)
end

--- Returns a printable form of the character of `size` bytes at `i`. C1 controls become `?`,
-- because they can change the state of a terminal.
local function printable (text, i, size)
  if not size then return "?" end
  local a, b = text:byte(i, i + 1)
  if a == 0xC2 and b < 0xA0 then return "?" end
  return text:sub(i, i + size - 1)
end

--- Makes a printable excerpt, see `predibase.errors.excerpt`.
-- @tparam string text
-- @tparam integer limit bytes
-- @treturn string
function M.excerpt (text, limit)
  local cut = #text > limit
  local mark = (cut and limit >= 3) and "…" or ""
  local space = limit - #mark
  -- No replacement is longer than its character, so at most `space` bytes of the text are part of
  -- the result. Three more are kept to recognise that the last character is whole.
  local head = text:sub(1, space + 3)
  head = head:gsub("[\t\n\v\f\r]", " "):gsub("[%z\1-\31\127]", "?")
  local out, n, i, used = {}, 0, 1, 0
  while i <= #head do
    local stop = head:find("[\128-\255]", i) or #head + 1
    if stop > i then
      local run = head:sub(i, math.min(stop - 1, i + space - used - 1))
      n, used, i = n + 1, used + #run, stop
      out[n] = run
    else
      local size = utf8.size(head, i)
      local piece = printable(head, i, size)
      if used + #piece > space then break end
      n, used, i = n + 1, used + #piece, i + (size or 1)
      out[n] = piece
    end
    if used >= space then break end
  end
  return table.concat(out) .. mark
end

return M
