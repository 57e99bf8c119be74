-- SPDX-License-Identifier: MIT
--- Parses the line of one command without lua-argparse, with the same result. Lines that contain a
-- mistake or ask for the help are left to lua-argparse.
-- @module predibase.cli.command_line.plain_line

local M = {}

-- Takes the place of a parser and of its command: it records their options by name.
local Command = {}
Command.__index = Command

-- Takes the place of an option of argparse.
local Option = {}
Option.__index = Option

local function target_of (name)
  return (name:gsub("^%-%-", ""):gsub("-", "_"))
end

--- Records the name of the command.
-- @tparam string name
-- @treturn table the command
function Command:command (name)
  self.name = name
  return self
end

local function record (command, name, takes_value, read)
  local option = setmetatable({ takes_value = takes_value, target = target_of(name), read = read,
    is_list = false }, Option)
  command.options[name] = option
  return option
end

--- Records an option that takes a value.
-- @tparam string name
-- @param _ the help
-- @param _ the default, which no option has
-- @tparam ?function read returns the value of a text, or nil
-- @treturn table the option
function Command:option (name, _, _, read)
  return record(self, name, true, read)
end

--- Records an option without a value.
-- @tparam string name
-- @treturn table the option
function Command:flag (name)
  return record(self, name, false, nil)
end

--- Records the name of the text that may be given once.
-- @tparam string name
function Command:argument (name)
  self.text = target_of(name)
end

-- What only the help and messages need.
local function ignore (self) return self end

Command.usage, Command.help_max_width, Command.help_description_margin = ignore, ignore, ignore
Command.group, Command.add_help = ignore, ignore
Option.argname, Option.action = ignore, ignore

--- Sets what reads the value.
-- @tparam function read returns the value of a text, or nil
-- @treturn table the option
function Option:convert (read)
  self.read = read
  return self
end

--- Lets the option be given several times.
-- @treturn table the option
function Option:count ()                -- only "*" is used
  self.is_list = true
  return self
end

-- Puts the value of an option into the result. Returns false when the line has a mistake.
local function set (result, option, value)
  if option.read then
    value = option.read(value)
    if value == nil then return false end
  end
  if option.is_list then
    local list = result[option.target]
    list[#list + 1] = value
  else
    if result[option.target] ~= nil then return false end       -- given twice
    result[option.target] = value
  end
  return true
end

-- Reads the argument at `i` as an option. Returns the index of the last argument that was read; nil
-- when the argument is no option; false when it has a mistake.
local function read_option (argv, i, options, result)
  local argument = argv[i]
  local option = options[argument]
  if option and not option.takes_value then
    return set(result, option, true) and i
  elseif option then
    local value = argv[i + 1]
    return value ~= nil and set(result, option, value) and i + 1
  end
  local name, value = argument:match "^(%-%-%a[%w-]*)=(.*)$"
  option = name and options[name]
  if option and option.takes_value then return set(result, option, value) and i end
  -- What begins with a dash may be a text, an unknown option, or the help: argparse tells.
  if argument:find "^%-." then return false end
  return nil
end

--- Parses a line.
-- @tparam function add adds the command to a parser of argparse
-- @tparam table argv its first string is the name of the command
-- @treturn ?table the same as argparse returns; nil when argparse has to parse the line
function M.parse (add, argv)
  local command = setmetatable({ options = {} }, Command)
  add(command, ignore)
  local result = { command = command.name, [command.name] = true }
  for _, option in pairs(command.options) do
    if option.is_list then result[option.target] = {} end
  end
  local i, only_texts = 2, false
  while i <= #argv do
    local last = nil
    if not only_texts then last = read_option(argv, i, command.options, result) end
    if last == false then
      if argv[i] ~= "--" then return nil end
      only_texts = true
    elseif last then
      i = last
    elseif result[command.text] ~= nil then
      return nil                        -- a second text
    else
      result[command.text] = argv[i]
    end
    i = i + 1
  end
  return result
end

return M
