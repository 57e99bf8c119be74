-- SPDX-License-Identifier: MIT
--- Turns the command line, and the files that it names, into prompts and options of the library.
-- @module predibase.cli.inputs

local lazy = require "predibase.lazy"
local descriptor = lazy "predibase.descriptor"
local failures = lazy "predibase.cli.failures"
local files = lazy "predibase.files"
local json = require "predibase.json"
local params = require "predibase.params"
local usage = require "predibase.usage"
local verbose = lazy "predibase.cli.verbose"
local wording = lazy "predibase.cli.wording"

local M = {}

local STDIN = 0

local function read_file (path)
  local text, message = files.read(path)
  if not text then failures.usage(message) end
  return text
end

local function read_input ()
  local text, message = io.read("*a")
  if not text then failures.usage("standard input: " .. (message or "cannot be read")) end
  return files.without_mark(text)
end

-- Removes one line end from the end: it belongs to the file, not to the text.
local function without_line_end (text)
  return (text:gsub("\r?\n$", ""))
end

-- Returns an argument, or the text of a file or of standard input. `noun` and `example` are for
-- messages.
local function given_text (given, path, noun, example)
  if path and given then
    failures.usage(("a %s and --file cannot be combined"):format(noun), "give only one of them")
  end
  if path and path ~= "-" then return without_line_end(read_file(path)) end
  if given and given ~= "-" then return given end
  if not given and not path and descriptor.is_terminal(STDIN) then
    failures.usage(("there is no %s"):format(noun),
      ("predibase %s, or - to type it here and end it with Ctrl-D"):format(example))
  end
  return without_line_end(read_input())
end

-- Returns the value of an argument: `@FILE` stands for the text of a file, `@@` for an `@`.
local function text_of (value)
  if value:sub(1, 1) ~= "@" then return value end
  if value:sub(2, 2) == "@" then return value:sub(2) end
  local path = value:sub(2)
  return without_line_end(path == "-" and read_input() or read_file(path))
end

--- Returns the value of an option: `@FILE` stands for the text of a file, `@@` for a leading `@`.
-- @tparam ?string value
-- @treturn ?string
function M.text (value)
  return value and text_of(value)
end

--- Returns the text of a template in a file, without the line end at its end.
-- @tparam string path
-- @treturn string
function M.template (path)
  return without_line_end(files.unix(read_file(path)))
end

-- Returns the prompt of a template, or nil and an error of kind "template".
local function filled (arguments)
  if arguments.prompt or arguments.file then
    failures.usage("--template cannot be combined with another prompt",
      "--var prompt=TEXT fills in {prompt} of a template")
  end
  local values = {}
  for _, pair in ipairs(arguments.var) do
    local name, value = pair:match("^([^=]+)=(.*)$")
    if not name then failures.usage(("--var takes NAME=VALUE, got '%s'"):format(pair)) end
    if values[name] then failures.usage(("--var gives '%s' twice"):format(name)) end
    values[name] = text_of(value)
  end
  local template, err = require("predibase.template").new(M.template(arguments.template))
  if not template then return nil, err end
  return template:render(values)
end

--- Returns the prompt: from a template, an argument, a file, or standard input.
-- @tparam table arguments of the command line
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template"
function M.prompt (arguments)
  if arguments.template then return filled(arguments) end
  if #arguments.var > 0 then failures.usage "--var needs --template" end
  return given_text(arguments.prompt, arguments.file, "prompt", 'generate "What is your name?"')
end

