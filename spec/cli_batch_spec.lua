-- SPDX-License-Identifier: MIT
-- once: the command runs as a process of its own
-- long: it starts many processes
--- `predibase batch`: files in, files out.
local child = require "spec.support.child"
local json = require "predibase.json"
local scratch = require "spec.support.scratch"
local server = require "spec.support.server"

local SIGINT, SIGTERM = 2, 15

describe("predibase batch", function ()
  local folder, running

  before_each(function () folder = scratch.new() end)

  after_each(function ()
    scratch.remove(folder)
    server.stop()
  end)

  local function path (name) return folder .. "/" .. name end

  local function write (name, text)
    scratch.write(path(name), text)
    return path(name)
  end

  local function read (name) return scratch.read(path(name)) end

  -- Returns the records of a file in JSON Lines.
  local function records (text)
    local list = {}
    for line in text:gmatch "[^\n]+" do list[#list + 1] = assert(json.decode(line)) end
    return list
  end

  local function open (options) running = server.spawn(options) end

  -- Starts the command. `given` are its arguments after `batch`.
  local function start (given, options)
    options = options or {}
    if not running then open() end
    local args = { "bin/predibase", "batch" }
    for _, argument in ipairs(given) do args[#args + 1] = argument end
    for _, argument in ipairs { "--base-url", running.url, "--max-new-tokens", "4" } do
      args[#args + 1] = argument
    end
    return child.start(child.interpreter(), { args = args, stdin = options.stdin,
      keep_stdin = options.keep_stdin, env = options.env })
  end

  local function run (given, options)
    local program = start(given, options)
    return program:wait(), program.stdout, program.stderr
  end

  after_each(function () running = nil end)

  -- Returns the inputs of the requests that the server got, sorted.
  local function inputs ()
    local list = {}
    for _, entry in ipairs(running:log()) do
      if entry.path:find "/generate$" then
        list[#list + 1] = assert(json.decode(entry.body)).inputs
      end
    end
    table.sort(list)
    return list
  end

  local function numbered (count)
    local lines = {}
    for i = 1, count do lines[i] = ('{"prompt":"Number %d"}\n'):format(i) end
    return table.concat(lines)
  end

  describe("with a file for the answers", function ()
    it("answers the rows of a CSV file with a template", function ()
      local input = write("mails.csv",
        'the text,label\r\n"one,\r\n""two""",a\r\nthree,b\r\n')
      local template = write("form.txt", "Mail: {the text}\nTopic:\n")
      local code, out, err = run { input, "--template", template, "--out", path "out.jsonl",
        "--ordered" }
      assert.equal(0, code, err)
      assert.equal("", out)
      assert.same({ 'Mail: one,\r\n"two"\nTopic:', "Mail: three\nTopic:" }, inputs())
      local list = records(read "out.jsonl")
      assert.equal(2, #list)
      assert.equal('one,\r\n"two"', list[1]["the text"])
      assert.equal("b", list[2].label)
      assert.equal(2, list[1].line)
      assert.equal(4, list[2].line)
      assert.is_string(list[1].text)
      assert.equal(4, list[1].tokens.out)
      assert.equal(json.null, list[1].error)
      assert.is_truthy(err:find "rows +2 answered\n")
      assert.is_truthy(err:find "tokens +%d+ in, 8 out\n")
      assert.is_truthy(err:find "p50 [^\n]* p95 [^\n]* p99 ")
    end)

    it("writes CSV when the name of the output says so", function ()
      local input = write("in.tsv", "n\tq\n1\tRed?\n2\tBlue?\n")
      local code, _, err = run { input, "--prompt-template", "{q}", "--out", path "out.csv",
        "--ordered", "--quiet", "--timing" }
      assert.equal(0, code, err)
      assert.equal("", err)
      assert.is_truthy(read("out.csv"):find("^n,q,id,line,hash,text,finish_reason,tokens_in,"
        .. "tokens_out,error,time\n1,Red%?,,2,%x+%-%x+,"))
    end)

    it("goes on where it was, and tries failed rows again", function ()
      open { script = { ["/generate"] = { { status = 422,
        body = '{"error":"no","error_type":"validation"}' }, {} } } }
      local input = write("in.jsonl", numbered(5))
      local given = { input, "--out", path "out.jsonl", "--concurrency", "1" }
      local code, _, err = run { input, "--out", path "out.jsonl", "--concurrency", "1",
        "--limit", "2" }
      assert.equal(32, code)
      assert.is_truthy(err:find("1 row failed: " .. path "failed-out.jsonl", 1, true), err)
      assert.is_truthy(err:find "failed +1 validation\n")
      assert.equal(1, #records(read "out.jsonl"))
      local failed = records(read "failed-out.jsonl")
      assert.equal(1, #failed)
      assert.is_string(failed[1].predibase_error)
      code, _, err = run(given)
      assert.equal(0, code, err)
      assert.is_truthy(err:find "rows +4 answered, 1 answered before\n")
      assert.equal(5, #records(read "out.jsonl"))
      assert.equal("", read "failed-out.jsonl")
      assert.equal(6, #inputs())
      code = run(given)
      assert.equal(0, code)
      assert.equal(6, #inputs())
    end)

    it("refuses options that have changed, unless the answers shall stay", function ()
      local input = write("in.jsonl", numbered(2))
      assert.equal(0, (run { input, "--out", path "out.jsonl", "--limit", "1" }))
      local before = read "out.jsonl"
      local code, _, err = run { input, "--out", path "out.jsonl", "--temperature", "0.5" }
      assert.equal(2, code, err)
      assert.is_truthy(err:find("--keep-changed", 1, true), err)
      assert.equal(before, read "out.jsonl")
      code, _, err = run { input, "--out", path "out.jsonl", "--temperature", "0.5",
        "--keep-changed" }
      assert.equal(0, code, err)
      assert.equal(2, #records(read "out.jsonl"))
    end)

    it("says at once that a file cannot be read or written", function ()
      local code, _, err = run { path "none.jsonl", "--out", path "out.jsonl" }
      assert.equal(2, code)
      assert.is_truthy(err:find("none.jsonl", 1, true), err)
      local input = write("in.jsonl", numbered(1))
      code, _, err = run { input, "--out", path "none/out.jsonl" }
      assert.equal(2, code)
      assert.is_truthy(err:find("none/out.jsonl", 1, true), err)
      assert.equal(0, #inputs())
    end)

    it("ends at the limits of tokens and of cost", function ()
      local input = write("in.jsonl", numbered(40))
      local given = { input, "--out", path "out.jsonl", "--concurrency", "1" }
      for i, option in ipairs { { "--max-tokens", "60" },
        { "--max-cost", "0.0001", "--price-in", "1", "--price-out", "2" } } do
        local all = { (table.unpack or unpack)(given) } -- luacheck: ignore 113 143
        for _, argument in ipairs(option) do all[#all + 1] = argument end
        local code, _, err = run(all)
        assert.equal(33, code, err)
        assert.is_truthy(err:find(option[1] .. " is reached", 1, true), err)
        if i == 2 then assert.is_truthy(err:find "cost +0%.0001\n", err) end
      end
      assert.is_true(#records(read "out.jsonl") < 40)
      assert.equal(#records(read "out.jsonl"), #inputs())
    end)

    it("writes a report, and compares answers with a column", function ()
      local input = write("in.jsonl", '{"prompt":"One?","label":"x"}\n')
      local code, _, err = run { input, "--out", path "out.jsonl", "--evaluate", "label",
        "--evaluate-how", "exact", "--report", path "report.html" }
      assert.equal(0, code, err)
      assert.is_truthy(err:find "accuracy +0%% of 1 row")
      assert.is_truthy(read("report.html"):find("<!DOCTYPE html>", 1, true))
      code, _, err = run { input, "--out", path "out2.jsonl", "--report", path "none/r.html" }
      assert.is_true(code ~= 0)
      assert.is_truthy(err:find("none/r.html", 1, true), err)
    end)

    it("ends when the server refuses the token, and says that the command goes on", function ()
      open { script = { ["/generate"] = { { status = 401, body = "{}" }, { status = 401,
        body = "{}" } } } }
      local input = write("in.jsonl", numbered(3))
      local code, _, err = run { input, "--out", path "out.jsonl", "--concurrency", "1" }
      assert.equal(4, code, err)
      assert.is_truthy(err:find("the same command goes on", 1, true), err)
      assert.equal("", read "failed-out.jsonl")
    end)
  end)

  describe("without a file for the answers", function ()
    it("prints them, with the errors of rows that failed", function ()
      open { script = { ["/generate"] = { { status = 422,
        body = '{"error":"too long","error_type":"validation"}' }, {} } } }
      local code, out, err = run({ "-", "--format", "lines", "--quiet", "--ordered",
        "--concurrency", "1" }, { stdin = "One?\nTwo?\n" })
      assert.equal(32, code)
      local list = records(out)
      assert.equal(2, #list)
      assert.equal("validation", list[1].error.kind)
      assert.equal(json.null, list[2].error)
      assert.equal("Two?", list[2].text and inputs()[2])
      assert.equal("", err)
    end)

    it("prints CSV", function ()
      local code, out, err = run({ "--format", "csv", "--out-format", "csv", "--quiet",
        "--prompt-template", "{a}" }, { stdin = "a\nRed?\n" })
      assert.equal(0, code, err)
      assert.is_truthy(out:find "^a,id,line,hash,text,[%w_,]+\nRed%?,,2,")
    end)

    it("ends without a message when the reader of the output has ended", function ()
      open()
      local input = write("in.jsonl", numbered(2000))
      local command = ("{ %s bin/predibase batch %s --base-url %s --max-new-tokens 4; "
        .. "echo $? >%s; } | head -n 1"):format(child.interpreter(), input, running.url,
        path "code")
      local program = child.start("sh", { args = { "-c", command } })
      assert.equal(0, program:wait())
      assert.equal(1, #records(program.stdout))
      assert.equal("", program.stderr)
      assert.equal("141\n", read "code")
      assert.is_true(#inputs() < 2000)
    end)
  end)

  describe("that is interrupted", function ()
    -- Starts a slow run and waits until some of its requests are under way.
    local function slow (count, delay)
      open { delay = delay }
      local input = write("in.jsonl", numbered(count))
      local given = { input, "--out", path "out.jsonl", "--concurrency", "4" }
      local program = start(given)
      assert.is_true(server.run_until(function () return #running:log() >= 4 end, 60))
      return program, given
    end

    it("finishes what is under way at the first signal, and goes on later", function ()
      for _, signal in ipairs { SIGINT, SIGTERM } do
        local program, given = slow(40, 0.2)
        program:kill(signal)
        assert.equal(128 + signal, program:wait(), program.stderr)
        assert.is_truthy(program.stderr:find "finishing %d requests?; ")
        assert.is_truthy(program.stderr:find("the same command goes on", 1, true))
        local asked = #inputs()
        assert.equal(asked, #records(read "out.jsonl"))
        assert.is_true(asked < 40)
        server.stop()
        open()
        local code, _, err = run(given)
        assert.equal(0, code, err)
        assert.equal(40 - asked, #inputs())
        local seen = {}
        for _, record in ipairs(records(read "out.jsonl")) do
          assert.is_nil(seen[record.prompt])
          seen[record.prompt] = true
        end
        os.remove(path "out.jsonl")
      end
    end)

    it("stops at once at the second signal, and loses no answer", function ()
      local program, given = slow(12, 20)
      program:kill(SIGINT)
      child.wait(function () return program.stderr:find "finishing" or program.code end, "a note")
      program:kill(SIGINT)
      assert.equal(130, program:wait(), program.stderr)
      assert.is_truthy(program.stderr:find("4 requests cut off", 1, true), program.stderr)
      assert.equal("", read "out.jsonl")
      server.stop()
      open()
      assert.equal(0, (run(given)))
      assert.equal(12, #records(read "out.jsonl"))
    end)

    it("stops while it waits for a row", function ()
      open()
      local program = child.start(child.interpreter(), { keep_stdin = true, args = {
        "bin/predibase", "batch", "-", "--format", "lines", "--base-url", running.url,
        "--max-new-tokens", "4", "--quiet", "--concurrency", "1" } })
      program.stdin:write "One?\nTwo?\n"
      program:wait_for "\n"
      program:kill(SIGINT)
      assert.equal(130, program:wait(), program.stderr)
      assert.is_true(#records(program.stdout) >= 1)
    end)
  end)

  describe("in a terminal", function ()
    -- Runs it in a terminal. `steps` are pairs: a text to wait for, and the text that is typed.
    local function type_in (steps, given)
      local args = { "spec/support/terminal.py", child.interpreter(), "bin/predibase", "batch",
        "--base-url", running.url, "--max-new-tokens", "4" }
      for _, argument in ipairs(given) do args[#args + 1] = argument end
      local list = {}
      for i, step in ipairs(steps) do list[i] = json.array { step[1], step[2] } end
      local program = child.start("python3", { args = args, env = { TERM = "dumb",
        LC_ALL = "C.UTF-8", COLUMNS = "70", LD_PRELOAD = "",
        TERMINAL_PRELOAD = os.getenv "LD_PRELOAD" },
        stdin = assert(json.encode(json.array(list))) })
      assert.equal(0, program:wait(), program.stderr)
      local outcome = assert(json.decode(program.stdout))
      assert.equal(json.null, outcome.missed, outcome.shown)
      return outcome.status, outcome.shown
    end

    it("shows the progress in one line, and ends by Ctrl-C", function ()
      open { delay = 0.1 }
      local input = write("in.jsonl", numbered(200))
      local code, shown = type_in({ { " of about 200 rows", "\3" }, { "press Ctrl-C again", "" } },
        { input, "--out", path "out.jsonl", "--concurrency", "8" })
      assert.equal(130, code, shown)
      local line = shown:match "\r(%d+ of about 200 rows[^\r\n]*)"
      assert.is_truthy(line, shown)
      for piece in shown:gmatch "[^\r\n]+" do
        if piece:find "rows/s |" then assert.is_true(#piece <= 70, piece) end
      end
      assert.is_truthy(shown:find("finishing %d+ requests?; press Ctrl%-C again"), shown)
      assert.is_nil(shown:find "\27")
      local answered = tonumber(shown:match "rows +(%d+) answered")
      assert.equal(#records(read "out.jsonl"), answered)
    end)

    it("prints answers without control characters, and no progress between them", function ()
      open { script = { ["/generate"] = { { answer = "\27[2J\194\155m" } } } }
      local input = write("in.tsv", "a\nx\n")
      local code, shown = type_in({}, { input, "--prompt-template", "{a}", "--out-format", "tsv" })
      assert.equal(0, code, shown)
      assert.is_nil(shown:find "\27")
      assert.is_nil(shown:find "\194\155")
      assert.is_truthy(shown:find("[2J", 1, true), shown)
      assert.is_nil(shown:find "rows/s |")
    end)
  end)

  it("prints the first requests with --dry-run, and sends none of them", function ()
    open()
    local input = write("in.jsonl", numbered(10))
    local code, out, err = run { input, "--dry-run", "--adapter-id", "my-repo/3",
      "--price-in", "1", "--price-out", "2" }
    assert.equal(0, code, err)
    local _, count = out:gsub("POST " .. running.url:gsub("%p", "%%%0") .. "/generate\n", "")
    assert.equal(3, count)
    assert.is_truthy(out:find('{"inputs":"Number 3",', 1, true))
    assert.is_nil(out:find("Number 4", 1, true))
    assert.is_truthy(out:find "10 rows")
    assert.equal(0, #inputs())
    local tokenized = 0
    for _, entry in ipairs(running:log()) do
      if entry.path:find "/tokenize$" then tokenized = tokenized + 1 end
    end
    assert.equal(3, tokenized)
  end)

  it("names what --dry-run cannot prepare and cannot count", function ()
    running = { url = "http://127.0.0.1:1" }
    local input = write("in.jsonl", '{"prompt":"a","best_of":"x"}\n{"prompt":"b"}\n')
    local code, out, err = run { input, "--dry-run", "--max-retries", "0" }
    assert.equal(0, code, err)
    assert.is_truthy(out:find("# line 1: validation: ", 1, true), out)
    assert.is_truthy(err:find("predibase: the tokens cannot be counted: connection: ", 1, true))
  end)

  it("writes answers while standard input has no further row", function ()
    local program = start({ "-", "--format", "jsonl", "--quiet" }, { keep_stdin = true })
    program.stdin:write '{"prompt":"one"}\n{"prompt":"two"}\n{"pro'
    program:wait_for '"line":1,'
    program:wait_for '"line":2,'
    program.stdin:write 'mpt":"three"}\n'
    program:wait_for '"line":3,'
    program.stdin:shutdown()
    assert.equal(0, program:wait(), program.stderr)
    assert.equal(3, #records(program.stdout))
  end)

  it("joins the files of shards", function ()
    local input = write("in.jsonl", numbered(7))
    for i = 0, 2 do
      local code, _, err = run { input, "--out", path "out.jsonl", "--shard", i .. "/3",
        "--quiet" }
      assert.equal(0, code, err)
    end
    local program = child.start(child.interpreter(), { args = { "bin/predibase", "batch", "merge",
      path "out.jsonl", "--input", input, "--ordered" } })
    assert.equal(0, program:wait(), program.stderr)
    assert.equal(("predibase: %s: 7 answers from 3 shards\n"):format(path "out.jsonl"),
      program.stderr)
    local list = records(read "out.jsonl")
    assert.equal(7, #list)
    for i, record in ipairs(list) do assert.equal("Number " .. i, record.prompt) end
    local table_input = write("in.csv", "One?,1\nTwo?,2\n")
    assert.equal(0, (run { table_input, "--columns", "prompt,n", "--out", path "csv.jsonl",
      "--shard", "0/1", "--quiet" }))
    program = child.start(child.interpreter(), { args = { "bin/predibase", "batch", "merge",
      path "csv.jsonl", "--input", table_input, "--input-columns", "prompt,n" } })
    assert.equal(0, program:wait(), program.stderr)
    local second = read "out.jsonl.1-of-3"
    os.remove(path "out.jsonl")
    os.remove(path "out.jsonl.1-of-3")
    program = child.start(child.interpreter(), { args = { "bin/predibase", "batch", "merge",
      path "out.jsonl" } })
    assert.equal(2, program:wait(), program.stderr)
    assert.is_truthy(program.stderr:find("or merge what is there with --partial", 1, true),
      program.stderr)
    program = child.start(child.interpreter(), { args = { "bin/predibase", "batch", "merge",
      path "out.jsonl", "--input", input, "--partial", "--into", path "part.jsonl" } })
    assert.equal(32, program:wait(), program.stderr)
    assert.equal(("predibase: %s: 5 answers from 2 shards\n"
      .. "predibase: missing: 1 of 3 shards: 1\n"
      .. "predibase: without an answer: 2 of 7 rows\n"
      .. "predibase:   row 2 in line 2 (shard 1)\npredibase:   row 5 in line 5 (shard 1)\n"
      .. "predibase: shard 1 is not finished: 2 rows neither answered nor failed\n"):format(
      path "part.jsonl"), program.stderr)
    assert.equal(5, #records(read "part.jsonl"))
    write("out.jsonl.1-of-3", second)
    write("out.jsonl.2-of-3", read "out.jsonl.2-of-3"
      .. second:gsub('"text":"', '"text":"Another answer. ', 1))
    program = child.start(child.interpreter(), { args = { "bin/predibase", "batch", "merge",
      path "out.jsonl" } })
    assert.equal(0, program:wait(), program.stderr)
    assert.equal(("predibase: %s: 7 answers from 3 shards\n"
      .. "predibase: left out, because they are there twice: 1 answer\n"
      .. "predibase: left out, because the row has another answer already: 1 answer\n"
      .. "predibase:   %s.2-of-3: line 3 (line 2 of the input)\n"):format(path "out.jsonl",
      path "out.jsonl"), program.stderr)
    assert.equal(7, #records(read "out.jsonl"))
  end)

  it("exits with 64 for wrong arguments", function ()
    open()
    local input = write("in.jsonl", numbered(1))
    for _, given in ipairs {
      { input, "--concurrency", "0" }, { input, "--rate-limit", "fast" },
      { input, "--rate-limit", "1/s", "--rate-limit", "2/s" },
      { input, "--rate-limit", "1/s", "--rate-limit", "2 tokens/min" },
      { input, "--limit", "0" }, { input, "--price-in", "1" }, { input, "--shard", "0/2" },
      { input, "--template", "x", "--prompt-template", "y" }, { input, "--evaluate-how", "json" },
      { input, "--template", path "none" }, { input, "--dialect", "swiss" },
      { input, "--format", "pdf" }, { input, "--out-format", "pdf", "--out", path "o" },
      { "-" }, { input, input }, { input, "--id", "" },
    } do
      local code, out, err = run(given, { stdin = "" })
      assert.equal(64, code, table.concat(given, " ") .. ": " .. err)
      assert.equal("", out)
      assert.is_truthy(err:find "^predibase: ")
      assert.is_nil(err:find "please report")
    end
    for _, given in ipairs { { "merge" }, { "merge", "--frobnicate", "x" } } do
      local program = child.start(child.interpreter(), { args = { "bin/predibase", "batch",
        (table.unpack or unpack)(given) } }) -- luacheck: ignore 113 143
      assert.equal(64, program:wait())
      assert.is_truthy(program.stderr:find("predibase batch merge --help", 1, true))
    end
  end)

  it("reads a file called merge when its path is given", function ()
    local input = write("merge", "One?\n")
    local code, out, err = run { input, "--format", "lines", "--quiet" }
    assert.equal(0, code, err)
    assert.equal(1, #records(out))
  end)
end)
