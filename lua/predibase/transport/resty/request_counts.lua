-- SPDX-License-Identifier: MIT
--- Counts the calls that are made while nginx handles a request, in `ngx.ctx.predibase`, for logs.
--
-- The table is made by the first call of the request. Its fields:
--
-- * `calls`, `attempts` (requests that were sent, with those that were repeated), `retries` *
-- `prompt_tokens`, `completion_tokens`: those that the server reported; of a stream that failed or
--   was closed, the tokens that arrived
-- * `seconds`: the time of all calls that have ended, added up * `first_token`: seconds from the
-- start of a call to its first token, of the first stream that got
--   one
-- * `errors`: how many calls failed, by kind of error
--
-- `tostring` returns one line for a log. Calls of timers are not counted, because a timer belongs
-- to no request, and nothing is logged at its end.
-- @module predibase.transport.resty.request_counts

local M = {}

local ngx = ngx

-- The phases in which the client can wait and a request is handled.
local PHASES = { server_rewrite = true, rewrite = true, access = true, content = true }

local Counts = { __name = "predibase.counts" }
Counts.__index = Counts

local NUMBERS = { "calls", "attempts", "retries", "prompt_tokens", "completion_tokens" }

function Counts:__tostring ()
  local parts = {}
  for i, name in ipairs(NUMBERS) do parts[i] = name .. "=" .. self[name] end
  parts[#parts + 1] = ("seconds=%.3f"):format(self.seconds)
  if self.first_token then parts[#parts + 1] = ("first_token=%.3f"):format(self.first_token) end
  local failed = {}
  for kind, n in pairs(self.errors) do failed[#failed + 1] = kind .. ":" .. n end
  table.sort(failed)
  if failed[1] then parts[#parts + 1] = "errors=" .. table.concat(failed, ",") end
  return table.concat(parts, " ")
end

--- Counts the beginning of a call.
-- @treturn ?table the counts of the request; nil when no request is handled, or when the program
-- uses the name `ngx.ctx.predibase` for something else
function M.begin ()
  local known, phase = pcall(ngx.get_phase)
  if not known or not PHASES[phase] then return nil end
  local context = ngx.ctx
  local counts = context.predibase
  if counts == nil then
    counts = setmetatable({ calls = 0, attempts = 0, retries = 0, prompt_tokens = 0,
      completion_tokens = 0, seconds = 0, errors = {} }, Counts)
    context.predibase = counts -- luacheck: ignore 122
  elseif getmetatable(counts) ~= Counts then
    return nil
  end
  counts.calls = counts.calls + 1
  return counts
end

--- Counts an attempt.
function Counts:attempt ()
  self.attempts = self.attempts + 1
end

--- Counts a repeated attempt.
function Counts:retry ()
  self.retries = self.retries + 1
end

--- Records the time to the first token of a stream.
-- @tparam number seconds
function Counts:first (seconds)
  self.first_token = self.first_token or seconds
end

--- Counts the end of a call.
-- @tparam number seconds that it took
-- @tparam ?table usage numbers of tokens
-- @tparam ?table err of kind `kind`
function Counts:finish (seconds, usage, err)
  self.seconds = self.seconds + seconds
  if usage then
    self.prompt_tokens = self.prompt_tokens + (usage.prompt_tokens or 0)
    self.completion_tokens = self.completion_tokens + (usage.completion_tokens or 0)
  end
  if err then self.errors[err.kind] = (self.errors[err.kind] or 0) + 1 end
end

return M
