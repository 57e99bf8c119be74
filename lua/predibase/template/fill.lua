-- SPDX-License-Identifier: MIT
--- Puts values into a template that was read.
-- @module predibase.template.fill

local checks = require "predibase.checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local names = require "predibase.names"
local numbers = require "predibase.template.number_text"

local M = {}

--- The text of a value, or nil and what is wrong.
local function text_of(value, name, guard, mode)
  local text = type(value) == "number" and numbers.plain(value) or json.literal(value) or value
  if type(text) ~= "string" then
    return nil, ('"%s" must be a string or a number, got %s'):format(name, checks.describe(value))
  end
  if not guard then return text end
  local admitted, problem = guard.admit(text, mode)
  if admitted then return admitted end
  return nil, ('"%s" %s'):format(name, problem)
end

--- Texts by name. `true` can only be asked about, `false` is as good as no value.
local function texts_of(template, values, guard)
  local texts = {}
  for _, name in ipairs(template.variables) do
    local value = rawget(values, name)
    if value == true then
      texts[name] = true
    elseif value ~= nil and value ~= false and value ~= json.null then
      local text, problem = text_of(value, name, guard, template.mode)
      if not text then return nil, problem end
      texts[name] = text
    end
  end
  return texts
end

--- Draws nodes into `out`; the names of values that are missing, or only `true`, are collected.
local function draw(nodes, texts, out, missing)
  for _, node in ipairs(nodes) do
    local text = node
    if type(node) == "table" and node.test then
      local value = texts[node.test]
      draw((value and value ~= "") and node.yes or node.no, texts, out, missing)
      text = ""
    elseif type(node) == "table" then
      text = texts[node.name] or node.default
      if type(text) ~= "string" then
        if not missing[node.name] then missing[#missing + 1] = node.name end
        missing[node.name], text = true, ""
      end
    end
    out[#out + 1] = text
  end
  return out
end

local function missing_message(missing, texts)
  if texts[missing[1]] then
    return ('"%s" must be a string or a number, got the boolean true'):format(missing[1])
  end
  return (#missing == 1 and 'no value for "%s"' or 'no values for "%s"'):format(
    table.concat(missing, '", "'))
end

--- What is wrong with the first in order of the names that the template does not have.
local function extra_message(template, values)
  local known, extra = {}, nil
  for _, name in ipairs(template.variables) do known[name] = true end
  for name in next, values do
    if not known[name] and (extra == nil or tostring(name) < tostring(extra)) then extra = name end
  end
  if extra == nil then return nil end
  if type(extra) ~= "string" then
    return "values go by their names, got one at " .. checks.describe(extra)
  end
  local near = names.nearest(extra, template.variables)
  return ('there is no "%s" in this template%s'):format(errors.excerpt(extra, 60),
    near and ('; did you mean "%s"?'):format(near) or "")
end

--- Whether values and what stands around them make up a special token that is in none of them.
local function completed(template, guard, texts, text)
  local blank, edges = {}, false
  for name, value in pairs(texts) do
    blank[name] = type(value) == "string" and guard.blank(value) or value
    edges = edges or type(value) == "string" and guard.edges(value)
  end
  if not edges then return false end
  return guard.sequence(table.concat(draw(template.nodes, blank, {}, {}))) ~= guard.sequence(text)
end

--- Puts values in.
-- @tparam table template `nodes`, `variables` (see `predibase.template.parse`), `guard`, `mode`
-- @tparam table values
-- @tparam boolean allow_extra values that have no place are no error
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.fill(template, values, allow_extra)
  local problem = not allow_extra and extra_message(template, values)
  if problem then return nil, problem end
  local guard = template.mode ~= "allow" and template.guard or nil
  local texts
  texts, problem = texts_of(template, values, guard)
  if not texts then return nil, problem end
  local missing = {}
  local text = table.concat(draw(template.nodes, texts, {}, missing))
  if missing[1] then return nil, missing_message(missing, texts) end
  if guard and completed(template, guard, texts, text) then
    return nil, "values and the text around them make up a special token"
  end
  return text
end

return M
