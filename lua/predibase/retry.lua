-- SPDX-License-Identifier: MIT
--- Decides whether to retry a request, and after how many seconds.
-- The time and random numbers are arguments, so this module needs no clock.
-- @module predibase.retry

--- The times of a call in seconds. The client measures the first two, the server's headers have the
-- others.
-- @table Timing
-- @tfield number total the whole call
-- @tfield ?number first_token until the first token of a stream
-- @tfield ?number total_server the whole request in the server
-- @tfield ?number validation of the request
-- @tfield ?number queue in the queue of the server
-- @tfield ?number inference of the model
-- @tfield ?number compute all work of the server
-- @tfield ?number time_per_token mean of all tokens
-- @tfield ?number time_to_first_token in the server
-- @tfield ?number time_per_output_token mean of the tokens after the first

--- The numbers of tokens that are known.
-- @table Usage
-- @tfield ?integer prompt_tokens of the prompt
-- @tfield ?integer completion_tokens of the answer
-- @tfield ?integer total_tokens of both

local M = {}

--- Longest wait in seconds that a server may request. If it requests more, the call fails, and the
-- error says how long.
M.MAX_WAIT = 60

-- First and longest wait in seconds when the server requests none.
M.FIRST_WAIT, M.LAST_WAIT = 0.5, 8

-- A longer wait is not a duration: some servers send a point in time instead.
local ABSURD = 365 * 86400

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

local LENGTHS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

-- Longest number or date that is read. It limits the backtracking of the patterns below.
local MAX_LENGTH = 64

local floor = math.floor

