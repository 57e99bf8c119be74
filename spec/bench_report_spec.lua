-- SPDX-License-Identifier: MIT
-- once: only make bench uses it
-- The arithmetic of the benchmark's table: bench/report.lua.

local report = dofile "bench/report.lua"

local ROW = { id = "cpu", title = "CPU us per token", ours = "ours/1/cpu", base = "floor/1/cpu",
  bar = { "ratio", "<=", 1.25 } }

local function values (text)
  return report.parse((text:gsub("; ", "\n")))
end

describe("the report of the benchmark", function ()
  it("takes the median of odd and even numbers of values", function ()
    assert.equal(2, report.median { 3, 1, 2 })
    assert.equal(2.5, report.median { 4, 1, 2, 3 })
    assert.equal(7, report.median { 7 })
  end)

  it("takes the median of the rounds' ratios, not the ratio of the medians", function ()
    local row = report.compute(ROW, values(
      "1 ours/1/cpu 10; 1 floor/1/cpu 10; 2 ours/1/cpu 30; 2 floor/1/cpu 20; "
      .. "3 ours/1/cpu 12; 3 floor/1/cpu 40"), 3)
    assert.equal(12, row.ours)
    assert.equal(20, row.baseline)
    assert.equal(1, row.ratio)
    assert.same({ 1, 1.5, 0.3 }, row.ratios)
    assert.equal("met", row.verdict)
  end)

  it("says when a bar was missed", function ()
    local row = report.compute(ROW, values "1 ours/1/cpu 13; 1 floor/1/cpu 10", 1)
    assert.equal("missed", row.verdict)
    local text = report.text({ row }, {})
    assert.is_truthy(text:find("13.0      10.0   1.30  <= 1.25  missed", 1, true))
    assert.is_truthy(text:find("1 missed", 1, true))
  end)

  it("compares a bar without a baseline with our own figure", function ()
    local row = { id = "ms", title = "require, ms", ours = "ours/require/ms",
      bar = { "ours", "<=", 5 } }
    local computed = report.compute(row, values "1 ours/require/ms 5.5", 1)
    assert.equal("missed", computed.verdict)
    assert.is_nil(computed.ratio)
  end)

  it("fails when any round lacks a measurement", function ()
    local some = values "1 ours/1/cpu 13; 2 ours/1/cpu 13; 1 floor/1/cpu 10"
    assert.has_error(function () report.compute(ROW, some, 2) end,
      "no measurement floor/1/cpu in round 2, for the row 'CPU us per token'")
    assert.has_error(function () report.compute(ROW, values "1 floor/1/cpu 10", 1) end,
      "no measurement ours/1/cpu in round 1, for the row 'CPU us per token'")
    assert.has_error(function () report.parse "1 ours/1/cpu failed" end,
      "not a measurement: 1 ours/1/cpu failed")
  end)

  it("wants a measurement of the first round alone where there is only one", function ()
    local some = values "1 ours/1/cpu 13; 1 floor/1/cpu 10"
    local row = { id = "memory", title = "memory", ours = "ours/1/cpu", base = "floor/1/cpu",
      once = true }
    local computed = report.compute(row, some, 3)
    assert.same({ 1.3 }, computed.ratios)
    row.once = nil
    assert.has_error(function () report.compute(row, some, 3) end)
  end)

  it("says in the table that a baseline is not installed, and gives no verdict", function ()
    local row = { id = "lorax", title = "to lorax-client", ours = "ours/1/cpu",
      base = "lorax/1/cpu", bar = { "ratio", ">=", 15 }, missing = "lorax-client is not installed" }
    local computed = report.compute(row, values "1 ours/1/cpu 13", 1)
    assert.is_nil(computed.verdict)
    local text = report.text({ computed }, {})
    assert.is_truthy(text:find("not measured", 1, true))
    assert.is_truthy(text:find("to lorax-client: lorax-client is not installed", 1, true))
  end)

  it("says so as well where ours cannot be measured either", function ()
    local row = { id = "relay", title = "nginx, 1 browser", ours = "ours/relay-1/n",
      base = "proxy/relay-1/n", bar = { "ratio", ">=", 0.3 }, missing = "there is no nginx" }
    local computed = report.compute(row, values "1 ours/1/cpu 13", 1)
    assert.is_nil(computed.verdict)
    local text = report.text({ computed }, {})
    assert.is_truthy(text:find(">= 0.3   not measured", 1, true))
    assert.is_truthy(text:find("nginx, 1 browser: there is no nginx", 1, true))
  end)

  it("writes JSON with what it was measured on", function ()
    local row = report.compute(ROW, values "1 ours/1/cpu 5; 1 floor/1/cpu 4", 1)
    local text = report.json({ row }, { { "machine", "a quick one" } }, 1)
    local decoded = assert(require "predibase.json".decode(text))
    assert.equal("predibase-bench/1", decoded.schema)
    assert.equal("a quick one", decoded.measured_on.machine)
    assert.equal(1.25, decoded.rows[1].ratio)
    assert.same({ of = "ratio", is = "<=", limit = 1.25 }, decoded.rows[1].bar)
  end)

  it("knows rows that have what a row needs, each once", function ()
    local seen = {}
    for _, row in ipairs(dofile "bench/rows.lua") do
      assert.is_nil(seen[row.id])
      seen[row.id] = true
      assert.is_string(row.title)
      if row.bar then assert.is_nil((row.full or row.title):find "^ ") end
      assert.is_truthy(row.ours:find "^%w+/[%w-]+/[%w_]+$")
      if row.base then assert.is_truthy(row.base:find "^%w+/[%w-]+/[%w_]+$") end
      if row.bar then
        assert.is_truthy(row.bar[1] == "ours" or row.bar[1] == "ratio" and row.base)
        assert.is_truthy(row.bar[2] == "<=" or row.bar[2] == ">=")
      end
    end
    assert.is_true(seen.many_1000_cpu)
  end)
end)

