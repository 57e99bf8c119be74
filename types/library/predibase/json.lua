---@meta predibase.json
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/json.lua by `make types`; do not edit.

---Decodes and encodes JSON. Only this module uses lua-cjson.
---
---Behaviour of lua-cjson, and what this module does about it:
---
---* Its settings are shared by all modules that require it. This module uses its own instance
---  (`cjson.new()`), so it neither changes the settings of others nor depends on them.
---* It accepts `NaN`, `Infinity`, `0x10` and `01` as numbers. They are refused here.
---* It decodes integers to floats (releases before 2.1.0.10) and loses digits from 2^53 on.
---  `decode` returns those integers exactly, `integer` turns integral floats into integers.
---* It refuses an unpaired escaped surrogate. U+FFFD replaces it here.
---* It writes numbers with 14 digits, `{}` for an empty array, `\/` for a slash, keys in no
---  particular order, and accepts invalid UTF-8. Here it only escapes strings.
---
---Some deviations from RFC 8259 are accepted when decoding, because they do no harm: raw control
---characters inside strings, the forms `1.` and `-.5`, and `1e400`, which is decoded as infinity.
---Invalid UTF-8 is returned unchanged. `check` refuses all of these in texts that are sent.
---@class predibase.json
---@field MAX_DEPTH integer Deepest nesting of tables and JSON.
---@field null userdata The value for `null`, both in decoding and in encoding.
local M = {}

---The decoder of lua-cjson itself, for code that runs for every token. It raises for bad JSON
---and for an unpaired surrogate, and may round integers from 2^53 on. Call it inside a `pcall`,
---and call `decode` when it fails. Do not keep the function: it is replaced when the program's
---locale changes.
---@param text string
---@return any # the value
function M.parse(text) end

---Decodes a JSON text. Nesting deeper than 128, text after the value and numbers that JSON does
---not have are refused. If a key occurs twice, its last value is used.
---
---An integer literal of 2^53 or more (or -2^53 or less), which a double may not hold, is decoded
---exactly: to an integer where Lua has one of that size (5.3 and newer), otherwise to a string of
---its digits. Every other integral number may be a float, see `integer`.
---@param text string
---@return any # the value; `json.null` for `null`
---@return string? # what is wrong and where; it contains no part of the text
---@return_overload any
---@return_overload nil, string
function M.decode(text) end

---Checks strictly by RFC 8259 a JSON text that will be sent unchanged.
---@param text string
---@return boolean? # true
---@return string? # what is wrong and where
---@return_overload boolean
---@return_overload nil, string
function M.check(text) end

---Finds the value of a top-level member of an object as it is written in a JSON text. If the name
---occurs twice, the last value is found, which is the one that `decode` keeps.
---@param text string JSON that `decode` accepts
---@param name string
---@return string? # the JSON text of the value; or nil the text is not an object, or has no such member
---@return integer? # the position of its first byte
---@return integer? # the position of its last byte
---@return_overload string, integer, integer
---@return_overload nil
function M.member(text, name) end

---Lists the members of an object as they are written in a JSON text.
---@param text string JSON of an object that `decode` accepts
---@return table[] # array of `{ name, first, stop }` in the order of the text, with the positions of the first byte of the name, which is its quote, and of the comma or brace after the value
function M.members(text) end

---Writes a JSON text in one line: white space between tokens becomes spaces, and control
---characters inside of strings, which JSON does not allow, are escaped.
---@param text string JSON that `decode` accepts
---@return string
function M.one_line(text) end

---Converts an integral number so that it prints without a fraction: to an integer on 5.3 and
---newer. Every other value is returned unchanged, including strings of digits.
---@param v any anything
---@return any # v or the integer equal to it
function M.integer(v) end

---Marks a table as an array, so that an empty one is written as `[]`.
---@param t table gets a metatable
---@return table # t
function M.array(t) end

---Marks an array of `{ key, value }` as an object whose keys are written in this order. Indexing
---it with a name returns the value of that key.
---@param members table gets a metatable
---@return table # members
function M.object(members) end

---Tells whether a table is marked as an array: by `array`, or by a mark of lua-cjson.
---@param value any anything
---@return boolean
function M.is_array(value) end

---Tells whether a value was made by `object`.
---@param value any anything
---@return boolean
function M.is_object(value) end

---Makes a number that is written exactly as given: `1.0`, or an integer beyond 2^53. `tostring`
---returns the text.
---@param literal string a JSON number
---@return table
function M.number(literal) end

---Returns the text of a number that `number` made, and nil for every other value.
---@param value any anything
---@return string?
function M.literal(value) end

---Converts a table that `object` made to a table with its keys. Returns every other value
---unchanged.
---@param value any anything
---@return any # the value, or a new table
function M.fields(value) end

---Returns options or parameters without those that are null, because null means not given. The
---result has no metatable, so that indexing it cannot call functions of the caller.
---@param options table may be made by `object`
---@return table # the given table, or a new one
function M.present(options) end

---Converts ordered objects to plain tables and the values of `number` to numbers, as `decode`
---would return them, at every depth of ordered objects and marked arrays. Returns other values
---unchanged.
---@param value any anything
---@param without_nulls? boolean leaves out the members of ordered objects that are null; an array keeps its nulls, because the other elements have their positions
---@return any
function M.plain(value, without_nulls) end

---Wraps a JSON text that will be written unchanged. Check it with `check` first.
---@param text string
---@return table
function M.raw(text) end

---Writes a JSON object without the checks of `encode`.
---@param members table array of `{ name, value }`; names and strings must be valid UTF-8, and other values must be of a type that `encode` accepts
---@return string?
---@return string? # the message of `encode`
---@return_overload string
---@return_overload nil, string
function M.write_members(members) end

---Writes a string as JSON text. The string must be valid UTF-8.
---@param s string
---@return string
function M.text(s) end

---Writes a value as JSON text.
---
---Integers are written exactly (`128.0` as `128`), other numbers with the fewest digits that read
---back as the same number, and the values of `number` as given. Keys of plain tables are sorted.
---Metatables are ignored except for the marks of this module. Refused: NaN and the infinities,
---strings and keys that are not UTF-8, arrays with holes, tables that are array and object at once,
---cycles, nesting deeper than 128, functions, coroutines and userdata.
---@param value any `json.null` stands for `null`; an empty plain table is an object
---@return string?
---@return string? # what cannot be written and where: `schema.properties.x`
---@return_overload string
---@return_overload nil, string
function M.encode(value) end

return M
