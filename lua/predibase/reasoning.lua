-- SPDX-License-Identifier: MIT
--- Separates the reasoning of a model from its answer, in text that arrives in pieces.
--
-- Models that reason before they answer write the reasoning between two marks, such as `<think>`
-- and `</think>`. The first opening mark begins the reasoning, and the first closing mark after it
-- ends it. Every later mark is text of the answer, so that an answer may speak about the marks.
-- Reasoning whose closing mark is missing goes on to the end. If the prompt ends with the opening
-- mark, the text begins inside the reasoning; a model that repeats the opening mark there does no
-- harm.
--
-- White space (spaces, tabs and line ends) around the reasoning, in front of the opening mark when
-- nothing else is there, and after the closing mark belongs to neither part.
-- @module predibase.reasoning

local checks = require "predibase.value_checks"
local requirements = require "predibase.requirements"

local M = {}

--- The marks around the reasoning of a model: `{ open, close }`, or with names.
-- @table Marks
-- @tfield ?string [1] the opening mark
-- @tfield ?string [2] the closing mark
-- @tfield ?string open the opening mark
-- @tfield ?string close the closing mark
-- @tfield ?boolean begins_inside whether the text begins inside the reasoning

--- Most bytes of a mark. Longer ones would be prose, and so much text may be held back.
M.MAX_MARK = 256

--- Most bytes of white space that are held back because they may be the end of the reasoning, or
-- because an opening mark may follow. What exceeds it is passed on.
M.MAX_SPACE = 256

local byte, find, sub = string.byte, string.find, string.sub

local INK = "[^ \t\r\n]"
local IS_SPACE = { [9] = true, [10] = true, [13] = true, [32] = true }

--- Returns the text without the white space at its beginning.
local function trimmed (text)
  local first = find(text, INK)
  return first and sub(text, first) or ""
end

--- Returns the position of the last byte that is not white space, or 0.
local function last_ink (text)
  local i = #text
  while i > 0 and IS_SPACE[byte(text, i)] do i = i - 1 end
  return i
end

local text_filter = requirements.later "predibase.text_filter"

local Splitter = {}
Splitter.__index = Splitter

--- Processes a piece of text.
-- @tparam string text
-- @treturn string the text of the answer that may be shown now, including text that was held back
-- before
-- @treturn string the same of the reasoning
function Splitter:feed (text)
  return self.core:feed(text)
end

--- Returns what is still held back at the end of the text. Does not change the splitter.
-- @treturn string of the answer
-- @treturn string of the reasoning
function Splitter:finish ()
  return self.core:finish()
end

--- Tells whether the text of a token is one of the marks. The texts of special tokens are not part
-- of an answer; those that are marks have to be fed all the same.
-- @tparam string text
-- @treturn boolean
function Splitter:is_mark (text)
  return M.is_mark(self.marks, text)
end

--- Makes a splitter for one text.
-- @tparam Marks marks `open` and `close`, as `read` returns them
-- @tparam ?boolean begins_inside the prompt ended with the opening mark; default:
-- `marks.begins_inside`
-- @treturn Splitter
function M.new (marks, begins_inside)
  if begins_inside == nil then begins_inside = marks.begins_inside end
  local core = text_filter().splitter(marks.open, marks.close, begins_inside)
  return setmetatable({ core = core, marks = marks }, Splitter)
end

--- Separates a whole text.
-- @tparam string text
-- @tparam Marks marks see `new`
-- @tparam ?boolean begins_inside see `new`
-- @treturn string the answer
-- @treturn ?string the reasoning; nil when there is none, or only white space
function M.split (text, marks, begins_inside)
  local splitter = M.new(marks, begins_inside)
  local answer, thoughts = splitter:feed(text)
  local answer_rest, rest = splitter:finish()
  thoughts = thoughts .. rest
  return answer .. answer_rest, thoughts ~= "" and thoughts or nil
end

