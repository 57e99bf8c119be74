-- SPDX-License-Identifier: MIT
--- The limits of a template, and its errors. Templates are written by other people, so each limit
-- ends a template that would take too much of the program's time or memory. A rendering counts
-- steps.
-- @module predibase.template.jinja.runtime

local M = {}

--- Bytes of source. The longest published template found has 28 KiB.
M.SOURCE = 1024 * 1024

--- Nesting of brackets, operators and blocks in the source. Published templates stay below 30.
M.NESTING = 100

--- Levels of the source that run inside one another, counting macros that call macros. Lua 5.1 and
-- LuaJIT have a fixed stack; a level takes about 40 of LuaJIT's 65,500 slots.
M.DEPTH = 900

--- Steps of one rendering. A step is one part of an expression, one round of a loop, one item, 64
-- bytes of a new string, or 1 to 32 bytes of a string that is searched. A conversation of 1,000
-- messages takes about 100,000 steps.
M.STEPS = 4 * 1000 * 1000

--- Bytes of the rendered text: more than any model reads.
M.OUTPUT = 16 * 1024 * 1024

--- Bytes of one string.
M.STRING = 16 * 1024 * 1024

--- Items of one `range`, as in Jinja's sandbox.
M.RANGE = 100000

--- Nesting of lists and dicts.
M.DATA = 100

--- Largest absolute value of an integer: a number of Lua 5.1 is not exact beyond it.
M.INTEGER = 2 ^ 53

local TemplateError = {}
TemplateError.__index = TemplateError

--- Raises an error of the template.
function M.raise (message, line)
  error(setmetatable({ message = message, line = line }, TemplateError), 0)
end

--- Tells whether a value that `pcall` caught is an error of the template.
function M.is_error (value)
  return getmetatable(value) == TemplateError
end

local raise = M.raise

--- Adds steps to a rendering.
function M.charge (rt, n)
  rt.steps = rt.steps + n
  if rt.steps > rt.max_steps then
    raise(("the template takes more than %.0f steps; the option max_steps sets how many it may "
      .. "take"):format(rt.max_steps))
  end
end

local charge = M.charge

--- Refuses a string that would be too long; called before it is made.
function M.check_size (bytes)
  if bytes > M.STRING then raise(("a string of more than %d bytes"):format(M.STRING)) end
end

--- Checks the size of a string that is about to be made, and adds its steps.
function M.charge_string (rt, bytes)
  M.check_size(bytes)
  charge(rt, bytes / 64)
end

--- Repeats a string; raises when the result would be too long.
function M.repeated (text, n)
  if n <= 0 or text == "" then return "" end
  M.check_size(#text * n)
  return text:rep(n)
end

--- Adds the steps for reading a string byte by byte.
function M.charge_scan (rt, bytes)
  charge(rt, bytes / 16)
end

--- Makes a buffer for the pieces of a string; adding a piece adds its steps and checks the size of
-- the whole.
function M.buffer (rt)
  local pieces, size = {}, 0
  return function (piece)
    size = size + #piece
    charge(rt, #piece / 64)
    M.check_size(size)
    pieces[#pieces + 1] = piece
  end, pieces
end

-- A longer needle is searched by its beginning: a plain search may compare as many bytes as the
-- lengths of the two strings multiplied.
local HEAD = 32

--- Finds a string in another one, as `string.find` does, and adds the steps for what is compared.
function M.search (rt, s, needle, from)
  local head = #needle > HEAD and needle:sub(1, HEAD) or needle
  while true do
    local first, last = s:find(head, from, true)
    charge(rt, 1 + ((last or #s) - from) / 32)
    if not first or head == needle then return first, last end
    charge(rt, #needle / 64)
    last = first + #needle - 1
    if s:sub(first, last) == needle then return first, last end
    from = first + 1
  end
end

return M
