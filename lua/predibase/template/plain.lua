-- SPDX-License-Identifier: MIT
--- Templates: a text with names in braces, read once and rendered many times.
--
-- * `{name}` is the value of that name, a string or a number. It is inserted as it is: braces in a
--   value mean nothing. A name may have spaces inside, digits, and letters of every script; it has
--   none of `{}":;=` and begins neither with `?` nor with `/`.
-- * `{name=default}` is the default where no value is given.
-- * `{?name}…{/name}` is there only if a value is given that is neither `false` nor empty, and
--   `{?name}…{:else}…{/name}` has something else for the other case. Parts may stand in each other.
--   A `{?name}`, `{:else}` or `{/name}` that is alone on its line takes the line with it.
-- * `{{` and `}}` are braces.
--
-- A template has `variables`, the names in the order of their first appearance, `render`, and can
-- be called: `t { name = "…" }`.
-- @module predibase.template.plain

local checks = require "predibase.checks"
local errors = require "predibase.errors"
local files = require "predibase.files"
local fill = require "predibase.template.fill"
local format = require "predibase.template.format"
local json = require "predibase.json"
local models = require "predibase.template.models"
local names = require "predibase.names"
local parse = require "predibase.template.parse"

local M = {}

--- Largest file that `load` reads: far above any prompt that a model could take.
M.MAX_FILE = 8 * 1024 * 1024

local Template = { __name = "predibase.template" }
Template.__index = Template

local function template_error(message, fields)
  fields = fields or {}
  fields.kind, fields.phase, fields.message = "template", "request", message
  return errors.new(fields)
end

--- Puts values in.
-- @tparam ?table values strings and numbers by the names of the template
-- @tparam ?table options `allow_extra` (boolean): values that the template has no use for are no
-- error
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template", which names the value
-- @raise for arguments that are no tables and options that do not exist
function Template:render(values, options)
  if getmetatable(self) ~= Template then
    error("template:render must be called with a colon on a template", 2)
  end
  if values ~= nil and type(values) ~= "table" then
    error("template:render takes the values as a table, got a " .. type(values), 2)
  end
  if options ~= nil and type(options) ~= "table" then
    error("template:render takes its options as a table, got a " .. type(options), 2)
  end
  names.check(options or {}, { allow_extra = true }, "option", 2)
  local allow_extra = json.present(options or {}).allow_extra
  if allow_extra == nil then allow_extra = self.allow_extra end
  local text, problem = fill.fill(self, json.fields(values or {}), allow_extra)
  if text then return text end
  return nil, template_error(self.place .. problem)
end

function Template:__call(values)
  if values ~= nil and type(values) ~= "table" then
    error("a template takes the values as a table, got a " .. type(values), 2)
  end
  local text, err = self:render(values)
  if text then return text end
  return nil, err
end

function Template:__tostring()
  return ("predibase.template (%s)"):format(table.concat(self.variables, ", "))
end

local OPTIONS = { allow_extra = true, format = true, special_tokens_in_text = true }
local MODES = { refuse = true, neutralise = true, allow = true }

--- The guard of the format that the values must not break, or nil and what is wrong.
local function guard_of(options)
  local mode, wanted = options.special_tokens_in_text, options.format
  if mode ~= nil and not MODES[mode] then
    return nil, 'special_tokens_in_text must be "refuse", "neutralise" or "allow", got '
      .. checks.describe(mode)
  end
  if wanted == nil then
    return nil, mode and mode ~= "allow" and "special_tokens_in_text needs a format, whose special "
      .. "tokens it is about"
  end
  if format.is(wanted) then return wanted.guard end
  if type(wanted) ~= "string" then
    return nil, "format must be a chat format or the name of one, got " .. checks.describe(wanted)
  end
  local found, problem = models.by_name(wanted)
  return found and found.guard, problem
end

local function compile(text, options, place)
  options = json.present(options)
  local guard, problem = guard_of(options)
  if problem then return nil, template_error(place .. problem) end
  local nodes, variables = parse.read(text)
  if not nodes then
    local where = variables
    return nil, template_error(("%sline %d, column %d: %s"):format(place, where.line,
      where.column, where.message), { line = where.line, column = where.column })
  end
  return setmetatable({
    place = place,               -- what its messages begin with
    variables = variables,
    nodes = nodes,
    guard = guard,
    mode = options.special_tokens_in_text or "refuse",
    allow_extra = options.allow_extra or false,
  }, Template)
end

local function check(text, options, what)
  if type(text) ~= "string" then
    error(("template.%s takes a string, got a %s"):format(what, type(text)), 3)
  end
  if options ~= nil and type(options) ~= "table" then
    error(("template.%s takes its options as a table, got a %s"):format(what, type(options)), 3)
  end
  names.check(options or {}, OPTIONS, "option", 3)
end

--- Compiles a template.
-- @tparam string text
-- @tparam ?table options `allow_extra` (boolean): values that the template has no use for are no
-- error; `format`: a chat format or its name, whose special tokens no value may have in it;
-- `special_tokens_in_text`: `"refuse"` (the default), `"neutralise"` or `"allow"`
-- @treturn[1] table the template
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template"; `line` and `column` say where in the text
-- @raise for a text that is no string and an option that does not exist
function M.new(text, options)
  check(text, options, "new")
  local self, err = compile(text, options or {}, "")
  return self, err
end

--- Compiles the template in a file. A byte order mark in front and one line end at the end, which
-- editors put there, are not part of it. CR LF is read as LF.
-- @tparam string path
-- @tparam ?table options as for `new`
-- @treturn[1] table the template
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template"
-- @raise for a path that is no string and an option that does not exist
function M.load(path, options)
  check(path, options, "load")
  local text, why = files.read(path, M.MAX_FILE)
  if not text then return nil, template_error(why) end
  text = files.unix(text):gsub("\n$", "")
  local self, err = compile(text, options or {}, path .. ": ")
  return self, err
end

--- Tells whether a value is a template.
-- @param value anything
-- @treturn boolean
function M.is(value)
  return type(value) == "table" and getmetatable(value) == Template
end

return M
