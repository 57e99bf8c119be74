-- SPDX-License-Identifier: MIT
--- The accidents of spec/fixtures/wire once more, over libcurl and real sockets. Every cut of every
-- body is tried without a network in wire_spec.lua; here it is a few, as every cut costs a request.
local fixture = require "spec.support.fixture"
local predibase = require "predibase"
local random = require "spec.support.random"
local wire_server = require "spec.support.wire_server"

local CUTS = 5

describe("over a socket", function ()
  local server

  setup(function () server = wire_server.listen() end)

  teardown(function () server:close() end)

  local function client_of(fix)
    local options = fixture.client_options(fix, server.url, nil)
    options.loop = wire_server.loop()
    -- A server that says nothing by mistake shall fail the test, not hold it up.
    options.timeout = { first_token = 20, token = 20, idle = 20 }
    local client = assert(predibase.new(options))
    client.shared.random = function () return 0 end      -- retries at once
    return client
  end

  local function check(client, fix, replies, way, how)
    server:serve(replies)
    local problems = fixture.problems(fix, fixture.run(client, fix, way, wire_server.turn))
    if problems then error(how .. ":\n" .. problems, 2) end
    assert.equal(fix.expect.requests or #fix.replies, server.requests)
    assert.equal(0, client.transport:size())
  end

  for _, name in ipairs(fixture.names()) do
    local fix = fixture.load(name)
    local body = fixture.body(fix)

    it(("the accident %s comes out as expected, whole and cut at %d random places"):format(name,
      CUTS), function ()
      local client = client_of(fix)
      for _, way in ipairs(fix.call == "generate" and { "next" } or { "next", "poll" }) do
        check(client, fix, fix.replies, way, way)
      end
      local rng = random.new(#name + #body)
      for i = 1, #body > 1 and CUTS or 0 do
        local cut = rng:int(1, #body - 1)
        check(client, fix, fixture.sliced(fix, { body:sub(1, cut), body:sub(cut + 1) }),
          i % 2 == 0 and "next" or "poll", "cut after byte " .. cut)
      end
      client:close()
    end)

    if #body > 1 and #body < 1000 then
      it(("the accident %s comes out the same byte by byte"):format(name), function ()
        local client, pieces = client_of(fix), {}
        for i = 1, #body do pieces[i] = body:sub(i, i) end
        check(client, fix, fixture.sliced(fix, pieces), "next", "byte by byte")
        client:close()
      end)
    end
  end
end)