local function is_leap (year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

--- Returns the Unix seconds of a point in time in UTC. os.time knows only the local time zone.
local function seconds_of (year, month, day, hour, minute, second)
  local length = month and LENGTHS[month]
  if month == 2 and is_leap(year) then length = 29 end
  if not length or day < 1 or day > length or hour > 23 or minute > 59 or second > 60 then
    return nil
  end
  local before = year - 1
  local days = before * 365 + floor(before / 4) - floor(before / 100) + floor(before / 400)
  for m = 1, month - 1 do days = days + LENGTHS[m] end
  if month > 2 and is_leap(year) then days = days + 1 end
  -- 719162 days lie between 1 January of the year 1 and 1 January 1970.
  return (days + day - 1 - 719162) * 86400 + hour * 3600 + minute * 60 + second
end

--- Returns the full year for two digits, at most 50 years ahead (RFC 9110 section 5.6.7).
local function full_year (digits, now)
  local this = floor(now / (365.2425 * 86400)) + 1970
  local year = this - this % 100 + digits
  if year > this + 50 then return year - 100 end
  if year + 100 <= this + 50 then return year + 100 end
  return year
end

--- Reads an HTTP date in any of its three forms (RFC 9110 section 5.6.7).
-- @tparam string text
-- @tparam ?number now Unix seconds; without it the form with a two-digit year is not accepted
-- @treturn[1] number Unix seconds
-- @treturn[2] nil the text is not an HTTP date
function M.date (text, now)
  if type(text) ~= "string" or #text > MAX_LENGTH then return nil end
  local day, month, year, hour, minute, second =
    text:match("^%s*%a+, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT%s*$")
  if not day and now then
    day, month, year, hour, minute, second =
      text:match("^%s*%a+, (%d%d)%-(%a%a%a)%-(%d%d) (%d%d):(%d%d):(%d%d) GMT%s*$")
    year = year and full_year(tonumber(year), now)
  end
  if not day then
    month, day, hour, minute, second, year =
      text:match("^%s*%a+ (%a%a%a) ([%d ]%d) (%d%d):(%d%d):(%d%d) (%d%d%d%d)%s*$")
  end
  if not day then return nil end
  return seconds_of(tonumber(year), MONTHS[month], tonumber(day), tonumber(hour),
    tonumber(minute), tonumber(second))
end

--- Reads a decimal number of 0 or more. tonumber would also accept `0x10`, `1e9` and `inf`, and it
-- depends on the locale.
local function decimal (text)
  if type(text) == "number" then return text end
  if type(text) ~= "string" or #text > MAX_LENGTH then return nil end
  local whole, fraction = text:match("^%s*(%d+)%.?(%d*)%s*$")
  if not whole or #whole > 15 then return nil end
  if text:find("%.%s*$") then return nil end
  fraction = fraction:sub(1, 9)
  local value = tonumber(whole)
  if fraction ~= "" then value = value + tonumber(fraction) / 10 ^ #fraction end
  return value
end

--- Returns a plausible wait unchanged, and nil for any other value.
local function sane (seconds)
  if seconds and seconds > 0 and seconds <= ABSURD then return seconds end
  return nil
end

--- Returns the wait that the server requests. Uses `retry-after-ms` (milliseconds), `retry-after`
-- (RFC 9110 section 10.2.3: seconds or a date; decimals are accepted) and `x-ratelimit-reset`
-- (seconds), in this order. A header is ignored when it is empty, not a number, not above 0 or more
-- than a year.
-- @tparam table headers lower-case name -> value
-- @tparam ?number now Unix seconds; without it dates are ignored
-- @treturn[1] number seconds, above 0
-- @treturn[2] nil the server requests no valid wait
function M.after (headers, now)
  local ms = decimal(headers["retry-after-ms"])
  local wait = ms and sane(ms / 1000)
  if wait then return wait end
  local value = headers["retry-after"]
  wait = sane(decimal(value))
  if wait then return wait end
  local date = now and M.date(value, now)
  wait = date and sane(date - now)
  if wait then return wait end
  return sane(decimal(headers["x-ratelimit-reset"]))
end

--- Returns how long the server will accept no more requests: `x-ratelimit-remaining` is 0, and
-- `x-ratelimit-reset` is the number of seconds (Envoy, in front of Predibase).
-- @tparam table headers lower-case name -> value
-- @treturn[1] number seconds, above 0
-- @treturn[2] nil the server accepts more requests, or does not say
function M.exhausted (headers)
  if decimal(headers["x-ratelimit-remaining"]) ~= 0 then return nil end
  return sane(decimal(headers["x-ratelimit-reset"]))
end

--- Returns an exponentially growing wait with full jitter, for a server that requests none.
-- @tparam integer attempt the number of failed attempts, from 1
-- @tparam function random returns a number in [0, 1)
-- @treturn number seconds
function M.backoff (attempt, random)
  return random() * math.min(M.LAST_WAIT, M.FIRST_WAIT * 2 ^ (attempt - 1))
end

--- Longest wait in seconds between two attempts while a deployment starts.
M.LAST_COLD_WAIT = 10

--- Tells whether an error may mean that the deployment has not started yet: a gateway answers 503
-- or 504 in its place (nginx and Caddy 502), or nothing accepts connections.
-- @tparam table err
-- @treturn boolean
function M.is_cold (err)
  if err.status then
    return err.status >= 502 and err.status <= 504 and err.kind ~= "overloaded"
      and err.kind ~= "rate_limited"
  end
  return err.kind == "connection" and err.phase == "connect" and err.sent == false
end

--- Returns the wait before the next attempt while a deployment starts. It grows to `LAST_COLD_WAIT`
-- and has half jitter, so that many clients do not come back at the same time.
-- @tparam table err
-- @tparam number waited seconds since the first such error
-- @tparam number limit seconds that the deployment may take to start
-- @tparam function random returns a number in [0, 1)
-- @treturn[1] number seconds
-- @treturn[2] nil it took longer than the limit
function M.cold_delay (err, waited, limit, random)
  if waited >= limit then return nil end
  local wait = math.min(M.LAST_COLD_WAIT, math.max(1, waited / 2))
  wait = wait * (0.5 + random() / 2)
  if err.retry_after and err.retry_after <= M.MAX_WAIT then wait = err.retry_after end
  return math.min(wait, limit - waited)
end

--- Decides whether a failed attempt is retried, and when.
--
-- There is no retry after a token was returned, beyond `max_retries`, or when the wait would not
-- end before the deadline. A wait that the server requests (`err.retry_after`) takes precedence
-- over the growing wait with full jitter.
-- @tparam table err an error object; `retryable` and `retry_after` are used
-- @tparam integer attempt the number of the attempt that failed, from 1
-- @tparam table policy `max_retries`; `random`, a function that returns a number in [0, 1);
-- `remaining`, the seconds left for the whole call (nil: no limit); `delivered`, the number of
-- tokens returned to the caller (nil: none)
-- @treturn[1] number seconds to wait before the next attempt
-- @treturn[2] nil
-- @treturn[2] string the reason for no retry, for people
function M.delay (err, attempt, policy)
  if not err.retryable then return nil, "a retry would fail in the same way" end
  if (policy.delivered or 0) > 0 then
    return nil, "tokens were already returned, and a retry could produce different ones"
  end
  if attempt > policy.max_retries then
    return nil, ("max_retries = %d allows no more retries"):format(policy.max_retries)
  end
  local wait = err.retry_after
  if not wait then
    wait = M.backoff(attempt, policy.random)
  elseif wait > M.MAX_WAIT then
    return nil, ("the server asks to wait %.0f seconds, more than the limit of %d")
      :format(math.ceil(wait), M.MAX_WAIT)
  end
  local left = policy.remaining
  if left and left <= 0 then return nil, "the time for the whole call is used up" end
  if left and wait >= left then
    return nil, ("the time for the whole call is too short: %.1f seconds are left and the wait is "
      .. "%.1f"):format(left, wait)
  end
  return wait
end

return M
