-- SPDX-License-Identifier: MIT
--- Answers of a bulk run against expected ones.
local calling_line = require "spec.support.blame"
local evaluation_of = require "predibase.bulk.evaluation"
local json = require "predibase.json"
local normal_text = require "predibase.bulk.evaluation.normal_text"

describe("predibase.bulk.evaluation", function ()
  local function evaluate (how, rows)
    local evaluation = assert(evaluation_of.new { column = "label", how = how })
    for i, row in ipairs(rows) do
      evaluation:add(row[1], row[2], { number = i, line = i * 10 })
    end
    return evaluation:result()
  end

  it("removes from a text what does not change its meaning, and nothing else", function ()
    for _, case in ipairs {
      { ' "Positive".\n', "positive" }, { "**NEGATIVE**", "negative" }, { "(b)", "b" },
      { "„Ärger“", "ärger" }, { "«Ñandú»!", "ñandú" }, { "Ωμέγα", "ωμέγα" }, { "ДА。", "да" },
      { "\194\160two\226\128\131 \t words\227\128\128", "two words" }, { "【是】", "是" },
      { "-1", "-1" }, { "+", "+" }, { "C#", "c#" }, { "C++", "c++" }, { "$5", "$5" },
      { ".5", ".5" },
      { "5.", "5" }, { "...", "..." }, { " ? ", "?" }, { "", "" }, { " \n", "" }, { "50%", "50%" },
      { "a\255\"", "a\255" }, { "\128", "\128" }, { "\"'\"", "\"'\"" }, { "x _y_", "x _y_" },
      { "\"yes\" or \"no\"", "yes\" or \"no" },
    } do
      assert.equal(case[2], normal_text.of(case[1]))
    end
  end)

  it("measures in all ways at once", function ()
    local rows = { { "a", "a" }, { "a", " A." }, { "a", "b" }, { "b", "b" }, { json.null, "b" },
      { nil, "b" }, { "", "a" }, { "b", nil } }
    local expected = { exact = 2, normalised = 3, json = 3 }
    for how, right in pairs(expected) do
      local result = evaluate(how, rows)
      assert.equal(4, result.rows)
      assert.equal(3, result.without_expectation)
      assert.equal(1, result.unanswered)
      assert.equal(right, result.right)
      assert.equal(right / 4, result.accuracy)
      assert.same({ rows = 4, right = 2, accuracy = 0.5 }, result.exact)
      assert.same({ rows = 4, right = 3, accuracy = 0.75 }, result.normalised)
      assert.is_nil(result.json)
    end
    assert.equal("normalised", evaluate(nil, rows).how)
  end)

  it("compares numbers and booleans of JSON as texts", function ()
    local result = evaluate("exact", { { 5, "5" }, { 5.0, "5" }, { true, "true" }, { 0.5, "0.5" },
      { false, "true" } })
    assert.equal(4, result.right)
  end)

  it("makes a matrix, and precision, recall and F1 of each class", function ()
    local rows = {}
    local function add (expected, answered, count)
      for _ = 1, count do rows[#rows + 1] = { expected, answered } end
    end
    add("cat", "cat", 8) add("cat", "dog", 2) add("dog", "dog", 5) add("dog", "A wolf", 1)
    add("cow", "dog", 1)
    local result = evaluate("normalised", rows)
    local names = {}
    for i, class in ipairs(result.classes) do names[i] = class.name end
    assert.same({ "cat", "dog", "cow" }, names)
    assert.same({ { 8, 2, 0, 0 }, { 0, 5, 0, 1 }, { 0, 1, 0, 0 }, { 0, 0, 0, 0 } }, result.matrix)
    assert.same({ name = "dog", rows = 6, answered = 8, right = 5, precision = 5 / 8,
      recall = 5 / 6, f1 = 10 / 14 }, result.classes[2])
    assert.is_nil(result.classes[3].precision)
    assert.equal(0, result.classes[3].f1)
    assert.is_true(math.abs(result.macro_f1 - (16 / 18 + 10 / 14) / 3) < 1e-12)
    assert.equal(0, result.more_classes)
    assert.is_true(result.complete)
    assert.same({ { answered = "a wolf", rows = 1 } }, result.strays)
  end)

  it("puts classes that are numbers into their order", function ()
    local result = evaluate("normalised", { { "10", "10" }, { "2", "2" }, { "2", "10" },
      { "-1", "2" }, { "4.5", "4.5" } })
    local names = {}
    for i, class in ipairs(result.classes) do names[i] = class.name end
    assert.same({ "-1", "2", "4.5", "10" }, names)
    result = evaluate("exact", { { "nan", "nan" }, { "1", "1" }, { "1", "inf" } })
    assert.equal("1", result.classes[1].name)
  end)

  it("shows the most frequent confusions first, with examples of each", function ()
    local rows = {}
    for i = 1, 100 do
      local expected = i % 2 == 0 and "yes" or "no"
      rows[i] = { expected, i <= 60 and expected or i % 2 == 0 and "No" or "maybe so" }
      if i > 90 then rows[i][2] = ("long "):rep(60) .. i end
    end
    local worst = evaluate("normalised", rows).worst
    assert.equal(4, #worst)
    assert.equal("no", worst[1].expected)
    assert.equal("maybe so", worst[1].answered)
    assert.equal(15, worst[1].rows)
    assert.equal(3, #worst[1].examples)
    assert.equal("yes", worst[2].expected)
    assert.equal("no", worst[2].answered)
    assert.equal("No", worst[2].examples[1].answer)
    assert.equal(worst[2].examples[1].number * 10, worst[2].examples[1].line)
    assert.is_nil(worst[3].answered)
    assert.equal(5, worst[3].rows)
    assert.equal(200, #worst[3].examples[1].answer)
    assert.equal(302, worst[3].examples[1].answer_bytes)
  end)

  it("keeps the same examples in whatever order the rows arrive", function ()
    local results = {}
    for _, step in ipairs { 1, 7 } do
      local evaluation = assert(evaluation_of.new { column = "label" })
      for i = 0, 999 do
        local number = i * step % 1000 + 1
        evaluation:add("c" .. number % 3, "c" .. number % 5, { number = number })
      end
      results[#results + 1] = evaluation:result()
    end
    assert.same(results[1], results[2])
  end)

  it("counts together what is beyond 50 classes, and says so", function ()
    local rows = {}
    for class = 1, 60 do
      for _ = 1, class + 2 do
        rows[#rows + 1] = { "class " .. class, "class " .. (class == 60 and 1 or class) }
      end
    end
    local result = evaluate("exact", rows)
    assert.equal(50, #result.classes)
    assert.equal(10, result.more_classes)
    assert.equal("class 60", result.classes[1].name)
    assert.equal("class 11", result.classes[50].name)
    assert.equal(51, #result.matrix)
    local sum = 0
    for _, row in ipairs(result.matrix) do
      for _, count in ipairs(row) do sum = sum + count end
    end
    assert.equal(#rows, sum)
    assert.equal(62, result.matrix[1][51])         -- class 60, answered as class 1
    assert.equal(#rows - 62, result.right)
    assert.equal(1, result.classes[2].precision)
    assert.same({}, result.strays)
  end)

  it("makes no classes of texts that are all different", function ()
    local rows = {}
    for i = 1, 3000 do rows[i] = { "answer " .. i, "answer " .. (i % 10 == 0 and i + 1 or i) } end
    local result = evaluate("exact", rows)
    assert.same({}, result.classes)
    assert.is_nil(result.matrix)
    assert.is_nil(result.macro_f1)
    assert.equal(2700, result.right)
    assert.is_false(result.complete)
    assert.is_true(result.more_classes <= 2000)
    assert.equal(10, #result.worst)
  end)

  it("never takes different long texts for the same", function ()
    local long = ("word "):rep(30)
    local result = evaluate("exact", { { long .. "a", long .. "b" }, { long .. "a", long .. "a" },
      { "short", long } })
    assert.equal(1, result.right)
    assert.is_false(result.complete)
    assert.equal(1, #result.classes)
    assert.same({ { 0, 1 }, { 0, 2 } }, result.matrix)
    local wrong = 0
    for _, entry in ipairs(result.worst) do wrong = wrong + entry.rows end
    assert.equal(2, wrong)
  end)

  it("bounds the number of pairs that it remembers", function ()
    local evaluation = assert(evaluation_of.new { column = "label" })
    for i = 1, 30000 do
      evaluation:add("e" .. i % 1999, "a" .. i % 1297, { number = i })
    end
    local pairs_kept, names = 0, #evaluation.confusion.names
    for _ in pairs(evaluation.confusion.pairs) do pairs_kept = pairs_kept + 1 end
    assert.is_true(pairs_kept <= 7000, pairs_kept)
    assert.is_true(names <= 2000, names)
    local result, sum = evaluation:result(), 0
    for _, row in ipairs(result.matrix) do
      for _, count in ipairs(row) do sum = sum + count end
    end
    assert.equal(30000, sum)
    assert.is_false(result.complete)
  end)

  it("compares JSON objects field by field", function ()
    local result = evaluate("json", {
      { '{"a":1,"b":"x"}', ' {"b":"x", "a":1.0}\n' },
      { '{"a":1,"b":"x"}', '{"a":2,"b":"x"}' },
      { { a = 1, b = { 1, { c = json.null } } }, '{"a":1,"b":[1,{"c":null}]}' },
      { { a = 1, b = { 1, 2 } }, '{"a":1,"b":[1]}' },
      { '{"a":1}', '{"a":1,"c":3}' },
      { '{"a":1}', "```json\n{\"a\":1}\n```" },
      { '{"a":null}', "{}" },
      { '{"a":null}', '{"a":null}' },
      { "yes", "Yes." },
      { "yes", '{"a":1}' },
    })
    assert.same({ rows = 8, right = 3, accuracy = 3 / 8, not_objects = 1, with_more = 1,
      complete = true, fields = {
        { name = "a", rows = 8, right = 5, missing = 2, accuracy = 5 / 8 },
        { name = "b", rows = 4, right = 3, missing = 0, accuracy = 3 / 4 },
      } }, result.json)
    assert.equal(4, result.right)
    assert.equal(10, result.rows)
    -- The same object in another order is the same class.
    assert.equal('{"a":1,"b":"x"}', result.classes[2].name)
    assert.equal(2, result.classes[2].rows)
    assert.equal(1, result.classes[2].right)
  end)

  it("counts at most 100 fields by name", function ()
    local evaluation = assert(evaluation_of.new { column = "label", how = "json" })
    for i = 1, 150 do evaluation:add({ ["f" .. i] = 1 }, '{"f' .. i .. '":1}') end
    local result = evaluation:result()
    assert.equal(100, #result.json.fields)
    assert.is_false(result.json.complete)
    assert.equal(150, result.json.right)
  end)

  it("has a result without rows", function ()
    local result = evaluate("exact", { { nil, "x" } })
    assert.is_nil(result.accuracy)
    assert.is_nil(result.matrix)
    assert.same({ "accuracy  no row has both an answer and the column label" },
      evaluation_of.lines(result))
  end)

  it("writes the result in a few printable lines", function ()
    local rows = {}
    for i = 1, 1000 do
      rows[i] = { i % 2 == 0 and "good" or "bad", i % 20 == 0 and "bad" or i % 2 == 0 and "Good"
        or i % 25 == 1 and "\27[31mred" or "bad" }
    end
    rows[1001] = { nil, "x" }
    rows[1002] = { "good", nil }
    assert.same({
      "accuracy  93.0% of 1,000 rows (normalised)",
      "          48.0% of 1,000 rows (exact)",
      "          1 row without label, 1 not answered",
      "classes   2, mean F1 0.940",
      'confused  "good" answered as "bad": 50 rows',
      '          "bad" answered as "?[31mred": 20 rows',
    }, evaluation_of.lines(evaluate(nil, rows)))
  end)

  it("refuses other ways, and raises for misuse", function ()
    local evaluation, problem = evaluation_of.new { column = "x", how = "fuzzy" }
    assert.is_nil(evaluation)
    assert.equal("config", problem.kind)
    assert.equal('evaluate: how must be "exact", "normalised" or "json", got the string "fuzzy"',
      problem.message)
    for _, case in ipairs {
      { function () evaluation_of.new {} end, "takes a table with the name of a column" },
      { function () evaluation_of.new { column = "x", hwo = "json" } end, 'did you mean "how"' },
      { function () evaluation_of.new { column = "x" }:add("a", 1) end, "takes the answer as" },
    } do
      assert.is_truthy(calling_line(case[1]):find(case[2], 1, true))
    end
  end)
end)
