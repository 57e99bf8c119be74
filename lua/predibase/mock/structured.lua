-- SPDX-License-Identifier: MIT
--- Writes a JSON text that satisfies a JSON schema, with words that the model supplies.
-- It supports type, enum, const, properties, required, additionalProperties, items, minItems,
-- maxItems, minLength, maxLength, format, minimum, maximum, exclusiveMinimum, exclusiveMaximum,
-- anyOf and oneOf (the first branch), and $ref to a place in the same schema. Keywords that only
-- describe are skipped. Any other keyword is refused, because ignoring it would give answers that
-- do not satisfy the schema. All properties are written, in the order of the schema, without white
-- space.
-- @module predibase.mock.structured

local json = require "predibase.mock.router_json"

local M = {}

local DEPTH = 32

-- A value of each format that the server's grammar knows.
local FORMATS = { date = "2026-01-31", time = "12:30:00", ["date-time"] = "2026-01-31T12:30:00Z",
  uuid = "123e4567-e89b-42d3-a456-426614174000" }

local KNOWN = {}
for word in ([[ type enum const properties required additionalProperties items minItems maxItems
    minLength maxLength format minimum maximum exclusiveMinimum exclusiveMaximum anyOf oneOf $ref
    $defs definitions title description default examples $schema $id $comment ]]):gmatch("%S+") do
  KNOWN[word] = true
end

local function refuse (message)
  error({ message = message }, 0)
end

local build

-- Returns a number of the schema, or `default`.
local function number (value, default)
  if value == nil then return default end
  return tonumber(value.literal) or refuse "the schema is not a valid JSON schema"
end

local function resolve (root, reference)
  local node = root
  if reference:sub(1, 1) ~= "#" then refuse(("cannot follow `$ref` %s"):format(reference)) end
  for escaped in reference:gmatch("/([^/]+)") do
    local step = escaped:gsub("~1", "/"):gsub("~0", "~")
    node = type(node) == "table" and node.object and node.values[step] or nil
  end
  if not node then refuse(("`$ref` %s does not exist"):format(reference)) end
  return node
end

-- Characters of UTF-8 text, so that minLength and maxLength count what JSON schema counts.
local function characters (text)
  local list = {}
  for character in text:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    list[#list + 1] = character
  end
  return list
end

local function string_for (keys, source)
  if keys.format then
    local example = FORMATS[keys.format] or refuse(("Format %s not supported")
      :format(tostring(keys.format)))
    return json.string(example)
  end
  local least, most = number(keys.minLength, 0), number(keys.maxLength, math.huge)
  if least > most then refuse("`minLength` is greater than `maxLength`") end
  local text = source.words(3)
  local list = characters(text)
  while #list < least do
    for _, character in ipairs(characters(" " .. source.words(3))) do
      list[#list + 1] = character
    end
  end
  return json.string(table.concat(list, "", 1, math.min(#list, most)))
end

local function number_for (keys, source, integral)
  local low, high = number(keys.minimum, -math.huge), number(keys.maximum, math.huge)
  local step = integral and 1 or 0.5
  local above, below = number(keys.exclusiveMinimum), number(keys.exclusiveMaximum)
  if above and above >= low then low = integral and math.floor(above) + 1 or above + 1e-6 end
  if below and below <= high then high = integral and math.ceil(below) - 1 or below - 1e-6 end
  local given = source.number and source.number()
  if given and given >= low and given <= high and (not integral or given % 1 == 0) then
    return json.encode(given)
  end
  if low == -math.huge then low = math.min(0, high == math.huge and 0 or high - 100) end
  if high == math.huge then high = low + 100 end
  if integral then low, high = math.ceil(low), math.floor(high) end
  if low > high then refuse("no number is between `minimum` and `maximum`") end
  local value = low + math.floor(source.random() * ((high - low) / step + 1)) * step
  return json.encode(math.min(value, high))
end

local function array_for (keys, source, root, depth)
  local least, most = number(keys.minItems, 0), number(keys.maxItems, math.huge)
  if least > most then refuse("`minItems` is greater than `maxItems`") end
  local count = math.max(least, math.min(most, 2))
  if count > 1000 then refuse("`minItems` is more than the stand-in writes") end
  local parts = {}
  for i = 1, count do parts[i] = build(keys.items or true, source, root, depth) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function object_for (keys, source, root, depth)
  local parts, written = {}, {}
  local function add (name, schema)
    written[name] = true
    parts[#parts + 1] = json.string(name) .. ":" .. build(schema, source, root, depth)
  end
  local properties = keys.properties
  for _, name in ipairs(properties and properties.keys or {}) do
    add(name, properties.values[name])
  end
  for _, name in ipairs(keys.required or {}) do
    if not written[name] then add(name, true) end
  end
  if #parts == 0 and keys.additionalProperties ~= false then
    local more = keys.additionalProperties
    add("answer", type(more) == "table" and more or true)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function kind_of (keys)
  local kind = keys.type
  if type(kind) == "table" then kind = kind[1] end
  if kind then return kind end
  if keys.properties or keys.required then return "object" end
  if keys.items then return "array" end
  return "string"
end

function build (schema, source, root, depth)
  if depth > DEPTH then refuse("the schema is nested too deeply, or refers to itself") end
  if schema == false then refuse("the schema `false` allows nothing") end
  if type(schema) ~= "table" or not schema.object then schema = { keys = {}, values = {} } end
  local keys = schema.values
  for _, keyword in ipairs(schema.keys) do
    if not KNOWN[keyword] then
      refuse(("the stand-in does not know the schema keyword `%s`"):format(keyword))
    end
  end
  if keys["$ref"] then return build(resolve(root, keys["$ref"]), source, root, depth + 1) end
  if keys.const ~= nil then return json.text(keys.const) end
  if keys.enum then
    if #keys.enum == 0 then refuse("`enum` is empty") end
    for _, item in ipairs(keys.enum) do
      if source.mentions and type(item) == "string" and source.mentions(item) then
        return json.string(item)
      end
    end
    return json.text(keys.enum[math.floor(source.random() * #keys.enum) + 1])
  end
  local branches = keys.anyOf or keys.oneOf
  if branches then return build(branches[1], source, root, depth + 1) end
  local kind = kind_of(keys)
  if kind == "object" then return object_for(keys, source, root, depth + 1) end
  if kind == "array" then return array_for(keys, source, root, depth + 1) end
  if kind == "string" then return string_for(keys, source) end
  if kind == "integer" then return number_for(keys, source, true) end
  if kind == "number" then return number_for(keys, source, false) end
  if kind == "boolean" then return source.random() < 0.5 and "true" or "false" end
  if kind == "null" then return "null" end
  return refuse(("the schema type `%s` does not exist"):format(tostring(kind)))
end

--- Writes a text for a schema.
-- @param schema as `router_json.read` returns it
-- @tparam table source `words(n)` returns a string of n words, `random()` a number in [0, 1);
--   optional: `number()` returns a number to use or nil, `mentions(text)` whether an item of an
--   `enum` is to be preferred
-- @treturn[1] string JSON text
-- @treturn[2] nil
-- @treturn[2] string why not
function M.produce (schema, source)
  local ok, result = pcall(build, schema, source, schema, 0)
  if ok then return result end
  -- a keyword of the wrong type, such as "minLength": "x", ends in a Lua error
  return nil, type(result) == "table" and result.message or "the schema is not a valid JSON schema"
end

return M
