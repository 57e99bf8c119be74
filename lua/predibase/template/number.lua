-- SPDX-License-Identifier: MIT
--- Numbers as people write them: `3` for `3.0`, `0.1`, and no exponent unless the number is very
-- large or very small.
-- @module predibase.template.number

local checks = require "predibase.checks"

local M = {}

--- From 10^21 on and below 10^-6 an exponent reads better than a row of zeros; JavaScript, which
-- most numbers in JSON come from, draws the lines there as well.
M.LARGEST, M.SMALLEST = 21, -7

--- The digits of `1.25e-05` and where its point belongs: `125`, -4.
local function parts(text)
  local sign, whole, fraction, exponent = text:match("^(-?)(%d+)%.?(%d*)e([-+]%d+)$")
  return sign, whole .. fraction, #whole + tonumber(exponent)
end

--- Writes a number.
-- @tparam number value
-- @treturn ?string nil for what is no number (NaN) and for the infinities
function M.text(value)
  if not checks.finite(value) then return nil end
  if value == 0 then return "0" end
  local text = checks.number(value):lower()
  if not text:find("e", 1, true) then return text end
  local sign, digits, point = parts(text)
  if point > M.LARGEST or point <= M.SMALLEST + 1 then
    return (text:gsub("e%+?(-?)0*", "e%1"))
  end
  if point <= 0 then return sign .. "0." .. ("0"):rep(-point) .. digits end
  return sign .. digits .. ("0"):rep(point - #digits)
end

return M
