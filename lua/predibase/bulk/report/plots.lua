-- SPDX-License-Identifier: MIT
--- Draws bars as SVG. The horizontal positions are shares of the width, so that a plot fits every
-- screen while its letters keep their size.
-- @module predibase.bulk.report.plots

local amounts = require "predibase.amounts"
local markup = require "predibase.bulk.report.markup"

local M = {}

local tag = markup.tag
local floor = math.floor

-- Sizes in CSS pixels: the height of the bars, the space above them and for each mark, the space
-- below (for the labels of the axis), and the width of the labels at the left.
local HEIGHT, ABOVE, MARK, BELOW, LEFT = 150, 8, 14, 22, 52

-- Most lines above the lowest one.
local LINES = 4

-- The smallest distance of two labels on a narrow screen. Those in between are hidden there.
local APART_NARROW = 0.2

-- Part of its place that a bar fills.
local FILLED = 0.86

--- Returns a position as a percentage.
local function percent (share)
  return (("%.3f"):format(share * 100):gsub(",", ".")) .. "%"
end

local function pixels (value)
  return (("%.1f"):format(value):gsub(",", "."))
end

--- Returns the distance of the lines, so that at most LINES of them reach the greatest value.
local function line_distance (greatest)
  if greatest <= 0 then return 1 end
  local power = 10 ^ floor(math.log(greatest / LINES) / math.log(10))
  for _, factor in ipairs { 1, 2, 2.5, 5, 10, 20 } do
    if factor * power * LINES >= greatest * 0.999999 then return factor * power end
  end
end

local function sum (values)
  local total = 0
  for _, value in ipairs(values) do total = total + value end
  return total
end

--- Returns the vertical position of a value, from the greatest value of the plot.
local function y_of (value, top)
  return ABOVE + HEIGHT * (1 - value / top)
end

--- Writes a number so that it fits at the left of a plot.
local function short (value)
  if value < 1e6 then return amounts.number(value) end
  if value < 1e9 then return amounts.number(value / 1e6) .. " M" end
  return amounts.number(value / 1e9) .. " G"
end

--- Draws the lines with their labels.
local function draw_axis (top, distance)
  local labels, lines = {}, {}
  for i = 0, floor(top / distance + 0.5) do
    local y = y_of(i * distance, top)
    labels[#labels + 1] = tag("text", { x = LEFT - 6, y = pixels(y + 4), ["text-anchor"] = "end" },
      short(i * distance))
    lines[#lines + 1] = tag("line", { x1 = 0, x2 = "100%", y1 = pixels(y), y2 = pixels(y),
      class = i == 0 and "base" or "grid" })
  end
  return labels, lines
end

local function draw_bars (options, top)
  local out, width = {}, 1 / #options.bars
  for i, bar in ipairs(options.bars) do
    local x, below, parts = (i - 1) * width, 0, {}
    for j, value in ipairs(bar.values) do
      if value > 0 then
        local y, base = y_of(below + value, top), y_of(below, top)
        -- A bar of less than one pixel could not be seen.
        parts[#parts + 1] = tag("rect", { class = "s" .. j,
          x = percent(x + width * (1 - FILLED) / 2), width = percent(width * FILLED),
          y = pixels(math.min(y, base - 1)), height = pixels(math.max(base - y, 1)) })
        below = below + value
      end
    end
    out[i] = tag("g", nil, tag("title", nil, bar.label, ": ", bar.text),
      tag("rect", { class = "hit", x = percent(x), width = percent(width), y = ABOVE,
        height = HEIGHT }), parts)
  end
  return out
end

--- Returns the attribute that keeps a text at a position inside of the plot.
local function anchor (at, margin)
  return at < margin and "start" or at > 1 - margin and "end" or "middle"
end

local function draw_ticks (ticks)
  local out, last = {}, -1
  for i, tick in ipairs(ticks) do
    local dense = tick.at - last < APART_NARROW
    if not dense then last = tick.at end
    out[i] = tag("text", { x = percent(tick.at), y = ABOVE + HEIGHT + 16,
      class = dense and "dense", ["text-anchor"] = anchor(tick.at, 0.04) }, tick.text)
  end
  return out
end

