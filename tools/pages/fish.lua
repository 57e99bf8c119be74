-- SPDX-License-Identifier: MIT
-- Writes the completion for fish.

local model = require "pages.model"

local M = {}

local HEAD = [[
# SPDX-License-Identifier: MIT
# Completion of the command predibase for fish.
# Made by tools/pages.lua from the options of the command; make pages.

# Options that take a value in the next word.
set -g __predibase_valued %s

# Reads the words before the cursor: prints the command in the first line, the
# names of options and the numbers of arguments that are given in the others,
# and "ended" after the word --.
function __predibase_scan
    set -l words (commandline -opc)
    set -e words[1]
    set -l command
    set -l used
    set -l waiting
    set -l ended
    set -l given 0
    for i in (seq (count $words))
        set -l word $words[$i]
        if test -n "$waiting"
            set waiting
        else if test -z "$ended" -a "$word" = --
            set ended ended
        else if test -z "$ended"; and string match -qr -- '^-.' $word
            set -l name (string replace -r '=.*' '' -- $word)
            if not string match -q -- '*=*' $word; and contains -- $name $__predibase_valued
                set waiting $name
                # Its value is completed, so that it can be given still.
                if test $i -eq (count $words)
                    break
                end
            end
            set -a used $name
        else if test -z "$command"
            set command $word
        else if test "$command" = batch -a "$word" = merge -a $i -eq 2
            set command batch-merge
        else
            set given (math $given + 1)
            set -a used $given
        end
    end
    echo $command
    for name in $used $ended
        echo $name
    end
end

# __predibase_can COMMANDS OPTION [OTHER]...: succeeds if one of the commands,
# with commas between them, can get the option: it is not given yet, and none of
# the others is. An OPTION that can be given several times is "".
function __predibase_can
    set -l scan (__predibase_scan)
    contains -- "$scan[1]" (string split , -- $argv[1]); or return 1
    contains -- ended $scan[2..]; and return 1
    for name in $argv[2..]
        contains -- "$name" $scan[2..]; and return 1
    end
    return 0
end

# __predibase_argument COMMAND NUMBER [OTHER]...: succeeds if the next argument of
# the command has the number, and none of the options is given.
function __predibase_argument
    set -l scan (__predibase_scan)
    test "$scan[1]" = "$argv[1]"; or return 1
    contains -- $argv[2] $scan[2..]; and return 1
    test $argv[2] -eq 1; or contains -- (math $argv[2] - 1) $scan[2..]; or return 1
    for name in $argv[3..]
        contains -- $name $scan[2..]; and return 1
    end
    return 0
end

# Completes @ and the name of a file, alone or after NAME=.
function __predibase_at_files
    set -l word (string replace -r '^--[^=]*=' '' -- (commandline -ct))
    set -l parts (string match -r '^((?:[^=@]+=)?@)(.*)$' -- $word); or return
    for path in (__fish_complete_path $parts[3])
        echo $parts[2]$path
    end
end

complete -c predibase -f
]]

local function quoted (text)
  return "'" .. text:gsub("[\\']", "\\%0") .. "'"
end

-- The first sentence, which fits in a line of a list.
local function short (text)
  return (text:match "^(.-)[.;]%s" or text:gsub("%.$", ""))
end

-- The end of a line: what is completed for a value.
local function action (element)
  if element.values then return " -x -a " .. quoted(table.concat(element.values, " ")) end
  if element.kind == "file" then return " -r -F" end
  if element.kind == "at_file" or element.kind == "pair" then
    return " -x -a '(__predibase_at_files)'"
  end
  return element.kind and " -x" or ""
end

-- The option as fish takes it, and what excludes it. `places` maps the name of an argument to its
-- place.
local function option_text (option, places)
  local excluded = {}
  for i, name in ipairs(option.excludes) do
    excluded[i] = places[name] and ("%d"):format(places[name]) or name
  end
  local names = {}
  for i, name in ipairs(option.names) do
    names[i] = name:find "^%-%-" and "-l " .. name:sub(3) or "-s " .. name:sub(2)
  end
  return ("%s -d %s%s"):format(table.concat(names, " "), quoted(short(option.text)),
    action(option)), (option.many and "''" or option.name)
    .. (#excluded > 0 and " " .. table.concat(excluded, " ") or "")
end

local function inner (name)
  return (name:gsub(" ", "-"))
end

-- Adds the options of all commands. Those that several commands have alike are one line.
local function add_options (add, commands)
  local order, users = {}, {}
  for _, command in ipairs(commands) do
    local places = {}
    for i, argument in ipairs(command.arguments) do places[argument.name] = i end
    for _, option in ipairs(model.options(command)) do
      local text, excludes = option_text(option, places)
      local key = excludes .. "\n" .. text
      if not users[key] then
        users[key] = {}
        order[#order + 1] = { key, text, excludes }
      end
      table.insert(users[key], inner(command.name))
    end
  end
  for _, entry in ipairs(order) do
    local names = table.concat(users[entry[1]], ",")
    if names:find "^," or names == "" then names = '""' .. names end
    add(("complete -c predibase -n \"__predibase_can %s %s\" %s"):format(
      (names:gsub('"', "'")), entry[3], entry[2]))
  end
end

local function add_arguments (add, command)
  for i, argument in ipairs(command.arguments) do
    local act = action(argument):gsub("^ %-[xr]", "")
    if act ~= "" and act ~= " " then
      add(("complete -c predibase -n '__predibase_argument %s %d%s'%s"):format(
        inner(command.name), i, #argument.excludes > 0 and " "
        .. table.concat(argument.excludes, " ") or "", act))
    end
  end
end

--- Writes the script.
-- @tparam table commands of `pages.model`
-- @treturn string
function M.script (commands)
  local valued, known = {}, {}
  for _, command in ipairs(commands) do
    for _, option in ipairs(model.options(command)) do
      if option.placeholder and not known[option.name] then
        known[option.name] = true
        valued[#valued + 1] = option.name
      end
    end
  end
  local lines = { HEAD:format(table.concat(valued, " ")) }
  local function add (line) lines[#lines + 1] = line end
  for _, command in ipairs(commands) do
    if command.name ~= "" and not command.name:find " " then
      add(("complete -c predibase -n \"__predibase_can '' ''\" -a %s -d %s"):format(command.name,
        quoted(short(command.summary))))
    end
  end
  add("complete -c predibase -n '__predibase_argument batch 1' -a merge -d "
    .. quoted "Join the files of shards")
  add_options(add, commands)
  for _, command in ipairs(commands) do add_arguments(add, command) end
  return table.concat(lines, "\n") .. "\n"
end

return M
