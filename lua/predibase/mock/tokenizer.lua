-- SPDX-License-Identifier: MIT
--- Splits text into tokens: known words and signs with the space before them, bytes for the rest.
-- The ids are numbered as in sentencepiece models: `<unk>` is 0, `<s>` 1, `</s>` 2, the 256 bytes
-- are 3 to 258, and words follow. The joined bytes of the tokens of any string are that string.
-- Words are ASCII, so every other character is split into bytes, as real tokenizers do with rare
-- ones.
-- @module predibase.mock.tokenizer

local utf8 = require "predibase.utf8"

local M = { UNKNOWN = 0, BEGIN = 1, END = 2, FIRST_WORD = 259 }

local FIRST_BYTE = 3
local REPLACEMENT = "\239\191\189"      -- U+FFFD
local WORD, SIGN = " ?[A-Za-z']+", " ?%p"

local Tokenizer = {}
Tokenizer.__index = Tokenizer

-- Adds the words and signs of a text to a vocabulary. Returns the id after the last one.
local function learn (self, text, id)
  for _, pattern in ipairs { WORD, SIGN } do
    for piece in text:gmatch(pattern) do
      if not self.ids[piece] then
        self.ids[piece], self.bytes[id], id = id, piece, id + 1
      end
    end
  end
  return id
end

--- Makes a tokenizer whose vocabulary consists of the words and signs of two texts.
-- @tparam string text
-- @tparam[opt=""] string prompts words that only prompts contain; their ids are not below `size`
-- @treturn Tokenizer with `size` (the ids of `text` are below it), `ids` (bytes -> id) and `bytes`
--   (id -> bytes)
function M.new (text, prompts)
  local self = { ids = {}, bytes = { [0] = "<unk>", "<s>", "</s>" } }
  for value = 0, 255 do self.bytes[FIRST_BYTE + value] = string.char(value) end
  self.size = learn(self, text, M.FIRST_WORD)
  learn(self, prompts or "", self.size)
  return setmetatable(self, Tokenizer)
end

--- Splits a text, without adding special tokens.
-- @tparam string text any bytes
-- @treturn table array of ids
function Tokenizer:encode (text)
  local out, at = {}, 1
  while at <= #text do
    local piece = text:match("^" .. WORD, at) or text:match("^" .. SIGN, at)
    local id = self.ids[piece or ""]
    out[#out + 1] = id or FIRST_BYTE + text:byte(at)
    at = at + (id and #piece or 1)
  end
  return out
end

--- Returns the form that a token has in the vocabulary: `▁` for the space, `<0x0A>` for a byte.
-- @tparam number id
-- @treturn string
function Tokenizer:form (id)
  local byte = id >= FIRST_BYTE and id < M.FIRST_WORD
  return byte and ("<0x%02X>"):format(id - FIRST_BYTE) or (self.bytes[id]:gsub("^ ", "▁"))
end

--- Replaces every byte that is not part of a well-formed character by U+FFFD.
-- @tparam string bytes
-- @treturn string valid UTF-8
function M.readable (bytes)
  local out, at = {}, 1
  while at <= #bytes do
    local size = utf8.size(bytes, at)
    out[#out + 1] = size and bytes:sub(at, at + size - 1) or REPLACEMENT
    at = at + (size or 1)
  end
  return table.concat(out)
end

-- The text of some bytes, "" when they end inside a character.
local function finished (bytes)
  local text = M.readable(bytes)
  return text:sub(-3) == REPLACEMENT and "" or text
end

--- Makes a decoder for one stream of tokens.
-- A token that ends inside a character gets the text "", and a later one the whole character.
-- @treturn function from id to string
function Tokenizer:decoder ()
  local pending = ""
  return function (id)
    pending = pending .. self.bytes[id]
    local text = finished(pending)
    if text ~= "" then pending = "" end
    return text
  end
end

--- Returns the text of a whole answer, without special tokens. It is empty when the answer ends
-- inside a character, as the server's is.
-- @tparam table ids array
-- @treturn string
function Tokenizer:decode (ids)
  local parts = {}
  for i, id in ipairs(ids) do parts[i] = id <= M.END and "" or self.bytes[id] end
  return finished(table.concat(parts))
end

return M
