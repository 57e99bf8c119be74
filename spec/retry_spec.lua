-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local random = require "spec.support.random"
local retry = require "predibase.retry"

-- Sunday, 6 November 1994, 08:49:37 UTC, the example of RFC 9110.
local EXAMPLE = 784111777

describe("retry.date", function ()
  it("reads the three forms of RFC 9110", function ()
    for _, text in ipairs { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994", " Sun, 06 Nov 1994 08:49:37 GMT " } do
      assert.equal(EXAMPLE, retry.date(text, EXAMPLE))
    end
  end)

  it("handles leap years, month ends and the epoch", function ()
    local cases = {
      ["Thu, 01 Jan 1970 00:00:00 GMT"] = 0, ["Thu, 31 Dec 1970 23:59:59 GMT"] = 31535999,
      ["Tue, 29 Feb 2000 12:00:00 GMT"] = 951825600, ["Thu, 29 Feb 2024 00:00:00 GMT"] = 1709164800,
      ["Fri, 01 Mar 2024 00:00:00 GMT"] = 1709251200,
      ["Mon, 01 Mar 2100 00:00:00 GMT"] = 4107542400,
      ["Wed, 31 Dec 1969 23:59:59 GMT"] = -1, ["Sat, 31 Dec 2016 23:59:60 GMT"] = 1483228800,
    }
    for text, seconds in pairs(cases) do assert.equal(seconds, retry.date(text), text) end
  end)

  it("agrees with os.date for random points in time", function ()
    local rng = random.new(12)
    for _ = 1, 300 do
      local seconds = rng:int(0, 2147483646)
      local day = os.date("!*t", seconds)
      local names = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
        "Dec" }
      local text = ("Xyz, %02d %s %04d %02d:%02d:%02d GMT"):format(day.day, names[day.month],
        day.year, day.hour, day.min, day.sec)
      assert.equal(seconds, retry.date(text), text)
    end
  end)

  it("reads two digits as a year at most fifty years ahead", function ()
    local now = retry.date "Wed, 01 Jul 2026 00:00:00 GMT"
    local function year_of (text)
      return tonumber(os.date("!%Y", retry.date(text, now)))
    end
    assert.equal(2027, year_of "Friday, 01-Jan-27 00:00:00 GMT")
    assert.equal(2075, year_of "Friday, 01-Jan-75 00:00:00 GMT")
    assert.equal(1977, year_of "Friday, 01-Jan-77 00:00:00 GMT")
    assert.equal(1999, year_of "Friday, 01-Jan-99 00:00:00 GMT")
    assert.is_nil(retry.date("Friday, 01-Jan-27 00:00:00 GMT"))
    local late = retry.date "Wed, 01 Jul 2099 00:00:00 GMT"
    assert.equal(retry.date "Fri, 01 Jan 2100 00:00:00 GMT",
      retry.date("Friday, 01-Jan-00 00:00:00 GMT", late))
  end)

  it("refuses other texts", function ()
    for _, text in ipairs {
      "", "tomorrow", "Sun, 6 Nov 1994 08:49:37 GMT", "06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
      "Sun, 06 Nov 1994 08:49:37 +0000", "Sun, 00 Nov 1994 08:49:37 GMT",
      "Sun, 31 Nov 1994 08:49:37 GMT", "Wed, 29 Feb 2023 00:00:00 GMT",
      "Sun, 06 Xyz 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
      "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "1994-11-06T08:49:37Z",
      "Mon, 29 Feb 2100 00:00:00 GMT",
    } do
      assert.is_nil(retry.date(text, EXAMPLE), text)
    end
    assert.is_nil(retry.date(nil, EXAMPLE))
    assert.is_nil(retry.date({}, EXAMPLE))
  end)
end)

