-- SPDX-License-Identifier: MIT
--- Records of an output: written beside the columns of the row, and read back.

local done = require "predibase.done"
local errors = require "predibase.errors"
local json = require "predibase.json"
local random = require "spec.support.random"
local records = require "predibase.bulk.records"
local rows = require "predibase.bulk.rows"

local OPTIONS = "01234567"

--- Returns a source of a text for `rows.open`.
local function source (text)
  local given = false
  return { read = function ()
    if given or text == "" then return nil end
    given = true
    return text
  end }
end

--- Returns the rows of a text, as `{ row, at }`, and its columns.
local function read (text, format, columns)
  local reader = assert(rows.open(source(text), { format = format, columns = columns }))
  local list = {}
  for row, at in reader do list[#list + 1] = { row, at } end
  assert(not reader.err, reader.err)
  reader:close()
  return list, reader.columns
end

--- Writes the first row of a text with an answer. Returns the record and the layout.
local function answer (text, options, fields)
  local list, columns = read(text, options.input)
  options.columns = options.columns or columns
  local layout = records.new(options)
  local row, at = list[1][1], list[1][2]
  local entry = { row = row, at = at, hash = assert(layout:hash(row, at, OPTIONS)), text = "Yes",
    finish_reason = "stop", tokens_in = 12, tokens_out = 3 }
  for name, value in pairs(fields or {}) do entry[name] = value end
  return assert(layout:write(entry)), layout, entry
end

local function read_record (text, layout)
  local format = layout.format == "openai" and "jsonl" or layout.format
  local list = read((layout:header() or "") .. text, format)
  assert.is_nil(list[1][2].err)
  return layout:read(list[1][1])
end

local JSONL = { format = "jsonl", input = "jsonl" }

local function jsonl (more)
  local options = {}
  for name, value in pairs(JSONL) do options[name] = value end
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

describe("a record in JSON Lines", function ()
  it("is the text of the row, and then our members", function ()
    local hash = done.hash('{"b":1.50, "a":[ 1e3,12345678901234567890 ]}') .. "-" .. OPTIONS
    assert.equal('{"b":1.50, "a":[ 1e3,12345678901234567890 ],"id":"x\\"y","line":1,"hash":"'
      .. hash .. '","text":"Yes","finish_reason":"stop","tokens":{"in":12,"out":3},"error":null}\n',
      (answer('{"b":1.50, "a":[ 1e3,12345678901234567890 ]}\n', jsonl(), { id = 'x"y' })))
  end)

  it("has null for what is not known", function ()
    local text = answer("{}\r\n", jsonl(), { text = false, finish_reason = false,
      tokens_in = false, tokens_out = false })
    assert.equal('{"id":null,"line":1,"hash":"' .. done.hash("{}") .. "-" .. OPTIONS
      .. '","text":null,"finish_reason":null,"tokens":null,"error":null}\n', text)
  end)

  it("keeps white space, also in an empty object", function ()
    for _, object in ipairs { "{ }", " {\t} ", '{"a":1 } ', '\t{ "a" : "}" }', '{"a":"{"}' } do
      local text, layout = answer(object .. "\n", jsonl())
      assert.equal(object:match("^[^}]*{%s*") and object:sub(1, 2), text:sub(1, 2))
      assert(json.check(text))
      local record = assert(read_record(text, layout))
      assert.same(json.decode(object), record.columns)
      assert.equal("Yes", record.text)
    end
  end)

  it("has the time only when it is wanted", function ()
    assert.is_nil((answer('{"a":1}\n', jsonl(), { time = 1.5 })):find("time", 1, true))
    local text, layout = answer('{"a":1}\n', jsonl { timing = true }, { time = 0.12345678 })
    assert.is_truthy(text:find('"error":null,"time":0.123457}\n', 1, true), text)
    assert.equal(0.123457, read_record(text, layout).time)
    text, layout = answer('{"time":7}\n', jsonl { timing = true }, { time = 2 })
    assert.is_truthy(text:find('"time":7,.*"predibase_time":2}'), text)
    assert.equal(2, read_record(text, layout).time)
    -- Otherwise the column would be taken for ours.
    text, layout = answer('{"time":7}\n', jsonl(), { time = 2 })
    assert.is_truthy(text:find('"time":7,.*"predibase_time":null}'), text)
    for _, timing in ipairs { true, false } do
      local record = read_record(text, timing and records.new(jsonl { timing = true }) or layout)
      assert.is_nil(record.time)
      assert.same({ time = 7 }, record.columns)
    end
  end)

  it("says why a row failed, where failed rows are printed", function ()
    local text, layout = answer('{"a":1}\n', jsonl(), { text = false,
      err = errors.new { kind = "timeout", message = 'too "slow"' } })
    assert.is_truthy(text:find('"error":{"kind":"timeout","message":"too \\"slow\\""}}', 1, true),
      text)
    local record, why = read_record(text, layout)
    assert.is_nil(record)
    assert.equal("it is a row that failed", why)
  end)

  it("has only UTF-8", function ()
    local text, layout = answer('{"a":"ü"}\n', jsonl(), { id = "\255", text = "a\255\192\128ü\0" })
    assert(json.check(text))
    local record = read_record(text, layout)
    assert.equal("a\239\191\189\239\191\189\239\191\189ü\0", record.text)
    assert.equal("\239\191\189", record.id)
  end)

  it("can hold a vector", function ()
    local text, layout = answer('{"a":1}\n', jsonl(), { text = { 0.5, -1 } })
    assert.is_truthy(text:find('"text":[0.5,-1]', 1, true), text)
    assert.same({ 0.5, -1 }, read_record(text, layout).text)
  end)
end)

describe("columns that are called like ours", function ()
  it("stay, and ours get a prefix", function ()
    local text, layout = answer('{"text":"Q","id":9,"error":"E"}\n', jsonl(), { id = "9" })
    assert.is_truthy(text:find('^{"text":"Q","id":9,"error":"E","predibase_id":"9","line":1,'),
      text)
    local record = read_record(text, layout)
    assert.same({ text = "Q", id = 9, error = "E" }, record.columns)
    assert.equal("9", record.id)
    assert.equal("Yes", record.text)
  end)

  it("may have the prefix themselves", function ()
    local cases = {
      [{ "hash" }] = "predibase_hash",
      [{ "predibase_hash" }] = "predibase_predibase_hash",
      [{ "hash", "predibase_hash" }] = "predibase_predibase_hash",
      [{ "predibase_predibase_hash" }] = "predibase_predibase_predibase_hash",
      [{ "predibase_predibase_hash", "hash" }] = "predibase_predibase_predibase_hash",
      [{ "predibase_", "predibase_x", "hashes" }] = "hash",
    }
    for names, ours in pairs(cases) do
      local members, cells = {}, {}
      for i, name in ipairs(names) do
        members[i], cells[i] = { name, "0123456789abcdef-00000000" }, "0123456789abcdef-00000000"
      end
      local object = json.encode(json.object(members))
      local text, layout, entry = answer(object .. "\n", jsonl())
      assert.equal(entry.hash, json.decode(text)[ours])
      local record = read_record(text, layout)
      assert.equal(entry.hash, record.hash)
      assert.same(json.decode(object), record.columns)

      local csv = table.concat(names, ",") .. "\n" .. table.concat(cells, ",") .. "\n"
      text, layout, entry = answer(csv, { format = "csv", input = "csv" })
      assert.equal(ours, layout.names.hash)
      record = read_record(text, layout)
      assert.equal(entry.hash, record.hash)
      assert.same(json.decode(object), record.columns)
    end
  end)

  it("are those of an output, when it is the input of another run", function ()
    local first = answer('{"q":"?"}\n', jsonl())
    local second = answer(first, jsonl(), { text = "Second" })
    local third, layout = answer(second, jsonl(), { text = "Third" })
    local record = read_record(third, layout)
    assert.equal("Third", record.text)
    assert.equal("Second", record.columns.predibase_text)
    assert.equal("Yes", record.columns.text)
  end)
end)

describe("a record in CSV", function ()
  local INPUT = "\239\187\191q,text\r\n\"a \"\"b\"\"\nc\",x\r\n"

  it("has the columns of the file, and then ours", function ()
    local text, layout, entry = answer(INPUT, { format = "csv", input = "csv" },
      { id = "7", text = "a,b\nc" })
    assert.equal("q,text,id,line,hash,predibase_text,finish_reason,tokens_in,tokens_out,error\n",
      layout:header())
    assert.equal('"a ""b""\nc",x,7,2,' .. entry.hash .. ',"a,b\nc",stop,12,3,\n', text)
    local record = read_record(text, layout)
    assert.same({ id = "7", line = 2, hash = entry.hash, text = "a,b\nc", finish_reason = "stop",
      tokens_in = 12, tokens_out = 3, columns = { q = 'a "b"\nc', text = "x" } }, record)
  end)

  it("has no zero byte and only UTF-8", function ()
    local text = answer(INPUT, { format = "tsv", input = "csv" }, { text = "a\0b\255" })
    assert.is_truthy(text:find("\ta\239\191\189b\239\191\189\t", 1, true), text)
    assert.is_nil(text:find("%z"))
  end)

  it("can be made of JSON Lines, with the columns of the first row", function ()
    local object = '{"z":{"a":[1,2.50]},"a\\u0062":"}{","n":null,"z":true,"predibase_error":"x"}'
    local columns = records.columns(object)
    assert.same({ "z", "ab", "n" }, columns)
    local text, layout = answer(object .. "\n", { format = "csv", input = "jsonl",
      columns = columns })
    assert.is_truthy(text:find("^true,}{,,,1,"), text)
    local wider = read('{"z":1,"new":2}\n', "jsonl")[1]
    local hash, err = layout:hash(wider[1], { line = 5, raw = wider[2].raw }, OPTIONS)
    assert.is_nil(hash)
    assert.equal("validation", err.kind)
    assert.is_truthy(err.message:find('line 5: the column "new"', 1, true), err.message)
  end)

  it("can become JSON Lines", function ()
    local text, layout = answer(INPUT, { format = "jsonl", input = "csv" })
    assert.is_truthy(text:find('^{"q":"a \\"b\\"\\nc","text":"x","id":null,"line":2,'), text)
    assert.equal("Yes", read_record(text, layout).text)
  end)

  it("needs columns", function ()
    assert.has_error(function () records.new { format = "csv", input = "jsonl" } end,
      "columns: needed for an output in csv")
  end)
end)

describe("a record in OpenAI's form", function ()
  local INPUT = '{"custom_id":"r-1","method":"POST","url":"/v1/chat/completions","body":{}}\n'
  local OPENAI = { format = "openai", input = "jsonl" }
  local BODY = '{\n  "choices": [{"message":{"content":"a\\nb"},"finish_reason":"stop"}],\r\n\t'
    .. '"usage": {"prompt_tokens":5,"completion_tokens":2}}'

  it("has the body of the response in one line", function ()
    local text, layout, entry = answer(INPUT, OPENAI, { id = "r-1", request_id = "q",
      raw_body = BODY })
    assert.equal('{"id":"batch_req_' .. entry.hash .. '","custom_id":"r-1","response":'
      .. '{"status_code":200,"request_id":"q","body":{   "choices": [{"message":{"content":"a\\nb"'
      .. '},"finish_reason":"stop"}],   "usage": {"prompt_tokens":5,"completion_tokens":2}}},'
      .. '"error":null}\n', text)
    assert.same({ id = "r-1", hash = entry.hash, text = "a\nb", finish_reason = "stop",
      tokens_in = 5, tokens_out = 2, columns = {} }, read_record(text, layout))
  end)

  it("reads back other answers, too", function ()
    for body, wanted in pairs {
      ['{"choices":[{"text":"t","finish_reason":"length"}],"usage":null}'] = "t",
      ['{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":1}}'] = false,
      ['{"choices":[{"message":{"content":null}}]}'] = false,
      ['{"raw":"a\1\2"}'] = false } do
      local text, layout = answer(INPUT, OPENAI, { id = "r-1", raw_body = body })
      assert(json.check(text))
      local record = assert(read_record(text, layout))
      assert.equal(wanted or nil, record.text)
    end
  end)

  it("can be read back, whatever the server sends", function ()
    for body, wanted in pairs {
      ['{"choices":[{"text":"\\ud83d"}],"n":1e2}'] = "\239\191\189",
      ['{"choices":[{"text":"a\127\1\255"}],"n":-.5,"m":1.}'] = "a\127\1\239\191\189" } do
      local text, layout = answer(INPUT, OPENAI, { id = "r-1", raw_body = body })
      assert(json.check(text))
      assert.equal(wanted, assert(read_record(text, layout)).text)
    end
    local layout = records.new(OPENAI)
    for _, body in ipairs { '{"n":1e400}', ("["):rep(127) .. ("]"):rep(127), "no JSON" } do
      local text, err = layout:write { row = {}, at = { raw = "{}", line = 1 }, id = "x",
        hash = "0123456789abcdef-01234567", raw_body = body }
      assert.is_nil(text)
      assert.equal("validation", err.kind)
    end
  end)

  it("says why a row failed, where failed rows are printed", function ()
    local text, layout = answer(INPUT, OPENAI, { id = "r-1",
      err = errors.new { kind = "server", message = "m" } })
    assert.is_truthy(text:find('"response":null,"error":{"code":"server","message":"m"}}', 1, true))
    assert.is_nil((read_record(text, layout)))
  end)
end)

describe("the hash of a row", function ()
  it("changes with the row's bytes and with the options", function ()
    local layout = records.new(jsonl())
    local a = layout:hash({ a = 1 }, { raw = '{"a":1}', line = 1 }, OPTIONS)
    assert.equal(done.hash('{"a":1}') .. "-" .. OPTIONS, a)
    assert.not_equal(a, (layout:hash({ a = 1 }, { raw = '{"a":1 }', line = 1 }, OPTIONS)))
    assert.equal(a:sub(1, 16), (layout:hash({ a = 1 }, { raw = '{"a":1}' }, "x")):sub(1, 16))
  end)

  it("is that of the JSON for rows of a program", function ()
    local layout = records.new { format = "jsonl" }
    assert.equal(done.hash('{"a":"x","b":2}') .. "-" .. OPTIONS,
      (layout:hash({ b = 2, a = "x" }, { line = 1 }, OPTIONS)))
    local hash, err = layout:hash({ a = print }, { line = 1 }, OPTIONS)
    assert.is_nil(hash)
    assert.equal("validation", err.kind)
    hash, err = layout:hash({ a = "\255" }, { line = 1 }, OPTIONS)
    assert.is_nil(hash)
    assert.is_truthy(err.message:find("UTF-8", 1, true))
  end)
end)

describe("a failed row", function ()
  local ERR = errors.new { kind = "server", message = 'status 500: "a",\tb\nc' }

  --- Fails the first row of a text. Returns the file of failed rows, its layout, and the row.
  local function fail (text, options)
    local list, columns = read(text, options.input)
    options.columns = options.columns or columns
    local layout = records.new(options)
    local row, at = list[1][1], list[1][2]
    return layout:failed_header() .. assert(layout:failed(row, at, ERR)), layout, row, at
  end

  it("is the row again, with the hash that it had", function ()
    for _, case in ipairs {
      { '{"a":1.50}', "jsonl" }, { "{}", "jsonl" }, { ' { "a" : [1, 2] } ', "jsonl" },
      { '{ }', "jsonl" }, { 'q,"a ""b"""\n"x,y",\n', "csv" }, { 'q\n"x\r\ny"\n', "csv" },
      { "q\tr\na\tb\n", "tsv" } } do
      local text, format = case[1] .. "\n", case[2]
      local failed, layout, row, at = fail(text, { format = format, input = format })
      assert.equal(format, layout.failed_format)
      local list, columns = read(failed, format)
      assert.equal(1, #list)
      assert.is_nil(list[1][2].err)
      assert.equal("server: status 500: 'a', b c", list[1][1].predibase_error)
      assert.same(row, records.without_failure(list[1][1]))
      local again = records.new { format = format, input = format, columns = columns }
      local hash = assert(layout:hash(row, at, OPTIONS))
      assert.equal(hash, (again:hash(list[1][1], list[1][2], OPTIONS)))
      -- Its answer has no trace of the failure.
      local entry = { row = list[1][1], at = list[1][2], hash = hash, text = "ok" }
      local written = again:write(entry)
      assert.is_nil(written:find("status 500", 1, true))
      assert.same(row, read_record(written, again).columns)
      -- When it fails again, the file of failed rows stays the same.
      assert.equal(failed, again:failed_header()
        .. again:failed(list[1][1], list[1][2], ERR))
    end
  end)

  it("loses the member wherever it is", function ()
    local layout = records.new(jsonl())
    for raw, wanted in pairs {
      ['{"predibase_error":"x"}'] = "{}", ['{"predibase_error":"x","a":1}'] = '{"a":1}',
      ['{"a":1,"predibase_error":{"b":"}"},"c":[2]}'] = '{"a":1,"c":[2]}',
      ['{"a":1,"predibase\\u005ferror":"x"}'] = '{"a":1}',
      ['{"predibase_error":1,"a":"predibase_error","predibase_error":2}'] =
        '{"a":"predibase_error"}',
    } do
      local row = json.decode(raw)
      assert.equal(done.hash(wanted) .. "-" .. OPTIONS,
        (layout:hash(row, { raw = raw, line = 1 }, OPTIONS)))
    end
  end)

  it("has the format of the output, except for JSON Lines", function ()
    local csv = "q,w\n\"x\ny\",2\n"
    local failed, layout = fail(csv, { format = "jsonl", input = "csv" })
    assert.equal("jsonl", layout.failed_format)
    assert.same({ q = "x\ny", w = "2", predibase_error = "server: status 500: 'a', b c" },
      read(failed, "jsonl")[1][1])
    failed = fail(csv, { format = "tsv", input = "csv" })
    assert.same({ q = "x\ny", w = "2", predibase_error = "server: status 500: 'a', b c" },
      read(failed, "tsv")[1][1])
    failed, layout = fail('{"q":{"a":1.0}}\n', { format = "csv", input = "jsonl",
      columns = { "q" } })
    assert.equal("jsonl", layout.failed_format)
    assert.equal('{"q":{"a":1.0},"predibase_error":"server: status 500: \'a\', b c"}\n', failed)
    for _, format in ipairs { "jsonl", "csv" } do
      failed = fail("a, \"b\"\n", { format = format, input = "lines", columns = { "text" } })
      assert.same({ text = 'a, "b"', prompt = 'a, "b"',
        predibase_error = "server: status 500: 'a', b c" }, read(failed, format)[1][1])
    end
  end)

  it("is copied as it is when it could not be read", function ()
    local failed = fail("{\"a\":\n", jsonl())
    assert.equal("{\"a\":\n", failed)
    failed = fail("q,r\na,b,c\n", { format = "csv", input = "csv" })
    assert.equal("q,r,predibase_error\na,b,c,\"server: status 500: 'a', b c\"\n", failed)
  end)

  it("that could not be read does not become a row, nor a part of one", function ()
    local bad = { csv = { "a", "a,b,c", "a,\"b", "a,\"b\"c", "a,b\"", "a,b,", "a,b,\"c\nd\"",
      "a,\"b\"\"", '"a\255",b', "a\rb,c", '{"q":"a","r":"b"}', "a\tb" },
      tsv = { "a", "a\tb\tc", "a\t\"b", '{"q":"a"}' },
      jsonl = { "{", "[1]", "a", '{"q":1}}', '{"q":"\255"}' }, lines = { "\255" } }
    local good = { csv = '"x, y",z', tsv = '"x\ty"\tz', jsonl = '{"q":"x","r":"z"}', lines = "x" }
    local headers = { csv = "q,r\n", tsv = "q\tr\n", jsonl = "", lines = "" }
    for from, texts in pairs(bad) do
      for _, to in ipairs { "jsonl", "csv", "tsv" } do
        for _, text in ipairs(texts) do
          local input = headers[from] .. text .. "\n" .. good[from] .. "\n"
          local list = read(input, from)
          assert.is_table(list[1][2].err)
          local layout = records.new { format = to, input = from,
            columns = from == "lines" and { "text" } or { "q", "r" } }
          local out = { layout:failed_header() }
          for _ = 1, 2 do
            for _, one in ipairs(list) do
              out[#out + 1] = assert(layout:failed(one[1], one[2], one[2].err or ERR))
            end
          end
          local again = read(table.concat(out), layout.failed_format)
          local whole = 0
          for _, one in ipairs(again) do
            local row = one[1]
            if not one[2].err and row.predibase_record == nil then
              whole = whole + 1
              assert.same(list[#list][1], { q = row.q, r = row.r,
                text = from == "lines" and row.text or nil })
            end
          end
          assert.equal(2, whole, from .. " " .. to .. " " .. text)
        end
      end
    end
  end)

  it("that could not be read is printed without columns", function ()
    local layout = records.new(jsonl())
    local hash = "0123456789abcdef-01234567"
    assert.equal('{"id":null,"line":7,"hash":"' .. hash .. '","text":null,"finish_reason":null,'
      .. '"tokens":null,"error":{"kind":"server","message":"status 500: \\"a\\",\\tb\\nc"}}\n',
      (layout:write { row = {}, at = { raw = "{", line = 7, err = ERR }, hash = hash, err = ERR }))
  end)

  it("has the id that is read back", function ()
    for format, wanted in pairs { jsonl = "a\0\239\191\189", csv = "a\239\191\189\239\191\189" } do
      local layout = records.new { format = format, input = "jsonl", columns = { "a" } }
      assert.equal(wanted, layout:id("a\0\255"))
      assert.is_nil(layout:id(""))
      assert.is_nil(layout:id(nil))
      local text = assert(layout:write { row = { a = "x" }, at = { raw = '{"a":"x"}', line = 1 },
        hash = "0123456789abcdef-01234567", id = "a\0\255" })
      assert.equal(wanted, read_record(text, layout).id)
    end
  end)

  it("of a program is JSON, or the error alone", function ()
    local layout = records.new { format = "jsonl" }
    assert.equal('{"a":1,"predibase_error":"server: status 500: \'a\', b c"}\n',
      (layout:failed({ a = 1 }, { line = 1 }, ERR)))
    assert.equal('{"predibase_error":"server: status 500: \'a\', b c"}\n',
      (layout:failed({ a = print }, { line = 1 }, ERR)))
  end)
end)

describe("reading", function ()
  it("refuses what is not a record", function ()
    local layout = records.new(jsonl())
    local hash = "0123456789abcdef-01234567"
    for text, why in pairs {
      ['{}'] = "hash", ['{"a":1}'] = "hash", ['{"hash":"x","line":1}'] = "hash",
      ['{"hash":"' .. hash .. '0","line":1}'] = "hash", ['{"hash":7,"line":1}'] = "hash",
      ['{"hash":"' .. hash .. '"}'] = "line", ['{"hash":"' .. hash .. '","line":"x"}'] = "line",
      ['{"hash":"' .. hash .. '","line":1.5}'] = "line",
      ['{"hash":"' .. hash .. '","line":1,"id":7}'] = "id",
      ['{"hash":"' .. hash .. '","line":1,"error":"x"}'] = "failed",
      ['{"hash":"' .. hash .. '","line":1,"error":"x","predibase_error":null}'] = false } do
      local record, reason = layout:read(json.decode(text))
      assert.equal(not why, record ~= nil)
      if why then assert.is_truthy(reason:find(why, 1, true), reason) end
    end
    local openai = records.new { format = "openai" }
    for _, text in ipairs { '{}', '{"id":"batch_req_"}', '{"id":"batch_req_' .. hash .. '"}',
      '{"id":1,"custom_id":"x"}', '{"id":"x' .. hash .. '","custom_id":"x"}' } do
      assert.is_nil((openai:read(json.decode(text))))
    end
    assert.is_table(openai:read(json.decode('{"id":"batch_req_' .. hash .. '","custom_id":"x"}')))
  end)

  it("returns what was written, for random rows", function ()
    local numbers = random.new(4711)
    local pool = { "a", "text", "hash", "id", "line", "error", "tokens", "tokens_in",
      "predibase_text", "predibase_hash", "predibase_predibase_text", "predibase_id", "é ü",
      "finish_reason", "time", "predibase_time", "predibase_predibase_error" }
    local texts = { "", "x", 'a "b"', "c,d\n", "\r\n", "ü\t", "}", "\\", " ", "0123" }
    for _ = 1, 400 do
      local members, names, cells, seen = {}, {}, {}, {}
      for _ = 1, numbers:int(1, 6) do
        local name = numbers:pick(pool)
        if not seen[name] then
          seen[name] = true
          names[#names + 1], cells[name] = name, numbers:pick(texts)
          members[#members + 1] = { name, cells[name] }
        end
      end
      local input = {
        jsonl = json.encode(json.object(members)) .. "\n",
        csv = rows.header("csv", names) .. rows.encode("csv", names, cells),
        tsv = rows.header("tsv", names) .. rows.encode("tsv", names, cells),
      }
      local formats = { "jsonl", "csv", "tsv" }
      local from, to = numbers:pick(formats), numbers:pick(formats)
      local wanted = { id = numbers:pick { "i", "ü" }, text = numbers:pick(texts),
        finish_reason = "stop", tokens_in = numbers:int(0, 9), tokens_out = numbers:int(0, 9) }
      local text, layout, entry = answer(input[from], { format = to, input = from,
        columns = names }, wanted)
      local record = assert(read_record(text, layout))
      wanted.columns, wanted.hash, wanted.line = cells, entry.hash, entry.at.line
      assert.same(wanted, record)
    end
  end)
end)
