-- SPDX-License-Identifier: MIT
-- Reads many streams of soak_server.c at once, over libcurl or inside nginx, and checks each token.
-- Environment: SOAK_URL, SOAK_STREAMS (at once), SOAK_SECONDS, SOAK_EVERY (seconds between two
-- samples), SOAK_FIRST (the first number of a stream). Prints lines for spec/soak/run.lua:
--
--    sample SECONDS OPEN TOKENS LOST DOUBLED SWAPPED WRONG RSS_KIB LUA_KIB DESCRIPTORS
--    wrong TEXT                            a stream ended in another way than it should
--    ended FATE COUNT                      how many streams ended in this way
--    after DESCRIPTORS DESCRIPTORS         before the first stream, and after the last

local predibase = require "predibase"
local random = require "spec.support.random"
local resources = require "spec.support.resources"
local uv = require "luv"

local in_nginx = require "predibase.transport".in_nginx()

local url = os.getenv "SOAK_URL"
local at_once = tonumber(os.getenv "SOAK_STREAMS")
local seconds = tonumber(os.getenv "SOAK_SECONDS")
local every = tonumber(os.getenv "SOAK_EVERY")
local first = tonumber(os.getenv "SOAK_FIRST")

local LONGEST = 400           -- tokens of a stream
local SILENCE = 20            -- seconds after which a stream counts as stalled
local SETTLE = 30             -- seconds in which all descriptors are closed at the end
local SHOWN = 20              -- wrong outcomes that are printed

local function now () return uv.hrtime() / 1e9 end

local async = not in_nginx and require "predibase.async"
local sleep = in_nginx and ngx.sleep or async.sleep

--- Prints a line. Inside nginx `print` writes into its log.
local function say (format, ...)
  io.stdout:write(format:format(...), "\n")
end

local began = now()
local stop = began + seconds
local rng = random.new(first + 1)
local client = assert(predibase.new { base_url = url, max_retries = 0, api_token = false,
  timeout = { token = SILENCE, first_token = 60, idle = 60 } })

local last_number = first
local open, tokens, lost, doubled, swapped, wrong = 0, 0, 0, 0, 0, 0
local ended = {}
local stopping = false           -- the time is over: open streams are closed

local function report_wrong (format, ...)
  wrong = wrong + 1
  if wrong <= SHOWN then say("wrong " .. format, ...) end
end

--- Checks the texts of tokens, and returns the number of the next one that is expected.
local function take (id, expected, text)
  local rest = text:gsub("(%d+):(%d+) ", function (of, number)
    number = tonumber(number)
    if tonumber(of) ~= id then
      swapped = swapped + 1
    elseif number < expected then
      doubled = doubled + 1
    else
      lost = lost + number - expected
      expected = number + 1
      tokens = tokens + 1
    end
    return ""
  end)
  if rest ~= "" then report_wrong("stream %d returned the text %q", id, text) end
  return expected
end

--- Reads the rest of a stream, or until it has returned `limit` tokens. `texts` tells whether its
-- texts are read instead of its tokens.
-- @treturn number how many tokens in order it has returned
-- @treturn boolean whether it was left before its end
local function read_by_loop (stream, id, limit, texts)
  local expected, left = 1, false
  local ok, err = pcall(function ()
    for item in texts and stream:texts() or stream do
      if texts then
        expected = take(id, expected, item)
      elseif not item.special then
        expected = take(id, expected, item.text)
      end
      left = expected > limit or stopping
      if left then break end
    end
  end)
  return expected - 1, left, not ok and err or nil
end

local function read_by_next (stream, id, limit)
  local expected = 1
  while expected <= limit and not stopping do
    local token, err = stream:next()
    if not token then return expected - 1, false, err end
    if not token.special then expected = take(id, expected, token.text) end
  end
  return expected - 1, true
end

local READ = {
  read_by_next,
  function (stream, id, limit) return read_by_loop(stream, id, limit, false) end,
  function (stream, id, limit) return read_by_loop(stream, id, limit, true) end,
}

