-- SPDX-License-Identifier: MIT
--- The command line: its options, its help, and how it is parsed, with lua-argparse. There is an
-- option for every parameter of the API.
-- @module predibase.cli.command_line

local argparse = require "argparse"
local batches = require "predibase.batch"
local classify = require "predibase.classify"
local embed = require "predibase.embed"
local failures = require "predibase.cli.failures"
local params = require "predibase.params"
local parts = require "predibase.parts"
local raw_request = require "predibase.raw_request"
local version = require "predibase.version"

local M = {}

-- Descriptions of parameters in the help. A parameter without a description is an option, too.
local HELP = {
  adapter_id = "Adapter to answer with, such as my-repo/3.",
  adapter_source = "Where the adapter is: pbase (default), hub, s3 or local.",
  merged_adapters = 'Adapters to merge: {"ids":[...],"weights":[...]}.',
  best_of = "Generate this many and answer with the best (with --no-stream).",
  temperature = "0 picks the likeliest token; higher is more random.",
  repetition_penalty = "Above 1 makes repeating a token less likely.",
  frequency_penalty = "From -2 to 2, by how often a token came before.",
  presence_penalty = "From -2 to 2, by whether a token came before.",
  top_k = "Choose from the K likeliest tokens.",
  top_p = "Choose from the likeliest tokens that add up to P.",
  typical_p = "Choose from typical tokens that add up to P.",
  do_sample = "Sample even if no other option makes the server do it.",
  max_new_tokens = "At most this many tokens.",
  ignore_eos_token = "Go on after the end-of-text token.",
  return_full_text = "The result begins with the prompt.",
  stop = "End the answer with this text, which stays in it; can be given several times.",
  truncate = "Keep the last N tokens of the prompt.",
  watermark = "Watermark the text.",
  details = "Print the server's details of the answer, as JSON on standard error.",
  decoder_input_details = "Details of the prompt's tokens, too (with --no-stream).",
  return_k_alternatives = "List the K likeliest tokens at each place (see --json).",
  apply_chat_template = "Sent to the server; LoRAX accepts and ignores it.",
  seed = "Seed of the random choice, up to 2^64 - 1.",
  response_format = 'Shape of the answer: {"type":"json_object","schema":{...}}.',
}

-- kind of parameter -> the placeholder of its value in the help
local VALUES = {
  identifier = "ID", choice = "NAME", merged = "JSON", integer = "N", single = "X",
  strings = "TEXT", seed = "N", format = "JSON",
}

local function number (text)
  if text:find "^[+-]?%d+%.?%d*$" or text:find "^[+-]?%d*%.?%d+$"
    or text:find "^[+-]?%d+%.?%d*[eE][+-]?%d+$" or text:find "^[+-]?%d*%.?%d+[eE][+-]?%d+$"
  then
    return tonumber((text:gsub("^%+", "")))
  end
end

local function whole_number (text)
  return text:find "^%d+$" and tonumber(text)
end

-- A seed stays text, because not every Lua has a number for every seed.
local function digits (text)
  return text:find "^%d+$" and text
end

-- Makes a reader for argparse whose errors name the option.
local function reader (name, read, wanted)
  return function (text)
    local value = read(text)
    if value then return value end
    return nil, ("%s takes %s, got '%s'"):format(name, wanted, text)
  end
end

-- kind of parameter -> function that reads its value, and the name of such values in errors
local READ = {
  integer = { number, "a number" },
  single = { number, "a number" },
  seed = { digits, "a whole number" },
}

local valued = {}                       -- set of the options that take a value

local function dashed (name)
  return "--" .. name:gsub("_", "-")
end

-- Adds an option that takes a value.
local function add (command, name, help, read)
  valued[name] = true
  return command:option(name, help, nil, read)
end

local function add_number (command, name, help, argname)
  return add(command, name, help, reader(name, number, "a number")):argname(argname)
end

local function parameter (command, rule)
  local name, help = dashed(rule.name), HELP[rule.name]
  if rule.kind == "boolean" then
    return command:flag(name, help)
  elseif rule.kind == "token" then
    return add(command, "--adapter-token-file",
      "File with the token for the adapter's repository, not for the API."):argname "FILE"
  end
  local option = add(command, name, help):argname(VALUES[rule.kind] or "VALUE")
  if rule.kind == "strings" then option:count "*" end
  local read = READ[rule.kind]
  if read then option:convert(reader(name, read[1], read[2])) end
  return option
end

local function add_extra (command)
  return add(command, "--extra",
    "A parameter that has no option yet, as NAME=JSON; can be given several times.")
    :argname("NAME=JSON"):count "*"
