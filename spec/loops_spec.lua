-- SPDX-License-Identifier: MIT
--- The loop over luasocket's select, as docs/loops.md shows it.

local lifetime = require "spec.support.lifetime"
local page = require "spec.support.page"
local server = require "spec.support.server"

local code = page.code("docs/loops.md", "select_loop.lua")
local make = assert((rawget(_G, "loadstring") or load)(code, "=docs/loops.md"))()

describe("the loop that docs/loops.md shows", function ()
  local s, client, loop

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)
  before_each(function () loop = make.new() end)
  after_each(function ()
    client:close()
    assert.is_true(lifetime.quiet(s))
  end)

  local function go(f)
    assert(coroutine.resume(coroutine.create(f)))
  end

  it("runs 100 streams next to a timer of the program", function ()
    client = lifetime.client(s, nil, { loop = loop })
    local texts, ended, ticks = {}, 0, 0
    for i = 1, 100 do
      go(function ()
        texts[i] = client:generate_stream "x":text()
        ended = ended + 1
      end)
    end
    while ended < 100 do
      loop:turn(0.01)
      ticks = ticks + 1
      assert.is_true(ticks < 100000)
    end
    for i = 1, 100 do assert.equal(lifetime.TEXT, texts[i]) end
  end)

  it("lets the timer tick while 100 streams wait without being polled, and closes them", function ()
    client = lifetime.client(s, "/hang", { loop = loop, timeout = { token = 3600, idle = 3600 } })
    local streams, kinds = {}, {}
    for i = 1, 100 do
      streams[i] = client:generate_stream "x"
      go(function ()
        local token, err
        repeat token, err = streams[i]:next() until not token
        kinds[i] = err.kind
      end)
    end
    local waiting
    repeat
      loop:turn(0.01)
      waiting = 0
      for i = 1, 100 do if streams[i].count == 2 then waiting = waiting + 1 end end
      -- Wait until libcurl's own timers have expired too.
    until waiting == 100 and (loop.timeout() or math.huge) > 2
    local step, steps = loop.step, 0
    loop.step = function (seconds)
      steps = steps + 1
      return step(seconds)
    end
    for _ = 1, 50 do loop:turn(0.001) end         -- the ticks of the program
    assert.equal(0, steps)
    assert.equal(0, #kinds)
    for i = 1, 100 do streams[i]:close() end
    while #loop.ready > 0 do loop:turn(0) end
    for i = 1, 100 do assert.equal("cancelled", kinds[i]) end
  end)

  it("blocks in the main program", function ()
    client = lifetime.client(s, nil, { loop = loop })
    assert.equal(lifetime.TEXT, tostring(client:generate "x"))
  end)
end)
