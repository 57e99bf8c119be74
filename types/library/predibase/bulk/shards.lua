---@meta predibase.bulk.shards
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/bulk/shards.lua by `make types`; do not edit.

---A part of the rows of an input.
---@class predibase.Shard
---@field index integer from 0 to `count - 1`
---@field count integer the number of shards

---Divides a bulk run among several processes or machines. Each of them reads the whole input and
---takes every N-th row: this is a shard. Its answers go to a file of its own, and
---`predibase batch merge` joins these files.
---@class predibase.bulk.shards
---@field MAX_COUNT integer The largest number of shards. Each shard reads all rows and skips those of the others, so that with more shards reading takes longer than answering.
local M = {}

---Reads a shard. Environment variables are used only for values that begin with `auto`.
---
---`"3/8"` is the shard 3 of the shards 0 to 7. `"auto"` reads the variables `SLURM_ARRAY_TASK_ID`,
---`_MIN`, `_MAX`, `_STEP` and `_COUNT` (sbatch(1), "job arrays"). `"auto/8"` reads
---`JOB_COMPLETION_INDEX` (Kubernetes, Job with `completionMode: Indexed`).
---
---Raises an error when `value` is not a string.
---@param value string
---@param getenv? fun(name: string): string? maps the name of an environment variable to its value
---@return predibase.Shard? # `{ index = …, count = … }`; `index` is from 0 to `count - 1`
---@return predibase.Error # an error of kind `validation` for a bad value, and `config` for environment variables that are missing or do not fit
---@return_overload predibase.Shard
---@return_overload nil, predibase.Error
function M.read(value, getenv) end

---Returns the index of the shard that a row belongs to.
---@param count integer the number of shards
---@param number integer the number of the row in the input, from 1
---@return integer
function M.of(count, number) end

---Tells whether a row belongs to a shard.
---@param shard predibase.Shard
---@param number integer the number of the row in the input, from 1
---@return boolean
function M.takes(shard, number) end

---Returns the path of a shard's file.
---@param out string the path of the whole output
---@param shard predibase.Shard
---@return string # `OUT.I-of-N`, in the folder of `out`
function M.path(out, shard) end

---Divides the path of a shard's file: the inverse of `path`. The extension that names the format
---is that of the first result: `answers.jsonl` for `answers.jsonl.3-of-8`.
---@param path string
---@return string # the path of the whole output; `path` itself when it is not that of a shard
---@return predibase.Shard? # the shard
function M.split(path) end

---Finds the files of the shards of an output, of all divisions.
---@param out string the path of the whole output
---@param extension? string what the names have after that of the shard
---@return table<integer, table<integer, string>>? # number of shards -> index -> path
---@return predibase.Error # an error of kind `config`: the folder cannot be read
---@return_overload table<integer, table<integer, string>>
---@return_overload nil, predibase.Error
function M.files(out, extension) end

---Refuses to begin a shard beside those of another division. So an array job that is submitted
---again for some of its tasks only, which is another division, does not answer rows twice.
---@param out string the path of the whole output
---@param shard predibase.Shard
---@return boolean? # true
---@return predibase.Error # an error of kind `config`
---@return_overload boolean
---@return_overload nil, predibase.Error
function M.check_division(out, shard) end

return M
