-- SPDX-License-Identifier: MIT
--- The way to wait that needs nobody: the whole program waits.
--
-- A loop is an object with three functions, one object per client. The transport calls them and
-- knows nothing else about how its caller waits:
--
-- * `loop:watch(fd, timeout, step)` is called once per client, before anything is waited for.
--   `fd` is a descriptor that is readable when there is something to do (nil where the system has
--   none), `timeout()` gives the seconds after which `step` must be called in any case (nil: no
--   timer runs), and `step(seconds)` waits for at most that long (nil: as long as it takes),
--   does what there is to do and calls `loop:resume` for every coroutine whose exchange moved.
-- * `loop:suspend(exchange)` waits until the calling coroutine is resumed, or for any shorter time.
--   It never raises: it returns nothing, or the error that is to end the wait (Ctrl-C, a cancelled
--   task). `exchange:close()` ends what is waited for.
-- * `loop:resume(co)` lets the coroutine `co` go on soon.
-- * `loop:unwatch()`, where there is one, is called before `fd` is closed.
--
-- @module predibase.loop.blocking

local M = {}

local Blocking = {}
Blocking.__index = Blocking

--- Keeps what drives the client.
-- @param _ the descriptor, which `step` waits on by itself
-- @param __ the timeout, which `step` knows by itself
-- @tparam function step
function Blocking:watch(_, __, step) -- luacheck: ignore 212
  self.step = step
end

--- Waits in the operating system until anything of a client moved: the `suspend` of every loop
-- where there is nobody to yield to.
-- @tparam table loop the client's loop, with its `step`
-- @return nil, or the error that a signal handler raised meanwhile
function M.wait(loop)
  local ok, err = pcall(loop.step, nil)
  if not ok then return err end
end

--- Waits in the operating system until anything of this client moved.
-- @return nil, or the error that a signal handler raised meanwhile
function Blocking:suspend()
  return M.wait(self)
end

--- Nothing to do: whoever waited is the one that called `suspend`.
function Blocking:resume() -- luacheck: ignore 212
end

--- Makes a loop for one client.
-- @treturn table the loop
function M.new()
  return setmetatable({ step = false }, Blocking)
end

return M
