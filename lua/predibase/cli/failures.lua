-- SPDX-License-Identifier: MIT
--- Failures of the command: its own kinds, the exit codes, and the messages on standard error.
-- @module predibase.cli.failures

local errors = require "predibase.errors"
local wording = require "predibase.cli.wording"

local M = {}

-- Exit codes that do not come from `predibase.errors`.
M.INTERNAL, M.USAGE, M.INTERRUPTED, M.PIPE = 1, 64, 130, 141

--- Exit codes of `predibase batch`, when the run itself went well.
M.ROWS_FAILED, M.OVER_BUDGET = 32, 33

local WIDTH = 80

local EPIPE = 32                        -- the same on Linux, the BSDs and macOS

local usage_mt, output_mt = {}, {}

--- Raises a failure that the command line caused.
-- @tparam string message
-- @tparam[opt] string hint what the user can do
function M.usage (message, hint)
  error(setmetatable({ message = message, hint = hint }, usage_mt), 0)
end

--- Raises a failure about writing to standard output.
-- @tparam string message of the system
-- @tparam ?integer number of the system's error
function M.output (message, number)
  message = "standard output: " .. message
  error(setmetatable({ message = message, quiet = number == EPIPE }, output_mt), 0)
end

local HINTS = {
  config = "predibase %s --help lists the options and variables; "
    .. "predibase mock starts a server for first steps",
  validation = "predibase %s --help lists the parameters",
  authentication = "check PREDIBASE_API_TOKEN or the file named by --token-file",
  permission = "the token may not use this deployment, or the account is out of credits",
  not_found = "check --tenant-id, --deployment and --base-url",
  rate_limited = "wait a little, or allow more attempts with --max-retries",
  overloaded = "wait a little, or allow more attempts with --max-retries",
  generation = "the server failed; check the adapter and the parameters",
  incomplete_generation = "the text is not complete; try again",
  timeout = "--timeout, --first-token-timeout, --token-timeout and --idle-timeout set the limits",
  connection = "check the address, the network, and the proxy variables",
  protocol = "is this the address of a LoRAX server? check --base-url",
  server = "the server has a problem; try again later",
}

