-- SPDX-License-Identifier: MIT
--- The options of one call laid over those of its client.
-- @module predibase.config.call

local headers = require "predibase.headers"
local options = require "predibase.config.options"

local M = {}

--- Headers of a call over the client's; without any, the client's tables themselves.
local function merge(kept, given)
  if given == nil then return kept end
  local more, problem = headers.check(given)
  if not more then return nil, problem end
  local merged
  merged, problem = headers.merge(kept.headers, more)
  if not merged then return nil, problem end
  return { headers = merged, shown = headers.shown(merged) }
end

--- Checks options one by one and puts them where they are kept.
-- @tparam table list of `{ name, check, default }`
-- @tparam table given name -> value
-- @tparam table base where the value of an option is taken from that is not given, before its
-- default
-- @tparam table into
-- @treturn ?string what is wrong
function M.plain(list, given, base, into)
  for _, option in ipairs(list) do
    local value = given[option.name]
    if value ~= nil then
      local checked, problem = option.check(value, option.name)
      if checked == nil then return problem end
      value = checked
    else
      value = base[option.name]
      if value == nil then value = option.default end
    end
    into[option.name] = value
  end
end

--- Reads and checks the options of a call. Raises for a clock that does not exist.
-- @tparam table cfg of `predibase.config`
-- @tparam table kept the client's `headers`, as they go out, and `shown`, for everybody's eyes
-- @tparam table given name -> value, of names that exist
-- @treturn[1] table `timeout`, `max_retries`, `headers` (for everybody's eyes), `hooks`, and the
-- options of `config.options.text`
-- @treturn[1] table as `kept`; the same one when the call has no headers of its own
-- @treturn[2] nil
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read(cfg, kept, given)
  local retries, timeout, hooks, problem = given.max_retries
  if retries == nil then retries = cfg.max_retries end
  retries, problem = options.retries(retries, "max_retries")
  if problem then return nil, nil, problem end
  timeout, problem = options.timeout(given.timeout, cfg.timeout)
  if problem then return nil, nil, problem end
  kept, problem = merge(kept, given.headers)
  if problem then return nil, nil, problem end
  hooks, problem = options.hooks(given, cfg.hooks)
  if problem then return nil, nil, problem end
  local made = { timeout = timeout, max_retries = retries, headers = kept.shown, hooks = hooks }
  problem = M.plain(options.text, given, cfg, made)
  if problem then return nil, nil, problem end
  return made, kept
end

return M
