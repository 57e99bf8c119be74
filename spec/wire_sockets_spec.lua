-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
--- The accidents of spec/fixtures/wire once more, over libcurl and real sockets; and, inside nginx
-- (resty_wire_spec.lua), over nginx's. Every cut of every body is tried over libcurl without a
-- network in wire_spec.lua; here it is a few, as every cut costs a request, unless EVERY says
-- otherwise.
local fixture = require "spec.support.fixture"
local predibase = require "predibase"
local random = require "spec.support.random"
local transport = require "predibase.transport"
local wire_server = require "spec.support.wire_server"

-- How many cuts of a body are tried; a body with no more places than EVERY is cut at each.
local SOME = 5
local EVERY = tonumber(os.getenv "EVERY" or 0)

-- Of the fixtures only the third of seven, say.
local PART, PARTS = (os.getenv "PART" or "1/1"):match "(%d+)/(%d+)"

local function names ()
  local list = {}
  for i, name in ipairs(fixture.names()) do
    if i % PARTS == PART % PARTS then list[#list + 1] = name end
  end
  return list
end

--- Whether a run takes no longer than it has to: the server waits before a reset, and in pauses.
local function is_quick (fix)
  for _, reply in ipairs(fix.replies) do
    if reply.ending == "reset" then return false end
    for _, piece in ipairs(reply.pieces) do
      if type(piece) == "number" then return false end
    end
  end
  return true
end

--- Where to cut a body in two.
local function places (fix, body)
  local list, rng = {}, random.new(#fix.name + #body)
  if #body < 2 then return list end
  if #body - 1 <= EVERY and is_quick(fix) then
    for i = 1, #body - 1 do list[i] = i end
  else
    for i = 1, SOME do list[i] = rng:int(1, #body - 1) end
  end
  return list
end

describe("over a socket", function ()
  local server

  setup(function () server = wire_server.listen() end)

  teardown(function () server:close() end)

  local function client_of (fix)
    local options = fixture.client_options(fix, server.url, nil)
    options.loop = not transport.in_nginx() and wire_server.loop() or nil
    -- A server that says nothing by mistake shall fail the test, not hold it up.
    options.timeout = { first_token = 20, token = 20, idle = 20 }
    local client = assert(predibase.new(options))
    client.shared.random = function () return 0 end      -- retries at once
    return client
  end

  local function check (client, fix, replies, way, how)
    server:serve(replies)
    local problems = fixture.problems(fix, fixture.run(client, fix, way, wire_server.turn))
    if problems then error(how .. ":\n" .. problems, 2) end
    assert.equal(fix.expect.requests or #fix.replies, server.requests)
    assert.equal(0, client.transport:size())
  end

  for _, name in ipairs(names()) do
    local fix = fixture.load(name)
    local body = fixture.body(fix)

    it(("the accident %s comes out as expected, whole and cut in two"):format(name), function ()
      local client = client_of(fix)
      for _, way in ipairs(fixture.is_whole(fix) and { "next" } or { "next", "poll" }) do
        check(client, fix, fix.replies, way, way)
      end
      for i, cut in ipairs(places(fix, body)) do
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

  for _, name in ipairs { "chat-stream-eos", "completion-stream-eos", "openai-stream-vllm" } do
    it(("five answers like %s need one connection, although more follows them"):format(name),
      function ()
        local fix = fixture.load(name)
        local client, before = client_of(fix), #server.connections
        local reply = { raw = true, ending = "end", pieces = { wire_server.bytes(fix.replies[1]) } }
        for _ = 1, 5 do check(client, fix, { reply }, "next", "in one piece") end
        -- nginx may have kept a connection of an earlier test.
        assert.is_true(#server.connections <= before + 1)
        client:close()
      end)
  end
end)
