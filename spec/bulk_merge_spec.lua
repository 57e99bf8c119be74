-- SPDX-License-Identifier: MIT
-- Tests predibase.bulk.merge: the outputs of shards become one output.

local append = require "predibase.append"
local child = require "spec.support.child"
local done = require "predibase.done"
local errors = require "predibase.errors"
local json = require "predibase.json"
local merge = require "predibase.bulk.merge"
local records = require "predibase.bulk.records"
local rows = require "predibase.bulk.rows"
local scratch = require "spec.support.scratch"
local shards = require "predibase.bulk.shards"
local uv = require "luv"

local folder, out

local function path_of (name) return folder .. "/" .. name end

--- Returns the names in the folder, sorted.
local function names ()
  local list, entries = {}, assert(uv.fs_scandir(folder))
  for name in function () return (uv.fs_scandir_next(entries)) end do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function exists (path) return uv.fs_stat(path) ~= nil end

--- Returns the entry of `records` for an answer.
local function entry_of (layout, row, at, change)
  local entry = { row = row, at = at, hash = assert(layout:hash(row, at, "0000abcd")),
    text = "answer " .. at.number, finish_reason = "stop", tokens_in = 3, tokens_out = 2,
    status = 200, raw_body = '{"n":' .. at.number .. "}" }
  for name, value in pairs(change or {}) do entry[name] = value end
  return entry
end

