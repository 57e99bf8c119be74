-- SPDX-License-Identifier: MIT
--- Shows how far a bulk run is: one line that is rewritten in place on a terminal, and a line every
-- half minute elsewhere. The lines are made of numbers only, so nothing of the data gets to the
-- terminal.
-- @module predibase.cli.progress

local amounts = require "predibase.amounts"

local M = {}

--- Seconds between two lines: on a terminal, where more would only flicker; and elsewhere, where
-- each line stays in a log.
M.TERMINAL_INTERVAL, M.LOG_INTERVAL = 0.2, 30

-- Columns of a terminal that does not tell its width.
local WIDTH = 80

-- Rows that must have ended before the speed says how long the rest takes.
local FEWEST = 10

local Progress = {}
Progress.__index = Progress

--- Estimates how many rows the run takes in all, from the part of the input that it has read.
-- @tparam table state see `parts`
-- @treturn ?number nil when nothing tells the number
-- @treturn boolean whether the number is exact
function M.expected (state)
  local rows, read, size = state.rows, state.read, state.size
  local own = rows.answered + rows.failed + rows.resumed + state.open
  if state.is_read then return own, true end
  local all
  if size and read and read > 0 and own > 0 then all = own * math.max(1, size / read) end
  local most = state.sample
  if state.limit then
    -- Rows of other shards count, too.
    most = state.limit * (own > 0 and own / (own + (rows.skipped or 0)) or 1)
  end
  if most then all = math.min(all or most, most) end
  return all and math.max(math.floor(all + 0.5), own), false
end

--- Estimates how long the run still takes.
-- @tparam table state see `parts`
-- @treturn ?number seconds; nil when that is not known
function M.left (state)
  local expected, rows, rate = M.expected(state), state.rows, state.rates.rows
  local is_known = rows.answered + rows.failed >= FEWEST and rate > 0
  if not expected or not is_known then return nil end
  return math.max(0, expected - rows.answered - rows.failed - rows.resumed) / rate
end

--- Describes a state in parts, the most important ones first.
-- @tparam table state `rows` (`answered`, `failed`, `resumed`, `skipped`), `rates` (`rows` and
-- `tokens_out` per second), `open` (requests under way), `concurrency` (how many may be), `read`
-- and `size` (bytes of the input that were read, and all; may be nil), `is_read` (the input has
-- been read to its end), `limit` and `sample` (rows of the input that are taken at most, those of
-- other shards included; or nil), `pause` (seconds until the server may be asked again, or nil),
-- `stopping` (true after Ctrl-C)
-- @treturn table array of strings
function M.parts (state)
  local rows, rates, parts = state.rows, state.rates, {}
  local function add (format, ...) parts[#parts + 1] = format:format(...) end
  if state.stopping then add("finishing %s", amounts.of(state.open, "request")) end
  local done, expected, is_exact = rows.answered + rows.resumed, M.expected(state)
  if expected then
    add("%s of %s%s", amounts.count(done), is_exact and "" or "about ", amounts.of(expected, "row"))
  else
    add("%s", amounts.of(done, "row"))
  end
  if rows.failed > 0 then add("%s failed", amounts.count(rows.failed)) end
  if state.pause and state.pause > 0 then
    add("pausing %s for the server", amounts.seconds(math.ceil(state.pause)))
  end
  local left = not state.stopping and M.left(state)
  if left then add("%s left", amounts.seconds(left < 1 and left or math.floor(left + 0.5))) end
  add("%s rows/s", amounts.number(rates.rows))
  add("%s tokens/s", amounts.number(rates.tokens_out))
  if not state.stopping then add("%d of %d requests", state.open, state.concurrency) end
  return parts
end

--- Joins as many parts as fit into a line; the first one is cut if it does not fit.
-- @tparam table parts array of strings
-- @tparam integer width in columns
-- @treturn string
function M.fit (parts, width)
  local line = parts[1]:sub(1, math.max(0, width))
  for i = 2, #parts do
    local longer = line .. " | " .. parts[i]
    if #longer > width then break end
    line = longer
  end
  return line
end

local function write (self, text)
  self.file:write(text)
  self.file:flush()
end

--- Tells whether it is time for another line.
-- @tparam number now seconds, of any clock that does not go back
-- @treturn boolean
function Progress:due (now)
  return not self.quiet and now >= self.next_time
end

--- Shows a state.
-- @tparam table state see `parts`
-- @tparam number now seconds
function Progress:show (state, now)
  if self.quiet then return end
  self.next_time = now + self.interval
  local parts = M.parts(state)
  if not self.terminal then
    write(self, "predibase: " .. table.concat(parts, ", ") .. "\n")
    return
  end
  -- Not the last column: some terminals would begin a new line there.
  local line = M.fit(parts, (self.width() or WIDTH) - 1)
  write(self, "\r" .. line .. (" "):rep(self.shown - #line))
  self.shown = #line
end

--- Shows a text until the first state is shown. Only on a terminal.
-- @tparam string text without control characters
function Progress:begin (text)
  if self.quiet or not self.terminal then return end
  local line = M.fit({ text }, (self.width() or WIDTH) - 1)
  write(self, line)
  self.shown = #line
end

--- Removes the line from the terminal, so that something else can be printed there.
function Progress:clear ()
  if self.shown == 0 then return end
  local width = (self.width() or WIDTH) - 1
  write(self, "\r" .. (" "):rep(math.min(self.shown, width)) .. "\r")
  self.shown = 0
end

--- Prints a line of text that stays, above the one that is rewritten. Also when the progress is
-- quiet.
-- @tparam string text without control characters
function Progress:say (text)
  self:clear()
  write(self, text .. "\n")
  self.next_time = -math.huge
end

--- Makes a display.
-- @tparam table options `file` (has `write` and `flush`), `terminal` (boolean: it is a terminal),
-- `width` (function that returns the columns of the terminal, or nil), `quiet` (boolean: show
-- nothing), `now` (seconds; elsewhere than on a terminal, the first line comes half a minute later)
-- @treturn table
function M.new (options)
  local interval = options.terminal and M.TERMINAL_INTERVAL or M.LOG_INTERVAL
  return setmetatable({
    file = options.file, terminal = options.terminal or false, width = options.width,
    quiet = options.quiet or false, interval = interval,
    next_time = options.terminal and options.now or options.now + interval,
    shown = 0,                -- columns of the line that the terminal shows
  }, Progress)
end

return M
