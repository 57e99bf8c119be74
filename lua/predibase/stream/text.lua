-- SPDX-License-Identifier: MIT
--- The text of a stream so far, in few pieces: a table with an entry for each token would grow by
-- doubling, with thousands of streams at the same time, and the collector would walk over it again
-- and again.
-- @module predibase.stream.text

local M = {}

--- So many texts are put together to one. The text of token number n waits for that at
-- `stream.parts[n % FOLD]`; the last one of a row is never there. What was put together is in
-- `stream.parts.folded`.
M.FOLD = 32

--- Takes the text of one token, and counts it. The count comes last: Ctrl-C may raise its error
-- anywhere in here, and then nothing has changed.
-- @tparam table stream
-- @tparam string text
function M.add(stream, text)
  local parts, n = stream.parts, stream.count + 1
  stream.left = stream.left - #text
  local slot = n % M.FOLD
  if slot ~= 0 then
    parts[slot] = text
  else
    local folded = parts.folded or {}
    parts.folded = folded
    folded[n / M.FOLD] = table.concat(parts, "", 1, M.FOLD - 1) .. text
  end
  stream.count = n
end

--- Takes the texts of several tokens at once, and counts them.
-- @tparam table stream
-- @tparam string text of all of them
-- @tparam number n how many these are
function M.add_many(stream, text, n)
  for _ = 1, n do
    M.add(stream, text)
    text = ""
  end
end

--- The whole of it.
-- @tparam table stream
-- @treturn string
function M.all(stream)
  local parts, waiting = stream.parts, stream.count % M.FOLD
  return table.concat(parts.folded or {}, "", 1, (stream.count - waiting) / M.FOLD)
    .. table.concat(parts, "", 1, waiting)
end

return M
