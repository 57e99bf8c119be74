-- SPDX-License-Identifier: MIT
--- Chat formats: each writes a conversation in the form that one model was trained to read.
--
-- Every format, built in or made from a model's own template, has the methods `render` and `parse`
-- and the fields `name`, `source` (the model whose published template it equals), `stop` (the
-- sequences that end an answer), `special_tokens`, and, if the model has them, `bos_token`,
-- `eos_token`, `tool_calls` (the form in which the model writes calls) and `reasoning` (the marks
-- around its reasoning, see `predibase.reasoning`).
-- @module predibase.template.format

local chat_messages = require "predibase.template.messages"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local guards = require "predibase.template.guard"
local json = require "predibase.json"
local model_answer = require "predibase.template.model_answer"
local names = require "predibase.option_names"
local reasoning = require "predibase.reasoning"
local strings = require "predibase.python_strings"
local usage = require "predibase.usage"

local M = {}

local Format = { __name = "predibase.template.format" }
Format.__index = Format

local function boolean (value, name)
  if type(value) ~= "boolean" then
    return ("%s must be a boolean, got %s"):format(name, checks.describe(value))
  end
end

local function without (value, name)
  if value ~= false then
    return ("%s can only be false, which leaves the token out, got %s"):format(name,
      checks.describe(value))
  end
end

-- The end of the year 9999 in Unix seconds, less a day for time zones. Every system can convert
-- times before it to a date.
local LATEST = 253402300799 - 86400

local MODES = { refuse = true, neutralise = true, allow = true }

--- The options of `format:render`.
-- @table RenderOptions
-- @extends FormatOptions
-- @tfield ?boolean add_generation_prompt begin the assistant's answer (default false)
-- @tfield ?boolean continue_final_message leave the last message open (default false)
-- @tfield ?boolean bos_token `false` leaves out the token that the server adds by itself
-- @tfield ?Tool[] tools in OpenAI's form, or short

--- The options of `format:parse` and `format:reader`.
-- @table ParseOptions
-- @tfield ?boolean begins_inside whether the answer begins inside the reasoning
-- @tfield ?string prompt the prompt that was sent, which tells the same
-- @tfield ?boolean|Marks reasoning the marks around the reasoning (default: those of the format)
-- @tfield ?Tool[] tools the tools that the model knows

--- A chat format: writes a conversation in the form that one model was trained to read.
-- @table ChatFormat
-- @tfield string name of the format
-- @tfield ?string source the model whose published template it equals
-- @tfield string[] stop the sequences that end an answer
-- @tfield string[] special_tokens texts with a meaning for the model
-- @tfield ?string bos_token the token at the beginning
-- @tfield ?string eos_token the token at the end
-- @tfield ?string tool_calls the form in which the model writes calls
-- @tfield ?Marks reasoning the marks around its reasoning

-- Options of `render`: each function returns what is wrong with a value, or nil.
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
  tools = function (value)
    if type(value) ~= "table" then
      return "tools must be a list of tools, got " .. checks.describe(value)
    end
  end,
  variables = function (value)
    if type(value) ~= "table" then
      return "variables must be a table, got " .. checks.describe(value)
    end
  end,
}