--- Tells whether a text is one of the marks.
-- @tparam Marks marks
-- @tparam string text
-- @treturn boolean
function M.is_mark (marks, text)
  return text == marks.open or text == marks.close
end

local function ends_with (prompt, mark)
  local last = last_ink(prompt)
  return sub(prompt, math.max(1, last - #mark + 1), last) == mark
end

--- Tells whether a prompt ends with the opening mark, so that the text after it begins inside the
-- reasoning. White space may follow the mark.
-- @tparam Marks marks
-- @tparam string prompt
-- @treturn boolean
function M.ends_inside (marks, prompt)
  return ends_with(prompt, marks.open)
end

--- Tells whether a prompt ends with the closing mark, so that the text after it has no reasoning.
-- The prompt of Qwen 3 does with `enable_thinking = false`. White space may follow the mark.
-- @tparam Marks marks
-- @tparam string prompt
-- @treturn boolean
function M.is_over (marks, prompt)
  return ends_with(prompt, marks.close)
end

-- The option `reasoning`.

local FIELDS = { open = true, close = true, begins_inside = true, [1] = true, [2] = true }

local function mark_problem (value, name)
  if type(value) ~= "string" then
    return ("reasoning: the %s mark must be a string, got %s"):format(name, checks.describe(value))
  end
  if not find(value, INK) then
    return ("reasoning: the %s mark is empty"):format(name)
  end
  if #value > M.MAX_MARK then
    return ("reasoning: the %s mark has %d bytes; at most %d are allowed"):format(name, #value,
      M.MAX_MARK)
  end
end

--- Returns the marks in a table of the option, without white space at their ends, because a model
-- may write other white space there.
local function given_marks (option)
  for key in next, option do
    if not FIELDS[key] then
      return nil, "reasoning is { open, close } or { open = …, close = …, begins_inside = … }; "
        .. "it has the key " .. checks.describe(key)
    end
  end
  local open, close = rawget(option, "open"), rawget(option, "close")
  if open == nil then open = rawget(option, 1) end
  if close == nil then close = rawget(option, 2) end
  local problem = mark_problem(open, "opening") or mark_problem(close, "closing")
  if problem then return nil, problem end
  local begins_inside = rawget(option, "begins_inside")
  if begins_inside ~= nil and type(begins_inside) ~= "boolean" then
    return nil, "reasoning: begins_inside must be a boolean, got " .. checks.describe(begins_inside)
  end
  return { open = trimmed(sub(open, 1, last_ink(open))),
    close = trimmed(sub(close, 1, last_ink(close))), begins_inside = begins_inside }
end

--- Checks the option `reasoning` without its format.
-- @param option see `read`
-- @treturn[1] Marks|boolean the option, with a copy of the marks
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.check (option)
  if type(option) == "boolean" then return option end
  if type(option) == "table" then return given_marks(option) end
  return nil, "reasoning must be a boolean or a table of two marks, got "
    .. checks.describe(option)
end

--- Reads the option `reasoning`.
-- @param option `true` (the marks of the format); `{ open, close }`, also with names and with
-- `begins_inside` (default: whether the prompt ends with the opening mark); `false`; nil (the marks
-- of the format if it has any)
-- @tparam ?ChatFormat format a chat format
-- @treturn[1] Marks|boolean the marks, `{ open, close, begins_inside }`; false when the reasoning
-- is not to be separated
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read (option, format)
  local of_format = format and format.reasoning
  if option == false then return false end
  if option == nil then return of_format or false end
  if option == true then
    if of_format then return of_format end
    if not format then
      return nil, "reasoning = true means the marks of a chat format, and there is none here; "
        .. 'give the marks: reasoning = { "<think>", "</think>" }'
    end
    return nil, ('reasoning = true: the chat format "%s" has no marks of reasoning; give them: '
      .. 'reasoning = { "<think>", "</think>" }'):format(format.name)
  end
  return M.check(option)
end

return M
