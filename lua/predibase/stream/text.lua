-- SPDX-License-Identifier: MIT
--- The text of a stream so far, in few pieces: a table with an entry for each token would grow by
-- doubling, with thousands of streams at the same time, and the collector would walk over it again
-- and again.
-- @module predibase.stream.text

local M = {}

--- So many texts are put together to one. The text of token number n waits for that at
-- `stream.parts[n % FOLD]`; the last one of a row is never there.
M.FOLD = 32

--- Takes the text of the token that `stream.count` counts.
-- @tparam table stream
-- @tparam string text
function M.add(stream, text)
  local slot = stream.count % M.FOLD
  if slot ~= 0 then
    stream.parts[slot] = text
    return
  end
  local folded = stream.folded or {}
  stream.folded = folded
  folded[#folded + 1] = table.concat(stream.parts, "", 1, M.FOLD - 1) .. text
end

--- The whole of it.
-- @tparam table stream
-- @treturn string
function M.all(stream)
  return table.concat(stream.folded or {})
    .. table.concat(stream.parts, "", 1, stream.count % M.FOLD)
end

return M
