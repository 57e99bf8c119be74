-- SPDX-License-Identifier: MIT
--- Cuts a template into text and tags and takes away the white space that belongs to the tags:
-- with `-` all of it, and as `transformers` sets it, `trim_blocks` (the line end behind a block)
-- and `lstrip_blocks` (what stands in front of a block on its line).
-- @module predibase.template.jinja.lexer

local runtime = require "predibase.template.jinja.runtime"
local tokens = require "predibase.template.jinja.tokens"
local trim = require "predibase.template.trim"

local M = {}

local raise = runtime.raise

local function line_ends(text)
  local _, n = text:gsub("\n", "")
  return n
end

--- Where white space that begins at `i` ends.
local function skip_space(source, i)
  local rest = source:sub(i, i + 255)
  while rest ~= "" and trim.left(rest) == "" do
    i = i + #rest
    rest = source:sub(i, i + 255)
  end
  -- A character may have been cut at the end of the piece.
  rest = source:sub(i, i + 258)
  return i + #rest - #trim.left(rest)
end

--- Text in front of a tag with a sign. `block` is false for `{{`.
local function stripped(text, sign, block, at_start)
  if sign == "-" then return trim.right(text) end
  if sign == "+" or not block then return text end
  local last = text:match(".*()\n")
  if not last and not at_start then return text end
  local line = text:sub((last or 0) + 1)
  if line ~= "" and trim.left(line) == "" then return text:sub(1, last or 0) end
  return text
end

local CLOSING = { ["{"] = "}}", ["%"] = "%}", ["#"] = "#}" }

--- Behind the closing braces at `i`: `-` takes all white space, a block its line end.
local function behind(source, i, closing)
  local sign = source:sub(i, i)
  if sign == "-" then return skip_space(source, i + 3) end
  if sign == "+" then return i + 3 end
  if closing ~= "}}" and source:sub(i + 2, i + 2) == "\n" then return i + 3 end
  return i + 2
end

--- A `{% raw %}` at `i`, the place of its braces: where its text begins.
local function raw_begins(source, i)
  local at = source:match("^[-+]?[ \t\n\v\f\r]*raw[ \t\n\v\f\r]*()", i + 2)
  if not at then return nil end
  if source:sub(at, at + 1) == "%}" then return at + 2 end
  return source:sub(at, at + 2) == "-%}" and skip_space(source, at + 3) or nil
end

--- The `{% endraw %}` of a text: where it begins, its sign, where it ends.
local function raw_ends(source, from, line)
  local at = from
  if from > #source then return from, "", from end      -- as for comments
  while true do
    at = source:find("{%", at, true)
    if not at then raise("a raw block without its end", line) end
    local sign, stop = source:match("^([-+]?)[ \t\n\v\f\r]*endraw[ \t\n\v\f\r]*()", at + 2)
    if stop and source:find("^[-+]?%%}", stop) then
      return at, sign, behind(source, stop, "%}")
    end
    at = at + 2
  end
end

local function comment_end(source, from, line)
  if from > #source then return from end      -- nothing behind the opening: Jinja lets it pass
  local at = source:find("#}", from, true)
  if not at then raise("a comment without its end", line) end
  local sign = source:sub(at - 1, at - 1)
  if at > from and (sign == "-" or sign == "+") then at = at - 1 end
  return behind(source, at, "#}")
end

--- The source as Jinja reads it: `\n` for every line end, without the last one.
local function prepared(source)
  if source:find("\r", 1, true) then source = source:gsub("\r\n", "\n"):gsub("\r", "\n") end
  return (source:gsub("\n$", ""))
end

--- Cuts a template into tokens: `data`, `{{`, `}}`, `{%`, `%}`, and what stands between braces
-- (`name`, `string`, `integer`, `float` and the operators by themselves).
-- @tparam string source
-- @treturn table array of `{ type, value, line }`, ending with one of type `end`
function M.read(source)
  source = prepared(source)
  local out, i, line, at_start = {}, 1, 1, true
  local function data(text, where)
    if text ~= "" then out[#out + 1] = { type = "data", value = text, line = where } end
  end
  local function move(to)
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
    local start = stripped(source:sub(i, at - 1), sign, mark ~= "{", at_start)
    data(start, line)
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
      local stop, there = tokens.read(source, at + 2 + #sign, line, closing, out)
      out[#out + 1] = { type = closing, line = there }
      move(behind(source, stop, closing))
    end
  end
  out[#out + 1] = { type = "end", line = line }
  return out
end

return M
