-- SPDX-License-Identifier: MIT
--- Client-side stop sequences: finds them in text that arrives in pieces, and holds back text that
-- may be the beginning of one.
--
-- There are two kinds. A sequence to stop at ends the text at the first place where one is
-- complete. If several are complete there, the longest counts. A sequence to trim is only removed
-- from the end of the whole text: LoRAX keeps the sequence at which it stopped in the text,
-- followed by at most one line end.
-- @module predibase.stop_sequences

local requirements = require "predibase.requirements"

local M = {}

local text_filter = requirements.later "predibase.text_filter"

--- Processes a piece of text.
-- @function Matcher:feed
-- @tparam string text
-- @treturn string the text that may be shown now, including text that was held back before
-- @treturn ?string the sequence that ended the text; every later piece returns ""
-- @treturn ?string the rest of the piece, after that sequence

--- Returns the text that is still held back at the end of the text, without a sequence to trim.
-- Does not change the matcher.
-- @function Matcher:finish
-- @treturn string
-- @treturn ?string the sequence that was removed

--- Returns the text that is held back now.
-- @function Matcher:rest
-- @treturn string

--- Makes a matcher for one text.
-- @tparam ?table stop array of the sequences to stop at, none of them empty
-- @tparam ?table trim array of the sequences to remove from the end; empty ones are skipped
-- @treturn ?table nil when there are no sequences
function M.new (stop, trim)
  if not stop and not trim then return nil end      -- the usual case
  return text_filter().matcher(stop, trim)
end

--- Shortens a whole text at the first sequence to stop at, or removes a sequence to trim.
-- @tparam string text
-- @tparam ?table stop see `new`
-- @tparam ?table trim see `new`
-- @treturn string
-- @treturn ?string the sequence that was found
-- @treturn ?string its kind, `"stop"` or `"trim"`
function M.cut (text, stop, trim)
  local matcher = M.new(stop, trim)
  if not matcher then return text end
  local shown, found = matcher:feed(text)
  if found then return shown, found, "stop" end
  local rest
  rest, found = matcher:finish()
  return shown .. rest, found, found and "trim"
end

return M
