-- SPDX-License-Identifier: MIT
--- Bulk runs over a simulated network: rows, outputs, limits, ends. Only waits advance its clock.
local bulk_rows = require "predibase.bulk.rows"
local errors = require "predibase.errors"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local scratch = require "spec.support.scratch"

local JSON = { ["content-type"] = "application/json" }

local function prompt_of (log)
  return json.decode(log.body).inputs
end

local function answer (log, seconds)
  local prompt = prompt_of(log)
  return { headers = JSON, before = seconds or 1, body = json.encode {
    generated_text = "re " .. prompt,
    details = { finish_reason = "stop", prompt_tokens = 10, generated_tokens = 2, seed = json.null,
      prefill = json.array {}, tokens = json.array {} } } }
end

local function failure (status, text)
  return { status = status, headers = JSON, body = ('{"error":"%s"}'):format(text or "no") }
end

--- Finds which of the rows a request is for, as `re 7` of a row 7.
local function number_of (log) return tonumber(prompt_of(log):match "%d+") end

describe("a bulk run", function ()
  local client, network, folder

  before_each(function () folder = scratch.new() end)

  after_each(function ()
    if client then
      assert.equal(0, client.transport:size())
      client:close()
    end
    client = nil
    scratch.remove(folder)
  end)

  local function open (replies, options)
    if client then client:close() end
    client, network = pipe.client(replies or answer, options)
    client.shared.random = function () return 0.5 end
    return client
  end

  local function path_of (name) return folder .. "/" .. name end

  local function write (name, text)
    scratch.write(path_of(name), text)
    return path_of(name)
  end

  --- Returns the content of a file; nil when there is none.
  local function read (name)
    local file = io.open(path_of(name), "rb")
    if not file then return nil end
    file:close()
    return scratch.read(path_of(name))
  end

  --- Writes a CSV file with `count` rows.
  local function questions (count, name)
    local lines = { "question,label\r\n" }
    for i = 1, count do lines[i + 1] = ('"row %d",L%d\r\n'):format(i, i % 3) end
    return write(name or "in.csv", table.concat(lines))
  end

  local function records (name)
    local list = {}
    for line in (read(name) or ""):gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
    return list
  end

  local function by_line (name)
    local texts = {}
    for _, record in ipairs(records(name)) do
      assert.is_nil(texts[record.line])
      texts[record.line] = record.text
    end
    return texts
  end

  it("answers rows of the program", function ()
    open()
    local seen = {}
    for row, result, err, at in client:run_bulk {
      rows = { { q = "a" }, { q = "b" } }, template = "Say {q}" } do
      assert.is_nil(err)
      assert.equal("re Say " .. row.q, tostring(result))
      seen[at.number] = row.q
    end
    assert.same({ "a", "b" }, seen)
  end)

  it("takes prompts as strings, and rows of a function", function ()
    open()
    local n = 0
    local run = client:run_bulk { rows = function ()
      n = n + 1
      if n <= 3 then return "p" .. n end
    end }
    local found = {}
    for row, result in run do found[row] = tostring(result) end
    assert.same({ p1 = "re p1", p2 = "re p2", p3 = "re p3" }, found)
    assert.is_nil((run:next()))
  end)

  it("ends with the error with which the rows ended", function ()
    open()
    local function failing (second, third)
      local count = 0
      return function ()
        count = count + 1
        if count < 3 then return "row " .. count end
        return nil, second, third
      end
    end
    local given = errors.new { kind = "config", message = "no disk" }
    for _, rows in ipairs { failing("no disk"), failing(given), failing(nil, given) } do
      local run = client:run_bulk { rows = rows }
      local summary, err = run:finish()
      assert.is_nil(summary)
      assert.equal("config", err.kind)
      assert.matches("no disk$", err.message)
      assert.equal(2, run:summary().rows.answered)
    end
    assert.equal(2, assert(client:run_bulk { rows = failing() }:finish()).rows.answered)
  end)

  it("answers the rows of a reader as those of its file", function ()
    open()
    local path = write("in.csv", 'question,custom_id\r\n"a\nb",x\r\n"c" d,y\r\n')
    for i, rows in ipairs { false, assert(bulk_rows.open(path)) } do
      assert(client:run_bulk { input = not rows and path or nil, rows = rows or nil,
        template = "{question}", out = path_of(i .. ".csv") }:finish())
    end
    assert.equal(read "1.csv", read "2.csv")
    assert.equal(read "failed-1.csv", read "failed-2.csv")
    assert.is_truthy(read("2.csv"):find('"a\nb",x,x,2,', 1, true))
    -- A function may change the rows of a reader.
    local reader = assert(bulk_rows.open(path))
    assert(client:run_bulk { out = path_of "3.jsonl", template = "{more}", rows = function ()
      local row, at, err = reader:next()
      if row then row.more = "m" end
      return row, at, err
    end }:finish())
    local record = records("3.jsonl")[1]
    assert.equal("m", record.more)
    assert.equal(2, record.line)
    assert.equal(1, #records "failed-3.jsonl")
    -- The columns of an output in CSV are those of the first row.
    local errs = {}
    for _, _, err in client:run_bulk { rows = { { prompt = "a" }, { prompt = "b", c = 1 } },
        out = path_of "4.csv" } do
      errs[#errs + 1] = err and err.message
    end
    assert.matches('^row 2: the column "c" is not one of the output', errs[1])
  end)

  it("tells the hook on_error of the options about rows that cannot be sent", function ()
    open(nil, { on_error = function () error("the hook of the client") end })
    local told = {}
    assert(client:run_bulk { rows = { "Hi", { prompt = "" }, { prompt = 7 } },
      options = { on_error = function (err) told[#told + 1] = err.message end } }:finish())
    assert.same({ "row 2: Input validation error: `inputs` cannot be empty",
      'row 3: "prompt" must be a string, got the number 7' }, told)
    assert.equal(1, #network.requests)
  end)

  it("fails a row alone", function ()
    open(function (log)
      return prompt_of(log) == "bad" and failure(422, "too bad") or answer(log)
    end)
    local errs, count = {}, 0
    for _, result, err, at in client:run_bulk { rows = { "good", "bad", 7, { q = 1 }, "fine" } } do
      count = count + 1
      if not result then errs[at.number] = err.kind .. ": " .. err.message end
    end
    assert.equal(5, count)
    assert.equal("validation: too bad", errs[2])
    assert.equal("validation: row 3: a row must be a table or a prompt as a string, got the number "
      .. "7", errs[3])
    assert.is_truthy(errs[4]:find("^validation: row 4: the row is in no known dialect"))
    assert.is_nil(errs[1] or errs[5])
  end)

  it("writes the answers with the columns of the rows", function ()
    open()
    local summary = assert(client:run_bulk {
      input = questions(3), out = path_of "out.jsonl", template = "{question}" }:finish())
    assert.equal(3, summary.rows.answered)
    assert.equal(30, summary.tokens_in)
    assert.equal(0, summary.stray)
    local list = records "out.jsonl"
    table.sort(list, function (a, b) return a.line < b.line end)
    assert.equal("row 2", list[2].question)
    assert.equal("re row 2", list[2].text)
    assert.equal("stop", list[2].finish_reason)
    assert.same({ ["in"] = 10, out = 2 }, list[2].tokens)
    assert.is_nil(read "failed-out.jsonl")
  end)

  it("goes on where an earlier run ended, and asks no row twice", function ()
    questions(50)
    local given = { input = path_of "in.csv", out = path_of "out.jsonl",
      template = "{question}", concurrency = 4 }
    open()
    local run = client:run_bulk(given)
    for _ = 1, 20 do run:next() end
    run:stop()
    while run:next() do end
    local first = #records "out.jsonl"
    assert.is_true(first >= 20 and first <= 24)
    assert.equal("stopped", run:summary().reason)
    open()
    local summary = assert(client:run_bulk(given):finish())
    assert.equal(50 - first, #network.requests)
    assert.equal(first, summary.rows.resumed)
    local texts = by_line "out.jsonl"
    for i = 1, 50 do assert.equal("re row " .. i, texts[i + 1]) end
    open()
    assert(client:run_bulk(given):finish())
    assert.equal(0, #network.requests)
  end)

  it("closes at once, and goes on", function ()
    questions(20)
    local given = { input = path_of "in.csv", out = path_of "out.jsonl",
      template = "{question}", concurrency = 4 }
    open()
    local run = client:run_bulk(given)
    run:next()
    run:close()
    run:close()
    assert.is_nil((run:next()))
    assert.equal(0, client.transport:size())
    assert.equal(1, #records "out.jsonl")
    assert(client:run_bulk(given):finish())
    local texts = by_line "out.jsonl"
    for i = 1, 20 do assert.equal("re row " .. i, texts[i + 1]) end
  end)

  it("goes on after a loop that was left", function ()
    questions(20)
    local given = { input = path_of "in.csv", out = path_of "out.jsonl",
      template = "{question}", concurrency = 4 }
    open()
    local function leave ()
      for row in client:run_bulk(given) do
        if row then break end
      end
    end
    leave()
    leave()
    assert(client:run_bulk(given):finish())
    assert.equal(20, #records "out.jsonl")
    local texts = by_line "out.jsonl"
    for i = 1, 20 do assert.equal("re row " .. i, texts[i + 1]) end
    client:close()                       -- with the requests that the loops have left
    client = nil
  end)

  it("puts failed rows into a file of their own, and tries them again", function ()
    questions(9)
    local broken = true
    open(function (log)
      return broken and number_of(log) % 3 == 0 and failure(422, "bad day") or answer(log)
    end)
    local given = { input = path_of "in.csv", out = path_of "out.jsonl",
      template = "{question}" }
    local run = client:run_bulk(given)
    local summary = assert(run:finish())
    assert.equal(3, summary.rows.failed)
    assert.same({ { kind = "validation", rows = 3 } }, summary.failures)
    assert.is_truthy(summary.failed_path:find "failed%-out%.jsonl$")
    assert.equal(6, #records "out.jsonl")
    local failed = records "failed-out.jsonl"
    assert.equal(3, #failed)
    for _, row in ipairs(failed) do
      assert.equal("validation: bad day", row.predibase_error)
      assert.is_truthy(row.question:find "^row [369]$")
    end
    broken = false
    -- The file of failed rows is input.
    local again = assert(client:run_bulk { input = summary.failed_path, template = "{question}",
      out = path_of "again.jsonl" }:finish())
    assert.equal(3, again.rows.answered)
    assert.is_nil(records "again.jsonl"[1].predibase_error)
    assert(client:run_bulk(given):finish())
    assert.equal(9, #records "out.jsonl")
    assert.is_nil(read "failed-out.jsonl")
  end)

  it("keeps the failed rows of an earlier run until it writes a row itself", function ()
    local broken = true
    open(function (log) return broken and number_of(log) == 2 and failure(422) or answer(log) end)
    questions(3)
    local given = { input = path_of "in.csv", out = path_of "out.jsonl", template = "{question}" }
    assert(client:run_bulk(given):finish())
    local failed = read "failed-out.jsonl"
    assert.is_truthy(failed)
    local run = client:run_bulk(given)
    run:stop()
    assert(run:finish())
    assert.equal(failed, read "failed-out.jsonl")
    write("in.csv", 'question,label\r\n"row 9",L1\r\n"row 2",L2\r\n')
    assert.is_nil((client:run_bulk(given):finish()))
    assert.equal(failed, read "failed-out.jsonl")
    questions(3)
    broken = false
    assert(client:run_bulk(given):finish())
    assert.is_nil(read "failed-out.jsonl")
  end)

  it("writes in the order of the rows, with bounded memory", function ()
    questions(200)
    open(function (log)
      local n = number_of(log)
      return answer(log, n == 1 and 50 or n % 7 + 1)
    end)
    local run = client:run_bulk { input = path_of "in.csv", out = path_of "out.jsonl",
      template = "{question}", ordered = true, concurrency = 4 }
    local first = run:next()
    assert.equal("row 1", first.question)
    assert.is_true(#network.requests <= 16 + 4)
    local number = 1
    for row, _, _, at in run do
      number = number + 1
      assert.equal(number, at.number)
      assert.equal("row " .. number, row.question)
    end
    for i, record in ipairs(records "out.jsonl") do assert.equal(i + 1, record.line) end
    assert.equal(200, number)
  end)

  it("restores the order when a row that had failed is answered later", function ()
    questions(20)
    for _, name in ipairs { "out.jsonl", "out.csv" } do
      local broken = true
      open(function (log)
        return broken and number_of(log) % 7 == 0 and failure(422) or answer(log)
      end)
      local given = { input = path_of "in.csv", out = path_of(name), template = "{question}",
        ordered = true }
      assert.equal(2, assert(client:run_bulk(given):finish()).rows.failed)
      broken = false
      assert.equal(2, assert(client:run_bulk(given):finish()).rows.answered)
      local numbers = {}
      for number in read(name):gmatch "re row (%d+)" do numbers[#numbers + 1] = tonumber(number) end
      assert.equal(20, #numbers)
      for i = 1, 20 do assert.equal(i, numbers[i]) end
      assert.equal(20, assert(client:run_bulk(given):finish()).rows.resumed)
    end
  end)

  it("leaves no gap in the order when it is stopped", function ()
    questions(60)
    open(function (log) return answer(log, number_of(log) == 10 and 100 or 1) end)
    local given = { input = path_of "in.csv", out = path_of "out.jsonl",
      template = "{question}", ordered = true, concurrency = 4 }
    local run = client:run_bulk(given)
    for _ = 1, 9 do run:next() end
    run:close()
    assert.equal(9, #records "out.jsonl")
    assert(client:run_bulk(given):finish())
    for i, record in ipairs(records "out.jsonl") do assert.equal(i + 1, record.line) end
    assert.equal(60, #records "out.jsonl")
  end)

  it("stays within a number of tokens, those of earlier runs included", function ()
    questions(100)
    local given = { input = path_of "in.csv", out = path_of "out.jsonl",
      template = "{question}", max_tokens = 240, concurrency = 4 }
    open()
    local run = client:run_bulk(given)
    local summary = assert(run:finish())
    assert.equal("max_tokens", summary.reason)
    assert.equal(20, summary.rows.answered)         -- twelve tokens for each row
    assert.equal(20, #records "out.jsonl")
    assert.equal(20, #network.requests)
    open()
    summary = assert(client:run_bulk(given):finish())
    assert.equal(0, #network.requests)
    assert.equal("max_tokens", summary.reason)
    given.max_tokens = 300
    summary = assert(client:run_bulk(given):finish())
    assert.equal(5, summary.rows.answered)
  end)

  it("stays within a cost", function ()
    questions(100)
    open()
    local summary = assert(client:run_bulk { input = path_of "in.csv", template = "{question}",
      max_cost = 0.001, price_in = 5, price_out = 25, concurrency = 2 }:finish())
    assert.equal("max_cost", summary.reason)
    assert.equal(10, summary.rows.answered)         -- 0.0001 for each row
    assert.equal(0.001, summary.cost)
  end)

  it("ends when a limit of tokens cannot be kept", function ()
    open(function () return { headers = JSON, body = '{"generated_text":"x"}' } end)
    local summary, err = client:run_bulk { rows = { "a", "b", "c" }, max_tokens = 10,
      concurrency = 1 }:finish()
    assert.is_nil(summary)
    assert.equal("the server does not say how many tokens it used, so max_tokens and max_cost "
      .. "cannot be kept", err.message)
    assert.equal(1, #network.requests)
  end)

  it("ends with an error that every row would have, and fails no row", function ()
    questions(100)
    open(function () return failure(401, "who are you?") end)
    local run = client:run_bulk { input = path_of "in.csv", out = path_of "out.jsonl",
      template = "{question}", concurrency = 4 }
    local summary, err = run:finish()
    assert.is_nil(summary)
    assert.equal("authentication", err.kind)
    assert.is_true(#network.requests <= 8)
    assert.equal("", read "out.jsonl")
    assert.is_nil(read "failed-out.jsonl")
    assert.has_error(function () for _ in client:run_bulk { rows = { "a" } } do end end)
  end)

  it("ends when the options of all rows are wrong, and fails no row", function ()
    questions(10)
    open()
    local run = client:run_bulk { input = path_of "in.csv", out = path_of "out.jsonl",
      template = "{question}", options = { temperature = -1 } }
    local _, err = run:finish()
    assert.equal("validation", err.kind)
    assert.equal("options", run:summary().reason)
    assert.equal(0, run:summary().rows.failed)
    assert.is_nil(read "failed-out.jsonl")
    assert.equal(0, #network.requests)
  end)

  it("ends when there is no such deployment, but not when one row was not found", function ()
    open(function () return failure(404, "no such deployment") end)
    local _, err = client:run_bulk { rows = { "a", "b" }, concurrency = 1 }:finish()
    assert.equal("not_found", err.kind)
    assert.equal(1, #network.requests)
    open(function (log) return prompt_of(log) == "b" and failure(404) or answer(log) end)
    local summary = client:run_bulk { rows = { "a", "b", "c" }, concurrency = 1 }:finish()
    assert.same({ { kind = "not_found", rows = 1 } }, summary.failures)
    assert.equal(2, summary.rows.answered)
  end)

  it("waits for a server that comes back, and ends after ten minutes", function ()
    questions(20)
    local given = { input = path_of "in.csv", out = path_of "out.jsonl",
      template = "{question}", concurrency = 4 }
    local refused = { failure = { kind = "connection", phase = "connect", sent = false,
      message = "Connection refused" } }
    open(function (log)
      if #network.requests > 8 and network.clock < 1400 then return refused end
      return answer(log)
    end)
    local summary = assert(client:run_bulk(given):finish())
    assert.equal(20, summary.rows.answered)
    assert.equal(0, summary.rows.failed)
    os.remove(given.out)
    open(function (log)
      if #network.requests > 8 then return refused end
      return answer(log)
    end)
    local _, err = client:run_bulk(given):finish()
    assert.equal("connection", err.kind)
    assert.is_truthy(err.message:find "the server has not answered for 600 seconds")
    assert.equal(8, #records "out.jsonl")
    assert.is_nil(read "failed-out.jsonl")
  end)

  it("tries a row again after faults of the network", function ()
    local tries = {}
    open(function (log)
      local prompt = prompt_of(log)
      tries[prompt] = (tries[prompt] or 0) + 1
      if tries[prompt] <= 5 then
        local reply = answer(log)
        reply.ending = "cut"
        return tries[prompt] % 2 == 0 and failure(500) or reply
      end
      return answer(log)
    end)
    local summary = assert(client:run_bulk { rows = { "a", "b", "c" } }:finish())
    assert.equal(3, summary.rows.answered)
  end)

  it("notices that the input has changed", function ()
    local path = write("in.jsonl", '{"prompt":"a"}\n{"prompt":"b"}\n')
    local given = { input = path, out = path_of "out.jsonl" }
    open()
    assert(client:run_bulk(given):finish())
    write("in.jsonl", '{"prompt":"a"}\n{"prompt":"B"}\n{"prompt":"c"}\n')
    local _, err = client:run_bulk(given):finish()
    assert.equal("config", err.kind)
    assert.is_truthy(err.message:find "^line 2 has another row than the one that ")
    assert.equal(2, #network.requests)
    given.keep_changed = true
    local summary = assert(client:run_bulk(given):finish())
    assert.equal(1, summary.changed)
    assert.equal(1, summary.rows.answered)
    assert.equal(3, #records "out.jsonl")
  end)

  it("notices that the options have changed, and that rows have gone", function ()
    local path = write("in.jsonl", '{"prompt":"a"}\n{"prompt":"b"}\n')
    local given = { input = path, out = path_of "out.jsonl", options = { temperature = 0.5 } }
    open()
    assert(client:run_bulk(given):finish())
    given.options = { temperature = 0.7 }
    local _, err = client:run_bulk(given):finish()
    assert.is_truthy(err.message:find "^line 1 was answered with other options")
    -- A row that is not in the output yet is not answered with the new options before.
    local text = read "out.jsonl"
    write("out.jsonl", text:match "\n(.*)$")
    _, err = client:run_bulk(given):finish()
    assert.is_truthy(err.message:find "^line 2 was answered with other options")
    assert.equal(2, #network.requests)
    assert.equal(text:match "\n(.*)$", read "out.jsonl")
    write("out.jsonl", text)
    given.options = { temperature = 0.5, timeout = 7 }          -- changes no answer
    write("in.jsonl", '{"prompt":"a"}\n')
    assert.equal(1, client:run_bulk(given):finish().stray)
    given.limit = 1
    assert.is_nil(client:run_bulk(given):finish().stray)
  end)

  it("does not answer rows again because their ids are in another column", function ()
    local given = { keep_changed = true,
      input = write("in.jsonl", '{"prompt":"a","k":1,"l":"x"}\n') }
    open()
    for _, format in ipairs { "jsonl", "csv" } do
      given.out = path_of("out." .. format)
      for _, ids in ipairs { { nil, "k" }, { "k", nil }, { "k", "l" } } do
        os.remove(given.out)
        given.id = ids[1]
        assert(client:run_bulk(given):finish())
        assert.equal(1, assert(client:run_bulk(given):finish()).rows.resumed)
        given.id = ids[2]
        local summary, err = client:run_bulk(given):finish()
        assert.is_nil(summary)
        assert.equal("config", err.kind)
        assert.matches("the option id has changed", err.message)
      end
    end
    given.input = write("in.jsonl", '{"custom_id":null,"prompt":"a"}\n')
    given.out, given.id = path_of "null.csv", nil
    assert(client:run_bulk(given):finish())
    assert.equal(1, assert(client:run_bulk(given):finish()).rows.resumed)
    given.input, given.id = write("in.jsonl", '{"custom_id":"x","method":"POST",'
      .. '"url":"/v1/completions","body":{"model":"m","prompt":"a"}}\n'), "k"
    local _, err = client:run_bulk(given):finish()
    assert.matches("have their ids in custom_id", err.message)
  end)

  it("fails the second row of an id", function ()
    local path = write("in.jsonl", '{"custom_id":"x","prompt":"a"}\n'
      .. '{"custom_id":"y","prompt":"b"}\n' .. '{"custom_id":"x","prompt":"c"}\n')
    open()
    local errs = {}
    for _, _, err, at in client:run_bulk { input = path, out = path_of "out.jsonl" } do
      if err then errs[at.line] = err.message end
    end
    assert.same({ [3] = 'line 3: an earlier row has the same id, "x"' }, errs)
    local texts = {}
    for _ in client:run_bulk { input = path, out = function (text) texts[#texts + 1] = text end } do
      assert.is_true(#texts > 0)
    end
    for _, text in ipairs(texts) do assert.is_string(json.decode(text).id) end
    local sent = #network.requests
    assert.equal(2, #records "out.jsonl")
    -- The next run finds the first two answered, and the third one still repeats an id.
    local summary = assert(client:run_bulk { input = path, out = path_of "out.jsonl" }:finish())
    assert.equal(1, summary.rows.failed)
    assert.equal(2, summary.rows.resumed)
    assert.equal(sent, #network.requests)
  end)

  it("finds answers by their ids, whatever their lines are", function ()
    local a, b, c = '{"key":"x","prompt":"a"}\n', '{"key":"y","prompt":"b"}\n',
      '{"key":"z","prompt":"c"}\n'
    local given = { input = write("in.jsonl", a .. b),
      out = path_of "out.jsonl", id = "key" }
    open()
    assert(client:run_bulk(given):finish())
    write("in.jsonl", c .. b .. a)
    local summary = assert(client:run_bulk(given):finish())
    assert.equal(1, summary.rows.answered)
    assert.equal(3, #network.requests)
  end)

  it("reads files in which quotes have no meaning", function ()
    local path = write("in.tsv", 'q\tn\na 5" pipe\t1\n"b\t2\n')
    open()
    local given = { input = path, out = path_of "out.tsv", template = "{q}", quotes = false }
    assert.equal(2, assert(client:run_bulk(given):finish()).rows.answered)
    assert.equal(2, assert(client:run_bulk(given):finish()).rows.resumed)
    assert.is_truthy(read "out.tsv":find('"re a 5"" pipe"', 1, true))
    open(function (log) return number_of(log) and failure(422) or answer(log) end)
    given.out = path_of "out2.tsv"
    local summary = assert(client:run_bulk(given):finish())
    assert.equal(1, summary.rows.failed)
    open()
    local again = client:run_bulk { input = summary.failed_path, template = "{q}", quotes = false }
    local row, result = again:next()
    assert.equal('a 5" pipe', row.q)
    assert.equal('re a 5" pipe', tostring(result))
    again:close()
  end)

  it("keeps rows that cannot be read", function ()
    local path = write("in.jsonl", '{"prompt":"a"}\nnonsense\n{"prompt":"b"}\n')
    open()
    local summary = assert(client:run_bulk { input = path, out = path_of "out.jsonl" }:finish())
    assert.equal(2, summary.rows.answered)
    assert.equal(1, summary.rows.failed)
    assert.equal("nonsense\n", read "failed-out.jsonl")
  end)

  -- The second row is for whoever opens the pipe a second time.
  it("reads a named pipe, once", function ()
    local path = path_of "in.jsonl"
    assert(os.execute(("mkfifo %s; (echo '{\"prompt\":\"1\"}' > %s; sleep 2; test ! -p %s ||"
      .. " echo '{\"prompt\":\"2\"}' > %s) &"):format(path, path, path, path)))
    open()
    local run = client:run_bulk { input = path, out = path_of "out.jsonl" }
    assert.is_nil(run:progress().size)
    assert.equal(1, assert(run:finish()).rows.answered)
    assert(os.execute(("echo '{\"prompt\":\"1\"}' > %s &"):format(path)))
    local summary, err = client:run_bulk({ input = path, sample = 1 }):finish()
    assert.is_nil(summary)
    assert.matches("a sample needs a file or an array", err.message)
  end)

  it("takes the first rows, a sample or a shard, each time the same", function ()
    questions(100)
    open()
    local function numbers (options)
      options.input, options.template = path_of "in.csv", "{question}"
      local list = {}
      for _, _, _, at in client:run_bulk(options) do list[#list + 1] = at.number end
      table.sort(list)
      return list
    end
    assert.same({ 1, 2, 3 }, numbers { limit = 3 })
    local sample = numbers { sample = 10 }
    assert.equal(10, #sample)
    assert.same(sample, numbers { sample = 10 })
    assert.is_true(sample[10] > 50 and sample[1] < 50)
    assert.equal(100, #numbers { sample = 1000 })
    assert.same({ 2, 6, 10 }, numbers { shard = "1/4", limit = 10 })
    local all = {}
    for i = 0, 3 do
      for _, number in ipairs(numbers { shard = i .. "/4" }) do all[#all + 1] = number end
    end
    table.sort(all)
    for i = 1, 100 do assert.equal(i, all[i]) end
    assert.equal(100, #all)
  end)

  it("writes the output of a shard into a file of its own", function ()
    questions(10)
    open()
    assert(client:run_bulk { input = path_of "in.csv", template = "{question}",
      out = path_of "out.csv", shard = "1/2" }:finish())
    local text = read "out.csv.1-of-2"
    assert.is_truthy(text:find "^question,label,id,line,hash,text,finish_reason,tokens_in,")
    assert.equal(6, select(2, text:gsub("\n", "")))
  end)

  it("does not begin a shard beside those of another division", function ()
    scratch.write(path_of "out.csv.0-of-3", "")
    local run = open():run_bulk { input = questions(5), template = "{question}",
      out = path_of "out.csv", shard = "1/2" }
    local summary, err = run:finish()
    assert.is_nil(summary)
    assert.equal("config", err.kind)
    assert.matches("out.csv.0%-of%-3 is a shard of 3, and this run is a shard of 2", err.message)
    assert.is_nil(read "out.csv.1-of-2")
  end)

  it("answers OpenAI's rows in OpenAI's form", function ()
    local path = write("in.jsonl", '{"custom_id":"x","method":"POST","url":"/v1/completions",'
      .. '"body":{"model":"m","prompt":"a","seed":18446744073709551615}}\n')
    local body = '{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":'
      .. '"b","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,'
      .. '"completion_tokens":2,"total_tokens":3}}'
    open(function () return { headers = JSON, body = body } end)
    local given = { input = path, out = path_of "out.jsonl" }
    assert(client:run_bulk(given):finish())
    assert.equal('{"model":"m","prompt":"a","seed":18446744073709551615}', network.requests[1].body)
    local text = read "out.jsonl"
    assert.is_truthy(text:find(body, 1, true))
    local record = json.decode(text)
    assert.equal("x", record.custom_id)
    assert.equal(200, record.response.status_code)
    local summary = assert(client:run_bulk(given):finish())
    assert.equal(1, summary.rows.resumed)
    assert.equal(2, summary.resumed_tokens_out)
  end)

  it("restores the order of OpenAI's rows after a run that was killed", function ()
    local lines = {}
    for i = 1, 3 do
      lines[i] = ('{"custom_id":"%d","method":"POST","url":"/v1/completions",'
        .. '"body":{"model":"m","prompt":"a"}}\n'):format(i)
    end
    open(function () return { headers = JSON, body = '{"id":"c","object":"text_completion",'
      .. '"created":1,"model":"m","choices":[{"text":"b","index":0,"finish_reason":"stop"}],'
      .. '"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}' } end)
    local given = { input = write("in.jsonl", table.concat(lines)), out = path_of "out.jsonl",
      ordered = true }
    assert(client:run_bulk(given):finish())
    local whole = read "out.jsonl"
    write("out.jsonl", whole:gsub("^([^\n]*\n)(.*)$", "%2%1"))
    assert.is_true(whole ~= read "out.jsonl")
    local of_pipe = { input = assert(io.open(given.input)), format = "jsonl", out = given.out,
      ordered = true }
    local summary, err = client:run_bulk(of_pipe):finish()
    of_pipe.input:close()
    assert.is_nil(summary)
    assert.equal("config", err.kind)
    assert.matches("give the path of the input", err.message)
    assert(client:run_bulk(given):finish())
    assert.equal(whole, read "out.jsonl")
    assert.equal(3, #network.requests)
  end)

  it("compares the answers with a column, those of earlier runs included", function ()
    local path = write("in.jsonl", '{"prompt":"a","label":"re a"}\n{"prompt":"b","label":"no"}\n')
    local given = { input = path, out = path_of "out.jsonl", evaluate = "label", limit = 1 }
    open()
    assert.equal(1, client:run_bulk(given):finish().evaluation.accuracy)
    given.limit = nil
    assert.equal(0.5, client:run_bulk(given):finish().evaluation.accuracy)
    given.evaluate = "lable"
    local _, err = client:run_bulk(given):finish()
    assert.equal('evaluate: there is no column "lable"; the columns are prompt, label', err.message)
    given.evaluate = { column = "label", how = "fuzzy" }
    _, err = client:run_bulk(given):finish()
    assert.equal('evaluate: how must be "exact", "normalised" or "json", got the string "fuzzy"',
      tostring(err and err.message))
  end)

  it("passes records to a function, those of failed rows too", function ()
    local texts = {}
    open(function (log) return prompt_of(log) == "b" and failure(422) or answer(log) end)
    assert(client:run_bulk { rows = { "a", "b" }, concurrency = 1,
      out = function (text) texts[#texts + 1] = json.decode(text) end }:finish())
    assert.equal("re a", texts[1].text)
    assert.equal("validation", texts[2].error.kind)
    assert.equal("b", texts[2].prompt)
  end)

  it("ends when an answer cannot be written", function ()
    open()
    local run = client:run_bulk { rows = { "a", "b", "c" }, concurrency = 1,
      out = function (text) if text:find "re b" then return nil, "disk full" end end }
    local _, err = run:finish()
    assert.equal("the answers cannot be written: disk full", err.message)
    assert.equal("output", run:summary().reason)
    assert.is_true(#network.requests <= 2)
  end)

  it("waits no longer than it was told", function ()
    open(function (log) return answer(log, 10) end)
    local run = client:run_bulk { rows = { "a" } }
    assert.is_false((run:next(3)))
    assert.equal(1, run:summary().open)
    assert.equal("a", (run:next(30)))
    assert.is_nil((run:next(1)))
  end)

  it("returns the error of a run that cannot begin", function ()
    open()
    local run = client:run_bulk { input = path_of "none.csv", template = "{a}" }
    local row, _, err = run:next()
    assert.is_nil(row)
    assert.equal("config", err.kind)
    assert.equal(0, run:summary().rows.answered)
    assert.has_error(function () for _ in run do end end)
    run:close()
    local cases = {
      [{ input = questions(1), template = "{" }] = "template",
      [{ input = questions(1), template = "{question}", out = path_of "out.txt" }] = "config",
      [{ input = questions(1), template = "{question}", max_cost = 1 }] = "config",
      [{ rows = function () end, sample = 3 }] = "config",
      [{ rows = {}, shard = "4/4" }] = "validation",
      [{ input = questions(1), out = path_of "in.csv", template = "{question}" }] = "config",
    }
    for options, kind in pairs(cases) do
      local _, problem = client:run_bulk(options):finish()
      assert.equal(kind, problem.kind)
    end
    assert.is_nil(read "out.txt")
  end)

  it("raises for misuse", function ()
    open()
    local cases = {
      [{ rows = {}, tempalte = "x" }] = 'unknown option "tempalte"; did you mean "template"?',
      [{}] = "client:run_bulk takes either input (a path) or rows",
      [{ rows = {}, concurrency = 0 }] =
        'client:run_bulk takes "auto" or a whole number from 1 to 1000 for concurrency, got the '
        .. "number 0",
      [{ rows = {}, ordered = 1 }] =
        "client:run_bulk takes a boolean for ordered, got the number 1",
      [{ rows = {}, limit = 0 }] =
        "client:run_bulk takes a whole number from 1 for limit, got the number 0",
      [{ rows = {}, evaluate = 1 }] = "client:run_bulk takes the name of a column, or a table "
        .. "with column and how for evaluate, got the number 1",
      [{ input = 1 }] = "client:run_bulk takes a path or an open file for input, got the number 1",
      [{ rows = {}, out = "" }] = "client:run_bulk takes a path, or a function that takes the "
        .. 'text of a record, for out, got the string ""',
      [{ rows = "x" }] = "client:run_bulk takes an array of rows or a function that returns the "
        .. 'next row for rows, got the string "x"',
    }
    for options, message in pairs(cases) do
      local ok, err = pcall(client.run_bulk, client, options)
      assert.is_false(ok)
      assert.equal(message, (err:gsub("^[^ ]*: ", "")))
    end
    assert.has_error(function () client:run_bulk() end)
    local run = client:run_bulk { rows = {} }
    assert.has_error(function () run.next() end)
    run:close()
  end)

  it("answers rows with an adapter and its template", function ()
    open()
    local template = require "predibase.template".new "Classify: {text}"
    local adapter = client:adapter("my/3", { template = template,
      defaults = { max_new_tokens = 3 } })
    for row, result in adapter:run_bulk { rows = { { text = "a" } } } do
      assert.equal("a", row.text)
      assert.equal("re Classify: a", tostring(result))
    end
    local body = json.decode(network.requests[1].body)
    assert.equal("my/3", body.parameters.adapter_id)
    assert.equal(3, body.parameters.max_new_tokens)
    assert.has_error(function ()
      adapter:run_bulk { rows = {}, options = { adapter_id = "other/1" } }
    end)
  end)

  it("finds the number of requests that the server bears", function ()
    questions(400)
    open(function (log)
      local open_now = 0
      for _, other in ipairs(network.requests) do
        if other.sent_at and other.sent_at + 1 > network.clock then open_now = open_now + 1 end
      end
      if open_now > 40 then return failure(429, "slow down") end
      return answer(log)
    end)
    local run = client:run_bulk { input = path_of "in.csv", template = "{question}" }
    local summary = assert(run:finish())
    assert.equal(400, summary.rows.answered)
    assert.is_true(summary.concurrency > 4 and summary.concurrency <= 64)
  end)
end)
