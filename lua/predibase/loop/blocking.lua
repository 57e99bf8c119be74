-- SPDX-License-Identifier: MIT
--- The loop that blocks: the whole program waits.
--
-- A loop defines how a client waits. It is an object with the following functions, which the
-- transport calls; each client has its own loop object:
--
-- * `loop:watch(fd, timeout, step)` is called once per client, before the first wait. `fd` is a
--   descriptor that becomes readable when there is work to do (nil on systems that have none).
--   `timeout()` returns the seconds until `step` must run even if `fd` is not readable (nil: no
--   timer runs). `step(seconds)` waits at most that long (nil: without limit), does the work and
--   calls `loop:resume` for every coroutine whose exchange has moved: it has new data or has ended.
-- * `loop:suspend(exchange, co)` waits until the calling coroutine `co` is resumed, or for any
--   shorter time. It never raises an error: it returns nothing, or the error that ends
--   the wait (Ctrl-C, a cancelled task). The loop may call `exchange:close()` to end the exchange.
-- * `loop:resume(co)` makes the coroutine `co` continue soon. A loop that has let it continue at
--   once returns true.
-- * `loop:unwatch()` is optional and is called before `fd` is closed.
--
-- @module predibase.loop.blocking

local M = {}

local Blocking = {}
Blocking.__index = Blocking

--- Stores the function that does the client's work.
-- @param _ the descriptor; not needed, because `step` itself waits for it
-- @param __ the timeout; not needed, because `step` itself knows it
-- @tparam function step
function Blocking:watch (_, __, step) -- luacheck: ignore 212
  self.step = step
end

--- Waits in the operating system until any exchange of a client has new data or has ended. Other
-- loops call it if the caller cannot yield.
-- @tparam Loop loop the client's loop, with its `step`
-- @return nil, or the error that a signal handler raised during the wait
function M.wait (loop)
  local ok, err = pcall(loop.step, nil)
  if not ok then return err end
end

--- Waits in the operating system until any exchange of this client has new data or has ended.
-- @return nil, or the error that a signal handler raised during the wait
function Blocking:suspend ()
  return M.wait(self)
end

--- Does nothing: the only waiting caller is inside `suspend`, which returns by itself.
function Blocking:resume () -- luacheck: ignore 212
end

--- Makes a loop for one client.
-- @treturn Loop the loop
function M.new ()
  return setmetatable({ step = false }, Blocking)
end

return M
