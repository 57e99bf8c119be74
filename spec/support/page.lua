-- SPDX-License-Identifier: MIT
--- Reads code blocks from pages of the guide.

local M = {}

--- Returns the block whose first line is a comment with the given file name.
-- @tparam string page such as "docs/loops.md"
-- @tparam string name such as "select_loop.lua"
-- @treturn string
function M.code (page, name)
  local file = assert(io.open(page))
  local text = file:read "*a"
  file:close()
  local _, first = text:find("```lua\n-- " .. name .. "\n", 1, true)
  assert(first, page .. " shows no " .. name)
  return text:sub(first + 1, assert(text:find("\n```", first, true)))
end

return M
