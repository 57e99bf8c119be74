-- SPDX-License-Identifier: MIT
--- A transport that shares the connections and the loop of another one, but has a configuration of
-- its own: another URL, other certificates, another proxy. Views of a client and the servers of
-- `base_url = { … }` use it.
-- @module predibase.transport.curl.view

local group = require "predibase.transport.curl.group"

local M = {}

local CLOSED = { kind = "cancelled", phase = "closed", message = "the client was closed" }

local View = {}
View.__index = View

--- Prepares the transport for a wait or a request, as `Transport:ready` does.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the failure
function View:ready ()
  if self.closed then return nil, CLOSED end
  return self.base:ready()
end

--- Starts a request, as `Transport:open` does.
-- @tparam table req
-- @tparam table spec
-- @treturn[1] table the exchange
-- @treturn[2] nil
-- @treturn[2] table the failure
function View:open (req, spec)
  if self.closed then return nil, CLOSED end
  local x, failure = self.base:open(req, spec, self)
  if x then self.exchanges[x] = true end
  return x, failure
end

--- Makes a group of exchanges for which one caller waits together. Exchanges of all views of one
-- transport may be its members.
-- @treturn table see `predibase.transport.curl.group`
function View:group ()
  local made = group.new(self.base, self)
  self.groups[made] = true
  return made
end

--- Makes another view of the same transport.
-- @tparam table cfg a configuration of `predibase.config`
-- @treturn table
function View:view (cfg)
  return self.base:view(cfg)
end

--- Returns the number of exchanges of this view that are not closed.
-- @treturn number
function View:size ()
  local n = 0
  for x in pairs(self.exchanges) do
    if x.raw then n = n + 1 end
  end
  return n
end

--- Closes the exchanges of this view. The connections stay open for others. May be called any
-- number of times.
function View:close ()
  self.closed = true
  local open, groups = {}, {}
  for x in pairs(self.exchanges) do open[#open + 1] = x end
  for made in pairs(self.groups) do groups[#groups + 1] = made end
  for _, x in ipairs(open) do x:close() end
  for _, made in ipairs(groups) do made:end_wait() end
end

--- Makes a view.
-- @tparam table base the transport whose connections it shares
-- @tparam function target returns the target of a request
-- @tparam table place of the server, for messages
-- @treturn table
function M.new (base, target, place)
  return setmetatable({
    base = base, target = target, place = place, closed = false,
    -- Weak, so that exchanges and groups that a program drops are collected.
    exchanges = setmetatable({}, { __mode = "k" }),
    groups = setmetatable({}, { __mode = "k" }),
  }, View)
end

return M
