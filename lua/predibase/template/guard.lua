-- SPDX-License-Identifier: MIT
--- Finds a format's special tokens in texts that must not have any, and takes their meaning away.
--
-- A tokenizer looks for special tokens letter by letter before it does anything else, so one space
-- inside is enough: `< |eot_id|>` is text. A space and nothing invisible, because it survives: no
-- tokenizer drops a single space between two letters, while some remove zero-width characters
-- before they look. What a format only writes as plain text (`[INST]`, `### Response:`, `USER:`) is
-- no token, and a model goes by its looks; it is found in upper and lower case.
-- @module predibase.template.guard

local errors = require "predibase.errors"
local python_strings = require "predibase.template.python_strings"
local utf8 = require "predibase.utf8"

local M = {}

--- How often texts are gone over: a space put inside one token can only complete another that has
-- a space there itself.
M.PASSES = 4

--- Bytes at the ends of a text that may belong to a token which what stands beside it completes:
-- more than any token of a family or any plain mark has.
M.REACH = 48

local find, sub, byte = string.find, string.sub, string.byte

local function escape(text)
  return (text:gsub("%W", "%%%0"))
end

--- A pattern that takes upper and lower case for the same.
local function folded(text)
  return (escape(text):gsub("%a", function (letter)
    return "[" .. letter:lower() .. letter:upper() .. "]"
  end))
end

-- A matcher takes a text that begins with a line end put there for it and a position, and gives the
-- first and the last byte of what it found and where the space goes.

--- Bytes as the inside of a set of a pattern; `%z` since a pattern of Lua 5.1 ends at a zero byte.
local function set_of(bytes)
  local list = {}
  for b in pairs(bytes) do list[#list + 1] = b == 0 and "%z" or escape(string.char(b)) end
  return "[" .. table.concat(list) .. "]"
end

--- One matcher for all tokens, since a tokenizer may have thousands: a tree of their bytes, which
-- is gone down from every place of the text that can begin one by its first two bytes.
local function any_of(tokens)
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
        node = node[byte(text, i) or 0.5]       -- no byte behind the end
        if node and node.inside then last, inside = i, node.inside end
        i = i + 1
      until not node
      if last then return first, last, first + inside end
      first = find(text, begins, first + 1)
    end
    return nil
  end
end

local function like(pattern, place)
  return function (text, from)
    local first, last, at = find(text, pattern, from)
    return first, last, first and (place or at or first + 1)
  end
end

--- What ends in a colon is parted in front of it, which reads best.
local function before_colon(pattern)
  return function (text, from)
    local first, last, at = find(text, pattern .. "():", from)
    return first, last, at
  end
end

--- A word with its colon, not as the end of a longer word. A plain search is the fastest.
local function speaker(name)
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

local function matchers_of(tokens, families, plain)
  local list, visible = {}, {}
  for _, token in ipairs(tokens) do
    -- Some tokenizers list line ends and runs of spaces; these break no turn.
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

--- The bytes that a special token begins or ends with, as a pattern; nil when there are none.
local function edges_of(tokens, families, plain)
  local set = {}
  local function add(word)
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

--- Iterates over what is found in a text, the leftmost first, of several the longest, none that
-- overlaps the one before. Each matcher looks on from where it found something last, so that the
-- whole costs one pass for each.
local function scan(matchers, text)
  local firsts, lasts, places = {}, {}, {}
  local function look(i, from)
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

local function refusal(token)
  return ("has the special token %s in its text; the option special_tokens_in_text = "
    .. '"neutralise" lets it pass as plain text'):format('"' .. errors.excerpt(token, 40) .. '"')
end

--- Makes a guard.
-- @tparam table tokens array of the special tokens
-- @tparam ?table families array of Lua patterns of further special tokens; they begin and end with
-- a literal character
-- @tparam ?table plain what the format writes as plain text: `tags` such as `[INST]`, `titles` such
-- as `Response` (of lines like `### Response:`), `speakers` such as `USER` (of `USER:`)
-- @treturn table `find(text)`, `admit(text, mode)`, `sequence(text)`, `suspicious(text)`,
-- `edges(text)`, `blank(text)`
function M.new(tokens, families, plain)
  families, plain = families or {}, plain or {}
  local matchers = matchers_of(tokens, families, plain)
  local edge = edges_of(tokens, families, plain)
  local reach = M.REACH
  for _, token in ipairs(tokens) do reach = math.max(reach, #token) end
  local guard = {}

  --- The first special token in a text, or nil.
  function guard.find(text)
    text = "\n" .. text
    local first, last = scan(matchers, text)()
    return first and sub(text, first, last):match("^[\r\n]?(.*)$")
  end

  --- The text with a space inside each special token; nil when that does not help.
  local function part(text)
    text = "\n" .. text
    for _ = 1, M.PASSES do
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

  --- The text as it may go in, or nil and what is wrong.
  function guard.admit(text, mode)
    local token = guard.find(text)
    if not token then return text end
    local parted = mode == "neutralise" and part(text)
    if parted then return parted end
    return nil, refusal(token)
  end

  --- All special tokens of a text as one string, for comparing two texts.
  function guard.sequence(text)
    text = "\n" .. text
    local out = {}
    for first, last in scan(matchers, text) do out[#out + 1] = sub(text, first, last) end
    return table.concat(out, "\0")
  end

  --- Whether a text has anything in it that special tokens begin or end with.
  function guard.suspicious(text)
    return edge ~= nil and find(text, edge) ~= nil
  end

  --- Whether a text can be a piece of a special token together with what is put in front of it or
  -- behind it, also when white space is taken off its ends first.
  function guard.edges(text)
    if not edge then return false end
    local core = python_strings.strip(text)
    return find(sub(core, 1, reach), edge) ~= nil or find(sub(core, -reach), edge) ~= nil
  end

  --- A text of the same kind that cannot.
  function guard.blank(text)
    return edge and (text:gsub(edge, "x")) or text
  end

  return guard
end

return M
