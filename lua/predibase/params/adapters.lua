-- SPDX-License-Identifier: MIT
--- `merged_adapters`: several adapters merged for one request (LoRAX `AdapterParameters`).
-- @module predibase.params.adapters

local checks = require "predibase.checks"
local json = require "predibase.json"
local kinds = require "predibase.params.kinds"
local names = require "predibase.names"
local rules = require "predibase.params.rules"

local M = {}

local FIELDS = {
  ids = true, weights = true, merge_strategy = true, density = true, majority_sign_method = true,
}

local function list(value, name, wanted)
  if type(value) ~= "table" then
    return nil, ("`%s` must be an array of %s, got %s")
      :format(name, wanted, checks.describe(value))
  end
  local count, problem = checks.array(value)
  if count then return count end
  return nil, ("`%s` must be an array of %s; the table given %s"):format(name, wanted, problem)
end

local function ids_of(value, name)
  local count, problem = list(value, name, "adapter ids")
  if not count then return nil, problem end
  local ids = {}
  for i = 1, count do
    local id
    id, problem = kinds.identifier(rawget(value, i), ("%s[%d]"):format(name, i))
    if not id then return nil, problem end
    if id == "" then return nil, ("`%s[%d]` must not be empty"):format(name, i) end
    ids[i] = id
  end
  return ids
end

local function weights_of(value, name)
  local count, problem = list(value, name, "numbers")
  if not count then return nil, problem end
  local weights = {}
  for i = 1, count do
    local weight
    weight, problem = kinds.single(rawget(value, i), ("%s[%d]"):format(name, i))
    if not weight then return nil, problem end
    weights[i] = weight
  end
  return weights
end

--- Check one value of `merged_adapters`. Raises for a field that does not exist.
-- @param value `{ ids, weights, merge_strategy, density, majority_sign_method }`
-- @tparam string name what error texts call it
-- @tparam table _ the rule, unused
-- @treturn[1] table ordered object for `predibase.json`
-- @treturn[2] nil
-- @treturn[2] string error text
function M.merged(value, name, _)
  if type(value) ~= "table" then
    return nil, ("`%s` must be a table with ids and weights, got %s")
      :format(name, checks.describe(value))
  end
  names.check(value, FIELDS, "field of " .. name)
  local function field(key)
    local given = rawget(value, key)
    if given ~= json.null then return given end
  end

  local ids, weights, problem
  ids, problem = ids_of(field("ids") or {}, name .. ".ids")
  if not ids then return nil, problem end
  weights, problem = weights_of(field("weights") or {}, name .. ".weights")
  if not weights then return nil, problem end
  if #ids == 0 then
    return nil, "at least one adapter ID must be provided when setting `adapters`"
  elseif #ids ~= #weights then
    return nil, "number of adapter IDs must match number of adapter weights"
  end

  local object = { { "ids", json.array(ids) }, { "weights", json.array(weights) } }
  local function add(key, check, rule)
    local given = field(key)
    if problem or given == nil then return end
    local checked
    checked, problem = check(given, name .. "." .. key, rule)
    object[#object + 1] = { key, checked }
  end
  add("merge_strategy", kinds.choice, { choices = rules.merge_strategies })
  add("density", kinds.single)
  add("majority_sign_method", kinds.choice, { choices = rules.sign_methods })
  if problem then return nil, problem end

  local density = field("density")
  if density and (density < 0 or density > 1) then
    return nil, ("`%s.density` must be >= 0.0 and <= 1.0, got %s")
      :format(name, checks.number(density))
  end
  return json.object(object)
end

return M
