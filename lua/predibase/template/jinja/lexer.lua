-- SPDX-License-Identifier: MIT
--- Cuts a template into tokens and hands them to the parser.
--
-- White space beside tags is removed as `transformers` configures Jinja: `-` removes all of it,
-- `trim_blocks` removes the line end after a block, and `lstrip_blocks` removes the blanks in
-- front of a block on its line.
-- @module predibase.template.jinja.lexer

local runtime = require "predibase.template.jinja.runtime"
local strings = require "predibase.python_strings"

local M = {}

local raise = runtime.raise

local OPERATORS = {}
for operator in ("== != >= <= // ** + - / * % ~ [ ] ( ) { } > < = . : | , ;"):gmatch("%S+") do
  OPERATORS[operator] = true
end

local CLOSES = { [")"] = "(", ["]"] = "[", ["}"] = "{" }
local OPENS = { ["("] = ")", ["["] = "]", ["{"] = "}" }

local ESCAPES = { a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v",
  ["\\"] = "\\", ["'"] = "'", ['"'] = '"', ["\n"] = "" }

local HEX = { x = 2, u = 4, U = 8 }

--- Replaces the escapes of Python in the text between two quotes.
local function unescaped (body, line)
  if not body:find("\\", 1, true) then return body end
  local out, from = {}, 1
  while true do
    local at = body:find("\\", from, true)
    if not at then break end
    out[#out + 1] = body:sub(from, at - 1)
    local letter = body:sub(at + 1, at + 1)
    from = at + 2
    if HEX[letter] then
      local digits = body:sub(from, from + HEX[letter] - 1)
      local code = #digits == HEX[letter] and digits:find("^%x+$") and tonumber(digits, 16)
      if not code or code > 0x10FFFF then raise("a broken escape \\" .. letter, line) end
      out[#out + 1] = strings.utf8(code)
      from = from + #digits
    elseif letter:find("[N0-7]") then
      raise(("the escape \\%s is not supported; write \\u and four hexadecimal digits"):format(
        letter), line)
    else
      out[#out + 1] = ESCAPES[letter] or "\\" .. letter
    end
  end
  out[#out + 1] = body:sub(from)
  return table.concat(out)
end

--- Reads the string literal at `i`; returns its last byte and its value.
local function string_at (source, i, line)
  local quote = source:sub(i, i)
  local at = i + 1
  while true do
    at = source:find("[\\" .. quote .. "]", at)
    if not at then raise("a string without its closing quote", line) end
    if source:sub(at, at) == quote then break end
    at = at + 2
  end
  return at, unescaped(source:sub(i + 1, at - 1), line)
end

--- Reads the number at `i`; returns its last byte, its type and its value.
local function number_at (source, i, line)
  local whole, fraction = source:match("^(%d+)(%.?%d*)", i)
  if not fraction:find("%d") then fraction = "" end
  local exponent = source:match("^[eE][+-]?%d+", i + #whole + #fraction) or ""
  local last = i + #whole + #fraction + #exponent - 1
  if source:find("^_?%w", last + 1) or whole:find("^0+[1-9]") and fraction .. exponent == "" then
    raise("a number that is not written in decimal digits is not supported", line)
  end
  local value = tonumber(whole .. fraction .. exponent)
  if fraction .. exponent ~= "" then return last, "float", value end
  if value > runtime.INTEGER then raise("an integer beyond 2^53, which is not supported", line) end
  return last, "integer", value
end

--- Reads an operator; `stack` holds the brackets that are open.
local function operator_at (source, i, line, stack)
  local two, one = source:sub(i, i + 1), source:sub(i, i)
  local operator = OPERATORS[two] and two or OPERATORS[one] and one
  if not operator then raise(("unexpected character '%s'"):format(one), line) end
  if OPENS[operator] then
    stack[#stack + 1] = operator
  elseif CLOSES[operator] then
    if stack[#stack] ~= CLOSES[operator] then raise(("unexpected '%s'"):format(operator), line) end
    stack[#stack] = nil
  end
  return i + #operator - 1, operator
end

local function line_ends (text)
  local _, n = text:gsub("\n", "")
  return n
end

--- Appends the tokens of a tag to `out`; `i` is the byte after its opening braces. Returns the
-- position of its closing braces, or of the sign in front of them, and the line there.
local function read_tag (source, i, line, closing, out)
  local stack = {}
  while true do
    local first, last = source:find("^[ \t\n\v\f\r]+", i)
    if first then i, line = last + 1, line + line_ends(source:sub(first, last)) end
    local char = source:sub(i, i)
    if char == "" then
      raise(("unexpected end of template, looking for '%s'"):format(closing), line)
    end
    if #stack == 0 then
      local sign = char == "-" or (char == "+" and closing == "%}")
      if source:sub(i, i + 1) == closing or (sign and source:sub(i + 1, i + 2) == closing) then
        return i, line
      end
    end
    local token = { line = line }
    if char:find("%d") then
      last, token.type, token.value = number_at(source, i, line)
    elseif char:find("[%a_\128-\255]") then
      last = source:match("^[%w_\128-\255]+()", i) - 1
      token.type, token.value = "name", source:sub(i, last)
    elseif char == "'" or char == '"' then
      token.type = "string"
      last, token.value = string_at(source, i, line)
      line = line + line_ends(source:sub(i, last))
    else
      last, token.value = operator_at(source, i, line, stack)
      token.type = token.value
    end
    out[#out + 1] = token
    i = last + 1
  end
end

--- Removes from the text in front of a tag what the tag's sign removes. `block` is false for `{{`.
local function stripped (text, sign, block, at_start)
  if sign == "-" then return strings.rstrip(text) end
  if sign == "+" or not block then return text end
  local last = text:match(".*()\n")
  if not last and not at_start then return text end
  local line = text:sub((last or 0) + 1)
  if line ~= "" and strings.lstrip(line) == "" then return text:sub(1, last or 0) end
  return text
end

local CLOSING = { ["{"] = "}}", ["%"] = "%}", ["#"] = "#}" }

--- Returns the position at which the text continues after the closing braces at `i`: `-` removes
-- all white space, a block its line end.
local function after_closing (source, i, closing)
  local sign = source:sub(i, i)
  if sign == "-" then return strings.skip_space(source, i + 3) end
  if sign == "+" then return i + 3 end
  if closing ~= "}}" and source:sub(i + 2, i + 2) == "\n" then return i + 3 end
  return i + 2
end

--- Returns where the text of a `{% raw %}` with its braces at `i` begins; nil for other tags.
local function raw_begins (source, i)
  local at = source:match("^[-+]?[ \t\n\v\f\r]*raw[ \t\n\v\f\r]*()", i + 2)
  if not at then return nil end
  if source:sub(at, at + 1) == "%}" then return at + 2 end
  return source:sub(at, at + 2) == "-%}" and strings.skip_space(source, at + 3) or nil
end

--- Finds the `{% endraw %}` of a text; returns where it begins, its sign, and where it ends.
local function raw_ends (source, from, line)
  local at = from
  if from > #source then return from, "", from end      -- Jinja accepts this, as for comments
  while true do
    at = source:find("{%", at, true)
    if not at then raise("a raw block without its end", line) end
    local sign, stop = source:match("^([-+]?)[ \t\n\v\f\r]*endraw[ \t\n\v\f\r]*()", at + 2)
    if stop and source:find("^[-+]?%%}", stop) then
      return at, sign, after_closing(source, stop, "%}")
    end
    at = at + 2
  end
end

local function comment_end (source, from, line)
  if from > #source then return from end      -- Jinja accepts an opening at the very end
  local at = source:find("#}", from, true)
  if not at then raise("a comment without its end", line) end
  local sign = source:sub(at - 1, at - 1)
  if at > from and (sign == "-" or sign == "+") then at = at - 1 end
  return after_closing(source, at, "#}")
end

--- Cuts a template into tokens `{ type, value, line }`: `data`, `{{`, `}}`, `{%`, `%}`, `name`,
-- `string`, `integer`, `float`, operators, which are their own type, and `end`.
local function read (source)
  -- As in Jinja, every line end is `\n`, and the last one is dropped.
  source = source:gsub("\r\n?", "\n"):gsub("\n$", "")
  local out, i, line, at_start = {}, 1, 1, true
  local function data (text, where)
    if text ~= "" then out[#out + 1] = { type = "data", value = text, line = where } end
  end
  local function move (to)
    line = line + line_ends(source:sub(i, to - 1))
    at_start = source:sub(to - 1, to - 1) == "\n"
    i = to
  end
  while true do
    local at = source:find("{[{%%#]", i)
    if not at then
      data(source:sub(i), line)
      break
    end
    local mark = source:sub(at + 1, at + 1)
    local sign = source:match("^[-+]", at + 2) or ""
    data(stripped(source:sub(i, at - 1), sign, mark ~= "{", at_start), line)
    move(at)
    local raw = mark == "%" and raw_begins(source, at)
    if raw then
      move(raw)
      local stop, raw_sign, rest = raw_ends(source, i, line)
      data(stripped(source:sub(i, stop - 1), raw_sign, true, at_start), line)
      move(rest)
    elseif mark == "#" then
      move(comment_end(source, at + 2 + #sign, line))
    else
      local closing = CLOSING[mark]
      out[#out + 1] = { type = "{" .. mark, line = line }
      local stop, there = read_tag(source, at + 2 + #sign, line, closing, out)
      out[#out + 1] = { type = closing, line = there }
      move(after_closing(source, stop, closing))
    end
  end
  out[#out + 1] = { type = "end", line = line }
  return out
end

local Stream = {}
Stream.__index = Stream

local NAMES = { data = "text", name = "a name", string = "a string", integer = "an integer",
  float = "a float", ["end"] = "the end of the template" }

local function describe (token)
  if token.type == "name" then return "'" .. token.value .. "'" end
  return NAMES[token.type] or "'" .. token.type .. "'"
end

--- Reads a template as a stream of tokens.
function M.stream (source)
  local tokens = read(source)
  return setmetatable({ tokens = tokens, at = 1, depth = 0, token = tokens[1], soft = false,
    loops = 0, unknown = {} }, Stream)
end

--- Raises a syntax error at the current token, or at `line`.
function Stream:fail (message, line)
  runtime.raise(message, line or self.token.line)
end

--- Moves to the next token and returns the one that was current.
function Stream:next ()
  local token = self.token
  self.at = self.at + 1
  self.token = self.tokens[self.at] or token
  return token
end

--- Returns the token after the current one.
function Stream:look ()
  return self.tokens[self.at + 1] or self.token
end

--- Tells whether the current token is of a type, and has a value if one is given.
function Stream:is (kind, name)
  return self.token.type == kind and (name == nil or self.token.value == name)
end

--- Takes the current token if `is` is true for it; returns it or nil.
function Stream:skip (kind, name)
  if self:is(kind, name) then return self:next() end
  return nil
end

--- Takes a token of a type; raises when the current one is another.
function Stream:expect (kind, name)
  if self:is(kind, name) then return self:next() end
  self:fail(("expected %s, got %s"):format(name and "'" .. name .. "'" or NAMES[kind]
    or "'" .. kind .. "'", describe(self.token)))
end

--- Describes the current token for a message.
function Stream:describe ()
  return describe(self.token)
end

--- Counts one more level of nesting; `leave` ends it.
function Stream:enter ()
  self.depth = self.depth + 1
  if self.depth > runtime.NESTING then
    self:fail(("more than %d levels of nesting"):format(runtime.NESTING))
  end
end

--- Ends a level of nesting.
function Stream:leave ()
  self.depth = self.depth - 1
end

--- Reads items with commas between them up to a closing bracket, which is taken.
function Stream:list (closing, item)
  local items = {}
  while not self:is(closing) do
    if #items > 0 then self:expect(",") end
    if self:is(closing) then break end
    items[#items + 1] = item(self)
  end
  self:expect(closing)
  return items
end

return M
