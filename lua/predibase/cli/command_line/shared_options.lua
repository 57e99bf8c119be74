-- SPDX-License-Identifier: MIT
--- Options that several commands have, and how the values of options are read. There is an option
-- for every parameter of the API.
-- @module predibase.cli.command_line.shared_options

local lazy = require "predibase.lazy"
local manual = lazy "predibase.cli.command_line.manual"
local params = require "predibase.params"

local M = {}

-- Descriptions of parameters in the help. A parameter without a description is an option, too.
local HELP = {
  adapter_id = "Adapter to answer with, such as my-repo/3.",
  adapter_source = "Where the adapter is: pbase (default), hub, s3 or local.",
  merged_adapters = 'Adapters to merge: {"ids": [...], "weights": [...]}.',
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
  response_format = 'Shape of the answer: {"type": "json_object", "schema": {...}}.',
}

-- kind of parameter -> the placeholder of its value in the help
local VALUES = {
  identifier = "ID", choice = "NAME", merged = "JSON", integer = "N", single = "X",
  strings = "TEXT", seed = "N", format = "JSON",
}

--- Reads a number in any usual decimal form.
-- @tparam string text
-- @treturn ?number nil for any other text
function M.number (text)
  if text:find "^[+-]?%d+%.?%d*$" or text:find "^[+-]?%d*%.?%d+$"
    or text:find "^[+-]?%d+%.?%d*[eE][+-]?%d+$" or text:find "^[+-]?%d*%.?%d+[eE][+-]?%d+$"
  then
    return tonumber((text:gsub("^%+", "")))
  end
end

--- Reads a whole number.
-- @tparam string text
-- @treturn ?integer nil for any other text
function M.whole_number (text)
  return text:find "^%d+$" and tonumber(text)
end

--- Reads digits. A seed stays text, because not every Lua has a number for every seed.
-- @tparam string text
-- @treturn ?string nil for any other text
function M.digits (text)
  return text:find "^%d+$" and text
end

--- Makes a reader for argparse whose errors name the option.
-- @tparam string name of the option
-- @tparam function read takes the text of a value; returns the value, or nil when it is wrong
-- @tparam string wanted what was expected, for the message
-- @treturn function
function M.reader (name, read, wanted)
  return function (text)
    local value = read(text)
    if value then return value end
    return nil, ("%s takes %s, got '%s'"):format(name, wanted, text)
  end
end

-- kind of parameter -> function that reads its value, and the name of such values in errors
local READ = {
  integer = { M.number, "a number" },
  single = { M.number, "a number" },
  seed = { M.digits, "a whole number" },
}

local valued = {}                       -- set of the options that take a value

local function dashed (name)
  return "--" .. name:gsub("_", "-")
end

--- Tells whether an option takes a value, in any command.
-- @tparam string name
-- @treturn boolean
function M.takes_value (name)
  return valued[name] or false
end

--- Adds an option that takes a value.
-- @tparam table command
-- @tparam string name
-- @tparam string help
-- @tparam ?function read see `reader`
-- @treturn table the option of argparse
function M.add (command, name, help, read)
  valued[name] = true
  return command:option(name, help, nil, read)
end

local offered = setmetatable({}, { __mode = "k" })       -- option or argument of argparse -> values

--- Records values of an option or argument, which the shell then completes. The values that are
-- accepted are checked elsewhere; there may be more.
-- @tparam table element of argparse
-- @tparam table list array of strings
-- @treturn table the element
function M.offer (element, list)
  offered[element] = list
  return element
end

--- Returns the recorded values of an option or argument.
-- @tparam table element of argparse
-- @treturn ?table array of strings
function M.offered (element)
  return offered[element]
end

