-- SPDX-License-Identifier: MIT
--- The parts of the transport inside nginx that need no nginx: formatting of requests, targets of
-- connections, and timeouts.
local clocks = require "predibase.transport.resty.clocks"
local config = require "predibase.config"
local http1 = require "predibase.transport.resty.http1"
local target = require "predibase.transport.resty.target"
local transport = require "predibase.transport"

local function none () end

local function configured (options)
  return assert(config.new(options, none))
end

local NGX = { encode_base64 = function (text) return "<" .. text .. ">" end,
  md5 = function (text) return "digest of " .. #text end }

local function target_of (options)
  return target.new(configured(options), NGX)
end

describe("the transport of a program", function ()
  it("is libcurl's outside nginx", function ()
    if transport.in_nginx() then return assert.is_table(transport.default()) end
    assert.equal(require "predibase.transport.curl", transport.default())
    transport.not_in_nginx("x", "y")
  end)
end)

describe("the bytes of a request", function ()
  local req = { method = "POST", url = "http://lorax.test:8080/a/generate", id = "1f",
    headers = { { "accept", "x" }, { "x-empty", "" } }, body = "\0{}" }

  it("contain only the path for a server", function ()
    assert.equal("POST /a/generate HTTP/1.1\r\nhost: lorax.test:8080\r\naccept: x\r\nx-empty: \r\n"
      .. "x-request-id: 1f\r\ncontent-length: 3\r\n\r\n\0{}", table.concat(http1.request(req)))
  end)

  it("contain the whole URL for a proxy, and only host and port for a tunnel", function ()
    local proxy = { authorization = function () return "Basic abc" end }
    local bytes = table.concat(http1.request(req, proxy))
    assert.is_truthy(bytes:find("POST http://lorax.test:8080/a/generate HTTP/1.1\r\n", 1, true))
    assert.is_truthy(bytes:find("\r\nproxy-authorization: Basic abc\r\n\r\n", 1, true))
    assert.equal("CONNECT lorax.test:443 HTTP/1.1\r\nhost: lorax.test:443\r\n"
      .. "proxy-authorization: Basic abc\r\n\r\n", http1.tunnel("lorax.test:443", proxy))
  end)
end)

describe("the target of connections", function ()
  local HTTPS = "https://lorax.test"

  it("is read from the configuration", function ()
    local place = target_of { base_url = HTTPS }
    assert.same({ "lorax.test", 443, "lorax.test:443", true, "lorax.test", true },
      { place.host, place.port, place.authority, place.tls, place.name, place.verify })
    place = target_of { base_url = "http://[::1]:81" }
    assert.same({ "[::1]", 81, "[::1]:81", false }, { place.host, place.port, place.authority,
      place.tls })
    assert.is_nil(place.name)
  end)

  it("is this machine for localhost, without a DNS query", function ()
    local here = { "127.0.0.1", "[::1]" }
    for _, name in ipairs { "localhost", "LOCALHOST" } do
      local place = target_of { base_url = "http://" .. name .. ":81" }
      assert.same({ here, false }, { place.hosts, place.is_name })
      place = target_of { base_url = HTTPS, proxy = "http://" .. name .. ":3128" }
      assert.same({ here, false }, { place.proxy.hosts, place.proxy.is_name })
    end
    assert.equal("localhost", target_of { base_url = "https://localhost" }.name)
    local place = target_of { base_url = HTTPS, proxy = "http://[::1]:3128" }
    assert.same({ { "lorax.test" }, true }, { place.hosts, place.is_name })
    assert.same({ { "[::1]" }, false }, { place.proxy.hosts, place.proxy.is_name })
  end)

  it("has a separate pool for each setting that distinguishes connections", function ()
    local seen = {}
    for i, options in ipairs {
      { base_url = HTTPS }, { base_url = HTTPS .. ":444" }, { base_url = "https://other.test" },
      { base_url = "http://lorax.test:443" }, { base_url = HTTPS, verify = false },
      { base_url = HTTPS, client_cert = "/a" },
      { base_url = HTTPS, client_cert = "/a", client_key = "/b" },
      { base_url = HTTPS, proxy = "http://127.0.0.1:1" },
      { base_url = HTTPS, proxy = "http://127.0.0.1:2" },
      { base_url = HTTPS, proxy = "http://u:secret@127.0.0.1:2" },
    } do
      local pool = target_of(options).pool
      assert.is_nil(seen[pool], pool)
      assert.is_nil(pool:find("secret", 1, true))
      assert.equal(pool, target_of(options).pool)
      seen[pool] = i
    end
  end)

  it("may be behind a proxy, whose password is in no table", function ()
    local proxy = target_of { base_url = HTTPS, proxy = "http://u:a%20b@[::1]:3128" }.proxy
    assert.same({ "[::1]", 3128, "Basic <u:a b>" }, { proxy.host, proxy.port,
      proxy.authorization() })
    proxy = target_of { base_url = HTTPS, proxy = "http://proxy.test" }.proxy
    assert.same({ "proxy.test", 80 }, { proxy.host, proxy.port })
    assert.is_nil(proxy.authorization())
  end)

  it("is refused if nginx does not support a setting", function ()
    for _, options in ipairs { { ca_file = "/a" }, { http_version = "2" },
      { client_cert = "/a", client_key_password = "b" }, { proxy = "socks5h://127.0.0.1:1" },
      { loop = require "predibase.loop.blocking".new() }, { base_url = "https://10.0.0.1" } } do
      options.base_url = options.base_url or HTTPS
      local place, problem = target_of(options)
      assert.is_nil(place)
      assert.is_string(problem)
    end
  end)
end)

describe("the timeouts of an exchange", function ()
  local function exchange (more)
    local x = { state = "open", streams = true, started = 100, connecting = 100, last_byte = 100,
      last_event = 100, got_event = false, sent = true, response = {},
      clocks = { connect = 10, first_token = 600, token = 120, idle = 60 } }
    for name, value in pairs(more or {}) do x[name] = value end
    return x
  end

  local function check (at, phase, more)
    local x = exchange(more)
    assert.equal(at, clocks.at(x))
    assert.is_nil(clocks.expired(x, at - 0.001))
    local failure = clocks.expired(x, at)
    assert.same({ "timeout", phase, x.sent }, { failure.kind, failure.phase, failure.sent })
  end

  it("expire one by one", function ()
    check(110, "connect", { state = "connecting", sent = false })
    check(700, "first_token")
    check(160, "idle", { response = { status = 200 } })
    check(750, "idle", { response = { status = 200 }, last_byte = 690, streams = false })
    check(220, "token", { got_event = true })
    check(155, "total", { deadline = 155, response = { status = 200 } })
    check(130, "total", { deadline = 130, state = "delayed" })
  end)

  it("stop while the reader is busy, except the one of the whole call", function ()
    assert.equal(math.huge, clocks.at(exchange { parked = true, response = { status = 200 } }))
    check(150, "total", { deadline = 150, parked = true })
    assert.equal(math.huge, clocks.at(exchange { fresh = true, response = { status = 200 } }))
    check(150, "total", { deadline = 150, fresh = true, got_event = true })
    assert.equal(math.huge, clocks.at(exchange { state = "delayed" }))
  end)
end)
