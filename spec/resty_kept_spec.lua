-- SPDX-License-Identifier: MIT
-- only: luajit
--- Kept connections inside nginx: bytes that a server sends unasked are never taken for a response.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local in_nginx = require "spec.support.in_nginx"
local nginx = require "spec.support.nginx"
local peer = require "spec.support.peer"
local raw_client = require "spec.support.raw_client"
local scratch = require "spec.support.scratch"

-- Makes four calls. After each one the server sends unexpected bytes. Before the next call nginx
-- checks its unused connections (`wait=sleep`), or cannot, because the worker is blocked
-- (`wait=block`).
local HANDLERS = [[
  lua_socket_log_errors off;
  init_by_lua_block {
    predibase = require "predibase"
    local ffi = require "ffi"
    ffi.cdef "int usleep(unsigned int us);"
    function sent (path)
      local file = io.open(path)
      local size = file and file:seek "end" or 0
      if file then file:close() end
      return size
    end
    function pause (blocking)
      if blocking then ffi.C.usleep(2000) else ngx.sleep(0.002) end
    end
  }
  server {
    listen %s;
    location = /ask { content_by_lua_block {
      local client = assert(predibase.new { base_url = "http://127.0.0.1:" .. ngx.var.arg_port,
        api_token = false, max_retries = 0 })
      local lines, path, blocking = {}, "%s/" .. ngx.var.arg_name, ngx.var.arg_wait == "block"
      local before = sent(path)
      for i = 1, 4 do
        local result, err = client:generate("number " .. i)
        lines[i] = result and result.generated_text or err.kind
        for _ = 1, 5000 do
          if sent(path) >= before + i then break end
          pause(blocking)
        end
        for _ = 1, 5 do pause(blocking) end
      end
      ngx.print(table.concat(lines, ", "))
    } }
  }
]]

local RIGHT = "answer to 1, answer to 2, answer to 3, answer to 4"

describe("a kept connection inside nginx", function ()
  local site, strays, folder

  setup(function ()
    folder = scratch.new()
    strays = peer.start("strays", folder)
    site = nginx.start({ "main" }, function (address)
      return in_nginx.paths() .. HANDLERS:format(address.main, folder)
    end, { main = in_nginx.modules(), env = in_nginx.sanitizers() })
  end)

  teardown(function ()
    nginx.stop()
    peer.stop()
    scratch.remove(folder)
  end)

  --- Returns the results of four calls, and how many connections they took.
  local function ask (name, wait)
    local before = strays:count("connection " .. name)
    local client = raw_client.connect { host = "127.0.0.1", port = site.port.main }
    client:send(("GET /ask?name=%s&port=%d&wait=%s HTTP/1.1\r\nhost: x\r\n\r\n"):format(name,
      strays.port[name], wait))
    local body = client:answer(20).body
    client:close()
    return body, strays:count("connection " .. name) - before
  end

  for _, name in ipairs { "late", "at-once", "idle-408" } do
    for _, wait in ipairs { "sleep", "block" } do
      it(("is not used again after unexpected bytes: %s, %s"):format(name, wait),
        function ()
          local body, connections = ask(name, wait)
          assert.equal(RIGHT, body)
          assert.equal(4, connections)
        end)
    end
  end

  it("is not used again if two headers disagree about the end of the response", function ()
    local body, connections = ask("length-and-chunks", "block")
    assert.equal(RIGHT, body)
    assert.equal(4, connections)
    body, connections = ask("two-lengths", "block")
    assert.equal("protocol, protocol, protocol, protocol", body)
    assert.equal(4, connections)
    body, connections = ask("no-content", "block")
    assert.is_nil(body:find "answer")
    assert.equal(4, connections)
  end)

  it("is not used again if the length was sent twice, even with the same value", function ()
    local body, connections = ask("same-lengths", "sleep")
    assert.equal(RIGHT, body)
    assert.equal(4, connections)
  end)

  it("is used again after one response to one request", function ()
    local body, connections = ask("clean", "block")
    assert.equal(RIGHT, body)
    assert.equal(1, connections)
  end)
end)
