-- SPDX-License-Identifier: MIT
--- Matches the regular expressions of the schema keyword `pattern` (JSON Schema 2020-12, core
-- section 6.4, which refers to ECMA-262).
--
-- A pattern becomes a list of states that are followed side by side for each character, so a match
-- takes time in proportion to the states and the characters, whatever the pattern. It reads
-- alternatives, groups, classes, `. \d \w \s \D \W \S`, `* + ? {n} {n,} {n,m}`, `^ $ \b \B` and
-- escaped characters; the classes know ASCII only, as those of the server do. It cannot read
-- lookaround, references to groups, flags and `\p`.
-- @module predibase.validator.pattern

local utf8 = require "predibase.utf8"

local M = {}

--- Most states of a pattern. `{n}` multiplies the states of what it repeats.
M.MAX_STATES = 10000

--- Deepest nesting of groups, which are read by recursion.
M.MAX_DEPTH = 100

local byte, sub, find = string.byte, string.sub, string.find

-- What a match does with a state. SET reads a character.
local SET, SPLIT, JUMP, ASSERT, FOUND = 1, 2, 3, 4, 5

--- The number that `utf8` never gives: the end of the text.
local NO_CHARACTER = -1

--- What stands for a byte that is not UTF-8 (U+FFFD).
local REPLACEMENT = 0xFFFD

--- Stops the reading of a pattern with a reason.
local function unreadable (reason)
  error({ reason = reason }, 0)
end

-- Sets of characters: `{ first, last, first, last, … }` with `negated`.

local function ranges (...) return { ... } end

local DIGITS = ranges(48, 57)
local WORDS = ranges(48, 57, 65, 90, 95, 95, 97, 122)
local SPACES = ranges(9, 13, 32, 32)
local LINE_ENDS = ranges(10, 10, 13, 13, 0x2028, 0x2029)
local CLASSES = { d = DIGITS, w = WORDS, s = SPACES }
local CONTROLS = { t = 9, n = 10, v = 11, f = 12, r = 13 }

local function contains (set, code)
  local inside = false
  for i = 1, #set, 2 do
    if code >= set[i] and code <= set[i + 1] then
      inside = true
      break
    end
  end
  return inside ~= (set.negated or false)
end

