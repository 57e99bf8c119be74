-- SPDX-License-Identifier: MIT
--- Reads the questions of a conversation: lines, and texts of several lines. If lua-readline is
-- installed, the user can edit the lines.
-- @module predibase.cli.chat_lines

local files = require "predibase.files"
local paths = require "predibase.paths"

local M = {}

--- The number of lines to which a history file is shortened.
M.KEPT = 1000

local QUOTES = '"""'

--- Joins lines into texts: a line that ends in a backslash continues in the next one, and three
-- quotation marks begin and end a text of several lines. The end of the input ends a text, too.
-- @tparam function read returns a line, or nil at the end; its argument is true when the line
-- continues a text
-- @treturn function returns a text, or nil at the end, and whether the text is one unchanged line
function M.texts (read)
  return function ()
    local line = read(false)
    if not line then return nil end
    local open = line:match('^%s*"""(.*)$')
    if open then
      local parts = {}
      line = open
      while line and not line:find(QUOTES, 1, true) do
        parts[#parts + 1] = line
        line = read(true)
      end
      if line then
        local before, after = line:match('^(.-)"""%s*(.*)$')
        local gap = before ~= "" and after ~= "" and " " or ""
        parts[#parts + 1] = before .. gap .. after
      end
      return (table.concat(parts, "\n"):gsub("^\n", ""):gsub("\n$", "")), false
    end
    if line:sub(-1) ~= "\\" then return line, true end
    local parts = {}
    while line and line:sub(-1) == "\\" do
      parts[#parts + 1] = line:sub(1, -2)
      line = read(true)
    end
    parts[#parts + 1] = line
    return table.concat(parts, "\n"), false
  end
end

--- Returns the path of the history file.
-- @tparam[opt=os.getenv] function getenv
-- @treturn ?string nil when no history is kept
function M.history_path (getenv)
  getenv = getenv or os.getenv
  local named, home = getenv "PREDIBASE_HISTORY", paths.home(getenv)
  if named then return named ~= "" and named or nil end
  return home and home .. "/.predibase_history"
end

-- Reads the history file. A long file is shortened to its last lines.
local function read_history (path)
  local lines, file = {}, io.open(path, "r")
  if not file then return lines end
  file:close()
  for line in files.lines(path) do lines[#lines + 1] = line end
  if #lines <= 2 * M.KEPT then return lines end
  local last = {}
  for i = #lines - M.KEPT + 1, #lines do last[#last + 1] = lines[i] end
  file = io.open(path, "w")
  if file then
    file:write(table.concat(last, "\n"), "\n")
    file:close()
  end
  return last
end

-- Creates the history file readable by its owner only, as shells do: questions can be secret. An
-- existing file keeps its permissions. On Windows the folder of a user is private already.
local function make_private (path)
  if paths.on_windows() then return end
  local file = io.open(path, "r")
  if file then return file:close() end
  os.execute("umask 077; { : >>'" .. path:gsub("'", "'\\''") .. "'; } 2>/dev/null")
end

local function set_completion (readline, complete)
  if not readline.set_complete_function then return end          -- an old version
  readline.set_complete_function(function (line, from, to)
    -- readline is C and calls this function: an error must not pass through it
    local ok, words = pcall(complete, line, from, to)
    if not ok then return {} end
    -- a path continues after a folder; after everything else readline adds a blank
    if #words == 1 and words[1]:sub(-1) == "/" then readline.set_completion_append_character "" end
    return words
  end)
end

--- Makes a reader with line editing.
-- @tparam table readline the library
-- @tparam ?string path of the history file
-- @tparam[opt] function complete returns the words to which Tab completes a word, see
--   `predibase.cli.slash_commands`
-- @treturn function takes a prompt and returns a line, or nil at the end
function M.editor (readline, path, complete)
  -- readline would write its own history file only at the end, and not after Ctrl-C
  readline.set_options { histfile = "", auto_add = false }
  if complete then set_completion(readline, complete) end
  local last
  for _, line in ipairs(path and read_history(path) or {}) do
    readline.add_history(line)
    last = line
  end
  return function (prompt)
    local line = readline.readline(prompt)
    if line and line:find "%S" and line ~= last then
      readline.add_history(line)
      if path then make_private(path) end
      local file = path and io.open(path, "a")
      if file then
        file:write(line, "\n")
        file:close()
      end
      last = line
    end
    return line
  end
end

--- Makes a reader without line editing.
-- @tparam ?table out file to which the prompt is written; nil for no prompt
-- @treturn function takes a prompt and returns a line, or nil at the end
function M.plain (out)
  return function (prompt)
    if out then
      out:write(prompt)
      out:flush()
    end
    local line = io.read("*l")
    return line and (line:gsub("\r$", ""))
  end
end

return M
