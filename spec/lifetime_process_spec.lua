-- SPDX-License-Identifier: MIT
--- Processes that end in the middle of a stream, are interrupted, or start others meanwhile.

local child = require "spec.support.child"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"
local uv = require "luv"

local SIGINT = 2

local PREAMBLE = [[
io.stdout:setvbuf "no"
local predibase = require "predibase"
local client = assert(predibase.new { base_url = os.getenv "BASE", api_token = false,
  max_retries = 0 })
local stream = client:generate_stream "x"
assert(stream:next().text == "one" and stream:next().text == " two")
print "reading"
]]

describe("a process", function ()
  local s

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)
  before_each(function () assert.is_true(lifetime.quiet(s)) end)
  after_each(function () assert.is_true(lifetime.quiet(s)) end)

  --- LeakSanitizer does not look into the memory of LuaJIT, which it does not get from malloc: a
  -- state that is not closed would be all leaks to it.
  local function start (program, options)
    local asan = os.getenv "ASAN_OPTIONS"
    if asan and options and options.unclosed then asan = asan .. ":detect_leaks=0" end
    return child.start(child.interpreter(), {
      args = { "-e", PREAMBLE .. program }, env = { BASE = s.url .. "/hang", ASAN_OPTIONS = asan },
    })
  end

  local endings = {
    ["by os.exit"] = { "os.exit(7)", 7, unclosed = true },
    ["by os.exit that closes the state"] = { "os.exit(7, true)", 7 },
    ["by os.exit in the loop"] = {
      "for _ in client:generate_stream 'x' do os.exit(7, true) end", 7 },
    ["by os.exit from a coroutine"] = {
      "coroutine.wrap(function () assert(stream:poll() == nil) os.exit(7, true) end)()", 7 },
    ["by os.exit with a hundred streams"] = { [[
      local streams = {}
      for i = 1, 100 do
        streams[i] = client:generate_stream "x"
        streams[i]:next()
      end
      os.exit(7, true)
    ]], 7 },
    ["by its last line"] = { "", 0 },
    ["by its last line with a client that was closed"] = { "client:close()", 0 },
    ["by its last line with its objects in globals"] = {
      "rawset(_G, 'kept', { client, stream, stream.exchange, client.transport.pool })", 0 },
  }

  for name, case in pairs(endings) do
    it("that ends " .. name .. " in the middle of a stream does so quietly", function ()
      local process = start(case[1], case)
      assert.equal(case[2], process:wait())
      assert.equal("reading\n", process.stdout)
      assert.equal("", process.stderr)
      assert.is_true(lifetime.quiet(s))
    end)
  end

  it("that ends by an error in the middle of a stream says nothing but the error", function ()
    local process = start "error('mine', 0)"
    assert.equal(1, process:wait())
    assert.matches("mine", process.stderr, 1, true)
    assert.is_nil(process.stderr:find("predibase", 1, true))
  end)

  --- Waits until a process waits for something in the system.
  local function sleeps (pid)
    return s:wait(function ()
      local file = assert(io.open(("/proc/%d/stat"):format(pid)))
      local state = file:read("*a"):match("%) (%a)")
      file:close()
      return state == "S"
    end, 30)
  end

  for name, program in pairs {
    ["next"] = [[
      local ok, err = pcall(stream.next, stream)
      print(tostring(ok) .. " " .. tostring(err))
      print(tostring(stream:poll()) .. " " .. tostring(select(2, stream:poll())))
    ]],
    ["a for loop"] = [[
      local ok, err = pcall(function () for _ in stream do print "a token" end end)
      print(tostring(ok) .. " " .. tostring(err))
      print(tostring(stream:poll()) .. " " .. tostring(select(2, stream:poll())))
    ]],
    ["generate"] = [[
      local mute = assert(predibase.new { base_url = os.getenv("BASE"):gsub("hang", "mute"),
        api_token = false })
      local ok, err = pcall(mute.generate, mute, "x")
      print(tostring(ok) .. " " .. tostring(err))
      print(tostring(stream:poll()) .. " " .. tostring(select(2, stream:poll())))
    ]],
  } do
    it("that waits in " .. name .. " can be interrupted, and close what it has", function ()
      local process = start(program .. [[
        client:close()
        print("closed: " .. select(2, stream:next()).kind)
        os.exit(3, true)
      ]])
      process:wait_for "reading"
      assert.is_true(sleeps(process.pid))
      process:kill(SIGINT)
      assert.equal(3, process:wait())
      assert.equal("", process.stderr)
      assert.matches("false [^\n]*interrupted!\nnil pending\nclosed: cancelled\n$", process.stdout)
    end)
  end

  --- Runs this process's own client while programs that it started go on running.
  local function outlived (start_program)
    local client = lifetime.client(s, "/hang")
    local stream = client:generate_stream "x"
    stream:next()
    local stop = start_program()
    assert.is_true(lifetime.has_open(s, 1))
    stream:close()
    local quiet = lifetime.quiet(s)
    stop()
    assert.equal(0, client.transport:size())
    client:close()
    assert.is_true(quiet)
  end

  it("gives its connections to no program that io.popen starts", function ()
    outlived(function ()
      local pipe = assert(io.popen("cat", "w"))
      return function () pipe:close() end
    end)
  end)

  it("gives its connections to no program that os.execute starts", function ()
    local name = os.tmpname()
    outlived(function ()
      os.execute(("sleep 60 >/dev/null 2>&1 & echo $! > %s"):format(name))
      return function ()
        local file = assert(io.open(name))
        local pid = file:read "*n"
        file:close()
        assert.equal(0, (uv.kill(pid, "sigterm")))
      end
    end)
    os.remove(name)
  end)
end)
