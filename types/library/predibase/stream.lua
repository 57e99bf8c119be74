---@meta predibase.stream
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/stream.lua by `make types`; do not edit.

---@class predibase.TokenStream
---@overload fun(): predibase.Token?
local TokenStream = {}

---Waits for the next token and returns it.
---@return predibase.Token? # the token, or the delta of a chat; or nil at the end
---@return predibase.Error # the error; every later call returns it again
---@return_overload predibase.Token
---@return_overload nil
---@return_overload nil, predibase.Error
function TokenStream:next() end

---Returns the next token if it has arrived; never waits.
---@return predibase.Token? # the token; or nil at the end
---@return ("pending"|predibase.Error)? # "pending" when it has not arrived yet, or the error
---@return_overload predibase.Token
---@return_overload nil
---@return_overload nil, "pending"|predibase.Error
function TokenStream:poll() end

---Iterates over pieces of text as a terminal or a page can show them: special tokens are left
---out, and reasoning too if it is separated (option `reasoning`); a character that several tokens
---make up comes with the last of them, and no piece is empty. The texts of tokens that have arrived
---together are one piece.
---What may be the beginning of a stop sequence (`trim_stop`, `client_stop`) is held back until
---that is known. An unfinished character at the end of the stream is returned as it is. Raises the
---error object when the stream fails. On Lua 5.4 and 5.5, `break` closes the connection at once.
---@return (fun(): string)? # the iterator (with the further values that the generic `for` of 5.4 takes)
function TokenStream:texts() end

---Reads the stream to its end and returns the text.
---@return string? # the whole text
---@return predibase.Error # the error
---@return_overload string
---@return_overload nil, predibase.Error
function TokenStream:text() end

---Returns what `generate` would have returned, once the stream has ended.
---
---Raises an error when the stream has not ended yet.
---@return predibase.Result? # the result, see `predibase.response`
---@return predibase.Error # the error, when the stream failed
---@return_overload predibase.Result
---@return_overload nil, predibase.Error
function TokenStream:result() end

---Closes the connection, so that the model stops. May be called at any time and any number of
---times, also while another coroutine waits for a token: that coroutine gets an error of kind
---"cancelled".
function TokenStream:close() end

---@class predibase.ChatStream
---@overload fun(): predibase.Delta?
local ChatStream = {}

---Waits for the next token and returns it.
---@return predibase.Delta? # the token, or the delta of a chat; or nil at the end
---@return predibase.Error # the error; every later call returns it again
---@return_overload predibase.Delta
---@return_overload nil
---@return_overload nil, predibase.Error
function ChatStream:next() end

---Returns the next token if it has arrived; never waits.
---@return predibase.Delta? # the token; or nil at the end
---@return ("pending"|predibase.Error)? # "pending" when it has not arrived yet, or the error
---@return_overload predibase.Delta
---@return_overload nil
---@return_overload nil, "pending"|predibase.Error
function ChatStream:poll() end

---Iterates over pieces of text as a terminal or a page can show them: special tokens are left
---out, and reasoning too if it is separated (option `reasoning`); a character that several tokens
---make up comes with the last of them, and no piece is empty. The texts of tokens that have arrived
---together are one piece.
---What may be the beginning of a stop sequence (`trim_stop`, `client_stop`) is held back until
---that is known. An unfinished character at the end of the stream is returned as it is. Raises the
---error object when the stream fails. On Lua 5.4 and 5.5, `break` closes the connection at once.
---@return (fun(): string)? # the iterator (with the further values that the generic `for` of 5.4 takes)
function ChatStream:texts() end

---Reads the stream to its end and returns the text.
---@return string? # the whole text
---@return predibase.Error # the error
---@return_overload string
---@return_overload nil, predibase.Error
function ChatStream:text() end

