-- SPDX-License-Identifier: MIT
--- Runs `predibase chat`.
-- @module predibase.cli.chat_command

local chat_lines = require "predibase.cli.chat_lines"
local descriptor = require "predibase.descriptor"
local errors = require "predibase.errors"
local failures = require "predibase.cli.failures"
local inputs = require "predibase.cli.inputs"
local output = require "predibase.cli.output"
local slash_commands = require "predibase.cli.slash_commands"
local outside_errors = require "predibase.outside_errors"
local usage = require "predibase.usage"

local M = {}

local STDIN = 0

local NO_READLINE = "Line editing: apt install lua-readline (elsewhere: luarocks install readline)."

local function nothing () end

-- Returns the tools that a Lua file of the user returns.
local function read_tools (path)
  if not path then return nil end
  local chunk, problem = loadfile(path)
  if not chunk then failures.usage("--tools: " .. problem) end
  local ok, list = pcall(chunk)
  if not ok then failures.usage(("--tools: %s: %s"):format(path, tostring(list))) end
  if type(list) ~= "table" then
    failures.usage(("--tools: %s must return a list of tools, got a %s"):format(path, type(list)))
  end
  return list
end

-- Shows a call of a tool and its result.
local function show_call (talk, call, result)
  talk.out:end_line()
  talk.say(("[%s %s]"):format(call.name, call.raw_arguments))
  talk.say("[" .. result .. "]")
end

local function ask (talk, text)
  if not talk.options.tools then return talk.session:stream(text) end
  return talk.session:run_stream(text, {
    on_tool = function (call, result) show_call(talk, call, result) end,
  })
end

-- Streams one answer. The connection is closed also when that fails.
local function stream_answer (talk, text)
  local stream = ask(talk, text)
  local ok, err = pcall(function ()
    for piece in stream:texts() do talk.out:write(piece) end
  end)
  stream:close()
  if not ok then error(err, 0) end
  talk.out:line()
  local result = stream:result()
  if talk.details then io.stderr:write(output.details(result)) end
  if talk.stats then io.stderr:write(output.stats(result), "\n") end
end

-- Answers a question that a person typed: Ctrl-C and errors end the answer, not the conversation.
local function answer (talk, text)
  local ok, err = pcall(function ()
    talk.interrupt.arm()
    stream_answer(talk, text)
  end)
  talk.interrupt.disarm()
  if ok then return end
  pcall(talk.out.line, talk.out)
  if outside_errors.is_interrupt(err) then
    io.stderr:write "(stopped)\n"
  elseif errors.is(err) then
    failures.report(err, "chat")
  else
    error(err, 0)
  end
end

-- Answers a question of a file or pipe: an error ends the conversation.
local function answer_strictly (talk, text)
  local ok, err = pcall(stream_answer, talk, text)
  if ok then return end
  pcall(talk.out.end_line, talk.out)
  error(err, 0)
end

-- Returns a function that returns one text after the other, whether a person types them, and
-- whether lines can be edited.
local function source (out)
  if not descriptor.is_terminal(STDIN) then
    return chat_lines.texts(chat_lines.plain(nil)), false
  end
  local found, readline = pcall(require, "readline")
  local read
  if out.terminal and found then
    read = chat_lines.editor(readline, chat_lines.history_path(), slash_commands.complete)
  else
    read = chat_lines.plain(out.terminal and io.stdout or io.stderr)
  end
  return chat_lines.texts(function (goes_on) return read(goes_on and "... " or "> ") end), true,
    found or not out.terminal
end

-- Makes a session. If neither an option nor the name of the deployment tells the format, that of
-- the server's model is used, and without one the server writes the prompts.
local function new_session (client, options, named)
  local session, err = client:chat_session(options)
  if session or err.kind ~= "template" or named then return session, err end
  local info = client.info and client:info()
  local given = {}
  for name, value in pairs(options) do given[name] = value end
  local model = type(info) == "table" and info.model_id
  given.format = type(model) == "string" and model or nil
  if given.format then
    session = client:chat_session(given)
    if session then return session end
  end
  given.format, given.over = nil, "chat"
  local ok, made, problem = usage.catch(client.chat_session, client, given)
  if not ok then return nil, err end
  return made, problem
end

-- Creates the client and the session, and the table that the loop and the commands share.
local function begin (arguments)
  local parameters = inputs.parameters(arguments)
  local client, err = require("predibase").new(inputs.client(arguments))
  if not client then return nil, err end
  local options = {}
  for name, value in pairs(parameters) do options[name] = value end
  options.format, options.max_input_tokens = arguments.format, arguments.max_input_tokens
  options.tools = read_tools(arguments.tools)
  local session
  if arguments.load then
    if arguments.system then failures.usage "--load and --system cannot be combined" end
    session, err = require("predibase.chat").load(client, arguments.load, options)
  else
    local first = { system = inputs.text(arguments.system) }
    for name, value in pairs(options) do first[name] = value end
    session, err = new_session(client, first, arguments.format)
  end
  if not session then return nil, err end
  return { client = client, session = session, options = options, path = arguments.load,
    stats = arguments.stats, details = arguments.details, out = output.new() }
end

local function talk_on (talk, next_text, typed)
  while true do
    local text, plain = next_text()
    if not text then
      if typed then talk.out:line(true) end
      return 0
    end
    local done, outcome = false, nil
    if plain then done, outcome = slash_commands.run(talk, text) end
    if done == nil and not typed then return nil, outcome end
    if done == nil then failures.report(outcome, "chat") end
    if outcome == "quit" then return 0 end
    if done == false and text:find "%S" then
      talk.answer(talk, plain and text:gsub("^//", "/") or text)
    end
  end
end

--- Runs the command.
-- @tparam table arguments of the command line
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.run (arguments)
  local talk, err = begin(arguments)
  if not talk then return nil, err end
  local next_text, typed, edited = source(talk.out)
  talk.typed, talk.answer = typed, typed and answer or answer_strictly
  local found, interrupt = pcall(require, "predibase.interrupt")
  talk.interrupt = found and interrupt or { arm = nothing, disarm = nothing }
  function talk.say (text) io.stderr:write(output.safe(text), "\n") end
  if typed then
    talk.interrupt.disarm()
    local format = talk.session.format
    local how = format and "The format is " .. format.name or "The server writes the prompts"
    talk.say(how
      .. ". /help lists commands, Ctrl-D ends.")
    if not edited and talk.out.terminal then talk.say(NO_READLINE) end
  end
  local code
  code, err = talk_on(talk, next_text, typed)
  talk.client:close()
  return code, err
end

return M
