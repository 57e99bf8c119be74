-- SPDX-License-Identifier: MIT
--- The stand-in's tokenizer: words with their leading space, and single bytes for all the rest.
-- The vocabulary is laid out as in sentencepiece models: `<unk>` is 0, `<s>` 1, `</s>` 2, the 256
-- bytes are 3 to 258, words and parts of words follow. Any string is encoded to tokens whose bytes
-- joined are the string again. Characters outside ASCII and the Latin letters are always bytes, so
-- that a client meets the tokens whose text is empty until the character is complete.
-- @module predibase.mock.tokenizer

local byte, char, find, sub = string.byte, string.char, string.find, string.sub

local M = {}

M.UNKNOWN, M.BEGIN, M.END = 0, 1, 2
local FIRST_BYTE, FIRST_WORD = 3, 259
local REPLACEMENT = "\239\191\189"      -- U+FFFD

-- Parts of words, so that a word nobody has written still takes few tokens.
local PARTS = "ing tion ed er est ly ness ment able ible ful less ist ity ous ive al ic en es s "
  .. "th he in an re on at nd st or ou ea ti is it ar te se hi of un dis pre con com pro per ex "
  .. "de be im mis over under sub inter auto ter ver ure age ance ence ant ent ish ize ise ate "
  .. "ch sh ph wh qu gh ck ll ss tt ff oo ee ai ay oi oy au aw ow ew ie ei oa ue ui a e i o u "
  .. "b c d f g h j k l m n p q r t v w x y z"

-- The end of the piece that begins at `at`: a word, a digit or a sign, each with at most one space
-- before it, else one character.
local function piece_end(text, at)
  local _, stop = find(text, "^ ?[A-Za-z\195-\201][A-Za-z'\128-\201]*", at)
  if not stop then _, stop = find(text, "^ ?[%d%p]", at) end
  if stop then return stop end
  local first = byte(text, at)
  if first < 0xC0 then return at end
  return at + (first >= 0xF0 and 3 or first >= 0xE0 and 2 or 1)
end

local Tokenizer = {}
Tokenizer.__index = Tokenizer

local function add(self, piece)
  if self.ids[piece] then return end
  local id = self.size
  self.ids[piece], self.bytes[id] = id, piece
  self.size = id + 1
  if #piece > self.longest then self.longest = #piece end
end

--- A tokenizer whose vocabulary are the words of some texts.
-- @tparam table texts array of strings
-- @treturn Tokenizer with `size`, the number of tokens (ids are 0 to size - 1)
function M.new(texts)
  local self = setmetatable({ ids = {}, bytes = {}, size = FIRST_WORD, longest = 0 }, Tokenizer)
  self.bytes[M.UNKNOWN], self.bytes[M.BEGIN], self.bytes[M.END] = "<unk>", "<s>", "</s>"
  for value = 0, 255 do self.bytes[FIRST_BYTE + value] = char(value) end
  for _, text in ipairs(texts) do
    local at = 1
    while at <= #text do
      local stop = piece_end(text, at)
      local piece = sub(text, at, stop)
      if not find(piece, "[\204-\255]") then add(self, piece) end
      at = stop + 1
    end
  end
  for part in PARTS:gmatch("%S+") do
    add(self, part)
    add(self, " " .. part)
  end
  return self
end

--- The ids of a text, without special tokens.
-- @tparam string text any bytes
-- @treturn table array of ids
function Tokenizer:encode(text)
  local ids, out, n, at = self.ids, {}, 0, 1
  while at <= #text do
    local stop = math.min(piece_end(text, at), #text)
    local id = ids[sub(text, at, stop)]
    if id then
      n = n + 1
      out[n] = id
      at = stop + 1
    end
    while at <= stop do    -- an unknown word: the longest known part, else one byte
      local last = math.min(stop, at + self.longest - 1)
      while last > at and not ids[sub(text, at, last)] do last = last - 1 end
      n = n + 1
      out[n] = ids[sub(text, at, last)] or FIRST_BYTE + byte(text, at)
      at = last + 1
    end
  end
  return out
end

--- Whether a token is `<unk>`, `<s>` or `</s>`.
-- @tparam number id
-- @treturn boolean
function Tokenizer.is_special(_, id)
  return id < FIRST_BYTE
end

--- The form a token has in the vocabulary: `▁` for the space, `<0x0A>` for a byte.
-- @tparam number id
-- @treturn string
function Tokenizer:form(id)
  if id >= FIRST_BYTE and id < FIRST_WORD then return ("<0x%02X>"):format(id - FIRST_BYTE) end
  return (self.bytes[id]:gsub("^ ", "\226\150\129"))
end

-- The length of the well-formed UTF-8 character at `at`, or nil (RFC 3629, section 4).
local function character(text, at)
  local first, second = byte(text, at, at + 1)
  if first < 0x80 then return 1 end
  local length = first >= 0xF0 and 4 or first >= 0xE0 and 3 or 2
  if first < 0xC2 or first > 0xF4 or not second then return nil end
  local low = first == 0xE0 and 0xA0 or first == 0xF0 and 0x90 or 0x80
  local high = first == 0xED and 0x9F or first == 0xF4 and 0x8F or 0xBF
  if second < low or second > high then return nil end
  for i = at + 2, at + length - 1 do
    local continuation = byte(text, i)
    if not continuation or continuation < 0x80 or continuation > 0xBF then return nil end
  end
  return length
end

--- Bytes as text: every byte that is not part of a well-formed character becomes U+FFFD.
-- @tparam string text
-- @treturn string valid UTF-8
function M.readable(text)
  if not find(text, "[\128-\255]") then return text end
  local out, at = {}, 1
  while at <= #text do
    local length = character(text, at)
    out[#out + 1] = length and sub(text, at, at + length - 1) or REPLACEMENT
    at = at + (length or 1)
  end
  return table.concat(out)
end

local function ends_open(text)
  return sub(text, -3) == REPLACEMENT
end

--- A decoder for one stream of tokens: a function that gives every token the text it adds.
-- A token that ends inside a character adds "" and the whole character comes with a later one.
-- @treturn function from id to string
function Tokenizer:decoder()
  local pending = ""
  return function(id)
    pending = pending .. self.bytes[id]
    local text = M.readable(pending)
    if ends_open(text) then return "" end
    pending = ""
    return text
  end
end

--- The text of a whole answer: special tokens dropped, and by the server's rule the empty string
-- when the answer ends inside a character.
-- @tparam table ids array
-- @tparam[opt=1] number first
-- @treturn string
function Tokenizer:decode(ids, first)
  local parts = {}
  for i = first or 1, #ids do
    if not self:is_special(ids[i]) then parts[#parts + 1] = self.bytes[ids[i]] end
  end
  local text = M.readable(table.concat(parts))
  return ends_open(text) and "" or text
end

return M