end

local function parameters (command)
  local list = {}
  for _, rule in ipairs(params.list) do
    list[#list + 1] = parameter(command, rule)
  end
  list[#list + 1] = command:flag("--no-check-schema",
    "Send a schema although the server is known to fail with it.")
  list[#list + 1] = add_extra(command)
  return list
end

-- Adds the parameters of /generate that a set of another route has, too.
local function parameters_of (set)
  return function (command)
    local list = {}
    for _, rule in ipairs(params.list) do
      if set.known[rule.name] then list[#list + 1] = parameter(command, rule) end
    end
    list[#list + 1] = add_extra(command)
    return list
  end
end

local function service (command)
  return {
    add(command, "--base-url", "Address to which /generate is appended."):argname "URL",
    add(command, "--tenant-id", "Tenant of the deployment."):argname "ID",
    add(command, "--deployment", "Name of the deployment."):argname "NAME",
    add(command, "--server", "Whose API it has: lorax (the default) or openai."):argname "NAME",
    add(command, "--token-file", "File with the API token."):argname "FILE",
    command:flag("--no-token", "Send no API token, even if a variable has one."),
    add(command, "--header", "An additional header; can be given several times.")
      :argname("NAME:VALUE"):count "*",
    add(command, "--ca-file", "Certificate authorities to trust."):argname "FILE",
    add(command, "--client-cert", "Certificate of this client."):argname "FILE",
    add(command, "--client-key", "Its private key."):argname "FILE",
    add(command, "--client-key-password-file", "File with the key's password."):argname "FILE",
    add(command, "--proxy", "Proxy to use."):argname "URL",
    command:flag("--no-proxy", "Use no proxy, even if a variable names one."),
    add(command, "--http-version", "1.1 or 2; negotiated by default."):argname "V",
    command:flag("--insecure", "Do not check the server's certificate."),
    command:flag("--allow-plain-http", "Send the token over http to other machines, too."),
    add(command, "--user-agent", "Text after the client's own user agent."):argname "TEXT",
  }
end

local function limits (command)
  return {
    add_number(command, "--timeout", "Most seconds for the whole call.", "S"),
    add_number(command, "--connect-timeout", "Most seconds to connect.", "S"),
    add_number(command, "--first-token-timeout", "Most seconds to the first token.", "S"),
    add_number(command, "--token-timeout", "Most seconds between two tokens.", "S"),
    add_number(command, "--idle-timeout", "Most seconds without any byte.", "S"),
    add_number(command, "--max-retries", "Tries after the first one.", "N"),
    add_number(command, "--max-event-bytes", "Largest event of a stream.", "N"),
    add_number(command, "--max-response-bytes", "Largest answer.", "N"),
  }
end

local function prompts (command)
  return {
    add(command, "--template", "Make the prompt from a template, filled in by --var.")
      :argname "FILE",
    add(command, "--var", "A value for the template, or @FILE to read it (@@ for a leading @); "
      .. "can be given several times."):argname("NAME=VALUE"):count "*",
    add(command, "--file", "Read the prompt from a file."):argname "FILE",
  }
end

local function cuts (command)
  return {
    command:flag("--trim-stop", "Remove the text of --stop from the end."),
    add(command, "--client-stop", "End the text before this string, anywhere in it; can be "
      .. "given several times."):argname("TEXT"):count "*",
  }
end

local function conversation (command)
  return {
    add(command, "--format", "Chat format, or the model that has it."):argname "NAME",
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

local function output (command)
  return {
    command:flag("--no-stream", "Wait for the whole answer."),
    add(command, "--schema", "Answer with JSON that fits the JSON schema in this file; it is "
      .. "checked, and printed when it is complete."):argname "FILE",
    command:flag("--json", "Print JSON instead of text."),
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

local function group (command, title, ...)
  local members = {}
  for _, make in ipairs { ... } do
    for _, option in ipairs(make(command)) do members[#members + 1] = option end
  end
  command:group(title, (rawget(table, "unpack") or rawget(_G, "unpack"))(members))
end

local function add_calls (command)
  group(command, "Parameters of the API; JSON may be given as @FILE", parameters)
  group(command, "Service", service)
  group(command, "Limits", limits)
end

local function add_mock_options (command)
  add(command, "--server", "Whose API to speak: lorax (the default) or openai."):argname "NAME"
  add(command, "--classify", "Whose form /classify has: lorax (the default) or managed.")
    :argname "NAME"
  add(command, "--host", "Address on loopback to listen on."):argname "ADDRESS"
  add_number(command, "--port", "Port to listen on; a free one by default.", "N")
    :convert(reader("--port", whole_number, "a whole number"))
  add_number(command, "--delay", "Seconds between two tokens.", "S")
  add(command, "--seed", "Determines the seeds of requests that have none."):argname("N")
    :convert(reader("--seed", digits, "a whole number"))
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

local VARIABLES = [[
Environment: PREDIBASE_API_TOKEN, PREDIBASE_TENANT_ID, PREDIBASE_DEPLOYMENT (or
PREDIBASE_MODEL), PREDIBASE_BASE_URL; http_proxy, https_proxy, no_proxy.]]

local OUTPUT = [[
Output: the text, as it arrives. --json prints one JSON object per line: each
token, then the result; with --no-stream or --schema only the result. On a
terminal, control characters in the text are replaced. --details, --stats and
errors are printed on standard error, after a line end, which a pipe or file
gets only then.]]

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
also prints a line for another shell, in which programs then use the server:
export PREDIBASE_BASE_URL=http://127.0.0.1:N

Environment: PREDIBASE_MOCK_TOKEN, the API token that clients must send.

Exit codes:
    0  success: ended by Ctrl-C, SIGTERM or one of the limits
    1  the server could not start, for example because the port is in use
   64  wrong use of the command]]

local TOKEN_REFUSED = "the token cannot be an argument, because every user of the machine "
  .. "could read it"
local TOKEN_HINT = "set PREDIBASE_API_TOKEN, or name a file that holds it with --token-file"

-- Adds a flag that shows a text instead of running a command.
local function add_text (command, flags, help, show, text_of)
  command:flag(flags, help):action(function () show(text_of()) end)
end

local function add_help (command, show)
  command:add_help(false)               -- argparse's own option ignores write errors
  add_text(command, "-h --help", "Show this help message and exit.", show, function ()
    return command:get_help() .. "\n"
  end)
end

local function add_generate (parser, show)
  local command = parser:command("generate", "Generate text and stream it to standard output.")
  add_help(command, show)
  command:usage "Usage: predibase generate [OPTION]... [PROMPT]"
  command:help_max_width(80):help_description_margin(32)
  command:argument("prompt",
    "The prompt. Without one, or with -, it is read from standard input.", nil, nil, "?")
  group(command, "Input and output", prompts, output, cuts)
  add_calls(command)
  command:epilog(table.concat({ OUTPUT, VARIABLES, failures.help() }, "\n\n"))
end

local function add_chat (parser, show)
  local command = parser:command("chat", "Talk to a model in the terminal.")
  add_help(command, show)
  command:usage "Usage: predibase chat [OPTION]..."
  command:help_max_width(80):help_description_margin(32)
  group(command, "Conversation", conversation, cuts)
  add_calls(command)
  command:epilog(table.concat({ CHAT, FORMATS .. failures.formats "", VARIABLES, failures.help() },
    "\n\n"))
end

-- Adds a command for routes without generated text. `first` is the title of the first group, and
-- the further arguments are its options.
local function add_route (parser, show, name, summary, usage, first, ...)
  local command = parser:command(name, summary)
  add_help(command, show)
  command:usage(("Usage: predibase %s [OPTION]...%s"):format(name, usage))
  command:help_max_width(80):help_description_margin(32)
  group(command, first, ...)
  group(command, "Service", service)
  group(command, "Limits", limits)
  return command
end

local function with_texts (command)
  command:argument("text", "The text. Without one, or with -, it is read from standard input.",
    nil, nil, "?")
end

local function add_text_commands (parser, show)
  local function epilog (command, about)
    command:epilog(table.concat({ about, VARIABLES, failures.help() }, "\n\n"))
  end
  local command = add_route(parser, show, "embed", "Print the vectors of texts.", " [TEXT]",
    "Texts, parameters and output", text_options, parameters_of(embed.parameters), in_parts)
  with_texts(command)
  epilog(command, EMBED)
  command = add_route(parser, show, "classify", "Print the entities in texts, or their labels.",
    " [TEXT]", "Texts, parameters and output", text_options,
    parameters_of(classify.parameters), in_parts)
  with_texts(command)
  epilog(command, CLASSIFY)
  command = add_route(parser, show, "tokenize", "Print the tokens of texts.", " [TEXT]",
    "Texts and output", text_options, function (c)
      return {
        c:flag("--no-special-tokens", "Leave out the tokens that begin and end a text."),
        c:flag("--count", "Print the number of tokens of each text."),
      }
    end)
  with_texts(command)
  epilog(command, TOKENIZE)
end

local function add_server_commands (parser, show)
  local function epilog (command, about)
    command:epilog(table.concat({ about, VARIABLES, failures.help() }, "\n\n"))
  end
  epilog(add_route(parser, show, "info", "Print the server's model and limits.", "", "Output",
    json_flag), "Output: a line for each field. --json prints them as one JSON object.")
  epilog(add_route(parser, show, "health", "Tell whether the server can answer.", "", "Output",
    json_flag), "Output: ok, or the error on standard error.")
  epilog(add_route(parser, show, "metrics", "Print the numbers that the server counts.", "",
    "Output", json_flag), METRICS)
  local command = add_route(parser, show, "request", "Send a request to any path of the server.",
    " METHOD PATH [BODY]", "Request and output", function (c)
      return {
        add(c, "--content-type", "Content type of the body; application/json by default.")
          :argname "TYPE",
        add(c, "--accept", "Content type to ask for."):argname "TYPE",
        c:flag("--stream", "Print the data of each event of a stream as it arrives."),
        c:flag("--json", "Print status, headers and body as JSON."),
      }
    end)
  command:argument("method", "GET, POST, PUT, PATCH, DELETE or OPTIONS.")
    :convert(reader("METHOD", function (text)
      return raw_request.METHODS[text:upper()] ~= nil and text:upper() or nil
    end, "GET, POST, PUT, PATCH, DELETE or OPTIONS"))
  command:argument("path", "Path below the address of the service, such as /info.")
  command:argument("body", "The body, @FILE to read it (@@ for a leading @), or - for standard "
    .. "input.", nil, nil, "?")
  epilog(command, REQUEST)
end

local function add_doctor (parser, show)
  local command = parser:command("doctor", "Find out why calls fail: configuration, network, TLS, "
    .. "token, deployment.")
  add_help(command, show)
  command:usage "Usage: predibase doctor [OPTION]..."
  command:help_max_width(80):help_description_margin(32)
  group(command, "Service", service)
  add_number(command, "--timeout", "Most seconds for each request (20).", "S")
  add_number(command, "--connect-timeout", "Most seconds to connect (10).", "S")
  command:flag("--json", "Print one JSON object per line.")
  command:epilog(table.concat({ DOCTOR, VARIABLES, failures.help() }, "\n\n"))
end

local function add_mock (parser, show)
  local command = parser:command("mock", "Start a stand-in LoRAX server on this machine.")
  add_help(command, show)
  command:help_max_width(80):help_description_margin(26)
  add_mock_options(command)
  command:epilog(MOCK)
end

-- Makes the parser. `show` is called with a text that is asked for, such as the help.
local function new (show)
  local parser = argparse("predibase", "Text from models served by Predibase or LoRAX.")
  parser:command_target "command"
  parser:help_max_width(80)
  add_help(parser, show)
  add_text(parser, "--version", "Print the version and exit.", show, function ()
    return "predibase " .. version .. "\n"
  end)
  add_generate(parser, show)
  add_chat(parser, show)
  add_text_commands(parser, show)
  add_server_commands(parser, show)
  add_doctor(parser, show)
  add_mock(parser, show)
  parser:epilog("predibase COMMAND --help describes a command.\n\n" .. failures.help())
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
    if valued[argument] and argv[i + 1] then
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

local function refuse (message, name)
  local known = { generate = true, chat = true, mock = true, embed = true, classify = true,
    tokenize = true, info = true, health = true, metrics = true, request = true, doctor = true }
  local command = known[name] and name .. " " or ""
  local hint = ("see predibase %s--help"):format(command)
  local takes = TEXTS[name]
  if message == "too many arguments" and takes then
    hint = ("put the %s in quotes; "):format(takes) .. hint
  elseif message:find "^unknown option '%-" and takes then
    hint = ("put a %s that begins with a dash after --; "):format(takes) .. hint
  end
  failures.usage(message, hint)
end

--- Parses the command line. Raises a usage failure.
-- @tparam table argv
-- @treturn table `command` and the values of its options by name; the command "show" for
--   `--help` and `--version`, with the `text` to print
function M.parse (argv)
  local shown
  local parser = new(function (text)
    shown = text
    error "shown"                       -- the rest of the command line does not matter
  end)
  local arguments = prepare(argv)
  local ok, good, result = pcall(parser.pparse, parser, arguments)
  if shown then return { command = "show", text = shown } end
  if not ok then error(good, 0) end
  if not good then refuse(result, argv[1]) end
  return result
end

return M
