-- SPDX-License-Identifier: MIT
--- Client-side stop sequences: finds them in text that arrives in pieces, and holds back text that
-- may be the beginning of one.
--
-- There are two kinds. A sequence to stop at ends the text at the first place where one is
-- complete. If several are complete there, the longest counts. A sequence to trim is only removed
-- from the end of the whole text: LoRAX keeps the sequence at which it stopped in the text,
-- followed by at most one line end.
-- @module predibase.stop_sequences

local M = {}

local byte, find, sub = string.byte, string.find, string.sub

local Matcher = {}
Matcher.__index = Matcher

--- Makes an automaton that finds a sequence (Knuth, Morris and Pratt). `state` is the number of
-- bytes of the sequence that match the end of the text so far. `back` is the shorter state with
-- which to continue when the next byte does not match.
local function automaton (text, fields)
  local back, state = { 0 }, 0
  for i = 2, #text do
    while state > 0 and byte(text, state + 1) ~= byte(text, i) do state = back[state] end
    if byte(text, state + 1) == byte(text, i) then state = state + 1 end
    back[i] = state
  end
  fields.text, fields.back, fields.state, fields.size = text, back, 0, #text
  return fields
end

local function step (self, b)
  local state, text = self.state, self.text
  while state > 0 and (state == self.size or byte(text, state + 1) ~= b) do
    state = self.back[state]
  end
  if byte(text, state + 1) == b then state = state + 1 end
  self.state = state
  return state
end

--- Makes a pattern for the first bytes of all sequences.
local function beginnings (automata)
  local set, class = {}, {}
  for _, one in ipairs(automata) do set[sub(one.text, 1, 1)] = true end
  for char in pairs(set) do
    -- In Lua 5.1 a pattern must not contain a zero byte.
    class[#class + 1] = char == "\0" and "%z" or char:find("%w") and char or "%" .. char
  end
  return "[" .. table.concat(class) .. "]"
end

--- Reads a piece byte by byte, beginning where a sequence may begin. Returns the position at which
-- a sequence to stop at is complete, and its automaton, or nil.
local function walk (self, text)
  local automata, i = self.automata, 1
  while true do
    if not self.busy then
      i = find(text, self.class, i)
      if not i then return nil end
    end
    local b = byte(text, i)
    if not b then return nil end
    local hit, most = nil, 0
    for k = 1, #automata do
      local one = automata[k]
      local state = step(one, b)
      if state > most then most = state end
      if state == one.size and not one.trim and (not hit or state > hit.size) then hit = one end
    end
    self.busy, self.kept = most > 0, most
    if hit then return i, hit end
    i = i + 1
  end
end

--- Processes a piece of text.
-- @tparam string text
-- @treturn string the text that may be shown now, including text that was held back before
-- @treturn ?string the sequence that ended the text; every later piece returns ""
-- @treturn ?string the rest of the piece, after that sequence
function Matcher:feed (text)
  if self.stopped then return "", self.stopped, text end
  local at, hit = walk(self, text)
  local whole = self.held .. text
  if hit then
    local stop = #self.held + at
    self.held, self.stopped = "", hit.text
    return sub(whole, 1, stop - hit.size), hit.text, sub(text, at + 1)
  end
  local kept = self.busy and self.kept or 0
  self.held = sub(whole, #whole - kept + 1)
  return sub(whole, 1, #whole - kept)
end

--- Returns the text that is still held back at the end of the text, without a sequence to trim.
-- Does not change the matcher.
-- @treturn string
-- @treturn ?string the sequence that was removed
function Matcher:finish ()
  local held, most, trimmed = self.held, 0, nil
  for _, one in ipairs(self.automata) do
    if one.trim and self.busy and one.state >= #one.trim and one.state > most then
      most, trimmed = one.state, one.trim
    end
  end
  return sub(held, 1, #held - most), trimmed
end

--- Returns the text that is held back now.
-- @treturn string
function Matcher:rest ()
  return self.held
end

--- Makes a matcher for one text.
-- @tparam ?table stop array of the sequences to stop at, none of them empty
-- @tparam ?table trim array of the sequences to remove from the end; empty ones are skipped
-- @treturn ?table nil when there are no sequences
function M.new (stop, trim)
  if not stop and not trim then return nil end      -- the usual case
  local automata = {}
  for _, text in ipairs(stop or {}) do automata[#automata + 1] = automaton(text, {}) end
  for _, text in ipairs(trim or {}) do
    if text ~= "" then automata[#automata + 1] = automaton(text .. "\n", { trim = text }) end
  end
  if #automata == 0 then return nil end
  return setmetatable({
    automata = automata,
    class = beginnings(automata),
    busy = false,        -- whether the text ends with the beginning of a sequence
    kept = 0,            -- length of the longest such beginning
    held = "",           -- the text that is held back
    stopped = nil,       -- the sequence that ended the text
  }, Matcher)
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
