-- SPDX-License-Identifier: MIT
--- Garbage collection while a function of predibase.curl runs: finalizers that close, read or open
-- exchanges of the function, and full collections at every step of a program.

-- The releases that close variables also have the generational collector.
local generational = require "spec.support.closing"
local curl = require "predibase.curl"
local filters = require "predibase.text_filter"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"

local jit = rawget(_G, "jit")

--- An event that is too large for the C core to copy it to its stack, and one that is not.
local SIZES = { 100, 100000 }

-- Long enough that Lua makes a new string each time, because it does not intern it.
local UNFINISHED = ("unfinished "):rep(10)

local TEXT = "some text of a token, longer than it was"

describe("while a function of predibase.curl runs,", function ()
  local s, files

  setup(function ()
    s = lifetime.serve()
    local function script (name, event)
      local events = ("data:%s\n\n"):format(event):rep(2)      -- the parser would hold a third back
      s:script("/events/" .. name, { raw = {
        { send = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-long: "
          .. ("y"):rep(5000) .. "\r\nconnection: close\r\n\r\n" .. events .. "data: "
          .. UNFINISHED },
        { close = true },
      } })
    end
    script("token", ('{"token":{"id":5,"text":"%s"}}'):format(TEXT))
    for _, size in ipairs(SIZES) do
      script(size, ("x"):rep(size))
      s:script("/body/" .. size, { status = 200, content_type = "text/plain",
        body = ("x"):rep(size), close = true })
    end
  end)
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
    return assert(pool:open { url = s.url .. path, events = not path:find "^/body", proxy = "" })
  end

  --- Opens an exchange whose response has arrived completely but was not read.
  local function answered (path)
    local pool = curl.pool()
    local x = open(pool, path)
    local size = tonumber(path:match "%d+")
    repeat pool:step(nil, {}) until x:rest() == UNFINISHED or #x:body() == size
    return pool, x
  end

  local finalizers = {
    ["closes the exchange"] = function (_, x) x:close() end,
    ["closes the pool"] = function (pool) pool:close() end,
    ["closes both"] = function (pool, x)
      pool:close()
      x:close()
    end,
    ["closes both, the exchange first"] = function (pool, x)
      x:close()
      pool:close()
    end,
    ["reads the exchange"] = function (_, x)
      repeat until not x:next()
      x:rest()
      x:body()
      x:status()
      x:head()
    end,
    ["lets the exchange linger"] = function (_, x) x:linger(0) end,
    ["opens and steps"] = function (pool)
      for _ = 1, 20 do open(pool, "/hang/generate_stream") end
      pool:step(0, {})
    end,
  }

  --- The results that each function may return if its memory is intact.
  local calls = {
    next = function (data, state, size) return data == nil and state or #data == size end,
    token = function (data, state, size) return data == nil and state or #data == size end,
    -- a large response may not have arrived completely
    rest = function (data) return data == nil or data == UNFINISHED:sub(1, #data) end,
    body = function (data, _, size) return data == "" or #data == size end,
    head = function (status, headers) return status == 200 and type(headers) == "table" end,
    failure = function (kind) return kind == nil or kind == "cancelled" end,
  }

  for name, finalizer in pairs(finalizers) do
    for call, good in pairs(calls) do
      it(("exchange:%s works when a finalizer %s"):format(call, name), function ()
        local was_inside = call == "failure"     -- this function allocates nothing here
        for _, size in ipairs(SIZES) do
          for _, kind in ipairs { "/events/", "/body/" } do
            local pool, x = answered(kind .. size)
            local ran = 0
            local inside, ok, first, second = lifetime.inside(function ()
              ran = ran + 1
              finalizer(pool, x)
            end, x[call], x)
            assert.equal(1, ran)
            was_inside = was_inside or inside
            if ok then
              assert.is_truthy(good(first, second, size))
            else
              assert.matches("closed", first, 1, true)
            end
            x:close()
            pool:close()
          end
        end
        assert.is_true(was_inside)
      end)
    end

    -- What each function returns, and what the text so far then is if nobody else has read.
    for call, expected in pairs {
      token = { { id = 5, text = TEXT }, "" },
      take = { { id = 5, text = TEXT }, TEXT },
      take_texts = { TEXT .. TEXT, TEXT .. TEXT },
    } do
      it(("exchange:%s returns a token when a finalizer %s"):format(call, name), function ()
        local pool, x = answered "/events/token"
        x:keep_text(1000, true)
        local inside, ok, token, second = lifetime.inside(function ()
          finalizer(pool, x)
        end, x[call], x)
        assert.is_true(inside)
        if lifetime.COLLECTS_ON_CALL and not ok then
          assert.matches("closed", token, 1, true)
        elseif not (lifetime.COLLECTS_ON_CALL and token == nil) then
          assert.is_true(ok)
          assert.same(expected[1], token)
          assert.equal(call == "take_texts" and token ~= nil or nil, second)
        end
        assert.is_true(x:text() == "" or x:text() == expected[2])
        x:close()
        pool:close()
      end)
    end

    for _, call in ipairs { "take_texts", "shown" } do
      it(("exchange:%s with a filter returns text when a finalizer %s"):format(call, name),
        function ()
          local pool, x = answered "/events/token"
          x:keep_text(10000, true)
          x:filter(nil, filters.matcher { TEXT })
          x:filter(nil, filters.matcher { "END" })       -- takes the place of the first
          if call == "shown" then assert.is_table(x:take()) end
          local _, ok, text, second = lifetime.inside(function ()
            finalizer(pool, x)
          end, x[call], x)
          if not ok then
            assert.is_true(lifetime.COLLECTS_ON_CALL)
          elseif text then
            assert.equal(call == "shown" and TEXT or TEXT .. TEXT, text)
            assert.equal(call == "shown" and "" or true, second or "")
          end
          assert.is_true(x:text() == "" or x:text() == TEXT or x:text() == TEXT .. TEXT)
          x:close()
          pool:close()
        end)
    end

    it("exchange:text works when a finalizer adds to it and " .. name, function ()
      local pool, x = answered "/events/token"
      x:keep_text(10000, true)
      x:take_all()
      local more = ("y"):rep(100)
      local _, ok, text = lifetime.inside(function ()
        x:add(more)
        finalizer(pool, x)
      end, x.text, x)
      assert.is_true(ok)
      assert.is_true(text == TEXT .. TEXT or text == TEXT .. TEXT .. more, text)
      assert.equal(TEXT .. TEXT .. more, x:text())
      x:close()
      pool:close()
    end)

    it("pool:open and pool:step work when a finalizer " .. name, function ()
      for _ = 1, 3 do
        local pool, x = answered("/events/100")
        local ran = 0
        local function finalize ()
          ran = ran + 1
          finalizer(pool, x)
        end
        local spec = { url = s.url .. "/events/100", events = true, proxy = "" }
        local _, ok, made = lifetime.inside(finalize, pool.open, pool, spec)
        if not ok then assert.matches("closed", made, 1, true) end
        _, ok, made = lifetime.inside(finalize, pool.step, pool, 0, {})
        assert.is_true(ok or made:find("closed", 1, true) ~= nil)
        _, ok, made = lifetime.inside(finalize, tostring, pool)
        assert.is_true(ok)
        assert.matches("^predibase.curl.pool", made)
        assert.equal(3, ran)
        pool:close()
      end
    end)
  end

  --- Calls f with a full collection at every instruction (count) or at every function call.
  local function cruelly (f, mask, count)
    if jit then jit.off() end
    local n = 0
    debug.sethook(function ()
      n = n + 1
      collectgarbage()
    end, mask, count)
    local ok, err = pcall(f)
    debug.sethook()
    if jit then jit.on() end
    if not ok then error(err, 0) end
    return n
  end

  it("a collection at every step frees nothing that is in use", function ()
    local events, rest, status = {}, nil, nil
    local moved = {}
    local n = cruelly(function ()
      local pool = curl.pool()
      local x = open(pool, "/events/100")
      local data, state
      repeat
        data, state = x:next()
        if data then events[#events + 1] = data end
        if state == "pending" then pool:step(nil, moved) end
      until state == "done"
      rest, status = x:rest(), x:head()
      open(pool, "/hang/generate_stream")
      pool:step(0, moved)
      pool:close()
    end, "", 1)
    assert.is_true(n > 50)
    assert.equal(("x"):rep(200), table.concat(events))
    assert.equal(UNFINISHED, rest)
    assert.equal(200, status)
  end)

  it("the strings of a specification may come from a metatable", function ()
    local url = s.url .. "/events/100"
    local names = {}
    cruelly(function ()
      local pool = curl.pool()
      local x = assert(pool:open(setmetatable({}, { __index = function (_, name)
        names[name] = true
        if name == "url" then return url:sub(1, 7) .. url:sub(8) end
        if name == "headers" then return { "x-a: " .. ("b"):rep(300) } end
        if name == "events" then return true end
        if name == "body" then return ("z"):rep(3000) end
        if name == "method" or name == "proxy" then return nil end
      end })))
      repeat
        local data, state = x:next()
        if state == "pending" then pool:step(nil, {}) end
      until data
      pool:close()
    end, "", 1)
    assert.is_true(names.url and names.body and names.client_key_password)
    local entry = s:log()
    entry = entry[#entry]
    assert.equal(("z"):rep(3000), entry.body)
    assert.equal(("b"):rep(300), entry.headers["x-a"])
  end)

  it("a collection at every call frees nothing that a client uses", function ()
    local client = lifetime.client(s)
    local text, result
    cruelly(function ()
      text = client:generate_stream "x":text()
      result = client:generate "x"
    end, "c")
    assert.equal(lifetime.TEXT, text)
    assert.equal(lifetime.TEXT, result.generated_text)
    assert.equal(0, client.transport:size())
    client:close()
  end)

  if generational then
    it("the generational collector frees nothing that is in use", function ()
      local gc = collectgarbage
      local before = gc "generational"
      for _ = 1, 30 do
        local client = lifetime.client(s)
        assert.equal(lifetime.TEXT, client:generate_stream "x":text())
        client:generate_stream "x":next()
        lifetime.client(s, "/hang"):generate_stream "x":next()
      end
      gc(before)
    end)
  end
end)