--- Sets of options and arguments of which only one can be given; an option of its first array is
-- refused beside one of the second. The modules that run the commands refuse them.
M.EXCLUSIVE = {
  { { "--proxy" }, { "--no-proxy" } },
  { { "--token-file" }, { "--no-token" } },
  { { "--schema" }, { "--response-format", "--return-full-text" } },
  { { "--template" }, { "--file", "prompt" } },
  { { "--file" }, { "prompt", "text" } },
  { { "--lines" }, { "text" } },
  { { "--load" }, { "--system" } },
  { { "--prompt-template" }, { "--template" } },
  { { "--sample" }, { "--limit" } },
}

--- Adds an option whose value is a number.
-- @tparam table command
-- @tparam string name
-- @tparam string help
-- @tparam string argname placeholder of the value in the help
-- @treturn table the option of argparse
function M.add_number (command, name, help, argname)
  return M.add(command, name, help, M.reader(name, M.number, "a number")):argname(argname)
end

local function parameter (command, rule, help)
  local name = dashed(rule.name)
  help = help or HELP[rule.name]
  if rule.kind == "boolean" then
    return command:flag(name, help)
  elseif rule.kind == "token" then
    return M.add(command, "--adapter-token-file",
      "File with the token for the adapter's repository, not for the API."):argname "FILE"
  end
  local option = M.add(command, name, help):argname(VALUES[rule.kind] or "VALUE")
  if rule.choices then M.offer(option, rule.choices) end
  if rule.kind == "strings" then option:count "*" end
  local read = READ[rule.kind]
  if read then option:convert(M.reader(name, read[1], read[2])) end
  return option
end

local function add_extra (command)
  return M.add(command, "--extra",
    "A parameter that has no option yet, as NAME=JSON; can be given several times.")
    :argname("NAME=JSON"):count "*"
end

