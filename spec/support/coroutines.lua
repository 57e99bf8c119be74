-- SPDX-License-Identifier: MIT
--- A small coroutine loop for specs, with the three functions of `predibase.loop.blocking`. It also
-- proves that these three are sufficient.

local M = {}

local Loop = {}
Loop.__index = Loop

function Loop:watch (_, _, step)
  self.steps[#self.steps + 1] = step
end

function Loop:suspend () -- luacheck: ignore 212
  return coroutine.yield()
end

function Loop:resume (co)
  self.ready[#self.ready + 1] = co
end

--- Lets the other coroutines run before the current one continues.
function Loop:pause ()
  self:resume(coroutine.running())
  coroutine.yield()
end

--- Runs functions as coroutines until all have ended. Raises the error that one of them raises.
function Loop:run (...)
  local alive = 0
  for _, task in ipairs { ... } do
    alive = alive + 1
    self:resume(coroutine.create(task))
  end
  while alive > 0 do
    local ready = self.ready
    self.ready = {}
    for _, co in ipairs(ready) do
      if coroutine.status(co) == "suspended" then
        local ok, problem = coroutine.resume(co)
        if not ok then error(problem, 0) end
        if coroutine.status(co) == "dead" then alive = alive - 1 end
      end
    end
    if alive > 0 then
      for _, step in ipairs(self.steps) do step(#self.ready > 0 and 0 or nil) end
    end
  end
end

function M.new ()
  return setmetatable({ steps = {}, ready = {} }, Loop)
end

return M
