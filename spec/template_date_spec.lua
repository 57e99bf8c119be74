-- SPDX-License-Identifier: MIT
local date = require "predibase.template.date"

local NOON = os.time { year = 2024, month = 7, day = 6, hour = 15, min = 4, sec = 9 }

describe("date.format", function ()
  it("writes dates as strftime does, in English", function ()
    assert.equal("06 Jul 2024", date.format("%d %b %Y", NOON))
    assert.equal("July 6, 2024", date.format("%B %-d, %Y", NOON))
    assert.equal("Saturday Sat 6", date.format("%A %a %w", NOON))
    assert.equal("2024-07-06 15:04:09", date.format("%Y-%m-%d %H:%M:%S", NOON))
    assert.equal("03 PM 3 188  6 24 7", date.format("%I %p %-I %j %e %y %-m", NOON))
  end)

  it("writes noon and midnight with a 12-hour clock", function ()
    local midnight = os.time { year = 2024, month = 1, day = 1, hour = 0 }
    assert.equal("12 AM", date.format("%I %p", midnight))
    assert.equal("12 PM", date.format("%I %p", midnight + 12 * 3600))
  end)

  it("leaves unknown conversions unchanged", function ()
    assert.equal("%Q 100% %", date.format("%Q 100%% %", NOON))
  end)

  it("accepts fractions of a second", function ()
    assert.equal("09", date.format("%S", NOON + 0.9))
  end)
end)