--- Adds the parameters of /generate.
local function parameters (command, descriptions)
  local list = {}
  for _, rule in ipairs(params.list) do
    local help = descriptions[rule.name]
    if help ~= false then list[#list + 1] = parameter(command, rule, help) end
  end
  list[#list + 1] = command:flag("--no-check-schema",
    "Send a schema although the server is known to fail with it.")
  list[#list + 1] = add_extra(command)
  return list
end

--- Makes a function that adds the parameters of /generate that a set of another route has, too.
-- @tparam table set of `predibase.params`
-- @treturn function as `parameters`
function M.parameters_of (set)
  return function (command)
    local list = {}
    for _, rule in ipairs(params.list) do
      if set.known[rule.name] then list[#list + 1] = parameter(command, rule) end
    end
    list[#list + 1] = add_extra(command)
    return list
  end
end

--- Adds the options about the service.
-- @tparam table command
-- @treturn table array of options of argparse
function M.service (command)
  return {
    M.add(command, "--base-url", "Address to which /generate is appended."):argname "URL",
    M.add(command, "--tenant-id", "Tenant of the deployment."):argname "ID",
    M.add(command, "--deployment", "Name of the deployment."):argname "NAME",
    M.offer(M.add(command, "--server", "Whose API it has: lorax (the default) or openai.")
      :argname "NAME", { "lorax", "openai" }),
    M.add(command, "--token-file", "File with the API token."):argname "FILE",
    command:flag("--no-token", "Send no API token, even if a variable has one."),
    M.add(command, "--header", "An additional header; can be given several times.")
      :argname("NAME:VALUE"):count "*",
    M.add(command, "--ca-file", "Certificate authorities to trust."):argname "FILE",
    M.add(command, "--client-cert", "Certificate of this client."):argname "FILE",
    M.add(command, "--client-key", "Its private key."):argname "FILE",
    M.add(command, "--client-key-password-file", "File with the key's password."):argname "FILE",
    M.add(command, "--proxy", "Proxy to use."):argname "URL",
    command:flag("--no-proxy", "Use no proxy, even if a variable names one."),
    M.offer(M.add(command, "--http-version", "1.1 or 2; negotiated by default."):argname "V",
      { "1.1", "2" }),
    command:flag("--insecure", "Do not check the server's certificate."),
    command:flag("--allow-plain-http", "Send the token over http to other machines, too."),
    M.add(command, "--user-agent", "Text after the client's own user agent."):argname "TEXT",
    command:flag("--verbose", "Print on standard error what is sent and received, with prompts "
      .. "but without secrets."),
  }
end

--- Adds the limits of a call.
-- @tparam table command
-- @treturn table array of options of argparse
function M.limits (command)
  return {
    M.add_number(command, "--timeout", "Most seconds for the whole call.", "S"),
    M.add_number(command, "--connect-timeout", "Most seconds to connect.", "S"),
    M.add_number(command, "--first-token-timeout", "Most seconds to the first token.", "S"),
    M.add_number(command, "--token-timeout", "Most seconds between two tokens.", "S"),
    M.add_number(command, "--idle-timeout", "Most seconds without any byte.", "S"),
    M.add_number(command, "--max-retries", "Tries after the first one.", "N"),
    M.add_number(command, "--max-event-bytes", "Largest event of a stream.", "N"),
    M.add_number(command, "--max-response-bytes", "Largest answer.", "N"),
  }
end

--- Adds the options that cut the end of a text.
-- @tparam table command
-- @treturn table array of options of argparse
function M.cuts (command)
  return {
    command:flag("--trim-stop", "Remove the text of --stop from the end."),
    M.add(command, "--client-stop", "End the text before this string, anywhere in it; can be "
      .. "given several times."):argname("TEXT"):count "*",
  }
end

--- Adds a group of options, with a title in the help.
-- @tparam table command
-- @tparam string title
-- @param ... functions that take the command and return an array of options
function M.group (command, title, ...)
  local members = {}
  for _, make in ipairs { ... } do
    for _, option in ipairs(make(command)) do members[#members + 1] = option end
  end
  command:group(title, (rawget(table, "unpack") or rawget(_G, "unpack"))(members))
end

--- Adds the groups of options that calls with generated text have.
-- @tparam table command
-- @tparam ?table descriptions name of a parameter -> its text in the help of this command, or false
-- when the command does not have it
function M.add_calls (command, descriptions)
  M.group(command, "Parameters of the API; JSON may be given as @FILE", function (c)
    return parameters(c, descriptions or {})
  end)
  M.group(command, "Service", M.service)
  M.group(command, "Limits", M.limits)
end

--- Adds a flag that shows a text instead of running a command.
-- @tparam table command
-- @tparam string flags
-- @tparam string help
-- @tparam function show is called with the text
-- @tparam function text_of returns it
function M.add_text (command, flags, help, show, text_of)
  command:flag(flags, help):action(function () show(text_of()) end)
end

local described = setmetatable({}, { __mode = "k" })     -- command of argparse -> its `make`

--- Sets what the help and the manual page of a command say besides its options.
-- @tparam table command
-- @tparam function make returns the `parts` of `predibase.cli.command_line.manual.describe`; it is
-- called only when they are needed
function M.describe (command, make)
  described[command] = make
end

--- Describes a command that calls a server.
-- @tparam table command
-- @tparam string name of the command
-- @tparam table notes array of texts
function M.describe_call (command, name, notes)
  M.describe(command, function ()
    return { notes = notes, environment = manual.SERVICE, examples = manual.EXAMPLES[name] }
  end)
end

--- Puts the description of a command at the end of its help.
-- @tparam table command
function M.complete (command)
  local make = described[command]
  if make then manual.describe(command, make()) end
end

--- Adds the flag that shows the help of a command.
-- @tparam table command
-- @tparam function show is called with the help
function M.add_help (command, show)
  command:add_help(false)               -- argparse's own option ignores write errors
  M.add_text(command, "-h --help", "Show this help message and exit.", show, function ()
    M.complete(command)
    return command:get_help() .. "\n"
  end)
end

return M
