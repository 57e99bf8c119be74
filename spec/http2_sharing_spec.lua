-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Streams that begin at once and share HTTP/2 connections, as nginx's log and raw servers saw it.

local async = require "predibase.async"
local https = require "spec.support.https"

local shared = require "spec.support.libcurl".KEEPS_CONNECTIONS and describe or pending

--- Runs n functions as tasks, all begun before any of them goes on.
local function at_once (n, f)
  local list = {}
  for i = 1, n do list[i] = function () return f(i) end end
  return async.gather(list)
end

--- n streams at once, each with its first token.
local function begin (client, n, options)
  local streams, errors = at_once(n, function ()
    local stream = client:generate_stream("Hello", options or { max_new_tokens = 9 })
    local token, err = stream:next()
    return token and stream, err
  end)
  for i = 1, n do assert(streams[i], errors[i]) end
  return streams
end

--- The texts of n streams at once.
local function texts (client, n)
  return at_once(n, function () return client:generate_stream("Hello"):text() end)
end

local function close (streams)
  for _, stream in ipairs(streams) do stream:close() end
end

shared("Streams over HTTP/2 that begin at once", function ()
  local testbed, upstream, server
  local test = 0

  setup(function ()
    testbed = https.new()
    upstream = testbed:stand_in()
    server = testbed:nginx({ "modern", "old", "narrow", "short" }, function (address)
      return testbed:block(address.modern)
        .. testbed:block(address.old, { http2 = false })
        .. testbed:block(address.narrow, { more = "http2_max_concurrent_streams 4;" })
        .. testbed:block(address.short, { more = "keepalive_requests 3;" })
    end)
  end)

  before_each(function () test = test + 1 end)
  after_each(function () testbed:close_clients() end)
  teardown(function () testbed:close() end)

  --- A client whose requests nginx's log can tell from those of other tests.
  local function new (name, options, path)
    return testbed:client(server.port[name], options, ("/test-%d%s"):format(test, path or ""))
  end

  -- one token, and then nothing at all until the client goes away
  local SILENT = "/~silent_after=1;keepalive_interval=0"

  local function open_upstream (n)
    assert(upstream:wait(function () return upstream:connections().active == n end, 60))
  end

  --- The numbers of requests of this test on each connection, greatest first.
  local function shares (n)
    local by_connection, list = {}, {}
    for _, entry in ipairs(server:wait_for_log(n, ("/test-%d/"):format(test))) do
      by_connection[entry.connection] = (by_connection[entry.connection] or 0) + 1
    end
    for _, count in pairs(by_connection) do list[#list + 1] = count end
    table.sort(list, function (a, b) return a > b end)
    return list
  end

  it("share one connection, a hundred of them", function ()
    local streams = begin(new("modern", nil, SILENT), 100)
    open_upstream(100)
    close(streams)
    open_upstream(0)
    assert.same({ 100 }, shares(100))
  end)

  it("and calls that begin at once share it, too", function ()
    local client = new "modern"
    local results = at_once(20, function ()
      return client:generate("Hello", { max_new_tokens = 1 })
    end)
    assert.equal(20, #results)
    assert.same({ 20 }, shares(20))
  end)

  it("share one connection to each server that a client and its view use", function ()
    local client = new("modern", nil, SILENT)
    local url = client.cfg.url:gsub(":%d+/", (":%d/"):format(server.port.narrow), 1)
    local view = assert(client:with { base_url = url })
    local old = assert(client:with { base_url = client.cfg.url:gsub(":%d+/",
      (":%d/"):format(server.port.old), 1) })
    local streams = at_once(30, function (i)
      local one = i <= 18 and client or i <= 21 and view or old
      local stream = one:generate_stream("Hello", { max_new_tokens = 9 })
      assert(stream:next())
      return stream
    end)
    open_upstream(30)
    close(streams)
    open_upstream(0)
    assert.same({ 18, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, shares(30))
    view:close()
    old:close()
  end)

  it("take as many connections as the server's limit asks for, and no more", function ()
    local client = new("narrow", nil, SILENT)
    local streams = begin(client, 1)      -- and with its answer the limit is known
    for _, n in ipairs { 3, 4, 2 } do
      for _, stream in ipairs(begin(client, n)) do streams[#streams + 1] = stream end
    end
    open_upstream(10)
    close(streams)
    open_upstream(0)
    assert.same({ 4, 4, 2 }, shares(10))
  end)

  it("all begin when they are more than a limit that was not known yet", function ()
    local streams = begin(new("narrow", nil, SILENT), 20)
    open_upstream(20)
    close(streams)
    open_upstream(0)
    for _, count in ipairs(shares(20)) do assert.is_true(count <= 4, count) end
  end)

  it("are a hundred on a connection at most", function ()
    local streams = begin(new("modern", nil, SILENT), 110)
    open_upstream(110)
    close(streams)
    open_upstream(0)
    assert.same({ 100, 10 }, shares(110))
  end)

  it("join one that is in use", function ()
    local client = new("modern", nil, SILENT)
    local first = begin(client, 1)
    local others = begin(client, 5)
    close(first)
    close(others)
    open_upstream(0)
    assert.same({ 6 }, shares(6))
  end)

  it("have a connection each from a server that speaks HTTP/1.1", function ()
    local client = new("old", nil, SILENT)
    for round = 1, 2 do
      close(begin(client, 8))
      open_upstream(0)
      assert.equal(8 * round, #shares(8 * round))
    end
  end)

  it("have a connection each when http_version is 1.1", function ()
    close(begin(new("modern", { http_version = "1.1" }, SILENT), 8))
    open_upstream(0)
    assert.same({ 1, 1, 1, 1, 1, 1, 1, 1 }, shares(8))
  end)

  it("are ended one by one, and the server knows although nothing else is sent", function ()
    local streams = begin(new("modern", nil, SILENT), 5)
    for i = 1, 5 do
      streams[i]:close()
      open_upstream(5 - i)
    end
    assert.same({ 5 }, shares(5))
  end)

  it("are given up by the clock one by one", function ()
    local client = new("modern", nil, SILENT)
    local streams = begin(client, 3)
    local _, err = client:generate_stream("Hello", { timeout = { token = 0.1 } }):text()
    assert.equal("timeout", err.kind)
    assert.equal("token", err.phase)
    open_upstream(3)
    close(streams)
    assert.same({ 4 }, shares(4))
  end)

  it("end well when nginx is reloaded, and those after it take a new connection", function ()
    local client = new("modern", nil, "/~delay=0.02")
    local before = begin(client, 5, { max_new_tokens = 30, ignore_eos_token = true })
    server:reload()
    local after = begin(client, 5, { max_new_tokens = 3 })
    for _, stream in ipairs(before) do
      assert(stream:text())
      assert.equal(1, stream:result().attempts)
      assert.equal(30, stream:result().usage.completion_tokens)
    end
    for _, stream in ipairs(after) do assert(stream:text()) end
    -- those that were sent before nginx's good-bye was read come again, each over a connection of
    -- its own
    local counts = shares(10)
    assert.equal(5, counts[1])
    assert.is_true(#counts >= 2 and #counts <= 6, #counts)
  end)

  it("all end well when nginx takes three requests on a connection", function ()
    local client = new "short"
    local streams = begin(client, 10, { max_new_tokens = 3 })
    for _, stream in ipairs(streams) do
      assert(stream:text())
      -- one that nginx refuses twice is a try of its own
      assert.is_true(stream:result().attempts <= 2)
    end
    for _ = 1, 5 do assert(client:generate("Hello", { max_new_tokens = 1 })) end
    for _, count in ipairs(shares(15)) do assert.is_true(count <= 3, count) end
  end)
end)

shared("A shared HTTP/2 connection", function ()
  local testbed, raw

  setup(function ()
    testbed = https.new()
    raw = testbed:peer "h2_shared"
  end)

  after_each(function () testbed:close_clients() end)
  teardown(function () testbed:close() end)

  local function connections (name) return raw:count("connection " .. name) end
  local function requests (name) return raw:count("request " .. name) end

  it("is told at once of a stream that is closed early", function ()
    local streams = begin(testbed:client(raw.port.holds), 3)
    for i = 1, 3 do assert(streams[i]:next()) end
    streams[2]:close()
    raw:wait_for "cancelled holds"
    assert.equal("pending", select(2, streams[1]:poll()))
    assert.equal("pending", select(2, streams[3]:poll()))
    streams[1]:close()
    raw:wait_for("cancelled holds", 2)
    assert.equal(1, connections "holds")
  end)

  it("goes on with the others when one is closed early", function ()
    local streams = begin(testbed:client(raw.port.generous), 4)
    streams[1]:close()
    for i = 2, 4 do
      assert(streams[i]:text())
      assert.equal("one two three", streams[i]:result().generated_text)
    end
    assert.equal(1, connections "generous")
  end)

  it("that goes away before it looked at some requests has them sent again", function ()
    local results = texts(testbed:client(raw.port.goaway), 3)
    for i = 1, 3 do assert.equal("one two three", results[i]) end
    assert.equal(5, requests "goaway")
  end)

  it("that refuses more streams than it had said has them sent over others", function ()
    local results = texts(testbed:client(raw.port.refuses), 5)
    for i = 1, 5 do assert.equal("one two three", results[i]) end
    assert.is_true(connections "refuses" >= 3)
  end)

  it("is not filled before the server has said how many streams it takes", function ()
    -- A machine that is busy may find the server late: once of five times is enough. Before, the
    -- streams never waited.
    local refused, opened
    for _ = 1, 5 do
      local before, connected = raw:count "refused late-limit", connections "late-limit"
      close(begin(testbed:client(raw.port["late-limit"]), 40))
      refused = raw:count "refused late-limit" - before
      opened = connections "late-limit" - connected
      if refused == 0 then break end
    end
    assert.equal(0, refused)
    assert.equal(10, opened)
  end)

  it("whose limit is lowered takes no further stream", function ()
    local client = testbed:client(raw.port.lowers)
    local one, two, three = begin(client, 1), begin(client, 1), begin(client, 1)
    for _, streams in ipairs { one, two, three } do close(streams) end
    assert.equal(3, connections "lowers")
  end)

  it("whose limit is zero for a while is waited for, or another is taken", function ()
    local client = testbed:client(raw.port["zero-for-a-while"])
    assert.equal("one two three", client:generate_stream("Hello"):text())
    local stream = client:generate_stream("Hello")
    local token, why
    for _ = 1, 20 do
      token, why = stream:poll()
      if token then break end
    end
    if token then                 -- libcurl 8.22 does not wait
      raw:wait_for("connection zero-for-a-while", 2)
    else
      assert.equal("pending", why)
      raw:go()
    end
    assert(stream:text())
    assert.equal("one two three", stream:result().generated_text)
    assert.equal(2, requests "zero-for-a-while")
  end)

  it("whose limit stays zero is given up by the clock, or another is taken", function ()
    local client = testbed:client(raw.port.zero, { max_retries = 0 })
    assert.equal("one two three", client:generate_stream("Hello"):text())
    local text, err = client:generate_stream("Hello", { timeout = { first_token = 0.2 } }):text()
    if text then                  -- libcurl 8.22 does not wait
      assert.equal("one two three", text)
      assert.equal(2, connections "zero")
    else
      assert.equal("timeout", err.kind)
      assert.equal(1, requests "zero")
    end
  end)

  it("that is pinged between two calls is used again and answers", function ()
    local client = testbed:client(raw.port.pings)
    for _ = 1, 3 do assert.equal("one two three", client:generate_stream("Hello"):text()) end
    raw:wait_for("pong pings", 3)
    assert.equal(1, connections "pings")
  end)
end)