--- Runs shards as the real run does: reads the input, answers the rows of each shard and writes its
-- files. Options: `count`, `format`, `out`, `skip` (row number -> true: not answered), `fail` (row
-- number -> true), `only` (index -> true), `change` (a function of the row that returns fields of
-- its entry), `order` (a function that sorts the records of a shard).
local function run_shards (input, options)
  local format = options.format or "jsonl"
  for index = 0, options.count - 1 do
    local shard = { index = index, count = options.count }
    local reader = assert(rows.open(input))
    local layout = records.new { format = format, input = reader.format, columns = reader.columns }
    local answers, failed = {}, {}
    for row, at in reader do
      if shards.takes(shard, at.number) then
        if options.fail and options.fail[at.number] or at.err then
          failed[#failed + 1] = assert(layout:failed(row, at, errors.new { kind = "server",
            message = "it failed" }))
        elseif not (options.skip and options.skip[at.number]) then
          local change = options.change and options.change(row, at)
          answers[#answers + 1] = assert(layout:write(entry_of(layout, row, at, change)))
        end
      end
    end
    reader:close()
    if options.order then options.order(answers, index) end
    if not options.only or options.only[index] then
      local base = options.out or out
      scratch.write(shards.path(base, shard), layout:header() .. table.concat(answers))
      if #failed > 0 then
        local parent, name = base:match "^(.*/)([^/]*)$"
        local extension = format:find "sv" and layout.failed_format == "jsonl" and ".jsonl" or ""
        scratch.write(shards.path(parent .. "failed-" .. name, shard) .. extension,
          layout:failed_header() .. table.concat(failed))
      end
    end
  end
end

--- Writes an input in JSON Lines with `count` rows.
local function make_input (count)
  local lines = {}
  for i = 1, count do lines[i] = ('{"n":%d,"q":"question %d"}\n'):format(i, i) end
  local path = path_of "in.jsonl"
  scratch.write(path, table.concat(lines))
  return path
end

local function lines_of (path)
  local list = {}
  for line in scratch.read(path):gmatch "([^\n]*)\n" do list[#list + 1] = line end
  return list
end

--- Returns the line numbers that an output in JSON Lines has, in its order.
local function line_numbers (path)
  local list = {}
  for i, line in ipairs(lines_of(path)) do
    list[i] = json.integer(assert(json.decode(line)).line)
  end
  return list
end

local function sequence (first, last, step)
  local list = {}
  for i = first, last, step or 1 do list[#list + 1] = i end
  return list
end

local function reversed (list)
  for i = 1, math.floor(#list / 2) do
    list[i], list[#list + 1 - i] = list[#list + 1 - i], list[i]
  end
end

--- Runs a merge that must fail; returns the message. No new file may be left behind.
local function refused (options, kind)
  local before = names()
  local found, err = merge.run(out, options)
  assert.is_nil(found)
  assert.equal(kind or "config", err.kind)
  assert.same(before, names())
  return err.message
end

local function start ()
  folder = scratch.new()
  out = path_of "answers.jsonl"
end

local function stop () scratch.remove(folder) end

describe("a merge of shards", function ()
  before_each(start)
  after_each(stop)

  it("writes every record once, byte for byte", function ()
    local input = make_input(20)
    run_shards(input, { count = 1, out = path_of "whole.jsonl" })
    run_shards(input, { count = 3 })
    local found = assert(merge.run(out))
    assert.equal(20, found.rows)
    assert.equal(3, found.shards)
    assert.same({}, found.missing_shards)
    assert.equal(0, found.gaps)
    assert.equal(1, found.options)
    assert.is_nil(found.failed_out)
    local all = {}
    for index = 0, 2 do all[index + 1] = scratch.read(out .. "." .. index .. "-of-3") end
    assert.equal(table.concat(all), scratch.read(out))
    local merged, whole = lines_of(out), lines_of(path_of "whole.jsonl.0-of-1")
    table.sort(merged)
    table.sort(whole)
    assert.same(whole, merged)
    assert.is_false(exists(out .. ".merging"))
    assert.same({ out .. ": 20 answers from 3 shards" }, merge.lines(found))
  end)

  it("writes the order of the input when asked, however the shards are ordered", function ()
    local input = make_input(41)
    run_shards(input, { count = 4, order = function (list, index)
      if index % 2 == 1 then reversed(list) end
    end })
    assert.equal(41, assert(merge.run(out, { ordered = true })).rows)
    assert.same(sequence(1, 41), line_numbers(out))
  end)

  it("works in the current folder, and with an output elsewhere", function ()
    run_shards(make_input(4), { count = 2 })
    local here = assert(uv.cwd())
    assert(uv.chdir(folder))
    local found, err = merge.run("answers.jsonl", { into = "all.jsonl" })
    assert(uv.chdir(here))
    assert(found, err)
    assert.equal("all.jsonl", found.out)
    assert.equal(4, #lines_of(path_of "all.jsonl"))
    assert.is_false(exists(out))
  end)

  it("takes shards without rows", function ()
    run_shards(make_input(2), { count = 5 })
    assert.equal(2, assert(merge.run(out)).rows)
    scratch.write(path_of "none.jsonl.0-of-1", "")
    assert.equal(0, assert(merge.run(path_of "none.jsonl")).rows)
    assert.equal("", scratch.read(path_of "none.jsonl"))
  end)

  it("raises for wrong arguments", function ()
    for _, case in ipairs { { nil, nil, "expected the path" }, { "", nil, "expected the path" },
      { out, 1, "table of options" }, { out, { order = true }, 'did you mean "ordered"' },
      { out, { force = 1 }, "force: expected a boolean" },
      { out, { format = "lines" }, "expected jsonl, csv or tsv" } } do
      local ok, message = pcall(merge.run, case[1], case[2])
      assert.is_false(ok)
      assert.matches(case[3], message)
    end
  end)
end)

describe("the output of a merge", function ()
  before_each(start)
  after_each(stop)

  it("does not replace a file unless asked", function ()
    run_shards(make_input(4), { count = 2 })
    scratch.write(out, "precious")
    assert.matches("answers.jsonl exists already", refused())
    assert.equal("precious", scratch.read(out))
    assert(merge.run(out, { force = true }))
    assert.equal(4, #lines_of(out))
  end)

  it("does not replace the failed rows of another output unless asked", function ()
    run_shards(make_input(4), { count = 2 })
    scratch.write(path_of "failed-answers.jsonl", "precious")
    assert.matches("failed%-answers.jsonl exists already", refused())
    assert(merge.run(out, { force = true }))
    assert.is_false(exists(path_of "failed-answers.jsonl"))
  end)

  it("is not one of the files that are read", function ()
    local input = make_input(4)
    run_shards(input, { count = 2 })
    assert.matches("cannot be its output", refused { into = input, input = input, force = true })
    assert.matches("cannot be its output", refused { into = out .. ".1-of-2", force = true })
  end)

  it("is written anew after an interrupted merge", function ()
    run_shards(make_input(4), { count = 2 })
    scratch.write(out .. ".merging", ("x"):rep(100000))
    assert(merge.run(out))
    assert.equal(4, #lines_of(out))
  end)

  it("stays behind its symbolic link, with its permissions", function ()
    run_shards(make_input(4), { count = 2 })
    scratch.write(path_of "real.jsonl", "old")
    assert(uv.fs_chmod(path_of "real.jsonl", 384))               -- 0600
    assert(uv.fs_symlink("real.jsonl", out))
    assert(merge.run(out, { force = true }))
    assert.equal("link", assert(uv.fs_lstat(out)).type)
    assert.equal(4, #lines_of(path_of "real.jsonl"))
    assert.equal(384, assert(uv.fs_stat(out)).mode % 512)
    assert.is_false(exists(path_of "real.jsonl.merging"))
  end)

  it("is written by one merge at a time", function ()
    run_shards(make_input(4), { count = 2 })
    local other = assert(append.open(out .. ".merging"))
    assert.matches("answers.jsonl.merging", refused())
    other:close()
    assert(merge.run(out))
  end)

  it("may be in a folder that does not exist", function ()
    run_shards(make_input(4), { count = 2 })
    assert.matches("No such file", refused { into = path_of "none/all.jsonl" })
    local found, err = merge.run(path_of "none/answers.jsonl")
    assert.is_nil(found)
    assert.matches("No such file", err.message)
  end)
end)

describe("the shards that a merge finds", function ()
  before_each(start)
  after_each(stop)

  it("have to be there", function ()
    assert.equal(("there are no shards of %s: no file has the name %s.I-of-N"):format(out, out),
      refused())
    scratch.write(path_of "answers.jsonl.8-of-8", "")
    scratch.write(path_of "answers.jsonl.x.0-of-1", "")
    scratch.write(path_of "failed-answers.jsonl.0-of-2", "")
    assert.matches("there are no shards", refused())
  end)

  it("have to be those of one division", function ()
    local input = make_input(9)
    run_shards(input, { count = 2 })
    run_shards(input, { count = 3, only = { [0] = true } })
    local message = refused()
    assert.matches("divided in different ways: %S+answers.jsonl.%*%-of%-2 %(2 files%), "
      .. "%S+answers.jsonl.%*%-of%-3 %(1 file%)", message)
  end)

  it("are all needed, unless a part is asked for", function ()
    run_shards(make_input(20), { count = 4, only = { [0] = true, [2] = true } })
    assert.matches("2 of the 4 shards of %S+ have no file: 1, 3%. Run them", refused())
    local found = assert(merge.run(out, { partial = true }))
    assert.same({ 1, 3 }, found.missing_shards)
    assert.equal(10, found.rows)
    local text = table.concat(merge.lines(found), "\n")
    assert.matches("10 answers from 2 shards\nmissing: 2 of 4 shards: 1, 3", text)
  end)

  it("are named in part when many are missing", function ()
    scratch.write(out .. ".0-of-10000", "")
    assert.matches("have no file: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, … %(9999 in all%)", refused())
  end)

  it("must not be in use by a run", function ()
    run_shards(make_input(4), { count = 2 })
    local script = ([[
      local handle = assert(require "predibase.append".open(%q))
      io.write("locked\n") io.flush()
      require "luv".sleep(60000) handle:close()]]):format(out .. ".1-of-2")
    local run = child.start(child.interpreter(), { args = { "-e", script },
      env = child.environment() })
    run:wait_for "locked"
    assert.matches("Wait until the run of this shard %(1/2%) has ended", refused())
    run:kill(9)
    run:wait()
    assert(merge.run(out))
  end)

  it("have to be complete", function ()
    run_shards(make_input(9), { count = 2 })
    local whole = scratch.read(out .. ".1-of-2")
    for _, size in ipairs { #whole - 1, #whole - 30, 5 } do
      scratch.write(out .. ".1-of-2", whole:sub(1, size))
      assert.matches("answers.jsonl.1%-of%-2: line %d+ is not complete: the run of this shard was "
        .. "interrupted. Run this shard again with the same command %(%-%-shard 1/2%)", refused())
    end
  end)

  it("must have nothing but answers", function ()
    run_shards(make_input(9), { count = 2 })
    local path = out .. ".1-of-2"
    local whole = lines_of(path)
    for line, problem in pairs { ['{"n":1}'] = "not an answer of predibase batch: it has no hash",
      ["{"] = "line 3: .* was damaged or changed", [""] = false,
      ['{"hash":"0123456789abcdef-01234567","text":"x"}'] = "it has no line number" } do
      local changed = { whole[1], whole[2], line, whole[3] }
      scratch.write(path, table.concat(changed, "\n") .. "\n")
      if problem then
        local message = refused(nil, "validation")
        assert.matches("answers.jsonl.1%-of%-2: ", message)
        assert.matches("line 3", message)
        assert.matches(problem, message)
      else
        assert(merge.run(out, { into = path_of "other" }))      -- an empty line is no record
      end
    end
  end)
end)

describe("a row that is in the shards twice", function ()
  before_each(start)
  after_each(stop)

  it("is written once, and the first answer is kept", function ()
    run_shards(make_input(6), { count = 2 })
    local first, second = out .. ".0-of-2", out .. ".1-of-2"
    local lines = lines_of(first)
    local other = lines[2]:gsub("answer 3", "another answer")
    scratch.write(second, scratch.read(second) .. lines[1] .. "\n" .. other .. "\n")
    for _, ordered in ipairs { false, true } do
      local found = assert(merge.run(out, { ordered = ordered, force = true }))
      assert.equal(6, found.rows)
      assert.equal(1, found.repeats)
      assert.equal(1, found.differing)
      assert.same({ { path = second, record_line = 5, line = 3 } }, found.differing_rows)
      assert.equal(6, #lines_of(out))
      assert.is_nil(scratch.read(out):find("another answer", 1, true))
      local text = table.concat(merge.lines(found), "\n")
      assert.matches("left out, because they are there twice: 1 answer\nleft out, because the row "
        .. "has another answer already: 1 answer\n  %S+%.1%-of%-2: line 5 %(line 3 of the input%)",
        text)
    end
  end)

  it("is recognised by its id, too", function ()
    run_shards(make_input(6), { count = 2, change = function (row)
      return { id = row.n == 4 and "same" or row.n == 5 and "same" or "id " .. row.n }
    end })
    local found = assert(merge.run(out))
    assert.equal(5, found.rows)
    assert.equal(1, found.differing)
    assert.equal("same", found.differing_rows[1].id)
    assert.same({ 1, 3, 5, 2, 6 }, line_numbers(out))
  end)
end)

describe("the rows without an answer", function ()
  before_each(start)
  after_each(stop)

  it("are found with the input", function ()
    local input = make_input(30)
    run_shards(input, { count = 4, skip = { [7] = true, [8] = true, [30] = true } })
    local message = refused { input = input }
    assert.matches("3 of 30 rows are neither answered nor failed, the first without an answer is "
      .. "row 7 in line 7. Run these shards of 4 again .*: 1, 2, 3%. To merge", message)
    local found = assert(merge.run(out, { input = input, partial = true }))
    assert.equal(30, found.input_rows)
    assert.equal(3, found.missing)
    assert.same({ { number = 7, line = 7, shard = 2 }, { number = 8, line = 8, shard = 3 },
      { number = 30, line = 30, shard = 1 } }, found.missing_rows)
    assert.same({ { index = 1, rows = 1 }, { index = 2, rows = 1 }, { index = 3, rows = 1 } },
      found.unfinished)
    local text = table.concat(merge.lines(found), "\n")
    assert.matches("without an answer: 3 of 30 rows", text)
    assert.matches("row 30 in line 30 %(shard 1%)", text)
    assert.matches("shard 2 is not finished: 1 row neither", text)
  end)

  it("are not missing when they failed", function ()
    local input = make_input(12)
    run_shards(input, { count = 3, fail = { [2] = true, [5] = true, [6] = true } })
    local found = assert(merge.run(out, { input = input }))
    assert.equal(9, found.rows)
    assert.equal(3, found.failed)
    assert.equal(3, found.missing)
    assert.same({}, found.unfinished)
    assert.equal(path_of "failed-answers.jsonl", found.failed_out)
    local failed = lines_of(found.failed_out)
    assert.equal(3, #failed)
    assert.equal("server: it failed", json.decode(failed[1]).predibase_error)
    assert.matches('^{"n":2,"q":"question 2",', failed[1])
  end)

  it("are guessed from the line numbers without the input", function ()
    run_shards(make_input(30), { count = 4, skip = { [7] = true, [8] = true },
      fail = { [9] = true } })
    local found = assert(merge.run(out))
    assert.equal(3, found.gaps)
    assert.matches("without an answer or a failed row: 2 lines before the last answer",
      table.concat(merge.lines(found), "\n"))
  end)

  it("are not known without the input when rows have several lines, or with one shard", function ()
    local input = path_of "in.csv"
    local lines = { "q,n" }
    for i = 1, 12 do lines[i + 1] = i % 3 == 0 and ('"a\nb",%d'):format(i) or "a," .. i end
    scratch.write(input, table.concat(lines, "\n") .. "\n")
    run_shards(input, { count = 2, skip = { [5] = true } })
    local found = assert(merge.run(out))
    assert.is_nil(found.gaps)
    assert.matches("not known without the input", table.concat(merge.lines(found), "\n"))
    assert.matches("row 5 in line 7", refused { input = input, into = path_of "all.jsonl" })
    found = assert(merge.run(out, { input = input, partial = true, ordered = true, force = true }))
    assert.equal(1, found.missing)
    assert.same({ 2, 3, 4, 6, 8, 10, 11, 12, 14, 15, 16 }, line_numbers(out))
    run_shards(make_input(3), { count = 1, out = path_of "one.jsonl" })
    assert.is_nil(assert(merge.run(path_of "one.jsonl")).gaps)
  end)

  it("are counted beside rows that were changed, and answers without a row", function ()
    local input = make_input(10)
    run_shards(input, { count = 2 })
    scratch.write(input, scratch.read(input):gsub("question 4", "problem 4"):gsub(
      "[^\n]*\n$", ""))
    local found = assert(merge.run(out, { input = input }))
    assert.equal(1, found.changed)
    assert.equal(1, found.stray)
    assert.equal(0, found.missing)
    local text = table.concat(merge.lines(found), "\n")
    assert.matches("changed since they were answered: 1 row of the input", text)
    assert.matches("without a row in the input: 1 answer", text)
  end)

  it("need an input that can be read", function ()
    run_shards(make_input(4), { count = 2 })
    assert.matches("No such file", refused { input = path_of "none.jsonl" })
    assert(uv.fs_copyfile(path_of "in.jsonl", path_of "in"))
    assert.matches("format", refused({ input = path_of "in" }, "validation"))
    assert(merge.run(out, { input = path_of "in", input_options = { format = "jsonl" } }))
  end)

  it("are told from rows that could not be read", function ()
    local input = path_of "in.jsonl"
    scratch.write(input, '{"n":1}\n{"n":\n{"n":3}\n[]\n')
    run_shards(input, { count = 2 })
    local found = assert(merge.run(out, { input = input }))
    assert.equal(2, found.failed)
    assert.equal(2, found.missing)
    assert.same({}, found.unfinished)
    assert.equal('{"n":\n[]\n', scratch.read(found.failed_out))
  end)

  it("are known for the failed rows of an earlier run", function ()
    local input = path_of "in.jsonl"
    scratch.write(input, '{"n":1,"predibase_error":"x"}\n{"n":2,"predibase_error":"y"}\n')
    run_shards(input, { count = 2 })
    local found = assert(merge.run(out, { input = input }))
    assert.equal(0, found.changed)
    assert.equal(0, found.missing)
  end)
end)

describe("the options of the shards", function ()
  before_each(start)
  after_each(stop)

  it("are counted when they differ", function ()
    run_shards(make_input(6), { count = 2, change = function (row, at)
      return { hash = done.hash(at.raw) .. (at.number > 3 and "-00000001" or "-00000002"),
        row = row }
    end })
    local found = assert(merge.run(out))
    assert.equal(2, found.options)
    assert.matches("made with 2 different sets of options", table.concat(merge.lines(found), "\n"))
  end)
end)

describe("a merge of CSV", function ()
  local input

  before_each(function ()
    start()
    out, input = path_of "answers.csv", path_of "in.csv"
    scratch.write(input, 'text,note\r\n"one, ""1""",a\r\n"two\r\nlines",b\r\n\r\nthree,"c\nd"\r\n'
      .. "four,e\r\n")
  end)
  after_each(stop)

  it("has one header", function ()
    run_shards(input, { count = 2, format = "csv", fail = { [1] = true, [2] = true } })
    for _, ordered in ipairs { false, true } do
      local found = assert(merge.run(out, { input = input, ordered = ordered, force = true }))
      assert.equal(2, found.rows)
      local reader = assert(rows.open(out))
      assert.same({ "text", "note", "id", "line", "hash", "predibase_text", "finish_reason",
        "tokens_in", "tokens_out", "error" }, reader.columns)
      local list = {}
      for row in reader do list[#list + 1] = row.text .. "|" .. row.note .. "|" .. row.line end
      assert.same({ "three|c\nd|6", "four|e|8" }, list)
      reader = assert(rows.open(path_of "failed-answers.csv"))
      assert.same({ "text", "note", "predibase_error" }, reader.columns)
      list = {}
      for row in reader do list[#list + 1] = row.text .. "|" .. row.predibase_error end
      assert.same({ 'one, "1"|server: it failed', "two\r\nlines|server: it failed" }, list)
    end
  end)

  it("is in the order of the input with line breaks in cells", function ()
    run_shards(input, { count = 2, format = "csv", order = reversed })
    assert(merge.run(out, { ordered = true }))
    local list = {}
    for row in assert(rows.open(out)) do list[#list + 1] = row.text end
    assert.same({ 'one, "1"', "two\r\nlines", "three", "four" }, list)
  end)

  it("has a header when no shard has rows, and takes files without one", function ()
    scratch.write(input, "text,note\n")
    run_shards(input, { count = 2, format = "csv" })
    scratch.write(out .. ".0-of-2", "")
    for _, ordered in ipairs { false, true } do
      assert.equal(0, assert(merge.run(out, { ordered = ordered, force = true })).rows)
      assert.matches("^text,note,id,line,hash,[^\n]*\n$", scratch.read(out))
    end
  end)

  it("is refused when the headers differ, are torn or are not ours", function ()
    run_shards(input, { count = 2, format = "csv" })
    local path = out .. ".1-of-2"
    local text = scratch.read(path)
    scratch.write(path, (text:gsub("note", "Note")))
    assert.matches("1%-of%-2 has other columns than %S+0%-of%-2: these are not", refused(nil,
      "validation"))
    scratch.write(path, text:sub(1, 20))
    assert.matches("1%-of%-2: line 1 is not complete", refused())
    scratch.write(path, text:sub(1, -2))
    assert.matches("1%-of%-2: line %d+ is not complete", refused())
    scratch.write(out .. ".0-of-2", "a,b\n1,2\n")
    assert.matches("0%-of%-2 is not an output of predibase batch", refused(nil, "validation"))
  end)

  it("keeps the failed rows of JSON Lines as they were", function ()
    local jsonl = path_of "in.jsonl"
    scratch.write(jsonl, '{"n":1}\n{"n":2}\n{"n":3}\n')
    local reader = assert(rows.open(jsonl))
    local layout = records.new { format = "csv", input = "jsonl", columns = { "n" } }
    for row, at in reader do
      local shard = { index = at.number - 1, count = 3 }
      scratch.write(shards.path(out, shard), layout:header()
        .. (at.number == 2 and layout:write(entry_of(layout, row, at)) or ""))
      if at.number ~= 2 then
        scratch.write(shards.path(path_of "failed-answers.csv", shard) .. ".jsonl",
          layout:failed(row, at, errors.new { kind = "server", message = "no" }))
      end
    end
    local found = assert(merge.run(out, { input = jsonl }))
    assert.equal(path_of "failed-answers.csv.jsonl", found.failed_out)
    assert.equal('{"n":1,"predibase_error":"server: no"}\n{"n":3,"predibase_error":"server: no"}\n',
      scratch.read(found.failed_out))
    scratch.write(path_of "failed-answers.csv.0-of-3", "n,predibase_error\n")
    assert.matches("failed rows of two formats", refused { force = true })
  end)

  it("reads TSV in the same way", function ()
    out = path_of "answers.tsv"
    run_shards(input, { count = 3, format = "tsv" })
    assert.equal(4, assert(merge.run(out, { ordered = true, input = input })).rows)
    local list = {}
    for row in assert(rows.open(out)) do list[#list + 1] = row.text end
    assert.same({ 'one, "1"', "two\r\nlines", "three", "four" }, list)
  end)
end)

describe("the failed rows of the shards", function ()
  before_each(start)
  after_each(stop)

  it("must be complete, and have the same columns", function ()
    local input = path_of "in.csv"
    out = path_of "answers.csv"
    scratch.write(input, "q\na\nb\nc\nd\n")
    run_shards(input, { count = 2, format = "csv", fail = { [1] = true, [2] = true } })
    local path = path_of "failed-answers.csv.1-of-2"
    local text = scratch.read(path)
    scratch.write(path, text:sub(1, -2))
    assert.matches("failed%-answers.csv.1%-of%-2: line 2 is not complete. Run this shard again",
      refused())
    scratch.write(path, (text:gsub("^q", "p")))
    assert.matches("has other columns than the failed rows of the other shards", refused())
  end)
end)

describe("a merge in the form of OpenAI's batches", function ()
  local input

  before_each(function ()
    start()
    local lines = {}
    for i = 1, 9 do
      lines[i] = ('{"custom_id":"row-%d","method":"POST","url":"/v1/completions",'
        .. '"body":{"n":%d}}\n'):format(i, i)
    end
    input = path_of "in.jsonl"
    scratch.write(input, table.concat(lines))
  end)
  after_each(stop)

  local function run (more)
    local options = { count = 2, format = "openai", change = function (row)
      return { id = row.custom_id }
    end }
    for name, value in pairs(more or {}) do options[name] = value end
    run_shards(input, options)
  end

  local function ids ()
    local list = {}
    for i, line in ipairs(lines_of(out)) do list[i] = json.decode(line).custom_id end
    return table.concat(list, " ")
  end

  it("knows the rows by their ids", function ()
    run { skip = { [4] = true } }
    local found = assert(merge.run(out))
    assert.equal(8, found.rows)
    assert.is_nil(found.gaps)
    assert.matches("row 4 in line 4", refused { input = input, force = true })
    found = assert(merge.run(out, { input = input, partial = true, force = true }))
    assert.same({ { number = 4, line = 4, shard = 1 } }, found.missing_rows)
    assert.equal("row-1 row-3 row-5 row-7 row-9 row-2 row-6 row-8", ids())
  end)

  it("is ordered with the input only; answers without a row come last", function ()
    run { order = reversed }
    assert.matches("no line numbers; their order is known only with the path of the input",
      refused { ordered = true })
    local text = scratch.read(input):gsub("row%-5", "row-five")
    scratch.write(input, text)
    local found = assert(merge.run(out, { ordered = true, input = input, partial = true }))
    assert.equal(1, found.missing)
    assert.equal(1, found.stray)
    assert.equal("row-1 row-2 row-3 row-4 row-6 row-7 row-8 row-9 row-5", ids())
  end)

  it("leaves repeated ids out", function ()
    run()
    local first, second = out .. ".0-of-2", out .. ".1-of-2"
    local line = lines_of(first)[1]
    scratch.write(second, scratch.read(second) .. line .. "\n" .. line:gsub('"n":1', '"n":100')
      .. "\n")
    local found = assert(merge.run(out))
    assert.equal(9, found.rows)
    assert.equal(1, found.repeats)
    assert.equal(1, found.differing)
    assert.matches("%(id row%-1%)", table.concat(merge.lines(found), "\n"))
  end)

  it("does not mix with other outputs", function ()
    run()
    scratch.write(out .. ".1-of-2", '{"n":1,"id":null,"line":1,"hash":"0123456789abcdef-01234567",'
      .. '"text":"a","error":null}\n')
    assert.matches("1%-of%-2: line 1 is not an answer of predibase batch: its id has no hash",
      refused(nil, "validation"))
  end)
end)

describe("a merge of many shards", function ()
  before_each(start)
  after_each(stop)

  it("opens few files at a time", function ()
    run_shards(make_input(600), { count = 300, order = reversed })
    local found = assert(merge.run(out, { ordered = true }))
    assert.equal(600, found.rows)
    assert.same(sequence(1, 600), line_numbers(out))
    local handle = assert(uv.fs_open(out, "r", 0))
    uv.fs_close(handle)
    assert.is_true(handle < 200)
  end)
end)