---Returns what `generate` would have returned, once the stream has ended.
---
---Raises an error when the stream has not ended yet.
---@return predibase.ChatResult? # the result, see `predibase.response`
---@return predibase.Error # the error, when the stream failed
---@return_overload predibase.ChatResult
---@return_overload nil, predibase.Error
function ChatStream:result() end

---Closes the connection, so that the model stops. May be called at any time and any number of
---times, also while another coroutine waits for a token: that coroutine gets an error of kind
---"cancelled".
function ChatStream:close() end

---@class predibase.CompletionStream
---@overload fun(): predibase.CompletionDelta?
local CompletionStream = {}

---Waits for the next token and returns it.
---@return predibase.CompletionDelta? # the token, or the delta of a chat; or nil at the end
---@return predibase.Error # the error; every later call returns it again
---@return_overload predibase.CompletionDelta
---@return_overload nil
---@return_overload nil, predibase.Error
function CompletionStream:next() end

---Returns the next token if it has arrived; never waits.
---@return predibase.CompletionDelta? # the token; or nil at the end
---@return ("pending"|predibase.Error)? # "pending" when it has not arrived yet, or the error
---@return_overload predibase.CompletionDelta
---@return_overload nil
---@return_overload nil, "pending"|predibase.Error
function CompletionStream:poll() end

---Iterates over pieces of text as a terminal or a page can show them: special tokens are left
---out, and reasoning too if it is separated (option `reasoning`); a character that several tokens
---make up comes with the last of them, and no piece is empty. The texts of tokens that have arrived
---together are one piece.
---What may be the beginning of a stop sequence (`trim_stop`, `client_stop`) is held back until
---that is known. An unfinished character at the end of the stream is returned as it is. Raises the
---error object when the stream fails. On Lua 5.4 and 5.5, `break` closes the connection at once.
---@return (fun(): string)? # the iterator (with the further values that the generic `for` of 5.4 takes)
function CompletionStream:texts() end

---Reads the stream to its end and returns the text.
---@return string? # the whole text
---@return predibase.Error # the error
---@return_overload string
---@return_overload nil, predibase.Error
function CompletionStream:text() end

---Returns what `generate` would have returned, once the stream has ended.
---
---Raises an error when the stream has not ended yet.
---@return predibase.CompletionResult? # the result, see `predibase.response`
---@return predibase.Error # the error, when the stream failed
---@return_overload predibase.CompletionResult
---@return_overload nil, predibase.Error
function CompletionStream:result() end

---Closes the connection, so that the model stops. May be called at any time and any number of
---times, also while another coroutine waits for a token: that coroutine gets an error of kind
---"cancelled".
function CompletionStream:close() end

---@class predibase.SessionStream
---@overload fun(): predibase.SessionDelta?
local SessionStream = {}

---Waits for the next token and returns it.
---@return predibase.SessionDelta? # the token, or the delta of a chat; or nil at the end
---@return predibase.Error # the error; every later call returns it again
---@return_overload predibase.SessionDelta
---@return_overload nil
---@return_overload nil, predibase.Error
function SessionStream:next() end

---Returns the next token if it has arrived; never waits.
---@return predibase.SessionDelta? # the token; or nil at the end
---@return ("pending"|predibase.Error)? # "pending" when it has not arrived yet, or the error
---@return_overload predibase.SessionDelta
---@return_overload nil
---@return_overload nil, "pending"|predibase.Error
function SessionStream:poll() end

---Iterates over pieces of text as a terminal or a page can show them: special tokens are left
---out, and reasoning too if it is separated (option `reasoning`); a character that several tokens
---make up comes with the last of them, and no piece is empty. The texts of tokens that have arrived
---together are one piece.
---What may be the beginning of a stop sequence (`trim_stop`, `client_stop`) is held back until
---that is known. An unfinished character at the end of the stream is returned as it is. Raises the
---error object when the stream fails. On Lua 5.4 and 5.5, `break` closes the connection at once.
---@return (fun(): string)? # the iterator (with the further values that the generic `for` of 5.4 takes)
function SessionStream:texts() end

