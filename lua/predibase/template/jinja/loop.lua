-- SPDX-License-Identifier: MIT
--- The variable `loop`. It looks one item ahead only when it is asked to, as Jinja does.
-- @module predibase.template.jinja.loop

local compare = require "predibase.template.jinja.compare"
local iterate = require "predibase.template.jinja.iterate"
local runtime = require "predibase.template.jinja.runtime"
local signature = require "predibase.template.jinja.signature"
local values = require "predibase.template.jinja.values"

local M = {}

local Loop = {}
Loop.__index = Loop
Loop.kind = "loop"

--- Makes the variable of a loop.
-- @tparam table rt
-- @param iterable a value
-- @tparam function next_item gives its items
-- @treturn table
function M.new(rt, iterable, next_item)
  return setmetatable({ rt = rt, iterable = iterable, next_item = next_item, index0 = -1 }, Loop)
end

--- The next item, nil at the end.
function Loop:advance()
  local item = self.after
  if item ~= nil then self.after = nil else item = self.next_item() end
  if item == nil then return nil end
  self.index0 = self.index0 + 1
  self.before, self.current = self.current, item
  return item
end

--- The item behind the current one, nil at the end.
function Loop:peek()
  if self.after == nil then self.after = self.next_item() end
  return self.after
end

--- How many items there are; a generator is read to its end for it.
function Loop:length()
  if self.count then return self.count end
  local iterable = self.iterable
  local n = iterable.kind ~= "generator" and values.length(iterable)
  if not n then
    local rest, more = {}, 0
    for item in self.next_item do
      runtime.charge(self.rt, 1)
      more = more + 1
      rest[more] = item
    end
    n = more + self.index0 + 1 + (self.after ~= nil and 1 or 0)
    self.next_item = iterate.iter(self.rt, values.list(rest, more))
  end
  self.count = n
  return n
end

local function cycle(rt, self, args)
  if args.n == 0 then runtime.raise("no items for cycling given") end
  runtime.charge(rt, 1)
  return args[self.index0 % args.n + 1]
end

local function changed(rt, self, args)
  local now = values.tuple(args, args.n)
  if self.last and compare.equal(rt, self.last, now) then return false end
  self.last = now
  return true
end

local read = {
  index0 = function (self) return self.index0 end,
  index = function (self) return self.index0 + 1 end,
  revindex0 = function (self) return self:length() - self.index0 - 1 end,
  revindex = function (self) return self:length() - self.index0 end,
  first = function (self) return self.index0 == 0 end,
  last = function (self) return self:peek() == nil end,
  length = function (self) return self:length() end,
  depth = function () return 1 end,
  depth0 = function () return 0 end,
  previtem = function (self)
    if self.index0 > 0 then return self.before end
    return values.undefined(nil, nil, "there is no previous item")
  end,
  nextitem = function (self)
    local item = self:peek()
    if item ~= nil then return item end
    return values.undefined(nil, nil, "there is no next item")
  end,
}

local methods = { cycle = cycle, changed = changed }

--- An attribute of the loop, or nil.
function Loop:attribute(name)
  if read[name] then return read[name](self) end
  local method = methods[name]
  if not method then return nil end
  return values.callable(name, function (rt, args, kwargs)
    if kwargs then signature.bind(name, {}, nil, kwargs) end
    return method(rt, self, args)
  end)
end

return M
