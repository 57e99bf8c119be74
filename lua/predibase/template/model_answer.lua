-- SPDX-License-Identifier: MIT
--- Reads the text that a model wrote: separates the reasoning, and finds the calls of tools.
--
-- Every model writes calls in the form that its chat template asks for:
--
-- * `llama`: `{"name": …, "parameters": {…}}`, several with `;` between them, optionally after
--   `<|python_tag|>`;
-- * `hermes` (also Qwen): `<tool_call>\n{"name": …, "arguments": {…}}\n</tool_call>`, any number;
-- * `mistral`: `[TOOL_CALLS] [{"name": …, "arguments": {…}}]`, or `[TOOL_CALLS]name[ARGS]{…}`.
--
-- LoRAX drops special tokens from texts, so a mark such as `[TOOL_CALLS]` may be missing. Without
-- marks, only a text that consists of nothing but calls counts as calls; if the tools are known,
-- they must be calls of these. Everything else stays text.
-- @module predibase.template.model_answer

local choices = require "predibase.choices"
local random = require "predibase.random"
local reasoning = require "predibase.reasoning"
local written_calls = require "predibase.template.model_answer.written_calls"

local M = {}

-- Mistral's models know only ids of this form, and every other model takes them as well.
local ID_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
local ID_SIZE = 9

local draw

--- Makes an id for a call.
-- @treturn string nine letters and digits
function M.new_id ()
  draw = draw or random.new(random.seed(os.clock()))
  local out = {}
  for i = 1, ID_SIZE do
    local at = math.floor(draw() * #ID_LETTERS) + 1
    out[i] = ID_LETTERS:sub(at, at)
  end
  return table.concat(out)
end

--- Gives every call an id of its own. An id that the model wrote is kept if it has the right form.
local function finished (calls)
  local seen, out = {}, {}
  for i, call in ipairs(calls) do
    local id = call.id
    if not id or #id ~= ID_SIZE or id:find("%W") or seen[id] then
      repeat id = M.new_id() until not seen[id]
    end
    seen[id] = true
    out[i] = choices.new_call(id, call.name, call.raw_arguments)
  end
  return out
end

local function trimmed (text)
  return (text:gsub("^[ \t\r\n]+", ""):match("^(.*[^ \t\r\n])") or "")
end

-- Number of special tokens that are removed from the end of an answer.
local MAX_ENDS = 4

local function ending (text, list)
  for _, sequence in ipairs(list) do
    if sequence ~= "" and text:sub(-#sequence) == sequence then return sequence end
  end
end

--- Removes special tokens, and sequences that end an answer, from its end.
local function without_end (text, format)
  text = trimmed(text)
  for _ = 1, MAX_ENDS do
    local found = ending(text, format.stop) or ending(text, format.special_tokens)
    if not found then break end
    text = trimmed(text:sub(1, -#found - 1))
  end
  return text
end

local function find_calls (text, format, tools)
  local read = format.tool_calls and written_calls[format.tool_calls]
  if not read then return nil end
  local function known (name) return not tools or tools[name] == true end
  local calls, before, after = read(without_end(text, format), known)
  if not calls then return nil end
  before, after = trimmed(before), trimmed(after)
  local gap = before ~= "" and after ~= "" and "\n" or ""
  return finished(calls), before .. gap .. after
end

--- Reads an answer.
-- @tparam string text
-- @tparam table format a chat format
-- @tparam table how `marks` of the reasoning, or false; `begins_inside`; `tools`, a set of the
-- names of tools, or nil if they are not known
-- @treturn table the message
function M.read (text, format, how)
  local answer, thoughts = text, nil
  if how.marks then
    local inside = how.begins_inside
    -- A closing mark without an opening mark shows that the answer began inside.
    local close = text:find(how.marks.close, 1, true)
    local open = text:find(how.marks.open, 1, true)
    if close and not (open and open < close) then inside = true end
    answer, thoughts = reasoning.split(text, how.marks, inside)
  end
  local message = { role = "assistant", content = answer, reasoning = thoughts }
  local calls, rest = find_calls(answer, format, how.tools)
  if calls then
    message.tool_calls = calls
    message.content = rest ~= "" and rest or nil
  end
  return message
end

return M
