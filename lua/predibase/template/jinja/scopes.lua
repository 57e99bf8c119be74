-- SPDX-License-Identifier: MIT
--- Determines which variable each name means, before the template runs. Loops, macros and blocks
-- have their own scopes; an `if` has none. A name that is set anywhere in a scope is a variable of
-- that scope. Its initial value is the value of the outer variable with the same name. If there is
-- no outer variable, it is the program's value when the name is read before it is set, or is set
-- only in some branches of an `if`; otherwise the variable is undefined at first.
--
-- Each call of a function (template, macro, call block) has a frame, a table that contains the
-- values of its variables.
-- @module predibase.template.jinja.scopes

local M = {}

local Scope = {}
Scope.__index = Scope

--- Makes a scope inside the scope `parent`; without a parent, makes the scope of the template. With
-- `own`, the scope has a frame of its own.
function M.new (parent, own)
  local level = parent and parent.level + 1 or 0
  local fn = parent and (own and parent.fn + 1 or parent.fn) or 0
  return setmetatable({ parent = parent, level = level, fn = fn, refs = {}, loads = {},
    stores = {} }, Scope)
end

--- Defines a variable. `how` tells where its initial value comes from: "resolve" (the program),
-- "alias" (the outer variable `from`), "nothing" (it is undefined) or "parameter" (the caller).
function Scope:define (name, how, from)
  local ref = { key = "l_" .. self.level .. "_" .. name, fn = self.fn }
  self.refs[name] = ref
  self.loads[ref.key] = { how = how, from = from, name = name, key = ref.key }
  return ref
end

--- Returns the variable of a name in this scope or an outer one.
function Scope:find (name)
  local scope = self
  while scope do
    local ref = scope.refs[name]
    if ref then return ref end
    scope = scope.parent
  end
  return nil
end

--- Records that a name is read.
function Scope:load (name)
  if not self:find(name) then self:define(name, "resolve") end
end

--- Records that a name is set.
function Scope:store (name)
  self.stores[name] = true
  if self.refs[name] then return end
  local outer = self.parent and self.parent:find(name)
  self:define(name, outer and "alias" or "nothing", outer)
end

--- Makes a name a parameter of this scope.
function Scope:parameter (name)
  self.stores[name] = true
  return self:define(name, "parameter")
end

local function copied (t)
  local out = {}
  for key, value in pairs(t) do out[key] = value end
  return out
end

--- Returns a copy, for a branch of an `if`.
function Scope:copy ()
  return setmetatable({ parent = self.parent, level = self.level, fn = self.fn,
    refs = copied(self.refs), loads = copied(self.loads), stores = copied(self.stores) }, Scope)
end

--- Merges the copies for the branches of an `if`.
function Scope:join (branches)
  local counts = {}
  for _, branch in ipairs(branches) do
    for name in pairs(branch.stores) do
      if not self.stores[name] then counts[name] = (counts[name] or 0) + 1 end
    end
  end
  for _, branch in ipairs(branches) do
    for name, ref in pairs(branch.refs) do self.refs[name] = ref end
    for key, load in pairs(branch.loads) do self.loads[key] = load end
    for name in pairs(branch.stores) do self.stores[name] = true end
  end
  for name, count in pairs(counts) do
    if count < #branches then
      local ref = self.refs[name]
      local outer = self.parent and self.parent:find(name)
      self.loads[ref.key] = { how = outer and "alias" or "resolve", from = outer, name = name,
        key = ref.key }
    end
  end
end

local visit

local function visit_all (scope, list)
  for _, item in ipairs(list) do visit(scope, item) end
end

local function visit_given (scope, given)
  if not given then return end
  visit_all(scope, given.args)
  for _, pair in ipairs(given.kwargs) do visit(scope, pair.value) end
end

local function target (scope, node)
  if node.type == "name" then
    scope:store(node.name)
  elseif node.type == "nsref" then
    scope:load(node.name)
  else
    for _, item in ipairs(node.items) do target(scope, item) end
  end
end

local special = {}

special["name"] = function (scope, node) scope:load(node.name) end

special["if"] = function (scope, node)
  -- As in Jinja there are three branches, which may be empty: the first, all others, `else`.
  local first = node.branches[1]
  visit(scope, first.condition)
  local one, others, last = scope:copy(), scope:copy(), scope:copy()
  visit_all(one, first.body)
  for i = 2, #node.branches do special["if"](others, { branches = { node.branches[i] } }) end
  visit_all(last, node.other or {})
  scope:join { one, others, last }
end

special["set"] = function (scope, node)
  visit(scope, node.value)
  target(scope, node.target)
end

special["setblock"] = function (scope, node) target(scope, node.target) end
special["for"] = function (scope, node) visit(scope, node.iter) end
special["macro"] = function (scope, node) scope:store(node.name) end
special["callblock"] = function (scope, node) visit(scope, node.call) end
special["filterblock"] = function (scope, node) visit(scope, node.filter) end
special["generation"] = function () end

function visit (scope, node)
  local how = special[node.type]
  if how then return how(scope, node) end
  if node.inner then visit(scope, node.inner) end
  if node.first then visit(scope, node.first) end
  for _, part in ipairs(node.rest or {}) do visit(scope, part.value) end
  for _, item in ipairs(node.items or {}) do
    if node.type == "dict" then visit_all(scope, item) else visit(scope, item) end
  end
  visit_given(scope, node.given)
  for _, name in ipairs { "key", "start", "stop", "step", "condition", "yes", "no" } do
    if node[name] then visit(scope, node[name]) end
  end
end

--- Records the names that statements or expressions read and set.
function Scope:analyse (list)
  visit_all(self, list)
end

--- Makes the names of a target parameters of this scope.
function Scope:bind (node)
  if node.type == "name" then
    self:parameter(node.name)
  else
    for _, item in ipairs(node.items) do self:bind(item) end
  end
end

--- Returns an array of the variables of this scope that are not parameters, with `how` and `from`
-- as in `define`.
function Scope:entry ()
  local out = {}
  for _, load in pairs(self.loads) do
    if load.how ~= "parameter" then out[#out + 1] = load end
  end
  return out
end

return M
