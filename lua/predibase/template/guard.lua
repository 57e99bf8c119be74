-- SPDX-License-Identifier: MIT
--- Finds a format's special tokens in texts that must not contain any, and neutralises them.
--
-- A tokenizer looks for special tokens letter by letter before it does anything else, so one space
-- inside is enough: `< |eot_id|>` is plain text. A zero-width character would not do, because some
-- tokenizers remove those first; none removes a single space between two letters. Marks that a
-- format writes as plain text (`[INST]`, `### Response:`, `USER:`) are not tokens, but the model
-- reacts to them in upper and lower case, so they are found in both.
-- @module predibase.template.guard

local errors = require "predibase.errors"
local strings = require "predibase.python_strings"
local utf8 = require "predibase.utf8"

local M = {}

-- Number of passes over a text: a space inside one token can complete another token that contains a
-- space.
local PASSES = 4

-- Bytes at each end of a text that can be part of a token which the neighbouring text completes:
-- more than the length of any token of a family or plain mark.
local REACH = 48

local find, sub, byte = string.find, string.sub, string.byte

local function escape (text)
  return (text:gsub("%W", "%%%0"))
end

--- Returns a pattern that ignores case.
local function folded (text)
  return (escape(text):gsub("%a", function (letter)
    return "[" .. letter:lower() .. letter:upper() .. "]"
  end))
end

-- A matcher is a function that takes a text, in front of which a line end was added, and a
-- position. It returns the first and the last byte of a match, and the position at which to insert
-- the space.

