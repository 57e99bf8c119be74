-- SPDX-License-Identifier: MIT
--- Loads the modules that only failures need: at once, because a process that has no descriptor
-- left cannot read files, and must get an error object nevertheless; but later, as
-- `predibase.lazy` does, in a program that makes one call and whose start should be short.
--
--     local for_failures = require "predibase.for_failures"
--     local retry = for_failures "predibase.retry"
-- @module predibase.for_failures

local host = require "predibase.host"
local lazy = require "predibase.lazy"

local load_module = require             -- under another name: tools/graph.lua reads `require "x"`

--- Loads a module that handles failures.
-- @tparam string name of a module that returns a table
-- @treturn table the module, or a table that loads it when one of its fields is first read
local function for_failures (name)
  if host.makes_one_call() then return lazy(name) end
  return load_module(name)
end

return for_failures
