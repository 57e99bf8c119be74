-- SPDX-License-Identifier: MIT
--- Whether a body is coded (RFC 9110 section 8.4), by its header Content-Encoding. Servers and
-- proxies also write words there that do not name a coding; the body is then as it should be.
-- @module predibase.response.coding

local M = {}

-- Patterns of words that do not name a coding: words for "none", and character sets.
local PLAIN = { "^identity$", "^none$", "^utf%-?%d+$", "^us%-ascii$", "^ascii$", "^iso%-8859%-%d+$",
  "^latin%d$", "^windows%-125%d$" }

local function is_plain(word)
  for _, pattern in ipairs(PLAIN) do
    if word:find(pattern) then return true end
  end
  return false
end

--- Whether it is coded.
-- @tparam ?string value of the header
-- @treturn boolean
function M.is_coded(value)
  for word in (value or ""):lower():gmatch "[^,%s]+" do
    if not is_plain(word) then return true end
  end
  return false
end

return M
