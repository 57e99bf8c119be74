-- SPDX-License-Identifier: MIT
--- Searches everything that a program can reach from a value by `pairs` for a secret, and the
-- `tostring` of every table on the way.

local M = {}

--- The API token of all specs that search for it.
M.TOKEN = "pb_SENTINEL_7f3a"

local function is_in (value, secret)
  return type(value) == "string" and value:find(secret, 1, true) ~= nil
end

local function search (value, secret, is_core, seen, path)
  if is_in(value, secret) then return path end
  if type(value) ~= "table" or seen[value] or is_core(value) then return nil end
  seen[value] = true
  if is_in(tostring(value), secret) then return "tostring(" .. path .. ")" end
  for key, inner in pairs(value) do
    local at = search(key, secret, is_core, seen, path .. ".(a key)")
      or search(inner, secret, is_core, seen, path .. "." .. tostring(key))
    if at then return at end
  end
  return search(getmetatable(value), secret, is_core, seen, path .. ".(metatable)")
end

local function nothing ()
  return false
end

--- Searches a value for a secret.
-- @param value anything
-- @tparam[opt] string secret the token of the specs by default
-- @tparam[opt] function is_core returns true for tables that represent C memory; they are skipped
-- @treturn ?string the path to it; nil when it was not found
function M.find (value, secret, is_core)
  return search(value, secret or M.TOKEN, is_core or nothing, {}, "value")
end

return M
