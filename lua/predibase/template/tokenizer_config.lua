-- SPDX-License-Identifier: MIT
--- Makes a chat format from a model's own template, which is in the `tokenizer_config.json` next to
-- the model's weights, or in a file of its own.
-- @module predibase.template.tokenizer_config

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local formats = require "predibase.template.format"
local jinja = require "predibase.template.jinja"
local json = require "predibase.json"
local model_files = require "predibase.template.model_files"
local names = require "predibase.option_names"
local reasoning = require "predibase.reasoning"
local usage = require "predibase.usage"

local M = {}

--- The options of `template.from_tokenizer_config`.
-- @table TokenizerOptions
-- @tfield ?string template the name of one of several templates
-- @tfield ?string name of the format
-- @tfield ?string[]|string stop the sequences that end an answer (default: the end-of-sequence
-- token)
-- @tfield ?table<string,string|false> tokens special tokens that no file names; `false` for none
-- @tfield ?"hermes"|"mistral"|"llama"|false tool_calls the form in which the model writes calls
-- @tfield ?Marks|false reasoning the marks around its reasoning
-- @tfield ?integer max_steps how many steps a rendering may take

local OPTIONS = { name = true, template = true, stop = true, max_steps = true, tokens = true,
  tool_calls = true, reasoning = true }

-- The forms of calls, and a mark by which the template of a model that writes them is known.
local FORMS = { { "hermes", "<tool_call>" }, { "mistral", "[TOOL_CALLS]" },
  { "llama", '{"name": function name, "parameters":' } }

-- Marks of reasoning that templates contain.
local MARKS = { { "<think>", "</think>" }, { "[THINK]", "[/THINK]" } }

-- The tokens that `transformers` passes to a template as variables.
local TOKENS = { "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token",
  "mask_token" }

-- Special tokens that tokenizer classes of `transformers` have when no file of a model names them;
-- only classes that chat models use.

local function same (token, pad)
  return { bos_token = token, eos_token = token, unk_token = token, pad_token = pad }
end

local LLAMA = { bos_token = "<s>", eos_token = "</s>", unk_token = "<unk>" }
local QWEN = { eos_token = "<|endoftext|>", unk_token = "<|endoftext|>",
  pad_token = "<|endoftext|>" }

-- The first four have only the tokens that files name.
local CLASSES = {
  PreTrainedTokenizer = {}, TokenizersBackend = {}, SentencePieceBackend = {}, PythonBackend = {},
  BloomTokenizer = { bos_token = "<s>", eos_token = "</s>", unk_token = "<unk>",
    pad_token = "<pad>" },
  CodeGenTokenizer = same("<|endoftext|>"),
  CodeLlamaTokenizer = LLAMA,
  CohereTokenizer = { bos_token = "<BOS_TOKEN>", eos_token = "<|END_OF_TURN_TOKEN|>",
    unk_token = "<UNK>", pad_token = "<PAD>", sep_token = "<SEP>", cls_token = "<CLS>",
    mask_token = "<MASK_TOKEN>" },
  GPT2Tokenizer = same("<|endoftext|>"),
  GPTNeoXTokenizer = same("<|endoftext|>", "<|padding|>"),
  GemmaTokenizer = { bos_token = "<bos>", eos_token = "<eos>", unk_token = "<unk>",
    pad_token = "<pad>", mask_token = "<mask>" },
  LlamaTokenizer = LLAMA,
  Qwen2Tokenizer = QWEN,
  Qwen3_5Tokenizer = QWEN,
  T5Tokenizer = { eos_token = "</s>", unk_token = "<unk>", pad_token = "<pad>" },
}

--- Returns the tokens of a class, with or without `Fast` at its end; nil for an unknown class.
local function class_tokens (class)
  return CLASSES[class] or CLASSES[class:match("^(.*)Fast$")]
end

local function failed (message)
  return nil, errors.new { kind = "template", phase = "request", message = message }
end

--- Returns the text of a token, which is a string or an object with the text.
local function token_text (value)
  if type(value) == "table" then value = rawget(value, "content") end
  return type(value) == "string" and value or nil
end