--- Returns a pattern for a set of bytes; `%z` because a pattern of Lua 5.1 ends at a zero byte.
local function set_of (bytes)
  local list = {}
  for b in pairs(bytes) do list[#list + 1] = b == 0 and "%z" or escape(string.char(b)) end
  return "[" .. table.concat(list) .. "]"
end

--- Makes one matcher for all tokens, of which a tokenizer may have thousands. It searches a tree of
-- their bytes, from every place in the text where the first two bytes of a token are.
local function any_of (tokens)
  local root, second, single = {}, {}, false
  for _, token in ipairs(tokens) do
    local node = root
    if #token > 1 then second[byte(token, 2)] = true else single = true end
    for i = 1, #token do
      local b = byte(token, i)
      node[b] = node[b] or {}
      node = node[b]
    end
    node.inside = utf8.size(token, 1) or 1
  end
  local begins = set_of(root) .. (single and "" or set_of(second))
  return function (text, from)
    local first = find(text, begins, from)
    while first do
      local node, i, last, inside = root, first, nil, nil
      repeat
        node = node[byte(text, i) or 0.5]       -- past the end: 0.5 is in no node
        if node and node.inside then last, inside = i, node.inside end
        i = i + 1
      until not node
      if last then return first, last, first + inside end
      first = find(text, begins, first + 1)
    end
    return nil
  end
end

local function like (pattern, place)
  return function (text, from)
    local first, last, at = find(text, pattern, from)
    return first, last, first and (place or at or first + 1)
  end
end

--- Makes a matcher that puts the space in front of the colon at the end, where it changes the look
-- of the text least.
local function before_colon (pattern)
  return function (text, from)
    local first, last, at = find(text, pattern .. "():", from)
    return first, last, at
  end
end

--- Makes a matcher for a word with a colon that is not the end of a longer word. It uses a plain
-- search, which is the fastest.
local function speaker (name)
  local marked = name .. ":"
  return function (text, from)
    local first, last = find(text, marked, from, true)
    while first and find(text, "^%w", first - 1) do
      first, last = find(text, marked, last + 1, true)
    end
    return first, last, last
  end
end

local PLAIN = {
  tags = function (tag) return { like(folded(tag)) } end,
  titles = function (title) return { before_colon("[\r\n][ \t]*#+[ \t]*" .. folded(title)) } end,
  speakers = function (name)
    return { speaker(name), before_colon("[\r\n][ \t]*" .. folded(name)) }
  end,
}

local function matchers_of (tokens, families, plain)
  local list, visible = {}, {}
  for _, token in ipairs(tokens) do
    -- Some tokenizers list line ends and runs of spaces; these cannot end a turn.
    if find(token, "%S") then visible[#visible + 1] = token end
  end
  if visible[1] then list[1] = any_of(visible) end
  for _, pattern in ipairs(families) do list[#list + 1] = like(pattern) end
  for kind, words in pairs(plain) do
    for _, word in ipairs(words) do
      for _, matcher in ipairs(PLAIN[kind](word)) do list[#list + 1] = matcher end
    end
  end
  return list
end

--- Returns a pattern for the bytes that special tokens begin or end with; nil if there are none.
local function edges_of (tokens, families, plain)
  local set = {}
  local function add (word)
    for _, b in ipairs { byte(word, 1), byte(word, -1) } do
      if b and b > 32 and b < 127 then set[string.char(b)] = true end
    end
  end
  for _, token in ipairs(tokens) do add(token) end
  for _, pattern in ipairs(families) do add(pattern) end
  for kind, words in pairs(plain) do
    for _, word in ipairs(words) do add(kind == "tags" and word or "#:") end
  end
  local class = ""
  for char in pairs(set) do class = class .. "%" .. char end
  return class ~= "" and "[" .. class:gsub("%%(%w)", "%1") .. "]" or nil
end

--- Iterates over the matches in a text from left to right, without overlaps. Of several matches at
-- one position, the longest is taken. Each matcher passes over the text only once.
local function scan (matchers, text)
  local firsts, lasts, places = {}, {}, {}
  local function look (i, from)
    firsts[i], lasts[i], places[i] = matchers[i](text, from)
  end
  for i = 1, #matchers do look(i, 1) end
  local from = 1
  return function ()
    local best
    for i = 1, #matchers do
      if firsts[i] and firsts[i] < from then look(i, from) end
      if firsts[i] and (not best or firsts[i] < firsts[best]
        or (firsts[i] == firsts[best] and lasts[i] > lasts[best]))
      then
        best = i
      end
    end
    if not best then return nil end
    from = lasts[best] + 1
    return firsts[best], lasts[best], places[best]
  end
end

local function refusal (token)
  return ("has the special token %s in its text; the option special_tokens_in_text = "
    .. '"neutralise" lets it pass as plain text'):format('"' .. errors.excerpt(token, 40) .. '"')
end

--- Returns the first special token in a text, or nil.
local function find_first (matchers, text)
  text = "\n" .. text
  local first, last = scan(matchers, text)()
  return first and sub(text, first, last):match("^[\r\n]?(.*)$")
end

--- Returns the text with a space inside each special token; nil when it then still contains one.
local function neutralised (matchers, text)
  text = "\n" .. text
  for _ = 1, PASSES do
    local out, from = {}, 1
    for _, _, place in scan(matchers, text) do
      out[#out + 1] = sub(text, from, place - 1) .. " "
      from = place
    end
    if from == 1 then return sub(text, 2) end
    out[#out + 1] = sub(text, from)
    text = table.concat(out)
  end
  return nil
end

--- Makes a guard, a table of functions:
--
-- * `find(text)` returns the first special token, or nil;
-- * `admit(text, mode)` returns the text as it may be inserted, or nil and what is wrong;
-- * `sequence(text)` returns all special tokens as one string, for comparing two texts;
-- * `suspicious(text)` tells whether a text contains a byte that special tokens begin or end with;
-- * `edges(text)` tells whether a text can form a special token together with the text before or
--   after it, also when white space is removed from its ends;
-- * `blank(text)` returns the text with `x` in place of the bytes that special tokens begin or end
--   with.
-- @tparam table tokens array of the special tokens
-- @tparam ?table families array of Lua patterns of further special tokens; each begins and ends
-- with a literal character
-- @tparam ?table plain the marks that the format writes as plain text: `tags` such as `[INST]`,
-- `titles` such as `Response` (of lines like `### Response:`), `speakers` such as `USER` (of
-- `USER:`)
-- @treturn table
function M.new (tokens, families, plain)
  families, plain = families or {}, plain or {}
  local matchers = matchers_of(tokens, families, plain)
  local edge = edges_of(tokens, families, plain)
  local reach = REACH
  for _, token in ipairs(tokens) do reach = math.max(reach, #token) end
  local guard = {}

  function guard.find (text) return find_first(matchers, text) end

  function guard.admit (text, mode)
    local token = find_first(matchers, text)
    if not token then return text end
    local made = mode == "neutralise" and neutralised(matchers, text)
    if made then return made end
    return nil, refusal(token)
  end

  function guard.sequence (text)
    text = "\n" .. text
    local out = {}
    for first, last in scan(matchers, text) do out[#out + 1] = sub(text, first, last) end
    return table.concat(out, "\0")
  end

  function guard.suspicious (text)
    return edge ~= nil and find(text, edge) ~= nil
  end

  function guard.edges (text)
    if not edge then return false end
    local core = strings.strip(text)
    return find(sub(core, 1, reach), edge) ~= nil or find(sub(core, -reach), edge) ~= nil
  end

  function guard.blank (text)
    return edge and (text:gsub(edge, "x")) or text
  end

  return guard
end

return M