--- What becomes of a stream, the name of the server's fate for it, and the check of its end.
local FATES = {
  { name = "complete", fate = "n", check = function (plan, got, err)
    return err == nil and got == plan.length
  end },
  { name = "reset", fate = "r", check = function (plan, got, err)
    -- a reset discards what the reader's system has not passed on yet
    return err and err.kind == "connection" and got <= plan.at
  end },
  { name = "cut", fate = "c", check = function (plan, got, err)
    return err and got == plan.at
      and (err.kind == "connection" or err.kind == "incomplete_generation")
  end },
  { name = "stalled", fate = "s", check = function (plan, got, err)
    return err and err.kind == "timeout" and got == plan.at
  end },
  { name = "closed early", fate = "n", leaves = true },
  { name = "forgotten", fate = "n", leaves = true, forgets = true },
}

-- Of 24 streams: how many meet which fate. Few stall, because these take long.
local LOTS = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 5, 5, 5, 6, 6 }

local function describe_wrong (plan, got, err)
  return ("stream %d (%s, %d tokens, at %d) returned %d tokens and %s"):format(plan.id,
    plan.name, plan.length, plan.at, got, err and tostring(err) or "no error")
end

local function read_one ()
  local fate = FATES[rng:pick(LOTS)]
  last_number = last_number + 1
  local length = rng:int(1, LONGEST)
  local plan = { id = last_number, name = fate.name, length = length, at = rng:int(0, length - 1) }
  -- a stream that stalls before its first token has another timeout
  if fate.fate == "s" then plan.at = math.max(1, plan.at) end
  local read = rng:pick(READ)
  open = open + 1
  local stream = client:generate_stream(("soak %d %d %s %d"):format(plan.id, plan.length,
    fate.fate, plan.at))
  local got, left, err = read(stream, plan.id, fate.leaves and plan.at or math.huge)
  open = open - 1
  local good = not err
  if not left and fate.check then good = fate.check(plan, got, err) end
  if not good then report_wrong("%s", describe_wrong(plan, got, err)) end
  if not fate.forgets then stream:close() end
  local name = (not left or fate.forgets) and fate.name or "closed early"
  ended[name] = (ended[name] or 0) + 1
end

local readers = at_once       -- that have not ended

local function read_many ()
  while not stopping do read_one() end
  readers = readers - 1
end

--- Does the same inside nginx, with a timer for each stream: nginx keeps memory of each socket and
-- light thread until the request or timer that made them ends.
local function read_next (premature)
  if premature or stopping then
    readers = readers - 1
    return
  end
  local ok, err = pcall(read_one)
  if not ok then report_wrong("%s", tostring(err)) end
  assert(ngx.timer.at(0, read_next))
end

local function start_reader (seconds_later)
  if in_nginx then
    assert(ngx.timer.at(seconds_later, read_next))
  else
    async.spawn(function ()
      sleep(seconds_later)
      read_many()
    end)
  end
end

local function sample ()
  say("sample %.1f %d %d %d %d %d %d %d %.0f %d", now() - began, open, tokens, lost, doubled,
    swapped, wrong, resources.rss_kib(), collectgarbage "count",
    resources.descriptors())
end

local function samples ()
  local at = began + every
  while at <= stop do
    sleep(math.max(0, at - now()))
    sample()
    at = at + every
  end
  sleep(math.max(0, stop - now()))
  stopping = true
end

local function main ()
  local before = resources.descriptors()
  -- not all at the same moment
  for _ = 1, at_once do start_reader(rng:int(0, 2000) / 1000) end
  samples()
  while readers > 0 do sleep(0.1) end
  client:close()
  local after
  local patience = now() + SETTLE
  repeat
    collectgarbage()
    sleep(0.2)
    after = resources.descriptors()
  until after <= before or now() > patience
  sample()
  for name, count in pairs(ended) do say("ended %s %d", (name:gsub(" ", "_")), count) end
  say("after %d %d", before, after)
end

io.stdout:setvbuf "line"
if in_nginx then main() else async.run(main) end
