---@meta predibase.errors
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/errors.lua by `make types`; do not edit.

---@alias predibase.ErrorKind "authentication"|"cancelled"|"config"|"connection"|"generation"|"incomplete_generation"|"not_found"|"overloaded"|"permission"|"protocol"|"rate_limited"|"server"|"template"|"timeout"|"tls"|"too_large"|"tool"|"validation"

---An error. `tostring` of it is one line for a log.
---@class predibase.Error
---@field kind predibase.ErrorKind what happened: one of `kinds`, see docs/errors.md
---@field message string what happened, in a sentence
---@field retryable boolean whether the same call may succeed later
---@field status? integer of HTTP
---@field error_type? string the server's word for the kind
---@field phase? string where the call was
---@field retry_after? number seconds after which the server wants to be asked again
---@field sent? boolean whether the request may have reached the server
---@field attempts? integer the number of attempts
---@field request_id? string the `X-Request-Id` that was sent
---@field trace_id? string for questions to the provider
---@field partial_text? string the text that was received before the error
---@field partial_reasoning? string the reasoning that was received before the error
---@field tokens? integer the number of tokens that were received before the error
---@field headers? table<string, string> of the response: lower-case name -> value
---@field body? string an excerpt of the response, at most 512 bytes
---@field earlier? predibase.Error[] the errors of the other clients, with the option `fallback`
---@field line? integer where in a file or a template
---@field column? integer where in a template
---@field path? string the part of a JSON value that does not fit its schema
---@field reason? string why it does not fit
---@field unfinished? boolean a file ends before its header does
---@field messages? predibase.Message[] the new messages of `session:run`
---@field traceback? string of the task that raised the error

---Makes the error objects of the library, and removes secrets and unprintable bytes from texts.
---@class predibase.errors
---@field kinds table Every kind of error. `retryable` is the default of the field of that name; a `timeout` is also retryable when its phase is `connect`. `exit` is the exit code of the `predibase` command, which uses 1 for internal errors and 64 for wrong usage.
---@field MIN_SECRET integer Length in bytes of the shortest secret that is replaced. A shorter one also occurs in ordinary words, and the rest of such a word would reveal it.
local M = {}

---Makes an error object. Raises when `kind` is not one of `kinds`, which is a bug of the library.
---@param fields table are copied; `kind` and `message` are required, `retryable` is set from the kind when it is nil
---@return predibase.Error # the error
function M.new(fields) end

---Adds fields to an error object, or replaces them.
---@param err predibase.Error
---@param fields table
---@return predibase.Error # the error
function M.add(err, fields) end

---Tells whether a value is an error object of this library.
---@param value any anything
---@return TypeGuard<predibase.Error>
function M.is(value) end

---Replaces every occurrence of every secret by `[redacted]`, also where it is written as in a
---JSON string (`\"`, `\/`, `\u0022`) or in a JSON text inside a JSON string. Overlapping secrets
---are replaced as one, so that no part of them remains. Call this before a text is shortened: a
---secret of which only a part is left is not found.
---@param text string
---@param secrets? string[] array of strings; those shorter than `MIN_SECRET` are skipped
---@return string
function M.redact(text, secrets) end

---Makes a printable excerpt of a text. White space characters become spaces. Other control
---characters and bytes that are not UTF-8 become `?`. No character is cut in half.
---@param text string
---@param limit? integer largest size of the result in bytes
---@return string # ends in `…` when the text was shortened and `limit` is at least 3
function M.excerpt(text, limit) end

return M
