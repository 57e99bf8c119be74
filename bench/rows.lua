-- SPDX-License-Identifier: MIT
-- The rows of the benchmark's table: the measurements that each row compares, and its limit.
--
-- `ours` and `base` are names of measurements as bench/run.sh writes them: WHO/SETTING/NAME. `bar`
-- is the limit, `{ what, "<=" or ">=", number }`, where `what` is "ratio" or "ours". `missing` says
-- how to install what the row needs; a row without `missing` must always be measured. `full` is
-- the title where the row stands alone, for titles that continue that of the row above. Rows with
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
    floor .. "cpu_us_per_token", bars and { "ratio", "<=", 1.2 } or nil)
  if size > 1 then
    row(("many_%d_memory"):format(size), title .. "memory, KiB per stream",
      ours .. "kib_per_stream", floor .. "kib_per_stream", bars and { "ratio", "<=", 1.3 } or nil)
  end
  row(("many_%d_delay_p50"):format(size), title .. "added delay, ms, p50",
    ours .. "delay_ms_p50", floor .. "delay_ms_p50")
  rows[#rows].absolute = true
  row(("many_%d_delay_p99"):format(size), title .. "added delay, ms, p99",
    ours .. "delay_ms_p99", floor .. "delay_ms_p99", bars and { "ratio", "<=", 2 } or nil)
  rows[#rows].absolute = not bars
end

row("flat", "CPU us per token, 5,000 against 100 streams", "ours/5000/cpu_us_per_token",
  "ours/100-busy/cpu_us_per_token", { "ratio", "<=", 1.3 })
row("flat_floor", "  the same of libcurl itself", "floor/5000/cpu_us_per_token",
  "floor/100-busy/cpu_us_per_token")

-- The other clients, and what they are compared with: `ours` is the library on LUA, `jit` on
-- LuaJIT, for modules that Debian has only for Lua 5.1 and LuaJIT; `chat` reads chat completions.
local INTO_BUILD = " is not installed: make bench PEERS=1 installs it into build/"
local NO_LORAX = "lorax-client" .. INTO_BUILD
local NO_LUASOCKET = "luasocket is not installed: apt install lua-socket"
local PEERS = {
  { who = "lorax", title = "lorax-client", ours = "ours", missing = NO_LORAX },
  { who = "huggingface", title = "huggingface_hub", ours = "ours",
    missing = "huggingface_hub" .. INTO_BUILD },
  { who = "openai", title = "openai, chats", ours = "chat", missing = "openai" .. INTO_BUILD },
  { who = "node", title = "Node's fetch", ours = "ours", missing = "eventsource-parser"
    .. INTO_BUILD .. ", if node 18 and npm are there: apt install nodejs npm" },
  { who = "luasocket", title = "luasocket + lua-cjson", ours = "ours", one = true,
    missing = NO_LUASOCKET },
  { who = "luacurl", title = "lua-curl + lua-cjson, LuaJIT", ours = "jit", one = true,
    missing = "lua-curl for LuaJIT is not installed: apt install lua-curl" },
  { who = "copas", title = "copas, LuaJIT", ours = "jit", many = true,
    missing = "copas for LuaJIT is not installed: apt install lua-copas" },
}

--- Adds a row for each client that does the job ("one" stream or call, or "many" streams).
local function each_peer (job, id, title, ours_key, key, bars)
  local first = true
  for _, peer in ipairs(PEERS) do
    if peer[job] or not (peer.one or peer.many) then
      row(id .. "_" .. peer.who, (first and title or " ") .. " to " .. peer.title,
        ("%s/%s"):format(peer.ours, peer.ours == "chat" and key or ours_key),
        ("%s/%s"):format(peer.who, key), bars and bars[peer.who], peer.missing)
      rows[#rows].full = title .. " to " .. peer.title
      first = false
    end
  end
end

row("stream_floor", "loop over tokens, tokens/CPU-s, to libcurl", "ours/stream/tokens_per_cpu_s",
  "floor/stream/tokens_per_cpu_s")
each_peer("one", "stream", "loop over tokens, tokens/CPU-s,", "stream/tokens_per_cpu_s",
  "stream/tokens_per_cpu_s")
local TEXT_BARS = { lorax = { "ratio", ">=", 15 }, luasocket = { "ratio", ">=", 6 } }
row("text_floor", "stream:text(), tokens/CPU-s, to libcurl", "ours/text/tokens_per_cpu_s",
  "floor/stream/tokens_per_cpu_s")
each_peer("one", "text", "stream:text(), tokens/CPU-s,", "text/tokens_per_cpu_s",
  "stream/tokens_per_cpu_s", TEXT_BARS)
row("texts_lorax", "stream:texts(), tokens/CPU-s, to lorax-client", "ours/texts/tokens_per_cpu_s",
  "lorax/stream/tokens_per_cpu_s", TEXT_BARS.lorax, NO_LORAX)
row("texts_luasocket", "  to luasocket + lua-cjson", "ours/texts/tokens_per_cpu_s",
  "luasocket/stream/tokens_per_cpu_s", TEXT_BARS.luasocket, NO_LUASOCKET)
rows[#rows].full = "stream:texts(), tokens/CPU-s, to luasocket + lua-cjson"

for _, size in ipairs { 100, 1000 } do
  for _, what in ipairs { { "cpu", "CPU us per token", "cpu_us_per_token" },
    { "memory", "memory, KiB per stream", "kib_per_stream" },
    { "delay_p50", "added delay, ms, p50", "delay_ms_p50" },
    { "delay_p99", "added delay, ms, p99", "delay_ms_p99" } } do
    local key, before = ("%d/%s"):format(size, what[3]), #rows
    each_peer("many", ("many_%d_%s"):format(size, what[1]), NAMES[size] .. ", " .. what[2] .. ",",
      key, key)
    for i = before + 1, #rows do rows[i].absolute = what[1]:find "^delay" and true or nil end
  end
end

row("first", "time to first token, us, p50", "ours/first/first_us_p50", "floor/first/first_us_p50",
  { "ratio", "<=", 1.3 })
row("first_cpu", "  CPU us until then, p50", "ours/first/first_cpu_us_p50",
  "floor/first/first_cpu_us_p50")
row("generate", "keep-alive generate, calls/s", "ours/generate/calls_per_s",
  "floor/generate/calls_per_s")
row("generate_cpu", "  CPU us per call", "ours/generate/cpu_us_per_call",
  "floor/generate/cpu_us_per_call", { "ratio", "<=", 1.6 })
rows[#rows].full = "keep-alive generate, CPU us per call"
each_peer("one", "generate", "keep-alive generate, calls/s,", "generate/calls_per_s",
  "generate/calls_per_s")
each_peer("one", "generate_cpu", "keep-alive generate, CPU us per call,",
  "generate/cpu_us_per_call", "generate/cpu_us_per_call")
row("require_ms", 'require "predibase", ms', "ours/require/ms", nil, { "ours", "<=", 5 })
row("require_kib", 'require "predibase", KiB', "ours/require/kib", nil, { "ours", "<=", 1024 })

row("start_require", 'CPU ms of require "predibase", to "socket" + "cjson"',
  "starts/start/require_ms", "starts/start/sockets_ms", { "ratio", "<=", 2 },
  "luasocket is not installed: apt install lua-socket")
row("start_lua", "  to a program that requires nothing", "starts/start/require_ms",
  "starts/start/lua_ms")
row("start_command", "CPU ms of predibase generate, to curl", "starts/start/command_ms",
  "starts/start/curl_ms", { "ratio", "<=", 2 }, "curl is not installed: apt install curl")
for i, peer in ipairs(PEERS) do
  if not peer.many then
    row("start_" .. peer.who, (i == 1 and "CPU ms of a program that reads 5 tokens," or " ")
      .. " to " .. peer.title, ("starts/peers/%s_ms"):format(peer.ours),
      ("starts/peers/%s_ms"):format(peer.who), nil, peer.missing)
  end
end

for _, kind in ipairs { "schema", "messages", "details" } do
  for _, what in ipairs { "encode", "decode" } do
    row(("json_%s_%s"):format(kind, what), ("%s a JSON of 1 MB, %s, ms, to lua-cjson"):format(what,
      kind), ("json/json/ours_%s_%s_ms"):format(kind, what),
      ("json/json/cjson_%s_%s_ms"):format(kind, what), { "ratio", "<=", 1.5 })
  end
end

local NO_PYTHON = "python3 is not installed: apt install python3"
row("csv_dict_reader", "CSV, MB/CPU-s, to Python's csv.DictReader", "ours/csv/mb_per_cpu_s",
  "python/csv/dict_reader_mb_per_cpu_s", nil, NO_PYTHON)
row("csv_reader", "  to csv.reader, whose rows are lists", "ours/csv/mb_per_cpu_s",
  "python/csv/reader_mb_per_cpu_s", nil, NO_PYTHON)

row("bulk_threads", "bulk run, rows/CPU-s, to lorax-client in threads", "ours/bulk/rows_per_cpu_s",
  "threads/bulk/rows_per_cpu_s", { "ratio", ">=", 5 }, NO_LORAX)
row("bulk_asyncio", "  to its AsyncClient", "ours/bulk/rows_per_cpu_s",
  "asyncio/bulk/rows_per_cpu_s", { "ratio", ">=", 2.5 }, NO_LORAX)
rows[#rows].full = "bulk run, rows/CPU-s, to lorax-client's AsyncClient"

local FULL = {
  [""] = " memory, 1,000,000 against 10,000 rows",
  ["-out"] = " memory with an output, 1,000,000 rows",
  ["-done"] = " memory when all rows are done",
}

local function bulk_memory (id, title, run)
  row(id, title, ("ours/bulk-large%s/peak_mib"):format(run),
    ("ours/bulk-small%s/peak_mib"):format(run), run ~= "-done" and { "ratio", "<=", 1.25 } or nil)
  rows[#rows].once = true
  rows[#rows].full = "bulk run," .. FULL[run]
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
rows[#rows].full = "bulk run, bytes of memory for each row that is done"

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
