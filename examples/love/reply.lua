-- SPDX-License-Identifier: MIT
--- The part of an unfinished answer that can be shown.

local utf8 = require "predibase.utf8"

local M = {}

--- Returns the position of the earliest stop sequence, or nil.
local function stop_at (text, stops)
  local first
  for _, stop in ipairs(stops) do
    local i = text:find(stop, 1, true)
    if i and (not first or i < first) then first = i end
  end
  return first
end

--- Returns the number of bytes at the end that may be the beginning of a stop sequence.
local function doubtful (text, stops)
  local most = 0
  for _, stop in ipairs(stops) do
    for n = math.min(#stop - 1, #text), most + 1, -1 do
      if text:sub(-n) == stop:sub(1, n) then
        most = n
        break
      end
    end
  end
  return most
end

--- Returns the text without the stop sequence, which the server leaves at the end. While the answer
-- is being written, also removes the possible beginning of a stop sequence, and an incomplete
-- character, which LÖVE refuses to draw. Replaces bytes that are not UTF-8 by question marks.
function M.sayable (heard, stops, ended)
  local at = stop_at(heard, stops)
  local text = at and heard:sub(1, at - 1) or heard
  if not at and not ended then text = text:sub(1, #text - doubtful(text, stops)) end
  text = utf8.split(text):gsub("^%s+", "")
  if ended or at then text = text:gsub("%s+$", "") end
  local ok, bad = utf8.valid(text)
  while not ok do
    text = text:sub(1, bad - 1) .. "?" .. text:sub(bad + 1)
    ok, bad = utf8.valid(text)
  end
  return text
end

return M
