-- SPDX-License-Identifier: MIT
--- The figures of a bulk run, with a clock of the test.
local calling_line = require "spec.support.blame"
local errors = require "predibase.errors"
local figures_of = require "predibase.bulk.figures"
local random = require "spec.support.random"

describe("predibase.bulk.figures", function ()
  local now, figures

  before_each(function ()
    now = 1000
    figures = figures_of.new { clock = function () return now end }
  end)

  local function failed (kind, message)
    return errors.new { kind = kind, message = message or "it failed" }
  end

  it("counts rows, failures by kind and tokens", function ()
    figures:add { time = 1, tokens_in = 10, tokens_out = 2, number = 1 }
    figures:add { time = 2, tokens_in = 20, tokens_out = 3, number = 2 }
    figures:add { err = failed "overloaded", tokens_in = 5, number = 3 }
    figures:add { err = failed "timeout", number = 4 }
    figures:add { err = failed "overloaded", number = 5 }
    figures:add { err = { kind = "from elsewhere", message = "?" } }
    figures:resumed { tokens_in = 100, tokens_out = 50 }
    figures:resumed()
    figures:skip()
    figures:skip(6)
    now = 1004
    local summary = figures:summary()
    assert.same({ answered = 2, failed = 4, resumed = 2, skipped = 7, total = 15 }, summary.rows)
    assert.same({ { kind = "overloaded", rows = 2 }, { kind = "other", rows = 1 },
      { kind = "timeout", rows = 1 } }, summary.failures)
    assert.equal(35, summary.tokens_in)
    assert.equal(5, summary.tokens_out)
    assert.equal(100, summary.resumed_tokens_in)
    assert.equal(50, summary.resumed_tokens_out)
    assert.equal(4, summary.seconds)
    assert.equal(1.5, summary.rows_per_second)
    assert.equal(8.75, summary.tokens_in_per_second)
    assert.equal(1.25, summary.tokens_out_per_second)
    assert.equal(2, summary.times.count)
    assert.equal(30, summary.input_sizes.sum)
  end)

  it("finds quantiles within 1 %, for values of any size", function ()
    local draws = random.new(7)
    local values = {}
    for i = 1, 20000 do
      values[i] = 10 ^ (draws:int(-40000, 30000) / 10000)
      figures:add { time = values[i], tokens_out = draws:int(0, 40), number = i }
    end
    table.sort(values)
    local times = figures:summary().times
    for name, share in pairs { p50 = 0.5, p95 = 0.95, p99 = 0.99 } do
      local exact = values[math.ceil(share * #values)]
      assert.is_true(math.abs(times[name] / exact - 1) <= 0.010001, name)
    end
    assert.equal(values[1], times.least)
    assert.equal(values[#values], times.greatest)
    local buckets = 0
    for _ in pairs(figures.times.buckets) do buckets = buckets + 1 end
    assert.is_true(buckets < 1728, buckets)
  end)

  it("knows the quantiles of one value, and of none", function ()
    assert.same({ count = 0, sum = 0, bars = {} }, figures:summary().times)
    figures:add { time = 0.25, tokens_in = 0, tokens_out = 7 }
    local summary = figures:summary()
    assert.equal(0.25, summary.times.p50)
    assert.equal(0.25, summary.times.p99)
    assert.equal(7, summary.output_sizes.p50)
    assert.same({ { from = 7, to = 8, count = 1 } }, summary.output_sizes.bars)
    assert.same({ { from = 0, to = 1, count = 1 } }, summary.input_sizes.bars)
    figures = figures_of.new { clock = function () return now end }
    figures:add { time = 1e-9 }
    assert.equal(1, figures:summary().times.bars[1].count)
  end)

  it("ignores times that are not numbers, and takes a negative time for 0", function ()
    figures:add { time = 0 / 0 }
    figures:add { time = -3 }
    figures:add { time = 1 / 0 }
    local times = figures:summary().times
    assert.equal(2, times.count)
    assert.equal(0, times.least)
    assert.equal(1e9, times.greatest)
  end)

  it("makes bars without gaps that contain each value", function ()
    local draws = random.new(11)
    for case = 1, 60 do
      figures = figures_of.new { clock = function () return now end }
      local low, span = 10 ^ draws:int(-3, 2), draws:int(1, 5)
      for i = 1, 200 do
        figures:add { time = low * 10 ^ (draws:int(0, span * 100) / 100), number = i,
          tokens_out = draws:int(case % 3, 10 ^ span) }
      end
      local summary = figures:summary()
      for _, distribution in ipairs { summary.times, summary.output_sizes } do
        local bars, count = distribution.bars, 0
        for i, bar in ipairs(bars) do
          count = count + bar.count
          assert.is_true(bar.from < bar.to)
          if i > 1 then assert.equal(bars[i - 1].to, bar.from) end
        end
        assert.equal(200, count)
        assert.is_true(bars[1].from <= distribution.least)
        assert.is_true(bars[#bars].to > distribution.greatest)
        assert.is_true(#bars <= 40, #bars)
      end
    end
  end)

  it("counts small numbers of tokens exactly", function ()
    for tokens = 0, 16 do
      for _ = 1, tokens + 1 do figures:add { tokens_out = tokens } end
    end
    for i, bar in ipairs(figures:summary().output_sizes.bars) do
      if i <= 10 then assert.same({ from = i - 1, to = i, count = i }, bar) end
    end
  end)

  it("keeps at most 240 parts of a run, and loses no row", function ()
    for i = 0, 9999 do
      now = 1000 + i * 0.7
      figures:add { tokens_out = 2, err = i % 10 == 0 and failed "server" or nil, number = i }
    end
    local timeline = figures:summary().timeline
    assert.equal(32, timeline.width)
    assert.is_true(#timeline.bins <= 240)
    local answered, failures, tokens = 0, 0, 0
    for i, bin in ipairs(timeline.bins) do
      answered, failures = answered + bin.answered, failures + bin.failed
      tokens = tokens + bin.tokens_out
      assert.equal((i - 1) * 32, bin.from)
    end
    assert.equal(9000, answered)
    assert.equal(1000, failures)
    assert.equal(20000, tokens)
    assert.is_true(math.abs(timeline.bins[#timeline.bins].to - 6999.3) < 1e-6)
  end)

  it("shows a time in which nothing was done, also at the end", function ()
    figures:add {}
    now = 1003
    figures:add {}
    now = 1004.75
    local timeline = figures:summary().timeline
    assert.equal(10, #timeline.bins)
    assert.equal(0, timeline.bins[3].answered)
    assert.equal(1, timeline.bins[7].answered)
    assert.equal(4.75, timeline.bins[10].to)
  end)

  it("survives a pause of a year and a clock that goes back", function ()
    figures:add {}
    now = now + 366 * 86400
    figures:add {}
    now = 500
    figures:add {}
    local summary = figures:summary()
    assert.equal(366 * 86400, summary.seconds)
    assert.is_true(#summary.timeline.bins <= 240)
    assert.equal(3, summary.rows.answered)
  end)

  it("tells the speed of the last ten seconds", function ()
    assert.same({ rows = 0, tokens_in = 0, tokens_out = 0 }, figures:rates())
    for i = 1, 40 do
      now = 1000 + i * 0.5
      figures:add { tokens_in = 10, tokens_out = 3 }
    end
    now = 1020.5
    local rates = figures:rates()
    assert.is_true(rates.rows > 1.8 and rates.rows < 2.2, rates.rows)
    assert.is_true(math.abs(rates.tokens_out / rates.rows - 3) < 1e-9)
    assert.is_true(math.abs(rates.tokens_in / rates.rows - 10) < 1e-9)
    now = 1040
    assert.equal(0, figures:rates().rows)
  end)

  it("keeps the same ten examples in whatever order the answers arrive", function ()
    local orders = { {}, {} }
    for i = 1, 500 do orders[1][i], orders[2][501 - i] = i, i end
    local kept = {}
    for o, order in ipairs(orders) do
      figures = figures_of.new { clock = function () return now end }
      for _, number in ipairs(order) do
        local err = number % 4 == 0 and failed("server", "no " .. number) or nil
        figures:add { number = number, line = number * 2, input = "in " .. number,
          text = not err and "out " .. number or nil, err = err }
      end
      kept[o] = figures:summary().examples
    end
    assert.same(kept[1], kept[2])
    assert.equal("answered", kept[1][1].kind)
    assert.equal(375, kept[1][1].rows)
    assert.equal("server", kept[1][2].kind)
    for _, group in ipairs(kept[1]) do
      assert.equal(10, #group.examples)
      -- They are spread over the file.
      assert.is_true(group.examples[1].number <= 150)
      assert.is_true(group.examples[10].number >= 350)
    end
    local first = kept[1][2].examples[1]
    assert.equal("in " .. first.number, first.input)
    assert.equal("no " .. first.number, first.message)
    assert.equal(first.number * 2, first.line)
    assert.is_nil(first.text)
  end)

  it("cuts the texts of examples between characters, and tells their size", function ()
    figures:add { input = ("\226\130\172"):rep(1000), text = ("x"):rep(1000000) }
    figures:add { number = 2, input = { { role = "user", content = "Hi" } } }
    local first = figures:summary().examples[1].examples[1]
    assert.equal(1998, #first.input)
    assert.equal(3000, first.input_bytes)
    assert.equal(2000, #first.text)
    assert.equal(1000000, first.text_bytes)
    assert.equal('[{"content":"Hi","role":"user"}]',
      figures:summary().examples[1].examples[2].input)
  end)

  it("writes a summary in a few lines", function ()
    for i = 1, 1234 do figures:add { time = 0.5, tokens_in = 100, tokens_out = 4, number = i } end
    figures:add { err = failed "timeout" }
    figures:add { err = failed "overloaded" }
    figures:add { err = failed "overloaded" }
    figures:resumed { tokens_in = 1000, tokens_out = 10 }
    figures:skip(3)
    now = 1125
    assert.same({
      "rows      1,234 answered, 3 failed, 1 answered before, 3 left out",
      "failed    2 overloaded, 1 timeout",
      "tokens    123,400 in, 4,936 out",
      "          124,400 in, 4,946 out with the earlier runs",
      "duration  2 min 5 s; 9.9 rows/s, 39.5 tokens/s out",
      "answers   p50 500 ms, p95 500 ms, p99 500 ms, longest 500 ms",
    }, figures_of.lines(figures:summary()))
  end)

  it("writes a summary of nothing", function ()
    assert.same({ "rows      0 answered", "tokens    0 in, 0 out",
      "duration  0 s; 0 rows/s, 0 tokens/s out" }, figures_of.lines(figures:summary()))
  end)

  it("raises without a clock and for anything but a row", function ()
    for _, case in ipairs { { function () figures_of.new() end, "takes a table with" },
      { function () figures_of.new {} end, "takes a table with" },
      { function () figures:add(1) end, "figures:add takes a table" } } do
      assert.is_truthy(calling_line(case[1]):find(case[2], 1, true))
    end
  end)
end)
