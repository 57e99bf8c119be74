-- SPDX-License-Identifier: MIT
--- The pool of predibase.curl: the options of requests, and how the pool waits.

local curl = require "predibase.curl"
local pools = require "spec.support.pools"
local uv = require "luv"

local NAN = 0 / 0

local stream = pools.stream

describe("predibase.curl", function ()
  local s, pool

  setup(pools.start)
  teardown(pools.stop)
  before_each(function () s, pool = pools.open() end)
  after_each(function () pools.close(pool) end)

  it("returns the name and version of the library that it uses", function ()
    assert.matches("^libcurl/%d+%.%d+%.%d+", curl.version())
  end)

  it("has a clock that does not go back", function ()
    local before = curl.now()
    uv.sleep(20)
    assert.is_true(curl.now() >= before + 0.019)
  end)

  describe("a closed pool", function ()
    it("raises when it is used, and is shown as closed by tostring", function ()
      assert.matches("^predibase%.curl%.pool %(.+%)$", tostring(pool))
      for _ = 1, 3 do assert.equal(0, select("#", pool:close())) end
      assert.equal("predibase.curl.pool (closed)", tostring(pool))
      for _, method in ipairs { "open", "step", "fd", "timeout", "size" } do
        assert.error_matches(function () pool[method](pool, {}, {}) end, "the pool is closed", 1,
          true)
      end
    end)

    it("does not accept another object as self", function ()
      for _, method in ipairs { "open", "step", "fd", "timeout", "size", "close" } do
        for _, bad in ipairs { 1, "x", {}, io.stdout, stream "/hang/generate_stream" } do
          assert.error_matches(function () pool[method](bad, {}, {}) end,
            "predibase.curl.pool expected", 1, true)
        end
      end
    end)
  end)

  describe("pool:open", function ()
    local function refuses (spec, message)
      local ok, err = pcall(pool.open, pool, spec)
      assert.is_false(ok)
      assert.is_truthy(err:find(message, 1, true), ("%q, not %q"):format(err, message))
      assert.equal(0, pool:size())
    end

    local function field (name, value)
      local spec = { url = s.url }
      spec[name] = value
      return spec
    end

    it("requires a table with a URL", function ()
      for _, bad in ipairs { 1, "x", true, print } do refuses(bad, "table expected") end
      refuses({}, "bad field 'url' (string expected)")
      refuses(setmetatable({}, { __index = function () error "mine" end }), "mine")
    end)

    it("names a field that is not a string", function ()
      for _, name in ipairs { "url", "method", "body", "proxy", "ca_file", "client_cert",
          "client_key", "client_key_password" } do
        refuses(field(name, 5), ("bad field '%s' (string expected, got number)"):format(name))
        refuses(field(name, {}), ("bad field '%s' (string expected, got table)"):format(name))
        if name ~= "body" then
          refuses(field(name, "a\0b"), ("bad field '%s' (contains a zero byte)"):format(name))
        end
      end
    end)

    it("names a field that is not a boolean", function ()
      for _, name in ipairs { "events", "verify" } do
        refuses(field(name, 1), ("bad field '%s' (boolean expected, got number)"):format(name))
      end
    end)

    it("names a timeout that is not a number of seconds", function ()
      for _, name in ipairs { "delay", "connect", "first_event", "event", "idle" } do
        refuses(field(name, "1"), ("bad field '%s' (number expected, got string)"):format(name))
        for _, bad in ipairs { -1, NAN, math.huge, -math.huge, 1.1e9 } do
          refuses(field(name, bad), ("bad field '%s' (seconds"):format(name))
        end
      end
      refuses(field("deadline", "1"), "bad field 'deadline' (number expected, got string)")
      refuses(field("deadline", math.huge), "bad field 'deadline' (seconds")
    end)

    it("names a limit that is not a number of bytes", function ()
      for _, name in ipairs { "max_event", "max_body" } do
        refuses(field(name, "1"), ("bad field '%s' (number expected, got string)"):format(name))
        for _, bad in ipairs { 0, 0.5, -1, NAN, math.huge, 2 ^ 54 } do
          refuses(field(name, bad), ("bad field '%s' (a number of bytes"):format(name))
        end
      end
    end)

    it("accepts three values of http_version", function ()
      for _, bad in ipairs { 3, -1, 1.5, NAN, 1e300 } do
        refuses(field("http_version", bad), "bad field 'http_version' (0, 1 or 2 expected)")
      end
      for _, version in ipairs { 0, 1, 2 } do pool:open(field("http_version", version)):close() end
    end)

    it("refuses headers that are not lines", function ()
      refuses(field("headers", "a: b"), "bad field 'headers' (table expected, got string)")
      refuses(field("headers", { "a: b", 5 }), "bad field 'headers' (strings expected, got number)")
      refuses(field("headers", { "a: b", {} }), "bad field 'headers' (strings expected, got table)")
      for _, bad in ipairs { "\r\nx: y", "\n", "\r", "\0", "\t", "\127", "\27[0m" } do
        refuses(field("headers", { "a: b", "c: d" .. bad }),
          "bad header (contains a control character)")
      end
    end)

    it("returns an error for a request that libcurl refuses", function ()
      local x, why = pool:open { url = "http://127.0.0.1/" .. ("x"):rep(8000001) }
      assert.is_nil(x)
      assert.equal("libcurl refused the URL", why)
      assert.equal(0, pool:size())
    end)

    it("counts exchanges that are not closed, in any state", function ()
      local list = {}
      for i = 1, 5 do
        list[i] = pool:open { url = "http://127.0.0.1:1/", deadline = i % 2 == 0 and 0 or nil }
        assert.equal(i, pool:size())
      end
      pool:step(0, {})
      assert.equal(5, pool:size())
      for i = 1, 5 do
        list[i]:close()
        assert.equal(5 - i, pool:size())
      end
    end)

    it("gives each exchange a different number", function ()
      local a, b = pool:open { url = s.url, delay = 9 }, pool:open { url = s.url, delay = 9 }
      a:close()
      local c = pool:open { url = s.url, delay = 9 }
      assert.is_true(b:id() ~= c:id())
      b:close()
      assert.error_matches(function () a:id() end, "the exchange is closed", 1, true)
    end)
  end)

  describe("pool:step", function ()
    it("requires a table and accepts a number", function ()
      assert.error_matches(function () pool:step(0) end, "table expected", 1, true)
      assert.error_matches(function () pool:step("soon", {}) end, "number expected", 1, true)
    end)

    it("does not wait if the time is 0, negative or NaN", function ()
      for _, seconds in ipairs { 0, -1, NAN, -math.huge } do
        assert.equal(0, pool:step(seconds, {}))
      end
    end)

    it("waits as long as it was asked to", function ()
      local before = curl.now()
      assert.equal(0, pool:step(0.03, {}))
      assert.is_true(curl.now() >= before + 0.029)
    end)

    it("reports each exchange that moved, once", function ()
      local ids, seen = {}, {}
      for _ = 1, 10 do ids[#ids + 1] = stream "/generate_stream" end
      local open = 10
      repeat
        local moved = {}
        local n, this_time = pool:step(nil, moved), {}
        assert.equal(n, #moved)
        for _, id in ipairs(moved) do
          assert.is_nil(this_time[id])
          this_time[id] = true
          seen[id] = true
        end
        for i, x in pairs(ids) do
          local data, state
          repeat data, state = x:next() until not data
          if state == "done" then
            assert.is_true(seen[x:id()])
            ids[i], open = nil, open - 1
          end
        end
      until open == 0
      assert.equal(0, pool:step(0, {}))
    end)

    it("does not wait if an exchange failed before the wait", function ()
      local x = stream("/hang/generate_stream", { deadline = 0 })
      assert.equal(1, pool:step(nil, {}))
      assert.equal("failed", select(2, x:next()))
      assert.is_nil(pool:timeout())
    end)
  end)

end)
