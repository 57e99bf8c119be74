-- SPDX-License-Identifier: MIT
--- Plain text: each line is a row `{ text = line }`.
-- @module predibase.bulk.rows.plain_lines

local input_window = require "predibase.bulk.rows.input_window"
local utf8 = require "predibase.utf8"

local M = {}

local BOM = input_window.BOM

M.__index = M

--- Makes a scanner of rows.
-- @tparam table window see `predibase.bulk.rows.input_window`
-- @treturn table has `next`
function M.new (window)
  return setmetatable({ window = window }, M)
end

--- Returns the next row that is not an empty line, and its place.
-- @treturn[1] table the row; empty when the place has an `err`
-- @treturn[1] table the place
-- @treturn[2] nil nothing follows
-- @treturn[2] nil
-- @treturn[2] ?table the error of the source
function M:next ()
  local place, err = self.window:next_line(".")
  if not place then return nil, nil, err end
  return place.err and {} or { text = place.raw }, place
end

--- Writes a row as a line. A text that would not be read back as it is, is refused.
-- @tparam table row `{ text = line }`
-- @treturn[1] string with its line end
-- @treturn[2] nil
-- @treturn[2] string what cannot be written
function M.encode (row)
  local text = row.text
  for name in pairs(row) do
    if name ~= "text" then
      return nil, ("a plain line has no place for %q"):format(tostring(name))
    end
  end
  if type(text) ~= "string" then return nil, "the row has no text" end
  if not utf8.valid(text) then return nil, "text: is not UTF-8" end
  if text == "" then return nil, "a plain line cannot be empty" end
  if text:find("\n", 1, true) or text:sub(-1) == "\r" then
    return nil, "a plain line cannot hold a line break"
  end
  if text:sub(1, #BOM) == BOM then
    return nil, "a plain line cannot begin with a byte order mark"
  end
  return text .. "\n"
end

return M
