-- SPDX-License-Identifier: MIT
-- Measures the CSV reader. `csv.lua make FILE [ROWS]` writes a file, of which every other row has
-- line breaks and quotes in a cell; `csv.lua read FILE` reads it and prints a line
-- "mb_per_cpu_s VALUE", as csv_module.py does for Python. Alone, `csv.lua` makes a file, measures
-- both, and prints their ratios.

local rows = require "predibase.bulk.rows"

local MEGABYTE = 1000000
local SIZE = 30 * MEGABYTE

local WORDS = {}
for word in ("the order has not arrived yet and I would like to know what happened with my parcel "
  .. "please answer soon"):gmatch "%a+" do WORDS[#WORDS + 1] = word end

--- Writes a file that is the same on every machine: of so many rows, or of about SIZE bytes.
local function make (path, rows_wanted)
  local x = 12
  local function random (n)                     -- Lehmer's generator
    x = (x * 16807) % 2147483647
    return x % n + 1
  end
  local writer = assert(rows.create(path, { format = "csv",
    columns = { "id", "text", "label", "score", "source" } }))
  local number, size = 0, 0
  while rows_wanted and number < rows_wanted or not rows_wanted and size < SIZE do
    number = number + 1
    local words = {}
    for i = 1, 4 + random(56) do words[i] = WORDS[random(#WORDS)] end
    local text = table.concat(words, " ")
    if number % 2 == 0 then text = text:gsub(" and ", ' "and"\n') .. ",\r\nbest regards" end
    size = size + #text + 32
    assert(writer:write { id = number, text = text, label = ("abc"):sub(random(3)),
      score = random(1000) / 1000, source = "mail" })
  end
  assert(writer:close())
end

--- Returns the speed in megabytes for each second of CPU time.
local function measure (path)
  local cpu, stop = os.clock(), 0
  local reader = assert(rows.open(path, { format = "csv" }))
  for _, at in reader do
    assert(not at.err, at.err)
    stop = at.stop
  end
  assert(not reader.err, reader.err)
  return stop / MEGABYTE / (os.clock() - cpu)
end

--- Runs csv_module.py. Returns what it prints as a table.
local function measure_python (path)
  local pipe, values = assert(io.popen("python3 bench/csv_module.py " .. path)), {}
  for line in pipe:lines() do
    local name, value = line:match "^(%S+) (%S+)$"
    values[name] = tonumber(value)
  end
  pipe:close()
  return values
end

local job, path = arg[1], arg[2]
if job == "make" then
  make(path, tonumber(arg[3]))
elseif job == "read" then
  print(("mb_per_cpu_s %.1f"):format(measure(path)))
else
  path = os.tmpname()
  make(path)
  local ours, python = measure(path), measure_python(path)
  os.remove(path)
  print(("predibase.bulk.rows  %6.1f MB/s"):format(ours))
  for _, what in ipairs { "reader", "dict_reader" } do
    local value = python[what .. "_mb_per_cpu_s"]
    if value then
      print(("csv.%-16s %6.1f MB/s, ratio %.2f"):format(
        what == "reader" and what or "DictReader", value, ours / value))
    end
  end
end