describe("the figures of docs/performance.md", function ()
  local figures = dofile "bench/figures.lua"
  local json = require "predibase.json"

  local function results (late)
    return { rounds = 3,
      measured_on = { measured = "2026-11-28 13:17 UTC, 3 rounds", commit = "0123", machine = "M",
        system = "S", lua = "L" },
      rows = {
        { title = "  CPU us per call", full = "generate, CPU us per call", ours = 47.1,
          measurement = "ours/generate/cpu_us_per_call", baseline = 17.4, ratio = 2.7,
          baseline_measurement = "floor/generate/cpu_us_per_call", verdict = "missed",
          bar = { of = "ratio", is = "<=", limit = 1.6 } },
        { title = "delay", ours = 93, measurement = "ours/1000/delay_ms_p50", baseline = late,
          baseline_measurement = "lorax/1000/delay_ms_p50" },
        { title = "cpu", ours = 6.654, measurement = "ours/1000/cpu_us_per_token",
          baseline = 13.6, baseline_measurement = "lorax/1000/cpu_us_per_token" },
        { title = "text", ours = 882317, measurement = "ours/text/tokens_per_cpu_s" },
      } }
  end

  it("has a line for each client and for each limit", function ()
    local text = figures.text(results(20))
    for _, line in ipairs {
      "| **predibase**, Lua 5.4 | 882,317 | – | – | 6.65 | – | – | 47.1 | – |\n",
      "| lorax-client | – | – | – | 13.6 | – | – | – | – |\n",
      "| generate, CPU us per call | 47.1 | 17.4 | 2.70 | ratio ≤ 1.6 | missed |\n",
    } do assert.is_truthy(text:find(line, 1, true), line) end
    assert.is_nil(text:find("| delay |", 1, true))
  end)

  it("says of a client that it does not keep up", function ()
    assert.is_truthy(figures.text(results(2600)):find("| 13.6 (late) |", 1, true))
  end)

  it("replaces what is between the marks, and wants both", function ()
    local page = "a\n" .. figures.BEGIN .. "old\n" .. figures.END .. "b\n"
    local new = figures.insert(page, results(20))
    assert.equal("a\n" .. figures.text(results(20)) .. "b\n", new)
    assert.equal(new, figures.insert(new, results(20)))
    assert.has_error(function () figures.insert("a\n", results(20)) end,
      "the page lacks the marks of bench/figures.lua")
  end)

  it("is what the kept results say", function ()
    local function read (path)
      local file = assert(io.open(path, "rb"))
      local text = file:read "*a"
      file:close()
      return text
    end
    local page = read "docs/performance.md"
    local kept = assert(json.decode(read "docs/performance/results.json"))
    assert.is_true(page == figures.insert(page, kept), "run sh bench/plot.sh")
    for name in page:gmatch "%(performance/(%w+)%.svg%)" do
      assert.is_truthy(read("docs/performance/" .. name .. ".svg"):find "^<%?xml", name)
    end
  end)
end)
