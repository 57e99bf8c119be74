-- SPDX-License-Identifier: MIT
--- The options and the help of all commands, and how lua-argparse parses them.
-- @module predibase.cli.command_line.all_commands

local lazy = require "predibase.lazy"
local batch_options = lazy "predibase.cli.command_line.batch_options"
local batches = lazy "predibase.batch"
local classify = lazy "predibase.classify"
local embed = lazy "predibase.embed"
local failures = lazy "predibase.cli.failures"
local generate_options = require "predibase.cli.command_line.generate_options"
local manual = lazy "predibase.cli.command_line.manual"
local parts = lazy "predibase.parts"
local raw_request = lazy "predibase.raw_request"
local requirements = require "predibase.requirements"
local shared_options = require "predibase.cli.command_line.shared_options"
local template = lazy "predibase.template"
local version = require "predibase.version"

local argparse = requirements.argparse()

local M = {}

local add, add_number, reader = shared_options.add, shared_options.add_number, shared_options.reader
local offer = shared_options.offer
local group, add_help = shared_options.group, shared_options.add_help
local whole_number, describe = shared_options.whole_number, shared_options.describe_call

local function conversation (command)
  return {
    offer(add(command, "--format", "Chat format, or the model that has it."):argname "NAME",
      template.formats()),
    add(command, "--system", "The system message, or @FILE to read it "
      .. "(@@ for a leading @)."):argname "TEXT",
    add(command, "--tools", "Lua file that returns a list of tools, each with run; the "
      .. "functions that the model calls are run."):argname "FILE",
    add(command, "--load", "Continue a conversation written by /save."):argname "FILE",
    add(command, "--max-input-tokens", "Leave out the oldest turns above this number of tokens.",
      reader("--max-input-tokens", whole_number, "a whole number")):argname "N",
    command:flag("--stats", "Print tokens, time to first token, tokens per second."),
  }
end

local function text_options (command)
  return {
    add(command, "--file", "Read the text from a file."):argname "FILE",
    command:flag("--lines", "Each line of the file, or of standard input, is a text."),
    command:flag("--json", "Print a JSON object for each text."),
  }
end

local function json_flag (command)
  return { command:flag("--json", "Print JSON.") }
end

local function in_parts (command)
  local function count (name, most, help)
    return add(command, name, help, reader(name, function (text)
      local value = whole_number(text)
      return value and value >= 1 and value <= most and value or nil
    end, ("a whole number from 1 to %d"):format(most))):argname "N"
  end
  return {
    count("--batch-size", parts.MAX_BATCH_SIZE, "Texts in one request."),
    count("--concurrency", batches.MAX_CONCURRENCY, "Requests at the same time."),
  }
end

local function add_mock_options (command)
  offer(add(command, "--server", "Whose API to speak: lorax (the default) or openai.")
    :argname "NAME", { "lorax", "openai" })
  offer(add(command, "--classify", "Whose form /classify has: lorax (the default) or managed.")
    :argname "NAME", { "lorax", "managed" })
  offer(add(command, "--host", "Address on loopback to listen on."):argname "ADDRESS",
    { "127.0.0.1", "::1" })
  add_number(command, "--port", "Port to listen on; a free one by default.", "N")
    :convert(reader("--port", whole_number, "a whole number"))
  add_number(command, "--delay", "Seconds between two tokens.", "S")
  add(command, "--seed", "Determines the seeds of requests that have none."):argname("N")
    :convert(reader("--seed", shared_options.digits, "a whole number"))
  add_number(command, "--fault-rate", "Let this part of the requests fail, from 0 to 1.", "X")
  add_number(command, "--max-seconds", "End after this number of seconds.", "S")
  add_number(command, "--max-requests", "End after this number of requests.", "N")
    :convert(reader("--max-requests", whole_number, "a whole number"))
  command:flag("--quiet", "Do not print the URL.")
end

local FORMATS = [[
Chat formats; choose one unless the name of the deployment contains the model's:
]]

