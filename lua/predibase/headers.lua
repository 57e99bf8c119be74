-- SPDX-License-Identifier: MIT
--- HTTP headers: checks the caller's own (RFC 9110 section 5), so that none can smuggle in another
-- header or replace one that the client sets, hides secret values, and reads Content-Encoding.
-- @module predibase.headers

local checks = require "predibase.checks"
local errors = require "predibase.errors"
local json = require "predibase.json"

local M = {}

--- Most headers of a request: servers commonly stop at 100 (nginx, hyper).
M.MAX_COUNT = 100

--- Bytes of all names and values together: libcurl takes more, but servers commonly give
-- all headers of a request 16 KiB.
M.MAX_BYTES = 16 * 1024

-- Headers that the client sets, and what to do instead.
local OWNED = {
  accept = "the client decides it",
  ["accept-encoding"] = "the client decides it",
  authorization = "use api_token",
  connection = "the client decides it",
  ["content-length"] = "the client counts it",
  ["content-type"] = "it is always application/json",
  expect = "the client decides it",
  host = "use base_url",
  ["keep-alive"] = "the client decides it",
  ["proxy-authorization"] = "put the user name and password into proxy",
  ["proxy-connection"] = "the client decides it",
  te = "the client decides it",
  trailer = "the client decides it",
  ["transfer-encoding"] = "the client decides it",
  upgrade = "the client decides it",
  ["user-agent"] = "use user_agent",
}

-- A value shorter than this is not taken for a secret: blotting out every "on" would ruin texts.
local SECRET_LENGTH = 8

local SECRET_WORDS = { "auth", "cookie", "key", "password", "secret", "token" }

local function name_problem(name, shown)
  if name == "" then return "headers must not have an empty name" end
  if name:find("[^%w!#$%%&'*+.^_`|~-]") or name:find("[\128-\255]") then
    return ('header %s is no header name; letters, digits and - are'):format(shown)
  end
  local advice = OWNED[name:lower()]
  if advice then return ("header %s belongs to the client; %s"):format(shown, advice) end
end

--- The value as it goes out; header values are never repeated in messages.
local function value_text(value, shown)
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
  local inner = value:match("^ *(.-) *$")       -- blanks around a value are not part of it
  if inner == "" then return nil, ("header %s is empty; leave it out"):format(shown) end
  return inner
end

local function by_name(a, b)
  local x, y = a[1]:lower(), b[1]:lower()
  if x ~= y then return x < y end
  return a[1] < b[1]
end

--- The limits, for a list that is complete.
-- @tparam table list array of `{ name, value }`
-- @treturn ?string what is wrong; nil when good
function M.size_problem(list)
  if #list > M.MAX_COUNT then
    return ("headers must be at most %d, got %d"):format(M.MAX_COUNT, #list)
  end
  local bytes = 0
  for _, header in ipairs(list) do bytes = bytes + #header[1] + #header[2] end
  if bytes > M.MAX_BYTES then
    return ("headers must have at most %d bytes in all, got %d"):format(M.MAX_BYTES, bytes)
  end
end

--- Check the caller's headers.
-- @param headers `{ ["X-Team"] = "blue" }`; numbers are written as text
-- @treturn[1] table array of `{ name, value }` sorted by name
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.check(headers)
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

--- Headers of a call laid over the client's; names are the same whatever their case.
-- @tparam table base array of `{ name, value }`
-- @tparam table more array of `{ name, value }`
-- @treturn[1] table new array sorted by name
-- @treturn[2] nil
-- @treturn[2] string the limit that both together pass
function M.merge(base, more)
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

--- Whether the value of a header of this name is taken for a secret.
local function is_secret(name)
  name = name:lower()
  for _, word in ipairs(SECRET_WORDS) do
    if name:find(word, 1, true) then return true end
  end
  return false
end

--- Values that should not show up in error texts, by the names of their headers.
-- @tparam table list array of `{ name, value }`
-- @tparam table secrets array that the values are added to
function M.add_secrets(list, secrets)
  for _, header in ipairs(list) do
    if #header[2] >= SECRET_LENGTH and is_secret(header[1]) then
      secrets[#secrets + 1] = header[2]
    end
  end
end

--- Headers for everybody's eyes.
-- @tparam table list array of `{ name, value }`
-- @treturn table new array in which secret values, however short, are `[redacted]`
function M.shown(list)
  local shown = {}
  for i, header in ipairs(list) do
    shown[i] = { header[1], is_secret(header[1]) and "[redacted]" or header[2] }
  end
  return shown
end

-- Patterns of words in Content-Encoding that do not name a coding.
local PLAIN = { "^identity$", "^none$", "^utf%-?%d+$", "^us%-ascii$", "^ascii$", "^iso%-8859%-%d+$",
  "^latin%d$", "^windows%-125%d$" }

local function is_plain(word)
  for _, pattern in ipairs(PLAIN) do
    if word:find(pattern) then return true end
  end
  return false
end

--- Tells whether a body is coded (RFC 9110 section 8.4). Servers and proxies also write words into
-- Content-Encoding that do not name a coding.
-- @tparam ?string value of the header Content-Encoding
-- @treturn boolean
function M.is_coded(value)
  for word in (value or ""):lower():gmatch "[^,%s]+" do
    if not is_plain(word) then return true end
  end
  return false
end

return M
