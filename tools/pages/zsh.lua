-- SPDX-License-Identifier: MIT
-- Writes the completion for zsh, as arguments of its function _arguments.

local model = require "pages.model"

local M = {}

local HEAD = [==[
#compdef predibase
# SPDX-License-Identifier: MIT
# Completion of the command predibase for zsh.
# Made by tools/pages.lua from the options of the command; make pages.

# A text, which cannot be completed. A message would keep zsh from inserting the
# only option that fits.
_predibase_text () {
  [[ $PREFIX == -* ]] || _message $1
}

# A text, or @ and the name of a file.
_predibase_at_file () {
  if compset -P '@'; then _files; else _predibase_text 'text, or @FILE'; fi
}

# NAME=VALUE, where the value may be @ and the name of a file.
_predibase_pair () {
  if compset -P '*=@'; then _files; else _message 'NAME=VALUE, or NAME=@FILE'; fi
}

# The file of rows of predibase batch, or the word merge.
_predibase_input () {
  local -a words_of_batch=('merge:Join the files of shards.')
  if (( CURRENT == 2 )); then _describe -t commands command words_of_batch; fi
  _files
}
]==]

-- Quotes a text for the shell.
local function quoted (text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Escapes a text inside an argument of _arguments.
local function escaped (text)
  return (text:gsub("[%[%]:\\]", "\\%0"))
end

-- The first sentence, which fits in a line of a list.
local function short (text)
  return (text:match "^(.-)[.;]%s" or text:gsub("%.$", ""))
end

-- What is completed for a value, as an action of _arguments.
local function action (element)
  if element.values then return "(" .. table.concat(element.values, " ") .. ")" end
  if element.kind == "file" then return "_files" end
  if element.kind == "at_file" then return "_predibase_at_file" end
  if element.kind == "pair" then return "_predibase_pair" end
  return " "
end

-- The arguments of _arguments for an option. `places` maps the name of an argument to its place.
local function option_specs (option, places)
  local excluded = {}
  for i, name in ipairs(option.excludes) do
    excluded[i] = places[name] and ("%d"):format(places[name]) or name
  end
  local specs = {}
  if #option.names > 1 then
    for _, name in ipairs(option.names) do excluded[#excluded + 1] = name end
  end
  for i, name in ipairs(option.names) do
    local text = #excluded > 0 and "(" .. table.concat(excluded, " ") .. ")" or ""
    if option.many then text = text .. "*" end
    text = text .. name
    if option.placeholder then text = text .. "=" end
    text = text .. "[" .. escaped(short(option.text)) .. "]"
    if option.placeholder then
      text = text .. ":" .. escaped(option.placeholder) .. ":" .. action(option)
    end
    specs[i] = quoted(text)
  end
  return specs
end

local function argument_spec (command, i, argument)
  local excluded = {}
  for k, name in ipairs(argument.excludes) do excluded[k] = name end
  local text = #excluded > 0 and "(" .. table.concat(excluded, " ") .. ")" or ""
  local act = command.name == "batch" and "_predibase_input" or action(argument)
  if act == " " then act = ("{ _predibase_text %s }"):format(argument.name:upper()) end
  return quoted(("%s%d:%s%s:%s"):format(text, i, argument.optional and ":" or "",
    argument.name:upper(), act))
end

local function add_command (add, command)
  local places, specs = {}, {}
  for i, argument in ipairs(command.arguments) do places[argument.name] = i end
  for _, option in ipairs(model.options(command)) do
    for _, spec in ipairs(option_specs(option, places)) do specs[#specs + 1] = spec end
  end
  for i, argument in ipairs(command.arguments) do
    specs[#specs + 1] = argument_spec(command, i, argument)
  end
  add(("_predibase_%s () {"):format((command.name:gsub("[ -]", "_"))))
  add "  _arguments -S : \\"
  for i, spec in ipairs(specs) do add("    " .. spec .. (i < #specs and " \\" or "")) end
  add "}"
  add ""
end

--- Writes the script.
-- @tparam table commands of `pages.model`
-- @treturn string
function M.script (commands)
  local lines = { HEAD }
  local function add (line) lines[#lines + 1] = line end
  for _, command in ipairs(commands) do
    if command.name ~= "" then add_command(add, command) end
  end
  add "_predibase () {"
  add "  local curcontext=$curcontext state line"
  add "  local -a commands=("
  for _, command in ipairs(commands) do
    if command.name ~= "" and not command.name:find " " then
      add("    " .. quoted(escaped(command.name) .. ":" .. short(command.summary)))
    end
  end
  add "  )"
  add "  _arguments -C -S : \\"
  for _, option in ipairs(model.options(commands[1])) do
    for _, spec in ipairs(option_specs(option, {})) do add("    " .. spec .. " \\") end
  end
  add "    '1: :->command' '*:: :->arguments'"
  add "  case $state in"
  add "    command) _describe -t commands command commands ;;"
  add "    arguments)"
  add "      if [[ $words[1] == batch && $words[2] == merge && CURRENT -gt 2 ]]; then"
  add "        shift words"
  add "        (( CURRENT-- ))"
  add "        _predibase_batch_merge"
  add "      elif (( $+functions[_predibase_${words[1]}] )); then"
  add "        _predibase_${words[1]}"
  add "      fi ;;"
  add "  esac"
  add "}"
  add ""
  add '_predibase "$@"'
  return table.concat(lines, "\n") .. "\n"
end

return M
