-- SPDX-License-Identifier: MIT
--- Cuts a stream of bytes into lines, in a time that grows with the bytes and nothing else.
-- @module predibase.mock.lines

local M = {}

--- A function to be fed with bytes as they come.
-- @tparam function on_line called with every whole line, without its line feed
-- @treturn function
function M.new(on_line)
  local parts = {}
  return function(data)
    local from, stop = 1, data:find("\n", 1, true)
    while stop do
      parts[#parts + 1] = data:sub(from, stop - 1)
      local line = table.concat(parts)
      parts = {}
      on_line(line)
      from = stop + 1
      stop = data:find("\n", from, true)
    end
    if from <= #data then parts[#parts + 1] = data:sub(from) end
  end
end

return M
