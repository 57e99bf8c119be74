---@meta predibase.resty.openai_answers
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/resty/openai_answers.lua by `make types`; do not edit.

---@class predibase.OpenaiChunks
local OpenaiChunks = {}

---Encodes a piece of text.
---@param text string
---@return string
function OpenaiChunks:token(text) end

---Encodes a piece of reasoning, for which completions have no field.
---@param text string
---@return string
function OpenaiChunks:reasoning(text) end

---Encodes calls of tools, which completions have not.
---@param calls predibase.ToolCall[] array of whole calls
---@return string
function OpenaiChunks:calls(calls) end

---Encodes the end of a stream: the finish reason, the numbers of tokens if they are wanted, and
---`[DONE]`.
---@param result predibase.Result see `predibase.response`
---@return string
function OpenaiChunks:done(result) end

---Encodes the failure of a stream. `[DONE]` is left out, because the answer is not complete.
---@param err predibase.Error an error of `predibase.errors`
---@param message? function
---@return string
function OpenaiChunks:failed(err, message) end

---Answers in the format of OpenAI's API, for gateways whose clients speak it: the chunks of a
---stream, whole answers, and errors.
---
---Fields and their order are those of OpenAI's reference: `chat.completion`,
---`chat.completion.chunk`, `text_completion`. A client of that API shows an unknown number of
---tokens as 0, so unknown numbers are sent as 0, as LoRAX does.
---@class predibase.resty.openai_answers
local M = {}

---Encodes a whole answer: a `chat.completion`, or a `text_completion`.
---@param result predibase.Result of `client:generate`, or of another call that returns text
---@param options? table `kind`: `"chat"` (the default) or `"completion"`; `model`: the name to show (`""`); `id` (`chatcmpl-` or `cmpl-`, and nginx's `$request_id`); `created` (Unix seconds, now); `parsed`: what `format:parse` returned for the text, whose text, tool calls and reasoning are sent in place of those of the result
---@return string # JSON
function M.whole(result, options) end

---Encodes embeddings as the answer of OpenAI's `/v1/embeddings`.
---@param vectors table array of arrays of numbers
---@param options? table `model`: the name to show (`""`); `base64` (boolean): the vectors are texts, as with `encoding_format = "base64"`; `usage`: the numbers of tokens
---@return string? # JSON
---@return string? # which number cannot be written
---@return_overload string
---@return_overload nil, string
function M.embeddings(vectors, options) end

---Encodes an error as OpenAI does: `{"error":{"message":…,"type":…,"param":…,"code":…}}`.
---@param public table `message`, `type`, and if they are known `param` and `code`
---@return string # JSON
function M.encode(public) end

---Returns the part of an error that a client may see, in OpenAI's shape.
---@param err predibase.Error an error of `predibase.errors`
---@param message? function as for `predibase.resty.answer`
---@return table # `status`, `message`, `type`, `param`, `code`, and `retry_after` in seconds if it is known
function M.public(err, message) end

---Answers the request with an error in OpenAI's shape. Must be called before anything else is
---sent.
---
---Raises an error if `err` is not an error object.
---@param err predibase.Error an error of `predibase.errors`
---@param message? function as for `predibase.resty.answer`
function M.refuse(err, message) end

---Makes the encoder for one stream.
---@param kind "chat"|"completion" `"chat"` or `"completion"`
---@param options table `id`, `model` and `created` as for `whole`; `include_usage` (boolean): a last chunk has the numbers of tokens
---@return predibase.OpenaiChunks
function M.chunks(kind, options) end

return M
