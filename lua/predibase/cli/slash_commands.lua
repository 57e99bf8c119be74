-- SPDX-License-Identifier: MIT
--- The commands of a conversation in the terminal, which begin with a slash, and what Tab completes
-- while they are typed.
-- @module predibase.cli.slash_commands

local chat = require "predibase.chat"
local failures = require "predibase.cli.failures"
local paths = require "predibase.paths"

local M = {}

local HELP = [[
/system [TEXT]   set the system message; without TEXT show it, with - remove it
/reset           forget all messages but the system message
/undo            remove the last question and its answer
/history         show all messages
/save [FILE]     write the conversation to a file
/load FILE       continue a saved conversation
/help            show this list
/quit            end, as Ctrl-D does
Questions of several lines: """ begins and ends one, or \\ continues a line.
// begins a question that starts with a slash. Ctrl-C stops an answer.]]

-- Returns the paths that begin with a text; those of folders end in a slash.
local function matching_paths (beginning)
  local found, folder, name = {}, beginning:match "^(.-)([^/]*)$"
  local place = folder == "" and "./" or paths.expand(folder)
  if place:sub(1, 1) == "-" then place = "./" .. place end
  local listing = io.popen("ls -1Ap '" .. place:gsub("'", "'\\''") .. "' 2>/dev/null")
  if not listing then return found end
  for entry in listing:lines() do
    -- hidden files only when a dot is typed, as in shells
    if entry:sub(1, #name) == name and (name ~= "" or entry:sub(1, 1) ~= ".") then
      found[#found + 1] = folder .. entry
    end
  end
  listing:close()
  return found
end

local function help (talk)
  talk.say((HELP:gsub("\\(.)", "%1")))
end

local function quit ()
  return "quit"
end

local function reset (talk)
  talk.session:reset()
  talk.say "forgotten"
end

local function undo (talk)
  local question = talk.session:undo()
  talk.say(question and "removed: " .. question or "there is no question")
end

local function system (talk, text)
  local first = talk.session.messages[1]
  if text == "" then
    local has_one = first and first.role == "system"
    return talk.say(has_one and chat.text(first) or "there is no system message")
  end
  local ok, err = talk.session:set_system(text ~= "-" and text or nil)
  if not ok then return nil, err end
end

local function show (talk)
  for _, message in ipairs(talk.session.messages) do
    talk.say(("%s: %s"):format(message.role, chat.text(message)))
  end
end

local function save (talk, path)
  path = path ~= "" and paths.expand(path) or talk.path
  if not path then return talk.say "which file? /save FILE" end
  local ok, err = talk.session:save(path)
  if not ok then return nil, err end
  talk.path = path
  talk.say("saved in " .. path)
end

local function load_file (talk, path)
  if path == "" then return talk.say "which file? /load FILE" end
  path = paths.expand(path)
  local session, err = chat.load(talk.client, path, talk.options)
  if not session then return nil, err end
  talk.session, talk.path = session, path
  talk.say(("%d messages, format %s"):format(#session.messages, session.format.name))
end

local COMMANDS = { help = help, quit = quit, exit = quit, reset = reset, undo = undo,
  system = system, history = show, save = save, load = load_file }

--- The names of all commands with their slash, in alphabetical order.
M.names = {}
for name in pairs(COMMANDS) do M.names[#M.names + 1] = "/" .. name end
table.sort(M.names)

--- Runs a line if it is a command.
-- @tparam table talk `session`, `client`, `options` (of sessions that are loaded), `path` (of the
--   file that /save writes), `say` (shows a line), `typed` (true when a person types)
-- @tparam string line
-- @treturn[1] boolean false when the line is a question
-- @treturn[2] boolean true when a command was run
-- @treturn[2] ?string "quit" to end
-- @treturn[3] nil
-- @treturn[3] table the error
function M.run (talk, line)
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

--- Completes a word: a command at the beginning of a line, or the path of `/save` and `/load`.
-- @tparam string line as far as it is typed
-- @tparam integer from position of the word's first character
-- @tparam integer to position of its last character
-- @treturn table array of whole words; empty inside a question
function M.complete (line, from, to)
  local before, word, found = line:sub(1, from - 1), line:sub(from, to), {}
  if before:find "^/save%s+$" or before:find "^/load%s+$" then return matching_paths(word) end
  if before ~= "" or word:sub(1, 1) ~= "/" then return found end
  for _, name in ipairs(M.names) do
    if name:sub(1, #word) == word then found[#found + 1] = name end
  end
  return found
end

return M
