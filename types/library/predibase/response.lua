---@meta predibase.response
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/response.lua by `make types`; do not edit.

---The result of a call that generates text. `tostring` of it is the text. What the server did not
---send is nil.
---@class predibase.Result
---@field text string the answer
---@field finish_reason? "stop"|"length"|"stop_sequence"|"tool_calls"|string why the answer ended
---@field raw_finish_reason? string the server's word for it
---@field generated_text? string the text as the server sent it, with `reasoning`
---@field details? predibase.Details of the answer
---@field stop_sequence? string the sequence that `trim_stop` or `client_stop` removed from the text
---@field reasoning? string what the model wrote before its answer, with the option `reasoning`
---@field text_incomplete? boolean true when a stream with `keep_text = false` got no whole text at its end, and when the text is empty although tokens were generated: LoRAX sends no text when `max_new_tokens` ends the answer inside a character. With `details = true`, and in a stream, the text comes from the tokens instead
---@field usage predibase.Usage the numbers of tokens that are known; LoRAX does not know that of the prompt for every model
---@field timing predibase.Timing in seconds; a stream has no times of the server
---@field tokens_per_second? number of a stream, after its first token
---@field request_id? string the `X-Request-Id` that was sent
---@field trace_id? string for questions to the provider
---@field headers table<string, string> of the response: lower-case name -> value
---@field status integer of HTTP
---@field attempts integer the number of attempts
---@field adapter_id? string the adapter that was used
---@field model_id? string the model
---@field client? predibase.Client the client that answered, if the called one has the option `fallback`

---Makes a result or an error object from a response of the server.
---@class predibase.response
local M = {}

---Returns the trace id for support requests: `x-b3-traceid`, or the id in W3C's `traceparent`.
---@param headers table<string, string> lower-case name -> value
---@return string?
function M.trace_id(headers) end

---Makes the error object for a response with any status except 2xx, or of a 2xx that is not a
---valid answer of LoRAX. The router's `error_type` determines the kind; without it, the status
---does. The error contains no secrets.
---@param reply table `status`, `headers` (lower-case name -> value), `body` (may be cut off)
---@param meta? table `attempts`, `secrets` (array of strings), `now` (Unix seconds, for a `retry-after` that is a date in a response without a `date` header), `waited` (seconds since the attempt began)
---@param message? string the message, if it does not come from the server
---@return predibase.Error # the error; `body` is an excerpt of at most 512 bytes, `retry_after` in seconds
function M.error(reply, meta, message) end

---Reads the JSON object that a whole response has as its body.
---@param reply table `status`, `headers`, `body`
---@param meta? table as for `error`
---@return table?
---@return predibase.Error # the error: for any status except 2xx, and for a body that is not a JSON object or reports an error
---@return_overload table
---@return_overload nil, predibase.Error
function M.object(reply, meta) end

---Makes the error object for a failure without a complete response: the network failed, a time
---limit expired, or an event of a stream reported an error.
---@param failure table `kind`, `message`, `phase`, `error_type`, `retryable`, `sent`
---@param head table `status` and `headers` of the response, if they were received
---@param meta table `attempts`, `secrets`
---@return predibase.Error # the error
function M.broken(failure, head, meta) end

---Checks whether a response that cannot be read was cut off.
---@param reply table `status`, `headers` (lower-case name -> value), `body`
---@return table? # a failure, in the form that transports use; nil when the body was not cut off
function M.truncation(reply) end

---Words the failure of a response that broke off after its head, so that all transports report it
---in the same words.
---@param failure table of the transport
---@param status? integer nil when there was no head
---@param waited number seconds since the attempt began
---@return table # the failure, or one with another message
function M.cut(failure, status, waited) end

---Makes a result without a text.
---@param head table `status` and `headers` of the response
---@param meta table of the call, see `result`
---@return predibase.Result # the caller must set `text`, `finish_reason`, `raw_finish_reason` and `usage`
function M.new(head, meta) end

---Returns the tokens per second of a stream after its first token; nil when it had only one.
---@param tokens? number number of all tokens
---@param timing table `total` and `first_token`, in seconds
---@return number?
function M.tokens_per_second(tokens, timing) end

---Makes a result from a response of LoRAX /generate (or of LoRAX /, an array of one).
---@param reply table `status`, `headers` (lower-case name -> value), `body`
---@param meta? table `attempts`, `secrets` (array of strings), `adapter_id` (the requested one; the server's header takes precedence), `timing` (`total`, `first_token`, in seconds; becomes the `timing` of the result), `now` (Unix seconds), `stop` and `trim` (arrays of sequences, see `predibase.stop_sequences`), `marks` and `begins_inside` (see `predibase.reasoning`)
---@return predibase.Result? # the result
---@return predibase.Error # the error
---@return_overload predibase.Result
---@return_overload nil, predibase.Error
function M.result(reply, meta) end

---Makes the result of a stream that ended normally. It has the same fields as that of `result`.
---@param state table `final` (the last event, as `event.decode` returned it), `text` (a function that returns the text of all tokens except the special ones), `count` (the number of tokens), `status`, `headers`; `stopped`, the sequence at which the client ended the text, and `trimmed`, the sequence removed from its end; `answer` (a function) and `reasoning`, if these were separated
---@param meta? table as for `result`
---@return predibase.Result # the result
function M.stream_result(state, meta) end

---Tells whether a value is a result that holds a text.
---@param value any anything
---@return TypeGuard<predibase.Result>
function M.is(value) end

return M
