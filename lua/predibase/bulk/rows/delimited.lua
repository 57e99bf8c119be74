-- SPDX-License-Identifier: MIT
--- CSV (RFC 4180), and TSV with the same rules and a tab in place of the comma.
--
-- A cell in quotes may have line breaks of any kind, separators, and each quote doubled. A quote
-- anywhere else is an error of its row, as is a carriage return without a line feed outside of
-- quotes. After such an error, and after a quote that is never closed or only closed after more
-- than `max_record` bytes, only the first line of the record counts as the row that failed, and
-- reading goes on with the line after it. So one wrong quote does not take other rows with it.
-- @module predibase.bulk.rows.delimited

local errors = require "predibase.errors"
local input_window = require "predibase.bulk.rows.input_window"
local json = require "predibase.json"
local utf8 = require "predibase.utf8"

local M = {}

local byte, find, gsub, match, sub = string.byte, string.find, string.gsub, string.match,
  string.sub
local huge = math.huge

local LF, CR, QUOTE = 10, 13, 34
local BOM = input_window.BOM

-- Bytes that separate the cells of other formats than the one that is read: , tab ; |
local OTHERS = { [44] = true, [9] = true, [59] = true, [124] = true }

-- Most bytes of a name in a message.
local SHOWN_NAME = 60

M.__index = M

--- Makes a scanner of rows.
-- @tparam table window see `predibase.bulk.rows.input_window`
-- @tparam string separator one character
-- @tparam boolean quotes whether quotes have a meaning
-- @treturn table has `next`, and `read_header` or `use_columns`, which must be called first
function M.new (window, separator, quotes)
  return setmetatable({ window = window, separator = separator,
    separator_byte = byte(separator), quotes = quotes, next_separator = 0, next_feed = 0,
    next_return = 0, next_quote = quotes and 0 or huge }, M)
end

-- What `scan` returns for a record whose end is not in the text.
local UNFINISHED = "unfinished"

local AFTER_QUOTE = "text follows the quote that ends a cell; a quote inside a cell in quotes must "
  .. "be doubled"
local OTHER = "; the separator is a comma in csv, and a tab in tsv"
local INNER_QUOTE = "a quote inside a cell that does not begin with one; put the cell in quotes "
  .. "and double the quotes in it, or read the file with quotes = false"
local NOT_CLOSED = "; perhaps a quote in its first line is not closed"
local LONE_RETURN = "a carriage return without a line feed; put the cell in quotes, or end the "
  .. "lines in LF or CR LF"

--- Finds the next separator, line feed, carriage return and quote. `find` for a plain character is
-- the fastest search that Lua has, and each of them is searched for only when it has been passed.
local function look (self, text, at)
  if self.next_separator < at then
    self.next_separator = find(text, self.separator, at, true) or huge
  end
  if self.next_feed < at then self.next_feed = find(text, "\n", at, true) or huge end
  if self.next_return < at then self.next_return = find(text, "\r", at, true) or huge end
  if self.next_quote < at then self.next_quote = find(text, '"', at, true) or huge end
end

