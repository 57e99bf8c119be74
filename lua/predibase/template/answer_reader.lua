-- SPDX-License-Identifier: MIT
--- Reads the text of a model as it arrives: separates the reasoning, and holds back what may be
-- calls of tools, so that only text that is part of the answer is shown.
--
-- Text is held back from the mark that begins calls in the format (`<tool_call>`, `[TOOL_CALLS]`,
-- `<|python_tag|>`) to the end. Such a mark may be missing, because LoRAX drops special tokens. So
-- an answer that begins like a call without a mark, with `{`, `[` or (Mistral) the name of a tool,
-- is held back as a whole. At the end `predibase.template.model_answer` decides what it was.
-- @module predibase.template.answer_reader

local model_answer = require "predibase.template.model_answer"
local reasoning = require "predibase.reasoning"
local stops = require "predibase.stop_sequences"

local M = {}

local MARKS = { hermes = "<tool_call>", llama = "<|python_tag|>", mistral = "[TOOL_CALLS]" }

local find, sub = string.find, string.sub

local Reader = {}
Reader.__index = Reader

--- Tells whether the beginning of an answer may be a call without a mark. Returns true, false, or
-- nil when more text is needed.
local function may_be_call (self, text)
  local at = find(text, "[^ \t\r\n]")
  if not at then return nil end
  if find(text, "^[%[{]", at) then return true end
  if self.form ~= "mistral" then return false end
  local rest = sub(text, at)
  for name in pairs(self.tools) do
    if sub(rest, 1, #name) == name then return true end
    if sub(name, 1, #rest) == rest then return nil end
  end
  return false
end

--- Returns the text that may be shown, without white space at its end: it may stand before a call.
local function without_space (self, text)
  text = self.space .. text
  local last = #text
  while last > 0 and find(text, "^[ \t\r\n]", last) do last = last - 1 end
  self.space = sub(text, last + 1)
  return sub(text, 1, last)
end

--- Returns the part of an answer that may be shown now.
local function visible (self, text)
  if not self.form then return text end
  self.answer[#self.answer + 1] = text
  if self.state == "begin" then
    self.held = self.held .. text
    local call = may_be_call(self, self.held)
    if call == nil then return "" end
    self.state = call and "held" or "open"
    text, self.held = self.held, ""
  end
  if self.state == "held" then return "" end
  local hit
  text, hit = self.matcher:feed(text)
  if hit then self.state = "held" end
  text = without_space(self, text)
  self.shown[#self.shown + 1] = text
  return text
end

--- Processes a piece of text.
-- @tparam string text
-- @treturn string the text of the answer that may be shown now
-- @treturn string the same of the reasoning
function Reader:feed (text)
  local thoughts = ""
  if self.splitter then text, thoughts = self.splitter:feed(text) end
  if text ~= "" then text = visible(self, text) end
  return text, thoughts
end

--- Returns what was held back at the end, when it was no call or beside calls.
local function rest_of (self, message)
  local shown, content = table.concat(self.shown), message.content or ""
  if not message.tool_calls then return sub(content, #shown + 1) end
  shown = shown:gsub("^[ \t\r\n]+", "")
  return sub(content, 1, #shown) == shown and sub(content, #shown + 1) or ""
end

--- Ends the text.
-- @treturn string the rest of the answer
-- @treturn string the rest of the reasoning
-- @treturn ?ToolCall[] the calls, see `format:parse`; nil when there are none
function Reader:finish ()
  local text, thoughts = "", ""
  if self.splitter then
    text, thoughts = self.splitter:finish()
    if text ~= "" then text = visible(self, text) end
  end
  if not self.form then return text, thoughts end
  local message = model_answer.read(table.concat(self.answer), self.format,
    { marks = false, tools = self.tools })
  return text .. rest_of(self, message), thoughts, message.tool_calls
end

--- Tells whether a special token has to be fed all the same, because it is one of the marks.
-- @tparam string text of the token
-- @treturn boolean
function Reader:is_mark (text)
  if self.form and text == MARKS[self.form] then return true end
  return self.splitter ~= nil and self.splitter:is_mark(text)
end

--- Makes a reader for one answer.
-- @tparam table format a chat format
-- @tparam table how as for `predibase.template.model_answer`; without `tools` no calls are looked
-- for
-- @treturn table
function M.new (format, how)
  local has_tools = how.tools and next(how.tools)
  local form = has_tools and MARKS[format.tool_calls] and format.tool_calls or nil
  return setmetatable({
    format = format, tools = how.tools, form = form,
    splitter = how.marks and reasoning.new(how.marks, how.begins_inside) or nil,
    matcher = form and stops.new { MARKS[form] },
    state = "begin",       -- `begin`, `open` (text is shown) or `held`
    answer = {},           -- the pieces of the whole answer, and those that were shown
    shown = {},
    held = "",             -- the beginning of an answer that may be a call
    space = "",            -- white space that is held back
  }, Reader)
end

return M
