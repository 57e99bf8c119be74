-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local json = require "predibase.json"
local rows = require "predibase.bulk.rows"
local scratch = require "spec.support.scratch"

local BOM = "\239\187\191"

--- Makes a source that returns at most `size` bytes at a time.
local function source_of (text, size)
  local at = 1
  return { read = function (_, n)
    if at > #text then return nil end
    local piece = text:sub(at, at + math.min(n, size or n) - 1)
    at = at + #piece
    return piece
  end }
end

--- Reads all rows of a text. Rows that cannot be read become their messages.
local function read (text, options)
  local reader = assert(rows.open(source_of(text), options))
  local found, places = {}, {}
  for row, at in reader do
    if at.err then
      assert(next(row) == nil and errors.is(at.err) and at.err.kind == "validation"
        and at.err.line == at.line)
    end
    found[#found + 1] = at.err and at.err.message or row
    places[#places + 1] = at
  end
  assert(not reader.err, reader.err)
  return found, places, reader
end

local function csv (text, options)
  options = options or {}
  options.format = options.format or "csv"
  return read(text, options)
end

describe("predibase.bulk.rows reads CSV", function ()
  it("with quotes, doubled quotes and line breaks in cells", function ()
    local found, places, reader = csv('a,b c\r\n1,"x, ""y""\r\nz"\r\n"",\n"\r","\n\n"\n')
    assert.same({ "a", "b c" }, reader.columns)
    assert.equal("csv", reader.format)
    assert.same({ { a = "1", ["b c"] = 'x, "y"\r\nz' }, { a = "", ["b c"] = "" },
      { a = "\r", ["b c"] = "\n\n" } }, found)
    assert.same({ number = 1, line = 2, raw = '1,"x, ""y""\r\nz"', first = 7, stop = 24,
      ended = true }, places[1])
    assert.same({ number = 2, line = 4, raw = '"",', first = 24, stop = 28, ended = true },
      places[2])
    assert.same({ number = 3, line = 5, raw = '"\r","\n\n"', first = 28, stop = 37, ended = true },
      places[3])
  end)

  it("with a byte order mark, empty lines and no line end after the last row", function ()
    local found, places, reader = csv(BOM .. '"a"\n\n\r\n1\r\n\n"2"')
    assert.same({ { a = "1" }, { a = "2" } }, found)
    assert.same({ "a" }, reader.columns)
    assert.same({ line = 1, raw = '"a"', first = 3, stop = 7, ended = true, number = 0 },
      reader.header)
    assert.same({ number = 1, line = 4, raw = "1", first = 10, stop = 13, ended = true }, places[1])
    assert.same({ number = 2, line = 6, raw = '"2"', first = 14, stop = 17, ended = false },
      places[2])
    found, places = csv("a,b\n1,2\r")
    assert.same({ { a = "1", b = "2" } }, found)
    assert.same({ number = 1, line = 2, raw = "1,2", first = 4, stop = 8, ended = false },
      places[1])
  end)

  it("without a header when the columns are given", function ()
    local found, places, reader = csv("1,2\n", { columns = { "x", "" .. "y z" } })
    assert.same({ { x = "1", ["y z"] = "2" } }, found)
    assert.equal(1, places[1].line)
    assert.is_nil(reader.header)
    assert.same({ "x", "y z" }, reader.columns)
  end)

  it("with zero bytes and any other character", function ()
    local face = "ü\240\159\142\137"
    assert.same({ { a = "x\0y", b = face } }, (csv('a,b\nx\0y,"' .. face .. '"\n')))
  end)

  it("and names columns without a name by their number", function ()
    local found, _, reader = csv(",text,\n0,a,b\n")
    assert.same({ "column_1", "text", "column_3" }, reader.columns)
    assert.same({ { column_1 = "0", text = "a", column_3 = "b" } }, found)
  end)

  it("from an empty file", function ()
    for _, text in ipairs { "", BOM, "\n", "\r\n\r\n", "\r" } do
      local found, _, reader = csv(text)
      assert.same({}, found)
      assert.same({}, reader.columns)
      assert.is_nil(reader.header)
    end
  end)

  it("and refuses a header that cannot be used", function ()
    for text, message in pairs {
      ["a,b,a\n"] = 'the input: line 1: the header cannot be used: columns 1 and 3 are both called '
        .. '"a"',
      ["\n\n\"a\n\n"] = "the input: line 3: a quote is opened and never closed",
      ["a\rb\rc"] = "the input: line 1: a carriage return without a line feed; put the cell in "
        .. "quotes, or end the lines in LF or CR LF",
      ["column_2,\n"] = 'the input: line 1: the header cannot be used: columns 1 and 2 are both '
        .. 'called "column_2"',
    } do
      local reader, err = rows.open(source_of(text), { format = "csv" })
      assert.is_nil(reader)
      assert.equal("validation", err.kind)
      assert.equal(message, err.message)
    end
  end)

  it("and reports rows with another number of cells", function ()
    assert.same({ "line 2: the row has 1 cell, but there are 2 columns", { a = "1", b = "2" },
      "line 4: the row has 3 cells, but there are 2 columns" }, (csv("a,b\n1\n1,2\n1,2,3\n")))
  end)

  it("and names the separator when there may be another one", function ()
    local other = "; the separator is a comma in csv, and a tab in tsv"
    assert.same({ 'line 2: the row has 2 cells, but there is 1 column, "a;b"' .. other,
      { ["a;b"] = "3;4" } }, (csv("a;b\n1,5;2\n3;4\n")))
    assert.same({ 'line 2: the row has 2 cells, but there is 1 column, "a"' }, (csv("a\n1,5\n")))
    local reader, err = rows.open(source_of '"a";"b"\n', { format = "csv" })
    assert.is_nil(reader)
    assert.equal(other, err.message:sub(-#other))
  end)

  it("and goes on in the next line when quotes are wrong", function ()
    local after = "text follows the quote that ends a cell; a quote inside a cell in quotes must "
      .. "be doubled"
    local inner = "a quote inside a cell that does not begin with one; put the cell in quotes and "
      .. "double the quotes in it, or read the file with quotes = false"
    local ok = { a = "5", b = "6\n7" }
    local found, places = csv('a,b\n1,"x" y\n3,4"\n5,"6\n7"\n')
    assert.same({ "line 2: " .. after, "line 3: " .. inner, ok }, found)
    assert.same({ 4, 12, 17 }, { places[1].first, places[2].first, places[3].first })
    assert.same({ 12, 17, 25 }, { places[1].stop, places[2].stop, places[3].stop })
    -- The quote of line 2 seems to be closed by the one that opens the cell of line 4.
    found, places = csv('a,b\n1,"x\n3,4\n5,"6\n7"\n')
    assert.same({ "line 2: " .. after, { a = "3", b = "4" }, ok }, found)
    assert.equal('1,"x', places[1].raw)
    assert.is_true(places[1].ended)
    -- Nothing closes it.
    found, places = csv('a,b\n5,"6\n7"\n1,"x\r\n3,4\n8,9')
    assert.same({ ok, "line 4: a quote is opened and never closed", { a = "3", b = "4" },
      { a = "8", b = "9" } }, found)
    assert.same({ number = 2, line = 4, raw = '1,"x', first = 12, stop = 18, ended = false },
      { number = places[2].number, line = places[2].line, raw = places[2].raw,
        first = places[2].first, stop = places[2].stop, ended = places[2].ended })
    assert.is_true(places[3].ended)
    found = csv('a,b\n1,"x\n3,y""\n""\n4,5\n')
    assert.same({ "line 2: a quote is opened and never closed", "line 3: " .. inner,
      "line 4: the row has 1 cell, but there are 2 columns", { a = "4", b = "5" } }, found)
  end)

  it("and reports a lone carriage return outside of quotes", function ()
    assert.same({ "line 2: a carriage return without a line feed; put the cell in quotes, or end "
      .. "the lines in LF or CR LF", { a = "1", b = "2" } }, (csv("a,b\n1\r,2\n1,2\r\n")))
  end)

  it("and reports rows that are not UTF-8", function ()
    assert.same({ { a = "ü" }, "line 3: byte 2 of the row (0xe9) is not UTF-8; convert the file to "
      .. "UTF-8, for example with iconv -f WINDOWS-1252 -t UTF-8", { a = "é" },
      "line 5: byte 1 of the row (0xc3) is not UTF-8; convert the file to UTF-8, for example with "
      .. "iconv -f WINDOWS-1252 -t UTF-8" }, (csv("a\nü\nd\233j\né\n\195")))
  end)

  it("without quoting when quotes is false", function ()
    assert.same({ { a = '"x', b = '5" y"' } }, (csv('a\tb\n"x\t5" y"\n', { format = "tsv",
      quotes = false })))
  end)

  it("with tabs as TSV", function ()
    assert.same({ { a = "1,2", b = "x\ty" } }, (csv('a\tb\n1,2\t"x\ty"\n', { format = "tsv" })))
  end)
end)

describe("predibase.bulk.rows reads records up to a limit", function ()
  local LIMIT = 10

  it("of lines", function ()
    for _, format in ipairs { "csv", "lines" } do
      local found, places = read("a\n" .. ("x"):rep(10) .. "\r\n" .. ("y"):rep(11) .. "\r\n"
        .. ("z"):rep(30) .. "\nb\n" .. ("z"):rep(31), { format = format, max_record = LIMIT,
        columns = format == "csv" and { "text" } or nil })
      assert.same({ { text = "a" }, { text = ("x"):rep(10) },
        "line 3: the row is longer than 10 bytes", "line 4: the row is longer than 10 bytes",
        { text = "b" }, "line 6: the row is longer than 10 bytes" }, found)
      assert.same({ 0, 2, 14, 27, 58, 60 }, { places[1].first, places[2].first, places[3].first,
        places[4].first, places[5].first, places[6].first })
      assert.same({ 27, 58, 60, 91 }, { places[3].stop, places[4].stop, places[5].stop,
        places[6].stop })
      assert.same({ true, false }, { places[4].ended, places[6].ended })
      assert.equal(("z"):rep(10), places[4].raw)
    end
  end)

  it("so that an unclosed quote takes no other row with it", function ()
    local found, places = csv('a,b\n1,"2\n' .. ("3,4\n"):rep(500) .. '5,"6"\n',
      { max_record = 100 })
    assert.equal(502, #found)
    assert.equal("line 2: the row is longer than 100 bytes; perhaps a quote in its first line is "
      .. "not closed", found[1])
    assert.equal('1,"2', places[1].raw)
    assert.is_true(places[1].ended)
    for i = 2, 501 do assert.same({ a = "3", b = "4" }, found[i]) end
    assert.same({ a = "5", b = "6" }, found[502])
    assert.equal(503, places[502].line)
  end)

  it("in memory that does not grow with the file", function ()
    for _, format in ipairs { "csv", "jsonl" } do
      local line = format == "csv" and '1,"some\ntext ""x"""\n' or '{"a":1,"b":"some\\ntext"}\n'
      local piece, left = line:rep(200), 1000
      local reader = assert(rows.open({ read = function ()
        left = left - 1
        if left >= 0 then return piece end
      end }, { format = format, columns = format == "csv" and { "a", "b" } or nil }))
      local count, least, most = 0, math.huge, 0
      for _ in reader do
        count = count + 1
        if count % 20000 == 0 then
          collectgarbage()
          collectgarbage()
          local now = collectgarbage "count"
          least, most = math.min(least, now), math.max(most, now)
        end
      end
      assert.equal(200000, count)
      assert.is_true(most - least < 100, "grew by KiB: " .. most - least)
    end
  end)

  it("which is 16 MiB", function ()
    assert.equal(16777216, rows.MAX_RECORD)
    local text = ("x"):rep(1000000)
    local found = csv('a\n"' .. text .. '"\n')
    assert.equal(text, found[1].a)
  end)
end)

describe("predibase.bulk.rows reads JSON Lines", function ()
  it("as objects", function ()
    local found, places, reader = read(BOM .. '{"a": 1, "b": null}\n \t\n{"c":[1,{}]}\r\n{}',
      { format = "jsonl" })
    assert.same({ { a = 1, b = json.null }, { c = { 1, {} } }, {} }, found)
    assert.same({ number = 2, line = 3, raw = '{"c":[1,{}]}', first = 26, stop = 40, ended = true },
      places[2])
    assert.same({ number = 3, line = 4, raw = "{}", first = 40, stop = 42, ended = false },
      places[3])
    assert.is_nil(reader.columns)
    assert.is_nil(reader.header)
  end)

  it("and reports every other line", function ()
    local lines = { "[1]", '"a"', "null", '{"a":1', '{"a":1}}', '{"a":.5}', '{"a":-.5}', '{"a":1.}',
      '{"a":1e999}', '{"a":"\t"}', '{"a":"\0"}', "{'a':1}", '{"a":01}', '{"a":NaN}',
      '{"a":"\233"}', '{"a":"\\ud800"}', "x" }
    for _, line in ipairs(lines) do
      local found, places = read('{"a":1}\n' .. line .. '\n{"a":2}\n', { format = "jsonl" })
      assert.same({ a = 1 }, found[1])
      assert.same({ a = 2 }, found[3])
      assert.matches("^line 2: ", found[2])
      assert.equal(line, places[2].raw)
    end
  end)

  it("with white space and exact large integers", function ()
    local found = read(' {\t"a" : 9007199254740993 } \n', { format = "jsonl" })
    assert.equal("9007199254740993", tostring(found[1].a))
  end)
end)

describe("predibase.bulk.rows reads plain lines", function ()
  it("as they are", function ()
    local found, places = read("a\rb \r\n\n  \n\"c\r\r\n", { format = "lines" })
    assert.same({ { text = "a\rb " }, { text = "  " }, { text = "\"c\r" } }, found)
    assert.same({ number = 2, line = 3, raw = "  ", first = 7, stop = 10, ended = true }, places[2])
  end)
end)

describe("predibase.bulk.rows opens", function ()
  local folder
  before_each(function () folder = scratch.new() end)
  after_each(function () scratch.remove(folder) end)

  it("files in the format of their extension", function ()
    local texts = { jsonl = '{"text":"x"}\n', ndjson = '{"text":"x"}\n', CSV = "text\nx\n",
      tsv = "text\nx\n", txt = "x\n" }
    for extension, text in pairs(texts) do
      local path = folder .. "/a.b." .. extension
      scratch.write(path, text)
      local reader = assert(rows.open(path))
      local row, at = reader:next()
      assert.same({ text = "x" }, row)
      assert.equal(1, at.number)
      assert.is_nil(reader:next())
      assert.is_nil(reader:next())
      reader:close()
    end
    assert.is_nil(rows.format_of("csv"))
    local reader, err = rows.open(folder .. "/data")
    assert.is_nil(reader)
    assert.equal("validation", err.kind)
    assert.matches("data is not known from its name; give the option format", err.message)
  end)

  it("no arrays as JSON Lines, but says how", function ()
    for _, text in ipairs { "[", '[{"a":1},', "[1]" } do
      local _, at = rows.open(source_of(text .. "\n"), { format = "jsonl" }):next()
      assert.equal("line 1: the row is not a JSON object; JSON Lines is one object in each line: "
        .. "jq -c '.[]' makes it of an array", at.err.message)
    end
  end)

  it("no archives", function ()
    for _, format in ipairs { "jsonl", "csv", "lines" } do
      local reader, err = rows.open(source_of("\31\139\8\0x", 1), { format = format })
      assert.is_nil(reader)
      assert.equal("validation", err.kind)
      assert.matches("is compressed with gzip", err.message)
      reader, err = rows.open(source_of "PK\3\4\20\0", { format = format })
      assert.is_nil(reader)
      assert.matches("is a ZIP archive.*save it as CSV", err.message)
    end
    assert.equal("PK", assert(rows.open(source_of "PK", { format = "lines" })):next().text)
  end)

  it("no missing file, folder or UTF-16", function ()
    local reader, err = rows.open(folder .. "/none.csv")
    assert.is_nil(reader)
    assert.equal("config", err.kind)
    assert.matches("none.csv: No such file", err.message)
    reader, err = rows.open(folder, { format = "lines" })
    assert.is_nil(reader)
    assert.equal("config", err.kind)
    for _, text in ipairs { "\255\254a\0", "\254\255\0a", "a\0b\0", "\0a\0b" } do
      scratch.write(folder .. "/wide.csv", text)
      reader, err = rows.open(folder .. "/wide.csv")
      assert.is_nil(reader)
      assert.equal("validation", err.kind)
      assert.matches("wide.csv: is UTF%-16, or no text at all; convert it to UTF%-8", err.message)
    end
  end)

  it("sources, whose errors end the reading", function ()
    local left = { "a\n1\n", "2" }
    local reader = assert(rows.open({ read = function ()
      if #left == 0 then return nil, "the disk is gone", 5 end
      return table.remove(left, 1)
    end }, { format = "csv" }))
    assert.same({ a = "1" }, (reader:next()))
    for _ = 1, 2 do
      local row, at, err = reader:next()
      assert.is_nil(row)
      assert.is_nil(at)
      assert.equal("config", err.kind)
      assert.equal("the input: cannot be read: the disk is gone", err.message)
      assert.equal(err, reader.err)
    end
  end)

  it("pipes", function ()
    local pipe = io.popen("printf 'a,b\\n1,\"2\\n3\"\\n'")
    local reader = assert(rows.open(pipe, { format = "csv" }))
    assert.same({ a = "1", b = "2\n3" }, (reader:next()))
    assert.is_nil(reader:next())
    reader:close()
    assert.is_truthy(pipe:close())
    assert.is_nil(reader.size)
  end)

  it("nothing for a program that is wrong", function ()
    local function raises (pattern, ...)
      local ok, message = pcall(rows.open, ...)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    raises('unknown option "colums"; did you mean "columns"', "a.csv", { colums = {} })
    raises("expected a path or an object with the method read, got nil", nil, { format = "csv" })
    raises("columns%[1%]: expected a string, got the number 1", "a.csv", { columns = { 1 } })
    raises("quotes: expected a boolean", "a.csv", { quotes = 1 })
    raises("max_record: expected a whole number of bytes", "a.csv", { max_record = 0 })
    raises("expected a table of options", "a.csv", "csv")
    raises("source:read must return a string that is not empty",
      { read = function () return "" end }, { format = "lines" })
    for message, options in pairs {
      ['format: expected jsonl, csv, tsv or lines, got the string "xml"'] = { format = "xml" },
      ["columns: only csv and tsv have columns, the format is jsonl"] = { format = "jsonl",
        columns = { "a" } },
      ['columns: columns 1 and 2 are both called "a"'] = { format = "csv", columns = { "a", "a" } },
      ["columns: column 1 has no name"] = { format = "csv", columns = { "" } },
    } do
      local reader, err = rows.open(source_of("a"), options)
      assert.is_nil(reader)
      assert.equal(message, err.message)
    end
    local reader = assert(rows.open(source_of("a"), { format = "lines" }))
    reader:close()
    reader:close()
    assert.is_false(pcall(reader.next, reader))
  end)
end)

describe("predibase.bulk.rows writes", function ()
  local folder, path
  before_each(function ()
    folder = scratch.new()
    path = folder .. "/out.csv"
  end)
  after_each(function () scratch.remove(folder) end)

  it("values of every kind", function ()
    local columns = { "a", "b" }
    for _, case in ipairs {
      { { a = "x", b = "" }, "x,\n" }, { { a = 1, b = 2.5 }, "1,2.5\n" },
      { { a = true, b = false }, "true,false\n" }, { { a = json.null }, ",\n" },
      { { a = { 1, "x" }, b = { c = "d" } }, '"[1,""x""]","{""c"":""d""}"\n' },
      { { a = "x\ny", b = "\r" }, '"x\ny","\r"\n' }, { { a = '"', b = "," }, '"""",","\n' },
      { { a = BOM, b = " " }, '"' .. BOM .. '", \n' },
    } do
      assert.equal(case[2], rows.encode("csv", columns, case[1]))
    end
    assert.equal('a,b\t"\t"\n', rows.encode("tsv", { "x", "y" }, { x = "a,b", y = "\t" }))
    assert.equal('""\n', rows.encode("csv", { "a" }, {}))
    assert.equal('"a,b",c\n', rows.header("csv", { "a,b", "c" }))
    assert.equal("", rows.header("jsonl"))
    assert.equal('{"b":1,"a":null,"c":[]}\n', rows.encode("jsonl", { "b", "a", "d" },
      { a = json.null, b = 1, c = json.array {} }))
    assert.equal('{"a":1,"b":2}\n', rows.encode("jsonl", nil, { b = 2, a = 1 }))
    assert.equal('{"b":2,"a":1}\n', rows.encode("jsonl", { "a" }, json.object { { "b", 2 },
      { "a", 1 } }))
    assert.equal("x y\n", rows.encode("lines", nil, { text = "x y" }))
  end)

  it("nothing that would be read as something else", function ()
    for message, case in pairs {
      ["the row cannot be written as csv: a: is not UTF-8"] = { "csv", { "a" }, { a = "\233" } },
      ['the row cannot be written as csv: "b" is not a column'] = { "csv", { "a" }, { b = 1 } },
      ["the row cannot be written as csv: a: cannot write a number that is not finite as JSON"] =
        { "csv", { "a" }, { a = 0 / 0 } },
      ["the row cannot be written as jsonl: a row is a table with names as keys, not an array"] =
        { "jsonl", nil, { 1 } },
      ["the row cannot be written as lines: a plain line cannot be empty"] =
        { "lines", nil, { text = "" } },
      ["the row cannot be written as lines: a plain line cannot hold a line break"] =
        { "lines", nil, { text = "a\nb" } },
      ['the row cannot be written as lines: a plain line has no place for "id"'] =
        { "lines", nil, { text = "a", id = 1 } },
      ["the row cannot be written as lines: the row has no text"] = { "lines", nil, {} },
      ["the row cannot be written as lines: a plain line cannot begin with a byte order mark"] =
        { "lines", nil, { text = BOM } },
      ["the row cannot be written as lines: text: is not UTF-8"] =
        { "lines", nil, { text = "\255" } },
    } do
      local text, err = rows.encode(case[1], case[2], case[3])
      assert.is_nil(text)
      assert.equal("validation", err.kind)
      assert.equal(message, err.message)
    end
    for message, columns in pairs { ["columns: there are none"] = {},
      ['columns: columns 1 and 2 are both called "a"'] = { "a", "a" } } do
      local text, err = rows.header("csv", columns)
      assert.is_nil(text)
      assert.equal(message, err.message)
    end
  end)

  it("files", function ()
    local writer = assert(rows.create(path, { columns = { "a", "b" } }))
    assert.is_true(writer:write { a = 1, b = "x\ny" })
    local ok, err = writer:write { c = 1 }
    assert.is_nil(ok)
    assert.equal("validation", err.kind)
    assert.is_true(writer:write { b = "z" })
    assert.is_true(writer:close())
    assert.is_true(writer:close())
    assert.is_false(pcall(writer.write, writer, {}))
    assert.equal('a,b\n1,"x\ny"\n,z\n', scratch.read(path))
  end)

  it("an error when the disk is full", function ()
    local file = io.open("/dev/full", "wb")
    if not file then return assert.is_nil(file) end
    file:close()
    local writer = assert(rows.create("/dev/full", { format = "lines" }))
    local failure
    for _ = 1, 3 do
      local _, err = writer:write { text = ("x"):rep(100000) }
      failure = failure or err
    end
    local _, err = writer:close()
    failure = failure or err
    assert.equal("config", failure.kind)
    assert.matches("/dev/full: cannot be written", failure.message)
  end)

  it("an error for each buffer that a full disk did not take", function ()
    local file = io.open("/dev/full", "wb")
    if not file then return assert.is_nil(file) end
    file:close()
    local writer = assert(rows.create("/dev/full", { format = "lines" }))
    local failures = 0
    -- Enough for LuaJIT to compile the loop, and for many buffers.
    for _ = 1, 3000 do
      if not writer:write { text = ("x"):rep(1000) } then failures = failures + 1 end
    end
    assert.is_true(failures > 10, failures .. " failures")
    assert.is_nil((writer:close()))
  end)

  it("no file for a wrong path or without columns", function ()
    local writer, err = rows.create(folder .. "/none/x.csv", { columns = { "a" } })
    assert.is_nil(writer)
    assert.equal("config", err.kind)
    writer, err = rows.create(folder .. "/x")
    assert.is_nil(writer)
    assert.equal("validation", err.kind)
    assert.is_false(pcall(rows.create, folder .. "/x.csv"))
    assert.equal("", scratch.read(folder .. "/x.csv"))
  end)
end)
