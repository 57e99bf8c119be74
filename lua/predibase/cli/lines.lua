-- SPDX-License-Identifier: MIT
--- Lines that a person types, with editing and a history where lua-readline is there, and the
-- texts of several lines that they make up.
-- @module predibase.cli.lines

local files = require "predibase.files"

local M = {}

--- Most lines of the history file that are taken over.
M.KEPT = 1000

local QUOTES = '"""'

--- Puts lines together to texts: one that ends in a backslash goes on in the next, three quotation
-- marks begin and end a text of any lines. At the end of the input the text so far counts.
-- @tparam function read gives a line, or nil at the end; is told whether the text goes on
-- @treturn function gives a text, or nil at the end, and whether it is one line as it was typed
function M.texts(read)
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
        local before, behind = line:match('^(.-)"""%s*(.*)$')
        local gap = before ~= "" and behind ~= "" and " " or ""
        parts[#parts + 1] = before .. gap .. behind
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

--- The file of the history.
-- @tparam[opt=os.getenv] function getenv
-- @treturn ?string nil when there is to be none
function M.history_path(getenv)
  getenv = getenv or os.getenv
  local named, home = getenv "PREDIBASE_HISTORY", getenv "HOME"
  if named then return named ~= "" and named or nil end
  return home and home ~= "" and home .. "/.predibase_history" or nil
end

--- The lines of the history file, the last ones of a long one, which is made shorter.
local function read_history(path)
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

--- Makes the file of the history for its owner's eyes only, as shells do: questions can be secret.
-- One that is there keeps its permissions.
local function make_private(path)
  local file = io.open(path, "r")
  if file then return file:close() end
  os.execute("umask 077; { : >>'" .. path:gsub("'", "'\\''") .. "'; } 2>/dev/null")
end

local function set_completion(readline, complete)
  if not readline.set_complete_function then return end          -- an old version of the library
  readline.set_complete_function(function (line, from, to)
    -- An error must not go through readline, which is C and calls this.
    local ok, words = pcall(complete, line, from, to)
    if not ok then return {} end
    -- Behind a folder the path goes on; behind all else readline puts a blank.
    if #words == 1 and words[1]:sub(-1) == "/" then readline.set_completion_append_character "" end
    return words
  end)
end

--- A reader with line editing.
-- @tparam table readline the library
-- @tparam ?string path of the history
-- @tparam[opt] function complete what Tab completes a word to, see `predibase.cli.completion`
-- @treturn function of a prompt: a line, or nil at the end
function M.editor(readline, path, complete)
  -- Its own file would be written as a whole at the end, which Ctrl-C does not wait for.
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

--- A reader without.
-- @tparam ?table out where the prompt goes; nil: there is none
-- @treturn function of a prompt: a line, or nil at the end
function M.plain(out)
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
