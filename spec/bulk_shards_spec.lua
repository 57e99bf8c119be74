-- SPDX-License-Identifier: MIT
-- Tests predibase.bulk.shards: which rows a process takes, and the names of its files.

local scratch = require "spec.support.scratch"
local shards = require "predibase.bulk.shards"

--- Returns a function that looks variables up in a table.
local function environment (variables)
  return function (name) return variables[name] end
end

--- Returns the variables that Slurm sets for the task `id` of an array job.
local function slurm (id, min, max, step, count)
  return { SLURM_ARRAY_TASK_ID = id, SLURM_ARRAY_TASK_MIN = min, SLURM_ARRAY_TASK_MAX = max,
    SLURM_ARRAY_TASK_STEP = step, SLURM_ARRAY_TASK_COUNT = count }
end

--- Reads a shard that must be refused, and returns the message and the kind of the error.
local function refused (value, variables)
  local shard, err = shards.read(value, environment(variables or {}))
  assert.is_nil(shard)
  return err.message, err.kind
end

describe("a shard as I/N", function ()
  it("has an index from 0 to N-1", function ()
    assert.same({ index = 0, count = 1 }, shards.read "0/1")
    assert.same({ index = 7, count = 8 }, shards.read "7/8")
    assert.same({ index = 0, count = shards.MAX_COUNT }, shards.read("0/" .. shards.MAX_COUNT))
  end)

  it("is refused outside these numbers", function ()
    local message, kind = refused "8/8"
    assert.equal("validation", kind)
    assert.equal("the number of a shard must be from 0 to 7 when there are 8, got 8; the first "
      .. "shard is 0/8", message)
    for _, value in ipairs { "0/0", "0/10001", "0/99999999999999999999", "0/", "0/x", "0/-1",
      "auto/0", "auto/" } do
      assert.matches("^the number of shards must be a whole number from 1 to 10000, got",
        (refused(value)))
    end
  end)

  it("is refused in any other form", function ()
    for _, value in ipairs { "", "3", "/8", "-1/8", "1.0/8", " 1/8", "1/2/3", "Auto", "auto ",
      "0x1/8", "99999999999999999999/8", "1e1/8" } do
      local message, kind = refused(value)
      assert.equal("validation", kind)
      assert.matches('^a shard must be "I/N"', message)
    end
  end)

  it("raises for a value that is not a string", function ()
    local ok, message = pcall(shards.read, 3)
    assert.is_false(ok)
    assert.matches("a shard must be a string.*got a number", message)
  end)

  it("does not look at the environment", function ()
    local function never () error "looked at the environment" end
    assert.same({ index = 1, count = 2 }, shards.read("1/2", never))
    assert.is_nil((shards.read("2/2", never)))
  end)
end)

describe("the shard auto", function ()
  it("is the task of a Slurm array", function ()
    local function read (...) return shards.read("auto", environment(slurm(...))) end
    assert.same({ index = 0, count = 8 }, read("0", "0", "7", "1", "8"))
    assert.same({ index = 7, count = 8 }, read("7", "0", "7", "1", "8"))
    assert.same({ index = 2, count = 4 }, read("3", "1", "4", "1", "4"))
    assert.same({ index = 2, count = 3 }, read("14", "10", "14", "2", "3"))
  end)

  it("is the only task of an array of one", function ()
    assert.same({ index = 0, count = 1 },
      shards.read("auto", environment(slurm("5", "5", "5", "1", "1"))))
    assert.same({ index = 0, count = 1 },
      shards.read("auto", environment(slurm("5", "5", "5", "0", "1"))))
  end)

  it("is refused for a list with different distances, in each of its tasks", function ()
    for _, id in ipairs { "1", "5", "7" } do
      local message, kind = refused("auto", slurm(id, "1", "7", "1", "3"))
      assert.equal("config", kind)
      assert.matches("one distance, such as %-%-array=0%-7%. This one has 3 tasks from 1 to 7 with "
        .. "the step 1%..*%-%-shard %$SLURM_ARRAY_TASK_ID/N$", message)
    end
    assert.matches("one distance", (refused("auto", slurm("5", "1", "7", "4", "3"))))
    assert.matches("one distance", (refused("auto", slurm("5", "1", "7", "0", "3"))))
    assert.matches("one distance", (refused("auto", slurm("3", "1", "5", "4", "2"))))
    assert.matches("one distance", (refused("auto", slurm("9", "0", "7", "1", "8"))))
    assert.matches("one distance", (refused("auto", slurm("0", "1", "8", "1", "8"))))
  end)

  it("is refused when a variable is missing or not a number", function ()
    local message, kind = refused "auto"
    assert.equal("config", kind)
    assert.matches("SLURM_ARRAY_TASK_ID, which is not set; Slurm sets it in the tasks", message)
    local variables = slurm("0", "0", "7", "1", "8")
    for name in pairs(slurm("0", "0", "7", "1", "8")) do
      local value = variables[name]
      variables[name] = nil
      assert.matches(name .. ", which is not set", (refused("auto", variables)))
      variables[name] = "four"
      assert.equal("the variable " .. name .. " must be a whole number, got four",
        (refused("auto", variables)))
      variables[name] = ""
      assert.equal("the variable " .. name .. " must be a whole number, got an empty text",
        (refused("auto", variables)))
      variables[name] = value
    end
    assert.matches("has 20000 tasks; it may have from 1 to 10000",
      (refused("auto", slurm("0", "0", "19999", "1", "20000"))))
    assert.matches("has 0 tasks", (refused("auto", slurm("0", "0", "0", "1", "0"))))
  end)

  it("uses the process's environment by default", function ()
    local shard, err = shards.read "auto/4"
    assert.is_nil(shard)
    assert.matches("JOB_COMPLETION_INDEX", err.message)
  end)
end)

