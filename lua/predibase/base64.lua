-- SPDX-License-Identifier: MIT
--- Base64 (RFC 4648 section 4).
-- @module predibase.base64

local M = {}

local byte, char, concat, floor = string.byte, string.char, table.concat, math.floor

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Two characters for each 12 bits, and each character's value.
local PAIR, VALUE = {}, {}
for i = 0, 63 do
  local first = ALPHABET:sub(i + 1, i + 1)
  VALUE[first] = i
  for j = 0, 63 do PAIR[i * 64 + j] = first .. ALPHABET:sub(j + 1, j + 1) end
end

--- Encodes bytes, with padding.
-- @tparam string bytes
-- @treturn string
function M.encode (bytes)
  local out, n, rest = {}, 0, #bytes % 3
  for i = 1, #bytes - rest, 3 do
    local a, b, c = byte(bytes, i, i + 2)
    local low = b % 16
    out[n + 1], out[n + 2] = PAIR[a * 16 + (b - low) / 16], PAIR[low * 256 + c]
    n = n + 2
  end
  if rest > 0 then
    local a, b = byte(bytes, -rest, -1)
    b = rest == 2 and b or 0
    local low = b % 16
    out[n + 1] = PAIR[a * 16 + (b - low) / 16]
    out[n + 2] = rest == 2 and PAIR[low * 256]:sub(1, 1) .. "=" or "=="
  end
  return concat(out)
end

--- Decodes a text. White space is not allowed.
-- @tparam string text
-- @treturn[1] string the bytes
-- @treturn[2] nil the text is not Base64
function M.decode (text)
  local body = text:match "^([A-Za-z0-9+/]*)=?=?$"
  if not body or #text % 4 ~= 0 or #body % 4 == 1 then return nil end
  local out, bits, value = {}, 0, 0
  for character in body:gmatch "." do
    value, bits = value * 64 + VALUE[character], bits + 6
    if bits >= 8 then
      bits = bits - 8
      local high = floor(value / 2 ^ bits)
      out[#out + 1] = char(high)
      value = value - high * 2 ^ bits
    end
  end
  return concat(out)
end

return M