--- Returns the characters that are not in a set of ranges, as ranges.
local function complement (set)
  local out, from = {}, 0
  for i = 1, #set, 2 do           -- the sets above are in ascending order
    if set[i] > from then out[#out + 1], out[#out + 2] = from, set[i] - 1 end
    from = set[i + 1] + 1
  end
  out[#out + 1], out[#out + 2] = from, 0x10FFFF
  return out
end

--- Returns the code of the character at a position, and the position after it.
local function character (text, at)
  local a = byte(text, at)
  if not a then return NO_CHARACTER, at end
  if a < 0x80 then return a, at + 1 end
  local size = utf8.size(text, at)
  if not size then return REPLACEMENT, at + 1 end
  local code = size == 2 and a % 0x20 or size == 3 and a % 0x10 or a % 8
  for i = at + 1, at + size - 1 do code = code * 64 + byte(text, i) % 64 end
  return code, at + size
end

-- Reading. Each function gets the state `{ text, at, depth }` and returns a node: `{ kind, … }`.

local read_choices

--- Reads four or two hexadecimal digits at the position.
local function hexadecimal (state, count)
  local digits = sub(state.text, state.at, state.at + count - 1)
  if #digits < count or find(digits, "%X") then unreadable "a \\x or \\u without its digits" end
  state.at = state.at + count
  return tonumber(digits, 16)
end

local function unicode_escape (state)
  local code = hexadecimal(state, 4)
  if code < 0xD800 or code > 0xDBFF then return code end
  local low = state.text:match("^\\u([dD][c-fC-F]%x%x)", state.at)
  if not low then unreadable "half of a surrogate pair" end
  state.at = state.at + 6
  return 0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00
end

--- Reads what follows a backslash. Returns a code, or nil and a set.
local function escape (state)
  local char = sub(state.text, state.at, state.at)
  state.at = state.at + 1
  if CLASSES[char] then return nil, CLASSES[char] end
  if CLASSES[char:lower()] then return nil, complement(CLASSES[char:lower()]) end
  if CONTROLS[char] then return CONTROLS[char] end
  if char == "x" then return hexadecimal(state, 2) end
  if char == "u" then return unicode_escape(state) end
  if char == "0" and not find(state.text, "^%d", state.at) then return 0 end
  if char == "" or find(char, "[%w\128-\255]") then unreadable("the escape \\" .. char) end
  return byte(char)
end

--- Reads one character or class of a `[…]`. Returns a code, or nil and a set.
local function class_item (state)
  local code
  code, state.at = character(state.text, state.at)
  if code == NO_CHARACTER then unreadable "a class without its ]" end
  if code ~= 92 then return code end
  if sub(state.text, state.at, state.at) == "b" then
    state.at = state.at + 1
    return 8                                            -- a backspace
  end
  return escape(state)
end

local function add (set, first, last)
  set[#set + 1], set[#set + 2] = first, last
end

--- Reads a class; the position is after its `[`.
local function read_class (state)
  local set = {}
  if sub(state.text, state.at, state.at) == "^" then
    set.negated, state.at = true, state.at + 1
  end
  -- In ECMA-262 the class is empty, in Python it contains the bracket.
  if sub(state.text, state.at, state.at) == "]" then unreadable "a class that begins with ]" end
  repeat
    local first, class = class_item(state)
    local is_range = find(state.text, "^%-[^%]]", state.at)
    if class then
      if is_range then unreadable "a range that begins with a class" end
      for i = 1, #class do set[#set + 1] = class[i] end
    elseif is_range then
      state.at = state.at + 1
      local last = class_item(state)
      if not last or last < first then unreadable "a range without an end" end
      add(set, first, last)
    else
      add(set, first, first)
    end
  until sub(state.text, state.at, state.at) == "]"
  state.at = state.at + 1
  return { kind = "set", set = set }
end

--- Reads a group; the position is after its `(`.
local function read_group (state)
  local after = state.text:match("^%?:()", state.at)
    or state.text:match("^%?P?<[%a_][%w_]*>()", state.at)
  if not after and sub(state.text, state.at, state.at) == "?" then
    unreadable "a group that begins with (?"
  end
  state.at, state.depth = after or state.at, state.depth + 1
  if state.depth > M.MAX_DEPTH then unreadable "too many groups inside each other" end
  local node = read_choices(state)
  if sub(state.text, state.at, state.at) ~= ")" then unreadable "a group without its )" end
  state.at, state.depth = state.at + 1, state.depth - 1
  return node
end

local ASSERTIONS = { ["^"] = "first", ["$"] = "last" }
local BOUNDARIES = { b = "boundary", B = "inside" }

--- Reads one character, class, group or assertion.
local function read_atom (state)
  local char = sub(state.text, state.at, state.at)
  if find(char, "[*+?]") then unreadable "a repetition of nothing" end
  if char == "(" or char == "[" then
    state.at = state.at + 1
    return (char == "(" and read_group or read_class)(state)
  elseif ASSERTIONS[char] then
    state.at = state.at + 1
    return { kind = "assert", what = ASSERTIONS[char] }
  elseif char == "." then
    state.at = state.at + 1
    return { kind = "set", set = complement(LINE_ENDS) }
  elseif char == "\\" then
    state.at = state.at + 1
    local what = BOUNDARIES[sub(state.text, state.at, state.at)]
    if what then
      state.at = state.at + 1
      return { kind = "assert", what = what }
    end
    local code, set = escape(state)
    return { kind = "set", set = set or { code, code } }
  end
  local code
  code, state.at = character(state.text, state.at)
  return { kind = "set", set = { code, code } }
end

--- Reads the quantifier at the position. Returns its limits, or nil when there is none.
local function quantifier (state)
  local char = sub(state.text, state.at, state.at)
  if char == "*" then return 0, math.huge, state.at + 1 end
  if char == "+" then return 1, math.huge, state.at + 1 end
  if char == "?" then return 0, 1, state.at + 1 end
  if char ~= "{" then return nil end
  local least, most, after = state.text:match("^{(%d+)(,?%d*)}()", state.at)
  if not least then
    -- Python reads {,n} as {0,n}, ECMA-262 as these characters.
    if find(state.text, "^{,%d+}", state.at) then unreadable "{,n}" end
    return nil
  end
  least = tonumber(least)
  most = most == "" and least or most == "," and math.huge or tonumber(most:sub(2))
  if most < least then unreadable "a repetition whose limits are in the wrong order" end
  return least, most, after
end

--- Reads an atom with its quantifier.
local function read_repeated (state)
  local node = read_atom(state)
  local least, most, after = quantifier(state)
  if not least then return node end
  if node.kind == "assert" then unreadable "a repetition of nothing" end
  if find(state.text, "^%?", after) then after = after + 1 end     -- the lazy form matches the same
  state.at = after
  if quantifier(state) then unreadable "a repetition of a repetition" end
  return { kind = "repeat", node, least = least, most = most }
end

--- Reads alternatives up to a `)` or the end.
function read_choices (state)
  local choices, row = { kind = "choice" }, { kind = "row" }
  choices[1] = row
  while true do
    local char = sub(state.text, state.at, state.at)
    if char == "" or char == ")" then return choices end
    if char == "|" then
      state.at, row = state.at + 1, { kind = "row" }
      choices[#choices + 1] = row
    else
      row[#row + 1] = read_repeated(state)
    end
  end
end

-- Writing states: `{ what, next, other }`, or `{ SET, set }`, whose next is the one behind it.

local emit

local function push (states, state)
  if #states >= M.MAX_STATES then unreadable "more states than this library follows" end
  states[#states + 1] = state
  return state
end

local function emit_choice (states, node)
  local jumps = {}
  for i = 1, #node - 1 do
    local split = push(states, { SPLIT, #states + 2 })
    emit(states, node[i])
    jumps[i] = push(states, { JUMP })
    split[3] = #states + 1
  end
  emit(states, node[#node])
  for i = 1, #jumps do jumps[i][2] = #states + 1 end
end

local function emit_repeat (states, node)
  for _ = 1, node.least do
    local before = #states
    emit(states, node[1])
    if #states == before then return end        -- nothing, as often as one likes
  end
  if node.most == math.huge then
    local split = push(states, { SPLIT, #states + 2 })
    local here = #states
    emit(states, node[1])
    push(states, { JUMP, here })
    split[3] = #states + 1
    return
  end
  local splits = {}
  for i = 1, node.most - node.least do
    splits[i] = push(states, { SPLIT, #states + 2 })
    emit(states, node[1])
  end
  for i = 1, #splits do splits[i][3] = #states + 1 end
end

function emit (states, node)
  if node.kind == "set" then
    push(states, { SET, node.set })
  elseif node.kind == "assert" then
    push(states, { ASSERT, node.what })
  elseif node.kind == "row" then
    for i = 1, #node do emit(states, node[i]) end
  elseif node.kind == "choice" then
    emit_choice(states, node)
  else
    emit_repeat(states, node)
  end
end

local function compile (text)
  local state = { text = text, at = 1, depth = 0 }
  local node = read_choices(state)
  if state.at <= #text then unreadable "a ) without its group" end
  local states = {}
  emit(states, node)
  push(states, { FOUND })
  return states
end

--- Reads a pattern.
-- @tparam string text
-- @treturn[1] table the pattern, for `matches`
-- @treturn[2] nil it has a part that this module cannot read
-- @treturn[2] string which
function M.new (text)
  local ok, made = pcall(compile, text)
  if ok then return made end
  if type(made) ~= "table" then error(made, 0) end
  return nil, made.reason
end

-- Matching.

local function is_word (code)
  return code ~= NO_CHARACTER and contains(WORDS, code)
end

local function holds (what, before, after)
  if what == "first" then return before == NO_CHARACTER end
  if what == "last" then return after == NO_CHARACTER end
  return (is_word(before) ~= is_word(after)) == (what == "boundary")
end

--- Adds a state, and those that follow it without a character, to a list. Returns true when one of
-- them is the end of the pattern. `marks` tells at which position a state was added last.
local function follow (run, list, first)
  local states, marks, open = run.states, run.marks, { first }
  while #open > 0 do
    local number = open[#open]
    open[#open] = nil
    local state = states[number]
    local what = state[1]
    if marks[number] ~= run.at then
      marks[number], run.work = run.at, run.work + 1
      if what == FOUND then return true end
      if what == SET then
        list[#list + 1] = number
      elseif what == SPLIT then
        open[#open + 1], open[#open + 2] = state[3], state[2]
      elseif what == JUMP then
        open[#open + 1] = state[2]
      elseif holds(state[2], run.before, run.after) then
        open[#open + 1] = number + 1
      end
    end
  end
  return false
end

--- Tells whether a pattern occurs in a text.
-- @tparam table states as `new` returned it
-- @tparam string text UTF-8
-- @tparam number limit the most steps to take
-- @treturn ?boolean nil when the limit was reached
-- @treturn number the steps that were taken
function M.matches (states, text, limit)
  local run = { states = states, marks = {}, at = 1, work = 0, before = NO_CHARACTER }
  local after_next
  run.after, after_next = character(text, 1)
  local list = {}
  while true do
    if follow(run, list, 1) then return true, run.work end
    if run.after == NO_CHARACTER then return false, run.work end
    if run.work > limit then return nil, run.work end
    local code, nexts = run.after, {}
    run.before, run.at = code, after_next
    run.after, after_next = character(text, after_next)
    for i = 1, #list do
      local number = list[i]
      run.work = run.work + 1
      if contains(states[number][2], code) and follow(run, nexts, number + 1) then
        return true, run.work
      end
    end
    list = nexts
  end
end

return M
