-- SPDX-License-Identifier: MIT
--- The page of a bulk run: well-formed, harmless whatever the texts are, and complete.
local base64 = require "predibase.base64"
local calling_line = require "spec.support.blame"
local errors = require "predibase.errors"
local evaluations = require "predibase.bulk.evaluation"
local example = dofile "tools/example-report.lua"
local figures_of = require "predibase.bulk.figures"
local page_style = require "predibase.bulk.report.page_style"
local report = require "predibase.bulk.report"
local scratch = require "spec.support.scratch"
local utf8 = require "predibase.utf8"

local VOID = { meta = true, rect = true, line = true }

-- Attributes that neither load nor run anything.
local HARMLESS = {}
for name in ([[aria-hidden aria-label aria-labelledby charset class content dir height http-equiv id
  lang name role scope tabindex text-anchor transform width x x1 x2 y y1 y2]]):gmatch "%S+" do
  HARMLESS[name] = true
end

local ENTITIES = { amp = "&", lt = "<", gt = ">", quot = '"', ["#39"] = "'" }

--- Parses a page strictly. Returns the text of each element without children as an array, the text
-- of all of them, and the set of the names of the elements. Fails for anything that is not in the
-- syntax of XML, and for attributes that are not harmless.
local function parse (page)
  local open, texts, names, ids, at = {}, {}, {}, {}, #"<!DOCTYPE html>\n" + 1
  assert.equal("<!DOCTYPE html>\n", page:sub(1, at - 1))
  while at <= #page do
    local text, closing, name, rest, stop = page:match("^([^<>]*)<(/?)(%a[%w]*)([^<>]*)>()", at)
    if not name then
      assert.equal("\n", page:sub(at))
      break
    end
    if open[#open] ~= "style" then
      texts[#texts + 1] = text:gsub("&([^;]*);", function (entity)
        return assert(ENTITIES[entity], entity)
      end)
      assert.is_nil(text:gsub("&%a+;", ""):gsub("&#39;", ""):find("&", 1, true))
    end
    names[name], at = true, stop
    if closing == "/" then
      assert.equal(name, table.remove(open))
      assert.equal("", rest)
    else
      local attributes = rest:gsub(' ([%w-]+)="([^"]*)"', function (key, value)
        assert.is_true(HARMLESS[key], key)
        if key == "id" then
          assert.is_nil(ids[value])
          ids[value] = true
        end
        return ""
      end)
      assert.equal(VOID[name] and " /" or "", attributes)
      if not VOID[name] then open[#open + 1] = name end
    end
  end
  assert.equal(0, #open)
  return texts, table.concat(texts, "\1"), names
end

describe("predibase.bulk.report", function ()
  local now = 0

  --- Makes a page and parses it, without its style, which is not escaped.
  local function page_of (data)
    local page = report.html(data)
    local _, all, names = parse((page:gsub("<style>.-</style>", "<style></style>")))
    return page, (all:gsub("\1", "")), names
  end

  local function figures_with (rows)
    local figures = figures_of.new { clock = function () return now end }
    for i, row in ipairs(rows) do
      row.number = row.number or i
      figures:add(row)
    end
    return figures:summary()
  end

  it("allows its own style and nothing else", function ()
    local folder = scratch.new()
    scratch.write(folder .. "/style.css", page_style.CSS)
    local pipe = io.popen("sha256sum '" .. folder .. "/style.css'")
    local digits = pipe:read("*a"):match("^%x+")
    pipe:close()
    scratch.remove(folder)
    local hash = base64.encode((digits:gsub("%x%x", function (hex)
      return string.char(tonumber(hex, 16))
    end)))
    assert.equal(hash, page_style.HASH)
    local page = report.html { summary = figures_with {} }
    assert.is_truthy(page:find('<meta content="default-src &#39;none&#39;; style-src &#39;sha256-'
      .. hash .. "&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;\" http-equiv="
      .. '"Content-Security-Policy" />', 1, true))
    assert.is_truthy(page:find("<style>" .. page_style.CSS .. "</style>", 1, true))
    assert.is_nil(page_style.CSS:find("[<&]"))
    assert.is_nil(page_style.CSS:find("url", 1, true))
    assert.is_nil(page_style.CSS:find("import", 1, true))
    -- The policy comes before the style.
    assert.is_true(page:find("Content-Security-Policy", 1, true) < page:find("<style>", 1, true))
  end)

  it("is well-formed for the example, without scripts, links and files of others", function ()
    for _, classes in ipairs { 4, 58 } do
      local data = example.data(3000, classes)
      local page, all, names = page_of(data)
      for _, name in ipairs { "script", "a", "link", "img", "iframe", "form", "object", "base",
        "use", "image" } do
        assert.is_nil(names[name], name)
      end
      for _, heading in ipairs { "Overview", "Speed over time", "Times and tokens of the answers",
        "Failures by kind", "Evaluation", "Examples", "How it was run", "Confusion matrix",
        "Worst examples", "Answers that are no class", "overloaded" } do
        assert.is_truthy(all:find(heading, 1, true), heading)
      end
      assert.equal(classes == 58, all:find("There are 58 classes", 1, true) ~= nil)
      assert.is_true(utf8.valid(page))
      assert.is_true(#page < 1000000, #page)
      assert.equal(page, report.html(data))
    end
  end)

  it("shows every text as text, wherever it comes from", function ()
    for i, hostile in ipairs(example.HOSTILE) do
      local evaluation = evaluations.new { column = hostile }
      evaluation:add(hostile, "x", { number = 1, input = hostile })
      evaluation:add("x", hostile, { number = 2, input = hostile })
      evaluation:add({ [hostile:gsub("[\128-\255]", "?")] = 1 }, "{}", { number = 3 })
      local page, all = page_of { evaluation = evaluation:result(), summary = figures_with {
        { input = hostile, text = hostile, time = 1 },
        { input = hostile, err = errors.new { kind = "server", message = hostile } } },
        run = { title = hostile, input = hostile, output = hostile, state = hostile,
          options = { { hostile, hostile } }, versions = { { hostile, { hostile, i } } } } }
      assert.is_true(utf8.valid(page))
      assert.is_nil(page:find("[%z\1-\8\11-\31\127]"), "a control character")
      assert.is_nil(page:find("\226\128[\142\143\170-\174]"), "a bidi control")
      assert.is_nil(page:find("\226\129[\166-\169]"), "a bidi control")
      local plain = hostile:gsub("[\128-\255%c].*", ""):sub(1, 40)
      assert.is_truthy(all:find(plain, 1, true), plain)
    end
  end)

  it("shows invisible characters by their codes, and bytes that are not UTF-8", function ()
    local _, all = page_of { summary = figures_with {
      { text = "a\0b\27c\127d\194\133e\226\128\174f\239\187\191g\255h\r\ni\tj\rk\243\160\129\129l"
        .. "\239\191\191m" } } }
    assert.is_truthy(all:find("aU+0000bU+001BcU+007FdU+0085eU+202EfU+FEFFg\239\191\189h\ni\tj"
      .. "U+000DkU+E0041l\239\191\189m", 1, true), all)
  end)

  it("shows what a run adds to its figures", function ()
    local summary = figures_with { { time = 1 } }
    summary.cost, summary.changed, summary.stray = 12.345, 3, 1
    summary.reason = "max_cost"
    local evaluation = evaluations.new { column = "label" }
    evaluation:add("a", "a")
    summary.evaluation = evaluation:result()
    local _, all = page_of { summary = summary }
    for _, text in ipairs { "Cost12.3", "Changed3 rows", "Without a row1 answer", "Accuracy100%",
      "It ended early: max_cost." } do
      assert.is_truthy(all:find(text, 1, true), text)
    end
  end)

  it("has no elements in its title", function ()
    local page = report.html { summary = figures_with {}, run = { title = "a\226\128\174<b>" } }
    assert.is_truthy(page:find("<title>a[U+202E]&lt;b&gt;</title>", 1, true))
  end)

  it("cuts long texts, and says so", function ()
    local page, all = page_of { run = { options = { { "--template", ("y"):rep(3000) } } },
      summary = figures_with { { text = ("\226\130\172"):rep(500000) } } }
    assert.is_truthy(all:find("Cut: these are the first 1,998 of 1,500,000 bytes.", 1, true))
    assert.is_truthy(all:find("Cut: these are the first 2,000 of 3,000 bytes.", 1, true))
    assert.is_true(#page < 60000, #page)
  end)

  it("removes secrets from how it was run", function ()
    local page = report.html { summary = figures_with {}, run = { title = "pb_secret12 run",
      input = "pb_secret12.csv", state = "pb_secret12", secrets = { "pb_secret12" },
      options = { { "--header", { "X: pb_secret12" } } } } }
    assert.is_nil(page:find("pb_secret12", 1, true))
    assert.is_truthy(page:find("[redacted].csv", 1, true))
  end)

  it("says what was sent, with which versions, and when", function ()
    local _, all = page_of { summary = figures_with {}, run = { input = "in.csv",
      output = "out.jsonl", started = 1767225600.7, ended = 1767225661, state = "Stopped.",
      options = { { "--max-new-tokens", 8 }, { "--ordered", false } },
      versions = { { "predibase", "1.0" } } } }
    for _, text in ipairs { "Bulk run: in.csv", "out.jsonl", "2026-01-01 00:00:00 UTC",
      "2026-01-01 00:01:01 UTC", "Stopped.", "--max-new-tokens", "8", "--ordered", "false",
      "predibase", "1.0" } do
      assert.is_truthy(all:find(text, 1, true), text)
    end
  end)

  it("has a page for every run: empty, of one row, without an answer, of any length", function ()
    local failed = { err = errors.new { kind = "tls", message = "no" } }
    for _, rows in ipairs { {}, { { time = 0, tokens_in = 0, tokens_out = 0 } }, { failed },
      { { time = 1e-9 } }, { { time = 1e9, tokens_in = 2 ^ 53, tokens_out = 1 } },
      { { time = 0.5, tokens_in = 1, tokens_out = 1 }, { time = 0.5, tokens_out = 900 } } } do
      for _, length in ipairs { 0, 0.01, 1, 59, 3600, 1e6, 1e9 } do
        now = 0
        local figures = figures_of.new { clock = function () return now end }
        now = length
        for _, row in ipairs(rows) do figures:add(row) end
        local page = page_of { summary = figures:summary() }
        assert.is_nil(page:find('"%-?nan') or page:find('"%-?inf'))
      end
    end
    now = 0
  end)

  it("keeps bars, marks and labels inside of their plots", function ()
    local page = report.html(example.data(2000, 4))
    local bars = 0
    local bar = '<rect class="s%d" height="[%d.]+" width="([%d.]+)%%" x="([%d.]+)%%"'
    for x, width in page:gmatch(bar) do
      bars = bars + 1
      assert.is_true(tonumber(x) + tonumber(width) <= 100.001)
    end
    assert.is_true(bars > 100, bars)
    for x in page:gmatch '<text[^>]* x="([%d.]+)%%"' do assert.is_true(tonumber(x) <= 100) end
    for y in page:gmatch ' y="([^"%%]+)"' do assert.is_true(tonumber(y) > -40) end
  end)

  it("leaves out what there is nothing of", function ()
    local _, all = page_of { summary = figures_with { { tokens_in = 5 } } }
    for _, text in ipairs { "Tokens generated per second", "Time to answer", "Failures by kind",
      "Tokens of the answers", "Evaluation", "How it was run", "Answered before", "Left out" } do
      assert.is_nil(all:find(text, 1, true), text)
    end
    assert.is_truthy(all:find("Tokens of the prompts", 1, true))
  end)

  it("says why there is no matrix, and that nothing was compared", function ()
    local evaluation = evaluations.new { column = "answer" }
    local function shown ()
      local _, all = page_of { summary = figures_with {}, evaluation = evaluation:result() }
      return all
    end
    assert.is_truthy(shown():find("No row has both an answer and the column answer.", 1, true))
    for i = 1, 60 do evaluation:add("text " .. i, "text " .. i + 1, { number = i }) end
    assert.is_truthy(shown():find("There is no matrix", 1, true))
  end)

  it("shows fields of JSON objects", function ()
    local evaluation = evaluations.new { column = "answer", how = "json" }
    evaluation:add('{"city":"Oslo","zip":1}', '{"city":"Oslo","zip":2}', { number = 1 })
    evaluation:add('{"city":"Rome"}', "Rome", { number = 2 })
    local _, all = page_of { summary = figures_with {}, evaluation = evaluation:result() }
    for _, text in ipairs { "Fields", "city", "zip", "json (chosen)" } do
      assert.is_truthy(all:find(text, 1, true), text)
    end
  end)

  it("is written completely or not at all", function ()
    local folder = scratch.new()
    local path = folder .. "/report.html"
    local data = { summary = figures_with {} }
    assert.is_true(report.write(path, data))
    assert.equal(report.html(data), scratch.read(path))
    local ok, err = report.write(folder .. "/none/report.html", data)
    assert.is_nil(ok)
    assert.equal("config", err.kind)
    assert.is_truthy(err.message:find("none/report.html", 1, true))
    scratch.remove(folder)
  end)

  it("raises without a summary", function ()
    for _, data in ipairs { {}, { summary = 1 } } do
      local text = calling_line(function () report.html(data) end)
      assert.is_truthy(text:find("report.html takes a table with a summary", 1, true))
    end
  end)
end)
