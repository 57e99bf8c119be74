-- SPDX-License-Identifier: MIT

local serde = require "predibase.mock.serde"

local function value_of(text)
  local value, failure = serde.read(text, serde.any)
  return value, failure and failure.message
end

local function syntax(text)
  local value, failure = serde.read(text, serde.any)
  assert.is_nil(value)
  assert.is_true(failure.syntax)
  return failure.message
end

describe("predibase.mock.serde", function()
  it("reads every kind of value", function()
    assert.are.equal("a", (value_of('"a"')))
    assert.are.equal(-12.5, (value_of("-12.5")))
    assert.are.equal(100, (value_of(" 1e2 ")))
    assert.is_true(value_of("true"))
    assert.is_false(value_of("false"))
    assert.are.equal(serde.null, (value_of("null")))
    assert.are.same({ array = true, 1, "b", { array = true } }, (value_of('[1,"b",[]]')))
  end)

  it("keeps the order of an object's keys, and the last of two equal ones", function()
    local value = value_of('{"b":1,"a":2,"b":3}')
    assert.are.same({ "b", "a" }, value.keys)
    assert.are.same({ b = 3, a = 2 }, value.values)
  end)

  it("reads escapes, surrogate pairs and raw UTF-8", function()
    assert.are.equal('"\\/\b\f\n\r\t', (value_of([["\"\\\/\b\f\n\r\t"]])))
    assert.are.equal("A\0é東🙂", (value_of([["\u0041\u0000\u00e9\u6771\ud83d\ude00"]])
      :gsub("😀", "🙂")))
    assert.are.equal("é\127", (value_of('"é\127"')))
  end)

  it("ignores what follows the value, as axum 0.7 does", function()
    assert.are.equal(1, (value_of("1 trailing")))
  end)

  it("says what is wrong with broken JSON, and where, in serde_json's words", function()
    local cases = {
      [""] = "EOF while parsing a value at line 1 column 0",
      ["{"] = "EOF while parsing an object at line 1 column 1",
      ["["] = "EOF while parsing a list at line 1 column 1",
      ['"ab'] = "EOF while parsing a string at line 1 column 3",
      ["[1,]"] = "trailing comma at line 1 column 4",
      ['{"a":1,}'] = "trailing comma at line 1 column 8",
      ["[1 2]"] = "expected `,` or `]` at line 1 column 4",
      ['{"a" 1}'] = "expected `:` at line 1 column 6",
      ["{1:2}"] = "key must be a string at line 1 column 2",
      ["tru"] = "EOF while parsing a value at line 1 column 3",
      ["nule"] = "expected ident at line 1 column 4",
      ["x"] = "expected value at line 1 column 1",
      ["01"] = "invalid number at line 1 column 2",
      ["-"] = "EOF while parsing a value at line 1 column 1",
      ["-x"] = "invalid number at line 1 column 2",
      ["1."] = "EOF while parsing a value at line 1 column 2",
      ["1.x"] = "invalid number at line 1 column 3",
      ["1e400"] = "number out of range at line 1 column 5",
      ['"\\x"'] = "invalid escape at line 1 column 3",
      ['"\\ud83dx"'] = "unexpected end of hex escape at line 1 column 8",
      ['"\\ude00"'] = "lone leading surrogate in hex escape at line 1 column 7",
      ['"a\nb"'] = "control character (\\u0000-\\u001F) found while parsing a string "
        .. "at line 2 column 0",
      ['"\255"'] = "invalid unicode code point at line 1 column 3",
      ["[\n1,\nx]"] = "expected value at line 3 column 1",
    }
    for text, message in pairs(cases) do assert.are.equal(message, syntax(text)) end
    assert.are.equal("recursion limit exceeded at line 1 column 128", syntax(("["):rep(200)))
    assert.are.equal("recursion limit exceeded at line 1 column 128", syntax(("["):rep(200000)))
  end)

  it("says the same type errors as serde_json", function()
    local function message(text, shape)
      local _, failure = serde.read(text, shape)
      assert.is_false(failure.syntax)
      return failure.message
    end
    local u32, u64, i32 = serde.integer "u32", serde.integer "u64", serde.integer "i32"
    assert.are.equal("invalid type: floating point `128.0`, expected u32 at line 1 column 5",
      message("128.0", u32))
    assert.are.equal("invalid type: floating point `0.1`, expected u32 at line 1 column 4",
      message("1e-1", u32))
    assert.are.equal("invalid type: floating point `1e-7`, expected u32 at line 1 column 4",
      message("1e-7", u32))
    assert.are.equal("invalid type: floating point `-0.0`, expected u32 at line 1 column 2",
      message("-0", u32))
    assert.are.equal("invalid value: integer `-1`, expected u64 at line 1 column 2",
      message("-1", u64))
    assert.are.equal("invalid value: integer `4294967296`, expected u32 at line 1 column 10",
      message("4294967296", u32))
    assert.are.equal("invalid value: integer `2147483648`, expected i32 at line 1 column 10",
      message("2147483648", i32))
    assert.are.equal(
      "invalid type: floating point `1.8446744073709552e19`, expected u64 at line 1 column 20",
      message("18446744073709551616", u64))
    assert.are.equal('invalid type: string "a\\"b", expected a boolean at line 1 column 6',
      message([["a\"b"]], serde.boolean))
    assert.are.equal("invalid type: null, expected a string at line 1 column 4",
      message("null", serde.string))
    assert.are.equal("invalid type: map, expected f32 at line 1 column 0", message("{}", serde.f32))
    assert.are.equal("[1]: invalid type: boolean `true`, expected a string at line 1 column 9",
      message('["a",true]', serde.list(serde.string)))
  end)

  it("reads integers of each width exactly", function()
    assert.are.equal("18446744073709551615",
      (serde.read("18446744073709551615", serde.integer "u64")))
    assert.are.equal(4294967295, (serde.read("4294967295", serde.integer "u32")))
    assert.are.equal(-2147483648, (serde.read("-2147483648", serde.integer "i32")))
  end)

  it("never fails in another way, whatever the bytes", function()
    local random = require "predibase.mock.random".new("3")
    local alphabet = '{}[]":,\\u0019ntrfe.-+E \n\255'
    for _ = 1, 3000 do
      local bytes = {}
      for i = 1, math.floor(random() * 30) do
        local at = math.floor(random() * #alphabet) + 1
        bytes[i] = alphabet:sub(at, at)
      end
      local value, failure = serde.read(table.concat(bytes), serde.any)
      if value == nil then assert.is_truthy(failure.message:find("at line %d+ column %d+$")) end
    end
  end)

  it("turns what it read into plain tables", function()
    local value = serde.read('{"a":[1,{"b":null}],"c":"x"}', serde.any)
    assert.are.same({ a = { 1, {} }, c = "x" }, serde.plain(value))
  end)
end)
