-- SPDX-License-Identifier: MIT
--- Finds out which part of the text of a stream may be shown: separates the reasoning of the model
-- from its answer (`predibase.reasoning`), and looks for stop sequences in the answer
-- (`predibase.stop_sequences`).
-- @module predibase.stream.answer_filter

local M = {}

local Filter = {}
Filter.__index = Filter

--- Separates the text of a token. Returns the part of the answer that may be shown, and that of the
-- reasoning. A delta gets both in place of its text.
local function separate (self, token, text)
  local splitter = self.splitter
  if token.special and splitter:is_mark(token.text) then text = token.text end
  local answer, thoughts = splitter:feed(text)
  if not self.deltas then return answer, thoughts end
  if token.finish_reason then
    local rest, last = splitter:finish()
    answer, thoughts, self.split = answer .. rest, thoughts .. last, true
  end
  token.text = answer
  if thoughts ~= "" then token.reasoning = (token.reasoning or "") .. thoughts end
  return answer, thoughts
end

--- Processes a token. `shown` is then the text that may be shown, and `thoughts` the reasoning.
-- @tparam table token
-- @tparam string text its text, "" for a special token
-- @treturn string the text that belongs to the stream: what may be shown, or all of it if the
-- reasoning is separated
-- @treturn ?string the stop sequence at which the text ends
function Filter:take (token, text)
  local shown, thoughts, sequence = text, "", nil
  if self.splitter then shown, thoughts = separate(self, token, text) end
  if self.matcher then shown, sequence = self.matcher:feed(shown) end
  self.shown, self.thoughts = shown, thoughts
  if not self.splitter then return shown, sequence end
  if self.keeps then self.splitter.core:add(shown, thoughts) end
  return text, sequence
end

--- Ends the text. The first call sets `stopped` (the stop sequence at which the rest of the text
-- ended), `trimmed` (the sequence that was removed from its end) and `last_thoughts` (the reasoning
-- that was kept back).
-- @tparam ?string sequence the stop sequence at which the text has already ended
-- @treturn string the text that was kept back, because it might have been the beginning of a mark
-- or of a stop sequence
function Filter:finish (sequence)
  if self.tail then return self.tail end
  local matcher, tail, thoughts = self.matcher, "", ""
  if self.splitter and not self.split and not sequence then
    tail, thoughts = self.splitter:finish()
  end
  if matcher then
    if tail ~= "" then tail, sequence = matcher:feed(tail) end
    local rest, trimmed = matcher:finish()
    tail, self.trimmed = tail .. rest, trimmed
  end
  self.stopped = sequence
  if self.keeps then self.splitter.core:add(tail, thoughts) end
  self.tail, self.last_thoughts = tail, thoughts
  return tail
end

--- Returns the answer and the reasoning so far.
-- @treturn ?string the answer; nil when the reasoning is not separated
-- @treturn ?string the reasoning; nil when there is none
function Filter:parts ()
  if not self.keeps then return nil end
  local answer, thoughts = self.splitter.core:parts()
  return answer, thoughts ~= "" and thoughts or nil
end

--- Lets the source of the tokens take those on its fast path that do not end the text, and neither
-- begin nor end the reasoning. The rest go through `take`.
-- @tparam userdata source what `tokens` of an exchange returned
-- @treturn boolean false when all tokens have to go through `take`
function Filter:join (source)
  if self.deltas then return false end
  source:filter(self.splitter and self.splitter.core, self.matcher)
  return true
end

--- Returns what is known of the text of a stream that does not go on.
-- @tparam string text the text of the stream
-- @tparam boolean is_whole the text is that of the closing event
-- @treturn string the answer, or the text if the reasoning is not separated
-- @treturn ?string the reasoning; nil when there is none
function Filter:partial (text, is_whole)
  local held = not self.tail and self.matcher and self.matcher:rest() or ""
  local answer, thoughts = self:parts()
  if not answer then return is_whole and text or text .. held end
  if self.split or self.tail then return answer .. held, thoughts end
  local rest, last = self.splitter:finish()
  return answer .. held .. rest, last ~= "" and (thoughts or "") .. last or thoughts
end

--- Makes a filter for one stream.
-- @tparam ?table splitter of `predibase.reasoning`
-- @tparam ?table matcher of `predibase.stop_sequences`; one of both is not nil
-- @tparam ?boolean deltas the tokens are deltas of a chat
-- @tparam ?boolean forgets whether the text that was shown is not kept
-- @treturn table
function M.new (splitter, matcher, deltas, forgets)
  local keeps = splitter ~= nil and not forgets
  if keeps then splitter.core:keep() end
  return setmetatable({
    splitter = splitter, matcher = matcher, deltas = deltas,
    shown = "",            -- the text that the last token which went through `take` lets be shown
    thoughts = "",         -- the reasoning that it added
    split = false,         -- whether the splitter has returned all of its text
    keeps = keeps,         -- whether the splitter keeps the answer and the reasoning so far
    -- tail, stopped, trimmed, last_thoughts: set by `finish`
  }, Filter)
end

return M
