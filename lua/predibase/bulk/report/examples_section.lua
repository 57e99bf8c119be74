-- SPDX-License-Identifier: MIT
--- The examples of a report: rows with what was sent and what came back.
-- @module predibase.bulk.report.examples_section

local amounts = require "predibase.amounts"
local markup = require "predibase.bulk.report.markup"
local utf8 = require "predibase.utf8"

local M = {}

local tag = markup.tag

--- Most bytes of a text in a report. There are up to 190 examples, so that a page has at most a few
-- megabytes.
M.MAX_TEXT = 2000

-- Texts of more bytes or line ends than these may be higher than their boxes. The keyboard reaches
-- such a box, so that it can scroll.
local LOW_BYTES, LOW_LINES = 400, 9

--- Cuts a text, and says so.
-- @tparam string text
-- @tparam ?number bytes the size of the text before it was cut by someone else
-- @treturn string the text or its beginning
-- @treturn ?table markup that says how long the text was; nil when the text is whole
function M.cut (text, bytes)
  local size = math.max(bytes or 0, #text)
  if #text > M.MAX_TEXT then text = utf8.split(text:sub(1, M.MAX_TEXT)) end
  if #text == size then return text end
  return text, tag("p", { class = "cut" }, "Cut: these are the first ", amounts.count(#text),
    " of ", amounts.of(size, "byte"), ".")
end

--- Shows a text in a box of its own, as it is.
-- @tparam string label what the text is
-- @tparam ?string text
-- @tparam ?number bytes the size of the whole text
-- @treturn ?table markup; nil without a text
function M.text_box (label, text, bytes)
  if not text then return nil end
  local note
  text, note = M.cut(text, bytes)
  local _, lines = text:gsub("\n", "")
  local high = #text > LOW_BYTES or lines > LOW_LINES
  return tag("div", nil, tag("p", { class = "label" }, label),
    text == "" and tag("p", { class = "soft" }, "(empty)")
      or tag("pre", { dir = "auto", role = high and "group", tabindex = high and 0,
        ["aria-label"] = high and label }, text), note)
end

--- Names the row of an example.
-- @tparam table example `number`, `line`
-- @treturn ?string `Row 3, line 5`
function M.place (example)
  if not example.number then return example.line and "Line " .. amounts.count(example.line) end
  return "Row " .. amounts.count(example.number)
    .. (example.line and ", line " .. amounts.count(example.line) or "")
end

local function show (example)
  local message = example.message
  local note
  if message then message, note = M.cut(message, example.message_bytes) end
  return tag("article", { class = "example" }, tag("p", { class = "label" }, M.place(example)),
    message and tag("p", { class = "error" }, tag("bdi", nil, message)), note,
    tag("div", { class = "pair" }, M.text_box("Input", example.input, example.input_bytes),
      M.text_box("Answer", example.text, example.text_bytes)))
end

--- Shows examples of the answered rows and of each kind of failure.
-- @tparam table groups the field `examples` of a summary of figures
-- @treturn ?table markup; nil without examples
function M.show (groups)
  local parts = {}
  for _, group in ipairs(groups) do
    local list = {}
    for i, example in ipairs(group.examples) do list[i] = show(example) end
    parts[#parts + 1] = tag("div", nil, tag("h3", nil,
      group.kind == "answered" and "Answered" or "Failed: " .. group.kind,
      " (", amounts.count(#list), " of ", amounts.of(group.rows, "row"), ")"), list)
  end
  if #parts == 0 then return nil end
  return tag("section", { id = "examples" }, tag("h2", nil, "Examples"), parts)
end

return M
