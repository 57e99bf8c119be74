-- SPDX-License-Identifier: MIT
--- The parser's view of the tokens: where it stands, what it may expect, how deep it is.
-- @module predibase.template.jinja.stream

local runtime = require "predibase.template.jinja.runtime"

local M = {}

local Stream = {}
Stream.__index = Stream

local NAMES = { data = "text", name = "a name", string = "a string", integer = "an integer",
  float = "a float", ["end"] = "the end of the template" }

local function describe(token)
  if token.type == "name" then return "'" .. token.value .. "'" end
  return NAMES[token.type] or "'" .. token.type .. "'"
end

--- A stream over the tokens of a template.
function M.new(tokens)
  return setmetatable({ tokens = tokens, at = 1, depth = 0, highest = 0, token = tokens[1],
    soft = false, loops = 0, unknown = {} }, Stream)
end

--- Raises a syntax error at the current token, or at `line`.
function Stream:fail(message, line)
  runtime.raise(message, line or self.token.line)
end

--- Goes on; gives the token that was current.
function Stream:next()
  local token = self.token
  self.at = self.at + 1
  self.token = self.tokens[self.at] or token
  return token
end

--- The token behind the current one.
function Stream:look()
  return self.tokens[self.at + 1] or self.token
end

--- Whether the current token is of a type, or a certain name.
function Stream:is(kind, name)
  return self.token.type == kind and (name == nil or self.token.value == name)
end

--- The same for a name, which is taken when it is there.
function Stream:skip(kind, name)
  if self:is(kind, name) then return self:next() end
  return nil
end

--- Takes a token that must be there.
function Stream:expect(kind, name)
  if self:is(kind, name) then return self:next() end
  self:fail(("expected %s, got %s"):format(name and "'" .. name .. "'" or describe { type = kind,
    value = "name" }:gsub("^'name'$", "a name"), describe(self.token)))
end

--- The current token as a message names it.
function Stream:describe()
  return describe(self.token)
end

--- Goes one level down; `leave` comes back.
function Stream:enter()
  self.depth = self.depth + 1
  if self.depth > runtime.NESTING then
    self:fail(("more than %d levels of nesting"):format(runtime.NESTING))
  end
end

--- Comes one level up.
function Stream:leave()
  self.depth = self.depth - 1
end

--- Items with commas between them up to a closing bracket, which is taken.
-- @tparam table s the stream
-- @tparam string closing
-- @tparam function item reads one
-- @treturn table array
function M.list(s, closing, item)
  local items = {}
  while not s:is(closing) do
    if #items > 0 then s:expect(",") end
    if s:is(closing) then break end
    items[#items + 1] = item(s)
  end
  s:expect(closing)
  return items
end

return M
