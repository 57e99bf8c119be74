-- SPDX-License-Identifier: MIT
--- Runs scripts in Redis over lua-resty-redis: options, connections, logging in, errors.
--
-- No message contains the password. Redis repeats the arguments of a command that it does not know,
-- so the answers to AUTH are reduced to their first word, and arguments are cut from all others.
-- @module predibase.resty.limits.redis_connection

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local names = require "predibase.option_names"
local nginx = require "predibase.nginx"
local usage = require "predibase.usage"

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local M = {}

--- Default seconds for everything that one request does in Redis. Redis answers within a
-- millisecond in the same network, and a visitor waits meanwhile.
M.TIMEOUT = 0.25

--- The longest timeout that can be set, in seconds: the pause of a visitor whose Redis hangs.
M.MAX_TIMEOUT = 10

--- Default number of unused connections that each worker keeps, and the seconds it keeps them.
M.POOL_SIZE, M.KEEPALIVE = 30, 60

--- The most bytes of an answer of Redis that a message repeats.
M.SHOWN = 120

local function text (value, name)
  if type(value) ~= "string" or value == "" then
    return ("%s must be a string, got %s"):format(name, checks.describe(value))
  end
end

local function secret (value, name)
  if type(value) ~= "string" or value == "" then
    return name .. " must be a string that is not empty"
  end
end

local function whole (least, most)
  return function (value, name)
    if not checks.integral(value) or value < least or value > most then
      return ("%s must be a whole number from %d to %d, got %s"):format(name, least, most,
        checks.describe(value))
    end
  end
end

local function seconds (most)
  return function (value, name)
    if not checks.finite(value) or value < 0.001 or value > most then
      return ("%s must be a number of seconds from 0.001 to %d, got %s"):format(name, most,
        checks.describe(value))
    end
  end
end

local function boolean (value, name)
  if type(value) ~= "boolean" then
    return ("%s must be a boolean, got %s"):format(name, checks.describe(value))
  end
end

local OPTIONS = {
  host = text, port = whole(1, 65535), unix = text, username = secret, password = secret,
  database = whole(0, 65535), ssl = boolean, verify = boolean, server_name = text,
  timeout = seconds(M.MAX_TIMEOUT), pool_size = whole(1, 10000), keepalive = seconds(86400),
  prefix = function (value, name)
    if type(value) ~= "string" or not value:find "^[%w_.:-]*$" then
      return ("%s must consist of letters, digits, _, ., : and -, got %s"):format(name,
        checks.describe(value))
    end
  end,
}

--- Returns what is wrong with options that are valid by themselves, or nil.
local function contradiction (options)
  if options.unix and (options.host or options.port) then return "unix excludes host and port" end
  if options.username and not options.password then return "username requires password" end
  if not options.ssl then
    if options.verify ~= nil or options.server_name then
      return "verify and server_name require ssl = true"
    end
  elseif options.verify ~= false and not options.server_name
    and (not options.host or options.host:find "^[%d.]+$" or options.host:find ":") then
    return "ssl requires a host with a name, server_name, or verify = false: nginx checks names"
  end
end

--- Checks the options.
-- @tparam table options see `new`
-- @raise for unknown options, wrong values and contradictions
function M.check (options)
  if type(options) ~= "table" then
    usage.fail("redis must be a table, got " .. checks.describe(options))
  end
  names.check(options, OPTIONS, "option of redis")
  for name, value in pairs(options) do
    local problem = OPTIONS[name](value, "redis." .. name)
    if problem then usage.fail(problem) end
  end
  local problem = contradiction(options)
  if problem then usage.fail("redis: " .. problem) end
end

local function load_client ()
  local ok, client = pcall(require, "resty.redis")
  if not ok then ok, client = pcall(require, "nginx.redis") end     -- its name in Debian's package
  if ok then return client end
  usage.fail("limits in Redis need lua-resty-redis, which is part of OpenResty; Debian's package "
    .. "is lua-nginx-redis")
end

--- Makes an answer of Redis fit for a message.
local function shown (answer)
  -- Redis 7 says this when it gets a long command before a password.
  if answer:find("unauthenticated", 1, true) then return "NOAUTH: Redis requires a password" end
  return errors.excerpt((answer:gsub(", with args.*", "")), M.SHOWN)
end

local Connection = {}
Connection.__index = Connection

--- Sets the timeout of the next operation to what is left of the time.
-- @treturn boolean false if no time is left
local function set_timeout (client, deadline)
  local left = deadline - nginx.now()
  if left <= 0 then return false end
  client:set_timeout(math.max(1, math.ceil(left * 1000)))
  return true
end

