-- SPDX-License-Identifier: MIT
--- Rewrites messages of the library in the terms of the command: flags instead of options of Lua.
-- @module predibase.cli.wording

local params = require "predibase.params"

local M = {}

local function dashed (name)
  return "--" .. name:gsub("_", "-")
end

-- option of the library -> its name in the command
local OPTIONS = {
  api_token = "the API token", headers = "--header", verify = "--insecure",
  client_key_password = "--client-key-password-file", check_schema = "--no-check-schema",
  schema = "--schema",
}
for _, name in ipairs {
  "base_url", "tenant_id", "deployment", "max_retries", "ca_file", "client_cert", "client_key",
  "proxy", "http_version", "user_agent", "allow_plain_http", "max_event_bytes", "format",
  "server", "max_response_bytes", "max_input_tokens", "client_stop", "trim_stop", "timeout",
  "keep_changed", "out_format", "max_cost", "price_in", "price_out",
} do
  OPTIONS[name] = dashed(name)
end
OPTIONS["timeout.total"] = "--timeout"
OPTIONS["rate_limit.requests"] = "the number of requests of --rate-limit"
OPTIONS["rate_limit.tokens"] = "the number of tokens of --rate-limit"
OPTIONS["rate_limit.seconds"] = "the period of --rate-limit in seconds"
for _, timeout in ipairs { "connect", "first_token", "token", "idle" } do
  OPTIONS["timeout." .. timeout] = dashed(timeout .. "_timeout")
end

-- parameter of the API, which messages put in backquotes -> its name in the command
local PARAMETERS = { inputs = "the prompt", adapters = "--merged-adapters", extra = "--extra" }
for _, rule in ipairs(params.list) do
  PARAMETERS[rule.name] = rule.kind == "token" and "--adapter-token-file" or dashed(rule.name)
end

local function option (name)
  return OPTIONS[name] or PARAMETERS[name]
end

-- Patterns of phrases in terms of Lua, and their replacements.
local PHRASES = {
  { "^format is missing: .*$",
    "no chat format is chosen, and it cannot be derived from a deployment's name" },
  { 'give api_token = "…"', "give --token-file" },
  { 'give ([%l_]+) = "…"', function (name) return option(name) and "give " .. option(name) end },
  { "api_token = false", "--no-token" },
  { "proxy = false", "--no-proxy" },
  { "([%l_]+) = false", option },
  { "([%l_]+) = true", option },
  { "`extra%.([%l_]+)` is a known parameter; write .*$", function (name)
    local flag = option(name)
    return flag and flag .. " is a separate option; do not use --extra for it"
  end },
  { "%(false means no proxy at all%)", "(--no-proxy uses none)" },
  { "[%l_]+ %(from the environment variable ([%u_]+)%)", "%1" },
  { ' %(`%$%(cat file%)` in a shell, or file:read%("%*a"%)%)', "" },
  { ': token:match%("[^"]*"%)', "" },
  { "the parameter api_token", "--adapter-token-file" },
  { "`inputs` tokens", "prompt tokens" },
  { "use api_token for the token", "use PREDIBASE_API_TOKEN or --token-file for the token" },
  { "(password into) proxy", "%1 --proxy" },
  { 'be "1.1" or "2"', "be 1.1 or 2" },
  { ": a table with named fields, or a string of JSON", "" },
  { "the table given", "what was given" },
  { "template%.from_tokenizer_config takes the model's own", "no --format is like it" },
  { "template%.new makes the prompt", "predibase generate --template makes the prompt" },
  { "(got) the %l+ (%S)", "%1 %2" },
  { "give the option format: ", "give --format: " },
  { "the option force", "--force" },
  { "the option id has", "--id has" },
  { "the option id$", "--id" },
  { "read the file with quotes = false", "give --no-quotes" },
  { "the option partial", "--partial" },
  { "%(option input%)", "(--input)" },
  { "^sample and limit ", "--sample and --limit " },
  { "^evaluate: ", "--evaluate: " },
  { "a sample needs a file or an array,", "--sample needs a file," },
  { "max_tokens and max_cost", "--max-tokens and --max-cost" },
}

-- Options that are ordinary words, too: replaced only at the beginning of a sentence.
local BEGINNINGS = { "proxy", "deployment", "headers", "timeout", "format", "server",
  "verify" }

local function parameter (inside)
  local name, rest = inside:match "^([%a_]+)(.*)$"
  local flag = name and PARAMETERS[name]
  if not flag then return nil end
  rest = rest:gsub("^%.", ""):gsub("^%[%d+%]$", "")
  if name == "extra" and rest ~= "" then rest = '"' .. rest .. '"' end
  return rest == "" and flag or flag .. " " .. rest
end

-- Replaces a word if it is the name of an option; addresses and paths stay.
local function word (text)
  local name, marks = text:match "^(.-)([.:]*)$"
  if not name:find "[_.]" or not option(name) then return nil end
  return option(name) .. marks
end

local function outside_of_quotes (text)
  text = text:gsub("[%w_./:-]+", word)
  return (text:gsub("(%-%-[%l-]*stop)%[%d+%]", "%1"):gsub(" and deployment", " and --deployment"))
end

--- Rewrites a message. Text in quotation marks stays, because it was given by the user.
-- @tparam string text
-- @treturn string
function M.reword (text)
  for _, phrase in ipairs(PHRASES) do text = text:gsub(phrase[1], phrase[2]) end
  for _, name in ipairs(BEGINNINGS) do
    text = text:gsub("^" .. name .. " ", OPTIONS[name] .. " ")
    text = text:gsub("; " .. name .. " ", "; " .. OPTIONS[name] .. " ")
  end
  text = text:gsub("`([^`]+)`", parameter)
  return (text:gsub('([^"]*)("?[^"]*"?)', function (plain, quoted)
    return outside_of_quotes(plain) .. quoted
  end))
end

return M
