-- SPDX-License-Identifier: MIT
--- The loop of luv: its handles, errors and blocking calls. What all loops share: loops_spec.

local lifetime = require "spec.support.lifetime"
local luv = require "predibase.loop.luv"
local server = require "spec.support.server"
local uv = require "luv"

local since_7_80 = require "spec.support.libcurl".KEEPS_CONNECTIONS and it or pending

describe("the loop of luv", function ()
  local s, client

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)
  after_each(function ()
    client:close()
    uv.run "nowait"
    assert.is_true(lifetime.quiet(s))
  end)

  local function new (path, options)
    options = options or {}
    options.loop = options.loop or luv.new()
    client = lifetime.client(s, path, options)
    return client
  end

  local function go (f)
    return assert(coroutine.resume(coroutine.create(f)))
  end

  --- Counts the active handles of libuv, some of which belong to the process of the server.
  local function active ()
    local n = 0
    uv.walk(function (handle) if uv.is_active(handle) then n = n + 1 end end)
    return n
  end

  --- Runs the loop until a condition is true. The timer makes `uv.run "once"` return, which would
  -- otherwise wait for one more event after the condition became true.
  local function run (f)
    local timer = uv.new_timer()
    uv.timer_start(timer, 5, 5, function () end)
    local so = server.run_until(f, 20)
    uv.close(timer)
    assert.is_truthy(so)
  end

  it("keeps no handle active while no call waits", function ()
    new "/late"               -- after a quick answer the call would not have to wait
    local text
    local before = active()
    for _ = 1, 2 do
      text = nil
      go(function () text = tostring(client:generate "x") end)
      -- If the server is quick, the call does not have to wait.
      if not text then assert.is_true(active() > before) end
      run(function () return text end)
      assert.equal(lifetime.TEXT, text)
      assert.equal(before, active())
    end
  end)

  it("blocks in the main program, while coroutines wait, too", function ()
    new()
    local text
    go(function () text = client:generate_stream "x":text() end)
    assert.equal(lifetime.TEXT, tostring(client:generate "x"))
    run(function () return text end)
    assert.equal(lifetime.TEXT, text)
  end)

  it("keeps no handle of a client that was closed in a callback while calls waited", function ()
    local before = active()
    new "/hang"
    local kinds = {}
    for i = 1, 3 do
      go(function () kinds[i] = lifetime.read(client:generate_stream "x").kind end)
    end
    local first = client
    local timer = uv.new_timer()
    uv.timer_start(timer, 20, 0, function ()
      uv.close(timer)
      first:close()
      new()                   -- may get the same descriptor
      go(function () kinds[4] = tostring(client:generate "x") end)
    end)
    run(function () return kinds[4] end)
    assert.same({ "cancelled", "cancelled", "cancelled", lifetime.TEXT }, kinds)
    assert.equal(before, active())
  end)

  it("raises an error of a coroutine in the host, after it resumed the others", function ()
    local delivered, raised = {}, nil
    new(nil, { loop = luv.new { uv = uv, schedule = function (f)
      local ok, err = pcall(f)
      if not ok then raised = err end
    end } })
    go(function ()
      client:generate "x"
      error "broken"
    end)
    go(function () delivered[1] = tostring(client:generate "x") end)
    run(function () return delivered[1] and raised end)
    assert.same({ lifetime.TEXT }, delivered)
    assert.is_truthy(raised:find("broken\nstack traceback:", 1, true))
  end)

  -- Neovim calls scheduled functions late while it waits for the user, as after a long message.
  since_7_80("keeps timeouts working while the host resumes coroutines late", function ()
    local scheduled, first, err = {}, nil, nil
    new("/mute", { timeout = 0.02, loop = luv.new { uv = uv, schedule = function (f)
      scheduled[#scheduled + 1] = f
    end } })
    go(function () first = client:generate_stream("x", { timeout = 60 }):next() end)
    run(function () return #scheduled > 0 end)
    go(function () err = select(2, client:generate "x") end)
    run(function ()
      local log = s:log()
      return log[#log].path == "/mute/generate" and log[#log].closed_by == "client"
    end)
    assert.is_nil(first or err)
    assert.equal(1, #scheduled)
    while #scheduled > 0 do table.remove(scheduled, 1)() end
    run(function ()
      while #scheduled > 0 do table.remove(scheduled, 1)() end
      return first and err
    end)
    assert.equal("timeout", err.kind)
  end)

  it("lets a client be collected that was not closed", function ()
    local weak = setmetatable({ new() }, { __mode = "v" })
    local done
    go(function () done = weak[1]:generate "x" end)
    run(function () return done end)
    client = new()
    lifetime.collect()
    uv.run "nowait"
    lifetime.collect()
    assert.is_nil(weak[1])
  end)

  --- Closes all handles, as some programs do at their end and test suites after each test.
  local function close_handles ()
    for name, value in pairs { timer = client.transport.loop.timer,
      poll = client.transport.loop.poll } do
      assert.is_truthy(value, name)
      if not uv.is_closing(value) then uv.close(value) end
    end
  end

  it("continues after the program closed its handles", function ()
    new "/hang"
    for turn = 1, 2 do
      local stream, n, err = client:generate_stream "x", 0, nil
      go(function ()
        local token
        repeat
          token, err = stream:next()
          if token then n = n + 1 end
        until not token
      end)
      run(function () return n == 2 end)
      close_handles()
      if turn == 2 then uv.run "nowait" end      -- now they are closed, not only closing
      stream:close()
      run(function () return err end)
      assert.equal("cancelled", err.kind)
    end
    go(function () client:generate "x" end)
    close_handles()
    client:close()
    uv.run "nowait"
  end)
end)
