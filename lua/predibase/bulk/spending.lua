-- SPDX-License-Identifier: MIT
--- Counts the tokens of a run and what they cost, and tells whether another row fits into the
-- limits. What rows still under way will need is estimated from the mean of those that have ended,
-- so the second row begins when the first one has ended.
-- @module predibase.bulk.spending

local M = {}

local Spending = {}
Spending.__index = Spending

--- Counts a row.
-- @tparam ?integer tokens_in of its prompt; nil when the server did not say
-- @tparam ?integer tokens_out of its answer
function Spending:add (tokens_in, tokens_out)
  self.rows = self.rows + 1
  self.tokens_in = self.tokens_in + (tokens_in or 0)
  self.tokens_out = self.tokens_out + (tokens_out or 0)
  if not tokens_in and not tokens_out then self.uncounted = self.uncounted + 1 end
end

--- Returns what the tokens cost, in the currency of the prices.
-- @treturn ?number nil without prices
function Spending:cost ()
  if not self.price_in and not self.price_out then return nil end
  return (self.tokens_in * (self.price_in or 0) + self.tokens_out * (self.price_out or 0)) / 1e6
end

--- Tells which limit one more row would exceed.
-- @tparam integer open number of rows under way
-- @treturn ?string "max_tokens" or "max_cost"; nil when the row fits
function Spending:exceeded (open)
  if self.rows == 0 and open > 0 then
    return self.max_tokens and "max_tokens" or self.max_cost and "max_cost" or nil
  end
  local mean = self.rows > 0 and 1 / self.rows or 0
  local factor = 1 + (open + 1) * mean
  local tokens = self.tokens_in + self.tokens_out
  if self.max_tokens and (tokens * factor > self.max_tokens or tokens >= self.max_tokens) then
    return "max_tokens"
  end
  local cost = self.max_cost and self:cost()
  if cost and (cost * factor > self.max_cost or cost >= self.max_cost) then return "max_cost" end
end

--- Tells whether there is a limit that cannot be kept, because the server does not count tokens.
-- @treturn boolean
function Spending:is_uncounted ()
  return (self.max_tokens or self.max_cost) ~= nil and self.uncounted > 0
end

--- Makes the count of a run.
-- @tparam table options `max_tokens`, `max_cost`, `price_in` and `price_out` (of a million tokens)
-- @treturn table `tokens_in` and `tokens_out` may be read
function M.new (options)
  return setmetatable({
    max_tokens = options.max_tokens, max_cost = options.max_cost,
    price_in = options.price_in, price_out = options.price_out,
    rows = 0, uncounted = 0, tokens_in = 0, tokens_out = 0,
  }, Spending)
end

return M
