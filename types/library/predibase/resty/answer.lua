---@meta predibase.resty.answer
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/resty/answer.lua by `make types`; do not edit.

---Turns an error into the response for a browser: a status, a kind, and a message that reveals
---nothing about the gateway.
---@class predibase.resty.answer
---@field STATUS table HTTP status by kind of error, for an error before the first token (RFC 9110 section 15). Problems between this gateway and the model, including its credentials, get `OTHER_STATUS`: the browser sees a bad gateway.
---@field OTHER_STATUS integer HTTP status for all other kinds of errors.
local M = {}

---Returns the part of an error that a browser may see.
---@param err predibase.Error an error of `predibase.errors`
---@param message? function receives the error and returns the message to show; nil stands for the default message
---@return table # `kind`, `message`, and `retry_after` in seconds if it is known
function M.public(err, message) end

---Encodes a public error as JSON.
---@param public table a result of `public`
---@return string
function M.encode(public) end

---Sends a whole response with JSON. Must be called before anything else is sent.
---@param status number
---@param text string JSON
---@param retry_after? number seconds
function M.send(status, text, retry_after) end

---Answers the request with an error: a status, `Retry-After` if it is known, and JSON. Must be
---called before anything else is sent.
---
---Raises an error if `err` is not an error object.
---@param err predibase.Error an error of `predibase.errors`
---@param message? function as for `public`
function M.refuse(err, message) end

return M
