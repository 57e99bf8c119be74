-- SPDX-License-Identifier: MIT
--- The evaluation of a report: accuracy, classes, the matrix and the worst examples.
-- @module predibase.bulk.report.evaluation_section

local amounts = require "predibase.amounts"
local examples_section = require "predibase.bulk.report.examples_section"
local markup = require "predibase.bulk.report.markup"
local plots = require "predibase.bulk.report.plots"

local M = {}

local tag = markup.tag

local WAYS = {
  exact = "Exact answers are the same bytes.",
  normalised = "Normalised answers may differ in case, white space, quotes and final punctuation.",
  json = "JSON answers have the same fields with equal values.",
}

-- With more classes than this, a matrix gets small letters on paper.
local MANY = 12

local function decimals (value)
  return value and (("%.3f"):format(value):gsub(",", ".")) or "none"
end

--- Shows the name of a class, or of what has none.
local function name_of (name)
  if not name then return tag("i", nil, "other texts") end
  if name == "" then return tag("i", nil, "(empty)") end
  return tag("bdi", nil, name)
end

local function measures (result)
  local rows, about = {}, {}
  for _, way in ipairs { "exact", "normalised", "json" } do
    local measured = result[way]
    if measured then
      about[#about + 1] = WAYS[way]
      rows[#rows + 1] = { way == result.how and way .. " (chosen)" or way,
        amounts.count(measured.right), amounts.count(measured.rows),
        amounts.percent(measured.accuracy or 0), plots.share(measured.accuracy or 0) }
    end
  end
  return { markup.table("Accuracy in each way to compare",
    { "Way", "Right", "Rows", "Accuracy", "Bar" }, rows),
    tag("p", { class = "soft" }, table.concat(about, " ")) }
end

local function fields (found)
  if not found then return nil end
  local rows = {}
  for i, field in ipairs(found.fields) do
    rows[i] = { tag("bdi", nil, field.name), amounts.count(field.right),
      amounts.count(field.missing), amounts.count(field.rows), amounts.percent(field.accuracy),
      plots.share(field.accuracy) }
  end
  return { tag("h3", nil, "Fields"),
    tag("p", { class = "soft" }, amounts.of(found.not_objects, "answer"),
      " without a JSON object, ", amounts.of(found.with_more, "answer"),
      " with a field that is not expected.",
      not found.complete and " Only the first fields are counted by name."),
    markup.table("Fields of the JSON objects, the least accurate first",
      { "Field", "Right", "Missing", "Rows", "Accuracy", "Bar" }, rows) }
end

local function classes (result)
  local rows = {}
  for i, class in ipairs(result.classes) do
    rows[i] = { name_of(class.name), amounts.count(class.rows), amounts.count(class.answered),
      class.precision and amounts.percent(class.precision) or "none",
      amounts.percent(class.recall or 0), decimals(class.f1), plots.share(class.f1) }
  end
  return markup.table("Classes; the bars show F1",
    { "Class", "Rows", "Answered so", "Precision", "Recall", "F1", "Bar" }, rows)
end

--- Returns the class of a cell: how dark it is, for the share of its row.
local function shade (count, total, right)
  if count == 0 then return "zero" end
  return (right and "g" or "w") .. math.max(1, math.min(4, math.ceil(count / total * 4)))
end

local function matrix (result)
  local names, rows, heads = {}, {}, {}
  for i, class in ipairs(result.classes) do names[i] = name_of(class.name) end
  names[#names + 1] = name_of(nil)
  for i, name in ipairs(names) do
    heads[i] = tag("th", { scope = "col", class = "turned" }, tag("span", nil, name))
  end
  for i, counts in ipairs(result.matrix) do
    local cells, total = {}, 0
    for _, count in ipairs(counts) do total = total + count end
    for j, count in ipairs(counts) do
      cells[j] = tag("td", { class = shade(count, total, i == j and i < #names) },
        amounts.count(count))
    end
    if i < #names or total > 0 then
      rows[#rows + 1] = tag("tr", nil, tag("th", { scope = "row" }, names[i]), cells)
    end
  end
  return { tag("p", { class = "soft" }, "A row for each expected class, a column for each answer. ",
    "The darker a cell, the larger its share of the row; blue is right, orange is wrong."),
    tag("div", { class = "scroll", tabindex = 0, role = "region",
      ["aria-label"] = "Confusion matrix" },
    tag("table", { class = #names > MANY and "matrix many" or "matrix" },
      tag("caption", nil, "Confusion matrix"),
      tag("thead", nil, tag("tr", nil, tag("th", { scope = "col" }, "Expected"), heads)),
      tag("tbody", nil, rows))) }
end

local function about_classes (result)
  local known, more = #result.classes, result.more_classes
  if known == 0 then
    return tag("p", { class = "soft" }, "There is no matrix: almost every expected text is ",
      "different, so these are no classes.")
  end
  return { tag("h3", nil, "Classes"),
    (more > 0 or not result.complete) and tag("p", nil, "There are ",
      result.complete and "" or "at least ", amounts.count(known + more), " classes. The ",
      amounts.count(known), " most frequent ones are shown, the others are counted together."),
    tag("p", { class = "soft" }, "Mean F1 of the classes: ", decimals(result.macro_f1), "."),
    classes(result), tag("h3", nil, "Which class was answered as which"), matrix(result) }
end

local function strays (result)
  if #result.strays == 0 or #result.classes == 0 then return nil end
  local rows = {}
  for i, entry in ipairs(result.strays) do
    rows[i] = { name_of(entry.answered), amounts.count(entry.rows) }
  end
  return { tag("h3", nil, "Answers that are no class"),
    markup.table("The most frequent ones", { "Answer", "Rows" }, rows) }
end

local function worst (result)
  if #result.worst == 0 then return nil end
  local parts = {}
  for i, entry in ipairs(result.worst) do
    local list, box = {}, examples_section.text_box
    for j, example in ipairs(entry.examples) do
      list[j] = tag("article", { class = "example" },
        tag("p", { class = "label" }, examples_section.place(example)),
        box("Input", example.input, example.input_bytes),
        not entry.expected and box("Expected", example.expected, example.expected_bytes),
        box("Answer", example.answer, example.answer_bytes))
    end
    parts[i] = tag("div", nil, tag("h3", nil, "Expected ", name_of(entry.expected), ", answered ",
      name_of(entry.answered), ": ", amounts.of(entry.rows, "row")),
      tag("div", { class = "three" }, list))
  end
  return { tag("h3", nil, "Worst examples"),
    tag("p", { class = "soft" }, "Answers have no score. These are the most frequent confusions, ",
      "with examples of each."), parts }
end

--- Shows an evaluation.
-- @tparam table result as `evaluation:result` returns it
-- @treturn table markup
function M.show (result)
  if result.rows == 0 then
    return tag("section", { id = "evaluation" }, tag("h2", nil, "Evaluation"),
      tag("p", nil, "No row has both an answer and the column ", tag("bdi", nil, result.column),
        "."))
  end
  return tag("section", { id = "evaluation" }, tag("h2", nil, "Evaluation"),
    tag("p", nil, tag("b", nil, amounts.percent(result.accuracy)), " of ",
      amounts.of(result.rows, "answer"), " agree with the column ",
      tag("bdi", nil, result.column), "."),
    result.without_expectation + result.unanswered > 0 and tag("p", { class = "soft" },
      amounts.of(result.without_expectation, "row"), " without an expected answer and ",
      amounts.of(result.unanswered, "row"), " without an answer are not counted."),
    measures(result), fields(result.json), about_classes(result), strays(result), worst(result))
end

return M
