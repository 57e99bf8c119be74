-- SPDX-License-Identifier: MIT
--- Standard output, and results as the command prints them: as JSON or as figures.
--
-- A pipe or a file gets text as it is. On a terminal control characters are replaced, because the
-- terminal would obey them, and the text of a model cannot be trusted.
-- @module predibase.cli.output

local lazy = require "predibase.lazy"
local descriptor = require "predibase.descriptor"
local errors = lazy "predibase.errors"
local failures = lazy "predibase.cli.failures"
local json = lazy "predibase.json"

local M = {}

local STDOUT = 1

local REPLACEMENT = "\239\191\189"      -- U+FFFD

--- Replaces control characters (C0 and C1) other than line ends and tabs.
-- @tparam string text valid UTF-8, cut between characters
-- @treturn string
function M.safe (text)
  text = text:gsub("\r\n", "\n"):gsub("[%z\1-\8\11-\31\127]", REPLACEMENT)
  return (text:gsub("\194[\128-\159]", REPLACEMENT))
end

local methods = {}
local mt = { __index = methods }

--- Writes a text to standard output, whole. Not by `io.stdout`: code that LuaJIT has compiled calls
-- `flush` again when it has failed, and the second call finds nothing to write and succeeds.
-- @tparam string text
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string reason
-- @treturn[2] integer number of the system's error
function M.write_all (text)
  local at = 1
  while at <= #text do
    local next_at, message, number = descriptor.write(STDOUT, text, at)
    if not next_at then return nil, message, number end
    at = next_at
  end
  return true
end

--- Makes an output.
-- @tparam[opt] table options `write_all` (a function like `M.write_all`) and `terminal` (boolean)
-- in place of those of standard output
-- @treturn table with `write`, `end_line` and `line`
function M.new (options)
  options = options or {}
  local terminal = options.terminal
  if terminal == nil then terminal = descriptor.is_terminal(STDOUT) end
  return setmetatable({
    write_all = options.write_all or M.write_all,
    terminal = terminal,
    at_line_start = true,               -- the current line is empty
  }, mt)
end

--- Writes a text at once. Raises a failure when that does not succeed.
-- @tparam string text
function methods:write (text)
  if text == "" then return end
  self.at_line_start = text:sub(-1) == "\n"
  if self.terminal then text = M.safe(text) end
  local ok, message, number = self.write_all(text)
  if not ok then failures.output(message, number) end
end

--- Ends the current line on a terminal, so that the shell's prompt begins a new one. A pipe or file
-- gets nothing but the text. For the end of an output after which nothing is printed.
function methods:end_line ()
  if self.terminal and not self.at_line_start then self:write("\n") end
end

--- Ends the current line, also in a pipe: the next answer begins a new line, and so does the output
-- on standard error, which is often the same terminal or file.
-- @tparam ?boolean always also when the line is empty
function methods:line (always)
  if always or not self.at_line_start then self:write("\n") end
end

-- Makes a copy in which empty tables are arrays: the API never answers with an empty object.
local function mark_arrays (value)
  if type(value) ~= "table" then return value end
  if next(value) == nil then return json.array {} end
  local copy = {}
  for key, inner in pairs(value) do copy[key] = mark_arrays(inner) end
  return copy
end

--- Writes a line of JSON with the named fields, in this order, without those that are nil.
-- @tparam table value
-- @tparam table fields array of names
-- @treturn string with its line end
function M.json (value, fields)
  local members = {}
  for _, name in ipairs(fields) do
    if value[name] ~= nil then members[#members + 1] = { name, mark_arrays(value[name]) } end
  end
  local text, message = json.encode(json.object(members))
  if not text then
    error(errors.new { kind = "protocol", message = "the answer cannot be JSON: " .. message }, 0)
  end
  return text .. "\n"
end

--- Writes what `--details` prints.
-- @tparam table result
-- @treturn string a line, or an empty string
function M.details (result)
  return result.details and M.json(result, { "details" }) or ""
end

--- Writes what `--stats` prints: tokens, time to first token, tokens per second.
-- @tparam table result
-- @treturn string
function M.stats (result)
  local usage, timing = result.usage or {}, result.timing or {}
  local parts = {}
  local tokens = usage.completion_tokens
  if tokens then parts[#parts + 1] = ("%d tokens"):format(tokens) end
  if timing.first_token then
    parts[#parts + 1] = ("first token after %.3f s"):format(timing.first_token)
  end
  local seconds = timing.total and timing.total - (timing.first_token or 0)
  local counted = tokens and (timing.first_token and tokens - 1 or tokens)
  if counted and counted > 0 and seconds and seconds > 0 then
    parts[#parts + 1] = ("%.1f tokens/s"):format(counted / seconds)
  end
  if timing.total then parts[#parts + 1] = ("%.3f s in all"):format(timing.total) end
  return table.concat(parts, ", ")
end

return M
