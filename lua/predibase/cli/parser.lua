-- SPDX-License-Identifier: MIT
--- The command line, read by lua-argparse.
-- @module predibase.cli.parser

local argparse = require "argparse"
local failures = require "predibase.cli.failures"
local options = require "predibase.cli.options"
local version = require "predibase.version"

local M = {}

local CHAT = [[
A line is a question; one that ends in \ goes on in the next, and """ begins and
ends a text of several lines. /help lists the commands, // begins a question
with a slash. Ctrl-C stops an answer, at the prompt it ends the program, as
Ctrl-D does. With lua-readline there are line editing and history (in
~/.predibase_history, or the file that PREDIBASE_HISTORY names; none when that
is empty). When standard input is no terminal, its lines are read in the same
way and answered one after the other, and the first error ends the program.]]

local VARIABLES = [[
Environment: PREDIBASE_API_TOKEN, PREDIBASE_TENANT_ID, PREDIBASE_DEPLOYMENT,
PREDIBASE_BASE_URL; http_proxy, https_proxy, no_proxy.]]

local OUTPUT = [[
Output: the text, as it arrives. --json prints one JSON object a line: each
token, then the result; with --no-stream the result alone. On a terminal,
control characters in the text are replaced. --details, --stats and errors go
to standard error.]]

local MOCK = [[
The server listens on loopback only, prints its URL and runs until Ctrl-C.
Point the library at it: PREDIBASE_BASE_URL=http://127.0.0.1:N

Environment: PREDIBASE_MOCK_TOKEN, the API token that clients have to send.

Exit codes:
    0  all is well: it was ended by Ctrl-C, SIGTERM or one of its limits
    1  it could not start, for example because the port is in use
   64  wrong use of the command]]

local TOKEN_REFUSED = "the token is not taken as an argument, where every user of the machine "
  .. "can read it"
local TOKEN_HINT = "set PREDIBASE_API_TOKEN, or name a file that holds it with --token-file"

local function add_generate(parser)
  local command = parser:command("generate", "Generate text and stream it to standard output.")
  command:usage "Usage: predibase generate [OPTION]... [PROMPT]"
  command:help_max_width(80):help_description_margin(32)
  command:argument("prompt",
    "The prompt. Without one, or with -, it is read from standard input.", nil, nil, "?")
  options.add(command)
  command:epilog(table.concat({ OUTPUT, VARIABLES, failures.help() }, "\n\n"))
end

local function add_chat(parser)
  local command = parser:command("chat", "Talk to a model in the terminal.")
  command:usage "Usage: predibase chat [OPTION]..."
  command:help_max_width(80):help_description_margin(32)
  options.add_chat(command)
  command:epilog(table.concat({ CHAT, VARIABLES, failures.help() }, "\n\n"))
end

local function add_mock(parser)
  local command = parser:command("mock", "Start a stand-in LoRAX server on this machine.")
  command:help_max_width(80):help_description_margin(26)
  options.add_mock(command)
  command:epilog(MOCK)
end

local function new()
  local parser = argparse("predibase", "Text from models served by Predibase or LoRAX.")
  parser:command_target "command"
  parser:help_max_width(80)
  parser:flag("--version", "Print the version and exit."):action(function()
    print("predibase " .. version)
    os.exit(0)
  end)
  add_generate(parser)
  add_chat(parser)
  add_mock(parser)
  parser:epilog("predibase COMMAND --help tells more about a command.\n\n" .. failures.help())
  return parser
end

--- Arguments as argparse wants them: a negative number after an option is not an option.
local function prepare(argv)
  local prepared, i = {}, 1
  while i <= #argv do
    local argument, following = argv[i], argv[i + 1]
    if argument == "--" then
      for j = i, #argv do prepared[#prepared + 1] = argv[j] end
      return prepared
    end
    if argument:find "^%-%-api%-token$" or argument:find "^%-%-api%-token="
      or argument:find "^%-%-token$" or argument:find "^%-%-token="
    then
      failures.usage(TOKEN_REFUSED, TOKEN_HINT)
    end
    if options.takes_number(argument) and following and following:find "^%-%.?%d" then
      argument, i = argument .. "=" .. following, i + 1
    end
    prepared[#prepared + 1], i = argument, i + 1
  end
  return prepared
end

--- Reads the command line. Raises a usage failure; `--help` and `--version` end the program.
-- @tparam table argv
-- @treturn table `command` and the values of its options by name
function M.parse(argv)
  local ok, result = new():pparse(prepare(argv))
  if ok then return result end
  local known = { generate = true, chat = true, mock = true }
  local command = known[argv[1]] and argv[1] .. " " or ""
  local hint = ("see predibase %s--help"):format(command)
  if result == "too many arguments" and command == "generate " then
    hint = "put the prompt in quotes; " .. hint
  end
  failures.usage(result, hint)
end

return M
