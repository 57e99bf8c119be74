---@meta predibase.resty.limits
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/resty/limits.lua by `make types`; do not edit.

---The options of `resty.limits`.
---@class predibase.fields.LimitsOptions
---@field dict? string the name of a `lua_shared_dict`
---@field streams? integer how many streams may be open at once
---@field streams_per_key? integer the same for each key
---@field rate? number how many streams may start per second for each key
---@field burst? integer how many of them may start at once (default: the rate, at least 1)
---@field name? string if one dict or Redis holds several limits (default: "default")
---@field redis? predibase.RedisOptions to share the limits with other machines
---@field on_redis_down? "local"|"allow"|"refuse" what happens while Redis does not answer

---The options of `resty.limits`.
---@class predibase.LimitsOptions : predibase.fields.LimitsOptions, predibase.Known<predibase.fields.LimitsOptions>
---@field dict? string the name of a `lua_shared_dict`

---How Redis is reached.
---@class predibase.fields.RedisOptions
---@field host? string (default "127.0.0.1")
---@field port? integer (default 6379)
---@field unix? string the path of a socket, in place of host and port
---@field username? string of Redis
---@field password? string of Redis
---@field database? integer number
---@field ssl? boolean with TLS
---@field verify? boolean check the certificate
---@field server_name? string for TLS
---@field timeout? number seconds
---@field pool_size? integer most idle connections
---@field keepalive? number seconds for which a connection may be idle
---@field prefix? string of all names in Redis (default "predibase:")

---How Redis is reached.
---@class predibase.RedisOptions : predibase.fields.RedisOptions, predibase.Known<predibase.fields.RedisOptions>
---@field host? string (default "127.0.0.1")

---@class predibase.Limits
local Limits = {}

---Asks for permission to start one more stream.
---
---Raises an error for a key that is not a string.
---@param key? string the visitor, such as `ngx.var.remote_addr` or the name of a user; without a key all visitors count as one
---@return predibase.Lease? # a lease; pass it to `relay`, or end it with `lease:leave()`
---@return predibase.Error # the error: of kind "rate_limited" with `retry_after` in seconds; "overloaded" if Redis fails and `on_redis_down` is "refuse"; "config" if the shared dict is full, or if nginx allows no network I/O in this phase, which limits in Redis need
---@return_overload predibase.Lease
---@return_overload nil, predibase.Error
function Limits:enter(key) end

---Returns the number of open streams under these limits: of all workers, with Redis of all
---machines.
---@return number?
---@return predibase.Error # the error, of kind "overloaded": Redis does not answer; or "config": nginx allows no network I/O in this phase
---@return_overload number
---@return_overload nil, predibase.Error
function Limits:open() end

---@class predibase.Lease
local Lease = {}

---Ends the lease. To be called when the stream has ended. May be called any number of times and in
---every phase of nginx. With Redis it waits for the answer where nginx allows that.
function Lease:leave() end

---Limits for a gateway: how many streams may be open at once, and how many may start per second.
---All workers of an nginx share them through a `lua_shared_dict`; several machines share them
---through Redis.
---@class predibase.resty.limits
---@field MAX_STREAMS number The largest limit of open streams that can be set, more than any worker has connections.
---@field MAX_RATE number The smallest and the largest rate that can be set, in streams per second.
---@field MIN_RATE number The smallest and the largest rate that can be set, in streams per second.
---@field RETRY_AFTER integer Seconds after which a visitor may try again when too many streams are open. Streams take some seconds, and it is not known when the next one ends.
---@field MAX_KEY integer The longest key in bytes that is stored unchanged; longer keys are hashed.
local M = {}

---Makes limits. All workers share the limits that have the same name. Connects to nothing.
---
---Raises an error for unknown options, wrong values, and options without any limit; if there is no lua-resty-redis. Limits are made when nginx loads its configuration, so such an error prevents it from starting..
---@param options predibase.LimitsOptions `dict`: the name of a `lua_shared_dict`; `streams`: how many streams may be open at once; `streams_per_key`: the same for each key; `rate`: how many streams may start per second for each key; `burst`: how many of them may start at once (default: the rate, at least 1); `name`: a name, if one dict or Redis holds several limits (default: "default"); `redis`: a table, to share the limits with other machines: `host` ("127.0.0.1") and `port` (6379) or `unix` (a path), `username`, `password`, `database`, `ssl`, `verify`, `server_name`, `timeout` (seconds), `pool_size`, `keepalive` (seconds), `prefix` of all names in Redis ("predibase:"); `on_redis_down`: `"local"` applies the limits on each machine, with `dict` (the default if there is a `dict`), `"allow"` admits every stream (otherwise the default), `"refuse"` none
---@return predibase.Limits # the limits
function M.new(options) end

return M
