-- SPDX-License-Identifier: MIT
--- The part of Jinja that chat templates are written in, as `transformers` sets it up: the
-- immutable sandbox, `trim_blocks`, `lstrip_blocks`, loop controls, `raise_exception`,
-- `strftime_now`, `{% generation %}` and a `tojson` that leaves text as it is.
--
-- A template is code of strangers. It is never turned into Lua, has no way to anything but the
-- values that it is given, and ends after a number of steps (`predibase.template.jinja.limits`).
--
--    local template = assert(jinja.compile "{% for m in messages %}{{ m.content }}{% endfor %}")
--    print(template:render { messages = { { content = "hi" } } })
-- @module predibase.template.jinja

local checks = require "predibase.checks"
local compiler = require "predibase.template.jinja.compiler"
local convert = require "predibase.template.jinja.convert"
local errors = require "predibase.errors"
local filters = require "predibase.template.jinja.filters"
local globals = require "predibase.template.jinja.globals"
local grammar = require "predibase.template.jinja.grammar"
local json = require "predibase.json"
local names = require "predibase.names"
local runtime = require "predibase.template.jinja.runtime"
local tests = require "predibase.template.jinja.tests"

local M = {}

local Template = { __name = "predibase.template.jinja" }
Template.__index = Template

local OPTIONS = { name = true, max_steps = true }
local RENDER_OPTIONS = { now = true }

local function problem_with(self, caught)
  local line = caught.line
  local where = line and (" (line %d)"):format(line) or ""
  return errors.new { kind = "template", phase = "request", line = line,
    message = ("%s%s%s"):format(self.name and self.name .. ": " or "", caught.message, where) }
end

--- Runs something of the interpreter. What is no error of the template (an interrupt, no memory) is
-- raised again.
local function protected(self, rt, fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  if not runtime.is_error(result) then error(result, 0) end
  if not result.line and rt then result.line = rt.line end
  return nil, problem_with(self, result)
end

--- Compiles a template.
-- @tparam string source
-- @tparam ?table options `name`, put in front of messages; `max_steps`, how much work a rendering
-- may be (4,000,000)
-- @treturn[1] table the template, with the method `render`
-- @treturn[2] nil
-- @treturn[2] table an error of kind "template": what is wrong and in which line
-- @raise when the source is no string or an option does not exist
function M.compile(source, options)
  if type(source) ~= "string" then
    error("jinja.compile takes the template as a string, got a " .. type(source), 2)
  end
  options = options or {}
  names.check(options, OPTIONS, "option", 2)
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

local function execute(self, context, options)
  local variables = {}
  for name, value in pairs(globals) do variables[name] = value end
  for name, value in next, context do
    if type(name) ~= "string" then
      error("the names of a template's variables are strings, got " .. checks.describe(name), 3)
    end
    local made, problem = convert.value(value, name)
    if problem then return nil, problem_with(self, { message = problem }) end
    variables[name] = made
  end
  local now = options.now
  local rt = { line = 1, steps = 0, max_steps = self.max_steps or runtime.STEPS, out = {}, size = 0,
    depth = 0, context = variables, filters = filters, tests = tests,
    now = function () return now or os.time() end }
  return protected(self, rt, function ()
    self.run(rt)
    return table.concat(rt.out)
  end)
end

--- Renders a template. The same template can be rendered any number of times.
-- @tparam ?table context the variables by name; see `predibase.template.jinja.convert`
-- @tparam ?table options `now`: Unix seconds for `strftime_now`, the clock when nil
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table an error of kind "template"; its `line` is that of the source
-- @raise when the context is no table, a name in it no string, or an option does not exist
function Template:render(context, options)
  if getmetatable(self) ~= Template then
    error("template:render must be called with a colon on a template", 2)
  end
  if context ~= nil and type(context) ~= "table" then
    error("template:render takes the variables as a table, got a " .. type(context), 2)
  end
  options = options or {}
  names.check(options, RENDER_OPTIONS, "option", 2)
  options = json.present(options)
  return execute(self, json.fields(context or {}), options)
end

return M
