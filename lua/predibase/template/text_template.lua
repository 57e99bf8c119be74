-- SPDX-License-Identifier: MIT
--- Templates with names in braces, which are read once and rendered many times.
--
-- * `{name}` is replaced by the value of that name, a string or a number. Braces in a value have no
--   meaning. A name may contain spaces, digits, and letters of every script. It contains none of
--   `{}":;=`, and does not begin with `?` or `/`.
-- * `{name=default}` is replaced by the default if no value is given.
-- * `{?name}…{/name}` is rendered only if a value is given that is neither `false` nor empty, and
--   `{?name}…{:else}…{/name}` has a second part for the other case. These parts can be nested. If
--   `{?name}`, `{:else}` or `{/name}` is alone on its line, the whole line is removed.
-- * `{{` and `}}` are replaced by single braces.
--
-- A template has the fields `text`, from which it was made, and `variables`, the names in the order
-- of their first appearance, and the method `render`. It can also be called: `t { name = "…" }`.
-- @module predibase.template.text_template

local built_in = require "predibase.template.built_in"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local files = require "predibase.files"
local format = require "predibase.template.format"
local json = require "predibase.json"
local names = require "predibase.option_names"
local numbers = require "predibase.template.number_text"
local usage = require "predibase.usage"

local M = {}

--- Largest file that `load` reads, in bytes: far more than the prompt of any model.
M.MAX_FILE = 8 * 1024 * 1024

-- Reading.

-- Deepest nesting of optional parts; more is a mistake.
local MAX_NESTING = 32

-- A name may be that of a column in a table of data: it may have spaces, digits and letters of
-- every script. The characters that it cannot have distinguish it from JSON and program text
-- between braces.
local NAME = '[^%z\1-\31\127{}":;=]+'

local function is_name (name)
  return name:find("^[^?/ ]") and not name:find(" $")
end

--- Returns the line and the column of a byte, both from 1; columns count characters.
local function position (text, at)
  local line, start = 1, 1
  for stop in text:gmatch("()\n") do
    if stop >= at then break end
    line, start = line + 1, stop + 1
  end
  local _, inner = text:sub(start, at - 1):gsub("[\128-\191]", "")
  return line, at - start - inner + 1
end

local function fail (state, at, message, ...)
  state.at, state.message = at, message:format(...)
  return nil
end

