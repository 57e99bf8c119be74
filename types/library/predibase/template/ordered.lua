---@meta predibase.template.ordered
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/template/ordered.lua by `make types`; do not edit.

---Reads JSON and keeps what would be lost in Lua's tables and numbers: the order of keys, the form
---`1.0`, and every digit of a large integer. So the schema of a tool is written into the prompt as
---its author wrote it.
---@class predibase.template.ordered
---@field MAX_DEPTH integer Deepest nesting, the same as in `predibase.json`.
local M = {}

---Reads a JSON text. Arrays and objects are made by `json.array` and `json.object`, `null` is
---`json.null`, and a number that Lua would write in another way (`1.0`, an integer beyond 2^53) is
---made by `json.number`. The members of an object can be read by their names; `tostring` returns
---the spelling of such a number.
---@param text string
---@return (table|string|number|boolean)? # the value
---@return string? # what is wrong with the text
---@return_overload table|string|number|boolean
---@return_overload nil, string
function M.decode(text) end

---Reads the value that begins at a byte of a text; the text after the value is not checked.
---@param text string
---@param at integer
---@return (table|string|number|boolean)? # the value
---@return integer|string # the position after the value; or what is wrong with the text
---@return_overload table|string|number|boolean, integer
---@return_overload nil, string
function M.at(text, at) end

---Converts what `decode` returned to plain tables and numbers.
---@param value any
---@return any # a new value; other values unchanged
function M.plain(value) end

return M
