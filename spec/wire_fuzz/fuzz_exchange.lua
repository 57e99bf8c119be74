-- SPDX-License-Identifier: MIT
-- Carries out the plan of an exchange, and checks its outcome.

local errors = require "predibase.errors"

local M = {}

local ffi = rawget(_G, "jit") and require "ffi"
if ffi then
  pcall(ffi.cdef, "int fork(void); void _exit(int); int waitpid(int, int *, int);")
end

-- Seconds. Only an answer that stalls may run into a timeout; the others are for a busy machine.
local STALLED = { first_token = 0.2, token = 0.2, idle = 0.2 }
local PATIENT = { connect = 60, first_token = 60, token = 60, idle = 60, total = 60 }

local RAISED = {}             -- what the body of a loop raises

local function input_of (plan)
  local text = plan.script .. ("x"):rep(plan.padding)
  if plan.call:find "^chat" then return { { role = "user", content = text } } end
  return text
end

local function options_of (plan)
  if plan.may_hang then return { timeout = { total = 5 }, max_retries = 0 } end
  if not plan.stalls then return { timeout = PATIENT, max_retries = 0 } end
  return { timeout = #plan.texts > 0 and STALLED or { total = 0.3 }, max_retries = 0 }
end

-- Reading. Each function returns nothing and puts what it finds into `found`: `texts`, `err`,
-- `result`, `joined` (texts came in pieces of other sizes), `left` (the client left early).

local Leave = {}

--- Takes a token; returns whether the client leaves now.
local function take (plan, found, token)
  if token.text ~= "" then found.texts[#found.texts + 1] = token.text end
  return plan.act ~= "read" and plan.act ~= "cancel" and #found.texts >= plan.at
end

function Leave.close (stream) stream:close() end
Leave["break"] = function () end
Leave.forget = function (_, found)
  found.forgotten = true
  collectgarbage()
end
function Leave.raise () error(RAISED, 0) end
Leave["close client"] = function (_, _, client) client:close() end

--- Forks. The child may read what had arrived, and must then get an error; the parent goes on.
function Leave.fork (stream, found, plan)
  local pid = ffi.C.fork()
  if pid == 0 then
    local n = #found.texts
    local ok, token, err
    repeat
      ok, token, err = pcall(stream.next, stream)
      n = n + 1
    until not ok or not token
    ffi.C._exit(ok and not err and not plan.loose and n <= #plan.texts and 1 or 0)
  end
  local status = ffi.new "int[1]"
  if ffi.C.waitpid(pid, status, 0) ~= pid or status[0] ~= 0 then
    found.problem = "the child did not get an error, or crashed"
  end
end

local Read = {}

Read["next"] = function (stream, found, step)
  while true do
    local token, err = stream:next()
    if not token then
      found.err = err
      return
    end
    if step(token) then return end
  end
end

function Read.poll (stream, found, step, nap)
  while true do
    local token, err = stream:poll()
    if token then
      if step(token) then return end
    elseif err == "pending" then
      nap()
    else
      found.err = err
      return
    end
  end
end

Read["for"] = function (stream, found, step)
  local ok, err = pcall(function ()
    for token in stream do
      if step(token) then break end
    end
  end)
  if not ok then found.err = err end
end

function Read.texts (stream, found, step)
  found.joined = true
  local ok, err = pcall(function ()
    for text in stream:texts() do
      if step { text = text } then break end
    end
  end)
  if not ok then found.err = err end
end

function Read.text (stream, found)
  local text, err = stream:text()
  found.joined, found.err = true, err
  if text then found.texts[1] = text end
end

local function same (a, b)
  return a == b or (errors.is(a) and errors.is(b) and a.kind == b.kind and a.message == b.message)
end

--- Ends a stream that was read to its end, and checks that every later call returns the same.
local function conclude (stream, found)
  if found.err == nil then
    local ok, result, err = pcall(stream.result, stream)
    found.result = ok and result or nil
    if not ok then found.problem = "no result at the end: " .. tostring(result) end
    if ok and not result then
      found.problem = "a quiet end of a broken stream: " .. tostring(err)
    end
  end
  for _, again in ipairs { "next", "poll" } do
    local token, err = stream[again](stream)
    if token ~= nil or not same(err, found.err) then
      found.problem = ("%s after the end returned %s, %s, and before %s"):format(again,
        tostring(token), tostring(err), tostring(found.err))
    end
  end
end

local function read_stream (plan, client, found, world)
  local stream = client[plan.call](client, input_of(plan), options_of(plan))
  local read = plan.act == "read" and plan.read or plan.read == "text" and "next" or plan.read
  local function step (token)
    local leaves = take(plan, found, token) and not found.forked
    if not leaves then return false end
    if plan.act == "fork" then
      found.forked = true
      if world.can_fork then Leave.fork(stream, found, plan) end
      return false
    end
    found.left = true
    Leave[plan.act](stream, found, client)
    return true
  end
  local ok, err = pcall(Read[read], stream, found, step, world.nap)
  if not ok then found.err = err end
  if found.left then
    if plan.act == "raise" and found.err ~= RAISED then
      found.problem = "the loop raised something else: " .. tostring(found.err)
    end
    if found.err == RAISED or plan.act == "close client" then found.err = nil end
    if not found.forgotten then stream:close() end
    return
  end
  -- in a cancelled task every wait fails
  if found.cancelled then stream:close() else conclude(stream, found) end
end

local function call_whole (plan, client, found)
  found.result, found.err = client[plan.call](client, input_of(plan), options_of(plan))
  if (found.result == nil) == (found.err == nil) then
    found.problem = "not exactly one outcome"
  end
end

-- The checks.

--- Returns what is wrong with the texts of tokens; they must be those of the plan, from the first.
local function problem_of_texts (plan, texts)
  for i, text in ipairs(texts) do
    if text ~= plan.texts[i] then
      return ("token %d is %q instead of %q"):format(i, text, tostring(plan.texts[i]))
    end
  end
end

--- The same after damages inside the answer: known tokens must come in their order, and each once.
local function problem_of_loose_texts (plan, texts)
  local number, last = {}, 0
  for i, text in ipairs(plan.texts) do number[text] = i end
  for _, text in ipairs(texts) do
    local at = number[text]
    if at and at <= last then return ("token %d came after token %d"):format(at, last) end
    last = at or last
  end
end

local function is_prefix (part, whole)
  return whole:sub(1, #part) == part
end

local function problem_of_error (plan, found)
  local err = found.err
  if not errors.is(err) then return "the error is no error object: " .. tostring(err) end
  if found.cancelled and err.kind == "cancelled" then return end
  if not errors.kinds[err.kind] then return "an unknown kind of error: " .. tostring(err.kind) end
  if plan.must == "succeed" then return "a valid answer failed: " .. tostring(err) end
  if err.kind == "timeout" and not (plan.stalls or plan.may_hang) then
    return "hung: " .. tostring(err)
  end
  if err.kind == "cancelled" or err.kind == "config" then
    return "an error without its cause: " .. tostring(err)
  end
  if #plan.texts > 0 and not found.joined then
    if err.partial_text ~= table.concat(found.texts) then
      return ("partial_text is %q, the tokens were %q"):format(tostring(err.partial_text),
        table.concat(found.texts))
    end
  end
end

local function problem_of_result (plan, found)
  if plan.must == "fail" then return "a broken answer looks whole" end
  if plan.loose then return end
  if found.result.text ~= plan.whole then
    return ("the text is %q instead of %q"):format(tostring(found.result.text), plan.whole)
  end
  if #plan.texts > 0 and table.concat(found.texts) ~= plan.whole then
    return "the result is complete, and the tokens are not"
  end
end

local function problem_of_count (plan, found)
  local n = #found.texts
  if found.joined or plan.loose or #plan.texts == 0 then return end
  if n > plan.most then return ("%d tokens, and only %d were sent"):format(n, plan.most) end
  local complete = not found.left and not found.cancelled and plan.ending ~= "r"
  if complete and n < plan.least then
    return ("%d tokens, and %d were sent completely; error: %s"):format(n, plan.least,
      tostring(found.err))
  end
end

local function problem_of (plan, found)
  if found.problem then return found.problem end
  if found.joined then
    local text = table.concat(found.texts)
    if not plan.loose and not is_prefix(text, plan.whole) then
      return ("the text %q is not the beginning of %q"):format(text, plan.whole)
    end
  else
    local check = plan.loose and problem_of_loose_texts or problem_of_texts
    local problem = check(plan, found.texts) or problem_of_count(plan, found)
    if problem then return problem end
  end
  if found.left then
    return found.err and "the client left, and got " .. tostring(found.err) or nil
  end
  if found.err then return problem_of_error(plan, found) end
  if found.result then return problem_of_result(plan, found) end
  if not found.cancelled then return "no outcome" end
end

--- Carries out a plan.
-- @tparam table plan of `fuzz_plan`
-- @tparam table world `client(plan)`, `release(client)`, `nap()`, `cancel(f, seconds)` (runs a
-- function in a task and cancels it; nil without tasks), `can_fork`
-- @treturn ?string what is wrong with the outcome
-- @treturn string the name of the outcome, for counting
-- @treturn ?Error the error of the exchange, which may be as it should be
function M.run (plan, world)
  local client = world.client(plan)
  local found = { texts = {} }
  local function act ()
    if #plan.texts > 0 then read_stream(plan, client, found, world)
    else call_whole(plan, client, found) end
  end
  local ok, raised
  if plan.act == "cancel" and world.cancel then
    found.cancelled = true
    ok, raised = world.cancel(act, plan.after)
    if not ok and errors.is(raised) and raised.kind == "cancelled" then ok = true end
  else
    ok, raised = pcall(act)
  end
  world.release(client)
  local problem
  if ok then problem = problem_of(plan, found) else problem = "raised: " .. tostring(raised) end
  local name = found.left and "left" or found.err and found.err.kind
    or found.result and "succeeded" or "cancelled"
  return problem, name, found.err
end

--- Describes a plan in a line.
function M.describe (plan)
  return ("%s over %s, %s; must %s; %s by %s at %d"):format(plan.call, plan.listener, plan.name,
    plan.must, plan.act, plan.read, plan.at)
end

return M
