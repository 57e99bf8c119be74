-- SPDX-License-Identifier: MIT
-- Renders templates for check.py: reads `{"template", "context", "now"}`, one JSON text a line,
-- and answers each with `{"text"}` or `{"error", "line"}`.

local jinja = require "predibase.template.jinja"
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"

local function field (case, name)
  for _, member in ipairs(case) do
    if member[1] == name then return member[2] end
  end
end

for line in io.lines() do
  local case = assert(ordered.decode(line))
  local template, err = jinja.compile(field(case, "template"), { max_steps = field(case, "steps") })
  local text
  if template then
    local context = {}
    for _, member in ipairs(field(case, "context")) do context[member[1]] = member[2] end
    text, err = template:render(context, { now = field(case, "now") })
  end
  local answer = text and { text = text } or { error = err.message, line = err.line }
  io.write(assert(json.encode(answer)), "\n")
end
