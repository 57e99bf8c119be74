-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
--- The accidents of spec/fixtures/wire over sockets, with all their bytes cut: the head of the
-- response and the framing of its chunks, too. wire_sockets_spec.lua cuts bodies only.
local fixture = require "spec.support.fixture"
local predibase = require "predibase"
local random = require "spec.support.random"
local wire_server = require "spec.support.wire_server"

-- Of a response of up to this many bytes each comes alone; of these many fixtures, shortest first,
-- every cut is tried; of the others as many.
local SHORT, WHOLE, SOME = 1200, 8, 15

--- A fixture's replies with the last one written in these pieces.
local function raw (fix, pieces)
  local replies = {}
  for i, reply in ipairs(fix.replies) do replies[i] = reply end
  local last = replies[#replies]
  replies[#replies] = { raw = true, status = last.status, ending = last.ending, pieces = pieces }
  return replies
end

local function all ()
  local list = {}
  for _, name in ipairs(fixture.names()) do
    local fix = fixture.load(name)
    list[#list + 1] = { fix = fix, bytes = wire_server.bytes(fix.replies[#fix.replies]) }
  end
  table.sort(list, function (a, b)
    if #a.bytes ~= #b.bytes then return #a.bytes < #b.bytes end
    return a.fix.name < b.fix.name
  end)
  return list
end

describe("all bytes of the accident", function ()
  local server

  setup(function () server = wire_server.listen() end)
  teardown(function () server:close() end)

  --- A function that serves a fixture in pieces and compares what comes of it.
  local function runner (fix)
    local options = fixture.client_options(fix, server.url, nil)
    options.loop = wire_server.loop()
    options.timeout = { first_token = 20, token = 20, idle = 20 }
    local client = assert(predibase.new(options))
    client.shared.random = function () return 0 end
    local turn = 0
    return function (pieces, how)
      turn = turn + 1
      server:serve(raw(fix, pieces))
      local found = fixture.run(client, fix, turn % 2 == 0 and "poll" or "next", wire_server.turn)
      local problems = fixture.problems(fix, found)
      if problems then error(how .. ":\n" .. problems, 2) end
      assert.equal(fix.expect.requests or #fix.replies, server.requests, how)
      assert.equal(0, client.transport:size(), how)
    end, client
  end

  for number, entry in ipairs(all()) do
    local fix, bytes = entry.fix, entry.bytes
    local run, client

    local function in_two (cut)
      run({ bytes:sub(1, cut), bytes:sub(cut + 1) }, "cut after byte " .. cut)
    end

    local function test (what, body)
      it(fix.name .. " come out as expected " .. what, function ()
        run, client = runner(fix)
        body()
        client:close()
      end)
    end

    if #bytes <= SHORT then
      test("one by one", function ()
        local pieces = {}
        for i = 1, #bytes do pieces[i] = bytes:sub(i, i) end
        run(pieces, "byte by byte")
      end)
    end

    if number <= WHOLE then
      test(("cut in two at each of %d places"):format(#bytes - 1), function ()
        for cut = 1, #bytes - 1 do in_two(cut) end
      end)
    else
      test(("cut in two at %d random places"):format(SOME), function ()
        local rng = random.new(#bytes)
        for _ = 1, SOME do in_two(rng:int(1, math.min(#bytes, 100000) - 1)) end
      end)
    end
  end
end)
