-- SPDX-License-Identifier: MIT
--- Checks the URLs of the configuration, so that no value can change the host or add a segment to
-- the path. Nothing is normalised silently. Hosts that programs read in different ways are refused:
-- `127.1`, `0x7f000001`, IPv6 zones, Unicode (RFC 3986).
-- @module predibase.config.url

local checks = require "predibase.value_checks"

local M = {}

--- The server of all deployments at Predibase.
M.MANAGED = "https://serving.app.predibase.com"

--- Longest tenant id or deployment name in bytes: the usual limit of file names and of DNS names.
M.MAX_SEGMENT = 255

--- Longest base URL in bytes. Servers commonly accept 8 KiB for the whole request line.
M.MAX_URL = 2048

local PORTS = { http = 80, https = 443 }

-- Paths that the client appends itself, or that belong to another API of the server.
local ENDPOINTS = { "/generate", "/generate_stream", "/v1", "/v1/completions",
  "/v1/chat/completions", "/chat/completions" }

-- Host names and addresses (RFC 3986 section 3.2.2).

-- Longest host name and longest label in bytes (RFC 1035 section 2.3.4).
local MAX_NAME, MAX_LABEL = 253, 63

local function ipv4 (text)
  local numbers = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  if #numbers ~= 4 then return nil end
  for i = 1, 4 do
    -- Some programs read a number with a leading zero as octal, others as decimal.
    if #numbers[i] > 3 or tonumber(numbers[i]) > 255 or numbers[i]:find("^0%d") then return nil end
  end
  return numbers
end

--- Reads the 16-bit groups on one side of `::`. Returns nil when one of them is invalid.
local function groups_of (text)
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

local function ipv6 (text)
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

local function name_problem (name)
  local whole = name:gsub("%.$", "")            -- a dot at the end means the DNS root
  if #whole > MAX_NAME then return ("longer than %d bytes"):format(MAX_NAME) end
  local last
  for label in (whole .. "."):gmatch("(.-)%.") do
    if label == "" then return "with an empty part between two dots" end
    if #label > MAX_LABEL then return ("with a part longer than %d bytes"):format(MAX_LABEL) end
    if not label:find("^[%w_-]+$") or label:find("^%-") or label:find("%-$") then
      return "with a character that is not allowed in host names"
    end
    last = label
  end
  if last:find("^%d+$") or last:find("^0[xX]%x*$") then
    return "that ends in a number but is not a valid IPv4 address such as 127.0.0.1"
  end
end

--- Checks the host of a URL.
-- @tparam string text a name, an IPv4 address, or an IPv6 address in brackets
-- @treturn[1] string the host in lower case, with its brackets
-- @treturn[1] boolean whether it is this machine: `localhost`, 127.0.0.0/8, `[::1]`
-- @treturn[2] nil
-- @treturn[2] string what is wrong, to follow the words "has a host "
function M.check_host (text)
  if text == "" then return nil, "that is empty" end
  if text:find("[\128-\255]") then
    return nil, 'with characters beyond ASCII; write its "xn--" form'
  end
  local inner = text:match("^%[(.*)%]$")
  if inner then
    if inner:find("%", 1, true) then return nil, "with an IPv6 zone, which is not supported" end
    local groups = ipv6(inner)
    if not groups then return nil, "that is not a valid IPv6 address" end
    return text:lower(), table.concat(groups, ":") == "0:0:0:0:0:0:0:1"
  end
  if text:find(":", 1, true) then
    return nil, "with a colon; write an IPv6 address in brackets, such as [::1]"
  end
  local address = ipv4(text)
  if address then return text, address[1] == "127" end
  local problem = name_problem(text)
  if problem then return nil, problem end
  local name = text:lower()
  return name, name == "localhost"
end

-- URLs.

--- Formats a URL for an error message without its query and user name, which may be secrets.
local function shown (text)
  if text:find("@", 1, true) then return "" end
  return ", got " .. checks.describe((text:gsub("([?#]).*", "%1…")))
end

