-- SPDX-License-Identifier: MIT
local config = require "predibase.config"
local json = require "predibase.json"

local function none () return nil end

local LOCAL = "http://127.0.0.1:8080"

local function new (options)
  options.base_url = options.base_url or LOCAL
  return config.new(options, none)
end

local function refused (options)
  local cfg, err = new(options)
  assert.is_nil(cfg)
  assert.equal("config", err.kind)
  assert.is_false(err.retryable)
  return err.message
end

--- Collects every string that can be reached from a value by `pairs` and `tostring`.
local function dump (value, out, seen)
  out, seen = out or {}, seen or {}
  out[#out + 1] = tostring(value)
  if type(value) == "table" and not seen[value] then
    seen[value] = true
    for key, inner in pairs(value) do
      dump(key, out, seen)
      dump(inner, out, seen)
    end
    dump(getmetatable(value), out, seen)
  end
  return table.concat(out, "\n")
end

describe("config.new", function ()
  it("raises for an option that does not exist, with the line of the caller", function ()
    local ok, message = pcall(function () config.new({ token = "x" }, none) end)
    assert.is_false(ok)
    assert.matches('^spec/config_spec%.lua:%d+: unknown option "token"', message)
    assert.error_matches(function () config.new({ max_retry = 1 }, none) end,
      'unknown option "max_retry"; did you mean "max_retries"%?')
    assert.error_matches(function () config.new({ "x" }, none) end, "unknown option 1")
  end)

  it("raises when the options are not a table, with the line of the caller", function ()
    local ok, message = pcall(function () config.new("pb_x", none) end)
    assert.is_false(ok)
    assert.matches("^spec/config_spec%.lua:%d+: options must be a table, got a string$", message)
  end)

  it("raises when the defaults contain a parameter that does not exist", function ()
    local ok, message = pcall(function ()
      config.new({ base_url = LOCAL, defaults = { max_tokens = 5 } }, none)
    end)
    assert.is_false(ok)
    assert.matches('^spec/config_spec%.lua:%d+: unknown parameter "max_tokens"; '
      .. 'did you mean "max_new_tokens"%?$', message)
  end)

  it("calls no metamethod of the options and changes nothing in them", function ()
    local function bad () error("metamethod called") end
    local cruel = { __index = bad, __pairs = bad, __newindex = bad, __len = bad, __call = bad }
    local function make (t) return setmetatable(t, cruel) end
    local options = make {
      base_url = LOCAL, timeout = make { idle = 30 }, headers = make { ["X-A"] = "1" },
      defaults = make { stop = make { "a" } },
    }
    local cfg = config.new(options, none)
    assert.equal(30, cfg.timeout.idle)
    assert.same({ { "X-A", "1" } }, cfg.headers)
    assert.same({ stop = { "a" } }, cfg.defaults)
    assert.is_nil(getmetatable(cfg.defaults.stop))
    local keys = {}
    for key in next, options do keys[#keys + 1] = key end
    table.sort(keys)
    assert.same({ "base_url", "defaults", "headers", "timeout" }, keys)
    assert.equal(cruel, getmetatable(options))
  end)

  it("is not affected by later changes of the caller's tables", function ()
    local options = {
      timeout = { idle = 30 }, headers = { ["X-A"] = "1" },
      defaults = { stop = { "a" }, extra = { x = { 1 } },
        response_format = { type = "json_object", schema = { type = "object", x = { b = 1 } } } },
    }
    local cfg = new(options)
    options.timeout.idle, options.headers["X-A"], options.defaults.stop[1] = 1, "2", "b"
    options.defaults.extra.x[1], options.defaults.response_format.schema.x.b = 2, 2
    options.defaults.top_k, options.base_url = 5, "http://evil.example"
    assert.equal(30, cfg.timeout.idle)
    assert.same({ { "X-A", "1" } }, cfg.headers)
    assert.same({ stop = { "a" }, extra = { x = { 1 } },
      response_format = { type = "json_object", schema = { type = "object", x = { b = 1 } } } },
      cfg.defaults)
    assert.equal(LOCAL, cfg.url)
  end)

  it("keeps the marks of JSON arrays and ordered objects in defaults", function ()
    local cfg = new { defaults = { extra = { a = json.array {}, o = json.object { { "z", 1 } } } } }
    assert.equal("[]", json.encode(cfg.defaults.extra.a))
    assert.equal('{"z":1}', json.encode(cfg.defaults.extra.o))
    cfg = new { defaults = { extra = { n = json.number "1.0" } } }
    assert.equal("1.0", json.encode(cfg.defaults.extra.n))
  end)

  it("checks the values of defaults", function ()
    assert.equal("defaults: `temperature` must be non-negative",
      refused { defaults = { temperature = -1 } })
    assert.equal("defaults must be a table of parameters, got the number 5",
      refused { defaults = 5 })
    assert.same({ best_of = 2 }, new({ defaults = { best_of = 2 } }).defaults)
  end)

  it("uses no proxy from the environment for loopback addresses", function ()
    assert.is_false(new({}).proxy)
    assert.is_nil(new({ base_url = "https://lorax.example" }).proxy)
    assert.is_false(new({ base_url = "https://lorax.example", proxy = false }).proxy)
    assert.is_false(config.proxy(new({})))
  end)

  it("shows a proxy without its user name and password", function ()
    local cfg = new { base_url = "https://lorax.example", proxy = "http://me:SENTINEL@proxy:3128" }
    assert.equal("http://proxy:3128", cfg.proxy)
    assert.equal("http://me:SENTINEL@proxy:3128", config.proxy(cfg))
    assert.same({ "SENTINEL" }, config.secrets(cfg))
    assert.equal("proxy must be a URL or false, got a number", refused { proxy = 5 })
    assert.matches("^proxy must begin with http://", refused { proxy = "proxy:3128" })
  end)

  it("sends no token unencrypted to a proxy", function ()
    assert.matches("^api_token would be sent unencrypted to the proxy http://p:1",
      refused { api_token = "pb_x", proxy = "http://p:1" })
    assert.is_table(new { api_token = "pb_x", proxy = "http://127.0.0.1:1" })
    assert.is_table(new { api_token = "pb_x", proxy = "http://p:1", allow_plain_http = true })
    assert.is_table(new { api_token = "pb_x", base_url = "https://h.example",
      proxy = "http://p:1" })
  end)

  it("hides every secret from pairs and tostring", function ()
    local cfg = new {
      base_url = "https://lorax.example/x", api_token = "pb_SENTINEL_1", client_cert = "c.pem",
      client_key_password = "SENTINEL_2", proxy = "http://me:SENTINEL_3@proxy:3128",
      defaults = { api_token = "SENTINEL_4" }, headers = { ["X-Api-Key"] = "SENTINEL_5" },
    }
    assert.is_nil(dump(cfg):find("SENTINEL", 1, true))
    assert.equal("predibase.config: https://lorax.example/x", tostring(cfg))
    assert.equal("pb_SENTINEL_1", config.token(cfg))
    assert.equal("SENTINEL_2", config.client_key_password(cfg))
    assert.same({ api_token = "SENTINEL_4" }, config.defaults(cfg))
    assert.same({ { "X-Api-Key", "[redacted]" } }, cfg.headers)
    assert.same({ { "X-Api-Key", "SENTINEL_5" } }, config.headers(cfg))
    assert.same({ "pb_SENTINEL_1", "SENTINEL_2", "SENTINEL_4", "SENTINEL_3", "SENTINEL_5" },
      config.secrets(cfg))
  end)

  it("lets the garbage collector free a configuration and its secrets", function ()
    local watch = setmetatable({}, { __mode = "v" })
    watch.cfg = new { api_token = "pb_x", headers = { ["X-A"] = "1" }, timeout = 5 }
    watch.call = config.call(watch.cfg, { headers = { Cookie = "x" } })
    collectgarbage()
    collectgarbage()
    assert.is_nil(watch.cfg)
    assert.is_nil(watch.call)
  end)
end)

describe("config.call", function ()
  local cfg = new {
    timeout = { idle = 30 }, max_retries = 5, headers = { ["X-A"] = "1", ["X-B"] = "2" },
    on_token = print,
  }

  it("returns the client's options when the call has none", function ()
    for _, call in ipairs { config.call(cfg), config.call(cfg, {}) } do
      assert.same({ connect = 10, first_token = 600, token = 120, idle = 30 }, call.timeout)
      assert.equal(5, call.max_retries)
      assert.same({ { "X-A", "1" }, { "X-B", "2" } }, call.headers)
      assert.same({ on_token = print }, call.hooks)
    end
  end)

  it("merges the call's options with the client's and does not change the client", function ()
    local hook = function () end
    local call = config.call(cfg, { timeout = { token = 3 }, max_retries = 0,
      headers = { ["x-a"] = "9" }, on_retry = hook })
    assert.same({ connect = 10, first_token = 600, token = 3, idle = 30 }, call.timeout)
    assert.equal(0, call.max_retries)
    assert.same({ { "x-a", "9" }, { "X-B", "2" } }, call.headers)
    assert.same({ on_token = print, on_retry = hook }, call.hooks)
    assert.equal(7, config.call(cfg, { timeout = 7 }).timeout.total)
    assert.same({ connect = 10, first_token = 600, token = 120, idle = 30 }, cfg.timeout)
    assert.equal(5, cfg.max_retries)
    assert.same({ on_token = print }, cfg.hooks)
  end)

  it("hides the secret headers of client and call from pairs", function ()
    local own = new { headers = { ["X-Api-Key"] = "SENTINEL_1", Cookie = "SENTINEL_2" } }
    local call = config.call(own, { headers = { cookie = "SENTINEL_3", ["X-B"] = "2" } })
    assert.is_nil(dump(call):find("SENTINEL", 1, true))
    assert.same({ { "cookie", "[redacted]" }, { "X-Api-Key", "[redacted]" }, { "X-B", "2" } },
      call.headers)
    assert.same({ { "cookie", "SENTINEL_3" }, { "X-Api-Key", "SENTINEL_1" }, { "X-B", "2" } },
      config.headers(call))
  end)

  it("checks the options of a call as strictly as those of a client", function ()
    for _, case in ipairs {
      { { timeout = -1 }, "^timeout must be a number of seconds above 0" },
      { { max_retries = 1.5 }, "^max_retries must be an integer" },
      { { headers = { Host = "x" } }, '^header "Host" is set by the client' },
      { { headers = 5 }, "^headers must be a table" },
      { { on_token = 5 }, "^on_token must be a function" },
    } do
      local call, err = config.call(cfg, case[1])
      assert.is_nil(call)
      assert.equal("config", err.kind)
      assert.matches(case[2], err.message)
    end
  end)

  it("raises for a clock that does not exist, with the line of the caller", function ()
    local ok, message = pcall(function () config.call(cfg, { timeout = { totl = 1 } }) end)
    assert.is_false(ok)
    assert.matches('^spec/config_spec%.lua:%d+: unknown timeout "totl"; did you mean "total"%?$',
      message)
  end)
end)
