---@meta predibase.chat
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/chat.lua by `make types`; do not edit.

---A conversation.
---@class predibase.Session
---@field messages predibase.Message[] the history, with the system message first; to be read only
---@field left_out integer how many messages the last call did not send, see `max_input_tokens`
local Session = {}

---Sends a question and waits for the whole answer. A stream of this session that is still open is
---closed first; a task that reads it gets an error of kind "cancelled".
---
---Raises an error as `client:generate` does, while another call of this session is running, and while a call of a tool has no result.
---@param text string
---@param options? predibase.SendOptions as for `client:generate`, or over `"chat"` as for `client:chat_completion`; they replace options of the session; also `tools` and `tool_choice`
---@return predibase.SessionResult? # the result, see `predibase.response`; when the model calls tools it has `tool_calls`, and their results are given with `append`
---@return predibase.Error # the error; the history has not changed
---@return_overload predibase.SessionResult
---@return_overload nil, predibase.Error
function Session:send(text, options) end

---Sends a question and streams the answer. A stream of this session that is still open is closed
---first, as by `send`. With `max_input_tokens` this function may wait for the server to count
---tokens; the question itself is sent by the first `next`. All errors are returned by the first
---`next`.
---
---Raises an error as `send` does.
---@param text string
---@param options? predibase.SendOptions as for `send`, and `on_token`
---@return predibase.SessionStream # the stream, see `predibase.stream`, with the further values that the generic `for` of Lua 5.4 takes
function Session:stream(text, options) end

---Adds a message to the history, for example the result of a tool: `{ role = "tool", tool_call_id
---= call.id, content = text }`. An open stream of this session is closed first, as by `send`.
---
---Raises an error while a call is running, and for a message that is not a table.
---@param message predibase.Message in OpenAI's form, see `predibase.wire_messages`
---@return boolean? # true
---@return predibase.Error # the error, of kind "validation"
---@return_overload boolean
---@return_overload nil, predibase.Error
function Session:append(message) end

---Asks for an answer to the history as it is, for example after `append`.
---
---Raises an error as `send` does.
---@param options? predibase.SendOptions as for `send`
---@return predibase.SessionResult? # the result
---@return predibase.Error # the error; the history has not changed
---@return_overload predibase.SessionResult
---@return_overload nil, predibase.Error
function Session:generate(options) end

---Streams an answer to the history as it is.
---
---Raises an error as `send` does.
---@param options? predibase.SendOptions as for `stream`
---@return predibase.SessionStream # the stream
function Session:generate_stream(options) end

---Sends a question, runs the tools that the model calls, and asks again, until the model answers
---in words. Each tool is a table with a function `run(arguments, call)`, see `predibase.tools`. It
---runs in a coroutine of its own, in which calls of a client may wait; the tools of one answer run
---at the same time. It returns a string, a table (which is sent as JSON), or nil and a message.
---
---Raises an error as `send` does, and when a tool has no function `run`.
---@param text? string the question; nil to answer the history as it is
---@param options? predibase.RunOptions as for `send`, and `max_rounds` (most answers of the model, default 8); `on_tool(call, result)` observes the result of each call; `on_tool_error(call, err)` returns what the model is told of a tool's error, or nil to stop. Without it the model gets the error's message. Arguments that do not fit the tool's schema always go back to the model
---@return predibase.SessionResult? # the result of the last answer, with `rounds`, the number of answers
---@return predibase.Error # the error: of kind "tool" when `on_tool_error` returned nil or the rounds were too many; the history has not changed, and `messages` has the new messages
---@return_overload predibase.SessionResult
---@return_overload nil, predibase.Error
function Session:run(text, options) end

---Does the same as `run`, and streams the text of all answers. All errors are returned by the
---first `next`.
---
---Raises an error as `run` does.
---@param text? string
---@param options? predibase.RunOptions as for `run`
---@return predibase.RunStream # the stream, see `predibase.chat.run_stream`, with the further values that the generic `for` of Lua 5.4 takes
function Session:run_stream(text, options) end