describe("retry.after", function ()
  local function after (value)
    return retry.after({ ["retry-after"] = value }, EXAMPLE)
  end

  it("reads seconds and decimals", function ()
    for value, seconds in pairs { ["1"] = 1, ["60"] = 60, [" 5 "] = 5, ["007"] = 7, ["1.5"] = 1.5,
      ["0.25"] = 0.25, ["3600"] = 3600, ["2.000000000000001"] = 2, ["\t9"] = 9, ["10.0"] = 10 } do
      assert.equal(seconds, after(value), value)
    end
  end)

  it("compares dates with the given time", function ()
    assert.equal(23, after "Sun, 06 Nov 1994 08:50:00 GMT")
    assert.equal(23, after "Sunday, 06-Nov-94 08:50:00 GMT")
    assert.equal(23, after "Sun Nov  6 08:50:00 1994")
    assert.is_nil((retry.after { ["retry-after"] = "Sun, 06 Nov 1994 08:50:00 GMT" }))
  end)

  it("ignores implausible values", function ()
    for _, value in ipairs {
      "", " ", "0", "0.0", "-1", "-0.5", "nan", "NaN", "inf", "-inf", "Infinity", "1e3", "1e999",
      "0x10", "+5", "5s", "5 seconds", "five", "1,5", "5, 10", "1 2", ".5", "5.", "1..5", "1.5.5",
      "99999999999999999999999", "31536001", "\0", "5\0", "Sun, 06 Nov 1994 08:49:37 GMT",
      "Sat, 05 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 2094 08:49:37 GMT",
      "Sun, 99 Nov 1994 08:49:37 GMT", "null", "true",
    } do
      assert.is_nil(after(value), value)
    end
    assert.is_nil(after(("1"):rep(200000) .. "x"))
    assert.is_nil(after("Sun, " .. (" "):rep(200000)))
    assert.is_nil(after({}))
    assert.is_nil(after(nil))
  end)

  it("prefers milliseconds, and uses the reset of the rate limit last", function ()
    assert.equal(0.25, retry.after({ ["retry-after-ms"] = "250", ["retry-after"] = "9" }, EXAMPLE))
    assert.equal(9, retry.after({ ["retry-after-ms"] = "x", ["retry-after"] = "9",
      ["x-ratelimit-reset"] = "3" }, EXAMPLE))
    assert.equal(3, retry.after({ ["retry-after-ms"] = "0", ["retry-after"] = "-1",
      ["x-ratelimit-reset"] = "3" }, EXAMPLE))
    assert.is_nil(retry.after({ ["x-ratelimit-reset"] = "1767225600" }, EXAMPLE))
    assert.is_nil(retry.after({}, EXAMPLE))
  end)
end)

