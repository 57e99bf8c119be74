-- SPDX-License-Identifier: MIT
--- Writes dates for chat formats, in English in every locale.
-- @module predibase.template.date

local M = {}

local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December" }
local DAYS = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }

local function two (field)
  return function (t) return ("%02d"):format(t[field]) end
end

local function short (list, field)
  return function (t) return list[t[field]]:sub(1, 3) end
end

local FIELDS = {
  Y = function (t) return ("%04d"):format(t.year) end,
  y = function (t) return ("%02d"):format(t.year % 100) end,
  m = two "month", d = two "day", H = two "hour", M = two "min", S = two "sec",
  j = function (t) return ("%03d"):format(t.yday) end,
  e = function (t) return ("%2d"):format(t.day) end,
  I = function (t) return ("%02d"):format((t.hour + 11) % 12 + 1) end,
  p = function (t) return t.hour < 12 and "AM" or "PM" end,
  b = short(MONTHS, "month"), h = short(MONTHS, "month"), a = short(DAYS, "wday"),
  B = function (t) return MONTHS[t.month] end,
  A = function (t) return DAYS[t.wday] end,
  w = function (t) return ("%d"):format(t.wday - 1) end,
  ["%"] = function () return "%" end,
}

--- Formats a time as `strftime` of C does, in the local time zone. Unknown conversions stay as they
-- are.
-- @tparam string format such as `"%d %b %Y"`
-- @tparam number now Unix seconds
-- @treturn string
function M.format (format, now)
  local t = os.date("*t", math.floor(now))
  return (format:gsub("%%([-#]?)(.)", function (flag, letter)
    local field = FIELDS[letter]
    if not field then return nil end
    local text = field(t)
    -- A hyphen omits leading zeros, as in glibc.
    return flag ~= "" and text:gsub("^[0 ]+(.)", "%1") or text
  end))
end

return M
