-- SPDX-License-Identifier: MIT
--- The command line, read by lua-argparse.
-- @module predibase.cli.parser

local argparse = require "argparse"
local failures = require "predibase.cli.failures"
local options = require "predibase.cli.options"
local version = require "predibase.version"

local M = {}

local FORMATS = [[
Chat formats; one is needed where no deployment is named, or not after a model:
]]

local CHAT = [[
A line is a question; one that ends in \ goes on in the next, and """ begins and
ends a text of several lines. /help lists the commands, // begins a question
with a slash. Ctrl-C stops an answer, at the prompt it ends the program, as
Ctrl-D does. With lua-readline there are line editing, commands completed by
Tab, and history (in ~/.predibase_history, or the file that PREDIBASE_HISTORY
names; none when that is empty). When standard input is no terminal, its lines are read in the same
way and answered one after the other, and the first error ends the program.]]

local VARIABLES = [[
Environment: PREDIBASE_API_TOKEN, PREDIBASE_TENANT_ID, PREDIBASE_DEPLOYMENT,
PREDIBASE_BASE_URL; http_proxy, https_proxy, no_proxy.]]

local OUTPUT = [[
Output: the text, as it arrives. --json prints one JSON object a line: each
token, then the result; with --no-stream the result alone. On a terminal,
control characters in the text are replaced. --details, --stats and errors go
to standard error, and end the line of the text before, in a pipe or file, too;
else the text gets no line end there.]]

local MOCK = [[
The server listens on loopback only, prints its URL and runs until Ctrl-C. It
also prints the line for another shell that points every program there at it:
export PREDIBASE_BASE_URL=http://127.0.0.1:N

Environment: PREDIBASE_MOCK_TOKEN, the API token that clients have to send.

Exit codes:
    0  all is well: it was ended by Ctrl-C, SIGTERM or one of its limits
    1  it could not start, for example because the port is in use
   64  wrong use of the command]]

local TOKEN_REFUSED = "the token is not taken as an argument, where every user of the machine "
  .. "can read it"
local TOKEN_HINT = "set PREDIBASE_API_TOKEN, or name a file that holds it with --token-file"

--- Adds a flag that shows a text in place of running a command.
local function add_text(command, flags, help, show, text_of)
  command:flag(flags, help):action(function () show(text_of()) end)
end

local function add_help(command, show)
  command:add_help(false)               -- argparse's own does not see when it cannot be written
  add_text(command, "-h --help", "Show this help message and exit.", show, function ()
    return command:get_help() .. "\n"
  end)
end

local function add_generate(parser, show)
  local command = parser:command("generate", "Generate text and stream it to standard output.")
  add_help(command, show)
  command:usage "Usage: predibase generate [OPTION]... [PROMPT]"
  command:help_max_width(80):help_description_margin(32)
  command:argument("prompt",
    "The prompt. Without one, or with -, it is read from standard input.", nil, nil, "?")
  options.add(command)
  command:epilog(table.concat({ OUTPUT, VARIABLES, failures.help() }, "\n\n"))
end

local function add_chat(parser, show)
  local command = parser:command("chat", "Talk to a model in the terminal.")
  add_help(command, show)
  command:usage "Usage: predibase chat [OPTION]..."
  command:help_max_width(80):help_description_margin(32)
  options.add_chat(command)
  command:epilog(table.concat({ CHAT, FORMATS .. failures.formats "", VARIABLES, failures.help() },
    "\n\n"))
end

local function add_mock(parser, show)
  local command = parser:command("mock", "Start a stand-in LoRAX server on this machine.")
  add_help(command, show)
  command:help_max_width(80):help_description_margin(26)
  options.add_mock(command)
  command:epilog(MOCK)
end

--- The parser. `show` is called with a text that is asked for, such as the help.
local function new(show)
  local parser = argparse("predibase", "Text from models served by Predibase or LoRAX.")
  parser:command_target "command"
  parser:help_max_width(80)
  add_help(parser, show)
  add_text(parser, "--version", "Print the version and exit.", show, function ()
    return "predibase " .. version .. "\n"
  end)
  add_generate(parser, show)
  add_chat(parser, show)
  add_mock(parser, show)
  parser:epilog("predibase COMMAND --help tells more about a command.\n\n" .. failures.help())
  return parser
end

local function refuse_token(argument)
  if argument:find "^%-%-api%-token$" or argument:find "^%-%-api%-token="
    or argument:find "^%-%-token$" or argument:find "^%-%-token="
  then
    failures.usage(TOKEN_REFUSED, TOKEN_HINT)
  end
end

--- Whether an argument is meant as an option. `-`, `-1`, `---` and what has blanks, such as
-- `- a list`, are texts; a word such as `-n` is rather a mistake than a prompt.
local function is_option(argument)
  return argument:find "^%-%-%a[%w-]*=" ~= nil or argument:find "^%-%-?%a%S*$" ~= nil
end

--- Arguments as argparse wants them. It takes what begins with a dash for an option, so values
-- are joined to theirs by `=`, and texts are put behind `--`.
local function prepare(argv)
  local prepared, texts, i = {}, {}, 1
  while i <= #argv and argv[i] ~= "--" do
    local argument = argv[i]
    if options.takes_value(argument) and argv[i + 1] then
      i = i + 1
      argument = argument .. "=" .. argv[i]
      prepared[#prepared + 1] = argument
    elseif is_option(argument) then
      refuse_token(argument)
      prepared[#prepared + 1] = argument
    elseif argument:sub(1, 1) ~= "-" and #texts == 0 then
      prepared[#prepared + 1] = argument        -- maybe the name of the command
    else
      texts[#texts + 1] = argument
    end
    i = i + 1
  end
  for j = i + 1, #argv do texts[#texts + 1] = argv[j] end
  if #texts > 0 or argv[i] then prepared[#prepared + 1] = "--" end
  for _, text in ipairs(texts) do prepared[#prepared + 1] = text end
  return prepared
end

local function refuse(message, name)
  local known = { generate = true, chat = true, mock = true }
  local command = known[name] and name .. " " or ""
  local hint = ("see predibase %s--help"):format(command)
  if message == "too many arguments" and command == "generate " then
    hint = "put the prompt in quotes; " .. hint
  elseif message:find "^unknown option '%-" and command == "generate " then
    hint = "a prompt that begins with a dash stands behind --; " .. hint
  end
  failures.usage(message, hint)
end

--- Reads the command line. Raises a usage failure.
-- @tparam table argv
-- @treturn table `command` and the values of its options by name; the command "show" for
-- `--help` and `--version`, with the `text` to be printed
function M.parse(argv)
  local shown
  local parser = new(function (text)
    shown = text
    error "shown"                       -- what follows on the command line does not matter
  end)
  local arguments = prepare(argv)
  local ok, good, result = pcall(parser.pparse, parser, arguments)
  if shown then return { command = "show", text = shown } end
  if not ok then error(good, 0) end
  if not good then refuse(result, argv[1]) end
  return result
end

return M
