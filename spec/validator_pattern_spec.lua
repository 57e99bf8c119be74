-- SPDX-License-Identifier: MIT
local patterns = require "predibase.validator.pattern"
local random = require "spec.support.random"

local STEPS = 1000000

local function found (pattern, text)
  local states, why = patterns.new(pattern)
  assert(states, pattern .. ": " .. tostring(why))
  return (patterns.matches(states, text, STEPS))
end

--- Pattern, texts in which it occurs, texts in which it does not.
local CASES = {
  { "", { "", "a" }, {} },
  { "b", { "b", "abc" }, { "", "a", "B" } },
  { "^a+b$", { "ab", "aaab" }, { "b", "abc", "cab" } },
  { "^(a|bc)*$", { "", "a", "bc", "abcbca" }, { "b", "abcb" } },
  { "^(?:a|)$", { "", "a" }, { "b" } },
  { "^(?<n>a)(?P<m>b)$", { "ab" }, { "a" } },
  { "^a|b$", { "ax", "xb" }, { "xa", "bx" } },
  { "^[a-z]{2,3}$", { "ab", "abc" }, { "a", "abcd", "AB" } },
  { "^a{3}$", { "aaa" }, { "aa", "aaaa" } },
  { "^a{2,}$", { "aa", "aaaaa" }, { "a" } },
  { "^a{0}b$", { "b" }, { "ab" } },
  { "^a+?b??$", { "a", "aab" }, { "b" } },
  { "^a{2,3}?$", { "aa", "aaa" }, { "a" } },
  { "^\\d{4}-\\d\\d$", { "2024-10" }, { "2024-1", "٢٠٢٤-10" } },
  { "^[\\w.-]+$", { "a_b-c.d" }, { "a b", "é" } },
  { "^[^\\d\\s]$", { "a", "é" }, { "1", " " } },
  { "^[\\D]$", { "a" }, { "1" } },
  { "^\\S\\s\\W$", { "a -" }, { "a-a" } },
  { "^.$", { "é", "😀", "\255" }, { "", "ab", "\n", "\r", "\226\128\168" } },
  { "^[^a]$", { "\n", "é" }, { "a" } },
  { "^[a\\]^-]$", { "a", "]", "^", "-" }, { "b" } },
  { "^[-a]$", { "-", "a" }, { "b" } },
  { "^[\\b]$", { "\b" }, { "b" } },
  { "\\bfoo\\b", { "foo", "a foo b" }, { "afoo", "foo1" } },
  { "\\Boo\\b", { "foo" }, { "oo" } },
  { "^\\u00e9\\x41\\0$", { "éA\0" }, { "eA0" } },
  { "^\\ud83d\\ude00[😀-😂]$", { "😀😁" }, { "😀a" } },
  { "^\\t\\n\\v\\f\\r\\/\\.\\\\$", { "\t\n\v\f\r/.\\" }, { "tnvfr/.\\" } },
  { "^a{$", { "a{" }, {} },
  { "^{a}]$", { "{a}]" }, {} },
  { "^$", { "" }, { "a" } },
  { "$^", { "" }, { "a" } },
  { "(a*)*$", { "", "aaa", "b" }, {} },
  { "^(a*)*b$", { "b", "aab" }, { ("a"):rep(2000) } },
  { "^(a|a)*$", { ("a"):rep(2000) }, { ("a"):rep(2000) .. "b" } },
  { "^(){2}a$", { "a" }, { "b" } },
}

