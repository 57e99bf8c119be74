-- SPDX-License-Identifier: MIT
--- What of an answer can be shown while it is still being written.

local utf8 = require "predibase.utf8"

local M = {}

--- Where the earliest stop sequence begins.
local function stop_at(text, stops)
  local first
  for _, stop in ipairs(stops) do
    local i = text:find(stop, 1, true)
    if i and (not first or i < first) then first = i end
  end
  return first
end

--- How many bytes at the end may turn out to be the beginning of a stop sequence.
local function doubtful(text, stops)
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

--- The text without the stop sequence, which the server leaves at the end; while the answer is
-- being written, also without what may become one, and without half a character, which LÖVE
-- refuses to draw. Bytes that are no UTF-8 at all become question marks.
function M.sayable(heard, stops, ended)
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
