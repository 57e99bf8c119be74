-- SPDX-License-Identifier: MIT
--- Takes white space off the ends of a text: what Python's `str.strip` takes, since chat templates
-- are written for it. That is Unicode's white space and the separators 0x1C to 0x1F.
-- @module predibase.template.trim

local M = {}

local ASCII = "[\t-\r\28-\32]"

-- Above ASCII: U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000.
local WIDE = { ["\194\133"] = true, ["\194\160"] = true, ["\225\154\128"] = true,
  ["\226\128\168"] = true, ["\226\128\169"] = true, ["\226\128\175"] = true,
  ["\226\129\159"] = true, ["\227\128\128"] = true }
for last = 128, 138 do WIDE["\226\128" .. string.char(last)] = true end

--- Bytes of the white space at a place where a character may begin; 0 when there is none.
local function space_at(text, i)
  if text:find("^" .. ASCII, i) then return 1 end
  if WIDE[text:sub(i, i + 1)] then return 2 end
  return WIDE[text:sub(i, i + 2)] and 3 or 0
end

local function space_before(text, i)
  if text:find("^" .. ASCII, i) then return 1 end
  if i >= 2 and WIDE[text:sub(i - 1, i)] then return 2 end
  return i >= 3 and WIDE[text:sub(i - 2, i)] and 3 or 0
end

local ALL = "^" .. ASCII .. "*()"

--- Without the white space in front.
-- @tparam string text
-- @treturn string
function M.left(text)
  local i = 1
  while i <= #text do
    i = text:match(ALL, i)
    local size = space_at(text, i)
    if size == 0 then break end
    i = i + size
  end
  return text:sub(i)
end

-- Bytes that are looked at together.
local BLOCK = 64
local BLANK = "^" .. ASCII:rep(BLOCK)

--- Without the white space behind.
-- @tparam string text
-- @treturn string
function M.right(text)
  local i = #text
  while i > 0 do
    if i > BLOCK and text:find(BLANK, i - BLOCK + 1) then
      i = i - BLOCK
    else
      local size = space_before(text, i)
      if size == 0 then break end
      i = i - size
    end
  end
  return text:sub(1, i)
end

--- Without the white space at both ends.
-- @tparam string text
-- @treturn string
function M.both(text)
  return M.left(M.right(text))
end

return M
