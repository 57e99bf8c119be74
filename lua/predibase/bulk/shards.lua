-- SPDX-License-Identifier: MIT
--- Divides a bulk run among several processes or machines. Each of them reads the whole input and
-- takes every N-th row: this is a shard. Its answers go to a file of its own, and
-- `predibase batch merge` joins these files.
-- @module predibase.bulk.shards

local errors = require "predibase.errors"
local folder = require "predibase.folder"
local paths = require "predibase.paths"
local usage = require "predibase.usage"

local M = {}

--- A part of the rows of an input.
-- @table Shard
-- @tfield integer index from 0 to `count - 1`
-- @tfield integer count the number of shards

--- The largest number of shards. Each shard reads all rows and skips those of the others, so that
-- with more shards reading takes longer than answering.
M.MAX_COUNT = 10000

-- Digits of the largest number that is read. Every such number fits into a double.
local MAX_DIGITS = 15

local FORMS = '"I/N" (I from 0 to N-1), "auto" inside an array job of Slurm, or "auto/N" inside an '
  .. "Indexed Job of Kubernetes"

local function invalid (message)
  return nil, errors.new { kind = "validation", message = message }
end

local function misplaced (message)
  return nil, errors.new { kind = "config", message = message }
end

local function shown (text)
  return text == "" and "an empty text" or errors.excerpt(text, 40)
end

--- Reads a whole number from 0; returns nil for any other text.
local function whole (text)
  return text:find "^%d+$" and #text <= MAX_DIGITS and tonumber(text) or nil
end

local function checked_count (text)
  local count = whole(text)
  if count and count >= 1 and count <= M.MAX_COUNT then return count end
  return invalid(("the number of shards must be a whole number from 1 to %d, got %s"):format(
    M.MAX_COUNT, shown(text)))
end

--- Reads the variables of a Slurm array task. Returns a table `{ id, min, max, step, count }`, or
-- nil and an error.
local function slurm_variables (getenv)
  local found = {}
  for _, name in ipairs { "ID", "MIN", "MAX", "STEP", "COUNT" } do
    local variable = "SLURM_ARRAY_TASK_" .. name
    local text = getenv(variable)
    local number = text and whole(text)
    if not text then
      return misplaced(('the shard "auto" needs the variable %s, which is not set; Slurm sets it '
        .. "in the tasks of an array job (sbatch --array=0-7). Elsewhere name the shard: I/N")
        :format(variable))
    elseif not number then
      return misplaced(("the variable %s must be a whole number, got %s"):format(variable,
        shown(text)))
    end
    found[name:lower()] = number
  end
  return found
end

--- Finds the shard of a Slurm array task. The task numbers have to be MIN, MIN + STEP, …, MAX:
-- Slurm does not tell a task which numbers a list such as 1,5,7 has.
local function of_slurm (getenv)
  local task, err = slurm_variables(getenv)
  if not task then return nil, err end
  if task.count < 1 or task.count > M.MAX_COUNT then
    return misplaced(("the array job has %.0f tasks; it may have from 1 to %d, one for each shard")
      :format(task.count, M.MAX_COUNT))
  end
  local index = task.count == 1 and task.id - task.min or (task.id - task.min) / task.step
  if task.max - task.min ~= task.step * (task.count - 1) and task.count > 1
    or index % 1 ~= 0 or index < 0 or index >= task.count then
    return misplaced(('the shard "auto" needs an array job whose numbers have one distance, such '
      .. "as --array=0-7. This one has %.0f tasks from %.0f to %.0f with the step %.0f. Submit a "
      .. "range, or name the shard with the number of all shards: "
      .. "--shard $SLURM_ARRAY_TASK_ID/N"):format(task.count, task.min, task.max, task.step))
  end
  return { index = math.floor(index), count = task.count }
end

--- Finds the shard of a pod of an Indexed Job, which knows its number but not the number of all.
local function of_kubernetes (count, getenv)
  local text = getenv "JOB_COMPLETION_INDEX"
  if not text then
    return misplaced(('the shard "auto/%d" needs the variable JOB_COMPLETION_INDEX, which is not '
      .. "set; Kubernetes sets it in the pods of a Job with completionMode: Indexed")
      :format(count))
  end
  local index = whole(text)
  if index and index < count then return { index = index, count = count } end
  return misplaced(("the variable JOB_COMPLETION_INDEX must be a whole number from 0 to %d for the "
    .. 'shard "auto/%d", got %s; the number after "auto/" must be that of the field completions '
    .. "of the Job"):format(count - 1, count, shown(text)))
end

