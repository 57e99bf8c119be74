-- SPDX-License-Identifier: MIT
--- Counters that all workers of an nginx share, and that a worker's sudden death does not spoil.
--
-- Each counter has a part per process beside the sum. A worker that is killed cannot take back what
-- it added; whoever finds the sum in the way subtracts the parts of processes that are no more.
-- @module predibase.resty.counters

local ffi = require "ffi"
local nginx = require "predibase.nginx"

local M = {}

ffi.cdef "int kill(int pid, int sig);"

local ESRCH = 3               -- "no such process", on every system that nginx runs on

local function is_alive(pid)
  return ffi.C.kill(pid, 0) == 0 or ffi.errno() ~= ESRCH
end

-- What is kept beside a counter stands in front of its name: the end of that is a key, which may be
-- whatever a visitor chose.
local function part(counter, pid)
  return ("%d:"):format(pid) .. counter
end

local function register(counter)
  return "pids:" .. counter
end

--- Seconds after which a counter is forgotten that nothing was added to: keys may be addresses of
-- visitors, and most never come back.
M.FORGET = 86400

local function sign(dict, counter, pid)
  local name = register(counter)
  local pids = dict:get(name) or ""
  if not pids:find(("%%f[%%d]%d%%f[%%D]"):format(pid)) then pids = pids .. pid .. " " end
  dict:set(name, pids, M.FORGET)
end

--- Adds to a counter.
-- @tparam table dict a shared dict
-- @tparam string counter its name
-- @tparam number n 1 or -1
-- @treturn[1] number the sum of all workers
-- @treturn[2] nil
-- @treturn[2] string why not: the dict is full
function M.add(dict, counter, n)
  local pid = ngx.worker.pid()
  local mine = part(counter, pid)
  local sum, why = dict:incr(counter, n, 0, M.FORGET)
  if not sum then return nil, why end
  if sum < 0 then             -- it was forgotten, or pushed out of a dict that is too small
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

--- Seconds from one collection to the next: a whole one holds a busy worker up for some hundredths
-- of a second, and visitors who are refused come back at once.
M.COLLECT_EVERY = 10

local collected

local function collect()
  local at = nginx.now()
  if collected and at - collected < M.COLLECT_EVERY then return end
  collected = at
  collectgarbage()
end

--- Takes out of a counter what processes added that are no more. Streams that nobody refers to any
-- more are collected first, every `COLLECT_EVERY` seconds: they end their leases.
-- @tparam table dict
-- @tparam string counter
-- @treturn boolean whether anything changed
function M.bury(dict, counter)
  local before = dict:get(counter)
  collect()
  local living = ""
  for word in (dict:get(register(counter)) or ""):gmatch "%d+" do
    local pid = tonumber(word)
    local name = part(counter, pid)
    if is_alive(pid) then
      living = living .. word .. " "
    else
      local n = dict:get(name)
      -- Only one of several workers that look at the same time finds it.
      if n and dict:incr(name, -n) == 0 then dict:incr(counter, -n) end
      dict:delete(name)
    end
  end
  dict:set(register(counter), living, M.FORGET)
  return dict:get(counter) ~= before
end

--- Something whose collection calls a function: nginx ends the threads of a request that was given
-- up without telling them.
-- @tparam function f
-- @treturn userdata to be kept as long as it must not be called
function M.finalizer(f)
  local it = newproxy(true)
  getmetatable(it).__gc = f
  return it
end

return M
