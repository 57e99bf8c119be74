-- SPDX-License-Identifier: MIT
--- Pieces of text out of tokens: what a terminal or a page can show as it comes.
-- @module predibase.texts

local utf8 = require "predibase.utf8"

local M = {}

--- Puts a token's text behind what was held back, and holds back an unfinished character.
local function whole_characters(held, text)
  if held == "" and (text == "" or text:byte(-1) < 0x80) then return text, "" end
  return utf8.split(held .. text)
end

--- An iterator over the text of a source of tokens. Special tokens are left out, a character that
-- several tokens make up comes with the last of them, and no piece is empty. What is left of a
-- character that never became whole comes at the end, as it is.
-- @tparam function|table source gives the next token when called, nil at the end
-- @treturn function
function M.pieces(source)
  local held, ended = "", false
  return function ()
    while not ended do
      local token = source()
      local piece
      if not token then
        piece, held, ended = held, "", true
      elseif not token.special then
        piece, held = whole_characters(held, token.text)
      end
      if piece and piece ~= "" then return piece end
    end
  end
end

return M