describe("retry.delay", function ()
  local function failed (fields)
    fields.kind, fields.message = fields.kind or "server", ""
    if fields.retryable == nil then fields.retryable = true end
    return errors.new(fields)
  end

  local function policy (fields)
    fields = fields or {}
    fields.max_retries = fields.max_retries or 2
    fields.random = fields.random or function () return 0.5 end
    return fields
  end

  it("doubles the wait up to eight seconds", function ()
    local waits = {}
    for attempt = 1, 8 do
      waits[attempt] = retry.delay(failed {}, attempt,
        policy { max_retries = 100, random = function () return 1 end })
    end
    assert.same({ 0.5, 1, 2, 4, 8, 8, 8, 8 }, waits)
    assert.equal(8, retry.delay(failed {}, 5000,
      policy { max_retries = 1e9, random = function () return 1 end }))
  end)

  it("distributes the wait over the whole range", function ()
    assert.equal(0, retry.delay(failed {}, 3, policy { max_retries = 9,
      random = function () return 0 end }))
    assert.equal(1, retry.delay(failed {}, 3, policy { max_retries = 9 }))
  end)

  it("waits as long as the server requests, up to a minute", function ()
    assert.equal(7, retry.delay(failed { retry_after = 7 }, 1, policy()))
    assert.equal(60, retry.delay(failed { retry_after = 60 }, 1, policy()))
    local wait, reason = retry.delay(failed { retry_after = 61 }, 1, policy())
    assert.is_nil(wait)
    assert.equal("the server asks to wait 61 seconds, more than the limit of 60", reason)
    assert.matches("^the server asks to wait 61 seconds",
      select(2, retry.delay(failed { retry_after = 60.01 }, 1, policy())))
  end)

  it("returns the reason when there is no retry", function ()
    local function reason (fields, attempt, limits)
      return (select(2, retry.delay(failed(fields), attempt, policy(limits))))
    end
    assert.equal("a retry would fail in the same way", reason({ retryable = false }, 1))
    assert.equal("tokens were already returned, and a retry could produce different ones",
      reason({}, 1, { delivered = 5 }))
    assert.equal("max_retries = 2 allows no more retries", reason({}, 3))
    assert.equal("max_retries = 0 allows no more retries", reason({}, 1, { max_retries = 0.0 }))
    assert.equal("the server asks to wait 3600 seconds, more than the limit of 60",
      reason({ retry_after = 3600 }, 1, { remaining = 5 }))
    assert.equal("the time for the whole call is too short: 3.2 seconds are left and the wait is "
      .. "7.0", reason({ retry_after = 7 }, 1, { remaining = 3.2 }))
    for _, remaining in ipairs { 0, -1 } do
      assert.equal("the time for the whole call is used up",
        reason({ retry_after = 7 }, 1, { remaining = remaining }))
    end
  end)

  it("stops after max_retries", function ()
    assert.is_number((retry.delay(failed {}, 2, policy())))
    assert.is_nil((retry.delay(failed {}, 3, policy())))
    assert.is_nil((retry.delay(failed {}, 1, policy { max_retries = 0 })))
  end)

  it("does not retry when the wait would end after the deadline of the call", function ()
    assert.equal(7, retry.delay(failed { retry_after = 7 }, 1, policy { remaining = 7.5 }))
    for _, remaining in ipairs { 7, 3, 0, -1 } do
      assert.is_nil((retry.delay(failed { retry_after = 7 }, 1, policy { remaining = remaining })))
    end
    assert.is_nil((retry.delay(failed {}, 1, policy { remaining = 0,
      random = function () return 0 end })))
  end)

  it("never retries after a token was returned", function ()
    assert.is_nil((retry.delay(failed { kind = "overloaded" }, 1, policy { delivered = 1 })))
    assert.is_number((retry.delay(failed { kind = "overloaded" }, 1, policy { delivered = 0 })))
  end)

  it("depends only on retryable, and always returns a reason for no retry", function ()
    for kind in pairs(errors.kinds) do
      local wait, reason = retry.delay(errors.new { kind = kind, message = "" }, 1, policy())
      assert.equal(errors.kinds[kind].retryable, wait ~= nil, kind)
      assert.equal(wait == nil, type(reason) == "string", kind)
    end
    assert.is_number((retry.delay(errors.new { kind = "timeout", phase = "connect", message = "" },
      1,
      policy())))
  end)
end)

describe("retry.exhausted", function ()
  it("is the time until the end of a window in which no requests are left", function ()
    local function of (remaining, reset)
      return retry.exhausted {
        ["x-ratelimit-remaining"] = remaining, ["x-ratelimit-reset"] = reset,
      }
    end
    assert.equal(12, of("0", "12"))
    assert.equal(0.5, of("0", "0.5"))
    assert.is_nil(of("1", "12"))
    assert.is_nil(of(nil, "12"))
    assert.is_nil(of("0", nil))
    assert.is_nil(of("0", "0"))
    assert.is_nil(of("0", "soon"))
    assert.is_nil(of("0", "1700000000"))
    assert.is_nil(of("none", "12"))
    assert.is_nil(retry.exhausted {})
  end)
end)

describe("retry.backoff", function ()
  it("doubles from half a second to eight, with full jitter", function ()
    for attempt, seconds in ipairs { 0.5, 1, 2, 4, 8, 8, 8 } do
      assert.equal(seconds / 4, retry.backoff(attempt, function () return 0.25 end))
      assert.equal(0, retry.backoff(attempt, function () return 0 end))
    end
    assert.equal(4, retry.backoff(100000, function () return 0.5 end))
  end)
end)
