---@meta predibase.loop.luv
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/loop/luv.lua by `make types`; do not edit.

---The loop of libuv.
---@class predibase.LuvLoop : predibase.Loop
local LuvLoop = {}

---Stores the descriptor and the client's functions.
---@param fd? number
---@param timeout function
---@param step function
function LuvLoop:watch(fd, timeout, step) end

---Makes libuv stop watching the descriptor.
function LuvLoop:unwatch() end

---Yields until any exchange of the client has new data or has ended. Blocks in the main program.
---@return any # nil, or the error that a signal handler raised during the wait
function LuvLoop:suspend() end

---Makes a waiting coroutine continue in the next turn of libuv's loop.
---@param co any the coroutine
function LuvLoop:resume(co) end

---The options of `new`.
---@class predibase.fields.LuvOptions
---@field uv? table the binding of libuv (default: `vim.uv` or `vim.loop` in Neovim, else `luv`)
---@field schedule? fun(f: function) calls the function that it is given, in which coroutines are resumed

---The options of `new`.
---@class predibase.LuvOptions : predibase.fields.LuvOptions, predibase.Known<predibase.fields.LuvOptions>
---@field uv? table the binding of libuv (default: `vim.uv` or `vim.loop` in Neovim, else `luv`)

---The loop for clients in libuv: in programs that use luv, and in Neovim with `vim.uv` or
---`vim.loop`.
---
---    local client = predibase.new { loop = require "predibase.loop.luv".new() }
---    coroutine.wrap(function () print(client:generate "Hello") end)()
---    uv.run()
---
---A call in a coroutine waits by yielding, and this loop resumes it; a call of the main program
---blocks. While no call waits, the client keeps no handle of libuv active. The functions of a loop
---are described in `predibase.loop.blocking`.
---@class predibase.loop.luv
local M = {}

---Makes a loop for one client.
---@param options? predibase.LuvOptions `uv`: the binding of libuv (default: `vim.uv` or `vim.loop` in Neovim, else the module `luv`); `schedule`: a function that calls the function it is given, in which coroutines are resumed (default: `vim.schedule` in Neovim, where callbacks of libuv may not call most of the API; else a direct call)
---@return predibase.LuvLoop # the loop
function M.new(options) end

return M
