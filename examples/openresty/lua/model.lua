-- SPDX-License-Identifier: MIT
--- The model behind this site: its client, its chat format, its adapters and the limits. Created by
-- the first request of a worker and shared by all later ones. It contains no data of a request.

local predibase = require "predibase"
local resty = require "predibase.resty"
local template = require "predibase.template"

local M = {}

local state

local function format ()
  local name = os.getenv "CHAT_FORMAT"
  if name then return template.chat(name) end
  local deployment = os.getenv "PREDIBASE_DEPLOYMENT"
  if deployment then return template.for_model(deployment) end
  return template.chat "alpaca"            -- set CHAT_FORMAT for the model of your own server
end

--- Returns the names that the clients of /v1 may give as `model`, in order, and as a set: the base
-- model, and the adapters of the variable GATEWAY_ADAPTERS. Without such a list, everyone who can
-- reach the gateway could make the server load any adapter.
local function models ()
  local base = os.getenv "PREDIBASE_DEPLOYMENT" or "base"
  local list, adapters = { base }, { [""] = "", [base] = "" }
  for id in (os.getenv "GATEWAY_ADAPTERS" or ""):gmatch "%S+" do
    list[#list + 1] = id
    adapters[id] = id
  end
  return list, adapters
end

--- Returns the state, or nil and an error object.
-- @treturn[1] table `client`; `format`; `limits`; `models`, an array of names; `adapters`, a table
-- from these names and "" to adapter ids, "" for the base model; `created`, in Unix seconds
function M.get ()
  if state then return state end
  local client, err = predibase.new { timeout = { first_token = 120 } }
  if not client then return nil, err end
  local chosen
  chosen, err = format()
  if not chosen then return nil, err end
  local list, adapters = models()
  state = {
    client = client, format = chosen, models = list, adapters = adapters, created = ngx.time(),
    limits = resty.limits {
      dict = "chat", streams = 200, streams_per_key = 4, rate = 1, burst = 5,
    },
    api_limits = resty.limits {
      dict = "chat", name = "api", streams = 200, streams_per_key = 20,
    },
  }
  return state
end

return M