-- The order of checking, so that of several wrong options always the same one is named.
local ORDER = {}
for name in pairs(OPTIONS) do ORDER[#ORDER + 1] = name end
table.sort(ORDER)

local function problem_of (self, options)
  for _, name in ipairs(ORDER) do
    local value = rawget(options, name)
    local problem = value ~= nil and OPTIONS[name](value, name)
    if problem then return problem end
  end
  if options.variables and not self.open then
    return "variables are for formats made by from_tokenizer_config; this one has none"
  end
  if options.tools and not self.tool_calls and not self.open then
    return "it does not know tools; a model's own template may"
  end
  local given = options.tools and options.variables and json.fields(options.variables).tools
  if given ~= nil and given ~= false and given ~= json.null then
    return "tools are given twice, as tools and in variables"
  end
  if options.add_generation_prompt and options.continue_final_message then
    return "add_generation_prompt begins an answer and continue_final_message continues one; "
      .. "only one of them can be asked for"
  end
end

local function write (self, messages, options, variables)
  local bos = self.bos_token or ""
  local text, problem = self.write(messages, {
    add_generation_prompt = options.add_generation_prompt or false,
    bos_token = bos,
    eos_token = self.eos_token or "",
    date_string = options.date_string,
    enable_thinking = options.enable_thinking,
    now = options.now or os.time(),
    tools = variables and variables.tools,
    variables = variables,
  })
  if text and bos ~= "" and options.bos_token == false then
    -- Only the first one is removed: some formats begin each turn with it.
    local first, last = text:find(bos, 1, true)
    if first and not text:sub(1, first - 1):find("%S") then
      text = text:sub(1, first - 1) .. text:sub(last + 1)
    end
  end
  return text, problem
end

-- The mark that `transformers` appends and some published templates look for.
local OPEN_END = "CONTINUE_FINAL_MESSAGE_TAG"

--- Writes messages of which the last one stays open: marks the end of its text and cuts there, as
-- `transformers` does. Trailing white space stays if the format keeps it.
local function write_open (self, messages, options, variables, whole)
  if not self.open and messages[#messages].tool_calls then
    return nil, "continue_final_message: the last message has calls of tools"
  end
  local mark = OPEN_END
  local function holds (text) return text:find(mark, 1, true) ~= nil end
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
  if not cut or not text:find(strings.strip(last), 1, true) then
    return nil, "continue_final_message: the format does not write the last message as it is"
  end
  local kept = text:sub(cut + #mark, cut + #mark) == " "
  text = text:sub(1, cut - 1)
  return kept and text or strings.rstrip(text)
end

--- Tells whether texts, together with each other or with what the format writes around them, form
-- a special token that none of them contains. If so, the result has other special tokens than the
-- same messages with texts that cannot be part of one.
local function completed (self, text, messages, options, variables)
  local guard = self.guard
  -- A model's own template may change texts; built-in formats insert them unchanged.
  local test = self.open and guard.suspicious or guard.edges
  local tools = variables and variables.tools
  if not chat_messages.any(messages, test) and not chat_messages.any(tools, test) then
    return false
  end
  if tools then
    local blank = {}
    for name, value in next, variables do blank[name] = value end
    blank.tools = chat_messages.map(tools, guard.blank)
    variables = blank
  end
  local plain = write(self, chat_messages.map(messages, guard.blank), options, variables)
  return not plain or guard.sequence(plain) ~= guard.sequence(text)
end

--- Returns copies of the variables of a template, with the tools among them.
local function variables_of (self, options, guard, mode)
  local variables, problem
  if options.variables then
    variables, problem = chat_messages.values(options.variables, guard, mode)
    if not variables then return nil, problem end
  end
  if options.tools then
    local tools
    tools, problem = chat_messages.tools(options.tools, guard, mode)
    if problem then return nil, problem end
    variables = variables or {}
    variables.tools = tools
  end
  if self.open and options.enable_thinking ~= nil then
    variables = variables or {}
    variables.enable_thinking = options.enable_thinking
  end
  return variables
end

local function render (self, messages, options, text_arguments)
  local mode = options.special_tokens_in_text or "refuse"
  local guard = mode ~= "allow" and self.guard or nil
  local read, problem = chat_messages.read(messages, { guard = guard, mode = mode,
    open = self.open, text_arguments = text_arguments, tools = self.tool_calls,
    reasoning = self.reasoning })
  if not read then return nil, problem end
  local variables
  variables, problem = variables_of(self, options, guard, mode)
  if problem then return nil, problem end
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

--- Renders; a template may want the arguments of calls as they are, as text.
local function render_either (self, messages, options)
  local problem = problem_of(self, options)
  if problem then return nil, problem end
  local text
  text, problem = render(self, messages, options, false)
  if text or not self.open or not chat_messages.has_calls(messages) then return text, problem end
  text = render(self, messages, options, true)
  if text then return text end
  return nil, problem
end

local function refusal (self, problem)
  return errors.new {
    kind = "template", phase = "request",
    message = ('chat format "%s": %s'):format(self.name, problem),
  }
end

--- Writes a conversation.
-- @tparam Message[] messages array of `{ role = …, content = … }`; the content is a string or an
-- array of `{ type = "text", text = … }`
-- @tparam ?RenderOptions options `add_generation_prompt` (boolean, default false as in
-- `transformers`): begins the assistant's answer; `continue_final_message` (boolean): leaves the
-- last message open; `bos_token = false`: leaves out the token that the server adds by itself;
-- `special_tokens_in_text`: `"refuse"` (the default), `"neutralise"` or `"allow"`; `date_string`
-- and `now` (Unix seconds) for formats that contain today's date; `enable_thinking = false` for
-- models that think by default; `tools`: a list of tools in OpenAI's form, or in short (`{ name,
-- description, parameters }`); `variables` for a model's own template
-- @treturn[1] string the prompt
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template"
-- @raise when an argument is not a table or an option does not exist
function Format:render (messages, options)
  if getmetatable(self) ~= Format then
    usage.fail("format:render must be called with a colon on a format")
  end
  if type(messages) ~= "table" then
    usage.fail("format:render takes the messages as a table, got a " .. type(messages))
  end
  if options ~= nil and type(options) ~= "table" then
    usage.fail("format:render takes its options as a table, got a " .. type(options))
  end
  options = options or {}
  names.check(options, OPTIONS, "option")
  local text, problem = render_either(self, messages, json.present(options))
  if text then return text end
  return nil, refusal(self, problem)
end

-- Reading answers.

local PARSE_OPTIONS = { begins_inside = true, prompt = true, reasoning = true, tools = true }

--- Returns a set of the names of tools.
local function names_of (tools)
  local set = {}
  for _, tool in ipairs(tools) do set[tool["function"].name] = true end
  return set
end

--- Tells whether an answer begins inside the reasoning: whether the prompt ends with its opening
-- mark.
-- @tparam ?string prompt default: a prompt that this format makes
-- @tparam[opt=self.reasoning] ?Marks marks
-- @treturn boolean
function Format:begins_inside (prompt, marks)
  marks = marks or self.reasoning
  if not marks then return false end
  if marks.begins_inside ~= nil then return marks.begins_inside end
  prompt = prompt or self:render({ { role = "user", content = "x" } },
    { add_generation_prompt = true })
  return prompt ~= nil and reasoning.ends_inside(marks, prompt)
end

local function parse_problem (options)
  for name, kind in pairs { begins_inside = "boolean", prompt = "string", tools = "table" } do
    if options[name] ~= nil and type(options[name]) ~= kind then
      return ("%s must be a %s, got %s"):format(name, kind, checks.describe(options[name]))
    end
  end
end

--- Reads the options of `parse` and `reader`. Returns what `model_answer.read` takes; or nil and
-- what is wrong.
local function how_to_read (self, options)
  local problem = parse_problem(options)
  if problem then return nil, problem end
  local marks, tools
  marks, problem = reasoning.read(options.reasoning, self)
  if problem then return nil, problem end
  if options.tools then
    tools, problem = chat_messages.tools(options.tools, nil, "allow")
    if problem then return nil, problem end
    tools = tools and names_of(tools) or {}
  end
  if marks and options.prompt and reasoning.is_over(marks, options.prompt) then marks = false end
  local inside = options.begins_inside
  if marks and inside == nil then inside = self:begins_inside(options.prompt, marks) end
  return { marks = marks, begins_inside = inside, tools = tools }
end

local function check_parse (self, options, method)
  if getmetatable(self) ~= Format then
    usage.fail(("format:%s must be called with a colon on a format"):format(method))
  end
  if options ~= nil and type(options) ~= "table" then
    usage.fail(("format:%s takes its options as a table, got a %s"):format(method, type(options)))
  end
  options = options or {}
  names.check(options, PARSE_OPTIONS, "option")
  return json.present(options)
end

--- Reads the text that the model wrote: separates its reasoning from the answer, and finds the
-- calls of tools, in the form in which this model writes them. Text that looks like a call but
-- cannot be read as one stays text.
-- @tparam string text the raw answer, such as `result.generated_text`; special tokens may be
-- missing
-- @tparam ?ParseOptions options `tools`: the tools that the model knows, so that JSON without marks
-- is a call only if it names one of them; `prompt`: the prompt that was sent, which tells whether
-- the answer begins inside the reasoning (default: a prompt of this format), or `begins_inside`
-- (boolean); `reasoning`: see `predibase.reasoning.read` (default: the marks of the format, if any)
-- @treturn[1] Message the message: `role` (`"assistant"`); `content` (the answer, nil when there
-- are only calls); `tool_calls`, nil or an array of `{ id, name, arguments, raw_arguments }` (a
-- table, and its JSON), each with an id of nine letters and digits that no other call has;
-- `reasoning`, a string or nil. `render` accepts it as a message of the history
-- @treturn[1] ?ToolCall[] its `tool_calls`
-- @treturn[1] ?string its `reasoning`
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template": an option has a wrong value
-- @raise when an argument has the wrong type or an option does not exist
function Format:parse (text, options)
  options = check_parse(self, options, "parse")
  if type(text) ~= "string" then
    usage.fail("format:parse takes the answer as a string, got " .. checks.describe(text))
  end
  local how, problem = how_to_read(self, options)
  if not how then return nil, refusal(self, problem) end
  local message = model_answer.read(text, self, how)
  return message, message.tool_calls, message.reasoning
end

--- Makes a reader for an answer that arrives in pieces. It finds what `parse` finds in the whole
-- text, and shows as much of the answer as it can before that. `reader:feed(text)` takes a piece
-- and returns the text of the answer that may be shown now, and that of the reasoning;
-- `reader:finish()` returns the rest of both, and the calls; `reader:is_mark(text)` tells whether
-- the text of a special token has to be fed as well, which otherwise are not part of an answer.
-- @tparam ?ParseOptions options as for `parse`; calls are looked for only when `tools` are given
-- @treturn[1] AnswerReader see `predibase.template.answer_reader`
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template": an option has a wrong value
-- @raise as `parse` does
function Format:reader (options)
  local how, problem = how_to_read(self, check_parse(self, options, "reader"))
  if not how then return nil, refusal(self, problem) end
  return require "predibase.template.answer_reader".new(self, how)
end

function Format:__tostring ()
  return ("predibase.template.format (%s)"):format(self.name)
end

--- Makes a format.
-- @tparam table fields `name`; `source`; `stop` and `special_tokens`, arrays of strings;
-- `bos_token` and `eos_token`; `families` and `plain`, see `predibase.template.guard`; `open`, true
-- for a template that reads all fields of a message instead of role and text only; and `write`, a
-- function of the messages and a context (`add_generation_prompt`, `bos_token` and `eos_token`,
-- which are `""` when the format has none, `date_string`, `now`, `enable_thinking`, `tools`,
-- `variables`) that returns the text, or nil and what is wrong. A message has `role`, `content`
-- (the parts concatenated), `parts` (an array of strings, if parts were given), `tool_calls` (see
-- `predibase.template.tool_messages`), `tool_call_id` and `reasoning`; with `open`, it is a copy of
-- the given message. `tool_calls` is the form of calls: `"llama"`, `"hermes"` or `"mistral"`, see
-- `predibase.template.model_answer`; a built-in format without it knows no tools. `reasoning` is `{
-- open, close, begins_inside }`.
-- @treturn ChatFormat
function M.new (fields)
  return setmetatable({
    name = fields.name,
    source = fields.source,
    stop = fields.stop or {},
    special_tokens = fields.special_tokens or {},
    bos_token = fields.bos_token,
    eos_token = fields.eos_token,
    open = fields.open or false,
    tool_calls = fields.tool_calls,
    reasoning = fields.reasoning,
    write = fields.write,
    guard = guards.new(fields.special_tokens or {}, fields.families, fields.plain),
  }, Format)
end

--- Tells whether a value is a chat format.
-- @param value anything
-- @treturn boolean
function M.is (value)
  return type(value) == "table" and getmetatable(value) == Format
end

return M