describe("the shard auto/N", function ()
  it("is the pod of an Indexed Job", function ()
    assert.same({ index = 3, count = 8 },
      shards.read("auto/8", environment { JOB_COMPLETION_INDEX = "3" }))
  end)

  it("is refused when the index is missing, not a number or too large", function ()
    local message, kind = refused "auto/8"
    assert.equal("config", kind)
    assert.matches("Kubernetes sets it in the pods of a Job with completionMode: Indexed", message)
    for _, index in ipairs { "8", "", "x", "-1" } do
      message, kind = refused("auto/8", { JOB_COMPLETION_INDEX = index })
      assert.equal("config", kind)
      assert.matches("must be a whole number from 0 to 7.*that of the field completions", message)
    end
  end)

  it("does not read the variables of Slurm", function ()
    assert.matches("JOB_COMPLETION_INDEX", (refused("auto/8", slurm("0", "0", "7", "1", "8"))))
  end)
end)

describe("the rows of the shards", function ()
  it("are every N-th row, so that each row belongs to one shard", function ()
    for number = 1, 20 do
      local owner
      for index = 0, 2 do
        if shards.takes({ index = index, count = 3 }, number) then
          assert.is_nil(owner)
          owner = index
        end
      end
      assert.equal((number - 1) % 3, owner)
    end
  end)
end)

describe("the path of a shard's file", function ()
  it("is divided again into the output and the shard", function ()
    for _, out in ipairs { "answers.jsonl", "/data/run 1/out.csv", "a", "x.1-of-2", ".jsonl" } do
      local shard = { index = 3, count = 8 }
      local path = shards.path(out, shard)
      assert.equal(out .. ".3-of-8", path)
      local plain, read = shards.split(path)
      assert.equal(out, plain)
      assert.same(shard, read)
    end
  end)

  it("has the extension of the format inside", function ()
    assert.equal("answers.jsonl", (shards.split "answers.jsonl.3-of-8"))
    assert.equal("dir/failed-answers.csv", (shards.split "dir/failed-answers.csv.0-of-1"))
  end)

  it("is every path that path would write, and no other", function ()
    for _, path in ipairs { "answers.jsonl", "a.8-of-8", "a.03-of-8", "a.3-of-08", "a.0-of-0",
      "a.1-of-10001", "a.1-of-99999999999999999999", ".3-of-8", "dir/.3-of-8", "a.3-of-8.csv",
      "a3-of-8", "a.3-of-", "" } do
      local plain, shard = shards.split(path)
      assert.equal(path, plain)
      assert.is_nil(shard)
    end
  end)
end)

describe("the files of an output", function ()
  local folder, out

  before_each(function ()
    folder = scratch.new()
    out = folder .. "/answers.jsonl"
    for _, name in ipairs { "answers.jsonl", "answers.jsonl.0-of-2", "answers.jsonl.1-of-2.jsonl",
      "answers.jsonl.2-of-3", "answers.jsonl.2-of-2", "other.jsonl.0-of-4",
      "answers.jsonl.0-of-2.0-of-5" } do
      scratch.write(folder .. "/" .. name, "")
    end
  end)
  after_each(function () scratch.remove(folder) end)

  it("are found by their names", function ()
    assert.same({ [2] = { [0] = out .. ".0-of-2" }, [3] = { [2] = out .. ".2-of-3" } },
      shards.files(out))
    assert.same({ [2] = { [1] = out .. ".1-of-2.jsonl" } }, shards.files(out, ".jsonl"))
    local found, err = shards.files(folder .. "/none/answers.jsonl")
    assert.is_nil(found)
    assert.equal("config", err.kind)
  end)

  it("belong to one division", function ()
    assert.is_true(shards.check_division(folder .. "/other.jsonl", { index = 1, count = 4 }))
    assert.is_true(shards.check_division(folder .. "/new.jsonl", { index = 1, count = 4 }))
    assert.is_true(shards.check_division(folder .. "/none/x", { index = 1, count = 4 }))
    local ok, err = shards.check_division(folder .. "/other.jsonl", { index = 0, count = 1 })
    assert.is_nil(ok)
    assert.equal(folder .. "/other.jsonl.0-of-4 is a shard of 4, and this run is a shard of 1 "
      .. "(0/1) of the same output. Run all shards with the same number, --shard I/4, or choose "
      .. "another output", err.message)
  end)
end)
