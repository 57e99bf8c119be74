---@meta predibase.resty.relay
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/resty/relay.lua by `make types`; do not edit.

---The options of `resty.relay`.
---@class predibase.fields.RelayOptions
---@field format? "sse"|"text"|"openai"|"openai_completion" what is sent (default `"sse"`)
---@field model? string the name to show, in the formats of OpenAI
---@field id? string of the answer, in the formats of OpenAI
---@field created? integer Unix seconds, in the formats of OpenAI
---@field include_usage? boolean a last chunk with the numbers of tokens, in the formats of OpenAI
---@field keep_alive? number seconds of silence after which a comment is sent (default 15)
---@field head_after? number seconds after which the head is sent even without a token (default: `keep_alive`)
---@field reader? predibase.AnswerReader separates reasoning and calls of tools from the text of the model
---@field encode? fun(token: predibase.Token): string? returns the bytes to send for a token
---@field message? fun(err: predibase.Error): string? returns the message to show for an error
---@field lease? predibase.Lease is ended with the stream

---The options of `resty.relay`.
---@class predibase.RelayOptions : predibase.fields.RelayOptions, predibase.Known<predibase.fields.RelayOptions>
---@field format? "sse"|"text"|"openai"|"openai_completion" what is sent (default `"sse"`)

---Sends the tokens of a stream to a browser as they are generated.
---
---One light thread waits for the model and writes. A second one only writes comments while the
---model is silent. Each write waits until the browser's socket has taken the bytes, so a slow
---browser slows the connection to the model instead of filling the memory.
---@class predibase.resty.relay
---@field KEEP_ALIVE integer Seconds between two comments while the model is silent. The LoRAX server uses the same time, and it is shorter than the timeout of common proxies.
---@field BATCH integer The maximum bytes of text in one write if many tokens are buffered.
local M = {}

---Sends a stream to the browser, and closes the stream when the browser disconnects. nginx notices
---that at once only with `lua_check_client_abort on`.
---
---An error before the first token is sent as an HTTP status with JSON,
---`{ kind, message, retry_after }`; a later one is sent as the last event. Each other event is
---`{"text":…}` with the text of one or several tokens. The last event is `done`, with
---`finish_reason` and `usage`, or `failed` (WHATWG HTML, section 9.2). It has the id "done". A
---request with this id in `Last-Event-ID` is answered with 204, and the stream is not sent.
---
---Raises an error for wrong arguments, and any error that `encode` and hooks raise.
---@param stream predibase.Stream|predibase.RunStream a stream of `client:generate_stream` that was not read yet
---@param options? predibase.RelayOptions `format`: `"sse"` (the default); `"text"`, whose connection is cut if the stream fails; `"openai"`: chunks of OpenAI's chat completions up to `[DONE]`, errors in that API's shape; `"openai_completion"`: the same for its completions. With the last two also `model` (the name to show), `id`, `created` (Unix seconds) and `include_usage` (boolean, a last chunk with the numbers of tokens), see `predibase.resty.openai_answers`; `keep_alive`: seconds of silence after which a comment is sent (15); `head_after`: seconds after which the head is sent even without a token; a later error can only be sent as an event (default: `keep_alive`); `reader`: of `format:reader`, which separates reasoning and calls of tools from the text of the model; `encode`: a function that returns the bytes to send for a token, or nil for none; `message`: a function that returns the message to show for an error; `lease`: a lease from `limits:enter`, which is ended with the stream
---@return predibase.Result? # what `stream:result()` returns
---@return predibase.Error # the error; of kind "cancelled" if the browser disconnected or repeated its request
---@return_overload predibase.Result
---@return_overload nil, predibase.Error
function M.relay(stream, options) end

return M
