---@meta predibase.reasoning
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/reasoning.lua by `make types`; do not edit.

---The marks around the reasoning of a model: `{ open, close }`, or with names.
---@class predibase.Marks
---@field [1] string? the opening mark
---@field [2] string? the closing mark
---@field open? string the opening mark
---@field close? string the closing mark
---@field begins_inside? boolean whether the text begins inside the reasoning

---@class predibase.Splitter
local Splitter = {}

---Processes a piece of text.
---@param text string
---@return string # the text of the answer that may be shown now, including text that was held back before
---@return string # the same of the reasoning
function Splitter:feed(text) end

---Returns what is still held back at the end of the text. Does not change the splitter.
---@return string # of the answer
---@return string # of the reasoning
function Splitter:finish() end

---Tells whether the text of a token is one of the marks. The texts of special tokens are not part
---of an answer; those that are marks have to be fed all the same.
---@param text string
---@return boolean
function Splitter:is_mark(text) end

---Separates the reasoning of a model from its answer, in text that arrives in pieces.
---
---Models that reason before they answer write the reasoning between two marks, such as `<think>`
---and `</think>`. The first opening mark begins the reasoning, and the first closing mark after it
---ends it. Every later mark is text of the answer, so that an answer may speak about the marks.
---Reasoning whose closing mark is missing goes on to the end. If the prompt ends with the opening
---mark, the text begins inside the reasoning; a model that repeats the opening mark there does no
---harm.
---
---White space (spaces, tabs and line ends) around the reasoning, in front of the opening mark when
---nothing else is there, and after the closing mark belongs to neither part.
---@class predibase.reasoning
---@field MAX_MARK integer Most bytes of a mark. Longer ones would be prose, and so much text may be held back.
---@field MAX_SPACE integer Most bytes of white space that are held back because they may be the end of the reasoning, or because an opening mark may follow. What exceeds it is passed on.
local M = {}

---Makes a splitter for one text.
---@param marks predibase.Marks `open` and `close`, as `read` returns them
---@param begins_inside? boolean the prompt ended with the opening mark; default: `marks.begins_inside`
---@return predibase.Splitter
function M.new(marks, begins_inside) end

---Separates a whole text.
---@param text string
---@param marks predibase.Marks see `new`
---@param begins_inside? boolean see `new`
---@return string # the answer
---@return string? # the reasoning; nil when there is none, or only white space
function M.split(text, marks, begins_inside) end

---Tells whether a text is one of the marks.
---@param marks predibase.Marks
---@param text string
---@return boolean
function M.is_mark(marks, text) end

---Tells whether a prompt ends with the opening mark, so that the text after it begins inside the
---reasoning. White space may follow the mark.
---@param marks predibase.Marks
---@param prompt string
---@return boolean
function M.ends_inside(marks, prompt) end

---Tells whether a prompt ends with the closing mark, so that the text after it has no reasoning.
---The prompt of Qwen 3 does with `enable_thinking = false`. White space may follow the mark.
---@param marks predibase.Marks
---@param prompt string
---@return boolean
function M.is_over(marks, prompt) end

---Checks the option `reasoning` without its format.
---@param option any see `read`
---@return (predibase.Marks|boolean)? # the option, with a copy of the marks
---@return string? # what is wrong
---@return_overload predibase.Marks|boolean
---@return_overload nil, string
function M.check(option) end

---Reads the option `reasoning`.
---@param option any `true` (the marks of the format); `{ open, close }`, also with names and with `begins_inside` (default: whether the prompt ends with the opening mark); `false`; nil (the marks of the format if it has any)
---@param format? predibase.ChatFormat a chat format
---@return (predibase.Marks|boolean)? # the marks, `{ open, close, begins_inside }`; false when the reasoning is not to be separated
---@return string? # what is wrong
---@return_overload predibase.Marks|boolean
---@return_overload nil, string
function M.read(option, format) end

return M
