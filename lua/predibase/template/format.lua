-- SPDX-License-Identifier: MIT
--- A chat format: writes a conversation the way one model was trained to read it.
--
-- Every format, built in or made of a model's own template, is an object with `render` and the
-- fields `name`, `source` (the model whose published template it equals), `stop` (the sequences
-- that end an answer), `special_tokens`, and `bos_token` and `eos_token` where it has them.
-- @module predibase.template.format

local chat_messages = require "predibase.template.messages"
local checks = require "predibase.checks"
local errors = require "predibase.errors"
local guards = require "predibase.template.guard"
local json = require "predibase.json"
local names = require "predibase.names"
local python_strings = require "predibase.template.python_strings"

local M = {}

local Format = { __name = "predibase.template.format" }
Format.__index = Format

local function boolean(value, name)
  if type(value) ~= "boolean" then
    return ("%s must be a boolean, got %s"):format(name, checks.describe(value))
  end
end

local function without(value, name)
  if value ~= false then
    return ("%s can only be false, which leaves the token out, got %s"):format(name,
      checks.describe(value))
  end
end

--- The end of the year 9999 in Unix seconds, what every system can make a date of, less a day for
-- time zones.
local LATEST = 253402300799 - 86400

local MODES = { refuse = true, neutralise = true, allow = true }

--- Options of `render`: each tells what is wrong with a value, nil when nothing is.
local OPTIONS = {
  add_generation_prompt = boolean,
  continue_final_message = boolean,
  enable_thinking = boolean,
  bos_token = without,
  date_string = function (value)
    if type(value) ~= "string" then
      return "date_string must be a string, got " .. checks.describe(value)
    end
  end,
  now = function (value)
    if not checks.finite(value) or value < 0 or value > LATEST then
      return "now must be a number of Unix seconds, got " .. checks.describe(value)
    end
  end,
  special_tokens_in_text = function (value)
    if not MODES[value] then
      return 'special_tokens_in_text must be "refuse", "neutralise" or "allow", got '
        .. checks.describe(value)
    end
  end,
  variables = function (value)
    if type(value) ~= "table" then
      return "variables must be a table, got " .. checks.describe(value)
    end
  end,
}

local function problem_of(self, options)
  for name, check in pairs(OPTIONS) do
    local value = rawget(options, name)
    local problem = value ~= nil and check(value, name)
    if problem then return problem end
  end
  if options.variables and not self.open then
    return "variables are for formats made by from_tokenizer_config; this one has none"
  end
  if options.add_generation_prompt and options.continue_final_message then
    return "add_generation_prompt begins an answer and continue_final_message goes on with one; "
      .. "only one of them can be asked for"
  end
end

local function write(self, messages, options, variables)
  local bos = self.bos_token or ""
  local text, problem = self.write(messages, {
    add_generation_prompt = options.add_generation_prompt or false,
    bos_token = bos,
    eos_token = self.eos_token or "",
    date_string = options.date_string,
    enable_thinking = options.enable_thinking,
    now = options.now or os.time(),
    variables = variables,
  })
  if text and bos ~= "" and options.bos_token == false then
    -- Only the one in front: some formats begin each turn with it.
    local first, last = text:find(bos, 1, true)
    if first and not text:sub(1, first - 1):find("%S") then
      text = text:sub(1, first - 1) .. text:sub(last + 1)
    end
  end
  return text, problem
end

--- The mark that `transformers` puts there and some published templates look for.
local OPEN_END = "CONTINUE_FINAL_MESSAGE_TAG"

