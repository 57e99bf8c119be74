-- SPDX-License-Identifier: MIT
local config = require "predibase.config"
local errors = require "predibase.errors"
local options = require "predibase.config.settings"

local function none () return nil end

local function new (given)
  given.base_url = given.base_url or "http://127.0.0.1:8080"
  return config.new(given, none)
end

local function refused (given)
  local cfg, err = new(given)
  assert.is_nil(cfg)
  assert.is_true(errors.is(err))
  assert.equal("config", err.kind)
  return err.message
end

describe("timeout", function ()
  it("has defaults for every clock except total", function ()
    assert.same({ connect = 10, first_token = 600, token = 120, idle = 60 }, new({}).timeout)
  end)

  it("sets the total when it is a number", function ()
    assert.same({ connect = 10, first_token = 600, token = 120, idle = 60, total = 30 },
      new({ timeout = 30 }).timeout)
    assert.equal(0.5, new({ timeout = 0.5 }).timeout.total)
  end)

  it("changes only the clocks that a table names", function ()
    assert.same({ connect = 1, first_token = 600, token = 2.5, idle = 60, total = 9 },
      new({ timeout = { connect = 1, token = 2.5, total = 9 } }).timeout)
  end)

  it("removes the limit with total = false", function ()
    local clocks = new({ timeout = { total = false } }).timeout
    assert.is_false(clocks.total)
    assert.is_nil(config.total(clocks, false))
    assert.is_nil(config.total(clocks, true))
  end)

  it("by default limits generate to 600 seconds and does not limit streams", function ()
    local clocks = new({}).timeout
    assert.equal(600, config.GENERATE_TOTAL)
    assert.equal(600, config.total(clocks, false))
    assert.is_nil(config.total(clocks, true))
    assert.equal(30, config.total({ total = 30 }, true))
    assert.equal(30, config.total({ total = 30 }, false))
  end)

  it("is refused when it is not a number of seconds above 0", function ()
    for _, bad in ipairs { -1, 0, -0.0, 0 / 0, math.huge, -math.huge, "5", true } do
      assert.matches("^timeout must be a number of seconds above 0, got ",
        refused { timeout = bad })
      for _, clock in ipairs { "connect", "first_token", "token", "idle", "total" } do
        assert.matches("^timeout%." .. clock .. " must be a number of seconds above 0, got ",
          refused { timeout = { [clock] = bad } })
      end
    end
    assert.equal('timeout must be a number of seconds above 0, got the string "5"',
      refused { timeout = "5" })
  end)

  it("is refused above ten years", function ()
    assert.equal("timeout must be at most 315360000 seconds (ten years), got the number 1e+300",
      refused { timeout = 1e300 })
    assert.matches("^timeout%.idle must be at most", refused { timeout = { idle = 1e300 } })
    assert.is_table(new { timeout = options.MAX_SECONDS })
  end)

  it("is refused when it is false, with a hint how to remove the limit", function ()
    assert.equal("timeout must be a number of seconds above 0, got the boolean false; "
      .. "timeout = { total = false } removes the limit", refused { timeout = false })
    assert.matches("^timeout%.idle must be", refused { timeout = { idle = false } })
  end)

  it("raises for a clock that does not exist, with the nearest one", function ()
    local ok, message = pcall(function () config.new({ timeout = { conect = 1 },
      base_url = "http://127.0.0.1" }, none) end)
    assert.is_false(ok)
    assert.matches('^spec/config_settings_spec%.lua:%d+: unknown timeout "conect"; '
      .. 'did you mean "connect"%?$', message)
  end)
end)

describe("max_retries", function ()
  it("is an integer from 0 to 100", function ()
    assert.equal(2, new({}).max_retries)
    assert.equal(0, new({ max_retries = 0 }).max_retries)
    assert.equal(100, new({ max_retries = 100.0 }).max_retries)
    for _, bad in ipairs { -1, 1.5, 101, 1e9, 0 / 0, "2", true } do
      assert.matches("^max_retries must be an integer from 0 to 100, got ",
        refused { max_retries = bad })
    end
  end)
end)

