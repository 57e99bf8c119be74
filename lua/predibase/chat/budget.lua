-- SPDX-License-Identifier: MIT
--- Finds the turns of a conversation that fit into a number of tokens.
--
-- It adds the tokens of the text of each message to those of the prompt in which every text is `x`,
-- which are the tokens that the format adds. The sum is almost never less than the number of tokens
-- of the whole prompt: tokens may merge where two texts meet, and each `x` is a margin of one
-- token.
-- @module predibase.chat.budget

local call = require "predibase.call"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local history = require "predibase.chat.history"
local tokenize = require "predibase.tokenize"

local M = {}

--- Bytes per token for estimates. English text has four and more, most other scripts and program
-- text have about three, so an estimate is more often too high than too low.
M.BYTES_PER_TOKEN = 3

--- Estimates the tokens of a text.
-- @tparam string text
-- @treturn integer
function M.estimate (text)
  local n = #text / M.BYTES_PER_TOKEN
  local whole = n - n % 1
  return whole < n and whole + 1 or whole
end

-- Kinds of errors for a server without the route /tokenize. A gateway may answer that the route is
-- forbidden.
local WITHOUT = { not_found = true, permission = true }

-- Options of the call that also apply to the requests that count tokens.
local SHARED = { "timeout", "max_retries", "headers", "cold_start", "traceparent", "on_request",
  "on_response", "on_retry", "on_wire" }

local function ignore () end

local Counter = {}
Counter.__index = Counter

--- Makes what a session remembers of counting.
-- @treturn table
function M.new_counter ()
  return setmetatable({
    counts = {},              -- tokens of the texts that were counted last
    no_tokenizer = false,     -- the server has no route /tokenize
  }, Counter)
end

--- Makes a copy for another session.
-- @treturn table
function Counter:copy ()
  local twin = M.new_counter()
  twin.no_tokenizer = self.no_tokenizer
  for key, n in pairs(self.counts) do twin.counts[key] = n end
  return twin
end

--- Asks the server, or estimates where it cannot count. `plans` keeps the two plans of one call.
local function ask (self, session, text, special, options, plans)
  if self.no_tokenizer then return M.estimate(text) end
  if not plans[special] then
    -- An error of counting is not always one of the call, which reports it otherwise.
    local own = { add_special_tokens = special, on_error = ignore }
    for _, name in ipairs(SHARED) do own[name] = options and options[name] end
    local plan, refusal = session.plan(tokenize.ROUTE, own)
    if not plan then return nil, refusal end
    plans[special] = plan
  end
  local tokens, err = call.run(session.client.shared, text, plans[special])
  if tokens then return #tokens end
  if not WITHOUT[err.kind] then return nil, err end
  self.no_tokenizer = true
  return M.estimate(text)
end

local function count_by_function (f, text)
  local n = f(text)
  if checks.integral(n) and n >= 0 then return n end
  return nil, errors.new { kind = "validation", phase = "request",
    message = "count_tokens must return a number of tokens, got " .. checks.describe(n) }
end

--- Returns a function that counts each text once. It reuses the counts of the previous call; counts
-- that this call does not need are dropped.
local function begin_counting (self, session, options)
  local before, used, plans = self.counts, {}, {}
  self.counts = used
  return function (text, special)
    if text == "" then return 0 end
    local key = (special and "p" or "m") .. text
    local n, err = used[key] or before[key], nil
    if not n and session.count_tokens then
      n, err = count_by_function(session.count_tokens, text)
    elseif not n then
      n, err = ask(self, session, text, special, options, plans)
    end
    used[key] = n
    return n, err
  end
end

local function too_long (needed, limit)
  return nil, errors.new { kind = "too_large", phase = "request",
    message = ("this message takes about %d tokens together with the system message, and "
      .. "max_input_tokens is %d; nothing was sent"):format(needed, limit) }
end

--- Returns an array of sums: the tokens of the texts of the last turn, of the last two turns, and
-- so on, until a sum exceeds the limit. The system message is part of each sum.
local function text_sums (session, messages, turns, count)
  local total, sums, last = 0, {}, #messages
  if messages[1].role == "system" then
    local n, err = count(session.engine.written(session, messages[1]), false)
    if not n then return nil, err end
    total = n
  end
  for k = #turns, 1, -1 do
    for i = turns[k], last do
      local n, err = count(session.engine.written(session, messages[i]), false)
      if not n then return nil, err end
      total = total + n
    end
    last = turns[k] - 1
    sums[#sums + 1] = total
    if total > session.max_input_tokens then break end
  end
  return sums
end

--- Returns the messages to send: the system message and as many of the newest turns as fit.
-- @tparam table session
-- @tparam table messages the last one is the new question
-- @tparam ?table options of the call
-- @tparam ?table tools that the model is shown, of `predibase.tools`
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table the error; of kind "too_large" when not even the last turn fits
function M.fit (session, messages, options, tools)
  local count, turns = begin_counting(session.counter, session, options), history.turns(messages)
  local sums, err = text_sums(session, messages, turns, count)
  if not sums then return nil, err end
  local needed
  for kept = #sums, 1, -1 do
    local part = history.from(messages, turns[#turns - kept + 1])
    needed = sums[kept]
    if needed <= session.max_input_tokens or kept == 1 then
      local prompt, around, more
      prompt, err, more = session.engine.frame(session, part, tools)
      if prompt then around, err = count(prompt, true) end
      if not around then return nil, err end
      needed = needed + around + (more or 0)
    end
    if needed <= session.max_input_tokens then return part end
  end
  return too_long(needed, session.max_input_tokens)
end

return M
