-- SPDX-License-Identifier: MIT
--- Remembers where the records of the shards are, and reads them again in the order of the input.
-- A record needs one number in a table: 16 bytes when every row is one line, up to 80 otherwise.
-- The records stay in their files.
-- @module predibase.bulk.merge.input_order

local errors = require "predibase.errors"

local M = {}

-- A place is FILE * OFFSETS + OFFSET. With at most 10,000 files (see `shards.MAX_COUNT`) this is
-- below 2^53, so that a double holds it. Half a terabyte is more than a shard should have.
local OFFSETS = 2 ^ 39

-- Most files that are open at the same time. A process may usually have 1024.
local MAX_OPEN = 200

-- Up to so many lines for each record, all line numbers are tried instead of sorted.
local SPARSE = 8

local Order = {}
Order.__index = Order

--- Makes an empty order.
-- @tparam table files array of `{ path }`
-- @tparam boolean quoted whether records may have line breaks inside quotes
-- @treturn table
function M.new (files, quoted)
  return setmetatable({ files = files, quoted = quoted, places = {}, more = {}, last = 0, count = 0,
    open = {}, opened = {}, oldest = 0, newest = 0 }, Order)
end

--- Adds a record. Records of one key keep the order in which they are added.
-- @function order:add
-- @tparam integer|string key the number of its line in the input, or its id
-- @tparam integer number the position of its file in the array
-- @tparam integer offset of its first byte
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table an error: the file is too long
function Order:add (key, number, offset)
  if offset >= OFFSETS then
    return nil, errors.new { kind = "too_large", message = ("%s is longer than %.0f bytes and "
      .. "cannot be put in order"):format(self.files[number].path, OFFSETS) }
  end
  local place = (number - 1) * OFFSETS + offset
  self.count = self.count + 1
  if self.places[key] then
    self.more[key] = self.more[key] or {}
    table.insert(self.more[key], place)
    return true
  end
  self.places[key] = place
  if type(key) == "number" and key > self.last then self.last = key end
  return true
end

--- Returns the open file with a number. Closes the one that was opened first if there are many.
local function file_of (self, number)
  if self.open[number] then return self.open[number] end
  if self.newest - self.oldest == MAX_OPEN then
    self.oldest = self.oldest + 1
    local old = self.opened[self.oldest]
    self.open[old]:close()
    self.open[old], self.opened[self.oldest] = nil, nil
  end
  local file, problem = io.open(self.files[number].path, "rb")
  if not file then return nil, problem end
  self.newest = self.newest + 1
  self.open[number], self.opened[self.newest] = file, number
  return file
end

local function has_open_quote (text)
  local _, quotes = text:gsub('"', "")
  return quotes % 2 == 1
end

--- Reads the record at a place, with its line end.
local function read_at (self, place)
  local number = math.floor(place / OFFSETS) + 1
  local file, problem = file_of(self, number)
  if not file then return nil, problem end
  local ok, text
  ok, problem = file:seek("set", place % OFFSETS)
  if not ok then return nil, problem end
  text, problem = file:read "*l"
  while text and self.quoted and has_open_quote(text) do
    local line = file:read "*l"
    if not line then return nil, "it became shorter" end
    text = text .. "\n" .. line
  end
  if text then return text .. "\n" end
  return nil, problem or "it became shorter"
end

--- Writes the records of a key.
local function write_key (self, key, target)
  local places = { self.places[key] }
  for _, place in ipairs(self.more[key] or {}) do places[#places + 1] = place end
  for _, place in ipairs(places) do
    local text, problem = read_at(self, place)
    if not text then
      local file = self.files[math.floor(place / OFFSETS) + 1]
      return nil, errors.new { kind = "config", message = ("%s: cannot be read again: %s"):format(
        file.path, problem) }
    end
    local ok, err = target:write(text)
    if not ok then return nil, err end
  end
  return true
end

--- Returns an iterator over the line numbers in ascending order.
local function line_numbers (self)
  if self.last <= SPARSE * self.count then
    local line = 0
    return function ()
      repeat line = line + 1 until self.places[line] or line > self.last
      return line <= self.last and line or nil
    end
  end
  local sorted, at = {}, 0
  for line in pairs(self.places) do sorted[#sorted + 1] = line end
  table.sort(sorted)
  return function ()
    at = at + 1
    return sorted[at]
  end
end

--- Writes all records.
-- @function order:write
-- @tparam table target has the method `write`, see `merged_file`
-- @tparam ?function ids iterates over the ids in the order of the input, if the keys are ids.
-- Records whose ids it does not return come last, in the order of the shards
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error
function Order:write (target, ids)
  for key in ids or line_numbers(self) do
    if self.places[key] then
      local ok, err = write_key(self, key, target)
      if not ok then return nil, err end
      self.places[key] = nil
    end
  end
  local rest = {}
  for key in pairs(self.places) do rest[#rest + 1] = key end
  table.sort(rest, function (a, b) return self.places[a] < self.places[b] end)
  for _, key in ipairs(rest) do
    local ok, err = write_key(self, key, target)
    if not ok then return nil, err end
  end
  return true
end

--- Closes the files.
-- @function order:close
function Order:close ()
  for _, file in pairs(self.open) do file:close() end
  self.open = {}
end

return M