local CHAT = [[
Each line is a question. A line that ends in \ continues in the next one, and
""" begins and ends a text of several lines. /help lists the commands; //
begins a question that starts with a slash. Ctrl-C stops an answer; at the
prompt it ends the program, as Ctrl-D does. With lua-readline, lines can be
edited, Tab completes commands, and there is a history (in
~/.predibase_history, or in the file that PREDIBASE_HISTORY names; none if it is
empty). If standard input is not a terminal, its lines are read in the same way
and answered one after the other, and the first error ends the program.]]

local EMBED = [[
Output: the vector of each text as a JSON array, one in a line. --json prints
objects with the fields text and embedding.]]

local CLASSIFY = [[
Output: for LoRAX a line for each entity: its group, its score, the bytes where
it begins and ends (from 1), and its words; with --lines, the number of the text
is in front. For the managed service a line for each text: its label and the
probability of that label. The columns are separated by tabs. --json prints
objects with the field text, and entities, or label, probs and num_classes.]]

local TOKENIZE = [[
Output: a line for each token: its number and its text, separated by a tab; with
--lines, an empty line after each text. --json prints objects with the fields
text and tokens.]]

local METRICS = [[
Output: the server's text for Prometheus. --json prints a JSON object for each
metric, with the fields name, type, value, sum, count and series.]]

local REQUEST = [[
Output: the body of the answer as it is. Any status except 2xx is an error. A
POST or PATCH is repeated only with --max-retries.]]

local DOCTOR = [[
Prints one line for each check: its name, ok or problem, and what to do. The
checks are: the configuration and where it comes from; the network; TLS; the
API token, which is never printed; the deployment, its model and its limits.
Nothing is generated. The exit code is 0 if there is no problem, else that of
the first one.]]

local MOCK = [[
The server listens on loopback only, prints its URL and runs until Ctrl-C. It
also prints a line for another shell, which sets PREDIBASE_BASE_URL, so that
programs that are started there use the server.]]

local TOKEN_REFUSED = "the token cannot be an argument, because every user of the machine "
  .. "could read it"
local TOKEN_HINT = "set PREDIBASE_API_TOKEN, or name a file that holds it with --token-file"

local function add_chat (parser, show)
  local command = parser:command("chat", "Talk to a model in the terminal.")
  add_help(command, show)
  command:usage "Usage: predibase chat [OPTION]..."
  command:help_max_width(80):help_description_margin(32)
  group(command, "Conversation", conversation, shared_options.cuts)
  shared_options.add_calls(command)
  shared_options.describe(command, function ()
    return {
      notes = { CHAT, FORMATS .. failures.formats "" }, examples = manual.EXAMPLES.chat,
      environment = manual.joined({ manual.HISTORY }, manual.SERVICE),
      files = { { "~/.predibase_history", "The questions that were typed, for the keys that move "
        .. "through them. Readable by its owner only." } },
    }
  end)
end

-- Adds a command for routes without generated text. `first` is the title of the first group, and
-- the further arguments are its options.
local function add_route (parser, show, name, summary, usage, first, ...)
  local command = parser:command(name, summary)
  add_help(command, show)
  command:usage(("Usage: predibase %s [OPTION]...%s"):format(name, usage))
  command:help_max_width(80):help_description_margin(32)
  group(command, first, ...)
  group(command, "Service", shared_options.service)
  group(command, "Limits", shared_options.limits)
  return command
end

local function with_texts (command)
  command:argument("text", "The text. Without one, or with -, it is read from standard input.",
    nil, nil, "?")
end

local function add_text_commands (parser, show)
  local command = add_route(parser, show, "embed", "Print the vectors of texts.", " [TEXT]",
    "Texts, parameters and output", text_options,
    shared_options.parameters_of(embed.parameters), in_parts)
  with_texts(command)
  describe(command, "embed", { EMBED })
  command = add_route(parser, show, "classify", "Print the entities in texts, or their labels.",
    " [TEXT]", "Texts, parameters and output", text_options,
    shared_options.parameters_of(classify.parameters), in_parts)
  with_texts(command)
  describe(command, "classify", { CLASSIFY })
  command = add_route(parser, show, "tokenize", "Print the tokens of texts.", " [TEXT]",
    "Texts and output", text_options, function (c)
      return {
        c:flag("--no-special-tokens", "Leave out the tokens that begin and end a text."),
        c:flag("--count", "Print the number of tokens of each text."),
      }
    end)
  with_texts(command)
  describe(command, "tokenize", { TOKENIZE })
end

local function add_server_commands (parser, show)
  local function add_output (name, summary, about)
    describe(add_route(parser, show, name, summary, "", "Output", json_flag), name, { about })
  end
  add_output("info", "Print the server's model and limits.",
    "Output: a line for each field. --json prints them as one JSON object.")
  add_output("health", "Tell whether the server can answer.",
    "Output: ok, or the error on standard error.")
  add_output("metrics", "Print the numbers that the server counts.", METRICS)
  local command = add_route(parser, show, "request", "Send a request to any path of the server.",
    " METHOD PATH [BODY]", "Request and output", function (c)
      return {
        offer(add(c, "--content-type", "Content type of the body; application/json by default.")
          :argname "TYPE", { "application/json", "text/plain" }),
        offer(add(c, "--accept", "Content type to ask for."):argname "TYPE",
          { "application/json", "text/event-stream", "text/plain" }),
        c:flag("--stream", "Print the data of each event of a stream as it arrives."),
        c:flag("--json", "Print status, headers and body as JSON."),
      }
    end)
  offer(command:argument("method", "GET, POST, PUT, PATCH, DELETE or OPTIONS."),
    { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" })
    :convert(reader("METHOD", function (text)
      return raw_request.METHODS[text:upper()] ~= nil and text:upper() or nil
    end, "GET, POST, PUT, PATCH, DELETE or OPTIONS"))
  offer(command:argument("path", "Path below the address of the service, such as /info."),
    { "/info", "/health", "/metrics", "/generate", "/generate_stream", "/tokenize", "/embed",
      "/classify", "/v1/models", "/v1/completions", "/v1/chat/completions" })
  command:argument("body", "The body, @FILE to read it (@@ for a leading @), or - for standard "
    .. "input.", nil, nil, "?")
  describe(command, "request", { REQUEST })
end

local function add_batches (parser, show)
  batch_options.add_batch(parser, show)
  batch_options.add_merge(parser, show)
end

local function add_doctor (parser, show)
  local command = parser:command("doctor", "Find out why calls fail: configuration, network, TLS, "
    .. "token, deployment.")
  add_help(command, show)
  command:usage "Usage: predibase doctor [OPTION]..."
  command:help_max_width(80):help_description_margin(32)
  group(command, "Service", shared_options.service)
  add_number(command, "--timeout", "Most seconds for each request (20).", "S")
  add_number(command, "--connect-timeout", "Most seconds to connect (10).", "S")
  command:flag("--json", "Print one JSON object per line.")
  describe(command, "doctor", { DOCTOR })
end

local function add_mock (parser, show)
  local command = parser:command("mock", "Start a stand-in LoRAX server on this machine.")
  add_help(command, show)
  command:help_max_width(80):help_description_margin(26)
  add_mock_options(command)
  shared_options.describe(command, function ()
    return { notes = { MOCK }, environment = manual.MOCK, codes = manual.MOCK_CODES,
      examples = manual.EXAMPLES.mock }
  end)
end

-- The functions that add the commands; several commands share one.
local ADDED_BY = { generate = generate_options.add, chat = add_chat, doctor = add_doctor,
  mock = add_mock, batch = add_batches, ["batch-merge"] = add_batches, embed = add_text_commands,
  classify = add_text_commands, tokenize = add_text_commands, info = add_server_commands,
  health = add_server_commands, metrics = add_server_commands, request = add_server_commands }

local ORDER = { generate_options.add, add_chat, add_batches, add_text_commands, add_server_commands,
  add_doctor, add_mock }

-- Makes the parser. `show` is called with a text that is asked for, such as the help. With the name
-- of a command, the parser knows only that command and those that are added together with it.
local function new (show, name)
  local parser = argparse("predibase", "Text from models served by Predibase or LoRAX.")
  parser:command_target "command"
  parser:help_max_width(80)
  add_help(parser, show)
  shared_options.add_text(parser, "--version", "Print the version and exit.", show, function ()
    return "predibase " .. version .. "\n"
  end)
  for _, add_commands in ipairs(ORDER) do
    if not ADDED_BY[name] or add_commands == ADDED_BY[name] then add_commands(parser, show) end
  end
  describe(parser, "predibase", { "predibase COMMAND --help describes a command." })
  return parser
end

local function refuse_token (argument)
  if argument:find "^%-%-api%-token$" or argument:find "^%-%-api%-token="
    or argument:find "^%-%-token$" or argument:find "^%-%-token="
  then
    failures.usage(TOKEN_REFUSED, TOKEN_HINT)
  end
end

-- Tells whether an argument is meant as an option. `-`, `-1`, `---` and arguments with blanks, such
-- as `- a list`, are texts; a word such as `-n` is more likely a mistake than a prompt.
local function is_option (argument)
  return argument:find "^%-%-%a[%w-]*=" ~= nil or argument:find "^%-%-?%a%S*$" ~= nil
end

-- Rewrites arguments for argparse, which takes everything that begins with a dash for an option:
-- values are joined to their options by `=`, and texts are moved after `--`.
local function prepare (argv)
  local prepared, texts, i = {}, {}, 1
  while i <= #argv and argv[i] ~= "--" do
    local argument = argv[i]
    if shared_options.takes_value(argument) and argv[i + 1] then
      i = i + 1
      argument = argument .. "=" .. argv[i]
      prepared[#prepared + 1] = argument
    elseif is_option(argument) then
      refuse_token(argument)
      prepared[#prepared + 1] = argument
    elseif argument:sub(1, 1) ~= "-" and #texts == 0 then
      prepared[#prepared + 1] = argument        -- may be the name of the command
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

-- command -> the noun for its argument
local TEXTS = { generate = "prompt", embed = "text", classify = "text", tokenize = "text" }

-- What a command has in place of a text, when there are too many arguments.
local ONE_FILE = { batch = "name one file of rows; ", ["batch-merge"] = "name one file; " }

local function refuse (message, name)
  local command = ADDED_BY[name] and name:gsub("-", " ") .. " " or ""
  local hint = ("see predibase %s--help"):format(command)
  local takes = TEXTS[name]
  if message == "too many arguments" and takes then
    hint = ("put the %s in quotes; "):format(takes) .. hint
  elseif message == "too many arguments" and ONE_FILE[name] then
    hint = ONE_FILE[name] .. hint
  elseif message:find "^unknown option '%-" and takes then
    hint = ("put a %s that begins with a dash after --; "):format(takes) .. hint
  end
  failures.usage(message, hint)
end

--- Returns the parser, for the programs that make manual pages and completions from it.
-- @treturn table of argparse
function M.parser ()
  local parser = new(function () end)
  shared_options.complete(parser)
  for _, command in ipairs(parser._commands) do shared_options.complete(command) end
  return parser
end

--- Parses the command line. Raises a usage failure.
-- @tparam table argv
-- @treturn table as `predibase.cli.command_line.parse`
function M.parse (argv)
  local shown
  local parser = new(function (text)
    shown = text
    error "shown"                       -- the rest of the command line does not matter
  end, argv[1])
  local arguments = prepare(argv)
  local ok, good, result = pcall(parser.pparse, parser, arguments)
  if shown then return { command = "show", text = shown } end
  if not ok then error(good, 0) end
  if not good then refuse(result, argv[1]) end
  return result
end

return M
