-- SPDX-License-Identifier: MIT
local failures = require "predibase.cli.failures"
local output = require "predibase.cli.output"

-- Keeps what is written, and can fail.
local function recorder (problem)
  local record = { written = {} }
  function record.write_all (text)
    if problem then return nil, problem[1], problem[2] end
    record.written[#record.written + 1] = text
    return true
  end
  function record.text ()
    return table.concat(record.written)
  end
  return record
end

describe("the output of the command", function ()
  it("is written piece by piece", function ()
    local record = recorder()
    local out = output.new { write_all = record.write_all, terminal = false }
    out:write("one ")
    out:write("")
    out:write("two")
    assert.same({ "one ", "two" }, record.written)
  end)

  it("is only the text when it is not a terminal", function ()
    local record = recorder()
    local out = output.new { write_all = record.write_all, terminal = false }
    local text = "a\27[2Jb\r\n\0\194\155c\127"
    out:write(text)
    out:end_line()
    assert.equal(text, record.text())
  end)

  it("has no control characters on a terminal", function ()
    local record = recorder()
    local out = output.new { write_all = record.write_all, terminal = true }
    out:write("a\27[2J\tb\r\nc\rd\0\194\155\127é…\n")
    local mark = "\239\191\189"
    assert.equal("a" .. mark .. "[2J\tb\nc" .. mark .. "d" .. mark:rep(3) .. "é…\n",
      record.text())
  end)

  it("ends the line on a terminal, once", function ()
    local record = recorder()
    local out = output.new { write_all = record.write_all, terminal = true }
    out:end_line()
    out:write("text")
    out:end_line()
    out:end_line()
    assert.equal("text\n", record.text())
  end)

  it("fails without a message when its reader has ended", function ()
    local record = recorder { "Broken pipe", 32 }
    local out = output.new { write_all = record.write_all, terminal = false }
    local ok, err = pcall(out.write, out, "x")
    assert.is_false(ok)
    assert.equal(failures.PIPE, failures.exit_code(err))
  end)

  it("fails with a message when it cannot be written", function ()
    local record = recorder { "No space left on device", 28 }
    local out = output.new { write_all = record.write_all, terminal = false }
    local ok, err = pcall(out.write, out, "x")
    assert.is_false(ok)
    assert.equal(failures.INTERNAL, failures.exit_code(err))
    assert.equal("standard output: No space left on device", err.message)
  end)
end)
