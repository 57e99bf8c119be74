-- SPDX-License-Identifier: MIT
-- long: waits for timers of libcurl
--- Chats and completions in every loop that resumes coroutines, in tasks and in frames, with the
--- stand-in as the server.
local async = require "predibase.async"
local loops = require "spec.support.loops"
local predibase = require "predibase"
local server = require "spec.support.server"
local count_of = require "predibase.stream".count

local MESSAGES = { { role = "user", content = "Say something." } }
local OPTIONS = { max_tokens = 6, seed = 1, temperature = 0.5 }

local MANY = 20

--- Reads a chat as a stream and whole, and a completion as a stream. Returns their texts.
local function talk (client)
  local stream = client:chat_completion_stream(MESSAGES, OPTIONS)
  local texts = {}
  while true do           -- Lua 5.1 cannot wait inside a generic `for`
    local delta = stream:next()
    if not delta then break end
    texts[#texts + 1] = delta.text
  end
  local whole = assert(client:chat_completion(MESSAGES, OPTIONS))
  local completed = assert(client:completion_stream("Say something.", OPTIONS):text())
  return { table.concat(texts), whole.text, completed }
end

describe("chats and completions", function ()
  local stand_in, client, expected

  setup(function ()
    stand_in = server.spawn { delay = 0.005 }
    local one = assert(predibase.new { base_url = stand_in.url, api_token = false })
    expected = talk(one)
    one:close()
  end)

  teardown(function () server.stop() end)

  before_each(function () client = nil end)

  after_each(function () client:close() end)

  local function new (loop)
    client = assert(predibase.new { base_url = stand_in.url, api_token = false, loop = loop })
    return client
  end

  it("have a text, the same streamed and whole", function ()
    new()
    assert.is_true(#expected[1] > 0 and #expected[3] > 0)
    assert.equal(expected[1], expected[2])
    assert.same(expected, talk(client))
  end)

  for _, loop in ipairs(loops.list) do
    it("run next to each other in the loop of " .. loop.name, function ()
      new(loop.new())
      local found, ended, ticks = {}, 0, 0
      for i = 1, MANY do
        loop.begin(function ()
          found[i] = talk(client)
          ended = ended + 1
        end)
      end
      loop.run(function () return ended == MANY end, function () ticks = ticks + 1 end)
      for i = 1, MANY do assert.same(expected, found[i]) end
      assert.is_true(ticks > 0)
    end)
  end

  it("run in tasks", function ()
    new()
    local found = async.run(function ()
      local tasks, list = {}, {}
      for i = 1, MANY do tasks[i] = async.spawn(talk, client) end
      for i = 1, MANY do list[i] = tasks[i]:await() end
      return list
    end)
    for i = 1, MANY do assert.same(expected, found[i]) end
  end)

  it("that are cancelled with their task close their streams", function ()
    new()
    local stream
    async.run(function ()
      local task = async.spawn(function ()
        stream = client:chat_completion_stream(MESSAGES, { max_tokens = 1000, seed = 1 })
        while stream:next() do end
      end)
      repeat async.sleep(0.002) until stream and count_of(stream) > 0
      task:cancel()
      task:join()
    end)
    stream:close()
    local none, err = stream:next()
    assert.is_nil(none)
    assert.equal("cancelled", err.kind)
  end)

  it("are polled in frames, of which none waits", function ()
    new()
    local streams, texts, open = {}, {}, MANY
    for i = 1, MANY do
      streams[i], texts[i] = client:chat_completion_stream(MESSAGES, OPTIONS), ""
    end
    local frames = 0
    while open > 0 do
      predibase.update()
      frames = frames + 1
      for i, stream in pairs(streams) do
        local delta, err = stream:poll()
        while delta do
          texts[i] = texts[i] .. delta.text
          delta, err = stream:poll()
        end
        if err ~= "pending" then
          assert.is_nil(err)
          streams[i], open = nil, open - 1
        end
      end
    end
    assert.is_true(frames > 5)
    for i = 1, MANY do assert.equal(expected[1], texts[i]) end
  end)
end)
