---@meta predibase.adapter
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/adapter.lua by `make types`; do not edit.

---The options of `client:adapter`.
---@class predibase.fields.AdapterOptions : predibase.fields.FormatOptions
---@field template? predibase.Template|predibase.ChatFormat what writes the prompts
---@field defaults? predibase.GenerateStreamOptions parameters and options of calls
---@field adapter_source? "pbase"|"hub"|"local"|"s3" where the adapter is (default `"pbase"`)

---The options of `client:adapter`.
---@class predibase.AdapterOptions : predibase.fields.AdapterOptions, predibase.Known<predibase.fields.AdapterOptions>
---@field template? predibase.Template|predibase.ChatFormat what writes the prompts

---An adapter of a client.
---@class predibase.Adapter
---@field id string such as `"my-repo/3"`
local Adapter = {}

---Returns the prompt that `generate` would send.
---@param values any as for `generate`
---@return string?
---@return predibase.Error # the error, of kind "template"
---@return_overload string
---@return_overload nil, predibase.Error
function Adapter:render(values) end

---Renders a prompt and calls `client:generate` with it.
---
---Raises an error as `client:generate`.
---@param values any for the template; messages where the template is a chat format; the prompt as a string where there is no template
---@param options? predibase.GenerateOptions as for `client:generate`; they replace the adapter's defaults, and cannot name another adapter
---@return predibase.Result? # the result
---@return predibase.Error # the error; of kind "template" when the template cannot be rendered with them
---@return_overload predibase.Result
---@return_overload nil, predibase.Error
function Adapter:generate(values, options) end

---Renders a prompt and calls `client:generate_json` with it.
---
---Raises an error as `client:generate_json`.
---@param values any as for `generate`
---@param options? predibase.GenerateJsonOptions as for `client:generate_json`
---@return table? # the value
---@return predibase.Result|predibase.Error # the result; or the error; of kind "template" when the template cannot be rendered with them
---@return_overload table, predibase.Result
---@return_overload nil, predibase.Error
function Adapter:generate_json(values, options) end

---Renders a prompt and calls `client:generate_stream` with it. If the template cannot be rendered
---with the values, the first `next` returns the error.
---
---Raises an error as `client:generate`.
---@param values any as for `generate`
---@param options? predibase.GenerateStreamOptions as for `client:generate_stream`
---@return predibase.TokenStream # the stream, with the further values that the generic `for` of Lua 5.4 takes
function Adapter:generate_stream(values, options) end

---Renders prompts and calls `client:generate_many` with them. If the template cannot be rendered
---with some values, only their prompt fails.
---
---Raises an error as `client:generate`.
---@param entries table|function an array of the values that `generate` takes, or a function that returns the next ones; without a template, the prompts that `client:generate_many` takes. An entry may also be a table with the field `values` and its own options
---@param options? predibase.GenerateManyOptions as for `client:generate_many`
---@return predibase.GenerateBatch # the batch, with the further values that the generic `for` of Lua 5.4 takes
function Adapter:generate_many(entries, options) end

---Answers rows with the adapter, as `client:run_bulk` does. Its template is filled with the rows,
---unless the options have a template or a dialect of their own.
---
---Raises an error as `client:run_bulk`.
---@param options predibase.BulkOptions as for `client:run_bulk`; they cannot name another adapter
---@return predibase.BulkRun # the run, with the further values that the generic `for` of Lua 5.4 takes
function Adapter:run_bulk(options) end

---Calls `client:chat_completion` with the adapter. The server writes the messages with the chat
---template of its model; the template of this object is not used.
---
---Raises an error as `client:chat_completion`.
---@param messages predibase.Message[] as for `client:chat_completion`
---@param options? predibase.ChatOptions as for `client:chat_completion`; they replace the adapter's defaults, and cannot name another adapter
---@return predibase.ChatResult? # the result
---@return predibase.Error # the error
---@return_overload predibase.ChatResult
---@return_overload nil, predibase.Error
function Adapter:chat_completion(messages, options) end

---Calls `client:chat_completion_stream` with the adapter, as `chat_completion` does.
---
---Raises an error as `client:chat_completion`.
---@param messages predibase.Message[]
---@param options? predibase.ChatStreamOptions as for `client:chat_completion_stream`
---@return predibase.ChatStream # the stream, with the further values that the generic `for` of Lua 5.4 takes
function Adapter:chat_completion_stream(messages, options) end

---Calls `client:chat_completion_json` with the adapter, as `chat_completion` does.
---
---Raises an error as `client:chat_completion_json`.
---@param messages predibase.Message[]
---@param options? predibase.ChatJsonOptions as for `client:chat_completion_json`
---@return table? # the value
---@return predibase.ChatResult|predibase.Error # the result; or the error
---@return_overload table, predibase.ChatResult
---@return_overload nil, predibase.Error
function Adapter:chat_completion_json(messages, options) end

---Calls `client:embed` with this adapter. Of its defaults, those for generated text are left out,
---and so is the template.
---
---Raises an error as `client:embed`.
---@overload fun(self: predibase.Adapter, input: string, options: predibase.EmbedOptions?): (number[]?, predibase.About|predibase.Error)
---@param input string[] a text, or an array of texts
---@param options? predibase.EmbedOptions as for `client:embed`; they cannot name another adapter
---@return number[][]? # the vector, or the array of the vectors
---@return predibase.About|predibase.Error # what is known besides; or the error
---@return_overload number[][], predibase.About
---@return_overload nil, predibase.Error
function Adapter:embed(input, options) end

---Calls `client:classify` with this adapter. Its defaults for generated text are left out, and so
---is the template.
---
---Raises an error as `client:classify`.
---@overload fun(self: predibase.Adapter, input: string, options: predibase.ClassifyOptions?): (predibase.Classification?, predibase.About|predibase.Error)
---@param input string[] a text, or an array of texts
---@param options? predibase.ClassifyOptions as for `client:classify`; they cannot name another adapter
---@return predibase.Classification[]? # the result, or the array of the results
---@return predibase.About|predibase.Error # what is known besides; or the error; of kind "validation" where the server classifies with its base model only
---@return_overload predibase.Classification[], predibase.About
---@return_overload nil, predibase.Error
function Adapter:classify(input, options) end

---Begins a conversation with this adapter, see `predibase.chat`. If the adapter's template is a
---chat format, it is the default of the option `format`.
---
---Raises an error as `client:chat_session`.
---@param options? predibase.SessionOptions as for `client:chat_session`; they cannot name another adapter
---@return predibase.Session? # the session
---@return predibase.Error # the error
---@return_overload predibase.Session
---@return_overload nil, predibase.Error
function Adapter:chat_session(options) end

---Closes this view. The client stays open. May be called any number of times.
function Adapter:close() end

---An adapter of a client: an object (called a view in this file) that renders the adapter's
---template and sends the adapter's id, source and defaults with every call. `client:adapter` makes
---it.
---
---    local classify = client:adapter("my-repo/3", {
---      template = t, defaults = { max_new_tokens = 5 },
---    })
---    local result, err = classify:generate { text = "The parcel never came." }
---@class predibase.adapter
local M = {}

---Makes a view, for `client:adapter`.
---@param of predibase.Client the client
---@param id string
---@param options? predibase.AdapterOptions
---@return predibase.Adapter
function M.new(of, id, options) end

return M
