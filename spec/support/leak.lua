-- SPDX-License-Identifier: MIT
-- Finds a secret in a value.

local M = {}

--- The API token of these specs; no returned value may contain it.
M.TOKEN = "pb_the_secret_of_this_spec_4711"

--- Searches a value, and everything reachable from it, for the secret.
-- @treturn ?string the path to the secret; nil when it was not found
function M.find (value, secret, where, seen)
  where, seen = where or "it", seen or {}
  if type(value) == "string" then return value:find(secret, 1, true) and where end
  if type(value) ~= "table" or seen[value] then return nil end
  seen[value] = true
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__tostring and tostring(value):find(secret, 1, true) then
    return "tostring of " .. where
  end
  for key, inner in next, value do
    local found = M.find(key, secret, where .. " (a key)", seen)
      or M.find(inner, secret, where .. "." .. tostring(key), seen)
    if found then return found end
  end
end

return M
