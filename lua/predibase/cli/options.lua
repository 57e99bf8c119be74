-- SPDX-License-Identifier: MIT
--- The options of `predibase generate`: one for every parameter of the API, and those of the
-- client and of the output.
-- @module predibase.cli.options

local params = require "predibase.params"

local M = {}

-- What the help says of a parameter. One that is missing here still is an option.
local HELP = {
  adapter_id = "Adapter to answer with, such as my-repo/3.",
  adapter_source = "Where the adapter is: pbase (unless given), hub, s3 or local.",
  merged_adapters = 'Adapters to merge: {"ids":[...],"weights":[...]}.',
  best_of = "Generate this many and answer with the best (with --no-stream).",
  temperature = "0 picks the likeliest token; higher is more random.",
  repetition_penalty = "Above 1 makes repeating a token less likely.",
  frequency_penalty = "From -2 to 2, by how often a token came before.",
  presence_penalty = "From -2 to 2, by whether a token came before.",
  top_k = "Choose from the K likeliest tokens.",
  top_p = "Choose from the likeliest tokens that add up to P.",
  typical_p = "Choose from typical tokens that add up to P.",
  do_sample = "Sample even where no other option asks for it.",
  max_new_tokens = "At most this many tokens.",
  ignore_eos_token = "Go on after the end-of-text token.",
  return_full_text = "The result begins with the prompt.",
  stop = "End the answer with this text, which stays in it; can be given several times.",
  truncate = "Keep the last N tokens of the prompt.",
  watermark = "Watermark the text.",
  details = "Print what the server tells of the answer, as JSON on standard error.",
  decoder_input_details = "Details of the prompt's tokens, too (with --no-stream).",
  return_k_alternatives = "Tell the K likeliest tokens at each place (see --json).",
  apply_chat_template = "Sent to the server; LoRAX takes it and ignores it.",
  seed = "Seed of the random choice, up to 2^64 - 1.",
  response_format = 'Shape of the answer: {"type":"json_object","schema":{...}}.',
}

-- kind of parameter -> what stands for its value in the help
local VALUES = {
  identifier = "ID", choice = "NAME", merged = "JSON", integer = "N", single = "X",
  strings = "TEXT", seed = "N", format = "JSON",
}

local function number(text)
  if text:find "^[+-]?%d+%.?%d*$" or text:find "^[+-]?%d*%.?%d+$"
    or text:find "^[+-]?%d+%.?%d*[eE][+-]?%d+$" or text:find "^[+-]?%d*%.?%d+[eE][+-]?%d+$"
  then
    return tonumber((text:gsub("^%+", "")))
  end
end

local function whole_number(text)
  return text:find "^%d+$" and tonumber(text)
end

--- A seed stays text: not every Lua has a number for every seed.
local function digits(text)
  return text:find "^%d+$" and text
end

--- A reader for argparse that names the option when it fails.
local function reader(name, read, wanted)
  return function(text)
    local value = read(text)
    if value then return value end
    return nil, ("%s takes %s, got '%s'"):format(name, wanted, text)
  end
end

-- kind of parameter -> how its value is read, and what the error calls it
local READ = {
  integer = { number, "a number" },
  single = { number, "a number" },
  seed = { digits, "a whole number" },
}

local valued = {}                       -- set of the options that take a value

local function dashed(name)
  return "--" .. name:gsub("_", "-")
end

--- Adds an option that takes a value.
local function add(command, name, help, read)
  valued[name] = true
  return command:option(name, help, nil, read)
end

local function add_number(command, name, help, argname)
  return add(command, name, help, reader(name, number, "a number")):argname(argname)
end

local function parameter(command, rule)
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