--- Returns the tokens by name: the known ones, others that the model names (`image_token`), and
-- those of the tokenizer's class that the configuration does not mention.
local function tokens_of (config, given)
  local tokens = {}
  local class = class_tokens(type(config.tokenizer_class) == "string" and config.tokenizer_class
    or "PreTrainedTokenizer") or {}
  for name, text in pairs(class) do
    if rawget(config, name) == nil then tokens[name] = text end
  end
  local function add (list, pattern)
    for name, value in next, type(list) == "table" and list or {} do
      if type(name) == "string" and name:find(pattern) then tokens[name] = token_text(value) end
    end
  end
  add(config, "_token$")
  add(rawget(config, "extra_special_tokens"), "")
  for name, text in next, given do tokens[name] = text or nil end
  return tokens
end

--- Returns the name of the first token that a template uses and that may exist although no file
-- names it.
local function missing_token (config, tokens, given, sources)
  local class = config.tokenizer_class
  if type(class) ~= "string" or class_tokens(class) then return nil end
  for _, name in ipairs(TOKENS) do
    if tokens[name] == nil and given[name] == nil and rawget(config, name) == nil then
      for _, source in pairs(sources) do
        if source:find("%f[%w_]" .. name .. "%f[^%w_]") then return name end
      end
    end
  end
  return nil
end

