-- SPDX-License-Identifier: MIT
--- Writes a file that appears under its name only when it is complete. Until then it has another
-- name in the same folder.
-- @module predibase.bulk.merge.merged_file

local append = require "predibase.append"
local errors = require "predibase.errors"
local files = require "predibase.files"
local replace = require "predibase.replace"

local M = {}

--- What the name of the unfinished file ends with.
M.SUFFIX = ".merging"

-- Bytes that are collected before they are written: one call of the system writes many records.
local CHUNK = 65536

local File = {}
File.__index = File

local function config_error (message)
  return nil, errors.new { kind = "config", message = message }
end

--- Returns an error when a file exists that may not be replaced.
-- @tparam string path
-- @tparam ?boolean force whether it may be replaced
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table an error of kind `config`
function M.check (path, force)
  if force or not files.exists(path) then return true end
  return config_error(path .. " exists already; it is replaced only with the option force")
end

--- Begins a file. An unfinished file of an interrupted merge is overwritten.
-- @tparam string path
-- @tparam ?boolean force replaces a file that exists. Its permissions are kept, and so is a
-- symbolic link to it
-- @treturn[1] table the file
-- @treturn[2] nil
-- @treturn[2] table an error of kind `config`: the file exists, another merge writes it, or it
-- cannot be made
function M.create (path, force)
  local ok, err = M.check(path, force)
  if not ok then return nil, err end
  local target, problem = replace.follow(path)
  if not target then return config_error(problem) end
  path = target
  local handle
  handle, problem = append.open(path .. M.SUFFIX)
  if not handle then return config_error(problem) end
  local self = setmetatable({ path = path, force = force, handle = handle, pieces = {}, size = 0 },
    File)
  ok, problem = handle:truncate(0)
  if ok then ok, problem = replace.copy_attributes(path, path .. M.SUFFIX) end
  if ok then return self end
  self:abandon()
  return config_error(problem)
end

--- Writes what was collected.
local function flush (self)
  if self.size == 0 then return true end
  local text = table.concat(self.pieces)
  self.pieces, self.size = {}, 0
  local ok, problem = self.handle:write(text)
  if ok then return true end
  return config_error(problem)
end

--- Writes text.
-- @function file:write
-- @tparam string text
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table an error of kind `config`
function File:write (text)
  self.pieces[#self.pieces + 1] = text
  self.size = self.size + #text
  if self.size < CHUNK then return true end
  return flush(self)
end

--- Waits until the file is on the disk, and gives it its name.
-- @function file:commit
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table an error of kind `config`; the file may have its name already
function File:commit ()
  local ok, problem = flush(self)
  if not ok then return nil, problem end
  ok, problem = self.handle:sync()
  if not ok then return config_error(problem) end
  ok, problem = M.check(self.path, self.force)
  if not ok then return nil, problem end
  ok, problem = self.handle:rename(self.path)
  if not ok then return config_error(problem) end
  self.handle:close()
  self.handle = nil
  return true
end

--- Removes the unfinished file. Does nothing after `commit`.
-- @function file:abandon
function File:abandon ()
  if not self.handle then return end
  self.handle:remove()
  self.handle:close()
  self.handle = nil
end

return M
