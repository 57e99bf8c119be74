-- SPDX-License-Identifier: MIT
--- What Tab completes in a conversation: commands at the beginning of a line, and the files of
-- those that take one.
-- @module predibase.cli.completion

local commands = require "predibase.cli.commands"
local paths = require "predibase.cli.paths"

local M = {}

--- The words that a word of the line may become.
-- @tparam string line as far as it is typed
-- @tparam integer from where the word begins
-- @tparam integer to where it ends
-- @treturn table array of whole words; empty for the text of a question
function M.words(line, from, to)
  local before, word, found = line:sub(1, from - 1), line:sub(from, to), {}
  if before:find "^/save%s+$" or before:find "^/load%s+$" then return paths.matching(word) end
  if before ~= "" or word:sub(1, 1) ~= "/" then return found end
  for _, name in ipairs(commands.names) do
    if name:sub(1, #word) == word then found[#found + 1] = name end
  end
  return found
end

return M
