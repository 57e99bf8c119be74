-- SPDX-License-Identifier: MIT
--- Prints on standard error what is sent and received, for `--verbose`.
--
-- Each line begins with the number of the request, the seconds since its call began, and a mark:
-- `*` about the connection, `>` sent, `<` received. Secrets were removed before.
-- @module predibase.cli.verbose

local failures = require "predibase.cli.failures"
local output = require "predibase.cli.output"

local M = {}

local MARKS = { info = "*", request = ">", sent = ">", response = "<", body = "<", event = "<" }

-- What is said in front of the content of a body.
local function size_line (record)
  if not record.size then return nil end
  local shown = record.kind == "event" and "event" or "body"
  local cut = #record.text < record.size and record.size > 64 * 1024
    and ", shown in part" or ""
  return ("(%s of %d bytes%s)"):format(shown, record.size, cut)
end

--- Formats a record of the hook `on_wire`.
-- @tparam table record
-- @treturn string lines, each with its line end
function M.lines (record)
  local start = ("#%d %.3f %s "):format(record.request, record.time, MARKS[record.kind])
  local lines = {}
  local size = size_line(record)
  if size then lines[1] = start .. size .. "\n" end
  for line in (record.text .. "\n"):gmatch "([^\n]*)\n" do
    lines[#lines + 1] = start .. line .. "\n"
  end
  return output.safe((table.concat(lines):gsub("\r", "")))
end

--- Formats what the hook `on_retry` is called with.
-- @tparam table retry
-- @treturn string a line with its line end
function M.retry (retry)
  return output.safe(("* attempt %d failed: %s; the next one begins in %.3f s\n"):format(
    retry.attempt, failures.text(retry.error), retry.delay))
end

--- Adds the hooks of `--verbose` to the options of a client.
-- @tparam table options for `predibase.new`; is changed
function M.add (options)
  local function write (text)
    io.stderr:write(text)
    io.stderr:flush()
  end
  options.on_wire = function (record) write(M.lines(record)) end
  options.on_retry = function (retry) write(M.retry(retry)) end
end

return M