---Reads the stream to its end and returns the text.
---@return string? # the whole text
---@return predibase.Error # the error
---@return_overload string
---@return_overload nil, predibase.Error
function SessionStream:text() end

---Returns what `generate` would have returned, once the stream has ended.
---
---Raises an error when the stream has not ended yet.
---@return predibase.SessionResult? # the result, see `predibase.response`
---@return predibase.Error # the error, when the stream failed
---@return_overload predibase.SessionResult
---@return_overload nil, predibase.Error
function SessionStream:result() end

---Closes the connection, so that the model stops. May be called at any time and any number of
---times, also while another coroutine waits for a token: that coroutine gets an error of kind
---"cancelled".
function SessionStream:close() end

---@class predibase.EventStream
---@overload fun(): predibase.RawEvent?
local EventStream = {}

---Waits for the next token and returns it.
---@return predibase.RawEvent? # the token, or the delta of a chat; or nil at the end
---@return predibase.Error # the error; every later call returns it again
---@return_overload predibase.RawEvent
---@return_overload nil
---@return_overload nil, predibase.Error
function EventStream:next() end

---Returns the next token if it has arrived; never waits.
---@return predibase.RawEvent? # the token; or nil at the end
---@return ("pending"|predibase.Error)? # "pending" when it has not arrived yet, or the error
---@return_overload predibase.RawEvent
---@return_overload nil
---@return_overload nil, "pending"|predibase.Error
function EventStream:poll() end

---Iterates over pieces of text as a terminal or a page can show them: special tokens are left
---out, and reasoning too if it is separated (option `reasoning`); a character that several tokens
---make up comes with the last of them, and no piece is empty. The texts of tokens that have arrived
---together are one piece.
---What may be the beginning of a stop sequence (`trim_stop`, `client_stop`) is held back until
---that is known. An unfinished character at the end of the stream is returned as it is. Raises the
---error object when the stream fails. On Lua 5.4 and 5.5, `break` closes the connection at once.
---@return (fun(): string)? # the iterator (with the further values that the generic `for` of 5.4 takes)
function EventStream:texts() end

---Reads the stream to its end and returns the text.
---@return string? # the whole text
---@return predibase.Error # the error
---@return_overload string
---@return_overload nil, predibase.Error
function EventStream:text() end

---Returns what `generate` would have returned, once the stream has ended.
---
---Raises an error when the stream has not ended yet.
---@return predibase.Result? # the result, see `predibase.response`
---@return predibase.Error # the error, when the stream failed
---@return_overload predibase.Result
---@return_overload nil, predibase.Error
function EventStream:result() end

---Closes the connection, so that the model stops. May be called at any time and any number of
---times, also while another coroutine waits for a token: that coroutine gets an error of kind
---"cancelled".
function EventStream:close() end

---@alias predibase.Stream predibase.TokenStream|predibase.ChatStream|predibase.CompletionStream|predibase.SessionStream|predibase.EventStream

---A stream of tokens, or of the deltas of a chat.
---
---Longer than 600 lines: one state machine, whose fast path and slow path share all fields.
---
---The route of the call makes a reader, which turns the data of events into tables with the fields
---`token` (a token or a delta), `generated_text` (not nil: the answer is complete, and this is its
---whole text, or "" when that is the text of all tokens) and `details`. Its methods are `decode`,
---which returns such a table, `{ error, error_type }`, or nil and a failure; and `at_end`, which
---takes the exchange (nil after a failure) and the data of an unfinished last event, and returns
---the closing event if the answer is complete. A reader with `raw` gets all events undecoded, and
---each of them once. Each attempt has a reader of its own.
---
---A stream is in one of four states: not sent yet, open, ended or failed. The last two are final:
---every later call returns the same. A stream ends successfully only when its closing event arrives
---(the event with a `generated_text`), or when its text contains a sequence of `client_stop`. Any
---other end is an error that has the text so far in its field `partial_text`.
---
---Ctrl-C and the time limits of host programs can raise an error at any instruction. So each change
---of state is one assignment, and the code before the assignment can run again. Where one
---assignment is not enough, the field `held` is `CHANGING` during the change. When a later call
---finds that value, the change was interrupted, and the stream fails.
---@class predibase.stream
local M = {}

