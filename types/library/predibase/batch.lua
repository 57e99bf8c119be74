---@meta predibase.batch
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/batch.lua by `make types`; do not edit.

---@class predibase.GenerateBatch
---@overload fun(): integer?, predibase.Result|false|nil, predibase.Error?
local GenerateBatch = {}

---Waits until any prompt has ended, and returns its outcome. The order is that in which the
---prompts end.
---@param seconds? number longest time to wait; nil waits until a prompt has ended
---@return (integer|false)? # the index of the prompt, from 1; or the index of the prompt; or nil all prompts have ended; or no prompt has ended in that time
---@return predibase.Result? # its result, see `predibase.response`
---@return predibase.Error # its error; or the error that ended the batch: it was closed, or no client could be made
---@return_overload integer, predibase.Result
---@return_overload integer, nil, predibase.Error
---@return_overload nil
---@return_overload nil, nil, predibase.Error
---@return_overload false
function GenerateBatch:next(seconds) end

---Waits for all prompts.
---
---Raises an error after a call of `next`, because outcomes that `next` has returned are not stored.
---@return ((predibase.Result|false)[])? # the results in the order of the prompts; `false` where there is an error, so that the array has no holes
---@return table<integer, predibase.Error>|predibase.Error # the errors: index of the prompt -> error; empty when there is none; or the error, when no client could be made
---@return_overload (predibase.Result|false)[], table<integer, predibase.Error>
---@return_overload nil, predibase.Error
function GenerateBatch:results() end

---Closes the connections of all open requests and begins no more. May be called at any time, any
---number of times, also from another coroutine: the one that waits gets an error of kind
---"cancelled".
function GenerateBatch:close() end

---Sends nothing more. Requests that are under way still end, and `next` returns their outcomes;
---prompts that wait for their next attempt have none.
function GenerateBatch:stop() end

---Tells how many requests are under way, and how many may be.
---@return integer
---@return number
---@return number # seconds until the pause ends that the server wants; 0 without one
function GenerateBatch:level() end

---Tells why no further request is sent: the server is down, or asks for a pause that is too long.
---The prompts that were not sent then fail with an error whose field `sent` is false.
---@return table? # `kind`, `message` and further fields of an error; nil when requests are sent
function GenerateBatch:halted() end

---@class predibase.ChatBatch
---@overload fun(): integer?, predibase.ChatResult|false|nil, predibase.Error?
local ChatBatch = {}

---Waits until any prompt has ended, and returns its outcome. The order is that in which the
---prompts end.
---@param seconds? number longest time to wait; nil waits until a prompt has ended
---@return (integer|false)? # the index of the prompt, from 1; or the index of the prompt; or nil all prompts have ended; or no prompt has ended in that time
---@return predibase.ChatResult? # its result, see `predibase.response`
---@return predibase.Error # its error; or the error that ended the batch: it was closed, or no client could be made
---@return_overload integer, predibase.ChatResult
---@return_overload integer, nil, predibase.Error
---@return_overload nil
---@return_overload nil, nil, predibase.Error
---@return_overload false
function ChatBatch:next(seconds) end

---Waits for all prompts.
---
---Raises an error after a call of `next`, because outcomes that `next` has returned are not stored.
---@return ((predibase.ChatResult|false)[])? # the results in the order of the prompts; `false` where there is an error, so that the array has no holes
---@return table<integer, predibase.Error>|predibase.Error # the errors: index of the prompt -> error; empty when there is none; or the error, when no client could be made
---@return_overload (predibase.ChatResult|false)[], table<integer, predibase.Error>
---@return_overload nil, predibase.Error
function ChatBatch:results() end

---Closes the connections of all open requests and begins no more. May be called at any time, any
---number of times, also from another coroutine: the one that waits gets an error of kind
---"cancelled".
function ChatBatch:close() end

---Sends nothing more. Requests that are under way still end, and `next` returns their outcomes;
---prompts that wait for their next attempt have none.
function ChatBatch:stop() end

---Tells how many requests are under way, and how many may be.
---@return integer
---@return number
---@return number # seconds until the pause ends that the server wants; 0 without one
function ChatBatch:level() end

---Tells why no further request is sent: the server is down, or asks for a pause that is too long.
---The prompts that were not sent then fail with an error whose field `sent` is false.
---@return table? # `kind`, `message` and further fields of an error; nil when requests are sent
function ChatBatch:halted() end

---@alias predibase.Batch predibase.GenerateBatch|predibase.ChatBatch

---Sends many prompts, several at the same time: `client:generate_many`.
---
---A batch sends nothing until the program asks for the first outcome. It returns the outcome of
---each prompt as soon as there is one (`for index, result, err in batch do`, `batch:next()`), or
---all of them in the order of the prompts (`batch:results()`).
---
---The coroutine that reads the batch, or the main program, waits for all requests together. A batch
---starts no tasks, so it works the same with every loop.
---
---`predibase.batch.jobs` decides what is sent next. An error of a hook, Ctrl-C or a limit of the
---host program may interrupt the function `step` anywhere; the next call of `step` goes on.
---@class predibase.batch
---@field MAX_CONCURRENCY integer Largest value of the option `concurrency`.
local M = {}

---Makes a batch.
---
---Raises an error for an option that does not exist or has a wrong type, also in an entry of an array.
---@param client table `transport`, `shared`, see `predibase.client`
---@param many table describes the method: `name`, `route` (of the calls), and `entries` (`field`, `type` and `what`, see `predibase.batch.entries`)
---@param entries table|function prompts, or the values from which `render` makes prompts
---@param options? table of the method; their names must have been checked
---@param view? table of an adapter: `base` (options that apply where `options` has none), `check` (takes an entry's own options, or nil, and raises for misuse), and, if it has a template, `render` (makes a prompt from the values of an entry, or returns nil and an error) and `check_values` (raises for values of the wrong type)
---@return predibase.Batch
function M.new(client, many, entries, options, view) end

---Makes a batch of requests that together are one call of the program, with one plan and one time
---limit. An error that ends a wait closes it, because the program does not have the batch.
---@param client table
---@param plan table of `predibase.request`
---@param inputs table array of what the route of the plan takes
---@param most integer number of requests at the same time
---@param began number when the call began, on the clock of the transport
---@return predibase.Batch
function M.of_plan(client, plan, inputs, most, began) end

---Makes a batch of calls of any kind, whose limiter can adapt to the server.
---@param client table
---@param fields table `next` (returns the next entry, nil when there is none), `prepare` (takes an entry and returns its call, or nil and an error), `most` (number of requests at the same time), `limiter` (further options of `predibase.batch.limiter`), `may_take` (tells whether the next entry may be taken now; the batch ends when it may not and nothing is under way), and `on_error` (hook for entries that become no call; by default that of the client)
---@return predibase.Batch
function M.of_calls(client, fields) end

---Makes a batch that fails at once, because no client could be made.
---@param err predibase.Error
---@return predibase.Batch
function M.failed(err) end

return M
