-- SPDX-License-Identifier: MIT
--- Lists of texts that go out in several requests, by `client:embed`.
local json = require "predibase.json"
local parts = require "predibase.parts"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local vectors = require "spec.support.vectors"

local client, network

local function open (replies, options)
  client, network = pipe.client(replies, options)
  return client
end

local function close ()
  if not client then return end
  assert.equal(0, client.transport:size())
  client:close()
  client = nil
end

--- A list of texts, and the vectors that the server of `spec.support.vectors` has for them.
local function texts (count)
  local list, wanted = {}, {}
  for i = 1, count do
    list[i] = ("t"):rep(i)
    wanted[i] = { i, 116.5 }
  end
  return list, wanted
end

local function inputs (i) return json.decode(network.requests[i].body).input end

describe("A list of texts", function ()
  after_each(close)

  it("is cut into parts of batch_size, and comes back in its order", function ()
    open(function (log)
      local reply = vectors.lorax(log)
      reply.before = 10 - #inputs(#network.requests)[1] / 10      -- the last part answers first
      return reply
    end)
    local list, wanted = texts(10)
    local found, about = assert(client:embed(list, { batch_size = 3, concurrency = 4 }))
    assert.same(wanted, found)
    assert.equal(4, #network.requests)
    assert.same({ "t", "tt", "ttt" }, inputs(1))
    assert.equal(4, about.requests)
    assert.equal(4, about.attempts)
    assert.equal(4, #about.request_ids)
    assert.equal(about.request_ids[1], about.request_id)
    assert.is_true(about.request_ids[1] ~= about.request_ids[2])
  end)

  it("has at most as many requests under way as concurrency says", function ()
    local under_way, most = 0, 0
    open(function (log)
      local reply = vectors.lorax(log)
      reply.before = 1
      under_way = 0
      for _, other in ipairs(network.requests) do
        if not (other.closed or other.released) then under_way = under_way + 1 end
      end
      most = math.max(most, under_way)
      return reply
    end)
    local list, wanted = texts(9)
    assert.same(wanted, client:embed(list, { batch_size = 1, concurrency = 2 }))
    -- The second value: a request that has ended may not be released yet when the next one begins.
    assert.is_true(most >= 2 and most <= 3, most)
  end)

  it("adds up the numbers of tokens", function ()
    open(vectors.openai, { server = "openai" })
    local list, wanted = texts(5)
    local found, about = assert(client:embed(list, { batch_size = 2 }))
    assert.same(wanted, found)
    assert.same({ prompt_tokens = 5, total_tokens = 5 }, about.usage)
    assert.equal("m-1", about.model_id)
  end)

  it("fails as a whole when one part fails, and closes the others", function ()
    open(function (log)
      if #network.requests == 2 then
        return vectors.reply('{"error":"Input validation error: x","error_type":"validation"}', 422)
      end
      local reply = vectors.lorax(log)
      reply.before = 50
      return reply
    end)
    local found, err = client:embed(texts(9), { batch_size = 1, concurrency = 3 })
    assert.is_nil(found)
    assert.equal("validation", err.kind)
    assert.equal(3, #network.requests)
    assert.is_true(network.requests[1].aborted)
    assert.is_true(network.requests[3].aborted)
  end)

  it("retries the part that failed only", function ()
    local failed = false
    open(function (log)
      if #network.requests == 2 and not failed then
        failed = true
        return vectors.reply("", 502)
      end
      return vectors.lorax(log)
    end)
    local list, wanted = texts(6)
    local found, about = assert(client:embed(list, { batch_size = 2, concurrency = 1 }))
    assert.same(wanted, found)
    assert.equal(3, about.requests)
    assert.equal(4, about.attempts)
    assert.equal(4, #network.requests)
  end)

  it("does not repeat a part whose computation failed", function ()
    open(vectors.reply('{"error":"x","error_type":"generation"}', 424))
    local _, err = client:embed(texts(4), { batch_size = 2, concurrency = 1 })
    assert.equal("generation", err.kind)
    assert.equal(1, #network.requests)
  end)

  it("waits as the server's rate limit says, within its time", function ()
    local function limited (seconds)
      return { status = 429, headers = { ["content-type"] = "application/json",
        ["retry-after"] = seconds }, body = "{}" }
    end
    local refusals = 0
    local function serve (seconds)
      open(function (log)
        refusals = refusals + 1
        return refusals == 2 and limited(seconds) or vectors.lorax(log)
      end)
    end
    serve "5"
    local began = network.clock
    local list, wanted = texts(4)
    assert.same(wanted, client:embed(list, { batch_size = 1, concurrency = 1 }))
    assert.is_true(network.clock - began >= 5)
    close()
    refusals = 0
    serve "50"
    began = network.clock
    local found, err = client:embed(list, { batch_size = 1, concurrency = 1, timeout = 20 })
    assert.is_nil(found)
    assert.equal("rate_limited", err.kind)
    assert.is_true(network.clock - began < 20)
  end)

  it("has one time limit for all parts", function ()
    open(function (log)
      local reply = vectors.lorax(log)
      reply.before = 4
      return reply
    end)
    local list, wanted = texts(4)
    assert.same(wanted, client:embed(list, { batch_size = 1, concurrency = 1, timeout = 17 }))
    local began = network.clock
    local found, err = client:embed(list, { batch_size = 1, concurrency = 1, timeout = 10 })
    assert.is_nil(found)
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
    assert.is_true(network.clock - began <= 10.1, network.clock - began)
  end)

  it("has vectors of one size", function ()
    open(function (log)
      if #network.requests == 3 then
        return vectors.reply '{"embeddings":[{"index":0,"embedding":[1,2,3]}]}'
      end
      return vectors.lorax(log)
    end)
    local found, err = client:embed(texts(3), { batch_size = 1, concurrency = 1 })
    assert.is_nil(found)
    assert.equal("protocol", err.kind)
    assert.equal("the vector of text 3 has 3 numbers, that of text 1 has 2", err.message)
  end)

  it("closes its requests when a hook raises", function ()
    open(function (log)
      local reply = vectors.lorax(log)
      reply.before = 5
      return reply
    end)
    local begun = 0
    local ok, message = pcall(function ()
      client:embed(texts(4), { batch_size = 1, on_request = function ()
        begun = begun + 1
        if begun == 3 then error("the hook fails", 0) end
      end })
    end)
    assert.is_false(ok)
    assert.equal("the hook fails", message)
    assert.equal(2, #network.requests)
    assert.is_true(network.requests[1].closed)
    assert.equal(0, client.transport:size())
  end)

  it("fails with its client when that is closed", function ()
    open(function (log)
      local reply = vectors.lorax(log)
      reply.before = 5
      return reply
    end)
    local found, err = client:embed(texts(4), { batch_size = 1, on_request = function ()
      if #network.requests == 2 then client:close() end
    end })
    assert.is_nil(found)
    assert.equal("cancelled", err.kind)
    client = nil
  end)
end)

describe("parts.cut", function ()
  local MAX = 2097152

  local function sizes (list, size, used)
    local found = {}
    for i, part in ipairs(assert(parts.cut(list, size, used, "input"))) do
      found[i] = #part.texts
    end
    return found
  end

  it("cuts by the number of texts, and notes where each part begins", function ()
    assert.same({ 2, 2, 1 }, sizes({ "a", "b", "c", "d", "e" }, 2, 10))
    assert.equal(3, parts.cut({ "a", "b", "c" }, 2, 10, "input")[2].first)
    assert.same({}, sizes({}, 2, 10))
  end)

  it("cuts so that no body is larger than the server accepts", function ()
    local half = ("x"):rep(MAX / 2 - 2)
    assert.same({ 1, 1 }, sizes({ half, half }, 9, 10))
    assert.same({ 1, 1 }, sizes({ half, half }, 9, 0))          -- the comma is one too many
    assert.same({ 2 }, sizes({ half, half:sub(2) }, 9, 0))
    assert.same({ 1 }, sizes({ ("x"):rep(MAX - 12) }, 9, 10))
  end)

  it("counts the bytes as they are sent", function ()
    assert.same({ 1, 1 }, sizes({ ("\n"):rep(MAX / 4), ("\n"):rep(MAX / 4) }, 9, 10))
  end)

  it("refuses a text that fits into no body", function ()
    for _, text in ipairs { ("x"):rep(MAX - 11), ("\n"):rep(MAX - 20), ("x"):rep(MAX + 1) } do
      local found, err = parts.cut({ "a", text }, 9, 10, "input")
      assert.is_nil(found)
      assert.equal("too_large", err.kind)
      assert.is_truthy(err.message:find("text 2 needs", 1, true), err.message)
    end
  end)

  it("is exact: such parts are sent, and a text that is too large is not", function ()
    client, network = pipe.client(vectors.lorax)
    local half = ("x"):rep(MAX / 2 - 20)
    assert.equal(4, #assert(client:embed { half, half, half, half }))
    for _, log in ipairs(network.requests) do assert.is_true(#log.body <= MAX) end
    local count = #network.requests
    local found, err = client:embed { "a", ("x"):rep(MAX) }
    assert.is_nil(found)
    assert.equal("too_large", err.kind)
    assert.is_true(predibase.is_error(err))
    assert.equal(count, #network.requests)
    close()
  end)
end)