--- Writes messages of which the last stays open: marks the end of its text and cuts there, as
-- `transformers` does, trailing white space included where the format keeps it.
local function write_open(self, messages, options, variables, whole)
  local mark = OPEN_END
  local function holds(text) return text:find(mark, 1, true) ~= nil end
  while holds(whole) or chat_messages.any(messages, holds) do mark = mark .. "E" .. mark end
  local marked, last = chat_messages.appended(messages, mark .. " ")
  if not marked then return nil, "continue_final_message: the last message has no text" end
  local text, problem = write(self, marked, options, variables)
  if not text then return nil, problem end
  local cut, from = nil, text:find(mark, 1, true)
  while from do
    cut = from
    from = text:find(mark, from + 1, true)
  end
  if not cut or not text:find(python_strings.strip(last), 1, true) then
    return nil, "continue_final_message: the format does not write the last message as it is"
  end
  local kept = text:sub(cut + #mark, cut + #mark) == " "
  text = text:sub(1, cut - 1)
  return kept and text or python_strings.rstrip(text)
end

--- Whether what the format puts around texts, or one text and the next, make up a special token
-- that is in none of the texts. Then there are more than around texts that cannot be part of one.
local function completed(self, text, messages, options, variables)
  local guard = self.guard
  -- A model's own template may do anything to a text, the built-in ones put it in as it is.
  if not chat_messages.any(messages, self.open and guard.suspicious or guard.edges) then
    return false
  end
  local plain = write(self, chat_messages.map(messages, guard.blank), options, variables)
  return not plain or guard.sequence(plain) ~= guard.sequence(text)
end

local function render(self, messages, options)
  local problem = problem_of(self, options)
  if problem then return nil, problem end
  local mode = options.special_tokens_in_text or "refuse"
  local guard = mode ~= "allow" and self.guard or nil
  local read, variables
  read, problem = chat_messages.read(messages, { guard = guard, mode = mode, open = self.open })
  if not read then return nil, problem end
  if options.variables then
    variables, problem = chat_messages.values(options.variables, guard, mode)
    if not variables then return nil, problem end
  end
  if self.open and options.enable_thinking ~= nil then
    variables = variables or {}
    variables.enable_thinking = options.enable_thinking
  end
  local text
  text, problem = write(self, read, options, variables)
  if not text then return nil, problem end
  if guard and completed(self, text, read, options, variables) then
    return nil, "texts that stand next to each other make up a special token"
  end
  if options.continue_final_message then
    return write_open(self, read, options, variables, text)
  end
  return text
end

--- Writes a conversation.
-- @tparam table messages array of `{ role = …, content = … }`; the content is a string or an array
-- of `{ type = "text", text = … }`
-- @tparam ?table options `add_generation_prompt` (boolean, default false as in `transformers`):
-- begins the assistant's answer; `continue_final_message` (boolean): leaves the last message open;
-- `bos_token = false`: leaves the token out that the server puts in front by itself;
-- `special_tokens_in_text`: `"refuse"` (the default), `"neutralise"` or `"allow"`; `date_string`
-- and `now` (Unix seconds) for formats that name today's date; `enable_thinking = false` for models
-- that think unless told not to; `variables` for a model's own template
-- @treturn[1] string the prompt
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template"
-- @raise for arguments that are no tables and options that do not exist
function Format:render(messages, options)
  if getmetatable(self) ~= Format then
    error("format:render must be called with a colon on a format", 2)
  end
  if type(messages) ~= "table" then
    error("format:render takes the messages as a table, got a " .. type(messages), 2)
  end
  if options ~= nil and type(options) ~= "table" then
    error("format:render takes its options as a table, got a " .. type(options), 2)
  end
  options = options or {}
  names.check(options, OPTIONS, "option", 2)
  local text, problem = render(self, messages, json.present(options))
  if text then return text end
  return nil, errors.new {
    kind = "template", phase = "request",
    message = ('chat format "%s": %s'):format(self.name, problem),
  }
end

function Format:__tostring()
  return ("predibase.template.format (%s)"):format(self.name)
end

--- Makes a format.
-- @tparam table fields `name`; `source`; `stop` and `special_tokens`, arrays of strings;
-- `bos_token` and `eos_token`; `families` and `plain`, see `predibase.template.guard`; `open`, true
-- for a template that sees everything in a message instead of role and text alone; and `write`, a
-- function of the messages and a context (`add_generation_prompt`, `bos_token` and `eos_token`,
-- both `""` where there is none, `date_string`, `now`, `enable_thinking`, `variables`) that returns
-- the text, or nil and what is wrong. A message is `role`, `content` (the parts put together) and
-- `parts` (an array of strings, where there were any); when `open`, it is a copy of what was given.
-- @treturn table
function M.new(fields)
  return setmetatable({
    name = fields.name,
    source = fields.source,
    stop = fields.stop or {},
    special_tokens = fields.special_tokens or {},
    bos_token = fields.bos_token,
    eos_token = fields.eos_token,
    open = fields.open or false,
    write = fields.write,
    guard = guards.new(fields.special_tokens or {}, fields.families, fields.plain),
  }, Format)
end

--- Tells whether a value is a chat format.
-- @param value anything
-- @treturn boolean
function M.is(value)
  return type(value) == "table" and getmetatable(value) == Format
end

return M
