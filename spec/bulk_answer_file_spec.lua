-- SPDX-License-Identifier: MIT
--- The output of a run: interrupted at every byte, of somebody else, of two runs at once.

local answer_file = require "predibase.bulk.answer_file"
local append = require "predibase.append"
local child = require "spec.support.child"
local errors = require "predibase.errors"
local lifetime = require "spec.support.lifetime"
local rows = require "predibase.bulk.rows"
local scratch = require "spec.support.scratch"
local uv = require "luv"

local OPTIONS = "01234567"
local ERR = errors.new { kind = "server", message = "status 500" }

-- Cells and answers with what an output may be torn in: quotes, line ends, wide characters.
local TEXTS = { 'a "b"\n', ",", "ü", "x\r\ny", "" }

describe("an output", function ()
  local folder, path, now

  before_each(function ()
    folder = scratch.new()
    path = folder .. "/out"
    now = 1000
  end)
  after_each(function () scratch.remove(folder) end)

  local function clock () return now end

  --- The rows of a run as its input has them: `{ row, at, id }`.
  local function input_rows (format)
    local list, names = {}, { "q", "text" }
    for i, text in ipairs(TEXTS) do
      local row = { q = text, text = "é" .. i }
      list[i] = { row = row, id = format == "openai" and "id " .. i or nil,
        at = { line = 2 * i, raw = (rows.encode("jsonl", names, row):gsub("\n$", "")) } }
    end
    return list, names
  end

  local function open (format, more)
    local options = { format = format, input = "jsonl", columns = { "q", "text" }, clock = clock }
    for name, value in pairs(more or {}) do options[name] = value end
    return answer_file.open(path, options)
  end

  local function write (file, one, text, hash)
    return file:append(assert(file.layout:write { row = one.row, at = one.at, id = one.id,
      hash = hash or assert(file.layout:hash(one.row, one.at, OPTIONS)), text = text,
      finish_reason = "stop", tokens_in = 2, tokens_out = 1,
      raw_body = '{"choices":[{"text":"t"}]}' }))
  end

  --- Does what a run does: asks for what is not done. Returns how many rows that were.
  local function run (format, more)
    local asked = 0
    local file = assert(open(format, more))
    for i, one in ipairs(input_rows(format)) do
      local hash = assert(file.layout:hash(one.row, one.at, OPTIONS))
      local state = file:state(one.id, one.at.line, hash)
      assert(state == nil or state == "done", state)
      if not state then
        asked = asked + 1
        assert(write(file, one, TEXTS[#TEXTS + 1 - i]))
      end
    end
    assert(file:close())
    return asked
  end

  local function sorted_records (format, text)
    if format == "csv" then
      local found = {}
      scratch.write(folder .. "/copy", text)
      local reader = assert(rows.open(folder .. "/copy", { format = "csv" }))
      for _, at in reader do found[#found + 1] = at.raw end
      reader:close()
      table.sort(found)
      return found
    end
    local found = {}
    for line in text:gmatch("[^\n]+") do found[#found + 1] = line end
    table.sort(found)
    return found
  end

  for _, format in ipairs { "jsonl", "csv", "openai" } do
    it("that was cut at any byte is continued, in " .. format, function ()
      assert.equal(#TEXTS, run(format))
      local whole = scratch.read(path)
      local wanted = sorted_records(format, whole)
      assert.equal(#TEXTS, #wanted)
      assert.equal(0, run(format))
      assert.equal(whole, scratch.read(path))
      for size = 0, #whole - 1 do
        scratch.write(path, whole:sub(1, size))
        local asked = run(format)
        assert.is_true(asked >= 1 or size <= #whole, size)
        assert.same(wanted, sorted_records(format, scratch.read(path)), size)
      end
    end)

    it("that ends with zeros is continued, in " .. format, function ()
      run(format)
      local whole = scratch.read(path)
      local wanted = sorted_records(format, whole)
      for size = 1, #whole, 7 do
        scratch.write(path, whole:sub(1, size) .. ("\0"):rep(5000))
        run(format)
        assert.same(wanted, sorted_records(format, scratch.read(path)), size)
      end
    end)
  end

  it("is read back with all that is known of its records", function ()
    run("jsonl")
    local found = {}
    local file = assert(open("jsonl", { on_done = function (record)
      found[#found + 1] = record
    end }))
    assert.equal(#TEXTS, #found)
    assert.equal(#TEXTS, file.done)
    assert.equal(0, file.repeated)
    assert.equal(0, file.cut)
    for i, record in ipairs(found) do
      local one = input_rows("jsonl")[i]
      assert.same({ line = 2 * i, hash = file.layout:hash(one.row, one.at, OPTIONS),
        text = TEXTS[#TEXTS + 1 - i], finish_reason = "stop", tokens_in = 2, tokens_out = 1,
        columns = one.row }, record)
    end
    file:close()
  end)

  it("tells what has changed", function ()
    run("jsonl")
    local file = assert(open("jsonl"))
    local one = input_rows("jsonl")[1]
    local hash = file.layout:hash(one.row, one.at, OPTIONS)
    assert.equal("options_changed",
      file:state(nil, 2, file.layout:hash(one.row, one.at, "11111111")))
    assert.equal("row_changed", file:state(nil, 4, hash))
    assert.is_nil(file:state(nil, 3, hash))
    assert.is_nil(file:state("2", 2, hash))
    assert.is_false(file:repeats("a"))
    assert.is_true(file:repeats("a"))
    file:close()
  end)

  it("counts records that it has twice", function ()
    run("jsonl")
    local text = scratch.read(path)
    scratch.write(path, text .. text)
    local file = assert(open("jsonl"))
    assert.equal(#TEXTS, file.done)
    assert.equal(#TEXTS, file.repeated)
    file:close()
  end)

  it("of somebody else is refused and not changed", function ()
    local record = '{"a":1,"id":null,"line":1,"hash":"0123456789abcdef-01234567","text":"x",'
      .. '"finish_reason":null,"tokens":null,"error":null}\n'
    local cases = {
      jsonl = { "a note\n", "a note", '{"a":1}\n', '{"a":1}', '{"a":1', "{\n  1\n}\n", "\n\n[1]\n",
        "\0\0\0\0", "\255\254a\0", record .. "a note\n", record .. '{"a":1}\n' .. record,
        record .. '{"a":1}', record .. "\0\0\0\n" .. record, record .. record:sub(1, 30) .. "\n",
        '{"hash":"0123456789abcdef-01234567"}\n' },
      csv = { "a note\n", "a note", "q,text\n", "q,text\nx,y\n", "q,text,x", '{"a":1}\n', '"',
        "q\ttext\tid\n", "id,q,text\n1,2,3\n" },
      openai = { "a note\n", "a note", '{"a":1}\n', '{"a":1}', '{"id":"batch_r', record,
        '{"id":"x","custom_id":"y"}\n' },
    }
    -- What cannot be told from the beginning of a record is cut.
    cases.jsonl[5], cases.openai[5] = nil, nil
    for format, list in pairs(cases) do
      for i, text in pairs(list) do
        scratch.write(path, text)
        local file, err = open(format)
        assert.is_nil(file, format .. " " .. i)
        assert.equal("config", err.kind)
        assert.is_truthy(err.message:find(path, 1, true), err.message)
        assert.equal(text, scratch.read(path))
        local again = assert(append.open(path))          -- the lock was released
        again:close()
      end
    end
  end)

  it("that is damaged in the middle is refused, with the line", function ()
    run("jsonl")
    local text = scratch.read(path)
    local _, second = text:find("\n.-\n")
    scratch.write(path, text:sub(1, second) .. ("\0"):rep(50) .. text:sub(second + 51))
    local before = scratch.read(path)
    local file, err = open("jsonl")
    assert.is_nil(file)
    assert.is_truthy(err.message:find("line 3: ", 1, true), err.message)
    assert.is_truthy(err.message:find("keep the first 2 lines", 1, true), err.message)
    assert.equal(before, scratch.read(path))
  end)

  it("in CSV with an open quote in the middle is not cut there", function ()
    run("csv")
    local text = scratch.read(path)
    local broken = text:gsub("\n([^\n]*stop)", "\n\"%1", 1)
    assert.not_equal(text, broken)
    scratch.write(path, broken)
    local file, err = open("csv")
    assert.is_nil(file)
    assert.equal("config", err.kind)
    assert.equal(broken, scratch.read(path))
  end)

  it("in CSV has its columns for good", function ()
    run("csv")
    local before = scratch.read(path)
    local file, err = open("csv", { columns = { "q", "text", "more" } })
    assert.is_nil(file)
    assert.is_truthy(err.message:find("the columns have changed", 1, true), err.message)
    assert.equal(before, scratch.read(path))
  end)

  it("belongs to one run at a time", function ()
    local file = assert(open("jsonl"))
    assert(write(file, input_rows("jsonl")[1], "x"))
    local before = scratch.read(path)
    local other, err = open("jsonl")
    assert.is_nil(other)
    assert.is_true(err.locked)
    assert.is_truthy(err.message:find("another run", 1, true))
    local program = ([[
      local answer_file = require "predibase.bulk.answer_file"
      local file, err = answer_file.open(%q, { format = "jsonl", input = "jsonl", clock = os.time })
      print(file, err.message)]]):format(path)
    local process = child.start(child.interpreter(), { args = { "-e", program } })
    assert.equal(0, process:wait(), process.stderr)
    assert.is_truthy(process.stdout:find("another run", 1, true), process.stdout)
    assert.equal(before, scratch.read(path))
    file:close()
    assert(open("jsonl")):close()
  end)

  it("is continued after its process was killed", function ()
    -- The child writes until it is killed.
    local program = ([[
      local answer_file = require "predibase.bulk.answer_file"
      local file = assert(answer_file.open(%q, { format = "jsonl", input = "jsonl",
        clock = os.time }))
      local line = 0
      while true do
        line = line + 1
        local row, at = { q = ("x"):rep(line %% 100) }, { line = line }
        at.raw = '{"q":"' .. row.q .. '"}'
        local hash = file.layout:hash(row, at, "01234567")
        if not file:state(nil, line, hash) then
          assert(file:append(assert(file.layout:write { row = row, at = at, hash = hash,
            text = "y" })))
        end
        if line == 50 then io.write("ready\n") io.flush() end
      end]]):format(path)
    for _ = 1, 5 do
      local process = child.start(child.interpreter(), { args = { "-e", program } })
      process:wait_for("ready")
      process:kill(9)
      process:wait()
    end
    local lines = {}
    local file = assert(open("jsonl", { on_done = function (record)
      assert(not lines[record.line])
      lines[record.line] = true
      assert.equal(record.line % 100, #record.columns.q)
    end }))
    assert.is_true(file.done >= 50)
    assert.equal(file.done, #lines)
    file:close()
  end)

  it("is flushed once a second", function ()
    local file = assert(open("jsonl"))
    local synced = file.synced
    assert.is_true(file:sync_if_due())
    assert(write(file, input_rows("jsonl")[1], "x"))
    now = now + 0.9
    assert.is_true(file:sync_if_due())
    assert.equal(synced, file.synced)
    now = now + 0.1
    assert.is_true(file:sync_if_due())
    assert.equal(now, file.synced)
    now = now + 5
    assert.is_true(file:sync_if_due())           -- nothing was appended
    assert.equal(now - 5, file.synced)
    os.remove(path)
    assert(write(file, input_rows("jsonl")[2], "x"))
    local ok, err = file:sync_if_due()
    assert.is_nil(ok)
    assert.is_truthy(err.message:find("deleted or replaced", 1, true))
    ok, err = file:close()
    assert.is_nil(ok)
    assert.equal("config", err.kind)
    assert.is_true(file:close())
  end)

  it("is not the input", function ()
    scratch.write(path, '{"a":1}\n')
    assert(uv.fs_symlink(path, folder .. "/in"))
    local file, err = open("jsonl", { input_path = folder .. "/in" })
    assert.is_nil(file)
    assert.is_truthy(err.message:find("the output is the input", 1, true), err.message)
    scratch.write(folder .. "/failed-out", '{"a":1,"predibase_error":"x"}\n')
    os.remove(path)
    file, err = open("jsonl", { input_path = folder .. "/failed-out" })
    assert.is_nil(file)
    assert.is_truthy(err.message:find("failed rows", 1, true), err.message)
    assert.equal('{"a":1,"predibase_error":"x"}\n', scratch.read(folder .. "/failed-out"))
    assert.is_nil(uv.fs_stat(path))
  end)

  it("cannot be in a folder that is not there", function ()
    path = folder .. "/none/out"
    local file, err = open("jsonl")
    assert.is_nil(file)
    assert.equal("config", err.kind)
    assert.is_falsy(err.locked)
  end)

  it("reports a full disk and keeps whole records", function ()
    local program = ([[
      local answer_file = require "predibase.bulk.answer_file"
      local file = assert(answer_file.open(%q, { format = "jsonl", input = "jsonl",
        clock = os.time }))
      local line, ok, err = 0
      repeat
        line = line + 1
        local row, at = { q = "x" }, { line = line, raw = '{"q":"x"}' }
        ok, err = file:append(assert(file.layout:write { row = row, at = at, text = "y",
          hash = file.layout:hash(row, at, "01234567") }))
      until not ok
      print(line - 1, err.kind, err.message)
      assert(file:close())]]):format(path)
    local process = child.start("sh", { args = { "-c",
      [[trap '' XFSZ; ulimit -f 4; exec "$0" -e "$1"]], child.interpreter(), program } })
    assert.equal(0, process:wait(), process.stderr)
    assert.is_truthy(process.stdout:find("config.*File too large"), process.stdout)
    local file = assert(open("jsonl"))
    assert.equal(tonumber(process.stdout:match("^%d+")), file.done)
    assert.equal(0, file.cut)
    file:close()
  end)

  it("checks its options", function ()
    for _, options in ipairs { { format = "jsonl" }, { clock = clock }, { format = "lines",
      clock = clock }, { format = "jsonl", clock = clock, on_dane = print } } do
      assert.has_error(function () answer_file.open(path, options) end)
    end
    assert.has_error(function () answer_file.open(nil, {}) end)
    assert.has_error(function () answer_file.open(path) end)
    local file = assert(open("jsonl"))
    file:close()
    for _, name in ipairs { "state", "repeats", "append", "fail", "sync", "sync_if_due" } do
      assert.has_error(function () file[name](file, "x") end, nil)
    end
  end)

  it("leaves no descriptor open", function ()
    run("jsonl")
    local before = lifetime.files()
    run("jsonl")
    open("csv")
    scratch.write(folder .. "/failed-out", '{"a":1}\n')
    open("jsonl")
    assert.equal(before, lifetime.files())
  end)

  describe("and its file of failed rows", function ()
    local failed

    before_each(function () failed = folder .. "/failed-out" end)

    local function exists () return uv.fs_stat(failed) ~= nil end

    it("is in the same folder", function ()
      assert.equal("failed-a.jsonl", answer_file.failed_path("a.jsonl", "jsonl", "jsonl"))
      assert.equal("x/y/failed-a", answer_file.failed_path("x/y/a", "openai", "jsonl"))
      assert.equal("/failed-a.csv", answer_file.failed_path("/a.csv", "csv", "csv"))
      assert.equal("failed-a.csv.jsonl", answer_file.failed_path("a.csv", "csv", "jsonl"))
      assert.equal("./failed-a.0-of-4", answer_file.failed_path("./a.0-of-4", "jsonl", "jsonl"))
    end)

    it("is made for the first row that fails, and written anew by each run", function ()
      local one = input_rows("jsonl")[1]
      local file = assert(open("jsonl"))
      assert.equal(failed, file.failed_path)
      assert.is_false(exists())
      assert.is_true(file:fail(one.row, one.at, ERR))
      assert.is_true(file:fail({}, { raw = "{", err = ERR, line = 3 }, ERR))
      assert.is_true(file:close())
      local text = scratch.read(failed)
      assert.equal(one.at.raw:sub(1, -2) .. ',"predibase_error":"server: status 500"}\n{\n', text)
      file = assert(open("jsonl"))
      assert.is_true(file:close(true))
      assert.equal(text, scratch.read(failed))
      file = assert(open("jsonl"))
      assert.equal(text, scratch.read(failed))
      assert.is_true(file:fail(one.row, one.at, ERR))
      assert.is_true(file:close())
      assert.equal(text:sub(1, -3), scratch.read(failed))
      run("jsonl")
      assert.is_false(exists())
    end)

    it("has a header in CSV", function ()
      local raw = '"x\ny",z'
      for _ = 1, 2 do
        local file = assert(open("csv", { input = "csv" }))
        local row, at = { q = "x\ny", text = "z" }, { raw = raw, line = 2 }
        assert.is_true(file:fail(row, at, ERR))
        assert.is_true(file:fail(row, at, ERR))
        assert.is_true(file:close())
        local reader = assert(rows.open(failed, { format = "csv" }))
        assert.same({ "q", "text", "predibase_error" }, reader.columns)
        local count = 0
        for again, place in reader do
          assert.is_nil(place.err)
          assert.same({ q = "x\ny", text = "z", predibase_error = "server: status 500" }, again)
          count = count + 1
        end
        assert.equal(2, count)
        reader:close()
      end
      assert(open("csv", { input = "csv" })):close()
      assert.is_false(exists())
    end)

    it("of an earlier run may be torn, or have rows that cannot be read only", function ()
      scratch.write(path, "")
      for _, text in ipairs { '{"a":1,"predibase_error":"x"}\n{"a":', "{\n", "", '{"a":1' } do
        scratch.write(failed, text)
        run("jsonl")
        assert.is_false(exists())
      end
    end)

    it("of somebody else is refused and not changed, nor is the output", function ()
      for _, text in ipairs { '{"a":1}\n', '{"a":1,"predibase_error":"x"}\n{"a":1}\n', "note\n",
        "{\n  1\n}\n" } do
        scratch.write(failed, text)
        local file, err = open("jsonl")
        assert.is_nil(file)
        assert.is_truthy(err.message:find("predibase_error", 1, true), err.message)
        assert.equal(text, scratch.read(failed))
        assert.is_nil(uv.fs_stat(path))
      end
      scratch.write(failed, "q,text\na,b\n")
      assert.is_nil(open("csv", { input = "csv" }))
      assert.equal("q,text\na,b\n", scratch.read(failed))
    end)

    it("stays where its link leads to", function ()
      assert(uv.fs_mkdir(folder .. "/deep", 448))
      assert(uv.fs_symlink("deep/file", failed))
      local one = input_rows("jsonl")[1]
      local file = assert(open("jsonl"))
      assert.is_true(file:fail(one.row, one.at, ERR))
      file:close()
      assert.is_truthy(scratch.read(folder .. "/deep/file"):find("status 500", 1, true))
      run("jsonl")
      assert.is_nil(uv.fs_stat(folder .. "/deep/file"))
      assert.equal("link", assert(uv.fs_lstat(failed)).type)
    end)
  end)
end)
