-- SPDX-License-Identifier: MIT
--- HTTP headers: checks the headers that the caller gives (RFC 9110 section 5), so that they can
-- neither inject another header nor replace one that the client sets; hides secret values.
-- @module predibase.headers

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"

local M = {}

--- Most headers of a request. Servers commonly accept 100 (nginx, hyper).
M.MAX_COUNT = 100

--- Most bytes of all names and values together. libcurl accepts more, but servers commonly limit
-- the headers of a request to 16 KiB.
M.MAX_BYTES = 16 * 1024

-- Headers that the client sets, and what the error message says about them.
local OWNED = {
  accept = "is set by the client",
  ["accept-encoding"] = "is set by the client",
  authorization = "is set by the client; use api_token",
  connection = "is set by the client",
  ["content-length"] = "is set by the client",
  ["content-type"] = "is set by the client; it is always application/json",
  expect = "is set by the client",
  host = "is set by the client; use base_url",
  ["keep-alive"] = "is set by the client",
  ["proxy-authorization"] = "is set by the client; put the user name and password into proxy",
  ["proxy-connection"] = "is set by the client",
  te = "is set by the client",
  trailer = "is set by the client",
  ["transfer-encoding"] = "is set by the client",
  upgrade = "is set by the client",
  ["user-agent"] = "is set by the client; use user_agent",
}

-- A value shorter than this is not treated as a secret: replacing every "on" would make texts
-- unreadable.
local SECRET_LENGTH = 8

local SECRET_WORDS = { "auth", "cookie", "key", "password", "secret", "token" }

local function name_problem (name, shown)
  if name == "" then return "headers must not have an empty name" end
  if name:find("[^%w!#$%%&'*+.^_`|~-]") or name:find("[\128-\255]") then
    return ('header %s is not a valid header name (letters, digits, -)'):format(shown)
  end
  local problem = OWNED[name:lower()]
  if problem then return ("header %s %s"):format(shown, problem) end
end

--- Returns a value as it is sent, or nil and a message. The message never contains the value.
local function value_text (value, shown)
  if checks.finite(value) then return checks.number(value) end
  if type(value) ~= "string" then
    return nil, ("header %s must be a string or a finite number, got a %s")
      :format(shown, type(value))
  end
  local control = checks.control(value)
  if control then
    local hint = value:find("[\r\n]$") and "; strip it, it probably came from a file" or ""
    return nil, ("header %s must not have control characters, got %s%s")
      :format(shown, control, hint)
  end
  local inner = value:match("^ *(.-) *$")       -- spaces around a value are not part of it
  if inner == "" then return nil, ("header %s is empty; leave it out"):format(shown) end
  return inner
end

local function by_name (a, b)
  local x, y = a[1]:lower(), b[1]:lower()
  if x ~= y then return x < y end
  return a[1] < b[1]
end

--- Checks the limits of a complete list of headers.
-- @tparam table list array of `{ name, value }`
-- @treturn ?string what is wrong; nil when the list is valid
function M.size_problem (list)
  if #list > M.MAX_COUNT then
    return ("headers must be at most %d, got %d"):format(M.MAX_COUNT, #list)
  end
  local bytes = 0
  for _, header in ipairs(list) do bytes = bytes + #header[1] + #header[2] end
  if bytes > M.MAX_BYTES then
    return ("headers must have at most %d bytes in all, got %d"):format(M.MAX_BYTES, bytes)
  end
end

--- Checks the caller's headers.
-- @param headers `{ ["X-Team"] = "blue" }`; numbers are written as text
-- @treturn[1] table array of `{ name, value }` sorted by name
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.check (headers)
  if type(headers) ~= "table" then
    return nil, ('headers must be a table such as { ["X-Team"] = "blue" }, got %s')
      :format(checks.describe(headers))
  end
  local list = {}
  for name, value in next, json.present(headers) do
    if type(name) ~= "string" then
      return nil, ('headers must have names as keys, such as { ["X-Team"] = "blue" }, got %s')
        :format(checks.describe(name))
    end
    list[#list + 1] = { name, value }
  end
  if #list > M.MAX_COUNT then return nil, M.size_problem(list) end
  table.sort(list, by_name)
  for i, header in ipairs(list) do
    local shown = '"' .. errors.excerpt(header[1], checks.SHOWN) .. '"'
    local problem = name_problem(header[1], shown)
    if problem then return nil, problem end
    header[2], problem = value_text(header[2], shown)
    if not header[2] then return nil, problem end
    local before = list[i - 1]
    if before and before[1]:lower() == header[1]:lower() then
      return nil, ('header %s is given twice, also as "%s"'):format(shown, before[1])
    end
  end
  local problem = M.size_problem(list)
  if problem then return nil, problem end
  return list
end

--- Merges the headers of a call with those of the client. The case of names does not matter.
-- @tparam table base array of `{ name, value }`, the headers of the client
-- @tparam table more array of `{ name, value }`, which replace headers of `base`
-- @treturn[1] table new array sorted by name
-- @treturn[2] nil
-- @treturn[2] string which limit the merged headers exceed
function M.merge (base, more)
  local merged, taken = {}, {}
  for _, header in ipairs(more) do
    taken[header[1]:lower()] = true
    merged[#merged + 1] = header
  end
  for _, header in ipairs(base) do
    if not taken[header[1]:lower()] then merged[#merged + 1] = header end
  end
  local problem = M.size_problem(merged)
  if problem then return nil, problem end
  table.sort(merged, by_name)
  return merged
end

--- Tells whether the value of a header of this name is treated as a secret.
local function is_secret (name)
  name = name:lower()
  for _, word in ipairs(SECRET_WORDS) do
    if name:find(word, 1, true) then return true end
  end
  return false
end

--- Collects the values that must not appear in error texts. The names of the headers decide.
-- @tparam table list array of `{ name, value }`
-- @tparam table secrets array to which the values are added
function M.add_secrets (list, secrets)
  for _, header in ipairs(list) do
    if #header[2] >= SECRET_LENGTH and is_secret(header[1]) then
      secrets[#secrets + 1] = header[2]
    end
  end
end

--- Copies headers for display, without their secret values.
-- @tparam table list array of `{ name, value }`
-- @treturn table new array in which secret values of any length are `[redacted]`
function M.shown (list)
  local shown = {}
  for i, header in ipairs(list) do
    shown[i] = { header[1], is_secret(header[1]) and "[redacted]" or header[2] }
  end
  return shown
end

return M
