-- SPDX-License-Identifier: MIT
--- Holds the part of a file that is being read, and finds where it is not UTF-8. The memory is
-- bounded by the longest record and one piece of the file.
-- @module predibase.bulk.rows.input_window

local errors = require "predibase.errors"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"

local M = {}

local byte, find, sub = string.byte, string.find, string.sub
local max, min = math.max, math.min

M.__index = M

--- Most bytes that one record may have, without its line end. It is far more than a request with
-- images needs, and it is what an unclosed quote can make the reader keep in memory.
M.MAX_RECORD = 16 * 1024 * 1024

-- Bytes that are read at once. From a pipe fewer are read, because `file:read(n)` waits until it
-- has all of them, and a program may write its rows slowly.
local CHUNK, PIPE_CHUNK = 65536, 4096

--- The byte order mark of UTF-8.
M.BOM = "\239\187\191"

--- Makes a window at the beginning of a source.
-- @tparam table|userdata source has `read(n)`, which returns at most `n` bytes, nil at the end, or
-- nil and a message
-- @tparam table options `owned`: whether to close the source at the end; `is_pipe`: whether others
-- may still be writing it; `name` for messages; `max_record` in bytes
-- @treturn table the window, with the fields `text`, `here` (the position in `text` where the next
-- record begins), `base` (the offset in the file of the first byte of `text`), `line` (the number
-- of the line that begins at `here`), `final` (whether nothing follows `text`), `doubtful` (the
-- offset before which a record may have bytes that are not UTF-8) and `max_record`
function M.new (source, options)
  return setmetatable({ source = source, owned = options.owned, name = options.name,
    chunk = options.is_pipe and PIPE_CHUNK or CHUNK,
    max_record = options.max_record or M.MAX_RECORD, text = "", here = 1, base = 0, line = 1,
    final = false, doubtful = 0, tail = "" }, M)
end

--- Closes the source if the window owns it.
function M:close ()
  if self.owned then self.source:close() end
  self.owned, self.final = false, true
end

--- Tells whether the next record can probably be read without waiting for the source: a line end
-- is there, or the source says so by its function `is_ready`.
-- @treturn boolean true for sources without this function
function M:is_ready ()
  local source = self.source
  local is_ready = type(source) == "table" and source.is_ready
  return not is_ready or self.final or find(self.text, "\n", self.here, true) ~= nil or is_ready()
end

--- Notes whether a piece that was just read continues as UTF-8. The first bytes of a character
-- whose other bytes were not read yet are kept in `tail`.
local function check (self, piece, stop)
  local whole
  whole, self.tail = utf8.split(self.tail .. piece)
  if not utf8.valid(whole) then self.doubtful = stop end
end

