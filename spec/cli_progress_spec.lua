-- SPDX-License-Identifier: MIT
local progress = require "predibase.cli.progress"

-- A state of a run, with the fields of `changes` in place of its own.
local function state (changes)
  local made = {
    rows = { answered = 900, failed = 0, resumed = 100 },
    rates = { rows = 50, tokens_out = 1234.5 }, open = 20, concurrency = 32,
    read = 1020, size = 5100,
  }
  for name, value in pairs(changes or {}) do made[name] = value end
  return made
end

local function file ()
  local made = { text = "", flushed = 0 }
  function made:write (text) self.text = self.text .. text end
  function made:flush () self.flushed = #self.text end
  return made
end

describe("the progress of a run", function ()
  it("estimates the number of rows from the part of the input that was read", function ()
    local expected, is_exact = progress.expected(state())
    assert.equal(5100, expected)
    assert.is_false(is_exact)
    assert.equal(4100 / 50, progress.left(state()))
  end)

  it("does not count rows of other shards", function ()
    local made = state { rows = { answered = 30, failed = 0, resumed = 0, skipped = 90 },
      open = 0, read = 100, size = 200 }
    assert.equal(60, (progress.expected(made)))
  end)

  it("expects no more rows than the limit", function ()
    assert.equal(2000, (progress.expected(state { limit = 2000 })))
    assert.equal(2000, (progress.expected(state { limit = 2000, size = false })))
    assert.equal(5100, (progress.expected(state { limit = 9000 })))
    assert.equal(1020, (progress.expected(state { limit = 10 })))
    assert.equal(30, (progress.expected(state { sample = 30, read = 10, open = 0,
      rows = { answered = 5, failed = 0, resumed = 0, skipped = 95 }, size = 5000 })))
    -- A fourth of the first 1,000 rows, because there are four shards.
    assert.equal(250, (progress.expected(state { limit = 1000, read = 10, open = 0,
      rows = { answered = 25, failed = 0, resumed = 0, skipped = 75 }, size = 5000 })))
  end)

  it("knows the number of rows when all are read", function ()
    local expected, is_exact = progress.expected(state { is_read = true })
    assert.equal(1020, expected)
    assert.is_true(is_exact)
  end)

  it("knows nothing of a pipe, or before the first row", function ()
    assert.is_nil((progress.expected(state { size = false })))
    assert.is_nil(progress.left(state { size = false }))
    assert.is_nil(progress.left(state { rates = { rows = 0, tokens_out = 0 } }))
    assert.is_nil(progress.left(state { rows = { answered = 8, failed = 1, resumed = 100 } }))
    local none = { answered = 0, failed = 0, resumed = 0 }
    assert.is_nil((progress.expected(state { rows = none, open = 0, read = 0 })))
    assert.same({ "0 rows", "0 rows/s", "0 tokens/s", "0 of 32 requests" }, progress.parts(state {
      rows = none, rates = { rows = 0, tokens_out = 0 }, open = 0, read = 0 }))
  end)

  it("describes a state", function ()
    assert.same({ "1,000 of about 5,100 rows", "1 min 22 s left", "50 rows/s", "1,235 tokens/s",
      "20 of 32 requests" }, progress.parts(state()))
    assert.same({ "1,000 of 1,023 rows", "3 failed", "pausing 13 s for the server",
      "400 ms left", "50 rows/s", "1,235 tokens/s", "20 of 32 requests" },
      progress.parts(state { is_read = true, pause = 12.3,
        rows = { answered = 900, failed = 3, resumed = 100 } }))
    assert.same({ "finishing 1 request", "1,000 of about 5,005 rows", "50 rows/s",
      "1,235 tokens/s" }, progress.parts(state { stopping = true, open = 1 }))
  end)

  it("leaves out what does not fit into the terminal", function ()
    local parts = { "123", "45", "6" }
    assert.equal("123 | 45 | 6", progress.fit(parts, 12))
    assert.equal("123 | 45", progress.fit(parts, 11))
    assert.equal("123", progress.fit(parts, 7))
    assert.equal("12", progress.fit(parts, 2))
    assert.equal("", progress.fit(parts, -3))
  end)
end)

describe("the line on a terminal", function ()
  it("is rewritten in place, at most five times a second", function ()
    local out, columns = file(), 40
    local shown = progress.new { file = out, terminal = true, now = 7,
      width = function () return columns end }
    assert.is_true(shown:due(7))
    shown:show(state(), 7)
    local first = "\r1,000 of about 5,100 rows"
    assert.equal(first, out.text)
    assert.equal(#out.text, out.flushed)
    assert.is_false(shown:due(7.19))
    assert.is_true(shown:due(7.2))
    columns = 10
    shown:show(state(), 7.2)
    assert.equal(first .. "\r1,000 of " .. (" "):rep(16), out.text)
  end)

  it("is removed before something else is printed, and then shown again", function ()
    local out = file()
    local shown = progress.new { file = out, terminal = true, now = 0,
      width = function () return 20 end }
    shown:clear()
    assert.equal("", out.text)
    shown:show(state(), 0)
    out.text = ""
    shown:say "Hello."
    assert.equal("\r" .. (" "):rep(19) .. "\rHello.\n", out.text)
    assert.is_true(shown:due(0))
    out.text = ""
    shown:clear()
    assert.equal("", out.text)
  end)

  it("says at the beginning what takes some time", function ()
    local out = file()
    local options = { file = out, terminal = true, now = 0, width = function () return 30 end }
    local shown = progress.new(options)
    shown:begin "reading answers.jsonl"
    shown:show(state(), 0)
    assert.equal("reading answers.jsonl\r1,000 of about 5,100 rows", out.text)
    out.text = ""
    options.terminal = false
    progress.new(options):begin "reading"
    options.terminal, options.quiet = true, true
    progress.new(options):begin "reading"
    assert.equal("", out.text)
  end)

  it("has 80 columns when the terminal does not tell", function ()
    local out = file()
    local shown = progress.new { file = out, terminal = true, now = 0, width = function () end }
    shown:show(state(), 0)
    assert.equal("\r1,000 of about 5,100 rows | 1 min 22 s left | 50 rows/s | 1,235 tokens/s",
      out.text)
  end)
end)

describe("the progress elsewhere", function ()
  it("is a line every 30 seconds", function ()
    local out = file()
    local shown = progress.new { file = out, now = 100 }
    assert.is_false(shown:due(129.9))
    assert.is_true(shown:due(130))
    shown:show(state(), 130)
    assert.equal("predibase: 1,000 of about 5,100 rows, 1 min 22 s left, 50 rows/s, "
      .. "1,235 tokens/s, 20 of 32 requests\n", out.text)
    assert.is_false(shown:due(159.9))
    shown:clear()
    shown:say "Hello."
    assert.is_truthy(out.text:find "requests\nHello.\n$")
  end)

  it("shows nothing when it is quiet, but what has to be said", function ()
    local out = file()
    local shown = progress.new { file = out, terminal = true, quiet = true, now = 0,
      width = function () return 80 end }
    assert.is_false(shown:due(1000))
    shown:show(state(), 1000)
    shown:clear()
    assert.equal("", out.text)
    shown:say "Hello."
    assert.equal("Hello.\n", out.text)
  end)
end)
