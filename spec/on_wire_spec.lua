-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- The hook on_wire over real sockets: TLS, kept connections, HTTP/2, proxies, retries.

local https = require "spec.support.https"
local luv_loop = require "predibase.loop.luv"
local leak = require "spec.support.leak"
local predibase = require "predibase"
local scratch = require "spec.support.scratch"
local scripted = require "spec.support.scripted"
local uv = require "luv"

local HOST = "lorax.test"

-- Returns a hook, and a function that returns all that it got as one text.
local function recorder ()
  local lines, records = {}, {}
  return function (record)
    records[#records + 1] = record
    lines[#lines + 1] = record.kind .. ": " .. record.text
  end, function () return table.concat(lines, "\n") end, records
end

local function has (text, pattern)
  assert.is_truthy(text:find(pattern), pattern .. " is not in:\n" .. text)
end

describe("on_wire", function ()
  local testbed, server, proxy, folder

  setup(function ()
    testbed, folder = https.new("IP:127.0.0.1,DNS:" .. HOST), scratch.new()
    server = testbed:nginx({ "tls" }, function (address) return testbed:block(address.tls) end)
    proxy = testbed:peer("proxy", folder .. "/seen")
  end)

  after_each(function () testbed:close_clients() end)

  teardown(function ()
    scratch.remove(folder)
    testbed:close()
  end)

  it("tells TLS version, HTTP version, and which connection is used again", function ()
    for _, version in ipairs { "1.1", "2" } do
      local hook, seen = recorder()
      local client = testbed:client(server.port.tls, { on_wire = hook, http_version = version })
      assert(client:generate("Hello", { max_new_tokens = 2 }))
      local first = seen()
      has(first, "info: SSL connection using TLSv1%.[23]")
      has(first, "request: POST /generate HTTP/" .. version)
      has(first, "uthorization: Bearer %[redacted%]")
      has(first, 'sent: {"inputs":"Hello"')
      has(first, "response: HTTP/" .. version)
      has(first, 'body: {"generated_text"')
      assert.is_nil(first:find "[Rr]e%-?us[ei][a-z]* existing")
      assert(client:generate_stream("Hello", { max_new_tokens = 2 }):text())
      has(seen():sub(#first + 1), "info: Re%-?us[ei][a-z]* existing")
      has(seen():sub(#first + 1), "\nevent: data:")
      assert.is_nil(seen():find(leak.TOKEN, 1, true))
    end
  end)

  it("shows what a proxy is told, without its password", function ()
    local port = proxy.port["tls-with-password"]
    local hook, seen = recorder()
    local client = testbed:client(("https://%s:%d"):format(HOST, server.port.tls), {
      on_wire = hook, proxy = "https://user:open%20sesame@127.0.0.1:" .. port })
    assert(client:generate("Hello", { max_new_tokens = 2 }))
    has(seen(), ("request: CONNECT %s:%d"):format(HOST, server.port.tls))
    has(seen(), "Proxy%-[Aa]uthorization: Basic %[redacted%]")
    has(seen(), "request: POST /generate")
    for _, secret in ipairs { leak.TOKEN, "sesame", "dXNlcjpvcGVuIHNlc2FtZQ" } do
      assert.is_nil(seen():find(secret, 1, true))
    end
    -- The body goes to the server only.
    local _, count = seen():gsub("\nsent: ", "")
    assert.equal(1, count)
  end)

  it("can be given to one call", function ()
    local hook, seen = recorder()
    local client = testbed:client(server.port.tls)
    assert(client:generate("One", { max_new_tokens = 2 }))
    assert(client:generate("Two", { max_new_tokens = 2, on_wire = hook }))
    assert(client:generate("Three", { max_new_tokens = 2 }))
    has(seen(), "Two")
    assert.is_nil(seen():find "One")
    assert.is_nil(seen():find "Three")
  end)

  it("numbers requests and attempts", function ()
    local refused = 0
    local scripted_server = scripted.listen(function (connection)
      refused = refused + 1
      connection:send(refused == 1 and scripted.json("503 Service Unavailable",
        '{"error":"no ' .. leak.TOKEN .. '","error_type":"overloaded"}')
        or scripted.json("200 OK", '{"generated_text":"a"}'))
      connection:close()
    end)
    local hook, seen, records = recorder()
    local client = assert(predibase.new { base_url = scripted_server.url, api_token = leak.TOKEN,
      on_wire = hook, loop = luv_loop.new() })
    local result, err, done
    coroutine.wrap(function ()
      result, err = client:generate "x"
      done = true
    end)()
    while not done do uv.run "once" end
    client:close()
    scripted_server:close()
    assert.is_nil(err)
    assert.equal("a", result.text)
    assert.equal(1, records[1].attempt)
    assert.equal(2, records[#records].attempt)
    assert.is_true(records[#records].request > records[1].request)
    has(seen(), 'body: {"error":"no %[redacted%]"')
  end)

  it("that raises an error stops the call, and the client stays usable", function ()
    local client = testbed:client(server.port.tls)
    local ok, err = pcall(client.generate, client, "x", { max_new_tokens = 2,
      on_wire = function () error("no more", 0) end })
    assert.is_false(ok)
    assert.equal("no more", err)
    assert(client:generate("x", { max_new_tokens = 2 }))
  end)

  it("must be a function", function ()
    local client, err = predibase.new { base_url = "http://127.0.0.1:9", on_wire = 5 }
    assert.is_nil(client)
    has(err.message, "on_wire must be a function")
  end)
end)
