-- SPDX-License-Identifier: MIT
--- Statements with a scope of their own: `set` and `filter` around a text, `with`.
-- @module predibase.template.jinja.blocks

local calls = require "predibase.template.jinja.calls"
local represent = require "predibase.template.jinja.represent"
local runtime = require "predibase.template.jinja.runtime"
local scopes = require "predibase.template.jinja.scopes"

local M = {}

local charge = runtime.charge

-- The room that compiles statements; `add` sets it.
local compiler

--- Statements in a scope of their own, into a string; then perhaps through filters.
local function held(node, scope)
  local inner = scopes.new(scope)
  inner:analyse(node.body)
  local wrap
  if node.filter then
    local root = node.filter
    while root.inner do root = root.inner end
    root.inner = { type = "held", line = node.line }
    inner:analyse { node.filter }
    wrap = compiler.priced(node.filter, inner)
  end
  local enter, run, line = compiler.entry(inner), compiler.body(node.body, inner), node.line
  return function (f)
    enter(f)
    local made, signal = calls.captured(f.rt, run, f)
    if signal then return nil, signal end
    if not wrap then return made end
    f.rt.line = line
    local before = f.held
    f.held = made
    local value = wrap(f)
    f.held = before
    return value
  end
end

--- Adds the statements of this room to those of the compiler.
-- @tparam table make statement -> maker
-- @tparam table room
function M.add(make, room)
  compiler = room

  make.setblock = function (node, scope)
    local collect, assign = held(node, scope), compiler.assign(node.target, scope)
    return function (f)
      local value, signal = collect(f)
      if signal then return signal end
      assign(f, value)
    end
  end

  make.filterblock = function (node, scope)
    local collect = held(node, scope)
    return function (f)
      local value, signal = collect(f)
      if signal then return signal end
      compiler.emit(f.rt, represent.str(f.rt, value))
    end
  end

  make.with = function (node, scope)
    local inner = scopes.new(scope)
    for _, goal in ipairs(node.targets) do inner:target(goal) end
    inner:analyse(node.body)
    local pairs_of = {}
    for i, value in ipairs(node.values) do
      local get, cost = compiler.priced(value, scope)
      pairs_of[i] = { get = get, cost = cost, assign = compiler.assign(node.targets[i], inner) }
    end
    local enter, run, line = compiler.entry(inner), compiler.body(node.body, inner), node.line
    return function (f)
      enter(f)
      for _, pair in ipairs(pairs_of) do
        f.rt.line = line
        charge(f.rt, pair.cost)
        pair.assign(f, pair.get(f))
      end
      return run(f)
    end
  end
end

return M
