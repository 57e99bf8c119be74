-- SPDX-License-Identifier: MIT
--- Finds the files of the shards of an output, and locks them while they are read.
-- @module predibase.bulk.merge.shard_files

local answer_file = require "predibase.bulk.answer_file"
local errors = require "predibase.errors"
local rows = require "predibase.bulk.rows"
local shards = require "predibase.bulk.shards"

local M = {}

-- How many numbers a message names.
local SHOWN = 10

local function config_error (message, ...)
  return nil, errors.new { kind = "config", message = message:format(...) }
end

--- Lists numbers for a message: the first ones, and how many there are beyond them.
-- @tparam table list array of numbers
-- @treturn string `1, 2, 5`, or `1, 2, … (30 in all)`
function M.list (list)
  local shown = {}
  for i = 1, math.min(#list, SHOWN) do shown[i] = ("%d"):format(list[i]) end
  local text = table.concat(shown, ", ")
  return #list > SHOWN and ("%s, … (%d in all)"):format(text, #list) or text
end

--- Returns the only number of shards, or nil and an error.
local function only_count (out, answers, failed)
  local counts, files = {}, {}
  for _, group in ipairs { answers, failed } do
    for count, paths in pairs(group) do
      if not files[count] then counts[#counts + 1] = count end
      files[count] = files[count] or 0
      for _ in pairs(paths) do files[count] = files[count] + 1 end
    end
  end
  table.sort(counts)
  if #counts == 0 or #counts == 1 and not answers[counts[1]] then
    return config_error("there are no shards of %s: no file has the name %s.I-of-N", out, out)
  elseif #counts == 1 then
    return counts[1]
  end
  for i, count in ipairs(counts) do
    counts[i] = ("%s.*-of-%d (%d file%s)"):format(out, count, files[count],
      files[count] == 1 and "" or "s")
  end
  return config_error("%s was divided in different ways: %s, with the files of failed rows. Which "
    .. "of them belong together is not known; move the files of all divisions but one away", out,
    table.concat(counts, ", "))
end

--- Finds the files of failed rows of all shards, which have one of two formats.
local function find_failed (out, format)
  local plain, err = shards.files(answer_file.failed_path(out, format, format))
  if not plain then return nil, err end
  local json = {}
  if rows.SEPARATORS[format] then
    json, err = shards.files(answer_file.failed_path(out, format, format), ".jsonl")
    if not json then return nil, err end
  end
  if not next(json) then return plain, format end
  if not next(plain) then return json, "jsonl" end
  local _, a = next(plain)
  local _, b = next(json)
  local _, first = next(a)
  local _, second = next(b)
  return config_error("there are files of failed rows of two formats, such as %s and %s; move "
    .. "those of an earlier run away", first, second)
end

--- Finds the shards of an output in its folder.
-- @tparam string out the path of the whole output
-- @tparam string format of the output: "jsonl", "csv" or "tsv"
-- @treturn[1] table array of `{ index, count, path, failed }` in the order of the indexes; `failed`
-- is the path of the failed rows, nil where it has none. Fields: `count`, the number of
-- shards; `missing`, the array of the indexes without a file; `failed_format`
-- @treturn[2] nil
-- @treturn[2] table an error of kind `config`: there are no shards, or those of several divisions
function M.find (out, format)
  local answers, err = shards.files(out)
  if not answers then return nil, err end
  local failed, failed_format = find_failed(out, format)
  if not failed then return nil, failed_format end
  local count
  count, err = only_count(out, answers, failed)
  if not count then return nil, err end
  local files = { count = count, missing = {}, failed_format = failed_format }
  for index = 0, count - 1 do
    local path = answers[count][index]
    if path then
      files[#files + 1] = { index = index, count = count, path = path,
        failed = failed[count] and failed[count][index] }
    else
      files.missing[#files.missing + 1] = index
    end
  end
  return files
end

--- Locks the file of a shard, so that no run writes to it. A file that may only be read is not
-- locked.
-- @tparam table file an entry of `find`
-- @treturn[1] function releases the lock
-- @treturn[2] nil
-- @treturn[2] table an error of kind `config`: a run writes to the file
function M.lock (file)
  local handle, problem, locked = answer_file.open_locked(file.path)
  if handle then return function () handle:close() end end
  if not locked then return function () end end
  return config_error("%s. Wait until the run of this shard (%d/%d) has ended, then merge", problem,
    file.index, file.count)
end

return M
