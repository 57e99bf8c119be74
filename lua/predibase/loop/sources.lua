-- SPDX-License-Identifier: MIT
--- The pools that tasks wait for, and one wait for all of them.
--
-- A client closes its connections with it and lives with its own certificates and limits, so each
-- keeps a pool of its own. With one in use the wait is `pool:step` itself; with several it is one
-- call for their descriptors, and only those that are readable or due are stepped.
-- @module predibase.loop.sources

local curl = require "predibase.curl"

local M = {}

--- Seconds between looks at a pool without a descriptor when there is another one: on systems that
-- have neither epoll nor kqueue.
local LOOK = 0.01

local using = {}              -- loop -> number of tasks that wait for it
local list, fds, ready = {}, {}, {}     -- used again for every wait

--- Counts a task that waits.
-- @tparam table source a loop with `fd`, `timeout` and `step`, see `predibase.loop.blocking`
function M.enter(source)
  using[source] = (using[source] or 0) + 1
end

--- Counts a task that does not wait any more.
-- @tparam table source
function M.leave(source)
  local n = using[source]
  if n then using[source] = n > 1 and n - 1 or nil end
end

--- Forgets all.
function M.clear()
  using = {}
end

local function collect(seconds)
  local n = 0
  for source in pairs(using) do
    n = n + 1
    list[n], fds[n] = source, source.fd or -1
    local own = source.timeout()
    if not source.fd then own = math.min(own or LOOK, LOOK) end
    if own and (not seconds or own < seconds) then seconds = own end
  end
  for i = n + 1, #list do list[i], fds[i] = nil, nil end
  return seconds
end

local function wait_for_all(seconds)
  local n, why = curl.wait(fds, collect(seconds), ready)
  if not n then error(why, 0) end
  for i = 1, n do list[ready[i]].step(0) end
  for i = 1, #list do
    local source = list[i]
    if not source.fd or source.timeout() == 0 then source.step(0) end
  end
end

--- Waits until anything moved in any pool in use, and does what there is to do.
-- @tparam ?number seconds at most; nil: as long as it takes
-- @treturn boolean false when there is nothing to wait for
function M.wait(seconds)
  local source = next(using)
  if not source then
    if not seconds then return false end
    if seconds > 0 then curl.wait({}, seconds, ready) end
  elseif next(using, source) == nil then
    source.step(seconds)
  else
    wait_for_all(seconds)
  end
  return true
end

return M
