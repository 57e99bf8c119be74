-- SPDX-License-Identifier: MIT
--- Reads the JSON that LoRAX forces on a model when a request has tools.
--
-- The text of the model is then `{"function":{"_name":"no_tool","content":"…"}}` for an answer in
-- words, and `{"function":{"_name":"NAME", arguments…}}` for a call (LoRAX
-- `router/src/tool_grammar.rs`). In a stream LoRAX passes this text on as it is. This reader gets
-- it in pieces. It returns the words while they arrive, and the call at the end. A text that begins
-- otherwise is passed on unchanged.
-- @module predibase.forced_call

local json = require "predibase.json"

local M = {}

local Reader = {}
Reader.__index = Reader

--- Most bytes up to the end of the name. The form that is forced needs less than 100.
local MAX_HEAD = 1024

-- What precedes the name, character by character, with white space allowed between them.
local BEFORE_NAME = { "{", '"function"', ":", "{", '"_name"', ":", '"' }
local BEFORE_CONTENT = { ",", '"content"', ":", '"' }

--- Follows the beginning of a text through a list of parts, between which white space may stand.
-- Returns the position after them; or 0 when the text ends within them; or nil when the text is
-- different.
local function follow (text, at, parts)
  for _, part in ipairs(parts) do
    at = text:find("[^ \t\r\n]", at)
    if not at then return 0 end
    local here = text:sub(at, at + #part - 1)
    if here ~= part:sub(1, #here) then return nil end
    if #here < #part then return 0 end
    at = at + #part
  end
  return at
end

-- Each state is a method that takes what has arrived and returns the words in it. The method may
-- set the next state and call it with the rest.

local function pass_on (_, text)
  return text
end

local function ignore ()
  return ""
end

--- Collects the arguments of a call.
local function collect (self, text)
  self.parts[#self.parts + 1] = text
  return ""
end

-- The second half of a surrogate pair, character by character.
local SECOND_HALF = { "\\", "u", "[dD]", "[c-fC-F]", "%x", "%x" }

--- Returns the size of the escape at `place`: 12 for a surrogate pair, 0 when its end has not
-- arrived, nil when JSON has no such escape.
local function escape_size (text, place)
  local rest = text:sub(place + 1, place + 11)
  if rest == "" then return 0 end
  if rest:sub(1, 1) ~= "u" then return rest:find '^["\\/bfnrt]' and 2 or nil end
  local digits = rest:match "^u(%x?%x?%x?%x?)"
  if #digits < 4 then return #rest == #digits + 1 and 0 or nil end
  if not digits:find "^[dD][89abAB]" then return 6 end
  for i, class in ipairs(SECOND_HALF) do
    local character = rest:sub(5 + i, 5 + i)
    if character == "" then return 0 end
    if not character:find(class) then return 6 end
  end
  return 12
end

--- Reads a JSON string up to its end, to an escape that has not arrived, or to one that JSON does
-- not have. Returns the position of the last whole character, and "end", "cut" or "wrong".
local function follow_string (text)
  local at = 1
  while true do
    local place = text:find('["\\]', at)
    if not place then return #text, "cut" end
    if text:byte(place) == 34 then return place - 1, "end" end
    local size = escape_size(text, place)
    if size == 0 then return place - 1, "cut" end
    if not size then return place - 1, "wrong" end
    at = place + size
  end
end

--- Decodes the inner text of a JSON string.
local function decoded (text)
  return json.decode('["' .. text:gsub("%c", function (c)
    return ("\\u%04x"):format(c:byte())
  end) .. '"]')[1]
end

--- Decodes the words of `no_tool` as they arrive.
local function read_words (self, text)
  text = self.held .. text
  local whole, ending = follow_string(text)
  local words = decoded(text:sub(1, whole))
  self.held = ending == "cut" and text:sub(whole + 1) or ""
  if ending == "end" then self.complete, self.state = true, ignore end
  if ending == "wrong" then self.problem, self.state = "a string in it is not JSON", ignore end
  return words
end

local function before_words (self, text)
  self.held = self.held .. text
  local at = follow(self.held, 1, BEFORE_CONTENT)
  if at == 0 and #self.held <= MAX_HEAD then return "" end
  if not at or at == 0 then
    self.problem, self.state = "it has no `content`", ignore
    return ""
  end
  local rest = self.held:sub(at)
  self.held, self.state = "", read_words
  return read_words(self, rest)
end

local function before_name (self, text)
  self.held = self.held .. text
  local at = follow(self.held, 1, BEFORE_NAME)
  local quote = at and at > 0 and self.held:find('"', at, true)
  if not at or not quote and #self.held > MAX_HEAD then
    local all = self.held
    self.held, self.state, self.plain = "", pass_on, true
    return all
  end
  if not quote then return "" end
  self.name = self.held:sub(at, quote - 1)
  local rest = self.held:sub(quote + 1)
  self.held = ""
  self.state = self.name == "no_tool" and before_words or collect
  return self:state(rest)
end

--- Reads the next piece of the text.
-- @tparam string text
-- @treturn string the words in it, which may be empty
function Reader:feed (text)
  return self:state(text)
end

--- Returns the arguments of the call as JSON text, with their order kept; nil when the text was
-- cut or is not JSON.
local function arguments_of (self)
  local rest = table.concat(self.parts):match "^%s*,?(.*)}%s*$"
  if not rest then return nil end
  local text = "{" .. rest:match "^%s*(.-)%s*$"
  local value = json.decode(text)
  return type(value) == "table" and text or nil
end

--- Ends the text.
-- @treturn[1] string the last words: the whole text when it ended before its form was known
-- @treturn[1] ?table `{ name, arguments }` when the model called a tool; the arguments are JSON
-- text
-- @treturn[2] nil
-- @treturn[2] string what is wrong with the text
-- @treturn[2] boolean whether the text is cut off, rather than wrong
function Reader:finish ()
  if self.state == collect then
    local text = arguments_of(self)
    if text then return "", { name = self.name, arguments = text } end
    return nil, ("the model's call of %s is not complete"):format(self.name), true
  end
  if self.problem then
    return nil, "the model's answer does not have the form that the server forces: "
      .. self.problem, false
  end
  if self.plain or self.complete then return "" end
  if self.name then
    self.cut = true
    return ""
  end
  local held = self.held
  self.held = ""
  return held
end

--- Makes a reader.
-- @treturn table
function M.new ()
  return setmetatable({
    state = before_name,
    held = "",          -- what cannot be read yet
    parts = {},         -- the text of a call's arguments
    -- name: of the tool; plain: the text has another form; complete: the words have ended;
    -- problem: what is wrong; cut: the words ended without a quotation mark
  }, Reader)
end

return M
