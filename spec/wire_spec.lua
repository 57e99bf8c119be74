-- SPDX-License-Identifier: MIT
-- long: every fixture at every cut
-- once: decoders have specs of their own that run on every Lua
--- Every accident of spec/fixtures/wire through the whole client above libcurl: whole, byte by
-- byte and cut in two, read with `next` and with `poll`. However the bytes come, the outcome is the
-- one that the fixture expects.
local fixture = require "spec.support.fixture"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local random = require "spec.support.random"

-- Up to here every cut is tried, and every byte comes alone.
local SHORT = 4096

-- In longer bodies: this much near each end, and as many cuts elsewhere.
local function near (body)
  return #body < 100000 and 100 or 10
end

local ELSEWHERE = 500

--- A client that runs a fixture again and again.
local function runner (fix)
  local network = pipe.new(fix.replies)
  local client = assert(predibase.new(fixture.client_options(fix, network.url, network)))
  return function (replies, way)
    network:serve(replies)
    network.requests = {}
    network:advance(5)          -- what lingers from the run before ends
    local outcome = fixture.run(client, fix, way, function () network:sleep() end)
    local problems = fixture.problems(fix, outcome)
    local wanted = fix.expect.requests or #fix.replies
    if #network.requests ~= wanted then
      problems = ("%s\nrequests: expected %d, got %d"):format(problems or "", wanted,
        #network.requests)
    end
    for i, request in ipairs(network.requests) do
      if not (request.closed or request.released) then
        problems = ("%s\nrequest %d was left open"):format(problems or "", i)
      end
    end
    return problems
  end
end

local function ways (fix, names)
  return fixture.is_whole(fix) and { "next" } or names
end

local function check (problems, how)
  if problems then error(how .. ":\n" .. problems, 2) end
  assert.is_nil(problems)
end

local function in_two (body, cut)
  return { body:sub(1, cut), body:sub(cut + 1) }
end

--- One byte a piece; of a long body only near its ends, between them pieces of up to 4 KiB.
local function in_bytes (body)
  local pieces = {}
  local at, rng = 1, random.new(#body + 1)
  while at <= #body do
    local size = 1
    if #body > SHORT and at > 100 and at < #body - 4196 then size = rng:int(1, 4096) end
    pieces[#pieces + 1] = body:sub(at, at + size - 1)
    at = at + size
  end
  return pieces
end

--- A body in pieces that end at random places.
local function at_random (body, count, seed)
  local rng, places = random.new(seed), {}
  for i = 1, count do places[i] = rng:int(1, #body - 1) end
  table.sort(places)
  local pieces, from = {}, 1
  for _, place in ipairs(places) do
    if place >= from then
      pieces[#pieces + 1] = body:sub(from, place)
      from = place + 1
    end
  end
  pieces[#pieces + 1] = body:sub(from)
  return pieces
end

-- Under the sanitizers, which make everything several times slower, `next` and `poll` take turns.
local TAKING_TURNS = os.getenv "ASAN_OPTIONS" ~= nil

local function every_cut (fix, body)
  local run = runner(fix)
  for i, way in ipairs(ways(fix, { "next", "poll" })) do
    local first, step = 1, 1
    if TAKING_TURNS and fix.call:find "_stream$" then first, step = i, 2 end
    for cut = first, #body - 1, step do
      local problems = run(fixture.sliced(fix, in_two(body, cut)), way)
      check(problems, ("%s, cut after byte %d"):format(way, cut))
    end
  end
end

local function cuts_near_the_ends (fix, body)
  local run = runner(fix)
  for cut = 1, near(body) do
    -- Taking turns, because these bodies take their time.
    local way = ways(fix, { "next", "poll" })[cut % 2 + 1] or "next"
    check(run(fixture.sliced(fix, in_two(body, cut)), way), "cut after byte " .. cut)
    check(run(fixture.sliced(fix, in_two(body, #body - cut)), way),
      ("cut %d bytes before the end"):format(cut))
  end
end

local function describe_fixture (name)
  local fix = fixture.load(name)
  local body = fixture.body(fix)

  it("comes out as expected when it is read with next, poll, for and texts", function ()
    local run = runner(fix)
    for _, way in ipairs(ways(fix, { "next", "poll", "for", "texts" })) do
      check(run(fix.replies, way), way)
    end
  end)

  if #body > SHORT then
    it("comes out the same with its first and last bytes one by one", function ()
      local run = runner(fix)
      for _, way in ipairs(ways(fix, { "next", "poll" })) do
        check(run(fixture.sliced(fix, in_bytes(body)), way), way)
      end
    end)

    it(("comes out the same cut in two at %d places near each end"):format(near(body)), function ()
      cuts_near_the_ends(fix, body)
    end)

    it(("comes out the same cut at %d random places at once, three times"):format(ELSEWHERE),
      function ()
        local run = runner(fix)
        for seed = 1, 3 do
          local pieces = at_random(body, ELSEWHERE, seed)
          for _, way in ipairs(ways(fix, { "next", "poll" })) do
            check(run(fixture.sliced(fix, pieces), way), ("%s, seed %d"):format(way, seed))
          end
        end
      end)
  elseif #body > 0 then
    it("comes out the same byte by byte", function ()
      local run = runner(fix)
      for _, way in ipairs(ways(fix, { "next", "poll", "for", "texts" })) do
        check(run(fixture.sliced(fix, in_bytes(body)), way), way)
      end
    end)

    it(("comes out the same cut in two at each of its %d places"):format(#body - 1), function ()
      every_cut(fix, body)
    end)
  end
end

for _, name in ipairs(fixture.names()) do
  describe("the accident " .. name, function ()
    describe_fixture(name)
  end)
end

describe("the fixtures", function ()
  it("are there, each with its story", function ()
    local names = fixture.names()
    assert.is_true(#names > 100)
    for _, name in ipairs(names) do
      local fix = fixture.load(name)
      assert.is_true(#fix.story > 15, name)
      assert.is_string(fix.expect.kind or fix.expect.text, name)
    end
  end)
end)
