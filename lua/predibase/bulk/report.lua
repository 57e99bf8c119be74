-- SPDX-License-Identifier: MIT
--- Writes the report of a bulk run: one HTML page that needs no other file and has no script.
--
-- All texts are escaped (see `predibase.bulk.report.markup`), and the Content-Security-Policy of
-- the page forbids every script, every request, and every style but the page's own.
-- @module predibase.bulk.report

local amounts = require "predibase.amounts"
local errors = require "predibase.errors"
local evaluation_section = require "predibase.bulk.report.evaluation_section"
local examples_section = require "predibase.bulk.report.examples_section"
local json = require "predibase.json"
local markup = require "predibase.bulk.report.markup"
local page_style = require "predibase.bulk.report.page_style"
local plots = require "predibase.bulk.report.plots"
local usage = require "predibase.usage"

local M = {}

local tag = markup.tag

-- Most bars of a plot over time: with more of them, each would be narrower than two pixels on a
-- telephone.
local MAX_BARS = 120

-- Tiles: the most important numbers.

local function tile (name, value, more)
  return tag("div", nil, tag("dt", nil, name), tag("dd", nil, value),
    more and tag("dd", { class = "more" }, more))
end

local function tiles (summary, evaluation)
  local rows, times, list = summary.rows, summary.times, {}
  local function add (...) list[#list + 1] = tile(...) end
  local tried = rows.answered + rows.failed
  add("Answered", amounts.count(rows.answered), "of " .. amounts.of(tried, "row") .. " tried")
  add("Failed", amounts.count(rows.failed),
    tried > 0 and amounts.percent(rows.failed / tried) or nil)
  if rows.resumed > 0 then
    add("Answered before", amounts.count(rows.resumed), "by earlier runs")
  end
  if rows.skipped > 0 then add("Left out", amounts.count(rows.skipped)) end
  if (summary.changed or 0) > 0 then
    add("Changed", amounts.of(summary.changed, "row"), "since they were answered")
  end
  if (summary.stray or 0) > 0 then
    add("Without a row", amounts.of(summary.stray, "answer"), "the input does not have them")
  end
  if evaluation and evaluation.accuracy then
    add("Accuracy", amounts.percent(evaluation.accuracy),
      "of " .. amounts.of(evaluation.rows, "row"))
  end
  add("Duration", amounts.seconds(summary.seconds),
    amounts.number(summary.rows_per_second) .. " rows/s")
  local before = summary.resumed_tokens_in + summary.resumed_tokens_out > 0
  add("Tokens in", amounts.count(summary.tokens_in), before
    and amounts.count(summary.tokens_in + summary.resumed_tokens_in) .. " with earlier runs"
    or amounts.number(summary.tokens_in_per_second) .. " per second")
  add("Tokens out", amounts.count(summary.tokens_out), before
    and amounts.count(summary.tokens_out + summary.resumed_tokens_out) .. " with earlier runs"
    or amounts.number(summary.tokens_out_per_second) .. " per second")
  if summary.cost then add("Cost", amounts.number(summary.cost)) end
  if times.count > 0 then
    add("Time to answer, p50", amounts.seconds(times.p50), "half of the answers were faster")
    add("p95", amounts.seconds(times.p95))
    add("p99", amounts.seconds(times.p99), "longest " .. amounts.seconds(times.greatest))
  end
  return tag("section", { id = "overview" }, tag("h2", nil, "Overview"),
    tag("dl", { class = "tiles" }, list))
end

-- Plots.

--- Joins neighbours until there are few enough.
local function joined (bins)
  while #bins > MAX_BARS do
    local fewer = {}
    for i = 1, #bins, 2 do
      local a, b = bins[i], bins[i + 1] or { answered = 0, failed = 0, tokens_out = 0 }
      fewer[#fewer + 1] = { from = a.from, to = b.to or a.to, answered = a.answered + b.answered,
        failed = a.failed + b.failed, tokens_out = a.tokens_out + b.tokens_out }
    end
    bins = fewer
  end
  return bins
end

local function over_time (summary)
  local bins, rows, tokens = joined(summary.timeline.bins), {}, {}
  if #bins == 0 then return nil end
  local width = bins[1].to - bins[1].from
  for i, bin in ipairs(bins) do
    local span = math.max(bin.to - bin.from, 1e-9)
    local label = amounts.seconds(bin.from) .. " to " .. amounts.seconds(bin.to)
    rows[i] = { label = label, values = { bin.answered / span, bin.failed / span },
      text = ("%s answered, %s failed"):format(amounts.count(bin.answered),
        amounts.count(bin.failed)) }
    tokens[i] = { label = label, values = { bin.tokens_out / span },
      text = amounts.of(bin.tokens_out, "token") }
  end
  local ticks = plots.time_ticks(#bins == 1 and bins[1].to or width * #bins)
  local about = " in each " .. amounts.seconds(width) .. " of the run."
  return tag("section", { id = "throughput" }, tag("h2", nil, "Speed over time"),
    tag("div", { class = "pair" },
      plots.bars { id = "rows", title = "Rows per second", head = "Time since the start",
        description = "Rows answered and failed per second" .. about,
        series = { "answered", "failed" }, bars = rows, ticks = ticks },
      summary.tokens_out > 0 and plots.bars { id = "tokens", title = "Tokens generated per second",
        head = "Time since the start", description = "Tokens out per second" .. about,
        series = { "tokens out" }, bars = tokens, ticks = ticks }))
end

--- Returns a function from a value to its position in a histogram.
local function placer (bars, integers)
  return function (value)
    for i, bar in ipairs(bars) do
      if value < bar.to or i == #bars then
        local width = bar.to - bar.from
        local inside = integers and width == 1 and 0.5 or (value - bar.from) / width
        return (i - 1 + math.max(0, math.min(1, inside))) / #bars
      end
    end
  end
end

local function histogram (id, title, distribution, write, integers)
  if distribution.count == 0 then return nil end
  local bars, marks = {}, {}
  for i, bar in ipairs(distribution.bars) do
    local last = integers and bar.to - 1 or bar.to
    local label = write(bar.from)
    if last > bar.from then label = label .. " to " .. write(last) end
    bars[i] = { label = label, values = { bar.count }, text = amounts.of(bar.count, "row") }
  end
  local place = placer(distribution.bars, integers)
  for i, name in ipairs { "p50", "p95", "p99" } do
    local value = distribution[name]
    marks[i] = { at = place(value), text = name .. " " .. write(value) }
  end
  return plots.bars { id = id, title = title, bars = bars, marks = marks, series = { "rows" },
    head = integers and "Tokens" or "Time",
    ticks = plots.value_ticks(distribution.bars, write, place),
    description = ("From %s to %s, mean %s; %s, %s and %s."):format(write(distribution.least),
      write(distribution.greatest), write(distribution.mean), marks[1].text, marks[2].text,
      marks[3].text) }
end

local function distributions (summary)
  local times = histogram("times", "Time to answer", summary.times, amounts.seconds)
  local tokens_in = histogram("input", "Tokens of the prompts", summary.input_sizes, amounts.number,
    true)
  local tokens_out = histogram("output", "Tokens of the answers", summary.output_sizes,
    amounts.number, true)
  if not (times or tokens_in or tokens_out) then return nil end
  return tag("section", { id = "distributions" }, tag("h2", nil, "Times and tokens of the answers"),
    tag("p", { class = "soft" }, "Each bar is a range of values; the ranges grow with the values."),
    times, tag("div", { class = "pair" }, tokens_in, tokens_out))
end

local function failures (summary)
  local rows, tried = {}, summary.rows.answered + summary.rows.failed
  if summary.rows.failed == 0 then return nil end
  for i, failure in ipairs(summary.failures) do
    rows[i] = { failure.kind, amounts.count(failure.rows), amounts.percent(failure.rows / tried),
      plots.share(failure.rows / summary.rows.failed, 2) }
  end
  return tag("section", { id = "failures" }, tag("h2", nil, "Failures by kind"),
    markup.table("Share of all rows; the bars show the share of all failures",
      { "Kind", "Rows", "Share", "Bar" }, rows))
end

-- How it was run.

local function written (value, secrets)
  if type(value) == "table" then value = json.encode(value) end
  return examples_section.cut(errors.redact(tostring(value), secrets))
end

--- Writes a time of the system's clock.
local function date (seconds)
  return seconds and os.date("!%Y-%m-%d %H:%M:%S UTC", math.floor(seconds))
end

local function how (run)
  local rows = {}
  local function add (name, value)
    if value == nil then return end
    local text, note = written(value, run.secrets)
    rows[#rows + 1] = { name, { tag("bdi", nil, text), note } }
  end
  add("input", run.input)
  add("output", run.output)
  add("started", date(run.started))
  add("ended", date(run.ended))
  for _, list in ipairs { run.options or {}, run.versions or {} } do
    for _, entry in ipairs(list) do add(entry[1], entry[2]) end
  end
  if #rows == 0 then return nil end
  return tag("section", { id = "run" }, tag("h2", nil, "How it was run"),
    markup.table("Options and versions", { "Name", "Value" }, rows))
end

local POLICY = "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'"

--- Writes the page.
-- @tparam table data
--
-- * `summary`: as `figures:summary` or `run:summary` returns it; of the latter, `cost`, `changed`,
--   `stray`, `reason` and `evaluation` are shown, too
-- * `evaluation`: as `evaluation:result` returns it, if it is not in `summary`
-- * `run`: how it was run, a table that may have: `title`; `input` and `output`, their names;
--   `state`, a sentence about how the run ended; `started` and `ended`, in seconds since 1970;
--   `options` and `versions`, arrays of `{ name, value }` without secrets; `secrets`, an array of
--   strings that are removed from all of these
-- @treturn string HTML in UTF-8, with the syntax of XML
-- @raise for anything but a table with a summary
function M.html (data)
  if type(data) ~= "table" or type(data.summary) ~= "table" then
    usage.fail("report.html takes a table with a summary")
  end
  local run, summary = data.run or {}, data.summary
  local evaluation = data.evaluation or summary.evaluation
  local title = written(run.title or "Bulk run" .. (run.input and ": " .. run.input or ""),
    run.secrets)
  local when = { run.started and "Started " .. date(run.started) .. "." or nil,
    run.state and written(run.state, run.secrets)
      or summary.reason and "It ended early: " .. summary.reason .. "." or nil }
  local page = tag("html", { lang = "en" },
    tag("head", nil, tag("meta", { charset = "utf-8" }),
      tag("meta", { ["http-equiv"] = "Content-Security-Policy",
        content = POLICY:format(page_style.HASH) }),
      tag("meta", { name = "referrer", content = "no-referrer" }),
      tag("meta", { name = "viewport", content = "width=device-width, initial-scale=1" }),
      tag("title", nil, title), markup.style(page_style.CSS)),
    tag("body", nil, tag("main", nil,
      tag("header", nil, tag("h1", nil, tag("bdi", nil, title)),
        tag("p", { class = "soft" }, when[1], when[1] and when[2] and " ", when[2])),
      tiles(summary, evaluation), over_time(summary), distributions(summary), failures(summary),
      evaluation and evaluation_section.show(evaluation),
      examples_section.show(summary.examples), how(run))))
  return "<!DOCTYPE html>\n" .. page.html .. "\n"
end

--- Writes the page into a file, completely or not at all. A new file can be read by its owner only,
-- because there are prompts and answers in it.
-- @tparam string path
-- @tparam table data as for `html`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "config"
function M.write (path, data)
  local found, replace = pcall(require, "predibase.replace")
  if not found then
    return nil, errors.new { kind = "config",
      message = "a report needs the C module predibase.replace: " .. replace }
  end
  local ok, why = replace.write(path, M.html(data))
  if ok then return true end
  return nil, errors.new { kind = "config", message = "cannot write the report: " .. why }
end

return M
