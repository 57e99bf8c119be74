-- SPDX-License-Identifier: MIT
--- Loads modules at their first use, because parsing all of the library takes longer than a call.
--
--     local lazy = require "predibase.lazy"
--     local retry = lazy "predibase.retry"         -- loaded by the first `retry.delay(…)`
--
-- What handles failures is loaded by `predibase.for_failures`.
--
-- Inside nginx, modules are loaded at once: there the library is loaded when nginx starts, and a
-- request should not read files. `tools/graph.lua` counts such modules as required, so they cannot
-- form a cycle.
-- @module predibase.lazy

local host = require "predibase.host"
local loading = require "predibase.loading"

local load_module = require             -- under another name: tools/graph.lua reads `require "x"`

--- Returns a table that loads a module when one of its fields is first read.
-- @tparam string name of a module that returns a table
-- @treturn table has the fields of the module; the module itself if it is loaded already
local function lazy (name)
  local loaded = package.loaded[name]
  if type(loaded) == "table" then return loaded end
  if host.in_nginx() then return load_module(name) end
  local stand_in, mt = {}, {}
  function mt.__index (_, key)
    local ok, module = loading.try(name)
    if not ok then error(module, 0) end
    mt.__index = module
    return module[key]
  end
  return setmetatable(stand_in, mt)
end

return lazy
