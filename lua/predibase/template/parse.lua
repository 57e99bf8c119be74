-- SPDX-License-Identifier: MIT
--- Reads the text of a template; see `predibase.template.plain` for what it may say.
-- @module predibase.template.parse

local errors = require "predibase.errors"

local M = {}

--- Deepest nesting of optional parts: more is a mistake, and drawing one runs a level deeper.
M.MAX_NESTING = 32

-- A name is that of a column of somebody's data: spaces, digits and letters of every script. What
-- it cannot have in it tells JSON and program text, whose braces are text, from names.
local NAME = '[^%z\1-\31\127{}":;=]+'

local function good(name)
  return name:find("^[^?/ ]") and not name:find(" $")
end

--- Line and column of a byte, both from 1; columns count characters.
local function place(text, at)
  local line, start = 1, 1
  for stop in text:gmatch("()\n") do
    if stop >= at then break end
    line, start = line + 1, stop + 1
  end
  local _, inner = text:sub(start, at - 1):gsub("[\128-\191]", "")
  return line, at - start - inner + 1
end

local function fail(state, at, message, ...)
  state.at, state.message = at, message:format(...)
  return nil
end

local function add_text(nodes, text)
  if text ~= "" then nodes[#nodes + 1] = text end
end

local function note(state, name)
  if state.known[name] then return end
  state.known[name] = true
  state.variables[#state.variables + 1] = name
end

--- A tag that stands alone on its line takes the line with it. Cuts the blanks in front of it off
-- what was read, and returns where to read on.
local function alone(state, nodes, first, last)
  local text, before = state.text, first - 1
  while before > 0 and text:find("^[ \t]", before) do before = before - 1 end
  local after = text:match("^[ \t]*\r?\n()", last + 1) or text:match("^[ \t]*$()", last + 1)
  if not after or (before > 0 and text:byte(before) ~= 10) then return last + 1 end
  local blanks = first - 1 - before
  -- What is on this line so far was read in one piece: there is no brace in it.
  if blanks > 0 then nodes[#nodes] = nodes[#nodes]:sub(1, -blanks - 1) end
  return after
end

local function open_part(state, name, first, last)
  if #state.stack >= M.MAX_NESTING then
    return fail(state, first, "optional parts are nested deeper than %d", M.MAX_NESTING)
  end
  note(state, name)
  local part = { test = name, yes = {}, no = {} }
  local here = alone(state, state.nodes, first, last)
  state.nodes[#state.nodes + 1] = part
  state.stack[#state.stack + 1] = { part = part, outer = state.nodes, at = first }
  state.nodes = part.yes
  return here
end

local function other_part(state, first, last)
  local top = state.stack[#state.stack]
  if not top then return fail(state, first, "{:else} stands in no optional part") end
  if state.nodes == top.part.no then
    return fail(state, first, "a second {:else} in the part {?%s}", top.part.test)
  end
  local here = alone(state, state.nodes, first, last)
  state.nodes = top.part.no
  return here
end

local function close_part(state, name, first, last)
  local top = state.stack[#state.stack]
  if not top then return fail(state, first, "{/%s} ends no optional part", name) end
  if top.part.test ~= name then
    return fail(state, first, "{/%s} where {/%s} was expected", name, top.part.test)
  end
  local here = alone(state, state.nodes, first, last)
  state.nodes = top.outer
  state.stack[#state.stack] = nil
  return here
end

--- The default of `{name=default}`: up to a single `}`.
local function default_at(text, from)
  local out, i = {}, from
  while true do
    local at = text:find("[{}]", i)
    if not at then return nil end
    out[#out + 1] = text:sub(i, at - 1)
    local twice = text:sub(at, at + 1)
    if twice == "{{" or twice == "}}" then
      out[#out + 1], i = text:sub(at, at), at + 2
    elseif twice:sub(1, 1) == "}" then
      return table.concat(out), at
    else
      return nil, at
    end
  end
end

--- Says what is wrong with a brace. Which of the two was meant only the author knows.
local function no_tag(state, at)
  local text = state.text
  local blank = text:match("^{[?/]? *(" .. NAME .. ")}", at)
  blank = blank and blank:match("^(.-) *$")
  local shown = '"' .. errors.excerpt(text:sub(at):match("^{[^}\n]*}?"), 60) .. '"'
  if blank and blank ~= "" and good(blank) then
    return fail(state, at, "%s has spaces at the ends of its name, which is written {%s}; "
      .. "if this brace is text, write {{ and }}", shown, errors.excerpt(blank, 60))
  end
  return fail(state, at, '%s is not a variable: a name has none of { } " : ; = and does not '
    .. "begin with ? or /; if this brace is text, write {{ and }}", shown)
end

--- What begins with a single `{`; returns where to read on.
local function tag(state, at)
  local text = state.text
  local sign, name, stop = text:match("^{([?/]?)(" .. NAME .. ")}()", at)
  if name and not good(name) then return no_tag(state, at) end
  if sign == "?" then return open_part(state, name, at, stop - 1) end
  if sign == "/" then return close_part(state, name, at, stop - 1) end
  if name then
    note(state, name)
    state.nodes[#state.nodes + 1] = { name = name }
    return stop
  end
  if text:find("^{:else}", at) then return other_part(state, at, at + 6) end
  local from
  name, from = text:match("^{(" .. NAME .. ")=()", at)
  if not name or not good(name) then return no_tag(state, at) end
  local default, last = default_at(text, from)
  if not default then
    return fail(state, last or at, last and "a { inside the default of {%s=…} is written twice, {{"
      or "the default of {%s=…} has no end", name)
  end
  note(state, name)
  state.nodes[#state.nodes + 1] = { name = name, default = default }
  return last + 1
end

local function read(state)
  local text, i = state.text, 1
  while true do
    local at = text:find("[{}]", i)
    add_text(state.nodes, text:sub(i, (at or 0) - 1))
    if not at then break end
    local char = text:sub(at, at)
    if text:sub(at + 1, at + 1) == char then
      add_text(state.nodes, char)
      i = at + 2
    elseif char == "}" then
      return fail(state, at, "a } that is meant is written twice, }}")
    else
      i = tag(state, at)
      if not i then return nil end
    end
  end
  local top = state.stack[#state.stack]
  if not top then return true end
  return fail(state, top.at, "the part {?%s} has no {/%s}", top.part.test, top.part.test)
end

--- Reads a template.
-- @tparam string text
-- @treturn[1] table nodes: strings, `{ name, default }`, and `{ test, yes, no }` with nodes in
-- `yes` and `no`
-- @treturn[1] table the names in the order of their first appearance
-- @treturn[2] nil
-- @treturn[2] table `message`, `line`, `column`
function M.read(text)
  local nodes = {}
  local state = { text = text, nodes = nodes, stack = {}, variables = {}, known = {} }
  if read(state) then return nodes, state.variables end
  local line, column = place(text, state.at)
  return nil, { message = state.message, line = line, column = column }
end

return M
