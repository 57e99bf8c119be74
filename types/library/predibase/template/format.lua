---@meta predibase.template.format
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/template/format.lua by `make types`; do not edit.

---The options of `format:render`.
---@class predibase.fields.RenderOptions : predibase.fields.FormatOptions
---@field add_generation_prompt? boolean begin the assistant's answer (default false)
---@field continue_final_message? boolean leave the last message open (default false)
---@field bos_token? boolean `false` leaves out the token that the server adds by itself
---@field tools? predibase.Tool[] in OpenAI's form, or short

---The options of `format:render`.
---@class predibase.RenderOptions : predibase.fields.RenderOptions, predibase.Known<predibase.fields.RenderOptions>
---@field add_generation_prompt? boolean begin the assistant's answer (default false)

---The options of `format:parse` and `format:reader`.
---@class predibase.fields.ParseOptions
---@field begins_inside? boolean whether the answer begins inside the reasoning
---@field prompt? string the prompt that was sent, which tells the same
---@field reasoning? boolean|predibase.Marks the marks around the reasoning (default: those of the format)
---@field tools? predibase.Tool[] the tools that the model knows

---The options of `format:parse` and `format:reader`.
---@class predibase.ParseOptions : predibase.fields.ParseOptions, predibase.Known<predibase.fields.ParseOptions>
---@field begins_inside? boolean whether the answer begins inside the reasoning

---A chat format: writes a conversation in the form that one model was trained to read.
---@class predibase.ChatFormat
---@field name string of the format
---@field source? string the model whose published template it equals
---@field stop string[] the sequences that end an answer
---@field special_tokens string[] texts with a meaning for the model
---@field bos_token? string the token at the beginning
---@field eos_token? string the token at the end
---@field tool_calls? string the form in which the model writes calls
---@field reasoning? predibase.Marks the marks around its reasoning
local ChatFormat = {}

---Writes a conversation.
---
---Raises an error when an argument is not a table or an option does not exist.
---@param messages predibase.Message[] array of `{ role = …, content = … }`; the content is a string or an array of `{ type = "text", text = … }`
---@param options? predibase.RenderOptions `add_generation_prompt` (boolean, default false as in `transformers`): begins the assistant's answer; `continue_final_message` (boolean): leaves the last message open; `bos_token = false`: leaves out the token that the server adds by itself; `special_tokens_in_text`: `"refuse"` (the default), `"neutralise"` or `"allow"`; `date_string` and `now` (Unix seconds) for formats that contain today's date; `enable_thinking = false` for models that think by default; `tools`: a list of tools in OpenAI's form, or in short (`{ name, description, parameters }`); `variables` for a model's own template
---@return string? # the prompt
---@return predibase.Error # the error, of kind "template"
---@return_overload string
---@return_overload nil, predibase.Error
function ChatFormat:render(messages, options) end

---Tells whether an answer begins inside the reasoning: whether the prompt ends with its opening
---mark.
---@param prompt? string default: a prompt that this format makes
---@param marks? predibase.Marks
---@return boolean
function ChatFormat:begins_inside(prompt, marks) end

---Reads the text that the model wrote: separates its reasoning from the answer, and finds the
---calls of tools, in the form in which this model writes them. Text that looks like a call but
---cannot be read as one stays text.
---
---Raises an error when an argument has the wrong type or an option does not exist.
---@param text string the raw answer, such as `result.generated_text`; special tokens may be missing
---@param options? predibase.ParseOptions `tools`: the tools that the model knows, so that JSON without marks is a call only if it names one of them; `prompt`: the prompt that was sent, which tells whether the answer begins inside the reasoning (default: a prompt of this format), or `begins_inside` (boolean); `reasoning`: see `predibase.reasoning.read` (default: the marks of the format, if any)
---@return predibase.Message? # the message: `role` (`"assistant"`); `content` (the answer, nil when there are only calls); `tool_calls`, nil or an array of `{ id, name, arguments, raw_arguments }` (a table, and its JSON), each with an id of nine letters and digits that no other call has; `reasoning`, a string or nil. `render` accepts it as a message of the history
---@return (predibase.ToolCall[]|predibase.Error)? # its `tool_calls`; or the error, of kind "template": an option has a wrong value
---@return string? # its `reasoning`
---@return_overload predibase.Message, predibase.ToolCall[]?, string?
---@return_overload nil, predibase.Error
function ChatFormat:parse(text, options) end

---Makes a reader for an answer that arrives in pieces. It finds what `parse` finds in the whole
---text, and shows as much of the answer as it can before that. `reader:feed(text)` takes a piece
---and returns the text of the answer that may be shown now, and that of the reasoning;
---`reader:finish()` returns the rest of both, and the calls; `reader:is_mark(text)` tells whether
---the text of a special token has to be fed as well, which otherwise are not part of an answer.
---
---Raises an error as `parse` does.
---@param options? predibase.ParseOptions as for `parse`; calls are looked for only when `tools` are given
---@return predibase.AnswerReader? # see `predibase.template.answer_reader`
---@return predibase.Error # the error, of kind "template": an option has a wrong value
---@return_overload predibase.AnswerReader
---@return_overload nil, predibase.Error
function ChatFormat:reader(options) end

---Chat formats: each writes a conversation in the form that one model was trained to read.
---
---Every format, built in or made from a model's own template, has the methods `render` and `parse`
---and the fields `name`, `source` (the model whose published template it equals), `stop` (the
---sequences that end an answer), `special_tokens`, and, if the model has them, `bos_token`,
---`eos_token`, `tool_calls` (the form in which the model writes calls) and `reasoning` (the marks
---around its reasoning, see `predibase.reasoning`).
---@class predibase.template.format
local M = {}

---Makes a format.
---@param fields table `name`; `source`; `stop` and `special_tokens`, arrays of strings; `bos_token` and `eos_token`; `families` and `plain`, see `predibase.template.guard`; `open`, true for a template that reads all fields of a message instead of role and text only; and `write`, a function of the messages and a context (`add_generation_prompt`, `bos_token` and `eos_token`, which are `""` when the format has none, `date_string`, `now`, `enable_thinking`, `tools`, `variables`) that returns the text, or nil and what is wrong. A message has `role`, `content` (the parts concatenated), `parts` (an array of strings, if parts were given), `tool_calls` (see `predibase.template.tool_messages`), `tool_call_id` and `reasoning`; with `open`, it is a copy of the given message. `tool_calls` is the form of calls: `"llama"`, `"hermes"` or `"mistral"`, see `predibase.template.model_answer`; a built-in format without it knows no tools. `reasoning` is `{ open, close, begins_inside }`.
---@return predibase.ChatFormat
function M.new(fields) end

---Tells whether a value is a chat format.
---@param value any anything
---@return TypeGuard<predibase.ChatFormat>
function M.is(value) end

return M
