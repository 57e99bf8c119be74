-- SPDX-License-Identifier: MIT
--- Functions for an nginx (OpenResty) gateway in front of a model: sends streams to browsers and
-- applies limits that all workers share.
--
--     location /api/chat {
--       content_by_lua_block {
--         local resty = require "predibase.resty"
--         local lease, err = limits:enter(ngx.var.remote_addr)
--         if not lease then return resty.refuse(err) end
--         resty.relay(client:generate_stream(prompt), { lease = lease })
--       }
--     }
--
-- @module predibase.resty

local answer = require "predibase.resty.answer"
local limits = require "predibase.resty.limits"
local relay = require "predibase.resty.relay"

local M = {}

--- Sends a stream to the browser. See `predibase.resty.relay`.
-- @function relay
-- @tparam table stream of `client:generate_stream`
-- @tparam ?table options
-- @treturn[1] table the result
-- @treturn[2] nil
-- @treturn[2] table the error
M.relay = relay.relay

--- Answers the request with an error. See `predibase.resty.answer`.
-- @function refuse
-- @tparam table err
-- @tparam ?function message
M.refuse = answer.refuse

--- Makes limits for streams. See `predibase.resty.limits`.
-- @function limits
-- @tparam table options
-- @treturn table the limits
M.limits = limits.new

return M
