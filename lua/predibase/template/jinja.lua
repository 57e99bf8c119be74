-- SPDX-License-Identifier: MIT
--- An interpreter for the part of Jinja that chat templates use, configured as in `transformers`:
-- the immutable sandbox, `trim_blocks`, `lstrip_blocks`, loop controls, `raise_exception`,
-- `strftime_now`, `{% generation %}`, and a `tojson` that does not escape HTML.
--
-- Templates are written by other people and are not trusted. A template is never turned into Lua,
-- can read only the values that it is given, and fails after a number of steps
-- (`predibase.template.jinja.runtime`).
--
--    local template = assert(jinja.compile "{% for m in messages %}{{ m.content }}{% endfor %}")
--    print(template:render { messages = { { content = "hi" } } })
-- @module predibase.template.jinja

local checks = require "predibase.value_checks"
local compiler = require "predibase.template.jinja.compiler"
local convert = require "predibase.template.jinja.convert"
local errors = require "predibase.errors"
local filters = require "predibase.template.jinja.filters"
local globals = require "predibase.template.jinja.globals"
local grammar = require "predibase.template.jinja.grammar"
local json = require "predibase.json"
local names = require "predibase.option_names"
local runtime = require "predibase.template.jinja.runtime"
local tests = require "predibase.template.jinja.tests"
local tojson = require "predibase.template.jinja.tojson"
local usage = require "predibase.usage"

local M = {}

local Template = { __name = "predibase.template.jinja" }
Template.__index = Template

--- The options of `jinja.compile`.
-- @table JinjaOptions
-- @tfield ?string name with which messages begin
-- @tfield ?integer max_steps how many steps a rendering may take (default 4,000,000)

local OPTIONS = { name = true, max_steps = true }
local RENDER_OPTIONS = { now = true }

local function problem_with (self, caught)
  local line = caught.line
  local where = line and (" (line %d)"):format(line) or ""
  return errors.new { kind = "template", phase = "request", line = line,
    message = ("%s%s%s"):format(self.name and self.name .. ": " or "", caught.message, where) }
end

--- Calls a function of the interpreter; returns nil and the error if the template has one. Other
-- errors (an interrupt, lack of memory) are raised again.
local function protected (self, rt, fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  if not runtime.is_error(result) then error(result, 0) end
  if not result.line and rt then result.line = rt.line end
  return nil, problem_with(self, result)
end

--- Compiles a template.
-- @tparam string source
-- @tparam ?JinjaOptions options `name`, with which messages begin; `max_steps`, how many steps a
-- rendering may take (4,000,000)
-- @treturn[1] JinjaTemplate the template, with the method `render`
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template", with `line`
-- @raise when the source is not a string or an option does not exist
function M.compile (source, options)
  if type(source) ~= "string" then
    usage.fail("jinja.compile takes the template as a string, got a " .. type(source))
  end
  options = options or {}
  names.check(options, OPTIONS, "option")
  options = json.present(options)
  local self = setmetatable({ name = options.name, max_steps = options.max_steps }, Template)
  if #source > runtime.SOURCE then
    return nil, problem_with(self, { message = ("the source has more than %d bytes"):format(
      runtime.SOURCE) })
  end
  local run, err = protected(self, nil, function ()
    return compiler.template(grammar.parse(source))
  end)
  if not run then return nil, err end
  self.run = run
  return self
end

--- Makes the state of a rendering.
local function new_rendering (self, variables, now)
  return { line = 1, steps = 0, max_steps = self.max_steps or runtime.STEPS, out = {}, size = 0,
    depth = 0, context = variables, filters = filters, tests = tests,
    now = function () return now or os.time() end }
end

--- Writes a value as the filter `tojson` does.
-- @param value see `predibase.template.jinja.convert`
-- @tparam ?integer indent spaces for each level; nil writes one line
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what is wrong with the value
function M.tojson (value, indent)
  local made, problem = convert.value(value, "the value")
  if problem then return nil, problem end
  local text, err = protected({}, nil, tojson.write, new_rendering({}, {}), made,
    { indent = indent })
  return text, err and err.message
end

local function execute (self, context, options)
  local variables = {}
  for name, value in pairs(globals) do variables[name] = value end
  for name, value in next, context do
    if type(name) ~= "string" then
      usage.fail("the names of a template's variables are strings, got " .. checks.describe(name))
    end
    local made, problem = convert.value(value, name)
    if problem then return nil, problem_with(self, { message = problem }) end
    variables[name] = made
  end
  local rt = new_rendering(self, variables, options.now)
  return protected(self, rt, function ()
    self.run(rt)
    return table.concat(rt.out)
  end)
end

--- Renders the template. It can be rendered any number of times.
-- @tparam ?table context the variables by name; see `predibase.template.jinja.convert`
-- @tparam ?table options `now`: Unix seconds for `strftime_now`, the clock when nil
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template", with `line`
-- @raise when the context is not a table, a name in it is not a string, or an option does not exist
function Template:render (context, options)
  if getmetatable(self) ~= Template then
    usage.fail("template:render must be called with a colon on a template")
  end
  if context ~= nil and type(context) ~= "table" then
    usage.fail("template:render takes the variables as a table, got a " .. type(context))
  end
  options = options or {}
  names.check(options, RENDER_OPTIONS, "option")
  options = json.present(options)
  return execute(self, json.fields(context or {}), options)
end

return M
