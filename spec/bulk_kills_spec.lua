-- SPDX-License-Identifier: MIT
-- once: the command and the stand-in server run as processes of their own
--- Kills `predibase batch`, or its server, at random instants, and compares what it has written in
-- the end with the output of a run that nothing disturbed. ROWS and KILLS set how many there are.
local child = require "spec.support.child"
local mock = require "predibase.mock"
local random = require "predibase.random"
local scratch = require "spec.support.scratch"
local uv = require "luv"

local ROWS = tonumber(os.getenv "ROWS" or 600)
local KILLS = tonumber(os.getenv "KILLS" or 12)
local SHARDS = 4

--- Longest time in seconds between the start of a run and the signal that kills it.
local LIFE = 0.6

--- Most requests in a second of runs that are killed, so that they do not end before.
local RATE = math.floor(ROWS / (2 * LIFE * KILLS)) + 1

local SIGKILL = 9

-- A run with faults waits up to eight seconds at a time.
child.PATIENCE = math.max(child.PATIENCE, ROWS * 200)

local draw = random.new(20261128)

describe("a bulk run that is killed", function ()
  local folder, calm, wild, expected

  --- Starts the command for the file of rows.
  local function start (server, out, ...)
    local args = { "bin/predibase", "batch", folder .. "/in.csv", "--template",
      folder .. "/template.txt", "--out", folder .. "/" .. out, "--max-new-tokens", "3",
      "--quiet", ... }
    return child.start(child.interpreter(), { args = args,
      env = { PREDIBASE_BASE_URL = server.url } })
  end

  local function finish (program)
    assert.equal(0, program:wait(), program.stderr)
  end

  local function rest (seconds)
    local over = false
    local timer = uv.new_timer()
    timer:start(math.floor(seconds * 1000), 0, function () over = true end)
    child.wait(function () return over end, "a timer")
    timer:close()
  end

  --- Kills runs after a random time. Returns how many had not ended before.
  local function kill (programs)
    rest(draw() * LIFE)
    local killed = 0
    for _, program in ipairs(programs) do
      if not program.code then program:kill(SIGKILL) end
      if program:wait() == 128 + SIGKILL then killed = killed + 1 end
    end
    return killed
  end

  local function sorted (out)
    local lines = {}
    for line in scratch.read(folder .. "/" .. out):gmatch "[^\n]*\n" do
      lines[#lines + 1] = line
    end
    table.sort(lines)
    return lines
  end

  --- Compares an output with that of the run that nothing disturbed.
  local function compare (out)
    local lines = sorted(out)
    assert.equal(ROWS, #lines)
    for i = 1, ROWS do assert.equal(expected[i], lines[i]) end
  end

  setup(function ()
    folder = scratch.new()
    local seconds = 600 + ROWS
    calm = assert(mock.spawn { max_seconds = seconds })
    wild = assert(mock.spawn { fault_rate = 0.2, seed = "3", max_seconds = seconds })
    local lines = { "number,the text\r\n" }
    for i = 1, ROWS do
      lines[i + 1] = ('%d,"Row %d says ""hello"",\nand more"\r\n'):format(i, i)
    end
    scratch.write(folder .. "/in.csv", table.concat(lines))
    scratch.write(folder .. "/template.txt", "Repeat: {the text}")
    finish(start(calm, "calm.jsonl"))
    expected = sorted "calm.jsonl"
    assert.equal(ROWS, #expected)
  end)

  teardown(function ()
    calm:close()
    wild:close()
    scratch.remove(folder)
  end)

  it("has each row once in the end", function ()
    local killed = 0
    for _ = 1, KILLS do
      killed = killed + kill { start(calm, "out.jsonl", "--rate-limit", RATE .. "/s") }
    end
    assert.is_true(killed > 0)
    finish(start(calm, "out.jsonl"))
    compare "out.jsonl"
  end)

  it("has each row once when every fifth request fails", function ()
    for _ = 1, KILLS do kill { start(wild, "wild.jsonl") } end
    finish(start(wild, "wild.jsonl"))
    compare "wild.jsonl"
  end)

  it("fails no row when the server is killed and started again", function ()
    local server = assert(mock.spawn { fault_rate = 0.2, seed = "5" })
    local port, program = server.port, start(server, "restarts.jsonl")
    for _ = 1, math.ceil(KILLS / 4) do
      rest(draw() * LIFE)
      uv.kill(server.pid, SIGKILL)
      server:close()
      rest(draw() * LIFE)
      server = assert(mock.spawn { port = port, fault_rate = 0.2, seed = "6" })
    end
    finish(program)
    server:close()
    compare "restarts.jsonl"
  end)

  it("has each row once when four shards are killed and merged", function ()
    local function start_all ()
      local programs = {}
      for i = 0, SHARDS - 1 do
        programs[i + 1] = start(calm, "many.jsonl", "--shard", ("%d/%d"):format(i, SHARDS))
      end
      return programs
    end
    for _ = 1, math.ceil(KILLS / SHARDS) do kill(start_all()) end
    for _, program in ipairs(start_all()) do finish(program) end
    local merge = child.start(child.interpreter(), { args = { "bin/predibase", "batch", "merge",
      folder .. "/many.jsonl", "--input", folder .. "/in.csv" } })
    finish(merge)
    compare "many.jsonl"
  end)
end)
