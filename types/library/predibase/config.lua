---@meta predibase.config
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/config.lua by `make types`; do not edit.

---The configuration of a client: reads options and environment variables, and checks them once.
---
---Options take precedence over environment variables. The address is taken from the first of these
---that is given: `base_url`; `tenant_id` and `deployment`; `PREDIBASE_BASE_URL`;
---`PREDIBASE_TENANT_ID` and `PREDIBASE_DEPLOYMENT` (or `PREDIBASE_MODEL`).
---Everything is copied, so later changes of the caller's tables have no effect.
---@class predibase.config
---@field GENERATE_TOTAL integer Default limit in seconds for a whole `generate` call.
---@field call_names table Set of the options that a single call accepts.
---@field names table Set of the options that `predibase.new` accepts.
local M = {}

---Builds the configuration of a client. Raises for an option, a parameter or a timeout that does
---not exist. For a bad value, returns an error of kind `config` that names the option or the
---environment variable.
---@param given? table options, see `names`; `api_token = false` sends no token even if the environment contains one
---@param getenv? function name -> string or nil
---@return table? # `url`, `scheme`, `host`, `port`, `loopback`, `timeout` (seconds), `headers` (array of `{ name, value }`), `hooks`, `defaults`, `proxy` (without user name and password), `api_token` (only a function), `servers` (nil, or a configuration for each URL of `base_url`), `given` (the options that views build on), and every option of `predibase.config.settings`; the functions below return the secrets
---@return predibase.Error # error of kind `config`
---@return_overload table
---@return_overload nil, predibase.Error
function M.new(given, getenv) end

---Builds the configuration of a view: options that are given replace those of the client. The
---fields of `defaults`, `headers` and `timeout` are merged. A null removes an option. Raises as
---`new` does.
---@param base table the configuration of the client
---@param given table
---@param getenv? function as for `new`
---@return table? # the configuration
---@return table|predibase.Error # set of the options that were given; or error of kind `config`
---@return_overload table, table
---@return_overload nil, predibase.Error
function M.with(base, given, getenv) end

---Returns the API token.
---@param cfg table
---@return string? # nil when requests are sent without a token, or a function returns it
function M.token(cfg) end

---Returns the password of the client key.
---@param cfg table
---@return string?
function M.client_key_password(cfg) end

---Returns the proxy with its user name and password.
---@param cfg table
---@return (string|boolean)? # URL; or false: no proxy, even if the environment names one; or nil the environment decides
---@return_overload string
---@return_overload boolean
---@return_overload nil
function M.proxy(cfg) end

---Returns the caller's headers with their real values; `cfg.headers` shows secrets as
---`[redacted]`.
---@param cfg table a configuration, or the options of a call as `call` returned them
---@return table # array of `{ name, value }`
function M.headers(cfg) end

---Returns the default parameters of every call, including the `api_token` that `cfg.defaults`
---leaves out.
---@param cfg table
---@return table # name -> value; must not be changed
function M.defaults(cfg) end

---Lists the secrets, which must not appear in any message.
---@param cfg table
---@return string[] # new array of strings, for `errors.redact`
function M.secrets(cfg) end

---Merges the options of one call with the client's. Raises for a timeout that does not exist.
---@param cfg table
---@param given? table options of `call_names`; their names must have been checked
---@return table? # `timeout`, `max_retries`, `headers`, `hooks`, `client_stop`, `trim_stop`, `check_schema`; must not be changed, because all calls without options share one table
---@return predibase.Error # error of kind `config`
---@return_overload table
---@return_overload nil, predibase.Error
function M.call(cfg, given) end

---Tells why a secret must not be sent in the body of a request. `new` has checked `api_token`.
---@param cfg table
---@param name string of the secret, for the message
---@return string? # what is wrong; nil when it may be sent
function M.exposure(cfg, name) end

---Returns the limit in seconds for a whole call with its retries.
---@param timeout table the timeouts of the call
---@param stream boolean
---@return number? # nil when there is no limit
function M.total(timeout, stream) end

return M
