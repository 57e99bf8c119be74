---@meta predibase.files
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/files.lua by `make types`; do not edit.

---Reads text files of any editor and system. A byte order mark at the beginning is not part of the
---text, and CR LF is accepted as the end of a line.
---@class predibase.files
local M = {}

---Removes the byte order mark at the beginning of a text.
---@param text string
---@return string
function M.without_mark(text) end

---Converts the line ends of a text from CR LF to LF.
---@param text string
---@return string
function M.unix(text) end

---Reads a whole file.
---@param path string
---@param limit? integer largest size of the file in bytes
---@return string? # without a byte order mark
---@return string? # what is wrong, with the path
---@return integer? # the system's error number when the file cannot be opened
---@return_overload string
---@return_overload nil, string, integer?
function M.read(path, limit) end

---Reads a file that may be missing.
---@param path string
---@param bytes integer largest number of bytes to read
---@return string? # nil when the file is missing or cannot be read
---@return string? # why an existing file cannot be read
function M.optional(path, bytes) end

---Tells whether there is a file that can be read.
---@param path string
---@return boolean
function M.exists(path) end

---Iterates over the lines of a file, without their line ends: for `client:generate_many`, or for
---JSON line by line. The file is closed after its last line.
---
---Raises an error when the file cannot be opened.
---@param path string
---@return (fun(): string)? # an iterator for `for`
function M.lines(path) end

return M
