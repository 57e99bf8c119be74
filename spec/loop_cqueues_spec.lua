-- SPDX-License-Identifier: MIT
-- long: waits for timers of libcurl
--- The loop of cqueues: its controllers and timeouts. What all loops share: loops_spec.

local cqueues = require "cqueues"
local lifetime = require "spec.support.lifetime"
local loops = require "predibase.loop.cqueues"
local server = require "spec.support.server"
local count_of = require "predibase.stream".count

describe("the loop of cqueues", function ()
  local s, client, cq

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)
  before_each(function () cq = cqueues.new() end)
  after_each(function ()
    client:close()
    assert.is_true(lifetime.quiet(s))
  end)

  local function new (path, options)
    options = options or {}
    options.loop = options.loop or loops.new()
    client = lifetime.client(s, path, options)
    return client
  end

  --- Runs the controller until all of its coroutines have ended.
  local function run ()
    cq:wrap(function ()
      for _ = 1, 2000 do
        if cq:count() == 1 then return end
        cqueues.sleep(0.01)
      end
      error "this takes too long"
    end)
    assert(cq:loop())
    assert.equal(0, cq:count())
  end

  it("continues in another controller when one was dropped", function ()
    new "/hang"
    for _, collects in ipairs { false, true } do
      local abandoned, other = cqueues.new(), nil
      local stream = client:generate_stream "x"
      abandoned:wrap(function () lifetime.read(stream) end)
      repeat assert(abandoned:step(0.01)) until count_of(stream) == 2
      assert.is_true(abandoned:count() > 0)
      if collects then
        assert.is_truthy(abandoned)
        abandoned = nil -- luacheck: ignore 311
        lifetime.collect()
      end
      cq = cqueues.new()
      cq:wrap(function () other = tostring(client:generate "x") end)
      run()
      assert.equal(lifetime.TEXT, other)
      stream:close()
    end
  end)

  it("leaves no coroutine behind while no call waits", function ()
    new()
    for _ = 1, 2 do
      local text
      cq:wrap(function () text = tostring(client:generate "x") end)
      run()
      assert.equal(lifetime.TEXT, text)
    end
  end)

  it("blocks outside of a controller, and in coroutines that the program made itself", function ()
    new()
    assert.equal(lifetime.TEXT, tostring(client:generate "x"))
    local text
    cq:wrap(function ()
      assert(coroutine.resume(coroutine.create(function ()
        text = client:generate_stream "x":text()
      end)))
    end)
    run()
    assert.equal(lifetime.TEXT, text)
  end)

  it("notices a timeout that expires earlier than the one it waits for", function ()
    local mute = new("/mute", { timeout = { first_token = 3600, idle = 3600, connect = 3600 } })
    local order = {}
    cq:wrap(function ()
      local stream = mute:generate("x", { timeout = 0.2 })
      order[#order + 1] = "later"
      return stream
    end)
    cq:wrap(function ()
      while mute.transport:size() < 1 do cqueues.sleep(0.001) end
      local _, err = mute:generate("x", { timeout = 0.02 })
      order[#order + 1] = err.kind
    end)
    run()
    assert.same({ "timeout", "later" }, order)
  end)
end)