---Replaces the system message. An open stream of this session is closed first, as by `send`.
---
---Raises an error while a call is running.
---@param text? string nil removes it
---@return boolean? # true
---@return predibase.Error # the error: of kind "template" when the format has no system message
---@return_overload boolean
---@return_overload nil, predibase.Error
function Session:set_system(text) end

---Removes all messages but the system message from the history. An open stream of this session is
---closed first, as by `send`.
---
---Raises an error while a call is running.
function Session:reset() end

---Removes the last turn, a question and its answer, from the history. An open stream of this
---session is closed first, as by `send`; the question of that stream is not in the history, so it
---is not the turn that is removed.
---
---Raises an error while a call is running.
---@return string? # the question; nil when there was none
function Session:undo() end

---Makes a copy of the session, which continues on its own. The two share only the client.
---@return predibase.Session
function Session:fork() end

---Writes the conversation as JSON: the name of the format, the messages, the parameters of the
---session and its token limit. Tokens, headers and functions are not written.
---@param path? string of a file to write
---@return (string|boolean)? # the JSON; true when it was written to a file
---@return predibase.Error # the error
---@return_overload string|boolean
---@return_overload nil, predibase.Error
function Session:save(path) end

---A conversation with a model. Each call sends the whole history: with `generate` in the model's
---chat format, or with `over = "chat"` as a chat completion. `client:chat_session` makes a session.
---
---    local session = assert(client:chat_session { system = "Answer in one sentence." })
---    print(assert(session:send "Why is the sky blue?"))
---    for token in session:stream "And at night?" do io.write(token.text) end
---
---With tools, `session:run` runs the functions that the model calls until it answers in words.
---
---`session.messages` is the history in OpenAI's form, with the system message first. Programs may
---read it but must not change it. A question and its answer are added together, when the answer is
---complete.
---@class predibase.chat
local M = {}

---Estimates the tokens of a text, for the option `count_tokens`.
---@param text string
---@return integer
function M.estimate(text) end

---Returns the text of a message of the history. A content that consists of parts is joined.
---@param message predibase.Message
---@return string
function M.text(message) end

---Makes a session, for `client:chat_session`.
---
---Raises an error for an option that does not exist.
---@param of predibase.Client the client
---@param options? predibase.SessionOptions `over` (`"generate"`, the default, or `"chat"`: how the messages are sent); `format` (a chat format, its name, or the name of a model; default: the format of the deployment), `system` (the system message), `messages` (the first messages of the history), `tools` (see `predibase.tools`) and `tool_choice` of all calls, `max_input_tokens` (older turns that do not fit are not sent), `count_tokens` (a function from text to number, used instead of the server's tokenizer), `special_tokens_in_text` (default `"neutralise"`; `"refuse"` applies to the texts of `send` and `stream`; `"allow"`), `enable_thinking`, `variables`, `date_string`, `now` as for `format:render`; all options of calls. Over `"chat"` there are no `format` and no options of `format:render`, and the numbers of tokens that the server adds to the texts are estimated
---@param calls? table options of calls that apply where `options` has none
---@param base? table the session's own options that apply where `options` has none
---@return predibase.Session? # the session
---@return predibase.Error # the error
---@return_overload predibase.Session
---@return_overload nil, predibase.Error
function M.new(of, options, calls, base) end

---Continues a conversation that `session:save` wrote.
---
---Raises an error for an option that does not exist, and a source that is not a string.
---@param of predibase.Client|predibase.Adapter a client, or an adapter of `client:adapter`
---@param source string the path of the file, or the JSON itself, which begins with `{`
---@param options? predibase.SessionOptions as for `client:chat_session`; they replace what was saved. A `format` that is not built in has to be given again
---@return predibase.Session? # the session
---@return predibase.Error # the error
---@return_overload predibase.Session
---@return_overload nil, predibase.Error
function M.load(of, source, options) end

return M
