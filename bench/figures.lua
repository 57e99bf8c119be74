-- SPDX-License-Identifier: MIT
-- Writes the tables of docs/performance.md from the JSON of report.lua.
-- usage: figures.lua RESULTS PAGE; replaces what is between the two marks in PAGE.

local M = {}

M.BEGIN = "<!-- written by make bench PLOT=1 -->\n"
M.END = "<!-- end of what make bench writes -->\n"

local CLIENTS = {
  { "floor", "bare libcurl, which discards everything" },
  { "ours", "**predibase**, Lua 5.4" },
  { "jit", "**predibase**, LuaJIT" },
  { "chat", "**predibase**, Lua 5.4, chat completions" },
  { "lorax", "lorax-client" },
  { "huggingface", "huggingface_hub" },
  { "openai", "openai, chat completions" },
  { "node", "Node's fetch, eventsource-parser" },
  { "luasocket", "luasocket, lua-cjson, Lua 5.4" },
  { "luacurl", "lua-curl, lua-cjson, LuaJIT" },
  { "copas", "copas, lua-cjson, LuaJIT" },
}

-- Columns: the title, and the measurement of a client.
local COLUMNS = {
  { "text of one stream, tokens per CPU-second", "stream/tokens_per_cpu_s",
    instead = { ours = "text/tokens_per_cpu_s", jit = "text/tokens_per_cpu_s" } },
  { "100 streams, CPU µs per token", "100/cpu_us_per_token" },
  { "100 streams, delay p99, ms", "100/delay_ms_p99" },
  { "1,000 streams, CPU µs per token", "1000/cpu_us_per_token", late = "1000/delay_ms_p50" },
  { "1,000 streams, delay p99, ms", "1000/delay_ms_p99" },
  { "1,000 streams, KiB per stream", "1000/kib_per_stream" },
  { "keep-alive call, CPU µs", "generate/cpu_us_per_call" },
  { "start, 5 tokens and end, CPU ms", "%s_ms", of = "starts/peers/" },
}

-- A client whose median delay is longer, in ms, does not keep up with the source.
local LATE = 1000

--- Writes a number with some decimals. LuaJIT rounds 12.25 in another way than the C library, so
-- this function does not leave it to them.
local function rounded (value, decimals)
  local scale = 10 ^ decimals
  return ("%." .. decimals .. "f"):format(math.floor(value * scale + 0.5) / scale)
end

local function grouped (value)
  local digits = rounded(value, 0)
  return (digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

local function number_text (value)
  if not value then return "–" end
  if value >= 1000 then return grouped(value) end
  return rounded(value, value >= 100 and 0 or value >= 10 and 1 or 2)
end

--- Returns the medians of a run by name (WHO/SETTING/NAME).
-- @tparam table results the decoded JSON of report.lua
-- @treturn table
function M.medians (results)
  local medians = {}
  for _, row in ipairs(results.rows) do
    medians[row.measurement] = row.ours
    if row.baseline_measurement then medians[row.baseline_measurement] = row.baseline end
  end
  return medians
end

local function cell (medians, column, who)
  local name = column.instead and column.instead[who] or column[2]
  local text = number_text(medians[(column.of or who .. "/") .. name:format(who)])
  local late = column.late and medians[who .. "/" .. column.late]
  return late and late > LATE and text .. " (late)" or text
end

local function add_row (out, cells)
  out[#out + 1] = "| " .. table.concat(cells, " | ") .. " |\n"
end

local function add_clients (out, medians)
  local titles, lines = { "client" }, { "---" }
  for i, column in ipairs(COLUMNS) do titles[i + 1], lines[i + 1] = column[1], "--:" end
  add_row(out, titles)
  add_row(out, lines)
  for _, client in ipairs(CLIENTS) do
    local cells = { client[2] }
    for i, column in ipairs(COLUMNS) do cells[i + 1] = cell(medians, column, client[1]) end
    add_row(out, cells)
  end
end

local function add_bars (out, rows)
  add_row(out, { "what", "ours", "baseline", "ratio", "limit", "" })
  add_row(out, { "---", "--:", "--:", "--:", "---", "---" })
  for _, row in ipairs(rows) do
    local bar = row.bar
    if bar then
      add_row(out, { row.full or row.title, number_text(row.ours), number_text(row.baseline),
        row.ratio and rounded(row.ratio, 2) or "–",
        (bar.of == "ratio" and "ratio " or "ours ") .. (bar.is == "<=" and "≤ " or "≥ ")
        .. ("%g"):format(bar.limit), row.verdict or "not measured" })
    end
  end
end

--- Returns the text between the marks.
-- @tparam table results the decoded JSON of report.lua
-- @treturn string
function M.text (results)
  local on = results.measured_on
  local out = { M.BEGIN }
  out[2] = ("\nMedians, measured %s, at the commit %s.\n%s; %s; %s. Load source: %s.\n\n"):format(
    on.measured, on.commit, on.machine, on.system, on.lua, on.source or "not used")
  add_clients(out, M.medians(results))
  out[#out + 1] = "\nLate: half of the tokens are read more than a second late, and several of a "
    .. "stream at once, which\nmakes a token cheaper than at the pace of the others.\n\n"
  add_bars(out, results.rows)
  out[#out + 1] = "\n" .. M.END
  return table.concat(out)
end

--- Returns a page with the text of a run between its marks.
-- @tparam string page
-- @tparam table results the decoded JSON of report.lua
-- @treturn string
-- @raise when the page lacks a mark
function M.insert (page, results)
  local from = page:find(M.BEGIN, 1, true)
  local _, to = page:find(M.END, 1, true)
  if not (from and to) then error("the page lacks the marks of bench/figures.lua", 0) end
  return page:sub(1, from - 1) .. M.text(results) .. page:sub(to + 1)
end

local function read (path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

if arg and arg[0] and arg[0]:find "figures%.lua$" then
  local results = assert(require "predibase.json".decode(read(arg[1])))
  local page = M.insert(read(arg[2]), results)
  local file = assert(io.open(arg[2], "wb"))
  file:write(page)
  file:close()
end

return M
