-- SPDX-License-Identifier: MIT
-- A file gives the same rows in whatever pieces it arrives, and every byte of it is accounted for.
local random = require "spec.support.random"
local rows = require "predibase.bulk.rows"

local BOM = "\239\187\191"

--- Makes a source that returns the text in pieces of the sizes that `size` returns.
local function source_of (text, size)
  local at = 1
  return { read = function (_, n)
    if at > #text then return nil end
    local piece = text:sub(at, at + math.min(n, size()) - 1)
    at = at + #piece
    return piece
  end }
end

--- Reads everything. Returns it as a text, and the places of all rows.
local function read (text, options, size)
  local reader, err = rows.open(source_of(text, size), options)
  if not reader then return "refused: " .. err.message, {} end
  local out, places = { table.concat(reader.columns or {}, "|") }, { reader.header }
  for row, at in reader do
    local cells = {}
    for name, value in pairs(row) do cells[#cells + 1] = name .. "=" .. tostring(value) end
    table.sort(cells)
    out[#out + 1] = ("%d %d %d-%d %s %s <%s> %s"):format(at.number, at.line, at.first, at.stop,
      tostring(at.ended), at.err and at.err.message or "", at.raw, table.concat(cells, "|"))
    places[#places + 1] = at
  end
  assert(not reader.err)
  return table.concat(out, "\n"), places
end

local function whole () return math.huge end

--- Checks that the records and the blank lines between them are all of the text, in this order.
local function check_places (text, places, options)
  local done = text:sub(1, 3) == BOM and 3 or 0
  local blank = options.format == "jsonl" and "^[ \t\r\n]*$" or "^[\r\n]*$"
  for _, at in ipairs(places) do
    assert.is_true(at.first >= done)
    assert.matches(blank, text:sub(done + 1, at.first))
    local bytes = text:sub(at.first + 1, at.stop)
    assert.equal(at.raw, bytes:sub(1, #at.raw))
    if #at.raw < options.max_record then
      assert.matches(at.ended and "^\r?\n$" or "^\r?\n?$", bytes:sub(#at.raw + 1))
    end
    local _, before = text:sub(1, at.first):gsub("\n", "")
    assert.equal(before + 1, at.line)
    done = at.stop
  end
  assert.matches(blank, text:sub(done + 1))
end

local FILES = {
  csv = BOM .. 'id,"te""xt"\r\n1,"a\r\nb, ""c"""\n\n2,é\n"3","x" y\n4,5"\n6,\r\n7,"\r"\n\r\n8\n'
    .. '9,\233\n10,' .. ("long "):rep(20) .. '\n11,"\n12,x\n"13","\240\159\142\137"\n14,"open\n'
    .. "15,y",
  tsv = "a\tb\n1\t\"x\ty\"\n2\t\n",
  jsonl = BOM .. '{"a":1}\r\n\n {"a":"é"} \n[1]\n{"a":"\233"}\n{"a":"' .. ("long "):rep(20)
    .. '"}\n{"a":2}',
  lines = "a\n\r\n\nb\r\n\233\n" .. ("long "):rep(20) .. "\n" .. ("x"):rep(80) .. "\r\né",
}

describe("the pieces in which predibase.bulk.rows reads", function ()
  for format, text in pairs(FILES) do
    it("do not matter for a file of format " .. format, function ()
      for _, max_record in ipairs { 80, 1000 } do
        local options = { format = format, max_record = max_record }
        local wanted, places = read(text, options, whole)
        check_places(text, places, options)
        for size = 1, #text do
          assert.equal(wanted, read(text, options, function () return size end))
        end
        for cut = 1, #text - 1 do
          local first = true
          assert.equal(wanted, read(text, options, function ()
            local size = first and cut or math.huge
            first = false
            return size
          end))
        end
      end
    end)
  end

  it("do not matter for random bytes", function ()
    local rng = random.new(20261128)
    local parts = { "a", ",", ",", '"', '"', '""', "\n", "\n", "\r\n", "\r", "é", "\233", "\0",
      "\t", " ", "{}", '{"a":1}', '"x\ny"' }
    local formats = { "csv", "csv", "csv", "tsv", "jsonl", "lines" }
    local read_rows = 0
    for _ = 1, 3000 do
      local pieces = {}
      for i = 1, rng:int(0, 30) do pieces[i] = rng:pick(parts) end
      local text = table.concat(pieces)
      local options = { format = rng:pick(formats), max_record = rng:pick { 3, 8, 100 } }
      if options.format == "csv" or options.format == "tsv" then
        options.columns = rng:pick { { "x" }, { "x", "y" } }
        options.quotes = rng:int(1, 4) > 1
      end
      local wanted, places = read(text, options, whole)
      if not wanted:find("^refused") then check_places(text, places, options) end
      read_rows = read_rows + #places
      for _ = 1, 3 do
        local most = rng:int(1, 6)
        local got = read(text, options, function () return rng:int(1, most) end)
        if got ~= wanted then
          error(("%q as %s, %d bytes:\n%s\n-- wanted:\n%s"):format(text, options.format,
            options.max_record, got, wanted))
        end
      end
    end
    assert.is_true(read_rows > 5000)
  end)

  -- This is how a file to which rows were being appended is mended.
  it("do not matter for finding the end of the last whole row", function ()
    local columns = { 'a "b"', "c\nd" }
    local cells = { "x", "", "x\ny", '"', "\r\n", "é", '""\n', "\n1,2\n", "," }
    for _, format in ipairs { "csv", "tsv", "jsonl" } do
      local text, ends = rows.header(format, columns), { 0 }
      if text ~= "" then ends[2] = #text end
      for i, cell in ipairs(cells) do
        text = text .. rows.encode(format, columns, { [columns[1]] = cell,
          [columns[2]] = cells[#cells + 1 - i] })
        ends[#ends + 1] = #text
      end
      for size = 0, #text do
        local wanted = 0
        for _, stop in ipairs(ends) do
          if stop <= size then wanted = stop end
        end
        local reader, err = rows.open(source_of(text:sub(1, size), whole), { format = format })
        local cut
        if not reader then
          assert.is_true(err.unfinished)
          cut = 0
        elseif reader.header and not reader.header.ended then
          cut = 0
        else
          cut = reader.header and reader.header.stop or 0
          for _, at in reader do
            if not at.ended then break end
            cut = at.stop
          end
        end
        assert.equal(wanted, cut)
      end
    end
  end)
end)
