-- SPDX-License-Identifier: MIT
-- Writes the report of an invented bulk run, always the same one, to look at it in a browser. Some
-- of its texts are as hostile as the answer of a model can be.
-- usage: eval "$(make -s env)"; lua5.4 tools/example-report.lua FILE.html [CLASSES]

local errors = require "predibase.errors"
local evaluations = require "predibase.bulk.evaluation"
local figures_of = require "predibase.bulk.figures"
local random = require "predibase.random"
local report = require "predibase.bulk.report"

local M = {}

local TEXTS = {
  { "The delivery was two days late, but the support team answered at once and sent a new one.",
    "positive" },
  { "It broke after a week.\nI want my money back.", "negative" },
  { "Das Gerät ist in Ordnung, mehr aber auch nicht.", "neutral" },
  { "أعمل مع هذا المنتج منذ سنة وأنا راض عنه", "positive" },
  { "Does this come in blue?", "question" },
}

-- Texts that try to leave their place in the page.
M.HOSTILE = {
  "</pre></script><script>document.title='broken'</script>",
  "<img src=x onerror=\"alert(1)\"><svg onload=alert(2)>",
  "&lt;b&gt; stays as it is, ' and \" too; {{7*7}} ${7*7}",
  "invoice_\226\128\174fdp.exe and \226\129\166hidden\226\129\169",
  "bell \7, escape \27[31m, nul \0, C1 \194\155, not UTF-8 \255\254, carriage\rreturn",
  ("0123456789abcdef"):rep(65536),
  "Z\204\131\204\129\204\130a\204\131\204\129l\204\131\204\129g\204\131\204\129o\204\131",
  "]]><!-- --!> <style>body{display:none}</style> <base href=//example.com/>",
}

local NAMES = { "positive", "negative", "neutral", "question", "complaint", "spam" }

local function class_name (number, classes)
  return classes <= #NAMES and NAMES[number] or ("intent %02d"):format(number)
end

--- Returns the time that an answer took: most are fast, a few wait in the queue.
local function time_of (draw)
  local slow = draw() < 0.05 and 4 or 1
  return 0.12 * slow * math.exp(1.1 * (draw() + draw() + draw() - 1.5))
end

local function failure (draw)
  local x = draw()
  if x < 0.7 then
    return errors.new { kind = "overloaded", status = 429, message = "Model is overloaded" }
  elseif x < 0.9 then
    return errors.new { kind = "timeout", message = "no answer within 30 seconds" }
  end
  return errors.new { kind = "validation", message = "line 12: " .. M.HOSTILE[1] }
end

--- Returns what `report.html` takes.
-- @tparam number count rows
-- @tparam number classes
function M.data (count, classes)
  local now, draw = 0, random.new(12)
  local figures = figures_of.new { clock = function () return now end }
  local evaluation = assert(evaluations.new { column = "label" })
  for number = 1, count do
    local part = number / count
    -- The server is slow in the middle of the run.
    now = now + (part > 0.55 and part < 0.65 and 4 or 1) * 0.02 * (0.5 + draw())
    local class = math.floor(draw() ^ 2 * classes) + 1
    local answered = draw() < 0.9 and class or math.floor(draw() * classes) + 1
    local text = class_name(answered, classes)
    if draw() < 0.3 then text = " " .. text:upper() .. ".\n" end
    -- Some of these are among the rows that are chosen as examples.
    if draw() < 0.02 or number * 0.6180339887 % 1 < 10 / count then
      text = M.HOSTILE[math.floor(number / 7) % #M.HOSTILE + 1]
    end
    local failing = draw() < (part > 0.55 and part < 0.65 and 0.08 or 0.004)
    local err = failing and failure(draw) or nil
    local row = { number = number, line = number + math.floor(number / 9) + 1,
      input = "Classify this review.\n\n" .. TEXTS[number % #TEXTS + 1][1],
      text = not err and text or nil, err = err, time = time_of(draw),
      tokens_in = math.floor(40 * math.exp(1.5 * draw())),
      tokens_out = math.floor(draw() ^ 3 * 14) + 1 }
    figures:add(row)
    evaluation:add(number % 40 ~= 0 and class_name(class, classes) or nil, row.text, row)
  end
  for _ = 1, math.floor(count / 8) do figures:resumed { tokens_in = 90, tokens_out = 3 } end
  return { summary = figures:summary(), evaluation = evaluation:result(), run = {
    input = "reviews.csv", output = "labels.jsonl", state = "Finished.",
    started = 1767225600, ended = 1767225600 + math.floor(now),
    options = { { "--template", "Classify this review.\n\n{review text}" },
      { "--adapter-id", "reviews/7" }, { "--max-new-tokens", 8 }, { "--temperature", 0.1 },
      { "--concurrency", "auto (reached 48)" }, { "--evaluate", "label" } },
    versions = { { "predibase", "1.0" }, { "Lua", _VERSION }, { "server", "LoRAX" } } } }
end

--- Writes the page.
-- @tparam string path
-- @tparam number classes
function M.write (path, classes)
  assert(report.write(path, M.data(8000, classes)))
end

if arg and arg[0] and arg[0]:find "example%-report%.lua$" then
  M.write(assert(arg[1], "usage: lua5.4 tools/example-report.lua FILE.html [CLASSES]"),
    tonumber(arg[2]) or 4)
end

return M
