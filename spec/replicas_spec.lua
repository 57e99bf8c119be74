-- SPDX-License-Identifier: MIT
local replicas = require "predibase.replicas"

describe("replicas", function ()
  local clock, servers

  before_each(function () clock = 100 end)

  local function new (n)
    servers = {}
    for i = 1, n do servers[i] = { url = ("http://10.0.0.%d:8080"):format(i) } end
    return replicas.new(servers, function () return clock end)
  end

  it("spread adapters over all servers", function ()
    for n = 2, 5 do
      local all, counts = new(n), {}
      for i = 1, 3000 do
        local server = all:choose(("repo-%d/%d"):format(i % 100, i))
        counts[server] = (counts[server] or 0) + 1
      end
      for _, server in ipairs(servers) do
        assert.is_true(math.abs(counts[server] - 3000 / n) < 300 / n + 100,
          ("%d of %d: %d"):format(n, 3000, counts[server]))
      end
    end
  end)

  it("send the calls of one adapter to one server, in any order of the URLs", function ()
    local all = new(4)
    local turned = {}
    for i, server in ipairs(servers) do turned[5 - i] = server end
    local other = replicas.new(turned, function () return clock end)
    for i = 1, 200 do
      local key = "adapter/" .. i
      assert.equal(all:choose(key), all:choose(key))
      assert.equal(all:choose(key), other:choose(key))
    end
  end)

  it("move only the adapters of a server that is left out, and spread them", function ()
    local all = new(4)
    local before, moved = {}, {}
    for i = 1, 2000 do before[i] = all:choose("adapter/" .. i) end
    all:failed(servers[2])
    for i = 1, 2000 do
      local now = all:choose("adapter/" .. i)
      if before[i] == servers[2] then moved[now] = (moved[now] or 0) + 1
      else assert.equal(before[i], now) end
    end
    assert.is_nil(moved[servers[2]])
    for _, i in ipairs { 1, 3, 4 } do assert.is_true(moved[servers[i]] > 100) end
  end)

  it("pass over an overloaded server for a moment", function ()
    local all = new(2)
    local first = all:choose ""
    all:overloaded(first)
    assert.is_false(all:is_well(first))
    local other = all:choose ""
    assert.not_equal(first, other)
    assert.is_true(all:has_other { [first] = true })
    clock = clock + replicas.SHORTEST_BUSY
    assert.equal(first, (all:choose ""))
    all:overloaded(first, 20)
    clock = clock + 19
    assert.equal(other, (all:choose ""))
    clock = clock + 1
    assert.equal(first, (all:choose ""))
    all:overloaded(first, 4000)
    clock = clock + replicas.LONGEST_BUSY
    assert.equal(first, (all:choose ""))
  end)

  it("use the first choice when all are overloaded", function ()
    local all = new(3)
    local first = all:choose "x/1"
    for _, server in ipairs(servers) do all:overloaded(server) end
    assert.equal(first, (all:choose "x/1"))
    assert.is_false(all:has_other { [first] = true })
  end)

  it("leave out a server that fails, longer each time, and then ask it first", function ()
    local all = new(2)
    local first = all:choose ""
    for _, seconds in ipairs { 1, 2, 4, 8, 16, 30, 30 } do
      all:failed(first)
      all:failed(first)            -- another request that had begun before
      clock = clock + seconds - 0.25
      assert.not_equal(first, (all:choose ""))
      clock = clock + 0.25
      local server, probe = all:choose ""
      assert.equal(first, server)
      assert.is_true(probe)
    end
    all:answered(first)
    assert.same({ first, false }, { all:choose "" })
  end)

  it("let one call at a time ask", function ()
    local all = new(2)
    local first = all:choose ""
    all:failed(first)
    clock = clock + 1
    all:probing(first)
    assert.not_equal(first, (all:choose ""))
    clock = clock + replicas.PROBE        -- the call that asked is gone
    assert.same({ first, true }, { all:choose "" })
    all:probing(first)
    all:failed(first)
    assert.not_equal(first, (all:choose ""))
  end)

  it("use the first choice, unasked, when all have failed", function ()
    local all = new(3)
    local first = all:choose ""
    for _, server in ipairs(servers) do all:failed(server) end
    assert.same({ first, false }, { all:choose "" })
  end)

  it("do not use a server twice in one call while there are others", function ()
    local all = new(3)
    local tried = {}
    for _ = 1, 3 do
      local server = all:choose("x", tried)
      assert.is_nil(tried[server])
      tried[server] = true
    end
    assert.is_false(all:has_other(tried))
  end)
end)
