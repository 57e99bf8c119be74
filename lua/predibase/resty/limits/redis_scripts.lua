-- SPDX-License-Identifier: MIT
--- The Lua scripts that Redis runs for the limits. Redis runs one script at a time, so a script
-- reads and changes several counters in one step.
--
-- Open streams are sorted sets: the members are the ids of leases, the scores the times at which
-- they expire. The rate is a string per key: the time at which the key's token bucket would be full
-- again (see `predibase.resty.limits.dict_store`). All times are microseconds on the clock of
-- Redis, so the clocks of the machines do not matter. Doubles represent them exactly until the year
-- 2255.
-- @module predibase.resty.limits.redis_scripts

local M = {}

-- TIME is not deterministic, and Redis before 5 refuses to write after it unless the effects of the
-- script are replicated instead of the script.
local BEGIN = [[
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local function whole (n) return string.format("%.0f", n) end
local function add (key, id, length)
  redis.call("ZADD", key, whole(now + length), id)
  redis.call("PEXPIRE", key, whole(math.ceil(length / 1000)))
end
]]

--- Admits a stream, or counts nothing. The first change is one that Redis refuses when its memory
-- is full; after another change it would allow it. KEYS: the sets of all streams and of the key's
-- streams, the rate of the key. ARGV: the id of the lease, its length, the limits of the two sets,
-- the time between two streams, the burst; 0 for a limit that is not set. Returns `{ 0 }` if the
-- stream is admitted; 1 or 2 for the set that is full; 3 and the microseconds to wait for the
-- rate.
M.ENTER = BEGIN .. [[
local id, length = ARGV[1], tonumber(ARGV[2])
-- Later times come from before the clock of Redis was set back.
local latest = whole(now + 2 * length)
for i = 1, 2 do
  local most = tonumber(ARGV[2 + i])
  if most > 0 then
    -- The script ran before, but its answer was lost.
    if redis.call("ZSCORE", KEYS[i], id) then return { 0 } end
    if redis.call("ZCOUNT", KEYS[i], "(" .. whole(now), latest) >= most then return { i } end
  end
end
local span, burst = tonumber(ARGV[5]), tonumber(ARGV[6])
if span > 0 then
  local slack = (burst - 1) * span
  local due = tonumber(redis.call("GET", KEYS[3]) or now) or now
  local function store (time)
    redis.call("SET", KEYS[3], string.format("%.3f", time), "PX",
      whole(math.ceil((time - now) / 1000)))
  end
  if due > now + slack + span then
    due = now + slack + span
    store(due)
  end
  if due > now + slack then return { 3, math.ceil(due - now - slack) } end
  store(math.max(due, now) + span)
end
for i = 1, 2 do
  if tonumber(ARGV[2 + i]) > 0 then
    add(KEYS[i], id, length)
    redis.call("ZREMRANGEBYSCORE", KEYS[i], "-inf", whole(now))
    redis.call("ZREMRANGEBYSCORE", KEYS[i], "(" .. latest, "+inf")
  end
end
return { 0 }
]]

--- Renews leases, and adds those that Redis has lost. KEYS: an entry that is written in any case,
-- which shows that Redis can write; then one set for each id. ARGV: the length; the ids.
M.RENEW = BEGIN .. [[
redis.call("SET", KEYS[1], "1", "PX", "1000")
local length = tonumber(ARGV[1])
for i = 2, #KEYS do add(KEYS[i], ARGV[i], length) end
return #KEYS - 1
]]

--- Removes leases. KEYS: one set for each id. ARGV: the ids.
M.LEAVE = [[
for i = 1, #KEYS do redis.call("ZREM", KEYS[i], ARGV[i]) end
return #KEYS
]]

--- Counts the leases of a set that have not expired.
M.OPEN = BEGIN .. [[
return redis.call("ZCOUNT", KEYS[1], "(" .. whole(now), "+inf")
]]

return M
