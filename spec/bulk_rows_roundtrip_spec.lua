-- SPDX-License-Identifier: MIT
-- What predibase.bulk.rows writes is read back unchanged: by itself, and by Python's csv module.
local child = require "spec.support.child"
local json = require "predibase.json"
local random = require "spec.support.random"
local rows = require "predibase.bulk.rows"
local scratch = require "spec.support.scratch"

local PARTS = { "a", "Zeile", " ", ",", "\t", '"', '""', "\n", "\r\n", "\r", "é", "漢", "😀", "\0",
  "\239\187\191", "null", "1", "'", "\\", "{" }

--- Makes a random text of up to six parts.
local function text_of (rng, refused)
  local pieces = {}
  for i = 1, rng:int(0, 6) do
    local part = rng:pick(PARTS)
    pieces[i] = refused and part:find(refused) and "." or part
  end
  return table.concat(pieces)
end

--- Makes a random table: names of columns, and rows in which every column has a text. The names
-- have no zero bytes, because a file that begins like UTF-16 is refused.
local function table_of (rng, refused)
  local columns, list, used = {}, {}, {}
  for i = 1, rng:int(1, 5) do
    local name = text_of(rng, refused or "%z")
    if name == "" or used[name] then name = name .. i .. ":" end
    used[name], columns[i] = true, name
  end
  for i = 1, rng:int(0, 6) do
    list[i] = {}
    for _, name in ipairs(columns) do list[i][name] = text_of(rng, refused) end
  end
  return columns, list
end

describe("a file of predibase.bulk.rows", function ()
  local folder
  before_each(function () folder = scratch.new() end)
  after_each(function () scratch.remove(folder) end)

  local function write (path, columns, list)
    local writer = assert(rows.create(path, { columns = columns }))
    for _, row in ipairs(list) do assert(writer:write(row)) end
    assert(writer:close())
  end

  local function read (path)
    local reader, found = assert(rows.open(path)), {}
    for row, at in reader do
      assert(not at.err, at.err)
      assert.is_true(at.ended)
      found[#found + 1] = row
    end
    assert(not reader.err)
    return found, reader.columns
  end

  for seed, extension in ipairs { "csv", "tsv", "jsonl" } do
    it("is read back: " .. extension, function ()
      local rng, path = random.new(1000 + seed), folder .. "/table." .. extension
      for _ = 1, 300 do
        local columns, list = table_of(rng)
        write(path, columns, list)
        local found, names = read(path)
        assert.same(list, found)
        if extension ~= "jsonl" then assert.same(columns, names) end
      end
    end)
  end

  it("is read back: plain lines", function ()
    local rng, path = random.new(77), folder .. "/lines.txt"
    local refused = 0
    for _ = 1, 300 do
      local list = {}
      local writer = assert(rows.create(path))
      for _ = 1, rng:int(0, 6) do
        local row = { text = text_of(rng, "%z") }
        local ok, err = writer:write(row)
        if ok then
          list[#list + 1] = row
        else
          assert.equal("validation", err.kind)
          refused = refused + 1
        end
      end
      assert(writer:close())
      assert.same(list, (read(path)))
    end
    assert.is_true(refused > 100)
  end)

  it("is read back: JSON of any shape", function ()
    local path = folder .. "/shapes.jsonl"
    local list = { { a = json.null, b = { 1, 2.5, { c = "\n" } }, ["ä\0"] = false }, {} }
    write(path, nil, list)
    assert.same(list, (read(path)))
  end)

  for separator, extension in pairs { [","] = "csv", ["\t"] = "tsv" } do
    it("means the same to Python's csv module: " .. extension, function ()
      local rng = random.new(4242)
      -- Python 3.10 and earlier refuse zero bytes, and a mark at the beginning is a choice of the
      -- program there. So these tables have neither.
      local columns = { "id", 'a "b"', "c,\td", "e\r\nf" }
      local list, cells = {}, { columns }
      for i = 1, 400 do
        list[i], cells[i + 1] = {}, {}
        for k, name in ipairs(columns) do
          list[i][name] = text_of(rng, "[%z\239]")
          cells[i + 1][k] = list[i][name]
        end
      end
      local path = folder .. "/ours." .. extension
      write(path, columns, list)
      local args = { "spec/support/csv_module.py", separator, path }
      for i = 1, 3 do args[3 + i] = ("%s/%d.%s"):format(folder, i, extension) end
      local python = child.start("python3", { args = args, env = child.STRANGER })
      assert.equal(0, python:wait(), python.stderr)
      assert.same(cells, json.decode(python.stdout))
      for i = 1, 3 do
        local found, names = read(args[3 + i])
        assert.same(columns, names)
        assert.same(list, found)
      end
    end)
  end
end)