describe("size limits", function ()
  it("have defaults and must be integers", function ()
    local cfg = new {}
    assert.equal(8388608, cfg.max_event_bytes)
    assert.equal(67108864, cfg.max_response_bytes)
    for _, name in ipairs { "max_event_bytes", "max_response_bytes" } do
      assert.equal(1, new({ [name] = 1 })[name])
      for _, bad in ipairs { 0, -1, 1.5, 2^31, 1e300, "1", 0 / 0 } do
        assert.matches("^" .. name .. " must be an integer from 1 to 2147483647, got ",
          refused { [name] = bad })
      end
    end
  end)
end)

describe("files, switches and names", function ()
  it("are kept as given", function ()
    local cfg = new { ca_file = "/ca.pem", client_cert = "c.pem", client_key = "k.pem",
      verify = false, http_version = "1.1", allow_plain_http = true, user_agent = "my-app/1.0" }
    assert.equal("/ca.pem", cfg.ca_file)
    assert.equal("c.pem", cfg.client_cert)
    assert.equal("k.pem", cfg.client_key)
    assert.is_false(cfg.verify)
    assert.equal("1.1", cfg.http_version)
    assert.is_true(cfg.allow_plain_http)
    assert.equal("my-app/1.0", cfg.user_agent)
  end)

  it("have safe defaults", function ()
    local cfg = new {}
    assert.is_true(cfg.verify)
    assert.is_false(cfg.allow_plain_http)
    assert.is_nil(cfg.http_version)
    assert.is_nil(cfg.user_agent)
    assert.is_nil(cfg.ca_file)
  end)

  it("are refused when they are not paths", function ()
    for _, name in ipairs { "ca_file", "client_cert", "client_key" } do
      assert.matches("^" .. name .. " must be the path of a file, got ", refused { [name] = "" })
      assert.matches("^" .. name .. " must be the path of a file, got ", refused { [name] = 5 })
      assert.matches("^" .. name .. " must be a path without NUL bytes, got ",
        refused { [name] = "/ca.pem\0.txt" })
    end
  end)

  it("name the API of the server", function ()
    assert.equal("lorax", new({}).server)
    assert.equal("lorax", new({ server = "lorax" }).server)
    assert.equal("openai", new({ server = "openai" }).server)
    for value, shown in pairs { vllm = 'the string "vllm"', [5] = "the number 5" } do
      assert.equal('server must be "lorax", or "openai" for other servers with the API of OpenAI, '
        .. "got " .. shown, refused { server = value })
    end
  end)

  it("allow a certificate without a key, but not a key without a certificate", function ()
    assert.is_table(new { client_cert = "both.pem" })
    assert.matches("^client_key needs client_cert", refused { client_key = "k.pem" })
    assert.equal("client_key_password must be a string, got a number",
      refused { client_cert = "c.pem", client_key_password = 5 })
    assert.equal("client_key_password must not have NUL bytes",
      refused { client_cert = "c.pem", client_key_password = "SENT\0INEL" })
    assert.equal("client_key_password needs client_cert",
      refused { client_key_password = "SENTINEL" })
  end)

  it("are refused when they have the wrong type", function ()
    assert.equal("verify must be a boolean, got the number 0", refused { verify = 0 })
    assert.equal('allow_plain_http must be a boolean, got the string "yes"',
      refused { allow_plain_http = "yes" })
    assert.equal('http_version must be "1.1" or "2", got the number 2; write it as a string, "2"',
      refused { http_version = 2 })
    assert.equal('http_version must be "1.1" or "2", got the string "3"',
      refused { http_version = "3" })
    for _, bad in ipairs { "", " x", "a\r\nX: y", "ü", 5 } do
      assert.matches("^user_agent must be printable ASCII", refused { user_agent = bad })
    end
    assert.equal("user_agent must have at most 256 bytes, got 300",
      refused { user_agent = ("x"):rep(300) })
  end)
end)

