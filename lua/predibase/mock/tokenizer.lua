-- SPDX-License-Identifier: MIT
--- Splits text into tokens: known words with their leading space, single bytes for the rest.
-- Ids are laid out as in sentencepiece models: `<unk>` is 0, `<s>` 1, `</s>` 2, the 256 bytes are
-- 3 to 258, words follow. Every string can be encoded, and the bytes of its tokens joined are the
-- string again. Characters such as emoji are always single bytes, so that clients receive tokens
-- without text until the character is complete.
-- @module predibase.mock.tokenizer

local utf8 = require "predibase.utf8"

local M = {}

M.UNKNOWN, M.BEGIN, M.END = 0, 1, 2
local FIRST_BYTE, FIRST_WORD = 3, 259
local REPLACEMENT = "\239\191\189"      -- U+FFFD

-- Pieces of words, so that an unknown word is a few tokens rather than one token per letter.
local PIECES = "ing tion ed er est ly ness ment able th he in re on at nd st or ou ea is it ar te "
  .. "un dis con pro ex de be a b c d e f g h i j k l m n o p q r s t u v w x y z"

-- The end of the piece at `at`: a word, a digit or a sign, each with one space before it if there
-- is one, otherwise one character.
local function piece_end (text, at)
  local _, stop = text:find("^ ?[A-Za-z\195-\201][A-Za-z'\128-\201]*", at)
  if not stop then _, stop = text:find("^ ?[%d%p]", at) end
  return stop or at + (utf8.size(text, at) or 1) - 1
end

local Tokenizer = {}
Tokenizer.__index = Tokenizer

--- Makes a tokenizer whose vocabulary consists of the words of some texts.
-- @tparam table texts array of strings
-- @treturn Tokenizer with `size` (ids are below it), `ids` (bytes -> id) and `bytes` (id -> bytes)
function M.new (texts)
  local self = setmetatable({ ids = {}, bytes = { [0] = "<unk>", "<s>", "</s>" } }, Tokenizer)
  self.size = FIRST_WORD
  for value = 0, 255 do self.bytes[FIRST_BYTE + value] = string.char(value) end
  local function add (piece)
    if self.ids[piece] or piece:find("[\204-\255]") then return end
    self.ids[piece], self.bytes[self.size] = self.size, piece
    self.size = self.size + 1
  end
  for _, text in ipairs(texts) do
    local at = 1
    while at <= #text do
      local stop = piece_end(text, at)
      add(text:sub(at, stop))
      at = stop + 1
    end
  end
  for piece in PIECES:gmatch("%S+") do
    add(piece)
    add(" " .. piece)
  end
  return self
end

--- Splits a text, without adding special tokens.
-- @tparam string text any bytes
-- @treturn table array of ids
function Tokenizer:encode (text)
  local out, at = {}, 1
  while at <= #text do
    -- the longest known beginning of the piece, otherwise its first byte
    local stop = math.min(piece_end(text, at), at + 31)
    while stop > at and not self.ids[text:sub(at, stop)] do stop = stop - 1 end
    out[#out + 1] = self.ids[text:sub(at, stop)] or FIRST_BYTE + text:byte(at)
    at = stop + 1
  end
  return out
end

--- Tells whether a token is `<unk>`, `<s>` or `</s>`.
-- @tparam number id
-- @treturn boolean
function M.is_special (id)
  return id < FIRST_BYTE
end

--- Returns the form that a token has in the vocabulary: `▁` for the space, `<0x0A>` for a byte.
-- @tparam number id
-- @treturn string
function Tokenizer:form (id)
  if id >= FIRST_BYTE and id < FIRST_WORD then return ("<0x%02X>"):format(id - FIRST_BYTE) end
  return (self.bytes[id]:gsub("^ ", "\226\150\129"))
end

--- Replaces every byte that is not part of a well-formed character by U+FFFD.
-- @tparam string bytes
-- @treturn string valid UTF-8
function M.readable (bytes)
  if utf8.valid(bytes) then return bytes end
  local out, at = {}, 1
  while at <= #bytes do
    local size = utf8.size(bytes, at)
    out[#out + 1] = size and bytes:sub(at, at + size - 1) or REPLACEMENT
    at = at + (size or 1)
  end
  return table.concat(out)
end

--- Makes a decoder for one stream of tokens.
-- A token that ends inside a character gets the text "", and a later one the whole character.
-- @treturn function from id to string
function Tokenizer:decoder ()
  local pending = ""
  return function (id)
    pending = pending .. self.bytes[id]
    local text = M.readable(pending)
    if text:sub(-3) == REPLACEMENT then return "" end
    pending = ""
    return text
  end
end

--- Returns the text of a whole answer, without special tokens. It is empty when the answer ends
-- inside a character, as the server's is.
-- @tparam table ids array
-- @treturn string
function Tokenizer:decode (ids)
  local parts = {}
  for _, id in ipairs(ids) do
    if not M.is_special(id) then parts[#parts + 1] = self.bytes[id] end
  end
  local text = M.readable(table.concat(parts))
  return text:sub(-3) == REPLACEMENT and "" or text
end

return M
