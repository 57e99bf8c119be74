-- SPDX-License-Identifier: MIT
-- Shows what an open stream needs in Lua's memory, without garbage, and what a task that only
-- sleeps needs. The numbers depend on the code and the Lua alone, not on the machine.
-- usage: lua5.4 bench/memory.lua       (make build first; the server is the stand-in server)

package.path = "./lua/?.lua;./lua/?/init.lua;./?.lua;" .. package.path
package.cpath = "./build/lua5.4/?.so;" .. package.cpath

local async = require "predibase.async"
local lifetime = require "spec.support.lifetime"
local predibase = require "predibase"
local server = require "spec.support.server"

local MANY = 200

local function in_use ()
  for _ = 1, 3 do collectgarbage() end
  return collectgarbage "count" * 1024
end

--- Starts tasks one after the other. Prints the memory that each of them holds when it waits.
local function measure (what, f)
  async.run(function ()
    local tasks, before = {}, nil
    -- The first two create what all share.
    for i = 1, MANY + 2 do
      if i == 3 then before = in_use() end
      local waits = false
      tasks[i] = async.spawn(f, function () waits = true end)
      repeat async.sleep(0.001) until waits
    end
    print(("%-36s %5.0f bytes"):format(what, (in_use() - before) / MANY))
    for i = 1, #tasks do tasks[i]:cancel() end
  end)
end

local client = assert(predibase.new { base_url = lifetime.serve().url .. "/hang",
  api_token = false, max_retries = 0 })

measure("a task that sleeps", function (note)
  note()
  async.sleep(60)
end)

measure("a task that reads a stream", function (note)
  local stream = client:generate_stream "x"
  for _ = 1, 2 do assert(stream:next()) end
  note()
  stream:next()
end)

client:close()
server.stop()