---Makes a stream for a call. The call is sent by the first `next`.
---@param this table a call of `predibase.call`
---@param on_complete? function called once with the stream, whose result is then available, before its last token is returned; not called when the stream fails or is closed before its end
---@return predibase.Stream
function M.new(this, on_complete) end

---Makes a stream that fails at the first `next`: the error was known before anything was sent.
---@param err predibase.Error
---@return predibase.Stream
function M.failed(err) end

---Makes a call and waits for its outcome, as `call.run` does. When the plan says so, the outcome
---is the result of a stream.
---
---Raises an error for an input of the wrong type.
---@param client table the data that all calls share, see `predibase.call`
---@param input any what the route of the plan takes
---@param plan? table of `predibase.request`; nil when the options were refused
---@param refusal? table the error, when the options were refused
---@param on_error? function the hook of the call, when the options were refused
---@return predibase.Result? # the result
---@return predibase.Error # the error
---@return_overload predibase.Result
---@return_overload nil, predibase.Error
function M.run(client, input, plan, refusal, on_error) end

---Makes a call and its stream. If the call cannot be made, the stream fails at the first `next`.
---
---Raises an error for an input of the wrong type.
---@param client table the data that all calls share, see `predibase.call`
---@param input any what the route of the plan takes
---@param plan? table of `predibase.request`; nil when the options were refused
---@param refusal? table the error, when the options were refused
---@param on_error? function the hook of the call, when the options were refused
---@return predibase.Stream # the stream, with the further values that the generic `for` of Lua 5.4 takes
function M.open(client, input, plan, refusal, on_error) end

---Returns the number of tokens that a stream has read.
---@param stream predibase.Stream
---@return integer
function M.count(stream) end

---Returns a buffered token, for modules that pass on several tokens at once.
---@param stream predibase.Stream
---@return predibase.Token? # nil when the fast path has no token; call `next`, which knows the reason
function M.take_buffered(stream) end

---Waits for the next token, or for the text of several, for modules that need only the text.
---@param stream predibase.Stream
---@return (string|table)? # the text of all buffered tokens, or of the first of them; it may be empty, as special tokens have no text; or a token or a delta, as `next`; or nil at the end
---@return predibase.Error # the error
---@return_overload string
---@return_overload table
---@return_overload nil
---@return_overload nil, predibase.Error
function M.read_text(stream) end

---Returns what the token that was read last adds to the text to show: without special tokens,
---without the reasoning if it is separated, and without what may be a stop sequence.
---@param stream predibase.Stream
---@param token table
---@return string
---@return string? # the reasoning that it adds
function M.text_of(stream, token) end

---Returns what was kept back until the end of a stream, see `predibase.stream.answer_filter`.
---@param stream predibase.Stream it has ended
---@return string
---@return string? # the reasoning that was kept back
function M.rest_of(stream) end

---Returns the text of buffered tokens, for modules that need only the text.
---@param stream predibase.Stream
---@return string? # as `read_text` does; or nil when the fast path has no text
---@return_overload string
---@return_overload nil
function M.take_buffered_texts(stream) end

---Lets the transport read ahead while the caller does other work. It is for modules that read the
---stream to its end or close it.
---@param stream predibase.Stream its first token must have been read
---@return function? # the caller must call it when it needs nothing more
function M.read_ahead(stream) end

---Tells whether a value is a stream.
---@param value any anything
---@return TypeGuard<predibase.Stream>
function M.is(value) end

return M
