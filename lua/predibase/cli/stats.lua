-- SPDX-License-Identifier: MIT
--- What `--stats` prints.
-- @module predibase.cli.stats

local M = {}

--- Tokens, time to first token and tokens per second of a result.
-- @tparam table result
-- @treturn string
function M.line(result)
  local usage, timing = result.usage or {}, result.timing or {}
  local parts = {}
  local tokens = usage.completion_tokens
  if tokens then parts[#parts + 1] = ("%d tokens"):format(tokens) end
  if timing.first_token then
    parts[#parts + 1] = ("first token after %.3f s"):format(timing.first_token)
  end
  local seconds = timing.total and timing.total - (timing.first_token or 0)
  local counted = tokens and (timing.first_token and tokens - 1 or tokens)
  if counted and counted > 0 and seconds and seconds > 0 then
    parts[#parts + 1] = ("%.1f tokens/s"):format(counted / seconds)
  end
  if timing.total then parts[#parts + 1] = ("%.3f s in all"):format(timing.total) end
  return table.concat(parts, ", ")
end

return M
