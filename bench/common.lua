-- SPDX-License-Identifier: MIT
-- What the Lua programs of the benchmark share: lines of output, and the measurement of many
-- streams of pace.c, which counts CPU time and memory in the first half of the tokens and the delay
-- in the second half.

local M = {}

local curl

--- Returns seconds of a clock that pace.c shares. Loads the library at the first call, because a
-- program with another client should not have to load it only to start.
local function now ()
  curl = curl or require "predibase.curl"
  return curl.now()
end

M.now = now

local PAGE_KIB = 4            -- on Linux on x86 and on nearly all other machines
local DELAY_STEP = 1e-5       -- seconds in one bucket, as in floor.c

--- Prints a line "NAME VALUE".
function M.print_value (name, format, value)
  print(name .. " " .. format:format(value))
end

--- Returns a file's content.
function M.read (path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function rss_kib ()
  return tonumber(M.read "/proc/self/statm":match "^%d+ (%d+)") * PAGE_KIB
end

--- Checks the text of a stream of pace.c: every token is there, as a word or as a time stamp.
function M.check_paced (text, tokens)
  text = text:gsub(("%d"):rep(20), " water")
  assert(text == (" water"):rep(tokens + 1), "a stream was cut")
end

local Window = {}
Window.__index = Window

--- Returns a measurement of many streams.
-- @tparam number streams
-- @tparam number tokens of each, without the first one, which shows that the stream is open
function M.window (streams, tokens)
  return setmetatable({ streams = streams, tokens = tokens, open = 0, seen = 0,
    plain = 1 + math.floor(tokens / 2), half = math.huge, delays = {}, samples = 0 }, Window)
end

--- Call this before the first stream is opened.
function Window:start ()
  collectgarbage()
  collectgarbage()
  self.before, self.began = rss_kib(), now()
end

--- Begins the next part of the measurement: when all streams are open, and when half of the tokens
-- have arrived.
local function begin_next_part (self)
  if not self.cpu then
    M.print_value("open_s", "%.3f", now() - self.began)
    M.print_value("open_kib_per_stream", "%.2f", (rss_kib() - self.before) / self.streams)
    self.seen, self.half = 0, self.streams * math.floor(self.tokens / 2)
    self.cpu = os.clock()
    return
  end
  M.print_value("cpu_us_per_token", "%.3f", (os.clock() - self.cpu) * 1e6 / self.seen)
  M.print_value("kib_per_stream", "%.2f", (rss_kib() - self.before) / self.streams)
  self.cpu_measured = true
end

--- Takes a token.
-- @tparam number count of the tokens of this stream so far
-- @tparam string text of the token
function Window:take (count, text)
  if count == 1 then
    self.open = self.open + 1
    if self.open == self.streams then begin_next_part(self) end
    return
  end
  -- A slow client can be in the second half of one stream and in the first half of another.
  if count > self.plain and text:byte() == 48 then
    local bucket = math.floor((now() - text / 1e9) / DELAY_STEP)
    self.delays[bucket] = (self.delays[bucket] or 0) + 1
    self.samples = self.samples + 1
  end
  if not self.cpu_measured then
    self.seen = self.seen + 1
    if self.seen >= self.half then begin_next_part(self) end
  end
end

local function percentile (self, share)
  local buckets, passed = {}, 0
  for bucket in pairs(self.delays) do buckets[#buckets + 1] = bucket end
  table.sort(buckets)
  for _, bucket in ipairs(buckets) do
    passed = passed + self.delays[bucket]
    if passed >= self.samples * share then return (bucket + 1) * DELAY_STEP * 1000 end
  end
end

--- Prints the delays when all streams have ended.
function Window:print_delays ()
  assert(self.samples > 0, "no token had a time stamp")
  M.print_value("delay_ms_p50", "%.3f", percentile(self, 0.5))
  M.print_value("delay_ms_p99", "%.3f", percentile(self, 0.99))
end

return M
