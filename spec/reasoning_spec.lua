-- SPDX-License-Identifier: MIT
local random = require "spec.support.random"
local reasoning = require "predibase.reasoning"

local THINK = { open = "<think>", close = "</think>" }

local function by_pieces (pieces, marks, begins_inside)
  local splitter = reasoning.new(marks, begins_inside)
  local answer, thoughts = {}, {}
  local function add (a, b) answer[#answer + 1], thoughts[#thoughts + 1] = a, b end
  for _, piece in ipairs(pieces) do add(splitter:feed(piece)) end
  local a, b = splitter:finish()
  local c, d = splitter:finish()
  assert.equal(a, c)
  assert.equal(b, d)
  add(a, b)
  local text = table.concat(thoughts)
  return table.concat(answer), text ~= "" and text or nil
end

--- Computes the expected parts from the whole text.
local function by_looking (text, marks, inside)
  local function trim (s) return s:match("^[ \t\r\n]*(.-)[ \t\r\n]*$") end
  local before = ""
  if not inside then
    local first, last = text:find(marks.open, 1, true)
    if not first then return text end
    before, text = text:sub(1, first - 1), text:sub(last + 1)
    if trim(before) == "" then before = "" end
  end
  local first, last = text:find(marks.close, 1, true)
  local thoughts = trim(text:sub(1, (first or #text + 1) - 1))
  if inside and thoughts:sub(1, #marks.open) == marks.open then
    thoughts = trim(thoughts:sub(#marks.open + 1))
  end
  local after = first and text:sub(last + 1):match("^[ \t\r\n]*(.*)$") or ""
  return before .. after, thoughts ~= "" and thoughts or nil
end

-- Text, the answer, the reasoning; then the same for a text that begins inside.
local CASES = {
  { "<think>\nHm.\n</think>\n\nYes.", "Yes.", "Hm." },
  { "Yes.", "Yes.", nil, "", "Yes." },
  { "", "", nil },
  { " \n <think>a</think> b ", "b ", "a" },
  { "Well. <think>a</think>\nb", "Well. b", "a" },
  { "<think>\n\n</think>\n\nYes.", "Yes.", nil, "Yes.", nil },
  { "<think>a\n b \n", "", "a\n b", "", "a\n b" },
  { "<think>a </thi", "", "a </thi", "", "a </thi" },
  { "  <thi", "  <thi", nil, "", "<thi" },
  { "a</think>b", "a</think>b", nil, "b", "a" },
  { "<think>a</think>say <think> or </think>.", "say <think> or </think>.", "a" },
  { "<think>a <think> b</think>c", "c", "a <think> b" },
  { "<think></think>", "", nil, "", nil },
  { " <thinker>x</think>y", " <thinker>x</think>y", nil, "y", "<thinker>x" },
  { "<<think>a<</think>b", "<b", "a<", "b", "<<think>a<" },
}

describe("a splitter", function ()
  it("separates the reasoning from the answer, at every cut", function ()
    for _, case in ipairs(CASES) do
      local text = case[1]
      local function check (pieces)
        local answer, thoughts = by_pieces(pieces, THINK)
        assert.equal(case[2], answer, text)
        assert.equal(case[3], thoughts, text)
        if case[4] then
          answer, thoughts = by_pieces(pieces, THINK, true)
          assert.equal(case[4], answer, text)
          assert.equal(case[5], thoughts, text)
        end
      end
      local bytes = {}
      for i = 1, #text do bytes[i] = text:sub(i, i) end
      check { text }
      check(bytes)
      for first = 0, #text do
        for second = first, #text do
          check { text:sub(1, first), text:sub(first + 1, second), text:sub(second + 1) }
        end
      end
    end
  end)

  it("begins inside when the marks say so", function ()
    local marks = { open = "<think>", close = "</think>", begins_inside = true }
    assert.same({ "b", "a" }, { reasoning.split("a</think>b", marks) })
    assert.same({ "a</think>b" }, { reasoning.split("a</think>b", marks, false) })
  end)

  it("shows text as soon as it cannot be part of a mark", function ()
    local splitter = reasoning.new(THINK)
    assert.same({ "", "" }, { splitter:feed " <" })
    assert.same({ "", "" }, { splitter:feed "think> \n" })
    assert.same({ "", "so" }, { splitter:feed "so " })
    assert.same({ "", " it" }, { splitter:feed "it</" })
    assert.same({ "", "</b" }, { splitter:feed "b" })
    assert.same({ "", "" }, { splitter:feed "</think>" })
    assert.same({ "", "" }, { splitter:feed "\n\n" })
    assert.same({ "Yes", "" }, { splitter:feed "Yes" })
    assert.same({ " <think>", "" }, { splitter:feed " <think>" })
    splitter = reasoning.new(THINK)
    assert.same({ "Yes ", "" }, { splitter:feed "Yes " })
    assert.same({ "", "" }, { splitter:feed "<" })
    assert.same({ "<", "" }, { splitter:finish() })
  end)

  it("gives the same for random texts, however they are cut", function ()
    local source = random.new(511)
    local splinters = { "<think>", "</think>", "<", "think", "/", ">", " ", "\n", "a", "\195", "" }
    for _, marks in ipairs { THINK, { open = "[T]", close = "[/T]" },
      { open = "aab", close = "ab" }, { open = "|", close = "|" } } do
      if marks.open ~= "<think>" then
        splinters[#splinters + 1] = marks.open
        splinters[#splinters + 1] = marks.close
      end
      for _ = 1, 1500 do
        local pieces = {}
        for i = 1, source:int(0, 9) do pieces[i] = source:pick(splinters) end
        local text = table.concat(pieces)
        for _, inside in ipairs { false, true } do
          local answer, thoughts = by_looking(text, marks, inside)
          assert.same({ answer, thoughts }, { by_pieces(pieces, marks, inside) }, text)
          assert.same({ answer, thoughts }, { reasoning.split(text, marks, inside) }, text)
        end
      end
    end
  end)

  it("keeps little, and needs time in proportion to the text", function ()
    for _, unit in ipairs { " ", "<", "<think", "</think", "a" } do
      for _, inside in ipairs { false, true } do
        local splitter = reasoning.new(THINK, inside)
        local fed, got, most = 0, 0, 0
        for _ = 1, 20000 do
          local answer, thoughts = splitter:feed(unit)
          fed, got = fed + #unit, got + #answer + #thoughts
          most = math.max(most, fed - got)
        end
        -- White space at the beginning of a reasoning is dropped.
        if not (inside and unit == " ") then
          assert.is_true(most <= reasoning.MAX_SPACE + #THINK.close, unit)
        end
      end
    end
    local spaces = (" "):rep(reasoning.MAX_SPACE + 3)
    for _, pieces in ipairs { { "<think>a" .. spaces .. "</think>b" },
      { "<think>a", spaces, "</think>", "b" } } do
      assert.same({ "b", "a   " }, { by_pieces(pieces, THINK) })
    end
    assert.same({ spaces .. "b", "a" }, { reasoning.split(spaces .. "<think>a</think>b", THINK) })
  end)

  it("knows the texts of tokens that are marks", function ()
    local splitter = reasoning.new(THINK)
    assert.is_true(splitter:is_mark "<think>")
    assert.is_true(splitter:is_mark "</think>")
    assert.is_false(splitter:is_mark "<think")
    assert.is_false(splitter:is_mark "</s>")
  end)
end)

describe("a prompt", function ()
  it("ends inside the reasoning when it ends with the opening mark", function ()
    assert.is_true(reasoning.ends_inside(THINK, "Q<think>\n"))
    assert.is_true(reasoning.ends_inside(THINK, "<think>"))
    assert.is_false(reasoning.ends_inside(THINK, "<think>\n\n</think>\n\n"))
    assert.is_false(reasoning.ends_inside(THINK, "Q"))
    assert.is_false(reasoning.ends_inside(THINK, "think>"))
    assert.is_false(reasoning.ends_inside(THINK, ""))
  end)
end)

describe("a prompt that ends with the closing mark", function ()
  it("has the reasoning behind it", function ()
    assert.is_true(reasoning.is_over(THINK, "<think>\n\n</think>\n\n"))
    assert.is_false(reasoning.is_over(THINK, "Q<think>\n"))
    assert.is_false(reasoning.is_over(THINK, ""))
  end)
end)

describe("the option reasoning", function ()
  local thinker = { name = "t", reasoning = THINK }

  it("means the marks of the format, or those that are given", function ()
    assert.is_false(reasoning.read(nil))
    assert.is_false(reasoning.read(nil, { name = "f" }))
    assert.is_false(reasoning.read(false, thinker))
    assert.equal(THINK, reasoning.read(nil, thinker))
    assert.equal(THINK, reasoning.read(true, thinker))
    assert.same({ open = "<a>", close = "</a>" }, reasoning.read({ "<a>\n", " </a>" }, thinker))
    assert.same({ open = "<a>", close = "</a>", begins_inside = true },
      reasoning.read { open = "<a>", close = "</a>", begins_inside = true })
  end)

  it("is refused with the reason", function ()
    for _, case in ipairs {
      { true, "there is none here" }, { "yes", 'got the string "yes"' }, { 1, "got the number 1" },
      { {}, "the opening mark must be a string, got nil" },
      { { "a" }, "the closing mark must be a string, got nil" },
      { { "a", 1 }, "the closing mark must be a string, got the number 1" },
      { { "", "a" }, "the opening mark is empty" }, { { "a", " \n" }, "the closing mark is empty" },
      { { "a", ("b"):rep(257) }, "has 257 bytes; at most 256" },
      { { "a", "b", "c" }, "it has the key the number 3" },
      { { opening = "a" }, 'it has the key the string "opening"' },
      { { "a", "b", begins_inside = 1 }, "begins_inside must be a boolean, got the number 1" },
    } do
      local marks, problem = reasoning.read(case[1])
      assert.is_nil(marks)
      assert.is_truthy(problem:find(case[2], 1, true), problem)
    end
    local _, problem = reasoning.read(true, { name = "f" })
    assert.matches('chat format "f" has no marks', problem)
  end)
end)
