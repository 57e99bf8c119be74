-- SPDX-License-Identifier: MIT
--- Fills rows into a template: a text with `{names}`, a chat format, a function of the program, or
-- an object of the program with a method `render`.
-- @module predibase.bulk.dialects.row_template

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local outside_errors = require "predibase.outside_errors"
local names_of = require "predibase.option_names"
local parameters = require "predibase.bulk.dialects.row_parameters"
local recognition = require "predibase.bulk.dialects.recognition"
local rendering = require "predibase.rendering"
local templates = require "predibase.template"
local usage = require "predibase.usage"

local M = {}

-- The values of a row may be more than the template uses. Booleans of JSON rows are written.
local OF_ROWS = { allow_extra = true, booleans = true }

--- Returns the values for a template: those of the row, with arrays and objects as JSON text.
local function values_of (record, variables)
  local row, values = record.row, nil
  for _, name in ipairs(variables) do
    local value = rawget(row, name)
    if type(value) == "table" and not json.literal(value) then
      if not values then
        values = {}
        for column, inner in next, row do values[column] = inner end
      end
      values[name] = parameters.text_of(record, name) or json.encode(value)
    end
  end
  return values or row
end

--- Explains which column is missing. Returns the end of a message, or nothing.
local function hint (record, variables, message)
  for _, name in ipairs(variables) do
    if message:find('"' .. name .. '"', 1, true) then
      local value = rawget(record.row, name)
      if value == json.null then return ('; the column "%s" is null'):format(name) end
      if value == nil then
        local columns = {}
        for column in next, record.row do
          if type(column) == "string" then columns[#columns + 1] = column end
        end
        table.sort(columns)
        local near = names_of.nearest(name, columns)
        return ('; the row has no column "%s"%s; found: %s'):format(name,
          near and (' (did you mean "%s"?)'):format(near) or "", recognition.fields_of(record.row))
      end
    end
  end
  return ""
end

local function of_text (template)
  return function (record)
    local prompt, err = template:render(values_of(record, template.variables), OF_ROWS)
    if prompt then return prompt end
    return nil, "the template: " .. err.message .. hint(record, template.variables, err.message)
  end
end

local function of_format (format, options)
  return function (record)
    if not recognition.has(record, "messages") then
      return nil, ('the row has no "messages", which the chat format %s needs; found: %s'):format(
        format.name, recognition.fields_of(record.row))
    end
    local messages, problem = parameters.json_value(record, "messages")
    if messages == nil then return nil, problem end
    if type(messages) ~= "table" then
      return nil, '"messages" must be an array, got ' .. checks.describe(messages)
    end
    local prompt, err = rendering.write(format, messages, options)
    if prompt then return prompt end
    return nil, err.message
  end
end

--- Calls a function of the program for a row. It may return a prompt, or messages.
local function of_function (call)
  return function (record)
    local function run () return call(record.row, record.at) end
    local ok, prompt, problem = usage.catch(run)
    if not ok then
      outside_errors.raise_if_outside(prompt, run)
      return nil, "the template raised an error: " .. tostring(prompt)
    end
    if type(prompt) == "string" or type(prompt) == "table" then return prompt end
    if prompt ~= nil then
      return nil, "the template must return a prompt as a string, or messages, got "
        .. checks.describe(prompt)
    end
    if errors.is(problem) then problem = problem.message end
    return nil, problem and "the template: " .. tostring(problem)
      or "the template returned no prompt"
  end
end

--- Makes the function that fills rows into a template.
-- @param template a text, a template of `predibase.template`, a chat format, a function, or an
-- object with a method `render`
-- @tparam ?table options of rendering, for a chat format
-- @treturn[1] function takes a record (`row`, `at`, `cells`, `raw`); returns a prompt, or the
-- messages of a chat completion; or nil and what is wrong
-- @treturn[1] string what the template consists of, so that another one can be told apart, unless
-- both are functions or objects of the program
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template", when a text is not a template
-- @raise for a value that cannot be a template
function M.new (template, options)
  if type(template) == "string" then
    local made, err = templates.new(template)
    if not made then return nil, err end
    template = made
  end
  if templates.is_template(template) then return of_text(template), "text:" .. template.text end
  if templates.is_format(template) then
    options = options or {}
    local shown = next(options) ~= nil and " " .. (json.encode(options) or "") or ""
    return of_format(template, options), "format:" .. tostring(template.name) .. shown
  end
  if checks.callable(template) then return of_function(template), "function" end
  if type(template) == "table" and checks.callable(template.render) then
    local render = template.render
    return of_function(function (row) return render(template, row) end), "object"
  end
  usage.fail("template must be a text with {names}, one of predibase.template, a chat format, a "
    .. "function, or an object with a method render, got " .. checks.describe(template))
end

return M
