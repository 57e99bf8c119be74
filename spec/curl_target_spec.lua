-- SPDX-License-Identifier: MIT
--- The targets of predibase.curl: the options that requests share. Also tests that no option of one
-- request stays for the next one on the same handle of libcurl.

local curl = require "predibase.curl"
local lifetime = require "spec.support.lifetime"
local pools = require "spec.support.pools"

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local JSON = "content-type: application/json"

describe("a target of predibase.curl", function ()
  local s, pool

  setup(pools.start)
  teardown(pools.stop)
  before_each(function () s, pool = pools.open() end)
  after_each(function () pools.close(pool) end)

  local function target (path, more)
    return curl.target(pools.request(path, more))
  end

  --- Waits for the end and closes the exchange. Returns the final state, the body or the failure,
  -- and what the server received.
  local function finish (x)
    local data, state
    repeat
      data, state = x:next()
      if state == "pending" then pool:step(nil, {}) end
    until not data and state ~= "pending"
    local body, failure = x:body(), { x:failure() }
    x:close()
    local log = s:log()
    return state, state == "done" and body or failure, log[#log]
  end

  local function get (...)
    return finish(assert(pool:open(...)))
  end

  it("refuses invalid options", function ()
    local to = target "/generate"
    local names = { "body", "header", "delay", "deadline", "connect", "first_event", "event",
      "idle" }
    for i, name in ipairs(names) do
      local wanted = i <= 2 and "string" or "number"
      local arguments = { [i] = {} }
      assert.error_matches(function () pool:open(to, unpack(arguments, 1, 8)) end,
        ("bad field '%s' (%s expected, got table)"):format(name, wanted), 1, true)
      if i > 2 then
        arguments[i] = 0 / 0
        assert.error_matches(function () pool:open(to, unpack(arguments, 1, 8)) end,
          ("bad field '%s' (seconds"):format(name), 1, true)
      end
    end
    for _, bad in ipairs { "x: y\r\nz: 1", "a\0b", "\127" } do
      assert.error_matches(function () pool:open(to, nil, bad) end, "bad header", 1, true)
    end
    for _, bad in ipairs { io.stdout, pool, 1, "x" } do
      assert.has_error(function () pool:open(bad) end)
      assert.has_error(function () curl.target(bad) end)
    end
    assert.equal(0, pool:size())
  end)

  it("is shared by requests with different bodies, headers and timeouts", function ()
    local to = target("/generate", { method = "POST", headers = { JSON, "x-all: yes" } })
    for i = 1, 3 do
      local x, number = assert(pool:open(to, ('{"inputs":"%d"}'):format(i), "x-own: " .. i))
      assert.equal(x:id(), number)
      local state, body, seen = finish(x)
      assert.equal("done", state)
      assert.is_truthy(body:find(lifetime.TEXT, 1, true))
      assert.equal(('{"inputs":"%d"}'):format(i), seen.body)
      assert.equal("yes", seen.headers["x-all"])
      assert.equal(tostring(i), seen.headers["x-own"])
      assert.is_nil(seen.headers.expect)
    end
    local _, _, seen = get(to)
    assert.equal("POST", seen.method)
    assert.equal("", seen.body)
    assert.is_nil(seen.headers["x-own"])
    local state, failure = get(to, "late", nil, nil, curl.now() - 1)
    assert.same({ "failed", "total" }, { state, failure[2] })
    state, _, seen = get(to, "again")
    assert.same({ "done", "again" }, { state, seen.body })
    assert.is_nil(seen.headers["x-own"])
  end)

  it("shares no options with other targets", function ()
    local one = target("/generate", { method = "POST", headers = { "authorization: Bearer 1" } })
    local two = target("/generate", { headers = { "x-two: 2" } })
    for _ = 1, 3 do
      local _, _, seen = get(one, "first")
      assert.same({ "POST", "Bearer 1", "first" },
        { seen.method, seen.headers.authorization, seen.body })
      assert.is_nil(seen.headers["x-two"])
      _, _, seen = get(two)
      assert.same({ "GET", "2", "" }, { seen.method, seen.headers["x-two"], seen.body })
      assert.is_nil(seen.headers.authorization)
    end
    -- More requests at a time than handles are kept.
    local open = {}
    for i = 1, 40 do open[i] = assert(pool:open(i % 2 == 0 and one or two, "b" .. i)) end
    for i = 1, 40 do assert.equal("done", (finish(open[i]))) end
  end)

  it("does not remember the progress of the previous request", function ()
    local to = target "/generate"
    assert.equal("done", (get(to)))
    local dead = curl.target { url = "http://127.0.0.1:1/", proxy = "" }
    for _ = 1, 2 do
      local state, failure = get(dead)
      assert.same({ "failed", "connection", "connect", false },
        { state, failure[1], failure[2], failure[4] })
      assert.equal("done", (get(to)))
    end
  end)

  it("can be used for another request after one that was cut off", function ()
    local to = target("/hang/generate_stream",
      { method = "POST", events = true, headers = { JSON } })
    for _ = 1, 3 do
      local x = assert(pool:open(to, '{"inputs":"x"}'))
      local data, state, failure
      repeat
        pool:step(nil, {})
        data, state = x:next()
      until state ~= "pending"
      assert.is_string(data)
      x:close()
      state, failure = get(to, '{"inputs":"x"}', nil, nil, nil, nil, nil, 0.03)
      assert.same({ "failed", "timeout", "token" }, { state, failure[1], failure[2] })
    end
  end)

  it("is not freed while anything uses it", function ()
    local weak = setmetatable({}, { __mode = "k" })
    local x
    do
      local to = target("/generate", { headers = { "x-all: yes" } })
      weak[to] = true
      x = assert(pool:open(to, nil, "x-own: 1"))
    end
    lifetime.collect()
    assert.is_nil(next(weak))
    local state, _, seen = finish(x)
    assert.same({ "done", "yes", "1" }, { state, seen.headers["x-all"], seen.headers["x-own"] })
    local to = target "/generate"
    x = assert(pool:open(target "/mute/generate"))
    pool:close()
    assert.equal("failed", select(2, x:next()))
    x:close()
    pool = assert(curl.pool())
    assert.equal("done", (get(to)))
  end)

  it("reveals none of its contents when it is printed", function ()
    local text = tostring(target("/generate", { headers = { "authorization: Bearer SENTINEL" } }))
    assert.matches("^predibase%.curl%.target %(", text)
    assert.is_nil(text:find("SENTINEL", 1, true))
  end)
end)
