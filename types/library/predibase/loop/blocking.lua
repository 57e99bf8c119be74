---@meta predibase.loop.blocking
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/loop/blocking.lua by `make types`; do not edit.

---@class predibase.Loop
local Loop = {}

---Stores the function that does the client's work.
---@param _ any the descriptor; not needed, because `step` itself waits for it
---@param __ any the timeout; not needed, because `step` itself knows it
---@param step function
function Loop:watch(_, __, step) end

---Waits in the operating system until any exchange of this client has new data or has ended.
---@return any # nil, or the error that a signal handler raised during the wait
function Loop:suspend() end

---Does nothing: the only waiting caller is inside `suspend`, which returns by itself.
function Loop:resume() end

---The loop that blocks: the whole program waits.
---
---A loop defines how a client waits. It is an object with the following functions, which the
---transport calls; each client has its own loop object:
---
---* `loop:watch(fd, timeout, step)` is called once per client, before the first wait. `fd` is a
---  descriptor that becomes readable when there is work to do (nil on systems that have none).
---  `timeout()` returns the seconds until `step` must run even if `fd` is not readable (nil: no
---  timer runs). `step(seconds)` waits at most that long (nil: without limit), does the work and
---  calls `loop:resume` for every coroutine whose exchange has moved: it has new data or has ended.
---* `loop:suspend(exchange, co)` waits until the calling coroutine `co` is resumed, or for any
---  shorter time. It never raises an error: it returns nothing, or the error that ends
---  the wait (Ctrl-C, a cancelled task). The loop may call `exchange:close()` to end the exchange.
---* `loop:resume(co)` makes the coroutine `co` continue soon. A loop that has let it continue at
---  once returns true.
---* `loop:unwatch()` is optional and is called before `fd` is closed.
---@class predibase.loop.blocking
local M = {}

---Waits in the operating system until any exchange of a client has new data or has ended. Other
---loops call it if the caller cannot yield.
---@param loop predibase.Loop the client's loop, with its `step`
---@return any # nil, or the error that a signal handler raised during the wait
function M.wait(loop) end

---Makes a loop for one client.
---@return predibase.Loop # the loop
function M.new() end

return M
