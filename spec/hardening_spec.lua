-- SPDX-License-Identifier: MIT
-- once: it asks make, not Lua
-- What the C modules are compiled with.

local child = require "spec.support.child"

--- The commands of a build, without doing any of them.
local function commands (...)
  local process = child.start("make", { args = { "-n", "-B", "build", "LUA=lua5.4",
    "LUA_CFLAGS=-I.", "CURL_CFLAGS=-I.", "CURL_LIBS=-lcurl", ... } })
  assert.equal(0, process:wait(), process.stderr)
  assert.matches(" %-c %-o ", process.stdout)
  return process.stdout
end

local function has (text, words)
  return text:find(words, 1, true) ~= nil
end

describe("A build", function ()
  it("has the checks of the C library and of the stack", function ()
    local text = commands()
    assert.is_true(has(text, "-D_FORTIFY_SOURCE=2"))
    assert.is_true(has(text, "-fstack-protector-strong"))
  end)

  it("has none of them beside sanitizers, which do more", function ()
    local text = commands "CFLAGS=-O1 -fsanitize=address"
    assert.is_false(has(text, "FORTIFY"))
    assert.is_false(has(text, "stack-protector"))
  end)

  it("has those that need no optimization without it", function ()
    local text = commands "CFLAGS=-O0 -g"
    assert.is_false(has(text, "FORTIFY"))
    assert.is_true(has(text, "-fstack-protector-strong"))
  end)

  it("by LuaRocks has the checks of the C library", function ()
    local file = assert(io.open "predibase-scm-1.rockspec")
    local text = file:read "*a"
    file:close()
    local _, modules = text:gsub("sources = ", "")
    local _, checked = text:gsub('defines = { "_GNU_SOURCE", "_FORTIFY_SOURCE=2" }', "")
    assert.is_true(modules > 0)
    assert.equal(modules, checked)
  end)
end)
