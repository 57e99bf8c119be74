-- SPDX-License-Identifier: MIT
-- only: luajit
--- A debug hook raises an error at any instruction of an exchange inside nginx. The exchange must
-- stay usable: it can be read further and closed, and it releases its connection and threads.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local faults = require "spec.support.faults"
local in_nginx = require "spec.support.in_nginx"
local stand_in = require "spec.support.server"
local wire = require "spec.support.wire"

-- Raises an error at the n-th instruction of the library in this coroutine, for n from 1 in steps
-- of `STEP` until the run has fewer than n instructions.
local PROGRAM = [[
  jit.off()
  jit.flush()
  local resty_transport = require "predibase.transport.resty"
  local cfg = assert(require "predibase.config".new { base_url = os.getenv "URL",
    api_token = false })
  local transport = assert(resty_transport.new(cfg))
  local request = { method = "POST", url = os.getenv "URL" .. "/generate_stream", headers = {},
    body = "{}" }

  local function open ()
    return assert(transport:open(request, { events = true, deadline = resty_transport.now() + 20,
      timeout = { connect = 10, first_token = 10, token = 10, idle = 10 } }))
  end

  local WAYS = {
    read = function (x)
      repeat local event, err = x:next() until not event
      x:release()
    end,
    poll = function (x)
      repeat local event, err = x:poll() until not event and err ~= "pending"
      x:release()
    end,
    close = function (x)
      x:next()
      x:close()
    end,
    release = function (x)
      x:next()
      x:release()
    end,
    group = function (x)
      local group = transport:group()
      x.in_group = group
      group:add(x)
      group:next()
      group:close()
    end,
  }

  local function interrupted (way, x, n)
    local me, count, raised = coroutine.running(), 0, false
    debug.sethook(function ()
      if coroutine.running() ~= me then return end
      if not debug.getinfo(2, "S").source:find("predibase/", 1, true) then return end
      count = count + 1
      if count == n then
        raised = true
        error("a hook", 0)
      end
    end, "", 1)
    local ok, err = pcall(way, x)
    debug.sethook()
    assert(ok or err == "a hook", err)
    return raised
  end

  local function in_order (x, name, n)
    local where = name .. " at " .. n .. ": "
    for _ = 1, 20 do
      local ok, event, err = pcall(x.next, x)
      assert(ok, where .. tostring(event))
      if not event then
        assert(err == nil or type(err) == "table" and err.kind and err.message, where)
        break
      end
    end
    if x.in_group then
      local ok, err = pcall(x.in_group.close, x.in_group)
      assert(ok, where .. tostring(err))
    end
    for _ = 1, 2 do
      local ok, err = pcall(x.close, x)
      assert(ok, where .. tostring(err))
    end
    for _ = 1, 2000 do
      if not x.running then break end
      ngx.sleep(0.001)
    end
    assert(not x.running, where .. "its thread is still there")
    assert(not x.socket, where .. "its connection is still there")
    assert(not transport.exchanges[x], where .. "it is still listed")
  end

  local way, total = WAYS[os.getenv "WAY"], 0
  for n = 1, 1e5, tonumber(os.getenv "STEP") do
    local x = open()
    local raised = interrupted(way, x, n)
    in_order(x, os.getenv "WAY", n)
    if not raised then break end
    total = total + 1
  end
  io.write(total, " interrupted\n")
]]

describe("an error in the middle of an exchange inside nginx", function ()
  for _, way in ipairs { "read", "poll", "close", "release", "group" } do
    it(("leaves it usable, at any instruction: %s"):format(way), function ()
      local model = stand_in.spawn { script = { ["/generate_stream"] = { raw = {
        { send = faults.head("stream", faults.CHUNKED) .. faults.chunk(wire.token "a") },
        { sleep = 0.002 },
        { send = faults.chunk(wire.closing("b", "ab")) .. faults.LAST_CHUNK },
      } } } }
      local run = in_nginx.eval(PROGRAM, { URL = model.url, WAY = way,
        STEP = os.getenv "INTERRUPT_STEP" or "5" })
      stand_in.stop()
      assert(run.exit_code == 0, run.stderr:sub(-3000))
      local n = tonumber(run.stdout:match "^(%d+) interrupted")
      assert.is_true(n > 10, run.stdout)
    end)
  end
end)
