---@meta predibase.loop.cqueues
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/loop/cqueues.lua by `make types`; do not edit.

---The loop of cqueues.
---@class predibase.CqueuesLoop : predibase.Loop
local CqueuesLoop = {}

---Stores the descriptor and the client's functions.
---@param fd? number
---@param timeout function
---@param step function
function CqueuesLoop:watch(fd, timeout, step) end

---Makes cqueues stop watching the descriptor.
function CqueuesLoop:unwatch() end

---Waits until any exchange of the client has new data or has ended. Blocks if no controller runs.
---@return any # nil, or the error that a signal handler raised during the wait
function CqueuesLoop:suspend() end

---Makes a waiting coroutine continue soon.
---@param co any the coroutine
function CqueuesLoop:resume(co) end

---Starts a function in a coroutine of the controller.
---@param f function
---@return boolean # false if no controller runs the calling coroutine
function CqueuesLoop:spawn(f) end

---The loop for clients in controllers of cqueues.
---
---    local client = predibase.new { loop = require "predibase.loop.cqueues".new() }
---    cq:wrap(function () print(client:generate "Hello") end)
---    assert(cq:loop())
---
---A call in a coroutine of a controller lets the other coroutines run; a call anywhere else blocks.
---While calls wait, an additional coroutine of their controller does the client's work: it runs
---`step`. The functions of a loop are described in `predibase.loop.blocking`.
---@class predibase.loop.cqueues
local M = {}

---Makes a loop for one client.
---@return predibase.CqueuesLoop # the loop
function M.new() end

return M
