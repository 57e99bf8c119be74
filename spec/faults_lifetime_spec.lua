-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Clients with many open streams that are closed, dropped and collected in random order.
local faults = require "spec.support.faults"
local lifetime = require "spec.support.lifetime"
local random = require "spec.support.random"
local stand_in = require "spec.support.server"
local transport = require "predibase.transport"
local wire = require "spec.support.wire"

local CLIENTS, STREAMS = 4, 100
local SEEDS = 4

describe("A hundred open streams", function ()
  local rig = faults.rig()
  local files

  setup(function ()
    rig:start()
    rig.server:script(faults.PATHS.stream, { raw = {
      { send = faults.head("stream", faults.CHUNKED) .. faults.chunk(wire.token " The") },
      { hold = true } } })
  end)
  teardown(function () rig:stop() end)

  before_each(function ()
    lifetime.collect()
    rig:check_closed()
    files = lifetime.files()
  end)

  after_each(function ()
    lifetime.collect()
    rig:check_closed()
    if not transport.in_nginx() then assert.equal(files, lifetime.files()) end
  end)

  --- Returns clients, and streams of which one token is read, or none.
  local function open (rng)
    local clients, streams = {}, {}
    for i = 1, CLIENTS do clients[i] = faults.client(rig.url) end
    for i = 1, STREAMS do
      streams[i] = clients[rng:int(1, CLIENTS)]:generate_stream(faults.PROMPT)
      if rng:int(1, 4) > 1 then assert.equal(" The", streams[i]:next().text) end
    end
    return clients, streams
  end

  local function shuffle (rng, list)
    for i = #list, 2, -1 do
      local other = rng:int(1, i)
      list[i], list[other] = list[other], list[i]
    end
  end

  it("end with their client, closed in any order", function ()
    for seed = 1, SEEDS do
      local rng = random.new(seed * 7919)
      local clients, streams = open(rng)
      local all = {}
      for _, object in ipairs(clients) do all[#all + 1] = object end
      for _, object in ipairs(streams) do all[#all + 1] = object end
      shuffle(rng, all)
      for _, object in ipairs(all) do
        object:close()
        if rng:int(1, 10) == 1 then collectgarbage() end
      end
      for _, client in ipairs(clients) do faults.check_idle(client) end
      for _, stream in ipairs(streams) do
        local token, err = stream:next()
        assert.is_nil(token)
        assert.equal("cancelled", err.kind)
        assert.equal(err, select(2, stream:poll()))
      end
    end
  end)

  local function drop_all (rng)
    local all, streams = open(rng)
    for _, object in ipairs(streams) do all[#all + 1] = object end
    streams = nil -- luacheck: ignore 311
    shuffle(rng, all)
    while #all > 0 do
      all[#all] = nil
      local dice = rng:int(1, 8)
      if dice == 1 then collectgarbage()
      elseif dice <= 4 then collectgarbage("step", rng:int(0, 200))
      elseif dice == 5 and #all > 0 and all[#all].poll then all[#all]:poll() end
    end
  end

  it("end when they are collected in any order", function ()
    for seed = 1, SEEDS do
      drop_all(random.new(seed * 104729))
      -- LuaJIT may leave a reference in an unused place of its stack for some time.
      assert.is_truthy(rig.server:wait(function (server)
        collectgarbage()
        return stand_in.left_alone(server)
      end, 20))
    end
  end)
end)
