---@meta predibase.resty
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/resty.lua by `make types`; do not edit.

---Functions for an nginx (OpenResty) gateway in front of a model: sends streams to browsers and
---applies limits that all workers share.
---
---    location /api/chat {
---      content_by_lua_block {
---        local resty = require "predibase.resty"
---        local lease, err = limits:enter(ngx.var.remote_addr)
---        if not lease then return resty.refuse(err) end
---        resty.relay(client:generate_stream(prompt), { lease = lease })
---      }
---    }
---@class predibase.resty
local M = {}

---Sends a stream to the browser. See `predibase.resty.relay`.
---@param stream predibase.Stream|predibase.RunStream of `client:generate_stream`
---@param options? predibase.RelayOptions
---@return predibase.Result? # the result
---@return predibase.Error # the error
---@return_overload predibase.Result
---@return_overload nil, predibase.Error
function M.relay(stream, options) end

---Answers the request with an error: a status, `Retry-After` if it is known, and JSON. Must be
---called before anything else is sent.
---
---Raises an error for wrong arguments.
---@param err predibase.Error an error of `predibase.errors`
---@param options? table|function `format = "openai"`: in the shape of OpenAI's API; `message`: a function that receives the error and returns the message to show, which can also be given in place of the table
function M.refuse(err, options) end

---Makes limits for streams. See `predibase.resty.limits`.
---@param options predibase.LimitsOptions
---@return predibase.Limits # the limits
function M.limits(options) end

return M