--- Finds the cells of the record at `at`. `names[i]` is the key of the i-th cell in `row`.
-- Returns the number of cells, the position of the last byte, the position after the line end (nil
-- when there is none), and the number of lines. Returns nil, what is wrong, and the position of it;
-- or nil and UNFINISHED.
local function scan (self, text, at, row, names)
  local mark, separator_byte = self.separator, self.separator_byte
  look(self, text, at)
  local separator, feed, back, quote = self.next_separator, self.next_feed, self.next_return,
    self.next_quote
  local count, lines = 0, 1
  local last, after, problem, position
  repeat
    local stop, following                        -- the position after the cell, and its byte
    count = count + 1
    if quote < at then quote = find(text, '"', at, true) or huge end
    if quote == at then
      local doubled
      quote = find(text, '"', at + 1, true)
      following = quote and byte(text, quote + 1)
      while following == QUOTE do
        doubled, quote = true, find(text, '"', quote + 2, true)
        following = quote and byte(text, quote + 1)
      end
      if not quote then problem = UNFINISHED break end
      local cell = sub(text, at + 1, quote - 1)
      row[names[count]] = doubled and gsub(cell, '""', '"') or cell
      if feed < at then feed = find(text, "\n", at, true) or huge end
      while feed < quote do
        lines, feed = lines + 1, find(text, "\n", feed + 1, true) or huge
      end
      stop = quote + 1
    else
      if separator < at then separator = find(text, mark, at, true) or huge end
      if feed < at then feed = find(text, "\n", at, true) or huge end
      if back < at then back = find(text, "\r", at, true) or huge end
      stop, following = separator, separator_byte
      if feed < stop then stop, following = feed, LF end
      if back < stop then stop, following = back, CR end
      if quote < stop then problem, position = INNER_QUOTE, quote break end
      if stop == huge then stop, following = #text + 1, nil end
      row[names[count]] = sub(text, at, stop - 1)
    end
    if following == separator_byte then
      at = stop + 1
    elseif following == LF then
      last, after = stop - 1, stop + 1
    elseif following == CR then
      following = byte(text, stop + 1)
      if following and following ~= LF then problem, position = LONE_RETURN, stop break end
      last, after = stop - 1, following and stop + 2
    elseif following then
      problem, position = OTHERS[following] and AFTER_QUOTE .. OTHER or AFTER_QUOTE,
        stop
    else
      last = stop - 1
    end
  until last or problem
  -- After a problem reading goes on at an earlier position, for which these would be wrong.
  if problem then return nil, problem, position end
  self.next_separator, self.next_feed, self.next_return, self.next_quote = separator, feed, back,
    quote
  return count, last, after, lines
end

--- Forgets the positions of characters, because the text of the window has changed.
local function forget (self)
  self.next_separator, self.next_feed, self.next_return = 0, 0, 0
  self.next_quote = self.quotes and 0 or huge
end

