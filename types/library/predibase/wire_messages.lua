---@meta predibase.wire_messages
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/wire_messages.lua by `make types`; do not edit.

---A message of a conversation in OpenAI's form.
---@class predibase.Message
---@field role "system"|"developer"|"user"|"assistant"|"tool" who says it
---@field content? string|(string|predibase.ContentPart|predibase.Image)[] the text, or an array of parts
---@field name? string of the participant
---@field tool_calls? (predibase.ToolCall|predibase.OpenaiToolCall)[] of an assistant, in OpenAI's form or as in a result
---@field tool_call_id? string of a tool's result: which call it answers
---@field reasoning? string is not sent
---@field reasoning_content? string is not sent
---@field refusal? string is not sent
---@field annotations? table is not sent

---A part of a message.
---@class predibase.ContentPart
---@field type "text"|"image_url" what it is
---@field text? string of a text
---@field image_url? {url: string, detail: string?}|string of an image: an http or https URL, or a data URL

---A call of a tool in OpenAI's form.
---@class predibase.OpenaiToolCall
---@field id string answers have it as `tool_call_id`
---@field type "function" always `"function"`
---@field index? integer is not sent
---@field ["function"] {name: string, arguments: string} its name, and its arguments as JSON text

---Checks the messages of a chat completion, and writes them in the form that the server reads.
---
---A message has OpenAI's form: `role` (`system`, `developer`, `user`, `assistant` or `tool`),
---`content` (a string, or an array of parts), `name`, `tool_calls` (of an assistant, in OpenAI's
---form or as in a result), and `tool_call_id` (of a tool's result). A part is a string,
---`{ type = "text", text = … }`, `{ type = "image_url", image_url = { url = … } }`, or an image of
---`predibase.image`.
---
---LoRAX ignores calls and results in the history. So a call is written as the text with which the
---model made it, and a result as a message of the user that names the tool.
---@class predibase.wire_messages
local M = {}

---Checks messages without writing them.
---
---Raises an error for a field that does not exist.
---@param list predibase.Message[]
---@return boolean? # true
---@return predibase.Error # error of kind `validation`
---@return_overload boolean
---@return_overload nil, predibase.Error
function M.check(list) end

---Writes messages as a JSON array.
---
---Raises an error for a field that does not exist.
---@param list predibase.Message[] the messages, see above
---@param server "lorax"|"openai" the client's option: `"lorax"` or `"openai"`
---@param in_parts? boolean LoRAX: contents that are strings are written as arrays of parts; otherwise it would not show the tools to the model
---@return string?
---@return string? # what is wrong, with the path of the field
---@return_overload string
---@return_overload nil, string
function M.write(list, server, in_parts) end

return M