describe("predibase.validator.pattern", function ()
  it("finds a pattern in the texts in which it occurs, and in no other", function ()
    for _, case in ipairs(CASES) do
      for _, text in ipairs(case[2]) do
        assert.equal(true, found(case[1], text), case[1] .. " in " .. text)
      end
      for _, text in ipairs(case[3]) do
        assert.equal(false, found(case[1], text), case[1] .. " in " .. text)
      end
    end
  end)

  it("says which part of a pattern it cannot read", function ()
    for pattern, reason in pairs {
      ["(?=a)"] = "a group that begins with (?", ["(?i)a"] = "a group that begins with (?",
      ["(?<!a)b"] = "a group that begins with (?", ["(a)\\1"] = "the escape \\1",
      ["\\p{L}"] = "the escape \\p", ["\\"] = "the escape \\", ["\\cA"] = "the escape \\c",
      ["[a"] = "a class without its ]", ["[]a]"] = "a class that begins with ]",
      ["[^]"] = "a class that begins with ]", ["[z-a]"] = "a range without an end",
      ["[\\d-z]"] = "a range that begins with a class", ["[a-\\d]"] = "a range without an end",
      ["(a"] = "a group without its )", ["a)"] = "a ) without its group",
      ["*a"] = "a repetition of nothing", ["a|+"] = "a repetition of nothing",
      ["^*"] = "a repetition of nothing", ["a**"] = "a repetition of a repetition",
      ["a{1}{2}"] = "a repetition of a repetition",
      ["a{3,1}"] = "a repetition whose limits are in the wrong order",
      ["a{,2}"] = "{,n}", ["\\x4"] = "a \\x or \\u without its digits",
      ["\\ud83d"] = "half of a surrogate pair",
      ["(a{200}){200}"] = "more states than this library follows",
      [("("):rep(101) .. (")"):rep(101)] = "too many groups inside each other",
    } do
      local made, why = patterns.new(pattern)
      assert.is_nil(made, pattern)
      assert.equal(reason, why)
    end
  end)

  it("reads a repetition of nothing a billion times in bounded time", function ()
    assert.equal(true, found("^(()){999999999}(){9,999999999}$", ""))
  end)

  it("stops at the limit of steps", function ()
    local states = assert(patterns.new "^(a|a|a|a)*b$")
    local outcome, steps = patterns.matches(states, ("a"):rep(1000), 500)
    assert.is_nil(outcome)
    assert.is_true(steps < 1000)
  end)

  --- Makes a pattern and a text that it matches as a whole.
  local function made (draw, depth)
    local kind = draw:int(1, depth > 3 and 3 or 7)
    if kind == 1 then
      local char = draw:pick { "a", "b", "c" }
      return char, char
    elseif kind == 2 then
      return "[a-c]", draw:pick { "a", "b", "c" }
    elseif kind == 3 then
      return ".", "é"
    elseif kind == 4 then
      local a, x = made(draw, depth + 1)
      local b, y = made(draw, depth + 1)
      return a .. b, x .. y
    elseif kind == 5 then
      local a, x = made(draw, depth + 1)
      local b, y = made(draw, depth + 1)
      return ("(%s|%s)"):format(a, b), draw:pick { x, y }
    end
    local a, x = made(draw, depth + 1)
    local least = draw:int(0, 2)
    local most = least + draw:int(0, 2)
    return ("(?:%s){%d,%d}"):format(a, least, most), x:rep(draw:int(least, most))
  end

  it("matches the texts that random patterns were made for", function ()
    local draw = random.new(7)
    for _ = 1, 300 do
      local pattern, text = made(draw, 1)
      local states = patterns.new("^(?:" .. pattern .. ")$")
      if states then
        assert.equal(true, (patterns.matches(states, text, STEPS)), pattern .. " on " .. text)
        assert.equal(false, (patterns.matches(states, text .. "\n", STEPS)), pattern)
      end
    end
  end)

  it("neither raises nor runs on for random bytes", function ()
    local draw = random.new(11)
    local parts = { "(", ")", "[", "]", "{2}", "{1,", "*", "+", "?", "|", "^", "$", "\\", "a", "-",
      "d", "\\b", ".", "\255", "é", "\0", "(?:", "}" }
    local read = 0
    for _ = 1, 3000 do
      local list = {}
      for i = 1, draw:int(1, 12) do list[i] = draw:pick(parts) end
      local pattern = table.concat(list)
      local states, why = patterns.new(pattern)
      if states then
        read = read + 1
        patterns.matches(states, "aé\255-d\0aad", 5000)
      else
        assert.equal("string", type(why), pattern)
      end
    end
    assert.is_true(read > 100)
  end)
end)
