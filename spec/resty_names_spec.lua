-- SPDX-License-Identifier: MIT
-- only: luajit
--- Host names inside nginx: which names are looked up, and what happens if one of two addresses is
-- dead.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local dns = require "spec.support.dns"
local in_nginx = require "spec.support.in_nginx"
local stand_in = require "spec.support.server"

describe("a host name inside nginx", function ()
  local model, names

  before_each(function ()
    model = stand_in.spawn { script = { ["/generate"] = { raw = "HTTP/1.1 200 OK\r\n"
      .. "content-type: application/json\r\nconnection: close\r\ncontent-length: 22\r\n\r\n"
      .. '{"generated_text":"a"}' } } }
    names = dns.start({ "lorax.test", "localhost" }, true)
  end)

  after_each(function ()
    names:close()
    stand_in.stop()
  end)

  --- Runs code in nginx with `calls(host, n, options)`, which prints how many calls failed.
  local function run (code)
    local process = in_nginx.eval(([[
      function calls (host, n, options)
        options = options or {}
        options.base_url = ("http://%%s:%d"):format(host)
        options.api_token = options.api_token or false
        local client, failed = assert(require "predibase".new(options)), 0
        for _ = 1, n do
          local result, err = client:generate "x"
          if not result then failed = failed + 1 io.stderr:write(tostring(err), "\n") end
        end
        io.write(failed, " of ", n, " failed\n")
      end
    ]]):format(model.port) .. code, nil, ("resolver %s;\n"):format(names.address))
    assert(process.exit_code == 0, process.stderr)
    return process.stdout
  end

  it("is reached at its other address if the first one is dead", function ()
    -- The stand-in server listens only at the IPv4 address, and nginx picks an address at random.
    assert.equal("0 of 40 failed\n", run "calls('lorax.test', 40)")
    assert.is_true(names.asked["lorax.test"] > 0)
  end)

  it("is this machine without a DNS query if it is localhost", function ()
    assert.equal("0 of 3 failed\n", run "calls('localhost', 3, { api_token = 'pb_secret' })")
    assert.is_nil(names.asked.localhost)
  end)

  it("is given up after a bounded number of attempts", function ()
    local text = run [[
      local connect = require "predibase.transport.resty.connect"
      local tries, times = 0, {}
      connect.socket = function ()
        local socket = {}
        function socket.settimeouts (_, ms) times[#times + 1] = ms end
        function socket.connect () tries = tries + 1 return nil, "connection refused" end
        return socket
      end
      local target = { host = "a.test", hosts = { "a.test" }, is_name = true, port = 1, pool = "p" }
      local sock, failure = connect.open(target, false, 8)
      io.write(tostring(sock), " ", failure.kind, " ", tries, "\n")
      for _, ms in ipairs(times) do assert(ms >= 3500 and ms <= 3600, ms) end
      times = {}
      connect.open(target, false, 20)
      for _, ms in ipairs(times) do assert(ms >= 5000 and ms <= 5100, ms) end
      tries, target.hosts, target.is_name = 0, { "127.0.0.1", "[::1]" }, false
      connect.open(target, false, 8)
      io.write(tries, "\n")
      tries = 0
      connect.socket = function ()
        return { settimeouts = function () end,
          connect = function () tries = tries + 1 return nil, "a.test could not be resolved" end }
      end
      target.is_name = true
      connect.open(target, false, 8)
      io.write(tries, "\n")
    ]]
    assert.equal("nil connection 16\n2\n1\n", text)
  end)

  it("is not blamed if the proxy cannot be reached", function ()
    assert.equal("no connection to the proxy 127.0.0.1:1: connection refused\n", run [[
      local connect = require "predibase.transport.resty.connect"
      connect.socket = function ()
        return { settimeouts = function () end,
          connect = function () return nil, "connection refused" end }
      end
      local proxy = { host = "127.0.0.1", hosts = { "127.0.0.1" }, is_name = false, port = 1 }
      local target = { host = "a.test", hosts = { "a.test" }, is_name = true, port = 80,
        pool = "p", proxy = proxy }
      local _, failure = connect.open(target, false, 8)
      io.write(failure.message, "\n")
    ]])
  end)
end)