--- Does what a new connection needs before it can be used. Returns a problem or nil.
local function log_in (self, client, deadline)
  local options = self.options
  if options.ssl then
    if not set_timeout(client, deadline) then return "timeout" end
    -- lua-resty-redis before 0.28 has no function for this, and later ones miss bad certificates.
    local ok, why = nginx.handshake(client._sock, self.server_name, options.verify ~= false)
    if not ok then return "TLS: " .. tostring(why) end
  end
  if options.password then
    if not set_timeout(client, deadline) then return "timeout" end
    local ok, why
    if options.username then
      ok, why = client:auth(options.username, options.password)
    else
      ok, why = client:auth(options.password)
    end
    if ok == nil then return tostring(why) end
    if not ok then
      return ("Redis refused the password (%s)"):format(tostring(why):match "^%u+" or "ERR")
    end
  end
  if options.database then
    if not set_timeout(client, deadline) then return "timeout" end
    local ok, why = client:select(options.database)
    if not ok then return shown(tostring(why)) end
  end
end

--- Returns a client that is logged in, and whether its connection is new; or nil and a problem.
local function connect (self, deadline)
  local client, why = self.client:new()
  if not client then return nil, tostring(why) end
  if not set_timeout(client, deadline) then return nil, "timeout" end
  local ok
  if self.options.unix then
    ok, why = client:connect("unix:" .. self.options.unix, { pool = self.pool })
  else
    ok, why = client:connect(self.host, self.port, { pool = self.pool })
  end
  if not ok then return nil, tostring(why) end
  if client:get_reused_times() ~= 0 then return client, false end
  local problem = log_in(self, client, deadline)
  if not problem then return client, true end
  client:close()
  return nil, problem
end

-- script -> its SHA-1 in hexadecimal digits, by which Redis knows it
local hashes = setmetatable({}, { __index = function (self, script)
  local hash = ngx.sha1_bin(script):gsub(".", function (c) return ("%02x"):format(c:byte()) end)
  self[script] = hash
  return hash
end })

--- Calls a script by its hash, or by its text if Redis does not know it (after a restart).
local function evaluate (client, script, keys, values, deadline)
  local words = { #keys }
  for _, key in ipairs(keys) do words[#words + 1] = key end
  for _, value in ipairs(values) do words[#words + 1] = value end
  local answer, why = client:evalsha(hashes[script], unpack(words))
  if answer == false and tostring(why):find "^NOSCRIPT" then
    if not set_timeout(client, deadline) then return nil, "timeout" end
    answer, why = client:eval(script, unpack(words))
  end
  return answer, why
end

local function run (self, script, keys, values)
  local deadline = nginx.now() + self.timeout
  while true do
    local client, new = connect(self, deadline)
    if not client then return nil, new end
    local answer, why = nil, "timeout"
    if set_timeout(client, deadline) then
      answer, why = evaluate(client, script, keys, values, deadline)
    end
    if answer then
      client:set_keepalive(self.keepalive, self.pool_size)
      return answer
    end
    -- Redis may have lost its role, so the next call uses another connection.
    client:close()
    if answer == false then return nil, shown(tostring(why)) end
    -- The server may have closed a pooled connection, because it was restarted. The scripts may
    -- run twice.
    if new or why == "timeout" then return nil, tostring(why) end
  end
end

--- Runs a script.
-- @tparam string script its text
-- @tparam table keys array of strings
-- @tparam table values array of strings and numbers
-- @treturn[1] table|number the answer
-- @treturn[2] nil
-- @treturn[2] string what went wrong, with the address of Redis
function Connection:run (script, keys, values)
  local ran, answer, why = pcall(run, self, script, keys, values)
  if ran and answer then return answer end
  return nil, ("Redis at %s: %s"):format(self.address, tostring(not ran and answer or why))
end

--- Makes the connections of one store. Connects to nothing, so it may be called in `init_by_lua`.
-- @tparam table options `host` ("127.0.0.1") and `port` (6379), or `unix` (a path); `username`,
-- `password`, `database` (0); `ssl` (false), `verify` (true), `server_name` (the name in the
-- certificate, default: `host`); `timeout`: seconds for all of a call; `pool_size`: unused
-- connections that each worker keeps, `keepalive`: the seconds it keeps them
-- @treturn table connections, with `run`
-- @raise if lua-resty-redis is not installed
function M.new (options)
  local host, port = options.host or "127.0.0.1", options.port or 6379
  local address = options.unix or ("%s:%d"):format(host:find ":" and "[" .. host .. "]" or host,
    port)
  -- Connections of one pool are logged in as the same user, into the same database.
  local login = ngx.md5(("%s\0%s"):format(options.username or "", options.password or ""))
  return setmetatable({
    client = load_client(), options = options, address = address,
    host = host == "localhost" and "127.0.0.1" or host:find ":" and "[" .. host .. "]" or host,
    port = port, server_name = options.server_name or options.host,
    pool = ("predibase:redis:%s:%d:%s:%s:%s:%s"):format(address, options.database or 0,
      tostring(options.ssl or false), tostring(options.verify), options.server_name or "", login),
    timeout = options.timeout or M.TIMEOUT, pool_size = options.pool_size or M.POOL_SIZE,
    keepalive = math.ceil((options.keepalive or M.KEEPALIVE) * 1000),
  }, Connection)
end

return M
