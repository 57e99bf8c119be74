-- SPDX-License-Identifier: MIT
--- predibase.descriptor: reads and writes descriptors, and asks terminals.
local child = require "spec.support.child"
local descriptor = require "predibase.descriptor"

local SIGINT = 2
local EBADF = 9                         -- the same on Linux, the BSDs and macOS

local function start (program, options)
  options.args = { "-e", 'local d = require "predibase.descriptor" ' .. program }
  return child.start(options.path or child.interpreter(), options)
end

-- Python runs without our sanitizers, and the Lua programs that it starts run with them.
local PYTHON = { LD_PRELOAD = "", CHILD_PRELOAD = os.getenv "LD_PRELOAD" or "" }

describe("predibase.descriptor", function ()
  it("reads what has come, without waiting for more, and tells the end", function ()
    local program = start([[
      local n = 0
      while true do
        local text, message = d.read(0, 100000)
        if not text then io.write("end ", tostring(message)) break end
        io.write("[", text, "]") io.flush()
      end]], { keep_stdin = true })
    program.stdin:write "a\nb"
    program:wait_for "[a\nb]"
    program.stdin:write "c"
    program:wait_for "[c]"
    program.stdin:shutdown()
    program:wait()
    assert.equal("[a\nb][c]end nil", program.stdout)
  end)

  it("tells whether a read would wait", function ()
    local program = start([[
      io.write(tostring(d.is_ready(0))) io.flush()
      d.read(0, 1)
      io.write(",", tostring(d.is_ready(0))) io.flush()
      d.read(0, 1)
      io.write(",", tostring(d.is_ready(0))) io.flush()
      d.read(0, 1)
      io.write(",", tostring(d.is_ready(0)), ",", tostring(d.is_ready(99)))]],
      { keep_stdin = true })
    program:wait_for "false"
    program.stdin:write "ab"
    program:wait_for "false,true,false"
    program.stdin:shutdown()
    program:wait()
    assert.equal("false,true,false,true,true", program.stdout)
  end)

  it("reads no more than asked for", function ()
    local program = start('io.write(d.read(0, 2), ",", d.read(0, 1), ",", d.read(0, 9))',
      { stdin = "abcde" })
    program:wait()
    assert.equal("ab,c,de", program.stdout)
  end)

  it("writes all of a long text to a pipe that is read slowly, in spite of signals", function ()
    local program = start([[
      local interrupt = require "predibase.interrupt"
      assert(interrupt.watch())
      local text, rounds, signal = ("0123456789"):rep(100000), 0
      -- Once more after the signal, because it may have come between two rounds.
      repeat
        signal = interrupt.caught()
        local at = 1
        while at <= #text do at = assert(d.write(1, text, at)) end
        rounds = rounds + 1
      until signal
      io.stderr:write(signal, " ", rounds)
    ]], {})
    program:wait_for "0"
    program:kill(SIGINT)
    assert.equal(0, program:wait())
    local signal, rounds = program.stderr:match "^(%d+) (%d+)$"
    assert.equal(SIGINT, tonumber(signal))
    assert.is_true(program.stdout == ("0123456789"):rep(100000 * tonumber(rounds)))
  end)

  it("waits for a descriptor that another program has made non-blocking", function ()
    local program = child.start("python3", { args = { "-c", [[
import fcntl, os, subprocess, sys, time
os.environ["LD_PRELOAD"] = os.environ.get("CHILD_PRELOAD", "")
r, w = os.pipe()
for fd in (r, w):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
code = '''local d = require "predibase.descriptor"
local text, at = ("x"):rep(300000), 1
while at <= #text do at = assert(d.write(1, text, at)) end'''
writer = subprocess.Popen([sys.argv[1], "-e", code], stdout=w)
code = '''local d = require "predibase.descriptor"
local n = 0
while true do
  local text, message = d.read(0, 65536)
  if not text then assert(not message, message) break end
  n = n + #text
end
print(n)'''
reader = subprocess.Popen([sys.argv[1], "-e", code], stdin=r)
os.close(r)
os.close(w)
sys.exit(writer.wait() or reader.wait())
]], child.interpreter() }, env = PYTHON })
    assert.equal(0, program:wait(), program.stderr)
    assert.equal("300000\n", program.stdout)
  end)

  it("returns the error of the system", function ()
    for _, name in ipairs { "read", "write" } do
      local value, message, number = descriptor[name](-1, name == "read" and 1 or "x", 1)
      assert.is_nil(value)
      assert.is_string(message)
      assert.equal(EBADF, number)
    end
    assert.equal(1, descriptor.write(-1, "", 1))
    assert.has_error(function () descriptor.read(0, 0) end)
    assert.has_error(function () descriptor.write(1, "x", 3) end)
  end)

  it("tells terminals and their width", function ()
    assert.is_false(descriptor.is_terminal(-1))
    assert.is_nil(descriptor.width(-1))
    local program = child.start("python3", { args = { "-c", [[
import fcntl, os, pty, struct, sys, termios
os.environ["LD_PRELOAD"] = os.environ.get("CHILD_PRELOAD", "")
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 57, 0, 0))
    os.execvp(sys.argv[1], [sys.argv[1], "-e", '''local d = require "predibase.descriptor"
print(d.is_terminal(0), d.is_terminal(1), d.width(1))'''])
shown = b""
while True:
    try:
        data = os.read(terminal, 1000)
    except OSError:
        break
    if not data:
        break
    shown += data
sys.stdout.buffer.write(shown)
os.waitpid(pid, 0)
]], child.interpreter() }, env = PYTHON })
    assert.equal(0, program:wait(), program.stderr)
    assert.equal("true\ttrue\t57\r\n", program.stdout)
  end)
end)