--- Checks a tenant id or deployment name, which becomes one segment of the path.
-- @tparam string value
-- @treturn ?string what is wrong, to follow the option's name; nil when it is valid
function M.segment_problem (value)
  if value == "" then return "is empty" end
  if #value > M.MAX_SEGMENT then
    return ("is %d bytes long; at most %d are allowed"):format(#value, M.MAX_SEGMENT)
  end
  local what = checks.describe(value)
  if value:find("[\r\n]$") then
    return "ends in a newline, so it probably came from a file; strip it, got " .. what
  end
  if value:find("^https?://") then
    return "must be a name, not a URL; use base_url for a URL, got " .. what
  end
  if value == "." or value == ".." or value:find("[^%w._~-]") or value:find("[\128-\255]") then
    return "must consist of letters, digits and - . _ ~ only, got " .. what
  end
end

--- Checks a deployment name. For a name with a slash the message contains a hint.
-- @tparam string value
-- @treturn ?string as for `segment_problem`
function M.deployment_problem (value)
  if not value:find("/", 1, true) or value:find("^%a+://") or #value > M.MAX_SEGMENT then
    return M.segment_problem(value)
  end
  local name = value:match("/([%w._-]+)$")
  local example = name and (' such as "%s"'):format(name:lower():sub(1, 60)) or ""
  return ("must be the name of a deployment%s; a Hugging Face path was probably pasted, got %s")
    :format(example, checks.describe(value))
end

--- Splits `[user@]host[:port]`.
local function split_authority (authority)
  local userinfo, rest = authority:match("^(.*)@(.-)$")
  rest = rest or authority
  local name, port = rest:match("^(%b[])(.*)$")
  if not name then name, port = rest:match("^(.-)(:?[^:]*)$") end
  if port:sub(1, 1) ~= ":" and name == "" then name, port = port, "" end
  return userinfo, name, port
end

local function port_of (text, scheme)
  if text == "" then return PORTS[scheme] end
  local digits = text:match("^:(%d+)$")
  local port = digits and #digits <= 5 and tonumber(digits)
  if port and port >= 1 and port <= 65535 then return port end
end

local function path_problem (path)
  if path:find("[^%w._~!$&'()*+,;=:@/-]") or path:find("[\128-\255]") then
    return "must have only letters, digits and -._~!$&'()*+,;=:@/ in its path "
      .. "(no spaces, no % escapes)"
  end
  for segment in (path .. "/"):gmatch("/([^/]*)") do
    if segment == "." or segment == ".." then
      return 'must not have "." or ".." in its path'
    end
  end
  if path:find("//", 1, true) then return "must not have an empty part in its path" end
  for _, ending in ipairs(ENDPOINTS) do
    if path:sub(-#ending) == ending then
      return ("must not end in %s; remove it, the client adds /generate itself")
        :format(ending)
    end
  end
end

--- Checks the URL to which `/generate` is appended.
-- @tparam string text
-- @treturn[1] table `url` (no slash at the end), `scheme`, `host` (an IPv6 address without its
-- brackets), `port` (number), `loopback` (boolean)
-- @treturn[2] nil
-- @treturn[2] string what is wrong, to follow the words "base_url "
function M.parse (text)
  if #text > M.MAX_URL then
    return nil, ("is %d bytes long; at most %d are allowed"):format(#text, M.MAX_URL)
  end
  if text:find("^[ \t\r\n]") or text:find("[ \t\r\n]$") then
    return nil, "begins or ends with white space; strip it" .. shown(text)
  end
  local control = checks.control(text)
  if control then return nil, "has a control character (" .. control .. ")" end
  local scheme, authority, rest = text:match("^(%a[%w+.-]*)://([^/?#]*)(.*)$")
  if not scheme then
    return nil, "must begin with https:// or http://" .. shown(text)
  end
  scheme = scheme:lower()
  if not PORTS[scheme] then
    return nil, "must begin with https:// or http://" .. shown(text)
  end
  local userinfo, name, port_text = split_authority(authority)
  if userinfo then
    return nil, "must not have a user name or password in front of its host; "
      .. "use api_token for the token"
  end
  local path, query = rest:match("^([^?#]*)(.*)$")
  if query ~= "" then
    return nil, "must not have a " .. (query:sub(1, 1) == "?" and "query" or "fragment")
      .. shown(text)
  end
  local known, loopback = M.check_host(name)
  if not known then return nil, "has a host " .. loopback .. shown(text) end
  local port = port_of(port_text, scheme)
  if not port then
    return nil, "has a port that is not a number from 1 to 65535" .. shown(text)
  end
  path = path:gsub("/+$", "")
  local problem = path_problem(path)
  if problem then return nil, problem .. shown(text) end
  local written = port == PORTS[scheme] and "" or ":" .. ("%d"):format(port)
  return {
    url = scheme .. "://" .. known .. written .. path,
    scheme = scheme, host = known:match("^%[(.*)%]$") or known, port = port, loopback = loopback,
  }
end

--- Makes the URL of a deployment at Predibase. Both names must have been checked.
-- @tparam string tenant
-- @tparam string deployment
-- @treturn table as `parse` returns it
function M.managed (tenant, deployment)
  local parts = M.parse(M.MANAGED)
  parts.deployment = deployment
  parts.url = ("%s/%s/deployments/v2/llms/%s"):format(M.MANAGED, tenant, deployment)
  return parts
end

local PROXIES = { http = true, https = true, socks5 = true, socks5h = true }

--- Decodes a percent-encoded text.
local function decoded (text)
  return (text:gsub("%%(%x%x)", function (hex) return string.char(tonumber(hex, 16)) end))
end

--- Checks the URL of a proxy. No message repeats the URL, because it may contain a password.
-- @tparam string text
-- @treturn[1] table `full` (with user name and password), `shown` (without), `secrets` (array),
-- `loopback` (boolean)
-- @treturn[2] nil
-- @treturn[2] string what is wrong, to follow the words "proxy "
function M.proxy (text)
  local scheme, authority, rest = text:match("^(%a[%w+.-]*)://([^/?#]*)(.*)$")
  scheme = scheme and scheme:lower()
  if not scheme or not PROXIES[scheme] then
    return nil, "must begin with http://, https://, socks5:// or socks5h:// "
      .. "(false means no proxy at all)"
  end
  if checks.control(text) or text:find("[ \128-\255]") then
    return nil, "must not have spaces, control characters or characters beyond ASCII"
  end
  local userinfo, name, port = split_authority(authority)
  if rest ~= "" and rest ~= "/" then
    return nil, "must end after its host and port; write / ? # in a password as %2F %3F %23"
  end
  local known, loopback = M.check_host(name)
  if not known then return nil, "has a host " .. loopback end
  if port ~= "" and not port_of(port, scheme) then
    return nil, "has a port that is not a number from 1 to 65535"
  end
  local secrets = {}
  local password = userinfo and userinfo:match("^[^:]*:(.+)$")
  if password then
    secrets[1] = password
    if decoded(password) ~= password then secrets[2] = decoded(password) end
  end
  local short = scheme .. "://" .. known .. port
  return {
    full = userinfo and scheme .. "://" .. userinfo .. "@" .. known .. port or short,
    shown = short, secrets = secrets, loopback = loopback,
  }
end

return M
