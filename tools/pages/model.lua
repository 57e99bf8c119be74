-- SPDX-License-Identifier: MIT
-- Reads the parser of the command line into plain tables, from which manual pages and completions
-- are made. lua-argparse has no functions for reading, so this is the only file that knows the
-- names of its fields.

local command_line = require "predibase.cli.command_line"
local manual = require "predibase.cli.command_line.manual"
local shared_options = require "predibase.cli.command_line.shared_options"

local M = {}

-- Placeholders that stand for the name of a file.
local FILES = { FILE = true, IN = true, OUT = true }

--- Tells what the values of an option or argument are: "file"; "at_file" (a text, or @ and the name
-- of a file); "pair" (NAME=VALUE, where the value can be @ and the name of a file); or "text".
local function kind_of (placeholder, text, is_argument)
  if FILES[placeholder] or is_argument and (text:find "^File" or text:find "^The file")
  then return "file" end
  if placeholder == "JSON" then return "at_file" end
  if text:find("@FILE", 1, true) then
    return placeholder == "NAME=VALUE" and "pair" or "at_file"
  end
  return "text"
end

local function read_option (option)
  local flag = option._maxargs == 0
  local placeholder = not flag and (type(option._argname) == "table" and option._argname[1]
    or option._argname or "VALUE") or nil
  local names = {}
  for i, name in ipairs(option._aliases) do names[i] = name end
  return {
    names = names,                        -- array, such as { "-h", "--help" }
    name = names[#names],
    placeholder = placeholder,            -- nil for a flag
    text = option._description or "",
    many = option._maxcount > 1,          -- can be given several times
    kind = placeholder and kind_of(placeholder, option._description or "") or nil,
    values = shared_options.offered(option),
    excludes = {},                        -- array of names of options and arguments
  }
end

local function read_argument (argument)
  local text = argument._description or ""
  return {
    name = argument._name, text = text, optional = argument._mincount == 0
      or argument._minargs == 0, kind = kind_of(argument._name:upper(), text, true),
    values = shared_options.offered(argument), excludes = {},
  }
end

-- Fills in which options and arguments exclude each other.
local function exclude (elements)
  for _, pair in ipairs(shared_options.EXCLUSIVE) do
    for i = 1, 2 do
      for _, name in ipairs(pair[i]) do
        local list = elements[name] and elements[name].excludes or {}
        for _, other in ipairs(pair[3 - i]) do
          if elements[other] then list[#list + 1] = other end
        end
      end
    end
  end
end

local function read_groups (parser, elements)
  local groups, grouped = {}, {}
  local function add (title, options)
    local group = { title = title }
    for _, option in ipairs(options) do
      if not grouped[option] and not option._hidden and option._aliases then
        grouped[option] = true
        local read = read_option(option)
        group[#group + 1] = read
        elements[read.name] = read
      end
    end
    if #group > 0 then groups[#groups + 1] = group end
  end
  for _, group in ipairs(parser._groups) do add(group.name, group) end
  add(#groups > 0 and "Other options" or "Options", parser._options)
  return groups
end

--- Reads one parser.
local function read (parser, name)
  local elements, arguments = {}, {}
  local command = {
    name = name,                          -- "" for the program itself, "batch merge"
    summary = parser._summary or parser._description or "",
    usage = parser._usage,                -- nil when argparse makes it
    groups = read_groups(parser, elements),
    arguments = arguments,
    parts = manual.of(parser),
  }
  for i, argument in ipairs(parser._arguments) do
    arguments[i] = read_argument(argument)
    elements[arguments[i].name] = arguments[i]
  end
  exclude(elements)
  return command
end

--- Returns the program and its commands.
-- @treturn table array of commands; the first is the program itself
function M.read ()
  local parser = command_line.parser()
  local list = { read(parser, "") }
  for _, command in ipairs(parser._commands) do
    list[#list + 1] = read(command, command._name == "batch-merge" and "batch merge"
      or command._name)
  end
  return list
end

--- Returns all options of a command, in the order of its help.
-- @tparam table command
-- @treturn table array
function M.options (command)
  local list = {}
  for _, group in ipairs(command.groups) do
    for _, option in ipairs(group) do list[#list + 1] = option end
  end
  return list
end

return M
