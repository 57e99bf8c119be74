-- SPDX-License-Identifier: MIT
--- Waits until a server can answer: `client:wait_ready`.
-- @module predibase.readiness

local call = require "predibase.call"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local info = require "predibase.info"
local json = require "predibase.json"
local names = require "predibase.option_names"
local request = require "predibase.request"
local retry = require "predibase.retry"
local usage = require "predibase.usage"

local M = {}

--- Default of the option `timeout` in seconds: as long as a call may take (see `predibase.config`).
M.TIMEOUT = 600

--- Longest time in seconds that one question may take. Before its first answer, LoRAX generates a
-- token to find out whether it is well.
M.QUESTION = 30

--- The options of `client:wait_ready`.
-- @table WaitOptions
-- @tfield ?number timeout seconds (default 600)
-- @tfield ?fun(wait:WaitInfo) on_wait is called before each pause

--- What `on_wait` is called with.
-- @table WaitInfo
-- @tfield Error error why the server is not ready
-- @tfield integer attempt the number of questions so far
-- @tfield number waited seconds since the beginning
-- @tfield number delay seconds until the next question

local OPTIONS = { timeout = true, on_wait = true }

--- Kinds of errors that a server has while it starts. The others do not go away by waiting.
local PASSING = { connection = true, timeout = true, server = true, overloaded = true,
  rate_limited = true, generation = true, incomplete_generation = true }

--- Asks the server once. Returns true; or nil and the error.
local function ask (client, shared, left)
  local asking = { cfg = client.cfg, user_agent = client.user_agent }
  local plan, err = request.plan(asking, info.HEALTH, {
    max_retries = 0, timeout = math.min(left, M.QUESTION), cold_start = false,
    on_error = function () end,
  })
  local ok
  if plan then ok, err = call.run(shared, nil, plan) end
  -- Servers of OpenAI's API need not have this route.
  if not ok and err.kind == "not_found" and client.cfg.server == "openai" then return true end
  return ok, err
end

local function late (err, seconds, attempts)
  return errors.new {
    kind = "timeout", phase = "total", status = err.status, attempts = attempts,
    message = ("the server was not ready within %g seconds; the last answer: %s"):format(seconds,
      err.message),
  }
end

--- Waits for a time, or until the client is closed.
local function pause (client, seconds)
  local transport = client.transport
  local ok, failure = transport:ready()
  if ok then
    local group = transport:group()
    group:close_on_error()
    group:next(client.shared.now() + seconds)
    ok, failure = transport:ready()
  end
  if ok then return nil end
  return errors.new { kind = failure.kind, phase = failure.phase, message = failure.message }
end

local function read (options)
  if options == nil then return M.TIMEOUT end
  if type(options) ~= "table" then
    usage.fail("client:wait_ready takes its options as a table, got a " .. type(options))
  end
  names.check(options, OPTIONS, "option")
  options = json.present(options)
  local seconds, hook = options.timeout, options.on_wait
  if seconds ~= nil and (not checks.finite(seconds) or seconds <= 0) then
    usage.fail("client:wait_ready takes a timeout in seconds above 0, got "
      .. checks.describe(seconds))
  end
  if hook ~= nil and not checks.callable(hook) then
    usage.fail("client:wait_ready takes a function for on_wait, got " .. checks.describe(hook))
  end
  return seconds or M.TIMEOUT, hook
end

--- Asks until the server is well. Returns true; or nil and the error.
local function wait (client, seconds, hook)
  -- The question is no call of the program: it needs no turn.
  local shared = setmetatable({ limits = false }, { __index = client.shared })
  local now, began, attempts = shared.now, shared.now(), 0
  while true do
    local ok, err = ask(client, shared, began + seconds - now())
    if ok then return true end
    if not PASSING[err.kind] then return nil, err end
    attempts = attempts + 1
    local waited = now() - began
    local delay = retry.cold_delay(err, waited, seconds, shared.random)
    if not delay or waited + delay >= seconds then return nil, late(err, seconds, attempts) end
    if hook then hook { error = err, attempt = attempts, waited = waited, delay = delay } end
    err = pause(client, delay)
    if err then return nil, err end
  end
end

--- Waits until the server can answer.
-- @tparam table client
-- @tparam ?table options `timeout`, `on_wait`, see `client:wait_ready`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise for options that do not exist or have the wrong type
function M.wait (client, options)
  local ok, err = wait(client, read(options))
  if ok then return true end
  return call.report(client.shared, err)
end

return M
