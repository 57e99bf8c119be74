-- SPDX-License-Identifier: MIT
--- Numbers as people read them.
local amounts = require "predibase.amounts"

describe("predibase.amounts", function ()
  local function check (write, cases)
    for _, case in ipairs(cases) do assert.equal(case[2], write(case[1])) end
  end

  it("writes whole numbers with commas", function ()
    check(amounts.count, { { 0, "0" }, { 7, "7" }, { 999, "999" }, { 1000, "1,000" },
      { 123456, "123,456" }, { 1234567, "1,234,567" }, { -1234, "-1,234" }, { 2.6, "3" },
      { 2 ^ 53, "9,007,199,254,740,992" }, { 0 / 0, "unknown" }, { 1 / 0, "unknown" } })
  end)

  it("writes other numbers with three digits", function ()
    check(amounts.number, { { 0, "0" }, { 3, "3" }, { 0.5, "0.5" }, { 0.034, "0.034" },
      { 0.00012, "0.00012" }, { 1.256, "1.26" }, { 12.34, "12.3" }, { 99.96, "100" },
      { 1234.5, "1,235" }, { 9.999, "10" } })
  end)

  it("writes times in units that fit", function ()
    check(amounts.seconds, { { 0, "0 s" }, { 0.0005, "0.5 ms" }, { 0.41, "410 ms" },
      { 0.9996, "1 s" }, { 1.25, "1.25 s" }, { 59.97, "1 min" }, { 60, "1 min" },
      { 192, "3 min 12 s" }, { 3600, "1 h" }, { 7500, "2 h 5 min" }, { 97200, "1 d 3 h" },
      { 0 / 0, "unknown" } })
  end)

  it("never rounds a share to all or nothing", function ()
    check(amounts.percent, { { 0, "0%" }, { 0.0001, "<0.1%" }, { 0.5, "50.0%" },
      { 0.9431, "94.3%" }, { 0.99999, ">99.9%" }, { 1, "100%" }, { 0 / 0, "unknown" } })
  end)

  it("writes the plural of a noun", function ()
    assert.equal("1 row", amounts.of(1, "row"))
    assert.equal("2,000 rows", amounts.of(2000, "row"))
  end)
end)
