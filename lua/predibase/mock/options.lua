-- SPDX-License-Identifier: MIT
--- The options of a stand-in server: names, defaults, checks.
-- @module predibase.mock.options

local names = require "predibase.names"

local M = {}

--- Every option: its default, or its type where there is none.
M.server = {
  host = "127.0.0.1",               -- loopback only
  port = 0,                         -- 0: any free one
  token = { "string" },             -- when set, another or no bearer token gets 401
  delay = 0,                        -- seconds between tokens
  keepalive_interval = 15,          -- seconds between comments while nothing is sent
  script = { "table" },             -- path -> faults, or array of faults
  seed = { "string" },              -- decimal u64: makes the seeds that the server draws repeatable
  model_id = "predibase/stand-in",
  adapter_source = "pbase",         -- where adapters come from unless the request says
  max_concurrent_requests = 1024,
  max_best_of = 2,
  max_stop_sequences = 10,
  max_input_length = 1792,          -- tokens
  max_total_tokens = 2048,          -- tokens of prompt and answer together
  max_seconds = { "number" },       -- the server ends itself after so long
  max_requests = { "number" },      -- and after so many requests
  log_limit = 1000,                 -- requests that `log` remembers
  on_error = { "function" },        -- called with the text of an error in the server itself
}

--- What `spawn` takes beside the options of a server.
M.spawn = {
  interpreter = { "string" },       -- program that runs the child; default: the running one
  max_seconds = 600,
}

--- What `run` takes beside the options of a server.
M.run = {
  quiet = false,
  delay = 1 / 30,                   -- a natural pace: about 30 tokens a second
}

-- Options that count something.
local WHOLE = {
  max_concurrent_requests = true, max_best_of = true, max_stop_sequences = true,
  max_input_length = true, max_total_tokens = true, max_requests = true, log_limit = true,
}

local function expected(default)
  return type(default) == "table" and default[1] or type(default)
end

--- Checks options and fills in what is missing. Raises an error for an unknown name (with the
-- nearest existing one), a wrong type or an address that is not loopback.
-- @tparam ?table options
-- @tparam[opt] table more further options: their defaults win
-- @tparam[opt=1] number level 1 blames the caller
-- @treturn table
function M.check(options, more, level)
  level = (level or 1) + 1
  options = options or {}
  if type(options) ~= "table" then
    error(("options must be a table, got %s"):format(type(options)), level)
  end
  local known, out, allowed = {}, {}, {}
  for name, default in pairs(M.server) do known[name] = default end
  for name, default in pairs(more or {}) do known[name] = default end
  for name in pairs(known) do allowed[name] = true end
  names.check(options, allowed, "option", level)
  for name, default in pairs(known) do
    local value = options[name]
    if value == nil and type(default) ~= "table" then value = default end
    if value ~= nil and type(value) ~= expected(default) then
      error(("the option %q must be a %s, got %s"):format(name, expected(default), type(value)),
        level)
    end
    if type(value) == "number" and (value ~= value or value < 0) then
      error(("the option %q must not be negative"):format(name), level)
    end
    if WHOLE[name] and value and value % 1 ~= 0 then
      error(("the option %q must be a whole number, got %s"):format(name, tostring(value)), level)
    end
    out[name] = value
  end
  if out.host == "localhost" then out.host = "127.0.0.1" end
  if out.host ~= "::1" and not out.host:find("^127%.%d+%.%d+%.%d+$") then
    error(("the option \"host\" must be a loopback address (127.0.0.1, ::1, localhost), got %q")
      :format(out.host), level)
  end
  if out.port > 65535 or out.port % 1 ~= 0 then
    error(("the option \"port\" must be from 0 to 65535, got %s")
      :format(tostring(out.port)), level)
  end
  if out.seed and not out.seed:find("^%d+$") then
    error("the option \"seed\" must be a string of decimal digits", level)
  end
  return out
end

return M
