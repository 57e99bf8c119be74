-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local failures = require "predibase.cli.failures"

-- Runs a function with standard error in a file; returns what it wrote and returned.
local function stderr_of (use)
  local file, stderr = assert(io.tmpfile()), io.stderr
  io.stderr = file -- luacheck: ignore 122
  local ok, value = pcall(use)
  io.stderr = stderr -- luacheck: ignore 122
  file:seek("set")
  local text = file:read("*a")
  file:close()
  assert.is_true(ok, value)
  return text, value
end

local function raised (use, ...)
  local ok, err = pcall(use, ...)
  assert.is_false(ok)
  return err
end

describe("a failure of the command", function ()
  it("has the exit code of its kind", function ()
    for kind, properties in pairs(errors.kinds) do
      local text, code = stderr_of(function ()
        return failures.report(errors.new { kind = kind, message = "why" })
      end)
      assert.equal(properties.exit, code)
      if kind ~= "cancelled" then assert.is_truthy(text:find("^predibase: ")) end
    end
  end)

  it("has a hint", function ()
    local text = stderr_of(function ()
      return failures.report(errors.new { kind = "authentication", message = "no" })
    end)
    assert.is_truthy(text:find("\n  check PREDIBASE_API_TOKEN", 1, true))
  end)

  it("is printed in the command's terms, with a hint", function ()
    for expected, fields in pairs {
      ["config: --max-retries must be\n  predibase chat --help"] = { kind = "config",
        message = "max_retries must be" },
      ["\n  --ca-file FILE names"] = { kind = "tls", message = "SSL certificate problem: expired" },
      ["\n  check --base-url\n"] = { kind = "tls", message = "the server does not use TLS; did" },
      ["tls: handshake failure\n"] = { kind = "tls", message = "handshake failure" },
      ["\n  --proxy and the"] = { kind = "connection", message = "no connection to the proxy x:1" },
      ["\n  --proxy and the proxy"] = { kind = "connection", phase = "proxy", message = "refused" },
      ["\n  try again\n"] = { kind = "connection", phase = "body", message = "ended the stream" },
      ["\n  check the address"] = { kind = "connection", phase = "connect", message = "refused" },
      ["\n  shorten the prompt\n"] = { kind = "too_large", phase = "request", message = "x" },
      ["limit --max-event-bytes\n"] = { kind = "too_large", phase = "body",
        message = "larger than the limit max_event_bytes" },
    } do
      local text = stderr_of(function () return failures.report(errors.new(fields), "chat") end)
      assert.is_truthy((text .. "$"):find(expected, 1, true), text)
      local _, lines = text:gsub("\n", "")
      assert.equal(expected:find "^%a" and expected:find "\n$" and 1 or 2, lines)
    end
  end)

  it("is silent for a broken pipe and for Ctrl-C", function ()
    local pipe = raised(failures.output, "Broken pipe", 32)
    for err, expected in pairs {
      [pipe] = failures.PIPE,
      ["x.lua:3: interrupted!"] = failures.INTERRUPTED,
      ["interrupted!"] = failures.INTERRUPTED,
      [errors.new { kind = "cancelled", message = "why" }] = failures.INTERRUPTED,
    } do
      local text, code = stderr_of(function () return failures.report(err) end)
      assert.equal("", text)
      assert.equal(expected, code)
    end
  end)

  it("is printed when it is an error object, with any text", function ()
    local text, code = stderr_of(function ()
      return failures.report(errors.new { kind = "generation", message = "interrupted!" })
    end)
    assert.equal("predibase: generation: interrupted!", text:match "^[^\n]*")
    assert.equal(errors.kinds.generation.exit, code)
    assert.equal(failures.INTERNAL, failures.exit_code "interrupted! by someone")
    assert.equal(failures.INTERNAL, failures.exit_code { "interrupted!" })
  end)

  it("does not carry control characters to the terminal", function ()
    local text = stderr_of(function ()
      return failures.report(errors.new { kind = "server", message = "a\27[2Jb\r\nc" })
    end)
    assert.is_nil(text:find "[%z\1-\9\11-\31]")
    assert.is_truthy(text:find("b\nc", 1, true))
  end)

  it("is internal when it is of no known kind", function ()
    local text, code = stderr_of(function () return failures.report("x.lua:1: boom") end)
    assert.equal(1, code)
    assert.is_truthy(text:find "internal error: x.lua:1: boom")
  end)
end)

describe("the list of exit codes", function ()
  it("has every kind once", function ()
    local help = failures.help()
    for kind, properties in pairs(errors.kinds) do
      if kind ~= "cancelled" then
        assert.is_truthy(help:find(("\n  %3d  %s: "):format(properties.exit, kind), 1, true), kind)
      end
    end
    for _, code in ipairs { 0, 1, 64, 130, 141 } do
      assert.is_truthy(help:find(("\n  %3d  "):format(code)))
    end
  end)
end)
