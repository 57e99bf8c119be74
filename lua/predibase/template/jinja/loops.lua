-- SPDX-License-Identifier: MIT
--- The statement `for`.
-- @module predibase.template.jinja.loops

local iterate = require "predibase.template.jinja.iterate"
local loop_variable = require "predibase.template.jinja.loop"
local runtime = require "predibase.template.jinja.runtime"
local scopes = require "predibase.template.jinja.scopes"
local values = require "predibase.template.jinja.values"

local M = {}

local charge, truth = runtime.charge, values.truth

-- The room that compiles statements; `add` sets it.
local compiler

--- The items of a loop that pass its `if`, looked at one by one as the loop goes on.
local function filtered(node, scope)
  local inner = scopes.new(scope, true)
  inner:bind(node.target)
  inner:analyse { node.test }
  local enter, assign = compiler.entry(inner), compiler.assign(node.target, inner)
  local test, cost = compiler.priced(node.test, inner)
  return function (f, next_item)
    local frame
    return function ()
      if not frame then
        frame = { rt = f.rt, up = f }
        enter(frame)
      end
      for item in next_item do
        charge(f.rt, cost + 1)
        assign(frame, item)
        if truth(test(frame)) then return item end
      end
      return nil
    end
  end
end

local function loop_body(node, scope)
  local inner = scopes.new(scope)
  inner:parameter("loop")
  inner:bind(node.target)
  inner:analyse(node.body)
  local assign, enter = compiler.assign(node.target, inner), compiler.entry(inner)
  local run, key, line = compiler.body(node.body, inner), inner:find("loop").key, node.line
  return function (f, iterable, next_item)
    local rt = f.rt
    local loop = loop_variable.new(rt, iterable, next_item)
    local item = loop:advance()
    -- As in Jinja, rounds that end in break or continue do not count as rounds for `else`.
    local empty = true
    while item ~= nil do
      charge(rt, 2)
      f[key] = loop
      assign(f, item)
      enter(f)
      local signal = run(f)
      if signal == "break" then break end
      empty = empty and signal ~= nil
      rt.line = line
      item = loop:advance()
    end
    f[key] = nil
    return empty
  end
end

--- Adds the statements of this room to those of the compiler.
-- @tparam table make statement -> maker
-- @tparam table room
function M.add(make, room)
  compiler = room

  make["for"] = function (node, scope)
    local iter, cost = compiler.priced(node.iter, scope)
    local pass = node.test and filtered(node, scope)
    local run, line = loop_body(node, scope), node.line
    local other, enter_other
    if node.other then
      local inner = scopes.new(scope)
      inner:analyse(node.other)
      enter_other, other = compiler.entry(inner), compiler.body(node.other, inner)
    end
    return function (f)
      local rt = f.rt
      rt.line = line
      charge(rt, cost)
      local iterable = iter(f)
      local next_item = iterate.iter(rt, iterable)
      if pass then
        next_item = pass(f, next_item)
        iterable = values.generator(next_item)
      end
      if run(f, iterable, next_item) and other then
        enter_other(f)
        return other(f)
      end
    end
  end
end

return M