--- Returns the texts of a command: its argument, a file, or standard input; with `--lines`, each
-- line of them.
-- @tparam table arguments of the command line
-- @treturn table array of strings
function M.texts (arguments)
  if arguments.lines and arguments.text and arguments.text ~= "-" then
    failures.usage("a text and --lines cannot be combined",
      "--lines reads the lines of --file or of standard input")
  end
  local text = given_text(arguments.text, arguments.file, "text",
    ('%s "I live in Paris."'):format(arguments.command))
  if not arguments.lines then return { text } end
  local list = {}
  for line in (files.unix(text) .. "\n"):gmatch "([^\n]*)\n" do list[#list + 1] = line end
  return list
end

--- Returns the body of `predibase request`, byte for byte: an argument, `@FILE` for a file, `@@`
-- for a leading `@`, or `-` for standard input.
-- @tparam table arguments of the command line
-- @treturn ?string nil when there is none
function M.body (arguments)
  local given = arguments.body
  if not given or given:sub(1, 2) == "@@" then return given and given:sub(2) end
  local path = given:match "^@(.*)$"
  if not path and given ~= "-" then return given end
  local file, message = io.stdin, nil
  if path and path ~= "-" then file, message = io.open(path, "rb") end
  local bytes
  if file then bytes, message = file:read "*a" end
  if path and file and file ~= io.stdin then file:close() end
  if not bytes then failures.usage(message or "standard input cannot be read") end
  return bytes
end

-- Returns the value of an option that is JSON, or `@FILE` with JSON in the file.
local function read_json (text, option)
  if text:sub(1, 1) == "@" then text = files.unix(read_file(text:sub(2))) end
  local ok, message = json.check(text)
  if not ok then failures.usage(("%s is not JSON: %s"):format(option, message)) end
  return text
end

local function read_object (text, option)
  text = read_json(text, option)
  local value = json.decode(text)
  if type(value) ~= "table" or not text:find "^%s*{" then
    failures.usage(option .. " must be a JSON object")
  end
  return value, text
end

local function merged_adapters (text)
  return (read_object(text, "--merged-adapters"))
end

-- The schema is passed on as text, because the order of its properties matters.
local function response_format (text)
  local value
  value, text = read_object(text, "--response-format")
  if type(value.schema) == "table" then value.schema = (json.member(text, "schema")) end
  return value
end

-- kind of parameter -> reader
local READ = { merged = merged_adapters, format = response_format }

local function extra (list)
  local fields = {}
  for _, pair in ipairs(list) do
    local name, text = pair:match("^([^=]+)=(.*)$")
    if not name then failures.usage(("--extra takes NAME=JSON, got '%s'"):format(pair)) end
    -- passed on as text, so that empty arrays, all digits and the order of names are kept
    fields[name] = json.raw(read_json(text, "--extra " .. name))
  end
  return fields
end

-- A wrong name inside JSON is misuse for the library, but a mistake of the user here. Wrong values
-- are reported when the call is made.
local function check_names (parameters)
  local ok, message = usage.catch(params.check, parameters)
  if ok then return end
  if type(message) == "string" and message:find "^unknown " then
    failures.usage(wording.reword(message))
  end
  error(message, 0)
end

--- Returns the parameters of the API and the options of calls that the command line contains.
-- @tparam table arguments
-- @treturn table
function M.parameters (arguments)
  local parameters = {}
  for _, rule in ipairs(params.list) do
    local value = arguments[rule.name]
    if value ~= nil and READ[rule.kind] then value = READ[rule.kind](value) end
    if rule.kind == "strings" and value and #value == 0 then value = nil end
    parameters[rule.name] = value
    local path = rule.kind == "token" and arguments.adapter_token_file
    if path then parameters[rule.name] = without_line_end(read_file(path)) end
  end
  if arguments.extra and #arguments.extra > 0 then parameters.extra = extra(arguments.extra) end
  check_names(parameters)
  if arguments.schema then
    if arguments.response_format or arguments.return_full_text then
      failures.usage "--schema cannot be combined with --response-format or --return-full-text"
    end
    parameters.schema = read_json("@" .. arguments.schema, "--schema")
  end
  if arguments.trim_stop then parameters.trim_stop = true end
  if arguments.no_check_schema then parameters.check_schema = false end
  if arguments.client_stop and #arguments.client_stop > 0 then
    parameters.client_stop = arguments.client_stop
  end
  return parameters
end

local function headers (list)
  local fields = {}
  for _, line in ipairs(list) do
    local name, value = line:match("^([^:%s]+):%s*(.-)%s*$")
    if not name then failures.usage(("--header takes NAME:VALUE, got '%s'"):format(line)) end
    if name:lower() == "authorization" then
      failures.usage("the token cannot be an argument, because every user of the machine could "
        .. "read it", "set PREDIBASE_API_TOKEN, or name a file with --token-file")
    end
    fields[name] = value
  end
  return fields
end

--- Returns the options for `predibase.new` that the command line contains.
-- @tparam table arguments
-- @treturn table
function M.client (arguments)
  local timeout = {
    total = arguments.timeout,
    connect = arguments.connect_timeout,
    first_token = arguments.first_token_timeout,
    token = arguments.token_timeout,
    idle = arguments.idle_timeout,
  }
  local options = {
    timeout = next(timeout) and timeout or nil,
    headers = #arguments.header > 0 and headers(arguments.header) or nil,
    allow_plain_http = arguments.allow_plain_http,
  }
  for _, name in ipairs {
    "base_url", "tenant_id", "deployment", "server", "max_retries", "ca_file", "client_cert",
    "client_key", "proxy", "http_version", "user_agent", "max_event_bytes", "max_response_bytes",
  } do
    options[name] = arguments[name]
  end
  if arguments.no_proxy then
    if arguments.proxy then failures.usage "--proxy and --no-proxy cannot be combined" end
    options.proxy = false
  end
  if arguments.insecure then options.verify = false end
  if arguments.no_token then
    if arguments.token_file then
      failures.usage "--token-file and --no-token cannot be combined"
    end
    options.api_token = false
  elseif arguments.token_file then
    options.api_token = without_line_end(read_file(arguments.token_file))
  end
  if arguments.verbose then verbose.add(options) end
  local path = arguments.client_key_password_file
  if path then options.client_key_password = without_line_end(read_file(path)) end
  return options
end

return M