--- Breaks a text into lines for a terminal, between words.
-- @tparam string text
-- @tparam string indent of all lines but the first
-- @treturn string
function M.wrapped (text, indent)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if line ~= "" and #indent + #line + 1 + #word > WIDTH then
      lines[#lines + 1], line = line, word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. indent)
end

--- Lists the names of all chat formats, in lines.
-- @tparam string indent of all lines but the first
-- @treturn string
function M.formats (indent)
  return M.wrapped(table.concat(require("predibase.template").formats(), ", "), indent)
end

--- Returns what the user can do about an error of the library. Some hints depend on more than its
-- kind.
-- @tparam table err
-- @tparam string command that failed
-- @treturn ?string
function M.hint (err, command)
  local kind, message = err.kind, tostring(err.message)
  if kind == "connection" and (err.phase == "proxy" or err.status == 407
    or message:find "no connection to the proxy" or message:find "resolve proxy")
  then
    return "--proxy and the proxy variables name the proxy; --no-proxy uses none"
  elseif err.reason and kind == "incomplete_generation" then      -- of --schema
    return "raise --max-new-tokens, or limit the lengths in the schema"
  elseif err.reason and kind == "protocol" then
    return "the model's answer is wrong; with a --temperature above 0 it may differ"
  elseif kind == "connection" and err.phase == "body" then
    return "try again"
  elseif kind == "tls" and message:find("certificate", 1, true) then
    return "--ca-file FILE names the certificate authority of a private server"
  elseif kind == "tls" and message:find("does not use TLS", 1, true) then
    return "check --base-url"
  elseif kind == "too_large" and (err.phase == "request" or err.status == 413) then
    return "shorten the prompt"
  elseif kind == "template" and message:find "^format is missing" then
    return "choose one with --format NAME, or name the model that has it; the names are\n  "
      .. M.formats "  "
  elseif kind == "template" and command == "chat" and message:find("format", 1, true) then
    return "--format NAME chooses a chat format"
  end
  local hint = HINTS[kind]
  return hint and (hint:gsub("%%s", command))
end

-- Replaces control characters, which a terminal would execute. Line ends stay.
local function printable (text)
  return (text:gsub("\r\n", "\n"):gsub("[^\n]+", function (line)
    return errors.excerpt(line, 4 * #line)
  end))
end

-- The `lua` program raises a string on Ctrl-C, with or without a position in front.
local function is_interrupt (err)
  return type(err) == "string" and err:find("interrupted!$") ~= nil
end

--- Returns the exit code of a failure.
-- @param err an error object, a failure of this module, or any other value that was raised
-- @treturn integer
function M.exit_code (err)
  local mt = type(err) == "table" and getmetatable(err)
  if mt == usage_mt then return M.USAGE end
  if mt == output_mt then return err.quiet and M.PIPE or M.INTERNAL end
  if errors.is(err) then return errors.kinds[err.kind].exit end
  if is_interrupt(err) then return M.INTERRUPTED end
  return M.INTERNAL
end

--- Tells whether a failure is not reported.
-- @param err as for `exit_code`
-- @treturn boolean
function M.is_quiet (err)
  local code = M.exit_code(err)
  return code == M.PIPE or code == M.INTERRUPTED
end

--- Formats an error of the library in the terms of the command, for the middle of a line.
-- @tparam table err
-- @treturn string
function M.text (err)
  local copy = {}
  for name, value in pairs(err) do copy[name] = value end
  copy.message = wording.reword(tostring(err.message))
  return (tostring(errors.new(copy)):gsub("^predibase: ", ""))
end

--- Prints a failure on standard error, unless it is one that is not reported.
-- @param err as for `exit_code`
-- @tparam[opt="generate"] string command that failed
-- @tparam[opt=true] boolean with_hint says what the user can do about an error of the library
-- @treturn integer its exit code
function M.report (err, command, with_hint)
  local code = M.exit_code(err)
  if M.is_quiet(err) then return code end
  local mt = type(err) == "table" and getmetatable(err)
  local message, hint
  if mt == usage_mt or mt == output_mt then
    message, hint = "predibase: " .. err.message, err.hint
  elseif errors.is(err) then
    message = "predibase: " .. M.text(err)
    hint = with_hint ~= false and M.hint(err, command or "generate") or nil
  else
    message, hint = "predibase: internal error: " .. tostring(err), "please report this"
  end
  io.stderr:write(printable(message), "\n")
  if hint then io.stderr:write("  ", hint, "\n") end
  return code
end

-- kind of error -> its meaning, for the help
local MEANINGS = {
  config = "an option or a variable is missing or wrong",
  validation = "a parameter or the prompt is wrong",
  authentication = "the server refused the token",
  permission = "the token does not allow this request",
  not_found = "the deployment or the route does not exist",
  rate_limited = "too many requests",
  overloaded = "the server accepts no more requests at the moment",
  generation = "the model or the adapter failed",
  incomplete_generation = "the answer ended too early",
  template = "a template or a chat format failed",
  tool = "a tool in a chat request is wrong",
  timeout = "a timeout expired",
  connection = "the network failed",
  tls = "the certificate was rejected, or the handshake failed",
  protocol = "the response is not one that such a server sends",
  server = "the server or a gateway in front of it failed",
  too_large = "an event, a response or a request exceeds a limit",
}

--- Returns the exit codes of all commands.
-- @treturn table array of `{ number, name or nil, meaning }`
function M.codes ()
  local codes = {
    { 0, nil, "success" },
    { M.INTERNAL, nil, "internal error, or the output could not be written" },
    { M.USAGE, nil, "wrong use of the command, or a file that it names cannot be read" },
    { M.INTERRUPTED, nil, "cancelled by Ctrl-C" },
    { M.PIPE, nil, "the reader of the output has ended" },
  }
  for kind, properties in pairs(errors.kinds) do
    if properties.exit < M.INTERRUPTED then
      codes[#codes + 1] = { properties.exit, kind, MEANINGS[kind] }
    end
  end
  table.sort(codes, function (a, b) return a[1] < b[1] end)
  return codes
end

--- Describes exit codes, for the help.
-- @tparam ?table codes as of `codes`, which are also the default
-- @treturn string
function M.help (codes)
  local lines = { "Exit codes:" }
  for _, code in ipairs(codes or M.codes()) do
    local name = code[2] and code[2] .. ": " or ""
    lines[#lines + 1] = ("  %3d  %s%s"):format(code[1], name, code[3])
  end
  return table.concat(lines, "\n")
end

return M
