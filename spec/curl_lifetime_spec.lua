-- SPDX-License-Identifier: MIT
--- Pools and exchanges of predibase.curl that are closed, collected and brought back in any order,
-- also while one of their functions runs.

local curl = require "predibase.curl"
local lifetime = require "spec.support.lifetime"
local random = require "spec.support.random"
local server = require "spec.support.server"

describe("pools and exchanges", function ()
  local s, files

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)

  before_each(function ()
    lifetime.collect()
    assert.is_true(lifetime.quiet(s))
    files = lifetime.files()
  end)

  after_each(function ()
    lifetime.collect()
    assert.is_true(lifetime.quiet(s))
    assert.equal(files, lifetime.files())
  end)

  local function open (pool, path)
    return assert(pool:open {
      url = s.url .. (path or "/hang/generate_stream"), events = true, first_event = 30,
      headers = { "content-type: application/json" }, body = '{"inputs":"x"}', proxy = "",
    })
  end

  local function event (pool, x)
    local data, state
    repeat
      data, state = x:next()
      if state == "pending" then pool:step(nil, {}) end
    until state ~= "pending"
    return data, state
  end

  --- Functions that open an exchange and bring it into one of its possible states.
  local states = {
    ["that waits for its start"] = function (pool)
      return assert(pool:open { url = s.url, delay = 3600 })
    end,
    ["that was just opened"] = function (pool) return open(pool) end,
    ["in the middle"] = function (pool)
      local x = open(pool)
      assert.is_string(event(pool, x))
      return x
    end,
    ["with unread events"] = function (pool)
      local x = open(pool)
      repeat until pool:step(nil, {}) > 0
      return x
    end,
    ["that lingers"] = function (pool)
      local x = open(pool)
      assert.is_string(event(pool, x))
      x:linger(3600)
      return x
    end,
    ["that ended"] = function (pool)
      local x = open(pool, "/generate_stream")
      repeat until not event(pool, x)
      return x
    end,
    ["that failed"] = function (pool)
      local x = assert(pool:open { url = "http://127.0.0.1:1/", deadline = 0, proxy = "" })
      assert.equal("failed", select(2, event(pool, x)))
      return x
    end,
  }

  --- Calls every method of an exchange, closed or not. Errors are allowed.
  local function use (x)
    local seen = { tostring(x) }
    for _, name in ipairs { "id", "next", "rest", "head", "body", "failure" } do
      local ok, message = pcall(x[name], x)
      if not ok then assert.matches("closed", message, 1, true) end
      seen[#seen + 1] = ok
    end
    pcall(x.linger, x, 0.001)
    return seen
  end

  for name, make in pairs(states) do
    describe("an exchange " .. name, function ()
      it("can be closed any number of times", function ()
        local pool = curl.pool()
        local x = make(pool)
        assert.equal(1, pool:size())
        for _ = 1, 3 do x:close() end
        assert.equal(0, pool:size())
        assert.equal("predibase.curl.exchange (closed)", tostring(x))
        getmetatable(x).__gc(x)
        getmetatable(x).__close(x, nil)
        assert.same({ "predibase.curl.exchange (closed)", false, false, false, false, false,
          false }, use(x))
        for _ = 1, 3 do pool:close() end
      end)

      it("can be used after its pool was closed", function ()
        local pool = curl.pool()
        local x = make(pool)
        local ended = name == "that ended"
        local failed_before = name == "that failed"
        pool:close()
        assert.is_number(x:id())
        assert.is_string(x:body())
        repeat local data, state = x:next() until not data or state
        assert.equal(ended and "done" or "failed", select(2, x:next()))
        local kind = x:failure()
        assert.equal(not ended and (failed_before and "timeout" or "cancelled") or nil, kind)
        use(x)
        x:close()
        x:close()
      end)

      it("can be used after its pool was collected", function ()
        local x = make(curl.pool())
        lifetime.collect()
        assert.is_true(lifetime.quiet(s))
        assert.equal(files, lifetime.files())
        for _, ok in ipairs(use(x)) do assert.is_truthy(ok) end
      end)

      it("is collected while its pool stays in use", function ()
        local pool = curl.pool()
        make(pool)
        lifetime.collect()
        assert.equal(0, pool:size())
        local x = open(pool, "/generate_stream")
        assert.is_string(event(pool, x))
      end)

      it("can be resurrected by a finalizer and used", function ()
        local back
        local function lose ()
          local pool = curl.pool()
          local x = make(pool)
          lifetime.on_collect(function () back = { x, pool } end)
        end
        lose()
        lifetime.collect()
        assert.is_table(back)
        use(back[1])
        pcall(back[2].step, back[2], 0, {})
        pcall(back[2].size, back[2])
        back[1]:close()
        back[2]:close()
        use(back[1])
        assert.is_false((pcall(back[2].size, back[2])))
      end)
    end)
  end

  it("may be collected or closed in any order", function ()
    local makers = {}
    for _, make in pairs { states["that was just opened"], states["in the middle"],
        states["that waits for its start"], states["that lingers"] } do
      makers[#makers + 1] = make
    end
    for seed = 1, 20 do
      local dice = random.new(seed * 7919)
      local pools, exchanges = { curl.pool(), curl.pool() }, {}
      for _ = 1, 40 do
        local act, i = dice:int(1, 10), dice:int(1, 8)
        local pool = pools[dice:int(1, 2)]
        if act <= 4 then exchanges[i] = makers[(act - 1) % #makers + 1](pool)
        elseif act == 5 and exchanges[i] then exchanges[i]:close()
        elseif act == 6 then exchanges[i] = nil
        elseif act == 7 then collectgarbage()
        elseif act == 8 then collectgarbage("step", dice:int(0, 200))
        elseif act == 9 and exchanges[i] then use(exchanges[i])
        elseif act == 10 and dice:int(1, 4) == 1 then
          local n = dice:int(1, 2)
          if dice:int(1, 2) == 1 then pools[n]:close() end
          pools[n] = curl.pool()
        else
          pool:step(0, {})
        end
      end
      for i in pairs(exchanges) do use(exchanges[i]) end
      assert.is_true(pools[1]:size() + pools[2]:size() <= 80)
      local order = dice:int(1, 3)
      if order == 1 then pools = nil elseif order == 2 then exchanges = nil end
      collectgarbage()
      assert.is_true(pools == nil or exchanges == nil or order == 3)
    end
  end)
end)