--- Takes the first line of a record that cannot be read. Without a message, the record is too long.
local function refuse_line (self, message)
  local window = self.window
  local text = window.text
  local feed, err = window:line_end()
  if err then return nil, nil, err end
  local place
  if feed then
    place = window:take_line(feed)
  else
    place, err = window:take_long_line()
    if not place then return nil, nil, err end
    message = nil
  end
  if not message or window.text ~= text then forget(self) end
  if not message then
    message = window:too_long() .. (feed and #place.raw <= window.max_record and NOT_CLOSED or "")
  end
  return window.refuse(place, message)
end

--- Decides what to do when the end of the record at `here` was not found.
-- Returns true when more of the source was read; otherwise what `next` returns.
local function go_on (self, problem, position)
  local window = self.window
  local size = #window.text - window.here + 1
  local too_long = position and position - window.here >= window.max_record
    or not position and size > window.max_record + 2
  if too_long then return false, refuse_line(self) end
  if position and find(window.text, "\n", window.here, true) then
    return false, refuse_line(self, problem)
  end
  if not window.final then
    local ok, err = window:more()
    if ok == nil then return false, nil, nil, err end
    forget(self)
    return true
  end
  if position then return false, refuse_line(self, problem) end
  -- Whoever appends to a file looks for a record that was cut off, so the row of a quote that is
  -- open at the end of the file does not count as ended, although its first line is.
  local row, place, err = refuse_line(self, "a quote is opened and never closed")
  if place then place.ended = false end
  return false, row, place, err
end

--- Says that a row has another number of cells than there are columns.
local function cells_problem (self, count)
  local cells = count == 1 and "1 cell" or ("%d cells"):format(count)
  if self.width ~= 1 then
    return ("the row has %s, but there are %d columns"):format(cells, self.width)
  end
  local other = find(self.names[1], "[;,\t|]") and OTHER or ""
  return ('the row has %s, but there is 1 column, "%s"%s'):format(cells,
    errors.excerpt(self.names[1], SHOWN_NAME), other)
end

--- Returns the next row that is not an empty line, and its place.
-- @treturn[1] table the row; empty when the place has an `err`
-- @treturn[1] table the place
-- @treturn[2] nil nothing follows
-- @treturn[2] nil
-- @treturn[2] ?table the error of the source
function M:next ()
  local window, names, width = self.window, self.names, self.width
  while true do
    local row = {}
    local text, here = window.text, window.here
    local count, last, after, lines = scan(self, text, here, row, names)
    if count and not after and not window.final then count, last = nil, UNFINISHED end
    if not count then
      local again, failed, place, err = go_on(self, last, after)
      if not again then return failed, place, err end
    elseif last < here then                      -- an empty line, or the end
      window:skip_line(after or #text + 1)
      if not after then return nil end
    elseif last - here >= window.max_record then
      return refuse_line(self)
    else
      local place = window:take(last, after or #text + 1, after ~= nil, lines)
      local problem
      if count ~= width and width then
        problem = cells_problem(self, count)
      elseif place.first < window.doubtful then
        problem = window:not_utf8(place)
      end
      if problem then return window.refuse(place, problem) end
      return row, place
    end
  end
end

-- The keys of the cells of the header: their numbers.
local NUMBERS = setmetatable({}, { __index = function (_, n) return n end })

--- Sets the names of the columns.
-- @tparam table columns array of strings
function M:use_columns (columns)
  self.names, self.width = setmetatable({}, { __index = NUMBERS }), #columns
  for i, name in ipairs(columns) do self.names[i] = name end
end

--- Finds out whether names can be those of columns: not empty, and each only once.
-- @tparam table columns array of strings
-- @treturn ?string what is wrong
function M.bad_columns (columns)
  local seen = {}
  for i, name in ipairs(columns) do
    if name == "" then return ("column %d has no name"):format(i) end
    if seen[name] then
      return ("columns %d and %d are both called %q"):format(seen[name], i, name)
    end
    seen[name] = i
  end
  return nil
end

--- Names the columns without a name `column_N`, where N is the number of the column from 1.
-- Programs that write the numbers of rows often leave the name of that column empty.
local function name_all (columns)
  for i, name in ipairs(columns) do
    if name == "" then columns[i] = "column_" .. i end
  end
end

--- Reads the header.
-- @treturn[1] table the names of the columns; empty when the file is
-- @treturn[1] ?table the place of the header; nil when the file is empty
-- @treturn[2] nil
-- @treturn[2] ?table the place
-- @treturn[2] table the error
function M:read_header ()
  self.names = NUMBERS
  local columns, place, err = self:next()
  if err then return nil, nil, err end
  if not columns then columns = {} end
  if place and place.err then return nil, place, place.err end
  name_all(columns)
  local problem = M.bad_columns(columns)
  if problem then
    self.window.refuse(place, "the header cannot be used: " .. problem)
    return nil, place, place.err
  end
  self:use_columns(columns)
  return columns, place
end

--- Returns the text of a cell, or nil and what cannot be written.
local function cell_text (value)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "boolean" then return value and "true" or "false" end
  if value == nil or value == json.null then return "" end
  return json.encode(value)
end

--- Writes cells as a line.
-- @tparam string separator
-- @tparam integer count how many cells
-- @tparam function value returns the value and the name of the i-th cell
-- @treturn[1] string with its line end
-- @treturn[2] nil
-- @treturn[2] string what cannot be written
function M.encode_cells (separator, count, value)
  local ordinary = '^[^"\r\n' .. separator .. "]*()"
  local cells = {}
  for i = 1, count do
    local content, name = value(i)
    local text, problem = cell_text(content)
    if text and not utf8.valid(text) then text, problem = nil, "is not UTF-8" end
    if not text then return nil, ("%s: %s"):format(name, problem) end
    -- Without quotes, a lone empty cell would be an empty line, and U+FEFF at the beginning of the
    -- file a byte order mark.
    if match(text, ordinary) <= #text or (count == 1 and text == "")
      or sub(text, 1, #BOM) == BOM then
      if find(text, '"', 1, true) then text = gsub(text, '"', '""') end
      text = '"' .. text .. '"'
    end
    cells[i] = text
  end
  return table.concat(cells, separator) .. "\n"
end

return M
