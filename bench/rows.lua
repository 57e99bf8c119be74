-- SPDX-License-Identifier: MIT
-- The rows of the benchmark's table: the measurements that each row compares, and its limit.
--
-- `ours` and `base` are names of measurements as bench/run.sh writes them: WHO/SETTING/NAME. `bar`
-- is the limit, `{ what, "<=" or ">=", number }`, where `what` is "ratio" or "ours". `missing` says
-- how to install what the row needs; a row without `missing` must always be measured. Rows with
-- `absolute` show no ratio, because a ratio of such short delays has no meaning. Rows with `once`
-- are measured in the first round only. To add a row, add a line here and a `measure` in
-- bench/run.sh.

local rows = {}

local function row (id, title, ours, base, bar, missing)
  rows[#rows + 1] = { id = id, title = title, ours = ours, base = base, bar = bar,
    missing = missing }
end

local NAMES = { [1] = "1 stream", [100] = "100 streams", [1000] = "1,000 streams",
  [5000] = "5,000 streams" }

for _, size in ipairs { 1, 100, 1000, 5000 } do
  local title = NAMES[size] .. ", "
  local ours, floor = ("ours/%d/"):format(size), ("floor/%d/"):format(size)
  local bars = size == 1000
  row(("many_%d_cpu"):format(size), title .. "CPU us per token", ours .. "cpu_us_per_token",
    floor .. "cpu_us_per_token", bars and { "ratio", "<=", 1.25 })
  if size > 1 then
    row(("many_%d_memory"):format(size), title .. "memory, KiB per stream",
      ours .. "kib_per_stream", floor .. "kib_per_stream", bars and { "ratio", "<=", 1.5 })
  end
  if bars then
    row(("many_%d_memory_kib"):format(size), title .. "memory, KiB per stream",
      ours .. "kib_per_stream", nil, { "ours", "<=", 32 })
  end
  row(("many_%d_delay_p50"):format(size), title .. "added delay, ms, p50",
    ours .. "delay_ms_p50", floor .. "delay_ms_p50")
  rows[#rows].absolute = true
  row(("many_%d_delay_p99"):format(size), title .. "added delay, ms, p99",
    ours .. "delay_ms_p99", floor .. "delay_ms_p99", bars and { "ours", "<=", 2 })
  rows[#rows].absolute = true
end

row("flat", "CPU us per token, 5,000 against 100 streams", "ours/5000/cpu_us_per_token",
  "ours/100-busy/cpu_us_per_token", { "ratio", "<=", 1.3 })
row("flat_floor", "  the same of libcurl itself", "floor/5000/cpu_us_per_token",
  "floor/100-busy/cpu_us_per_token")

local NO_LORAX = "lorax-client is not installed: make bench PYTHON=1 installs it into build/"

row("stream_floor", "saturated stream, tokens/CPU-s, to libcurl", "ours/stream/tokens_per_cpu_s",
  "floor/stream/tokens_per_cpu_s")
row("stream_luasocket", "  to luasocket + lua-cjson", "ours/stream/tokens_per_cpu_s",
  "luasocket/stream/tokens_per_cpu_s", { "ratio", ">=", 2 },
  "luasocket is not installed: apt install lua-socket")
row("stream_lorax", "  to the Python lorax-client", "ours/stream/tokens_per_cpu_s",
  "lorax/stream/tokens_per_cpu_s", { "ratio", ">=", 15 }, NO_LORAX)

row("first", "time to first token, us, p50", "ours/first/first_us_p50", "floor/first/first_us_p50",
  { "ratio", "<=", 1.1 })
row("generate", "keep-alive generate, calls/s", "ours/generate/calls_per_s",
  "floor/generate/calls_per_s", { "ratio", ">=", 0.85 })
row("generate_cpu", "  CPU us per call", "ours/generate/cpu_us_per_call",
  "floor/generate/cpu_us_per_call")
row("require_ms", 'require "predibase", ms', "ours/require/ms", nil, { "ours", "<=", 5 })
row("require_kib", 'require "predibase", KiB', "ours/require/kib", nil, { "ours", "<=", 1024 })

local NO_PYTHON = "python3 is not installed: apt install python3"
row("csv_dict_reader", "CSV, MB/CPU-s, to Python's csv.DictReader", "ours/csv/mb_per_cpu_s",
  "python/csv/dict_reader_mb_per_cpu_s", nil, NO_PYTHON)
row("csv_reader", "  to csv.reader, whose rows are lists", "ours/csv/mb_per_cpu_s",
  "python/csv/reader_mb_per_cpu_s", nil, NO_PYTHON)

row("bulk_threads", "bulk run, rows/CPU-s, to lorax-client in threads", "ours/bulk/rows_per_cpu_s",
  "threads/bulk/rows_per_cpu_s", { "ratio", ">=", 5 }, NO_LORAX)
row("bulk_asyncio", "  to its AsyncClient", "ours/bulk/rows_per_cpu_s",
  "asyncio/bulk/rows_per_cpu_s", { "ratio", ">=", 2.5 }, NO_LORAX)

local function bulk_memory (id, title, run)
  row(id, title, ("ours/bulk-large%s/peak_mib"):format(run),
    ("ours/bulk-small%s/peak_mib"):format(run), run ~= "-done" and { "ratio", "<=", 1.25 } or nil)
  rows[#rows].once = true
  row(id .. "_middle", "  100,000 against 10,000 rows", ("ours/bulk-middle%s/peak_mib"):format(run),
    ("ours/bulk-small%s/peak_mib"):format(run))
  rows[#rows].once = true
end

bulk_memory("bulk_memory", "  memory, MiB, 1,000,000 against 10,000 rows", "")
bulk_memory("bulk_memory_out", "  with an output", "-out")
bulk_memory("bulk_memory_done", "  when all rows are done", "-done")
row("bulk_bytes_per_row", "  bytes of memory for each row that is done",
  "ours/bulk-large-done/bytes_per_row", nil, { "ours", "<=", 18 })
rows[#rows].once = true

local NO_NGINX = "nginx with Lua is not installed: apt install libnginx-mod-http-lua; and "
  .. "make build LUA=luajit"

local function gateway (setting, title, paced)
  local id, ours, proxy = setting:gsub("-", "_"), ("ours/%s/"):format(setting),
    ("proxy/%s/"):format(setting)
  row(id, title .. ", tokens/CPU-s", ours .. "tokens_per_cpu_s", proxy .. "tokens_per_cpu_s",
    { "ratio", ">=", 0.3 }, NO_NGINX)
  if not paced then return end
  for _, what in ipairs { "50", "99" } do
    row(id .. "_delay_p" .. what, "  added delay, ms, p" .. what, ours .. "delay_ms_p" .. what,
      proxy .. "delay_ms_p" .. what, nil, NO_NGINX)
    rows[#rows].absolute = true
  end
end

gateway("relay-1", "nginx, 1 browser", true)
gateway("relay-100", "nginx, 100 browsers", true)
gateway("relay-1000", "nginx, 1,000 browsers", true)
row("relay_1000_memory", "  memory, KiB per browser", "ours/relay-1000/kib_per_stream",
  "proxy/relay-1000/kib_per_stream", nil, NO_NGINX)
gateway("relay-busy", "nginx, 1 saturated stream")
gateway("relay-100-busy", "nginx, 100 saturated streams")

return rows