local function add_text (nodes, text)
  if text ~= "" then nodes[#nodes + 1] = text end
end

local function note (state, name)
  if state.known[name] then return end
  state.known[name] = true
  state.variables[#state.variables + 1] = name
end

--- Returns where to continue reading after a tag. If the tag is alone on its line, that is the next
-- line, and the blanks in front of the tag are removed from what was read.
local function after_tag (state, nodes, first, last)
  local text, before = state.text, first - 1
  while before > 0 and text:find("^[ \t]", before) do before = before - 1 end
  local after = text:match("^[ \t]*\r?\n()", last + 1) or text:match("^[ \t]*$()", last + 1)
  if not after or (before > 0 and text:byte(before) ~= 10) then return last + 1 end
  local blanks = first - 1 - before
  -- These blanks are the end of the last node: there is no brace before them on the line.
  if blanks > 0 then nodes[#nodes] = nodes[#nodes]:sub(1, -blanks - 1) end
  return after
end

local function open_part (state, name, first, last)
  if #state.stack >= MAX_NESTING then
    return fail(state, first, "optional parts are nested deeper than %d", MAX_NESTING)
  end
  note(state, name)
  local part = { test = name, yes = {}, no = {} }
  local next_at = after_tag(state, state.nodes, first, last)
  state.nodes[#state.nodes + 1] = part
  state.stack[#state.stack + 1] = { part = part, outer = state.nodes, at = first }
  state.nodes = part.yes
  return next_at
end

local function other_part (state, first, last)
  local top = state.stack[#state.stack]
  if not top then return fail(state, first, "{:else} is not inside an optional part") end
  if state.nodes == top.part.no then
    return fail(state, first, "a second {:else} in the part {?%s}", top.part.test)
  end
  local next_at = after_tag(state, state.nodes, first, last)
  state.nodes = top.part.no
  return next_at
end

local function close_part (state, name, first, last)
  local top = state.stack[#state.stack]
  if not top then return fail(state, first, "{/%s} without {?%s} in front of it", name, name) end
  if top.part.test ~= name then
    return fail(state, first, "{/%s} where {/%s} was expected", name, top.part.test)
  end
  local next_at = after_tag(state, state.nodes, first, last)
  state.nodes = top.outer
  state.stack[#state.stack] = nil
  return next_at
end

--- Reads the default of `{name=default}`, up to a single `}`. Returns it and the position of the
-- `}`; or nil and the position of a wrong brace, if there is one.
local function default_at (text, from)
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

--- Fails because of a brace that begins no tag. The message covers both a tag and a plain brace,
-- since only the author knows which one was meant.
local function no_tag (state, at)
  local text = state.text
  local blank = text:match("^{[?/]? *(" .. NAME .. ")}", at)
  blank = blank and blank:match("^(.-) *$")
  local shown = '"' .. errors.excerpt(text:sub(at):match("^{[^}\n]*}?"), 60) .. '"'
  if blank and blank ~= "" and is_name(blank) then
    return fail(state, at, "%s has spaces at the ends of its name, which is written {%s}; "
      .. "if this brace is text, write {{ and }}", shown, errors.excerpt(blank, 60))
  end
  return fail(state, at, '%s is not a variable: a name has none of { } " : ; = and does not '
    .. "begin with ? or /; if this brace is text, write {{ and }}", shown)
end

--- Reads the tag that begins at a single `{`. Returns the position after it.
local function tag (state, at)
  local text = state.text
  local sign, name, stop = text:match("^{([?/]?)(" .. NAME .. ")}()", at)
  if name and not is_name(name) then return no_tag(state, at) end
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
  if not name or not is_name(name) then return no_tag(state, at) end
  local default, last = default_at(text, from)
  if not default then
    return fail(state, last or at, last
      and "a { inside the default of {%s=…} must be written twice, {{"
      or "the default of {%s=…} has no end", name)
  end
  note(state, name)
  state.nodes[#state.nodes + 1] = { name = name, default = default }
  return last + 1
end

local function read (state)
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
      return fail(state, at, "a single } must be written twice, }}")
    else
      i = tag(state, at)
      if not i then return nil end
    end
  end
  local top = state.stack[#state.stack]
  if not top then return true end
  return fail(state, top.at, "the part {?%s} has no {/%s}", top.part.test, top.part.test)
end

--- Reads a template. Returns its nodes and its names in the order of their first appearance, or nil
-- and `{ message, line, column }`. A node is a string, `{ name, default }`, or `{ test, yes, no }`
-- with nodes in `yes` and `no`.
local function parse (text)
  local nodes = {}
  local state = { text = text, nodes = nodes, stack = {}, variables = {}, known = {} }
  if read(state) then return nodes, state.variables end
  local line, column = position(text, state.at)
  return nil, { message = state.message, line = line, column = column }
end

-- Rendering.

--- Returns the text of a value, or nil and what is wrong.
local function text_of (value, name, guard, mode)
  local text = type(value) == "number" and numbers.plain(value) or json.literal(value) or value
  if type(text) ~= "string" then
    return nil, ('"%s" must be a string or a number, got %s'):format(name, checks.describe(value))
  end
  if not guard then return text end
  local admitted, problem = guard.admit(text, mode)
  if admitted then return admitted end
  return nil, ('"%s" %s'):format(name, problem)
end

--- Returns the texts of values by their names. `true` is kept for conditions; `false` and null
-- count as missing. With `booleans`, both booleans are kept, and `append` writes them as text.
local function texts_of (template, values, guard, booleans)
  local texts = {}
  for _, name in ipairs(template.variables) do
    local value = rawget(values, name)
    if value == true or booleans and value == false then
      texts[name] = value
    elseif value ~= nil and value ~= false and value ~= json.null then
      local text, problem = text_of(value, name, guard, template.mode)
      if not text then return nil, problem end
      texts[name] = text
    end
  end
  return texts
end

--- Appends the texts of nodes to `out`; `missing` collects the names of values that are missing, or
-- `true` where booleans are not written.
local function append (nodes, texts, out, missing, booleans)
  for _, node in ipairs(nodes) do
    local text = node
    if type(node) == "table" and node.test then
      local value = texts[node.test]
      append((value and value ~= "") and node.yes or node.no, texts, out, missing, booleans)
      text = ""
    elseif type(node) == "table" then
      text = texts[node.name]
      if booleans and type(text) == "boolean" then text = tostring(text) end
      text = text or node.default
      if type(text) ~= "string" then
        if not missing[node.name] then missing[#missing + 1] = node.name end
        missing[node.name], text = true, ""
      end
    end
    out[#out + 1] = text
  end
  return out
end

local function missing_message (missing, texts)
  if texts[missing[1]] then
    return ('"%s" must be a string or a number, got the boolean true'):format(missing[1])
  end
  return (#missing == 1 and 'no value for "%s"' or 'no values for "%s"'):format(
    table.concat(missing, '", "'))
end

--- Returns a message about the first name, in alphabetical order, that the template does not have;
-- nil when there is none.
local function extra_message (template, values)
  local known, extra = {}, nil
  for _, name in ipairs(template.variables) do known[name] = true end
  for name in next, values do
    if not known[name] and (extra == nil or tostring(name) < tostring(extra)) then extra = name end
  end
  if extra == nil then return nil end
  if type(extra) ~= "string" then
    return "values are given by their names, got one at " .. checks.describe(extra)
  end
  local near = names.nearest(extra, template.variables)
  return ('there is no "%s" in this template%s'):format(errors.excerpt(extra, 60),
    near and ('; did you mean "%s"?'):format(near) or "")
end

--- Tells whether values together with the text around them form a special token that none of them
-- contains.
local function completed (template, guard, texts, text, booleans)
  local blank, edges = {}, false
  for name, value in pairs(texts) do
    blank[name] = type(value) == "string" and guard.blank(value) or value
    edges = edges or type(value) == "string" and guard.edges(value)
  end
  if not edges then return false end
  local without = table.concat(append(template.nodes, blank, {}, {}, booleans))
  return guard.sequence(without) ~= guard.sequence(text)
end

--- Renders a template. Returns the text, or nil and what is wrong.
local function fill (template, values, allow_extra, booleans)
  local problem = not allow_extra and extra_message(template, values)
  if problem then return nil, problem end
  local guard = template.mode ~= "allow" and template.guard or nil
  local texts
  texts, problem = texts_of(template, values, guard, booleans)
  if not texts then return nil, problem end
  local missing = {}
  local text = table.concat(append(template.nodes, texts, {}, missing, booleans))
  if missing[1] then return nil, missing_message(missing, texts) end
  if guard and completed(template, guard, texts, text, booleans) then
    return nil, "values and the text around them make up a special token"
  end
  return text
end

-- Templates.

local Template = { __name = "predibase.template" }
Template.__index = Template

local function template_error (message, fields)
  fields = fields or {}
  fields.kind, fields.phase, fields.message = "template", "request", message
  return errors.new(fields)
end

--- The options of `template:render`.
-- @table TemplateRenderOptions
-- @tfield ?boolean allow_extra ignore values that the template does not use
-- @tfield ?boolean booleans write `true` and `false` where `{name}` stands

--- A template with names in braces. It can also be called with its values.
-- @table Template
-- @overload fun(values:table<string,any>?,options:TemplateRenderOptions?):(string?,Error)
-- @tfield string text from which it was made
-- @tfield string[] variables its names in the order of their first appearance

local RENDER_OPTIONS = { allow_extra = true, booleans = true }

--- Renders the template.
-- @tparam ?table<string,any> values strings and numbers by the names of the template
-- @tparam ?TemplateRenderOptions options `allow_extra` (boolean): ignore values that the template
-- does not use; `booleans` (boolean): write `true` and `false` where `{name}` stands
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template", which names the value
-- @raise when an argument is not a table or an option does not exist
function Template:render (values, options)
  if getmetatable(self) ~= Template then
    usage.fail("template:render must be called with a colon on a template")
  end
  if values ~= nil and type(values) ~= "table" then
    usage.fail("template:render takes the values as a table, got a " .. type(values))
  end
  if options ~= nil and type(options) ~= "table" then
    usage.fail("template:render takes its options as a table, got a " .. type(options))
  end
  names.check(options or {}, RENDER_OPTIONS, "option")
  local given = json.present(options or {})
  local allow_extra = given.allow_extra
  if allow_extra == nil then allow_extra = self.allow_extra end
  local text, problem = fill(self, json.fields(values or {}), allow_extra, given.booleans)
  if text then return text end
  return nil, template_error(self.place .. problem)
end

function Template:__call (values)
  if values ~= nil and type(values) ~= "table" then
    usage.fail("a template takes the values as a table, got a " .. type(values))
  end
  return self:render(values)
end

function Template:__tostring ()
  return ("predibase.template (%s)"):format(table.concat(self.variables, ", "))
end

--- The options of a template.
-- @table TemplateOptions
-- @tfield ?boolean allow_extra ignore values that the template does not use (default false)
-- @tfield ?string|ChatFormat format a chat format or its name, whose special tokens no value may
-- contain
-- @tfield ?"refuse"|"neutralise"|"allow" special_tokens_in_text what happens to such values
-- (default `"refuse"`)

local OPTIONS = { allow_extra = true, format = true, special_tokens_in_text = true }
local MODES = { refuse = true, neutralise = true, allow = true }

--- Returns the guard of the format whose special tokens values must not contain, or nil and what is
-- wrong.
local function guard_of (options)
  local mode, wanted = options.special_tokens_in_text, options.format
  if mode ~= nil and not MODES[mode] then
    return nil, 'special_tokens_in_text must be "refuse", "neutralise" or "allow", got '
      .. checks.describe(mode)
  end
  if wanted == nil then
    return nil, mode and mode ~= "allow" and "special_tokens_in_text needs a format, which "
      .. "determines the special tokens"
  end
  if format.is(wanted) then return wanted.guard end
  if type(wanted) ~= "string" then
    return nil, "format must be a chat format or the name of one, got " .. checks.describe(wanted)
  end
  local found, problem = built_in.by_name(wanted)
  return found and found.guard, problem
end

local function compile (text, options, place)
  options = json.present(options)
  local guard, problem = guard_of(options)
  if problem then return nil, template_error(place .. problem) end
  local nodes, variables = parse(text)
  if not nodes then
    local where = variables
    return nil, template_error(("%sline %d, column %d: %s"):format(place, where.line,
      where.column, where.message), { line = where.line, column = where.column })
  end
  return setmetatable({
    place = place,               -- the beginning of its messages
    text = text,
    variables = variables,
    nodes = nodes,
    guard = guard,
    mode = options.special_tokens_in_text or "refuse",
    allow_extra = options.allow_extra or false,
  }, Template)
end

local function check (text, options, what)
  if type(text) ~= "string" then
    usage.fail(("template.%s takes a string, got a %s"):format(what, type(text)))
  end
  if options ~= nil and type(options) ~= "table" then
    usage.fail(("template.%s takes its options as a table, got a %s"):format(what, type(options)))
  end
  names.check(options or {}, OPTIONS, "option")
end

--- Compiles a template.
-- @tparam string text
-- @tparam ?TemplateOptions options `allow_extra` (boolean): ignore values that the template does
-- not use; `format`: a chat format or its name, whose special tokens no value may contain;
-- `special_tokens_in_text`: `"refuse"` (the default), `"neutralise"` or `"allow"`
-- @treturn[1] Template the template
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template"; `line` and `column` say where in the text
-- @raise when the text is not a string or an option does not exist
function M.new (text, options)
  check(text, options, "new")
  return compile(text, options or {}, "")
end

--- Compiles the template in a file. A byte order mark at the beginning and one line end at the end
-- are not part of it, because editors add them. CR LF is read as LF.
-- @tparam string path
-- @tparam ?TemplateOptions options as for `new`
-- @treturn[1] Template the template
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template"
-- @raise when the path is not a string or an option does not exist
function M.load (path, options)
  check(path, options, "load")
  local text, why = files.read(path, M.MAX_FILE)
  if not text then return nil, template_error(why) end
  text = files.unix(text):gsub("\n$", "")
  return compile(text, options or {}, path .. ": ")
end

--- Tells whether a value is a template with names in braces.
-- @param value anything
-- @treturn boolean
function M.is (value)
  return type(value) == "table" and getmetatable(value) == Template
end

return M