--- Reads a shard. Environment variables are used only for values that begin with `auto`.
--
-- `"3/8"` is the shard 3 of the shards 0 to 7. `"auto"` reads the variables `SLURM_ARRAY_TASK_ID`,
-- `_MIN`, `_MAX`, `_STEP` and `_COUNT` (sbatch(1), "job arrays"). `"auto/8"` reads
-- `JOB_COMPLETION_INDEX` (Kubernetes, Job with `completionMode: Indexed`).
-- @tparam string value
-- @tparam[opt=os.getenv] fun(name:string):string? getenv maps the name of an environment variable
-- to its value
-- @treturn[1] Shard `{ index = …, count = … }`; `index` is from 0 to `count - 1`
-- @treturn[2] nil
-- @treturn[2] Error an error of kind `validation` for a bad value, and `config` for environment
-- variables that are missing or do not fit
-- @raise when `value` is not a string
function M.read (value, getenv)
  if type(value) ~= "string" then
    usage.fail("a shard must be a string: " .. FORMS .. "; got a " .. type(value))
  end
  getenv = getenv or os.getenv
  if value == "auto" then return of_slurm(getenv) end
  local first, last = value:match "^([^/]*)/([^/]*)$"
  if not first or not (first == "auto" or whole(first)) then
    return invalid(("a shard must be %s; got %s"):format(FORMS, shown(value)))
  end
  local count, err = checked_count(last)
  if not count then return nil, err end
  if first == "auto" then return of_kubernetes(count, getenv) end
  local index = whole(first)
  if index >= count then
    return invalid(("the number of a shard must be from 0 to %d when there are %d, got %s; the "
      .. "first shard is 0/%d"):format(count - 1, count, first, count))
  end
  return { index = index, count = count }
end

--- Returns the index of the shard that a row belongs to.
-- @tparam integer count the number of shards
-- @tparam integer number the number of the row in the input, from 1
-- @treturn integer
function M.of (count, number)
  return (number - 1) % count
end

--- Tells whether a row belongs to a shard.
-- @tparam Shard shard
-- @tparam integer number the number of the row in the input, from 1
-- @treturn boolean
function M.takes (shard, number)
  return M.of(shard.count, number) == shard.index
end

--- Returns the path of a shard's file.
-- @tparam string out the path of the whole output
-- @tparam Shard shard
-- @treturn string `OUT.I-of-N`, in the folder of `out`
function M.path (out, shard)
  return ("%s.%d-of-%d"):format(out, shard.index, shard.count)
end

--- Divides the path of a shard's file: the inverse of `path`. The extension that names the format
-- is that of the first result: `answers.jsonl` for `answers.jsonl.3-of-8`.
-- @tparam string path
-- @treturn string the path of the whole output; `path` itself when it is not that of a shard
-- @treturn ?Shard the shard
function M.split (path)
  local out, index, count = path:match "^(.+)%.(%d+)%-of%-(%d+)$"
  if not out or select(2, paths.split(out)) == "" then return path end
  local shard = { index = whole(index), count = whole(count) }
  -- Only what `path` writes: no leading zeros, and no number beyond the limits.
  if not shard.index or not shard.count or shard.index >= shard.count
    or shard.count > M.MAX_COUNT or M.path(out, shard) ~= path then return path end
  return out, shard
end

--- Finds the files of the shards of an output, of all divisions.
-- @tparam string out the path of the whole output
-- @tparam ?string extension what the names have after that of the shard
-- @treturn[1] table<integer,table<integer,string>> number of shards -> index -> path
-- @treturn[2] nil
-- @treturn[2] Error an error of kind `config`: the folder cannot be read
function M.files (out, extension)
  extension = extension or ""
  local parent, name = paths.split(out)
  local names, problem = folder.names(parent == "" and "." or parent, name .. ".")
  if not names then return misplaced(problem) end
  local found = {}
  for _, entry in ipairs(names) do
    local plain, shard = M.split(entry:sub(1, -1 - #extension))
    if shard and plain == name and entry:sub(#entry - #extension + 1) == extension then
      found[shard.count] = found[shard.count] or {}
      found[shard.count][shard.index] = parent .. entry
    end
  end
  return found
end

--- Refuses to begin a shard beside those of another division. So an array job that is submitted
-- again for some of its tasks only, which is another division, does not answer rows twice.
-- @tparam string out the path of the whole output
-- @tparam Shard shard
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error an error of kind `config`
function M.check_division (out, shard)
  -- A folder that cannot be read is told by what opens the output.
  for count, shards in pairs(M.files(out) or {}) do
    if count ~= shard.count then
      local _, path = next(shards)
      return misplaced(("%s is a shard of %d, and this run is a shard of %d (%d/%d) of the same "
        .. "output. Run all shards with the same number, --shard I/%d, or choose another output")
        :format(path, count, shard.count, shard.index, shard.count, count))
    end
  end
  return true
end

return M
