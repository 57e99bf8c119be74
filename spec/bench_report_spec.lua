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