--- Returns all texts that the tokenizer treats as special tokens, the longest first.
local function special_tokens (config, tokens)
  local seen, list = {}, {}
  local function add (value)
    local text = token_text(value)
    if text and text ~= "" and not seen[text] then
      seen[text] = true
      list[#list + 1] = text
    end
  end
  for _, text in pairs(tokens) do add(text) end
  for _, name in ipairs { "additional_special_tokens", "extra_special_tokens" } do
    local more = rawget(config, name)
    for _, value in next, type(more) == "table" and more or {} do add(value) end
  end
  local added = rawget(config, "added_tokens_decoder")
  for _, value in next, type(added) == "table" and added or {} do
    if type(value) == "table" and rawget(value, "special") == true then add(value) end
  end
  table.sort(list, function (a, b)
    if #a ~= #b then return #a > #b end
    return a < b
  end)
  return list
end

--- Returns the templates by name; a single one is `default`.
local function templates_of (config)
  local given = rawget(config, "chat_template")
  if type(given) == "string" then return { default = given } end
  if type(given) ~= "table" then
    return nil, "the configuration has no chat_template; the model may keep it in "
      .. "chat_template.jinja, or have none"
  end
  local list = {}
  for key, value in next, given do
    local name, source = key, value
    if type(value) == "table" then
      name, source = rawget(value, "name"), rawget(value, "template")
    end
    if type(name) ~= "string" or type(source) ~= "string" then
      return nil, "chat_template must be a string or a list of templates with name and template"
    end
    list[name] = source
  end
  return list
end

local function listed (set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return #list > 0 and table.concat(list, ", ") or "none"
end

local function compile_all (sources, options, name)
  local compiled = {}
  for key, source in pairs(sources) do
    local template, err = jinja.compile(source, { max_steps = options.max_steps,
      name = key ~= "default" and name .. ", template " .. key or nil })
    if not template then return nil, err.message end
    compiled[key] = template
  end
  return compiled
end

--- Makes the function `write` of the format, see `predibase.template.format.new`.
local function writer (tokens, compiled, chosen)
  return function (messages, context)
    local variables = {}
    for name, value in pairs(tokens) do variables[name] = value end
    variables.bos_token = tokens.bos_token and context.bos_token
    variables.messages = json.array(messages)
    variables.tools, variables.documents = json.null, json.null
    variables.add_generation_prompt = context.add_generation_prompt
    variables.date_string = context.date_string
    for name, value in pairs(context.variables or {}) do variables[name] = value end
    -- `transformers` uses the template for tools if there are tools.
    local tools = variables.tools ~= json.null and compiled.tool_use
    local template = compiled[chosen] or tools or compiled.default
    local text, err = template:render(variables, { now = context.now })
    if not text then return nil, err.message end
    return text
  end
end

--- Tells whether any of the templates contains a text.
local function any_has (sources, text)
  for _, source in pairs(sources) do
    if source:find(text, 1, true) then return true end
  end
  return false
end

local function known_form (name)
  for _, form in ipairs(FORMS) do
    if form[1] == name then return true end
  end
  return false
end

--- Returns the form of calls that was given, or that the templates show.
local function form_of_calls (given, sources)
  if given ~= nil then return given or nil end
  for _, form in ipairs(FORMS) do
    if any_has(sources, form[2]) then return form[1] end
  end
end

--- Returns the marks of reasoning that were given, or that the templates show.
local function marks_of (given, sources)
  for _, marks in ipairs(given == nil and MARKS or {}) do
    if any_has(sources, marks[1]) and any_has(sources, marks[2]) then given = marks end
  end
  return reasoning.read(given)
end

local function checked (source, options)
  if type(source) ~= "string" and type(source) ~= "table" then
    usage.fail(("template.from_tokenizer_config takes a path or a table, got a %s"):format(
      type(source)))
  end
  if options ~= nil and type(options) ~= "table" then
    usage.fail("template.from_tokenizer_config takes its options as a table, got a "
      .. type(options))
  end
  options = options or {}
  names.check(options, OPTIONS, "option")
  options = json.present(options)
  local tokens = options.tokens
  if tokens ~= nil and type(tokens) ~= "table" then
    usage.fail("template.from_tokenizer_config takes tokens as a table by their names, got a "
      .. type(tokens))
  end
  for name, text in next, tokens or {} do
    if type(name) ~= "string" or text ~= false and type(text) ~= "string" then
      usage.fail("template.from_tokenizer_config takes tokens as strings by their names, or false "
        .. "for none")
    end
  end
  local form = options.tool_calls
  if form ~= nil and form ~= false and not known_form(form) then
    return nil, 'tool_calls must be "hermes", "mistral", "llama" or false, got '
      .. checks.describe(form)
  end
  return options
end

local function build (source, options)
  local config, problem = json.plain(source), nil
  if type(source) == "string" then
    config, problem = model_files.read(source, options.template)
  end
  if not config then return failed(problem) end
  local sources
  sources, problem = templates_of(config)
  if not sources then return failed(problem) end
  local chosen = options.template
  if chosen and not sources[chosen] then
    return failed(('there is no template "%s"; there are: %s'):format(errors.excerpt(chosen, 60),
      listed(sources)))
  end
  if not chosen and not sources.default then
    return failed("there is no default template; choose one by the option template: "
      .. listed(sources))
  end
  local given = options.tokens or {}
  local tokens = tokens_of(config, given)
  local missing = missing_token(config, tokens, given, sources)
  if missing then
    return failed(('the template uses %s, and %s; give tokens = { %s = "…" }, or false for none')
      :format(missing, model_files.class_text(config.tokenizer_class), missing))
  end
  local name = options.name or token_text(rawget(config, "name_or_path")) or "tokenizer_config"
  local marks
  marks, problem = marks_of(options.reasoning, sources)
  if problem then return failed(problem) end
  local compiled
  compiled, problem = compile_all(sources, options, name)
  if not compiled then return failed(problem) end
  return formats.new {
    name = name,
    source = type(source) == "string" and source or nil,
    stop = options.stop or { tokens.eos_token },
    special_tokens = special_tokens(config, tokens),
    bos_token = tokens.bos_token,
    eos_token = tokens.eos_token,
    open = true,
    tool_calls = form_of_calls(options.tool_calls, sources),
    reasoning = marks or nil,
    write = writer(tokens, compiled, chosen),
  }
end

--- Makes a chat format from a model's own template. `tools` are an option of `format:render`; the
-- other variables of the template (`documents`, `enable_thinking` and so on) are passed as
-- `variables` to `format:render`.
-- @tparam string|table source the path of a `tokenizer_config.json` or of a `.jinja` file, with the
-- other files of the model in the same folder, or the decoded configuration
-- @tparam ?TokenizerOptions options `template`: the name of one of several templates (`default`, or
-- `tool_use` if there are tools); `name`: the name of the format; `stop`: the sequences that end an
-- answer (the end-of-sequence token); `tokens`: special tokens that no file names (`{ bos_token =
-- "<s>" }`, `false` for none); `tool_calls`: the form in which the model writes calls (`"hermes"`,
-- `"mistral"` or `"llama"`; `false` for none; default: the one that the template shows), and
-- `reasoning`: the marks around its reasoning (`{ open, close }`, `false` for none; default: those
-- that the template contains), both for `format:parse`; `max_steps`, see `predibase.template.jinja`
-- @treturn[1] ChatFormat the format, see `predibase.template.format`
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template"
-- @raise when an argument has the wrong type or an option does not exist
function M.new (source, options)
  local given, problem = checked(source, options)
  if not given then return failed(problem) end
  return build(source, given)
end

return M