--- Draws the marks, one line of text below the other, so that the texts do not overlap.
local function draw_marks (marks)
  local out = {}
  for i, mark in ipairs(marks) do
    local y = (i - #marks) * MARK
    out[i] = tag("g", { class = "mark" },
      tag("line", { x1 = percent(mark.at), x2 = percent(mark.at), y1 = y + 3,
        y2 = ABOVE + HEIGHT }),
      tag("text", { x = percent(mark.at), y = y, ["text-anchor"] = anchor(mark.at, 0.2) },
        mark.text))
  end
  return out
end

local function legend (series)
  if #series < 2 then return nil end
  local items = {}
  for i, name in ipairs(series) do
    items[i] = tag("span", nil, tag("svg", { width = 12, height = 12, ["aria-hidden"] = "true" },
      tag("rect", { class = "s" .. i, width = 12, height = 12 })), " ", name)
  end
  return tag("p", { class = "legend" }, items)
end

--- Draws bars of equal width, with the same numbers as a table below.
-- @tparam table options
--
-- * `id`: a name for the elements, unique in the page
-- * `title`, `description`: what is shown, and what can be seen, in words
-- * `series`: array of the names of the parts of each bar, from below
-- * `bars`: array of `{ label =, values =, text = }`: one value for each of the `series`; `text`
--   describes them
-- * `ticks`: array of `{ at =, text = }`, the labels below; `at` is from 0 (left) to 1 (right)
-- * `marks`: array of `{ at =, text = }`, vertical lines; at most 3
-- * `head`: what the `label` of a bar is, for the table
-- @treturn table markup
function M.bars (options)
  local greatest = 0
  for _, bar in ipairs(options.bars) do greatest = math.max(greatest, sum(bar.values)) end
  local distance = line_distance(greatest)
  local top = distance * math.max(1, math.ceil(greatest / distance - 1e-6))
  local marks = options.marks or {}
  local labels, lines = draw_axis(top, distance)
  local height = ABOVE + HEIGHT + BELOW + #marks * MARK
  local shift = { transform = ("translate(0 %d)"):format(#marks * MARK) }
  local names, rows = { options.head }, {}
  for i, name in ipairs(options.series) do names[i + 1] = name end
  for i, bar in ipairs(options.bars) do
    rows[i] = { bar.label }
    for j, value in ipairs(bar.values) do rows[i][j + 1] = amounts.number(value) end
  end
  local title, description = options.id .. "-title", options.id .. "-description"
  return tag("figure", nil, tag("figcaption", nil, options.title),
    tag("div", { class = "plot" },
      tag("svg", { class = "scale", width = LEFT, height = height, ["aria-hidden"] = "true" },
        tag("g", shift, labels)),
      tag("svg", { width = "100%", height = height, role = "img",
        ["aria-labelledby"] = title .. " " .. description },
        tag("title", { id = title }, options.title),
        tag("desc", { id = description }, options.description),
        tag("g", shift, lines, draw_bars(options, top), draw_marks(marks),
          draw_ticks(options.ticks)))),
    legend(options.series),
    tag("details", nil, tag("summary", nil, "The numbers as a table"),
      markup.table(options.title, names, rows)))
end

--- Draws a share as a horizontal bar.
-- @tparam number share from 0 to 1
-- @tparam[opt=1] number series whose colour is used
-- @treturn table markup
function M.share (share, series)
  return tag("svg", { class = "share", width = "100%", height = 10, ["aria-hidden"] = "true" },
    tag("rect", { class = "rest", width = "100%", height = 10 }),
    tag("rect", { class = "s" .. (series or 1), width = percent(share), height = 10 }))
end

-- Seconds between the labels of an axis of time.
local TIME_STEPS = { 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
  10800, 21600, 43200, 86400 }

-- Most labels below a plot, and the smallest distance of two labels.
local TICKS, APART = 6, 0.1

--- Returns the labels of an axis of time.
-- @tparam number seconds where the axis ends; it begins at 0
-- @treturn table array of `{ at =, text = }`
function M.time_ticks (seconds)
  local step
  for _, candidate in ipairs(TIME_STEPS) do
    step = candidate
    if seconds / step < TICKS - 1 then break end
  end
  while seconds / step >= TICKS - 1 do step = step * 2 end
  local ticks = {}
  for i = 0, floor(seconds / step) do
    ticks[#ticks + 1] = { at = i * step / seconds, text = amounts.seconds(i * step) }
  end
  return ticks
end

--- Tells whether the first digits of a number are one of a list.
local function begins_with (value, digits)
  if value == 0 then return true end
  local scaled = value / 10 ^ floor(math.log(value) / math.log(10) + 1e-9)
  for _, digit in ipairs(digits) do
    if math.abs(scaled / digit - 1) < 1e-6 then return true end
  end
  return false
end

local ROUND = { { 1, 1.5, 2, 3, 4, 5, 6, 8 }, { 1, 2, 5 }, { 1, 5 }, { 1 } }

--- Returns the labels of the axis of a histogram, at round numbers where possible.
-- @tparam table bars array of `{ from =, to = }`
-- @tparam function text returns the label of a number
-- @tparam function place returns the position of a number, from 0 to 1
-- @treturn table array of `{ at =, text = }`
function M.value_ticks (bars, text, place)
  local chosen
  for _, digits in ipairs(ROUND) do
    chosen = {}
    for _, bar in ipairs(bars) do
      if begins_with(bar.from, digits) then chosen[#chosen + 1] = bar.from end
    end
    if #chosen <= TICKS and #chosen >= 3 then break end
  end
  if #chosen < 3 or #chosen > TICKS then
    chosen = {}
    for i = 1, #bars, math.ceil(#bars / TICKS) do chosen[#chosen + 1] = bars[i].from end
  end
  local ticks = {}
  for _, value in ipairs(chosen) do
    local at, before = place(value), ticks[#ticks]
    if not before or at - before.at >= APART then
      ticks[#ticks + 1] = { at = at, text = text(value) }
    end
  end
  return ticks
end

return M