--- Reads more of the source and forgets what is before `here`. Positions in `text` change.
-- @treturn[1] boolean true
-- @treturn[2] boolean false nothing follows
-- @treturn[3] nil
-- @treturn[3] table the error
function M:more ()
  if self.final then return false end
  local rest = self.here == 1 and self.text or sub(self.text, self.here)
  -- A long record is read in pieces of growing size, so that it is searched a few times only.
  local wanted = max(self.chunk, min(#rest, self.max_record))
  local piece, problem = self.source:read(wanted)
  self.text, self.base, self.here = rest, self.base + self.here - 1, 1
  local stop = self.base + #rest
  if piece == nil then
    if problem then
      return nil, errors.new { kind = "config", message = ("%s: cannot be read: %s"):format(
        self.name, errors.excerpt(tostring(problem))) }
    end
    if self.tail ~= "" then self.doubtful = stop end
    self.final = true
    return false
  end
  if type(piece) ~= "string" or piece == "" then
    usage.fail("source:read must return a string that is not empty, or nil at the end")
  end
  self.text = rest .. piece
  check(self, piece, stop + #piece)
  return true
end

--- Recognises UTF-16 and UTF-32 by their marks, and without a mark by zero bytes: each of the first
-- characters has one if it is ASCII.
local function is_wide (text)
  local a, b, c, d = byte(text, 1, 4)
  return a == 0xFF and b == 0xFE or a == 0xFE and b == 0xFF
    or a == 0 and c == 0 or b == 0 and d == 0
end

-- How files begin that people take for tables of text -> what they are.
local OTHERS = {
  ["\31\139"] = "is compressed with gzip; unpack it first, or pipe it: gzip -dc FILE | …",
  ["PK\3\4"] = "is a ZIP archive, as files of spreadsheets are (.xlsx, .ods); save it as CSV",
}

-- Bytes that tell whether a file is UTF-16, or no text.
local BEGINNING = 4

--- Reads the beginning of the source, skips a byte order mark and refuses files that are no text.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error
function M:begin ()
  while #self.text < BEGINNING do
    local ok, err = self:more()
    if ok == nil then return nil, err end
    if not ok then break end
  end
  local other = OTHERS[sub(self.text, 1, 2)] or OTHERS[sub(self.text, 1, 4)]
  if other then
    return nil, errors.new { kind = "validation", message = self.name .. ": " .. other }
  end
  if is_wide(self.text) then
    return nil, errors.new { kind = "validation", message = self.name .. ": is UTF-16, or no text "
      .. "at all; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8, or \"CSV UTF-8\" when a "
      .. "spreadsheet saves it)" }
  end
  if sub(self.text, 1, #M.BOM) == M.BOM then self.here = #M.BOM + 1 end
  return true
end

--- Returns the position of the line feed that ends the line at `here`. Reads more when necessary.
-- @treturn[1] integer the position in `text`; one more than its length when the source ends before
-- the line does
-- @treturn[2] boolean false there is no further line
-- @treturn[3] nil
-- @treturn[3] ?table the error; none when the line is longer than a record may be
function M:line_end ()
  while true do
    local feed = find(self.text, "\n", self.here, true)
    if not feed and self.final then feed = #self.text + 1 end
    if (feed or #self.text) - self.here > self.max_record + 1 then return nil end
    if feed then return self.here <= #self.text and feed end
    local ok, err = self:more()
    if ok == nil then return nil, err end
  end
end

--- Makes the place of the record that begins at `here`, and moves behind it.
-- @tparam integer last the position of its last byte
-- @tparam integer after the position after its line end
-- @tparam boolean ended whether it has a line end
-- @tparam integer lines how many lines it has
-- @treturn table `{ line, raw, first, stop, ended }`
function M:take (last, after, ended, lines)
  local here, base, line = self.here, self.base - 1, self.line
  self.here, self.line = after, line + lines
  return { number = 0, line = line, raw = sub(self.text, here, last), first = base + here,
    stop = base + after, ended = ended }
end

--- Moves behind an empty line.
-- @tparam integer after the position after its line end
function M:skip_line (after)
  self.here, self.line = after, self.line + 1
end

--- Takes the rest of the line at `here` when it is known where it ends, without its line end.
-- @tparam integer feed the position that `line_end` returned
-- @treturn table as `take` returns it
function M:take_line (feed)
  local last, ended = feed - 1, feed <= #self.text
  if last >= self.here and byte(self.text, last) == 13 then last = last - 1 end
  return self:take(last, ended and feed + 1 or feed, ended, 1)
end

--- Takes a line that is longer than a record may be. Its first bytes are in `raw`, the others are
-- read and forgotten.
-- @treturn[1] table as `take` returns it
-- @treturn[2] nil
-- @treturn[2] table the error
function M:take_long_line ()
  local place = self:take(self.here + self.max_record - 1, self.here + self.max_record, false, 0)
  local feed
  repeat
    feed = find(self.text, "\n", self.here, true)
    if not feed then
      self.here = #self.text + 1
      local ok, err = self:more()
      if ok == nil then return nil, err end
      if not ok then break end
    end
  until feed
  if feed then self.here, place.ended = feed + 1, true end
  place.stop, self.line = self.base + self.here - 1, self.line + 1
  return place
end

--- Marks a record as one that cannot be read.
-- @tparam table place gets the field `err`
-- @tparam string message
-- @treturn table an empty row
-- @treturn table the place
function M.refuse (place, message)
  place.err = errors.new { kind = "validation", line = place.line,
    message = ("line %d: %s"):format(place.line, message) }
  return {}, place
end

--- The message for a record that is longer than it may be.
-- @treturn string
function M:too_long ()
  return ("the row is longer than %d bytes"):format(self.max_record)
end

--- Returns what is wrong with a record that is not UTF-8.
-- @tparam table place
-- @treturn ?string
function M:not_utf8 (place)
  if place.first >= self.doubtful then return nil end
  local ok, at = utf8.valid(place.raw)
  if ok then return nil end
  return ("byte %d of the row (0x%02x) is not UTF-8; convert the file to UTF-8, for example with "
    .. "iconv -f WINDOWS-1252 -t UTF-8"):format(at, byte(place.raw, at))
end

--- Takes the next line that is not blank, for formats in which each line is a record.
-- @tparam string visible a pattern that is found in lines that are not blank
-- @treturn[1] table as `take` returns it; with `err` when it is too long or is not UTF-8
-- @treturn[2] nil
-- @treturn[2] ?table the error of the source; none when nothing follows
function M:next_line (visible)
  while true do
    local feed, err = self:line_end()
    if feed == false or err then return nil, err end
    local place, problem
    if feed then
      place = self:take_line(feed)
      problem = #place.raw > self.max_record and self:too_long() or self:not_utf8(place)
    else
      place, err = self:take_long_line()
      if not place then return nil, err end
      problem = self:too_long()
    end
    if problem then M.refuse(place, problem) end
    if problem or find(place.raw, visible) then return place end
  end
end

return M
