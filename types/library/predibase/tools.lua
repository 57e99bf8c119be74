---@meta predibase.tools
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/tools.lua by `make types`; do not edit.

---A function that a model may call, short or in OpenAI's form.
---@class predibase.fields.Tool
---@field name? string of the function
---@field description? string what it does, for the model
---@field parameters? table|string a JSON schema
---@field strict? boolean of OpenAI's API
---@field run? fun(arguments: table<string, any>, call: predibase.ToolCall): (any, string?) is called by `session:run`; returns a string, a table, or nil and a message
---@field type? "function" of OpenAI's form
---@field ["function"] table? of OpenAI's form: name, description, parameters and strict

---A function that a model may call, short or in OpenAI's form.
---@class predibase.Tool : predibase.fields.Tool, predibase.Known<predibase.fields.Tool>
---@field name? string of the function

---Reads the option `tools`: functions that a model may call.
---
---A tool is written in OpenAI's form, `{ type = "function", ["function"] = { name =, description =,
---parameters = schema, strict = }, run = f }`, or short, `{ name =, description =, parameters =,
---strict =, run = }`. `parameters` is a JSON schema: a table, a JSON text or a value of
---`predibase.template.ordered`. `run` is the function that `session:run` calls; it is not sent.
---
---LoRAX puts `properties` and `required` of all tools into one schema (LoRAX
---`router/src/tool_grammar.rs`). It adds a tool `no_tool`, for answers without a call, and to each
---tool a property `_name`. References lead nowhere in that schema, so they are replaced here by
---what they refer to.
---@class predibase.tools
---@field MAX_NAME integer Most characters of a name (OpenAI, "function.name").
---@field NO_TOOL string The tool that LoRAX adds. The model calls it to answer with a text.
---@field NAME_PROPERTY string The property that LoRAX adds to the parameters of every tool.
local M = {}

---Reads a list of tools and checks it. Raises for a field that does not exist.
---@param list predibase.Tool[] array of tools in OpenAI's form or short, see above; also one that `predibase.template.ordered` read
---@param context? table `name` (of the option, for messages, default `"tools"`); `server`: `"openai"` sends the schemas as they are given, everything else is for LoRAX; `check_schema`: false leaves out the check of `predibase.schema` for schemas on which LoRAX fails
---@return table[]? # array of tools: `name`, `description` (or nil), `strict` (or nil), `parameters` (an ordered object), `run` (or nil), `wire` (OpenAI's form, for `json.encode`)
---@return predibase.Error # error of kind `validation`, whose message has the path
---@return_overload table[]
---@return_overload nil, predibase.Error
function M.read(list, context) end

---Returns what is sent as the field `tools`.
---@param tools table[] as `read` returned it
---@return table # array for `json.encode`
function M.wire(tools) end

---Finds a tool by its name.
---@param tools table[] as `read` returned it
---@param name string
---@return table? # nil when there is none
function M.find(tools, name) end

---Checks arguments against the schema of a tool. Pass the value that `template.ordered.decode`
---made from the text, or use `read_arguments`: a plain table does not tell an empty list from an
---empty object.
---@param tool table
---@param value any a JSON value; `json.null` is null
---@return boolean? # true
---@return string? # the path of the part that is wrong: `$.town`
---@return string? # the reason
---@return_overload boolean
---@return_overload nil, string, string
function M.check_arguments(tool, value) end

---Reads the text of a call's arguments. A text without a value stands for no arguments: some
---servers write it so.
---@param tool table
---@param text string
---@return table? # the arguments; members that are null are left out
---@return string? # the path of the part that is wrong
---@return string? # the reason
---@return_overload table
---@return_overload nil, string, string
function M.read_arguments(tool, text) end

return M
