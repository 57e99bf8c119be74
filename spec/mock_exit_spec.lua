-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own
-- How Lua programs with a stand-in server end: luv 1.44 crashes in `lua_close` when a handle is
-- half closed.

local child = require "spec.support.child"
local mock = require "predibase.mock"

-- Runs a program that ends as the `lua` program does, by closing the state.
local function run (program)
  local one = child.start(child.interpreter(), {
    args = { "-e", "local mock = require 'predibase.mock' " .. program },
  })
  return one:wait(), one.stdout, one.stderr
end

describe("a program with a stand-in server", function ()
  it("ends normally when it does not close a server that it spawned", function ()
    local code, out, err = run "local s = assert(mock.spawn()) s:script('*', {}) print(#s:log())"
    assert.same({ 0, "0\n", "" }, { code, out, err })
  end)

  it("ends normally when it fails before it closes the server", function ()
    local code, _, err = run "local s = assert(mock.spawn()) assert(not s, 'failed')"
    assert.equal(1, code)
    assert.is_truthy(err:find("failed", 1, true))
  end)

  it("ends normally after it closed the server, outside the loop or inside", function ()
    for _, program in ipairs {
      "assert(mock.spawn()):close()",
      "assert(mock.listen()):close()",
      "assert(mock.listen { max_seconds = 60 }):close()",
      "local uv, s = require 'luv', mock.listen() local t = uv.new_timer() "
        .. "t:start(0, 0, function () t:close() s:close() end) uv.run()",
      "coroutine.wrap(function () mock.listen():close() end)()",
    } do
      assert.same({ 0, "", "" }, { run(program) }, program)
    end
  end)

  it("ends normally when it closes a server with clients, or never", function ()
    for _, ending in ipairs { "s:close()", "" } do
      assert.same({ 0, "", "" }, { run([[
        local uv, s = require "luv", mock.listen { max_seconds = 30 }
        local client, answer = uv.new_tcp(), ""
        client:connect(s.host, s.port, function ()
          client:read_start(function (_, data) answer = answer .. (data or "") end)
          client:write("GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        end)
        while not answer:find "200" and not s.ended do uv.run "once" end
        assert(not s.ended)
      ]] .. ending) }, ending)
    end
  end)

  it("ends normally when the server could not start", function ()
    local code, out = run [[print(mock.spawn { interpreter = "/nonexistent" })]]
    assert.equal(0, code)
    assert.is_truthy(out:find "^nil%s+cannot start /nonexistent: ENOENT")

    local server = assert(mock.spawn())
    for _, way in ipairs { "spawn", "listen" } do
      code, out = run(("print(mock.%s { port = %d })"):format(way, server.port))
      assert.equal(0, code, way)
      assert.is_truthy(out:find "^nil%s+cannot listen on 127%.0%.0%.1 port %d+: EADDRINUSE", way)
    end
    server:close()
  end)
end)
