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
local checks = require "predibase.value_checks"
local limits = require "predibase.resty.limits"
local names = require "predibase.option_names"
local openai_answers = require "predibase.resty.openai_answers"
local relay = require "predibase.resty.relay"
local transports = require "predibase.transport"
local usage = require "predibase.usage"

-- What the methods of a client would load when they are first called: a request should not read
-- files, and all workers share what is loaded when nginx starts.
require "predibase.adapter"
require "predibase.batch"
require "predibase.chat"
require "predibase.chat_completion"
require "predibase.classify"
require "predibase.client"
require "predibase.completion"
require "predibase.embed"
require "predibase.info"
require "predibase.json_answer"
require "predibase.metrics"
require "predibase.raw_request"
require "predibase.readiness"
require "predibase.rendering"
require "predibase.schema"
require "predibase.tokenize"

if transports.in_nginx() then transports.default() end

local M = {}

local REFUSE = { format = true, message = true }

--- Sends a stream to the browser. See `predibase.resty.relay`.
-- @function relay
-- @tparam Stream|RunStream stream of `client:generate_stream`
-- @tparam ?RelayOptions options
-- @treturn[1] Result the result
-- @treturn[2] nil
-- @treturn[2] Error the error
M.relay = relay.relay

--- Answers the request with an error: a status, `Retry-After` if it is known, and JSON. Must be
-- called before anything else is sent.
-- @tparam Error err an error of `predibase.errors`
-- @tparam ?table|function options `format = "openai"`: in the shape of OpenAI's API; `message`: a
-- function that receives the error and returns the message to show, which can also be given in
-- place of the table
-- @raise for wrong arguments
function M.refuse (err, options)
  if type(options) == "function" or options == nil then return answer.refuse(err, options) end
  if type(options) ~= "table" then
    usage.fail("refuse takes its options as a table, got " .. checks.describe(options))
  end
  names.check(options, REFUSE, "option")
  local format, message = options.format, options.message
  if message ~= nil and type(message) ~= "function" then
    usage.fail("message must be a function, got " .. checks.describe(message))
  end
  if format == nil then return answer.refuse(err, message) end
  if format ~= "openai" then
    usage.fail('format must be "openai", got ' .. checks.describe(format))
  end
  return openai_answers.refuse(err, message)
end

--- Makes limits for streams. See `predibase.resty.limits`.
-- @function limits
-- @tparam LimitsOptions options
-- @treturn Limits the limits
M.limits = limits.new

return M