local function parameters(command)
  local list = {}
  for _, rule in ipairs(params.list) do
    list[#list + 1] = parameter(command, rule)
  end
  list[#list + 1] = command:flag("--no-check-schema",
    "Send a schema that the server is known to fail at.")
  list[#list + 1] = add(command, "--extra",
    "A parameter that has no option yet, as NAME=JSON; can be given several times.")
    :argname("NAME=JSON"):count "*"
  return list
end

local function service(command)
  return {
    add(command, "--base-url", "Address in front of /generate."):argname "URL",
    add(command, "--tenant-id", "Tenant of the deployment."):argname "ID",
    add(command, "--deployment", "Name of the deployment."):argname "NAME",
    add(command, "--token-file", "File with the API token."):argname "FILE",
    command:flag("--no-token", "Send no API token, whatever the variables say."),
    add(command, "--header", "An additional header; can be given several times.")
      :argname("NAME:VALUE"):count "*",
    add(command, "--ca-file", "Certificate authorities to trust."):argname "FILE",
    add(command, "--client-cert", "Certificate of this client."):argname "FILE",
    add(command, "--client-key", "Its private key."):argname "FILE",
    add(command, "--client-key-password-file", "File with the key's password."):argname "FILE",
    add(command, "--proxy", "Proxy to go through."):argname "URL",
    command:flag("--no-proxy", "Go through none, whatever the variables say."),
    add(command, "--http-version", "1.1 or 2; negotiated unless given."):argname "V",
    command:flag("--insecure", "Do not check the server's certificate."),
    command:flag("--allow-plain-http", "Send the token over http to other machines, too."),
    add(command, "--user-agent", "What stands behind the client's own."):argname "TEXT",
  }
end

local function limits(command)
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

local function prompts(command)
  return {
    add(command, "--template", "Make the prompt of a template, filled in by --var.")
      :argname "FILE",
    add(command, "--var", "A value for the template, or @FILE with it (@@ begins one with an @); "
      .. "can be given several times."):argname("NAME=VALUE"):count "*",
    add(command, "--file", "Read the prompt from a file."):argname "FILE",
  }
end

local function cuts(command)
  return {
    command:flag("--trim-stop", "Cut the text of --stop off."),
    add(command, "--client-stop", "End the text in front of this, wherever it stands; can be "
      .. "given several times."):argname("TEXT"):count "*",
  }
end

local function conversation(command)
  return {
    add(command, "--format", "Chat format, or the model that has it."):argname "NAME",
    add(command, "--system", "What the model is told first; @FILE reads it, "
      .. "@@ begins it with an @."):argname "TEXT",
    add(command, "--load", "Go on with a conversation of /save."):argname "FILE",
    add(command, "--max-input-tokens", "Leave out the oldest turns above this many tokens.",
      reader("--max-input-tokens", whole_number, "a whole number")):argname "N",
    command:flag("--stats", "Print tokens, time to first token, tokens per second."),
  }
end

local function output(command)
  return {
    command:flag("--no-stream", "Wait for the whole answer."),
    command:flag("--json", "Print JSON instead of text."),
    command:flag("--stats", "Print tokens, time to first token, tokens per second."),
  }
end

local function group(command, title, ...)
  local members = {}
  for _, make in ipairs { ... } do
    for _, option in ipairs(make(command)) do members[#members + 1] = option end
  end
  command:group(title, (rawget(table, "unpack") or rawget(_G, "unpack"))(members))
end

local function add_calls(command)
  group(command, "Parameters of the API; JSON may be given as @FILE", parameters)
  group(command, "Service", service)
  group(command, "Limits", limits)
end

--- Adds the options of `predibase generate`.
-- @tparam table command of argparse
function M.add(command)
  group(command, "Input and output", prompts, output, cuts)
  add_calls(command)
end

--- Adds the options of `predibase chat`.
-- @tparam table command of argparse
function M.add_chat(command)
  group(command, "Conversation", conversation, cuts)
  add_calls(command)
end

--- Adds the options of `predibase mock`.
-- @tparam table command of argparse
function M.add_mock(command)
  add(command, "--host", "Address on loopback to listen on."):argname "ADDRESS"
  add_number(command, "--port", "Port to listen on; any free one unless given.", "N")
    :convert(reader("--port", whole_number, "a whole number"))
  add_number(command, "--delay", "Seconds between two tokens.", "S")
  add(command, "--seed", "Makes the seeds that the server draws repeatable."):argname("N")
    :convert(reader("--seed", digits, "a whole number"))
  add_number(command, "--max-seconds", "End after so many seconds.", "S")
  add_number(command, "--max-requests", "End after so many requests.", "N")
    :convert(reader("--max-requests", whole_number, "a whole number"))
  command:flag("--quiet", "Do not print the URL.")
end

--- Tells whether an argument is the name of an option that takes a value.
-- Only known once the options were added.
-- @tparam string argument
-- @treturn boolean
function M.takes_value(argument)
  return valued[argument] == true
end

return M
