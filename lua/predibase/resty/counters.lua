-- SPDX-License-Identifier: MIT
--- Counters that all workers of an nginx share and that stay correct when a worker is killed.
--
-- A counter consists of a sum and of one part per process. A worker that is killed cannot subtract
-- what it added; when the sum reaches a limit, another worker subtracts the parts of dead
-- processes.
-- @module predibase.resty.counters

local ffi = require "ffi"
local nginx = require "predibase.nginx"

local M = {}

ffi.cdef "int kill(int pid, int sig);"

local ESRCH = 3               -- "no such process", on every system that nginx runs on

local function is_alive (pid)
  return ffi.C.kill(pid, 0) == 0 or ffi.errno() ~= ESRCH
end

-- These words stand before the counter's name and not after it, because that name ends in a key,
-- which may be any string of a visitor.
local function part (counter, pid)
  return ("%d:"):format(pid) .. counter
end

local function register (counter)
  return "pids:" .. counter
end

--- Seconds after which an unused counter is removed. Keys may be addresses of visitors, and
-- most visitors never come back.
M.FORGET = 86400

local function sign (dict, counter, pid)
  local name = register(counter)
  local pids = dict:get(name) or ""
  if not pids:find(("%%f[%%d]%d%%f[%%D]"):format(pid)) then pids = pids .. pid .. " " end
  dict:set(name, pids, M.FORGET)
end

--- Adds to a counter.
-- @tparam table dict a `lua_shared_dict`
-- @tparam string counter its name
-- @tparam number n 1 or -1
-- @treturn[1] number the sum of all workers
-- @treturn[2] nil
-- @treturn[2] string why it failed: the dict is full
function M.add (dict, counter, n)
  local pid = ngx.worker.pid()
  local mine = part(counter, pid)
  local sum, why = dict:incr(counter, n, 0, M.FORGET)
  if not sum then return nil, why end
  if sum < 0 then             -- the entry had expired, or was evicted from a dict that is too small
    dict:incr(counter, -sum)
    return 0
  end
  if dict:incr(mine, n, 0, M.FORGET) == nil then
    dict:incr(counter, -n)
    return nil, "no memory"
  end
  if n > 0 then
    dict:expire(counter, M.FORGET)
    dict:expire(mine, M.FORGET)
    sign(dict, counter, pid)
  end
  return sum
end

--- The minimum seconds between two full garbage collections. One blocks a busy worker for some
-- hundredths of a second, and refused visitors often try again at once.
M.COLLECT_EVERY = 10

local collected

--- Runs the garbage collector, which ends lost leases, unless it ran a short time ago.
-- @treturn boolean true if it ran
function M.collect ()
  local at = nginx.now()
  if collected and at - collected < M.COLLECT_EVERY then return false end
  collected = at
  collectgarbage()
  return true
end

--- Subtracts from a counter what dead processes added. Before that it runs the garbage collector,
-- at most every `COLLECT_EVERY` seconds, because a lease that is collected is ended.
-- @tparam table dict
-- @tparam string counter
-- @treturn boolean true if the counter changed
function M.remove_dead (dict, counter)
  local before = dict:get(counter)
  M.collect()
  local living = ""
  for word in (dict:get(register(counter)) or ""):gmatch "%d+" do
    local pid = tonumber(word)
    local name = part(counter, pid)
    if is_alive(pid) then
      living = living .. word .. " "
    else
      local n = dict:get(name)
      -- If several workers do this at the same time, `incr` returns 0 to only one of them.
      if n and dict:incr(name, -n) == 0 then dict:incr(counter, -n) end
      dict:delete(name)
    end
  end
  dict:set(register(counter), living, M.FORGET)
  return dict:get(counter) ~= before
end

--- Makes an object that calls a function when it is collected. It is needed because nginx ends the
-- threads of an aborted request without running any of their code.
-- @tparam function f
-- @treturn userdata the object; keep a reference to it until `f` may be called
function M.finalizer (f)
  local it = newproxy(true)
  getmetatable(it).__gc = f
  return it
end

return M
