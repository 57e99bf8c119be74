-- SPDX-License-Identifier: MIT
--- Host names and addresses of URLs (RFC 3986 section 3.2.2). Anything that one program could
-- read as another host than the next one does is refused: `127.1`, `0x7f000001`, zones, Unicode.
-- @module predibase.config.host

local M = {}

-- Longest host name and longest label (RFC 1035 section 2.3.4).
M.MAX_NAME, M.MAX_LABEL = 253, 63

local function ipv4(text)
  local numbers = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  if #numbers ~= 4 then return nil end
  for i = 1, 4 do
    -- A leading zero means octal to some programs and nothing to others.
    if #numbers[i] > 3 or tonumber(numbers[i]) > 255 or numbers[i]:find("^0%d") then return nil end
  end
  return numbers
end

--- The 16-bit groups of one side of `::`; nil when one of them is none.
local function groups_of(text)
  local groups = {}
  if text == "" then return groups end
  for piece in (text .. ":"):gmatch("(.-):") do
    local digits = piece:match("^%x+$")
    if digits and #digits <= 4 then
      groups[#groups + 1] = tonumber(digits, 16)
    else
      return nil
    end
  end
  return groups
end

local function ipv6(text)
  if not text:find("^[%x:%.]+$") then return nil end
  local head, tail = text:match("^(.*:)([%d%.]+)$")
  if head and tail:find(".", 1, true) then
    local numbers = ipv4(tail)
    if not numbers then return nil end
    text = ("%s%x:%x"):format(head, numbers[1] * 256 + numbers[2], numbers[3] * 256 + numbers[4])
  end
  local left, right = text:match("^(.-)::(.*)$")
  if not left then
    local groups = groups_of(text)
    return groups and #groups == 8 and groups or nil
  end
  local first, second = groups_of(left), groups_of(right)
  if not first or not second or #first + #second > 7 then return nil end
  local groups = first
  for _ = 1, 8 - #first - #second do groups[#groups + 1] = 0 end
  for _, group in ipairs(second) do groups[#groups + 1] = group end
  return groups
end

local function name_problem(name)
  local whole = name:gsub("%.$", "")            -- a full stop at the end: the root is meant
  if #whole > M.MAX_NAME then return ("longer than %d bytes"):format(M.MAX_NAME) end
  local last
  for label in (whole .. "."):gmatch("(.-)%.") do
    if label == "" then return "with an empty part between two dots" end
    if #label > M.MAX_LABEL then return ("with a part longer than %d bytes"):format(M.MAX_LABEL) end
    if not label:find("^[%w_-]+$") or label:find("^%-") or label:find("%-$") then
      return "with a character that host names do not have"
    end
    last = label
  end
  if last:find("^%d+$") or last:find("^0[xX]%x*$") then
    return "that ends in a number but is no IPv4 address such as 127.0.0.1"
  end
end

--- Check a host as it stands in a URL.
-- @tparam string text a name, an IPv4 address, or an IPv6 address in brackets
-- @treturn[1] string in lower case, brackets included
-- @treturn[1] boolean whether it is this machine: `localhost`, 127.0.0.0/8, `[::1]`
-- @treturn[2] nil
-- @treturn[2] string what is wrong, to stand behind "has a host "
function M.check(text)
  if text == "" then return nil, "that is empty" end
  if text:find("[\128-\255]") then
    return nil, 'with characters beyond ASCII; write its "xn--" form'
  end
  local inner = text:match("^%[(.*)%]$")
  if inner then
    if inner:find("%", 1, true) then return nil, "with an IPv6 zone, which is not supported" end
    local groups = ipv6(inner)
    if not groups then return nil, "that is no IPv6 address" end
    return text:lower(), table.concat(groups, ":") == "0:0:0:0:0:0:0:1"
  end
  if text:find(":", 1, true) then
    return nil, "with a colon; an IPv6 address stands in brackets, such as [::1]"
  end
  local address = ipv4(text)
  if address then return text, address[1] == "127" end
  local problem = name_problem(text)
  if problem then return nil, problem end
  local name = text:lower()
  return name, name == "localhost"
end

return M
