-- SPDX-License-Identifier: MIT
local failures = require "predibase.cli.failures"
local output = require "predibase.cli.output"

-- A file that keeps what was written, and can fail.
local function recorder (problem)
  local file = { written = {}, flushed = 0 }
  function file:write (text)
    if problem then return nil, problem[1], problem[2] end
    self.written[#self.written + 1] = text
    return self
  end
  function file:flush ()
    self.flushed = self.flushed + 1
    return true
  end
  function file:text ()
    return table.concat(self.written)
  end
  return file
end

describe("the output of the command", function ()
  it("is flushed piece by piece", function ()
    local file = recorder()
    local out = output.new { file = file, terminal = false }
    out:write("one ")
    out:write("")
    out:write("two")
    assert.same({ "one ", "two" }, file.written)
    assert.equal(2, file.flushed)
  end)

  it("is only the text when it is not a terminal", function ()
    local file = recorder()
    local out = output.new { file = file, terminal = false }
    local text = "a\27[2Jb\r\n\0\194\155c\127"
    out:write(text)
    out:end_line()
    assert.equal(text, file:text())
  end)

  it("has no control characters on a terminal", function ()
    local file = recorder()
    local out = output.new { file = file, terminal = true }
    out:write("a\27[2J\tb\r\nc\rd\0\194\155\127é…\n")
    local mark = "\239\191\189"
    assert.equal("a" .. mark .. "[2J\tb\nc" .. mark .. "d" .. mark:rep(3) .. "é…\n",
      file:text())
  end)

  it("ends the line on a terminal, once", function ()
    local file = recorder()
    local out = output.new { file = file, terminal = true }
    out:end_line()
    out:write("text")
    out:end_line()
    out:end_line()
    assert.equal("text\n", file:text())
  end)

  it("fails without a message when its reader has ended", function ()
    local out = output.new { file = recorder { "Broken pipe", 32 }, terminal = false }
    local ok, err = pcall(out.write, out, "x")
    assert.is_false(ok)
    assert.equal(failures.PIPE, failures.exit_code(err))
  end)

  it("fails with a message when it cannot be written", function ()
    local out = output.new { file = recorder { "No space left on device", 28 }, terminal = false }
    local ok, err = pcall(out.write, out, "x")
    assert.is_false(ok)
    assert.equal(failures.INTERNAL, failures.exit_code(err))
    assert.equal("standard output: No space left on device", err.message)
  end)
end)
