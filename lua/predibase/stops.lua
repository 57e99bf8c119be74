-- SPDX-License-Identifier: MIT
--- Stop sequences on the client's side: finds them in text that comes in pieces, however it is
-- cut, and keeps back what may be the beginning of one.
--
-- There are two kinds. A sequence to stop at ends the text where it first comes to an end; of
-- several that end there, the longest counts. One to trim is only taken off the very end: LoRAX
-- leaves the sequence in the text that it stopped at, with a line end behind it at most.
-- @module predibase.stops

local M = {}

local byte, find, sub = string.byte, string.find, string.sub

local Matcher = {}
Matcher.__index = Matcher

--- A sequence as an automaton (Knuth, Morris and Pratt): `state` says how many of its bytes are the
-- last ones that were read, `back` from which shorter state to go on when the next does not fit.
local function automaton(text, fields)
  local back, state = { 0 }, 0
  for i = 2, #text do
    while state > 0 and byte(text, state + 1) ~= byte(text, i) do state = back[state] end
    if byte(text, state + 1) == byte(text, i) then state = state + 1 end
    back[i] = state
  end
  fields.text, fields.back, fields.state, fields.size = text, back, 0, #text
  return fields
end

local function step(self, b)
  local state, text = self.state, self.text
  while state > 0 and (state == self.size or byte(text, state + 1) ~= b) do
    state = self.back[state]
  end
  if byte(text, state + 1) == b then state = state + 1 end
  self.state = state
  return state
end

--- A pattern for the bytes that a sequence can begin with.
local function beginnings(automata)
  local set, class = {}, {}
  for _, one in ipairs(automata) do set[sub(one.text, 1, 1)] = true end
  for char in pairs(set) do
    -- In Lua 5.1 a pattern ends at a zero byte.
    class[#class + 1] = char == "\0" and "%z" or char:find("%w") and char or "%" .. char
  end
  return "[" .. table.concat(class) .. "]"
end

--- Reads a piece byte by byte from the first one that matters. Returns where a sequence to stop at
-- came to an end, and which, or nil.
local function walk(self, text)
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

--- Takes a piece of text.
-- @tparam string text
-- @treturn string what may be shown now, with what was kept back before
-- @treturn ?string the sequence that ended the text; from there on every piece gives ""
function Matcher:feed(text)
  if self.stopped then return "", self.stopped end
  local at, hit = walk(self, text)
  local whole = self.held .. text
  if hit then
    local stop = #self.held + at
    self.held, self.stopped = "", hit.text
    return sub(whole, 1, stop - hit.size), hit.text
  end
  local kept = self.busy and self.kept or 0
  self.held = sub(whole, #whole - kept + 1)
  return sub(whole, 1, #whole - kept)
end

--- At the end of the text: what was kept back and is text after all. Changes nothing.
-- @treturn string
-- @treturn ?string the sequence that was taken off the end
function Matcher:finish()
  local held, most, trimmed = self.held, 0, nil
  for _, one in ipairs(self.automata) do
    if one.trim and self.busy and one.state >= #one.trim and one.state > most then
      most, trimmed = one.state, one.trim
    end
  end
  return sub(held, 1, #held - most), trimmed
end

--- What is kept back now, as it is.
-- @treturn string
function Matcher:rest()
  return self.held
end

--- Makes a matcher for one text.
-- @tparam ?table stop array of the sequences to stop at, none of them empty
-- @tparam ?table trim array of the sequences to take off the end; empty ones are skipped
-- @treturn ?table nil when there is nothing to look for
function M.new(stop, trim)
  if not stop and not trim then return nil end      -- of nearly every call
  local automata = {}
  for _, text in ipairs(stop or {}) do automata[#automata + 1] = automaton(text, {}) end
  for _, text in ipairs(trim or {}) do
    if text ~= "" then automata[#automata + 1] = automaton(text .. "\n", { trim = text }) end
  end
  if #automata == 0 then return nil end
  return setmetatable({
    automata = automata,
    class = beginnings(automata),
    busy = false,        -- some sequence may have begun
    kept = 0,            -- with so many bytes
    held = "",           -- these bytes
    stopped = nil,       -- the sequence that ended the text
  }, Matcher)
end

--- A whole text without what the sequences cut off.
-- @tparam string text
-- @tparam ?table stop see `new`
-- @tparam ?table trim see `new`
-- @treturn string
-- @treturn ?string the sequence that was found
-- @treturn ?string `"stop"` or `"trim"`, its kind
function M.cut(text, stop, trim)
  local matcher = M.new(stop, trim)
  if not matcher then return text end
  local shown, found = matcher:feed(text)
  if found then return shown, found, "stop" end
  local rest
  rest, found = matcher:finish()
  return shown .. rest, found, found and "trim"
end

return M