describe("concurrency, rate_limit and cold_start", function ()
  it("have no limit by default, and with false", function ()
    local cfg = new {}
    assert.is_nil(cfg.concurrency)
    assert.is_nil(cfg.rate_limit)
    assert.is_false(cfg.cold_start)
    cfg = new { concurrency = false, rate_limit = false, cold_start = false }
    assert.is_false(cfg.concurrency)
    assert.is_false(cfg.rate_limit)
  end)

  it("are kept", function ()
    local cfg = new { concurrency = 4, rate_limit = { requests = 3 }, cold_start = 300 }
    assert.equal(4, cfg.concurrency)
    assert.same({ requests = 3, seconds = 1 }, cfg.rate_limit)
    assert.equal(300, cfg.cold_start)
    assert.same({ tokens = 1000, seconds = 60 },
      new { rate_limit = { tokens = 1000, seconds = 60 } }.rate_limit)
  end)

  it("are refused when they are not numbers in their range", function ()
    for _, bad in ipairs { 0, -1, 1.5, "5", true, 1e7 } do
      assert.matches("^concurrency must be an integer from 1 to 1000000, got ",
        refused { concurrency = bad })
      assert.matches("^rate_limit%.requests must be an integer from 1 to 1000000, got ",
        refused { rate_limit = { requests = bad } })
    end
    for _, bad in ipairs { 0, -1, 0 / 0, math.huge, "5" } do
      assert.matches("^rate_limit%.seconds must be a number of seconds above 0, got ",
        refused { rate_limit = { requests = 1, seconds = bad } })
      assert.matches("^cold_start must be a number of seconds above 0, got ",
        refused { cold_start = bad })
    end
    assert.matches("^rate_limit%.tokens must be an integer from 1 to ",
      refused { rate_limit = { tokens = 0 } })
    assert.equal("rate_limit needs requests, tokens, or both",
      refused { rate_limit = { seconds = 1 } })
    assert.equal("rate_limit must be a table such as { requests = 1, seconds = 1 }, got the "
      .. "number 5", refused { rate_limit = 5 })
  end)

  it("raise for a field that does not exist, with the nearest one", function ()
    local ok, err = pcall(new, { rate_limit = { request = 1 } })
    assert.is_false(ok)
    assert.matches('unknown field of rate_limit "request"; did you mean "requests"%?$', err)
  end)
end)

describe("loop and transport", function ()
  it("are refused when functions are missing, and the message names them", function ()
    assert.equal('loop must be a loop such as require "predibase.loop.blocking".new(), '
      .. 'got the string "blocking"', refused { loop = "blocking" })
    assert.matches("got a table; it has no function watch, suspend, resume$", refused { loop = {} })
    assert.matches("it has no function resume$",
      refused { loop = { watch = print, suspend = print, resume = true } })
    assert.equal('transport must be a module such as require "predibase.transport.curl", '
      .. 'got the string "curl"', refused { transport = "curl" })
    assert.matches("it has no function version, now$", refused { transport = { new = print } })
  end)

  it("may inherit their functions from a class", function ()
    local loop = require "predibase.loop.blocking".new()
    local class = { new = print, version = setmetatable({}, { __call = print }), now = print }
    local transport = setmetatable({}, { __index = class })
    local cfg = new { loop = loop, transport = transport }
    assert.equal(loop, cfg.loop)
    assert.equal(transport, cfg.transport)
  end)
end)

describe("hooks", function ()
  it("are anything that can be called", function ()
    local hook = setmetatable({}, { __call = function () end })
    assert.same({ on_token = print, on_retry = hook },
      new({ on_token = print, on_retry = hook }).hooks)
    for _, name in ipairs(options.hook_names) do
      for _, bad in ipairs { "print", 5, {}, true, false } do
        assert.matches("^" .. name .. " must be a function, got ", refused { [name] = bad })
      end
    end
  end)
end)
