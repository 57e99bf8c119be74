---@meta predibase.utf8
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/utf8.lua by `make types`; do not edit.

---Checks and splits UTF-8 as RFC 3629 defines it.
---Lua 5.1 and LuaJIT have no `utf8` library, and the library of Lua 5.3 accepts surrogates, so this
---module implements the rules itself.
---@class predibase.utf8
local M = {}

---Tells whether a string is valid UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing
---above U+10FFFF). It passes over ASCII text once.
---@param s string
---@return boolean # true; or false
---@return integer? # the position of the first invalid sequence
---@return_overload boolean
---@return_overload boolean, integer
function M.valid(s) end

---Returns the size of the character at a position, for walking over text that may be invalid.
---@param s string
---@param i integer a byte position inside `s`
---@return integer? # 1 to 4; or nil no valid character begins there
---@return_overload integer
---@return_overload nil
function M.size(s, i) end

---Splits an incomplete character from the end of a string, because its other bytes may follow.
---Bytes that no continuation can make valid are not split off.
---@param s string
---@return string # whole the text before the incomplete character
---@return string # rest zero to three bytes to put in front of the next piece
function M.split(s) end

---Makes an iterator over texts that consist of whole characters and are not empty, from an
---iterator over texts that may end inside a character. An unfinished character at the end is
---returned as it is.
---@param source function returns the next text, and true if it is known to end with a whole character; or nil at the end
---@return (fun(): string)?
function M.whole_characters(source) end

return M
