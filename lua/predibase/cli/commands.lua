-- SPDX-License-Identifier: MIT
--- The commands of a conversation in the terminal, those that begin with a slash.
-- @module predibase.cli.commands

local chat = require "predibase.chat"
local failures = require "predibase.cli.failures"
local history = require "predibase.chat.history"
local paths = require "predibase.cli.paths"

local M = {}

local HELP = [[
/system [TEXT]   tell the model something first; alone: show it, with -: drop it
/reset           forget what was said; the system's message stays
/undo            take the last question and its answer back
/history         show what was said
/save [FILE]     write the conversation to a file
/load FILE       go on with one that was written
/help            this list
/quit            end, as Ctrl-D does
A question of several lines: """ begins and ends it, or \\ at the end of a line.
One that begins with a slash: //. Ctrl-C stops an answer.]]

local function help(talk)
  talk.say((HELP:gsub("\\(.)", "%1")))
end

local function quit()
  return "quit"
end

local function reset(talk)
  talk.session:reset()
  talk.say "forgotten"
end

local function undo(talk)
  local question = talk.session:undo()
  talk.say(question and "taken back: " .. question or "nothing was said")
end

local function system(talk, text)
  local first = talk.session.messages[1]
  if text == "" then
    return talk.say(first and first.role == "system" and history.text(first) or "there is none")
  end
  local ok, err = talk.session:set_system(text ~= "-" and text or nil)
  if not ok then return nil, err end
end

local function show(talk)
  for _, message in ipairs(talk.session.messages) do
    talk.say(("%s: %s"):format(message.role, history.text(message)))
  end
end

local function save(talk, path)
  path = path ~= "" and paths.expanded(path) or talk.path
  if not path then return talk.say "which file? /save FILE" end
  local ok, err = talk.session:save(path)
  if not ok then return nil, err end
  talk.path = path
  talk.say("saved in " .. path)
end

local function load_file(talk, path)
  if path == "" then return talk.say "which file? /load FILE" end
  path = paths.expanded(path)
  local session, err = chat.load(talk.client, path, talk.options)
  if not session then return nil, err end
  talk.session, talk.path = session, path
  talk.say(("%d messages, format %s"):format(#session.messages, session.format.name))
end

local COMMANDS = { help = help, quit = quit, exit = quit, reset = reset, undo = undo,
  system = system, history = show, save = save, load = load_file }

--- The names of all commands, with their slash, in alphabetical order.
M.names = {}
for name in pairs(COMMANDS) do M.names[#M.names + 1] = "/" .. name end
table.sort(M.names)

--- Runs a line if it is a command.
-- @tparam table talk `session`, `client`, `options` (for sessions that are loaded), `path` (of the
-- file that /save writes), `say` (shows a line), `typed` (a person is there)
-- @tparam string line
-- @treturn[1] boolean false: it is a question
-- @treturn[2] boolean true: it was run
-- @treturn[2] ?string "quit" to end
-- @treturn[3] nil
-- @treturn[3] table the error
function M.run(talk, line)
  if line:sub(1, 2) == "//" then return false end
  local name, rest = line:match "^/(%S*)%s*(.-)%s*$"
  if not name then return false end
  local command = COMMANDS[name]
  if not command then
    local message = ("there is no command /%s"):format(name)
    if not talk.typed then failures.usage(message, "a question with a slash begins with two") end
    talk.say(message .. "; /help lists them")
    return true
  end
  local outcome, err = command(talk, rest)
  if err then return nil, err end
  return true, outcome
end

return M
