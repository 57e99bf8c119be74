-- SPDX-License-Identifier: MIT
--- The set of the rows that an output has: what it tells, how much memory it needs.

local child = require "spec.support.child"
local done = require "predibase.done"
local random = require "spec.support.random"

local HASH = "0123456789abcdef-01234567"

describe("predibase.done.hash", function ()
  it("is FNV-1a with 64 bits", function ()
    assert.equal("cbf29ce484222325", done.hash(""))
    assert.equal("af63dc4c8601ec8c", done.hash("a"))
    assert.equal("85944171f73967e8", done.hash("foobar"))
    assert.equal(done.hash("a\0b"), done.hash("a" .. "\0b"))
    assert.not_equal(done.hash("a\0b"), done.hash("a\0c"))
  end)

  it("combines the halves in short_hash", function ()
    -- 0xcbf29ce4 xor 0x84222325
    assert.equal("4fd0bfc1", done.short_hash(""))
    assert.equal(8, #done.short_hash("temperature=0.5"))
  end)
end)

describe("a set of done rows", function ()
  local set

  before_each(function () set = done.new(3) end)
  after_each(function () set:close() end)

  it("tells what is done and what has changed", function ()
    assert.is_true(set:add("a", 1, HASH))
    assert.is_true(set:add(nil, 1, HASH))
    assert.equal("done", set:state("a", 99, HASH))
    assert.equal("done", set:state(nil, 1, HASH))
    assert.is_nil(set:state("b", 1, HASH))
    assert.is_nil(set:state(nil, 2, HASH))
    assert.equal("row_changed", set:state("a", 1, "1123456789abcdef-01234567"))
    assert.equal("options_changed", set:state("a", 1, "0123456789abcdef-11234567"))
    assert.equal("row_changed", set:state("a", 1, "1123456789abcdef-11234567"))
    assert.equal(2, set:count())
  end)

  it("does not take an id for a line number", function ()
    set:add("7", nil, HASH)
    assert.is_nil(set:state(nil, 7, HASH))
    assert.is_nil(set:state("07", nil, HASH))
    set:add("", nil, HASH)
    assert.equal("done", set:state("", nil, HASH))
  end)

  it("keeps the last of two rows of one id", function ()
    assert.is_true(set:add("a", 1, HASH))
    assert.is_false(set:add("a", 2, "1123456789abcdef-01234567"))
    assert.equal("row_changed", set:state("a", 1, HASH))
    assert.equal("done", set:state("a", 1, "1123456789abcdef-01234567"))
    assert.equal(1, set:count())
  end)

  it("finds repeated ids of this run, whether the output has them or not", function ()
    set:add("a", 1, HASH)
    for _, id in ipairs { "a", "b", "" } do
      assert.is_false(set:repeats(id))
      assert.is_true(set:repeats(id))
    end
    assert.equal("done", set:state("a", 1, HASH))
    assert.is_nil(set:state("b", 1, HASH))
  end)

  it("refuses what is no hash, no line number and no number of rows", function ()
    for _, hash in ipairs { "", "x", HASH .. "0", HASH:upper(), HASH:gsub("-", "+"),
      "0123456789abcde\0-01234567" } do
      assert.has_error(function () set:add("a", 1, hash) end)
      assert.has_error(function () set:state("a", 1, hash) end)
    end
    for _, line in ipairs { -1, 1.5, 0 / 0, 2 ^ 54, "x" } do
      assert.has_error(function () set:add(nil, line, HASH) end)
    end
    assert.has_error(function () set:add(nil, nil, HASH) end)
    for _, rows in ipairs { -1, 0 / 0, 2 ^ 40, "x" } do
      assert.has_error(function () done.new(rows) end)
    end
    assert.equal(0, set:count())
  end)

  it("can be closed any number of times, and then refuses everything", function ()
    set:close()
    set:close()
    assert.has_error(function () set:add("a", 1, HASH) end, "attempt to use a closed set")
    assert.has_error(function () set:repeats("a") end, "attempt to use a closed set")
    assert.is_truthy(tostring(set):find("closed", 1, true))
    assert.has_error(function () set.add(io.stdout, "a", 1, HASH) end)
  end)

  it("agrees with a table in random operations", function ()
    local numbers = random.new(20240607)
    local other = done.new()
    local rows, met = {}, {}
    local function hash ()
      return ("%016x-%08x"):format(numbers:int(0, 2), numbers:int(0, 2))
    end
    for _ = 1, 20000 do
      local id = numbers:int(1, 2) == 1 and "id " .. numbers:int(1, 900) or nil
      local line = not id and numbers:int(1, 900) or nil
      local key, wanted = id or line, hash()
      local known, what = rows[key], numbers:int(1, 10)
      if what == 1 then
        assert.equal(known == nil, other:add(id, line, wanted))
        rows[key] = wanted
      elseif what == 2 and id then
        assert.equal(met[id] or false, other:repeats(id))
        met[id] = true
      else
        local state = known and "done"
        if known and known:sub(1, 16) ~= wanted:sub(1, 16) then
          state = "row_changed"
        elseif known and known ~= wanted then
          state = "options_changed"
        end
        assert.equal(state, other:state(id, line, wanted))
      end
    end
    local count = 0
    for _ in pairs(rows) do count = count + 1 end
    assert.equal(count, other:count())
    other:close()
  end)
end)

describe("the memory of a set", function ()
  local ROWS = 1000000

  it("is at most 16 bytes for each of a million rows", function ()
    local set = done.new(ROWS)
    local empty = set:bytes()
    for i = 1, ROWS do set:add("row " .. i, i, HASH) end
    for i = 1, ROWS do set:repeats("row " .. i) end
    assert.equal(ROWS, set:count())
    assert.equal(empty, set:bytes())
    assert.is_true(set:bytes() <= 16 * ROWS, set:bytes())
    local found = 0
    for i = 1, ROWS do
      if set:state("row " .. i, i, HASH) == "done" then found = found + 1 end
      if set:state("no " .. i, i, HASH) then found = found + ROWS end
    end
    assert.equal(ROWS, found)
    set:close()
  end)

  it("is as small for the system", function ()
    -- The resident memory of a process of its own, before and after.
    local run = child.start(child.interpreter(), { args = { "-e", ([[
      local done = require "predibase.done"
      local function resident ()
        local file = assert(io.open("/proc/self/statm"))
        local pages = file:read("*a"):match("^%%d+ (%%d+)")
        file:close()
        return pages * 4096
      end
      collectgarbage() collectgarbage("stop")
      local before = resident()
      local set = done.new(%d)
      for i = 1, %d do set:add(nil, i, "0123456789abcdef-01234567") end
      print(resident() - before)
    ]]):format(ROWS, ROWS) } })
    assert.equal(0, run:wait(), run.stderr)
    -- AddressSanitizer adds an eighth to each block.
    local sanitizer = os.getenv("ASAN_OPTIONS") and 1.125 or 1
    assert.is_true(tonumber(run.stdout) <= 16 * ROWS * sanitizer + 2 ^ 20, run.stdout)
  end)
end)
