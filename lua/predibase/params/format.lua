-- SPDX-License-Identifier: MIT
--- `response_format` and `extra`: values that are JSON of the caller's own making.
-- They become JSON text at once, so that a function, a cycle or NaN in them is found before
-- anything is sent, and a later change of the caller's table changes nothing.
-- @module predibase.params.format

local checks = require "predibase.checks"
local errors = require "predibase.errors"
local files = require "predibase.files"
local json = require "predibase.json"
local kinds = require "predibase.params.kinds"
local lists = require "predibase.params.lists"
local names = require "predibase.names"
local rules = require "predibase.params.rules"

local M = {}

local FIELDS = { type = true, schema = true }

local WANTED = "a JSON schema: a table with named fields, or a string of JSON"

--- The schema as JSON text. A string is passed on untouched, so that the order of its
-- properties, which decides the order in which they are generated, survives.
local function schema_text(schema, name)
  local text, problem
  if type(schema) == "string" then
    local ok
    schema = files.without_mark(schema)
    ok, problem = json.check(schema)
    if not ok then
      return nil, ("`%s` must be %s; this string is not JSON: %s"):format(name, WANTED, problem)
    end
    text = schema
  elseif type(schema) == "table" then
    text, problem = json.encode(lists.marked(schema))
    if not text then return nil, ("`%s` must be %s: %s"):format(name, WANTED, problem) end
  else
    return nil, ("`%s` must be %s, got %s"):format(name, WANTED, checks.describe(schema))
  end
  if not text:find("^[ \t\r\n]*{") then
    return nil, ("`%s` must be a JSON object, got %s"):format(name, errors.excerpt(text, 40))
  end
  return text
end

--- Check one value of `response_format`. Raises for a field that does not exist.
--
-- The router looks at `schema` only: left out it means "any JSON object", even for the type
-- `text`, and null means no constraint. So `{ type = "text" }` goes out with a null schema.
-- @param value `{ type = "text" | "json_object" | "json_schema", schema = table or JSON string }`
-- @tparam string name what error texts call it
-- @tparam table _ the rule, unused
-- @treturn[1] table ordered object for `predibase.json`
-- @treturn[2] nil
-- @treturn[2] string error text
function M.format(value, name, _)
  if type(value) ~= "table" then
    return nil, ('`%s` must be a table such as { type = "json_object", schema = … }, got %s')
      :format(name, checks.describe(value))
  end
  value = json.fields(value)
  names.check(value, FIELDS, "field of " .. name)
  local kind, problem = kinds.choice(rawget(value, "type"), name .. ".type",
    { choices = rules.formats, exact = true })
  if not kind then return nil, problem end
  local schema = rawget(value, "schema")
  if kind == "text" then
    if schema ~= nil and schema ~= json.null then
      return nil, ('`%s.schema` has no place beside type "text"; use "json_object"'):format(name)
    end
    schema = json.null
  elseif schema == json.null then
    return nil, ("`%s.schema` must not be null, which lifts every constraint; "
      .. "leave it out for any JSON object"):format(name)
  elseif schema ~= nil then
    schema, problem = schema_text(schema, name .. ".schema")
    if not schema then return nil, problem end
    schema = json.raw(schema)
  end
  local object = { { "type", kind } }
  if schema ~= nil then object[2] = { "schema", schema } end
  return json.object(object)
end

--- Tells why the server could not make a grammar of a checked `response_format`.
-- @tparam table format what `format` gave
-- @tparam string name what error texts call it
-- @treturn ?string nil when it can
function M.grammar_problem(format, name)
  local pair = rawget(format, 2)
  local schema = pair and pair[2]
  if type(schema) ~= "table" then return nil end       -- none, or null
  return require "predibase.schema".problem(rawget(schema, 1), name .. ".schema")
end

--- Fields that have no name yet: `{ field = value }`, any JSON value.
-- @param extra what the caller gave
-- @tparam table known set of the parameters that have a name
-- @treturn[1] table array of `{ name, value }` sorted by name
-- @treturn[2] nil
-- @treturn[2] string error text
function M.extra(extra, known)
  if type(extra) ~= "table" then
    return nil, ("`extra` must be a table of field = value, got %s")
      :format(checks.describe(extra))
  end
  local fields = {}
  for key, value in next, json.fields(extra) do
    if type(key) ~= "string" or key == "" then
      return nil, ("`extra` must have the names of fields as keys, got %s")
        :format(checks.describe(key))
    end
    local shown = errors.excerpt(key, checks.SHOWN)
    if known[key] then
      return nil, ("`extra.%s` is a parameter of its own; write %s = … beside `extra`")
        :format(shown, shown)
    end
    local text, problem = json.encode(value)
    if not text then return nil, ("`extra.%s`: %s"):format(shown, problem) end
    if not json.encode(key) then
      return nil, ("`extra.%s` must have a name that is valid UTF-8"):format(shown)
    end
    fields[#fields + 1] = { key, json.raw(text) }
  end
  table.sort(fields, function(a, b) return a[1] < b[1] end)
  return fields
end

return M
