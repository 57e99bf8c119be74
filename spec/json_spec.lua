-- SPDX-License-Identifier: MIT
local json = require "predibase.json"
local random = require "spec.support.random"

local has_integers = rawget(math, "type") ~= nil
local integer_of = has_integers and tonumber or function (digits) return digits end

describe("json.decode", function ()
  it("accepts every form of RFC 8259", function ()
    local null = json.null
    local cases = {
      { "null", null }, { "true", true }, { "false", false }, { "0", 0 }, { "-0", 0 },
      { "12", 12 }, { "-1.5", -1.5 }, { "0.25", 0.25 }, { "1e3", 1000 }, { "1E+3", 1000 },
      { "25e-2", 0.25 }, { "-0.5e+1", -5 }, { "0e0", 0 }, { "1e-400", 0 }, { '""', "" },
      { '"a/b"', "a/b" }, { '"\\/"', "/" }, { '"\\"\\\\\\b\\f\\n\\r\\t"', '"\\\b\f\n\r\t' },
      { '"\\u0041\\u00e9\\u20AC"', "Aé€" }, { '"\\u0000"', "\0" }, { '"\127"', "\127" },
      { '"\\ud83d\\ude00"', "😀" }, { '"\\uD83D\\uDE00"', "😀" }, { '"é€😀"', "é€😀" },
      { '"\226\128\168\226\128\169\194\133"', "\226\128\168\226\128\169\194\133" },
      { "[]", {} }, { "{}", {} }, { " [ 1 , 2 ] ", { 1, 2 } }, { "\t\r\n[\n]\n", {} },
      { '{"":0}', { [""] = 0 } }, { '{"a":{"b":[{}]}}', { a = { b = { {} } } } },
      { '{"a":1,"a":2}', { a = 2 } }, { "[null,1]", { null, 1 } },
    }
    for _, case in ipairs(cases) do
      local value, message = json.decode(case[1])
      assert.is_nil(message, case[1])
      assert.same(case[2], value, case[1])
    end
  end)

  it("refuses invalid JSON and names the place", function ()
    for _, text in ipairs {
      "", " ", "\0", "1\0", "nul", "True", "nullx", "NaN", "nan", "-NaN", "[NaN]", "Infinity",
      "-Infinity", "inf", "[-inf]", "0x10", "-0x10", "01", "-01", "00", "[-]", "+1", ".5", "1e",
      "1e+", "0.1e", "1.5.5", "- 1", "--1", "1_0", "1 2", "[1", "[1,]", "[,1]", "[1 2]", "[1]]",
      "]", '{"a"}', '{"a":}', '{"a":1,}', "{1:2}", "{a:1}", '{"a":1 "b":2}', '{"a":1', "}",
      "'a'", '"abc', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\', '"a\0b"', "1 x", "[] []", "1//c",
      "/*c*/1", "\239\187\191{}", "\254\255\0{", "\v1", "\f[1]", "\194\160[]", "data: {}",
      "<html>", "[DONE]", "undefined",
    } do
      local value, message = json.decode(text)
      assert.is_nil(value, text)
      assert.is_string(message, text)
    end
  end)

  it("refuses everything but strings without raising", function ()
    for _, value in ipairs { 5, true, {}, print, json.null } do
      local decoded, message = json.decode(value)
      assert.is_nil(decoded)
      assert.equal("expected a string, got a " .. type(value), message)
    end
    assert.is_nil((json.decode(nil)))
  end)

  it("refuses nesting deeper than 128, also a hundred thousand levels", function ()
    assert.is_table(json.decode(("["):rep(128) .. ("]"):rep(128)))
    assert.is_table(json.decode(('{"a":'):rep(128) .. "1" .. ("}"):rep(128)))
    for _, n in ipairs { 129, 1001, 100000 } do
      assert.is_nil((json.decode(("["):rep(n) .. ("]"):rep(n))))
      assert.is_nil((json.decode(("["):rep(n))))
      assert.is_nil((json.decode(('{"a":'):rep(n) .. "1" .. ("}"):rep(n))))
    end
  end)

  it("reads a string of ten megabytes", function ()
    local big = ("0123456789"):rep(1024 * 1024)
    assert.is_true(json.decode('{"a":"' .. big .. '"}').a == big)
  end)

  it("reads numbers of any size", function ()
    assert.equal(math.huge, json.decode "1e400")
    assert.equal(-math.huge, json.decode "-1e400")
    assert.equal(0, json.decode "1e-400")
    assert.equal(-math.huge, 1 / json.decode "-0.0")
    assert.equal(0, json.decode "-0")         -- without its sign from lua-cjson 2.1.0.10 on
    assert.is_true(math.abs(json.decode("0." .. ("1"):rep(10000)) - 1 / 9) < 1e-9)
  end)

  it("replaces an unpaired escaped surrogate by U+FFFD", function ()
    local cases = {
      { "\\ud83d", "\239\191\189" }, { "\\ude00", "\239\191\189" },
      { "a\\ud83db", "a\239\191\189b" }, { "\\ud83d\\u0041", "\239\191\189A" },
      { "\\ud83d\\ud83d\\ude00", "\239\191\189😀" }, { "\\ude00\\ud83d", ("\239\191\189"):rep(2) },
      { "\\\\ud83d\\ud83d", "\\ud83d\239\191\189" }, { "\\ud83d\\\\ude00", "\239\191\189\\ude00" },
      { "\\uD83D\\uDE00\\uDBFF", "😀\239\191\189" }, { '\\"\\ud83d', '"\239\191\189' },
    }
    for _, case in ipairs(cases) do
      assert.same({ case[2] }, json.decode('["' .. case[1] .. '"]'), case[1])
    end
    assert.is_nil((json.decode('["\\ud83d]')))
    assert.is_nil((json.decode('"\\ud83d" x')))
  end)

  it("returns bytes that are not UTF-8 unchanged", function ()
    assert.equal("a\255\237\160\128", json.decode('"a\255\237\160\128"'))
  end)
end)

describe("big integers", function ()
  it("are exact from 2^53 on, and integers where Lua has them", function ()
    for _, digits in ipairs { "9007199254740992", "9007199254740993", "-9007199254740993",
      "9223372036854775807", "-9223372036854775808", "12345678901234567" } do
      assert.equal(integer_of(digits), json.decode(digits))
      assert.same({ a = { 1, integer_of(digits) } }, json.decode('{"a":[1,' .. digits .. "]}"))
    end
  end)

  it("are strings of digits where no integer of Lua can hold them", function ()
    for _, digits in ipairs { "18446744073709551615", "9223372036854775808",
      "-9223372036854775809", "18446744073709551616", ("7"):rep(10000) } do
      assert.equal(digits, json.decode(digits))
      assert.same({ seed = digits }, json.decode('{"seed":' .. digits .. "}"))
    end
  end)

  it("are numbers below 2^53", function ()
    assert.equal(9007199254740991, json.decode "9007199254740991")
    assert.equal(-9007199254740991, json.decode "-9007199254740991")
    assert.equal(1234567890123456, json.decode "1234567890123456")
  end)

  it("are found at any place in a text", function ()
    for pad = 0, 40 do
      local space = (" "):rep(pad)
      assert.equal(integer_of "9007199254740993", json.decode(space .. "9007199254740993"))
      assert.same({ integer_of "9007199254740993" }, json.decode(space .. "[9007199254740993]"))
      assert.same({ seed = "18446744073709551615", n = 1 },
        json.decode('{"n":' .. space .. '1,"seed":18446744073709551615}'))
    end
  end)

  it("do not include floats with many digits", function ()
    for _, text in ipairs { "-0.33999999999999997", "0.1000000000000000055511151231257827",
      "1234567890123456789.5", "1.7976931348623157e308", "12345678901234567890e-5", "1e16",
      "1234567890123456789E0" } do
      local value = json.decode("[" .. text .. "]")[1]
      assert.is_number(value, text)
      assert.equal(tonumber(text), value, text)
    end
  end)

  it("do not include digits inside strings, with or without escapes", function ()
    local n = "12345678901234567890"
    for _, s in ipairs { n, ',' .. n, 'a\\"' .. n, '\\\\' .. n, '\\\\\\",' .. n, "\\u0031" .. n,
      ":" .. n .. "\\n" .. n } do
      local plain = json.decode('["' .. s .. '"]')[1]
      local beside = json.decode('["' .. s .. '",' .. n .. ',{"' .. s .. '":-' .. n .. "}]")
      assert.same({ plain, n, { [plain] = "-" .. n } }, beside, s)
    end
  end)

  it("are not confused with strings that look like the internal marker", function ()
    local n = "18446744073709551615"
    for _, s in ipairs { "integer:5", "integer:integer:5", "\\u0069nteger:integer:integer:7",
      "integer:" } do
      local plain = json.decode('"' .. s .. '"')
      assert.same({ plain, n }, json.decode('["' .. s .. '",' .. n .. "]"), s)
    end
  end)

  it("are not confused with strings when the text has an unpaired surrogate", function ()
    assert.same({ "\239\191\189", "18446744073709551615" },
      json.decode '["\\ud800",18446744073709551615]')
  end)

  it("are decoded in linear time", function ()
    local many = {}
    for i = 1, 20000 do many[i] = "18446744073709551615" end
    local list = json.decode("[" .. table.concat(many, ",") .. "]")
    assert.equal(20000, #list)
    assert.equal("18446744073709551615", list[20000])
  end)
end)

describe("json.parse", function ()
  it("returns what lua-cjson returns with our settings, and raises", function ()
    assert.same({ a = 1, b = json.null }, json.parse '{"a":1,"b":null}')
    assert.is_true(json.parse "18446744073709551615" >= 2 ^ 53)      -- but rounded
    for _, text in ipairs { "[1", "NaN", "01", '"\\ud83d"', ("["):rep(129) .. ("]"):rep(129) } do
      assert.has_error(function () json.parse(text) end)
    end
  end)
end)

describe("json.integer", function ()
  it("makes integral numbers print without a fraction", function ()
    assert.equal("5", tostring(json.integer(json.decode "5")))
    assert.equal("-4294967295", tostring(json.integer(json.decode "-4294967295")))
    assert.equal("0", tostring(json.integer(json.decode "-0")))
    assert.equal("0", tostring(json.integer(json.decode "0.0")))
  end)

  it("leaves everything else unchanged", function ()
    for _, value in ipairs { 1.5, 1e300, -1e300, "5", "18446744073709551615", true, json.null } do
      assert.equal(value, json.integer(value))
    end
    assert.is_nil(json.integer(nil))
    assert.is_false(json.integer(false))
    local nan = json.integer(0 / 0)
    assert.is_true(nan ~= nan)
  end)
end)

describe("json.check", function ()
  it("accepts texts that follow RFC 8259 strictly", function ()
    for _, text in ipairs { "{}", "[]", "0", "-0", "-0.5e-10", "1E5", '"é\\n\127"', "true",
      ' {"a" : [1, 2.5, "x"] }\n', '"1. -.5 1e999"', "18446744073709551615" } do
      assert.is_true(json.check(text), text)
    end
  end)

  it("refuses what only lua-cjson accepts", function ()
    for _, text in ipairs { '"\t"', '["a\nb"]', '{"a\1":1}', "1.", "[1.]", "[-.5]", "1.e5",
      "1e999", "-1e400", '"\255"', '"\237\160\128"', '"\\ud83d"', '{"a":"\\ude00"}', "", "[1",
      "NaN", "01", "\239\187\191{}", '"\\\\\t"' } do
      local ok, message = json.check(text)
      assert.is_nil(ok, text)
      assert.is_string(message, text)
    end
    assert.is_nil((json.check(5)))
  end)
end)

describe("lua-cjson itself", function ()
  it("keeps the settings of other modules", function ()
    local cjson = require "cjson"
    assert.equal(1000, cjson.decode_max_depth())
    assert.is_truthy(cjson.decode_invalid_numbers())
    assert.is_true(cjson.encode_keep_buffer())
    assert.is_truthy(pcall(cjson.decode, "NaN"))
    cjson.decode_max_depth(2)
    cjson.decode_invalid_numbers(true)
    local deep, nan = json.decode "[[[1]]]", json.decode "NaN"
    cjson.decode_max_depth(1000)
    assert.same({ { { 1 } } }, deep)
    assert.is_nil(nan)
  end)
end)

describe("with a newer lua-cjson, which decodes integers to integers and may leave the slash",
  function ()
  local cjson = require "cjson"
  local tointeger = rawget(math, "tointeger") or function (v) return v end
  local newer

  local function integers (value)
    if type(value) == "number" then return tointeger(value) or value end
    if type(value) == "table" then
      for key, inner in pairs(value) do value[key] = integers(inner) end
    end
    return value
  end

  local function fresh ()
    local own, out = cjson.new(), {}
    for name, value in pairs(own) do out[name] = value end
    out.decode = function (text) return integers(own.decode(text)) end
    out.encode = function (text) return (own.encode(text):gsub("\\/", "/")) end
    return out
  end

  setup(function ()
    local stub = setmetatable({ new = fresh, array_mt = {}, empty_array_mt = {} },
      { __index = cjson })
    local kept = package.loaded["predibase.json"]
    package.loaded["cjson"], package.loaded["predibase.json"] = stub, nil
    newer = require "predibase.json"
    package.loaded["cjson"], package.loaded["predibase.json"] = cjson, kept
    newer.marks = { stub.array_mt, stub.empty_array_mt }
  end)

  it("all results are the same", function ()
    for _, text in ipairs { "18446744073709551615", "[9007199254740993,1,-0.33999999999999997]",
      '{"id":5,"text":"a/b \\\\/","logprob":-1.5}', '"\\ud83d"', "9223372036854775807" } do
      assert.same({ json.decode(text) }, { newer.decode(text) }, text)
    end
    for _, value in ipairs { "a/b", "\\/", 'x"/', 128.0, 0.1, { 1, { a = "/" } } } do
      assert.equal(json.encode(value), newer.encode(value))
    end
  end)

  it("its marks for arrays are recognised", function ()
    for _, mark in ipairs(newer.marks) do assert.equal("[]", newer.encode(setmetatable({},
      mark))) end
  end)
end)

describe("the members of a JSON text", function ()
  it("are listed in their order, with the positions of names and ends", function ()
    assert.same({ { "a", 3, 14 }, { 'b"', 16, 32 }, { "a", 33, 39 } },
      json.members('{ "a":{"x":1}, "b\\"" : ["}",2] ,"a": 3}'))
    assert.same({}, json.members(" {} "))
  end)

  it("can be written in one line", function ()
    assert.equal('{ "a b":  "c\\u000ad" }', json.one_line('{\n"a b":\r\n"c\nd"\t}'))
    assert.equal('{"a":1}', json.one_line('{"a":1}'))
  end)
end)

describe("a member of a JSON text", function ()
  it("is found at the top level only, with its positions", function ()
    assert.same({ "2", 19, 19 }, { json.member('{"a":{"x":1}, "x":2}', "x") })
    assert.is_nil(json.member('{"a":{"x":1},"b":["x",{"x":3}]}', "x"))
    assert.equal('[1,{"b":"}"}]', (json.member('{ "a" : [1,{"b":"}"}] , "c": 1 }', "a")))
    assert.equal("1.50", (json.member('\n{\t"a":\r\n 1.50\n}\n', "a")))
    assert.is_nil(json.member('["a",1]', "a"))
    assert.is_nil(json.member("{}", "a"))
  end)

  it("is found by its name, also when that is escaped", function ()
    assert.equal('"\\"x\\\\"', (json.member('{"\\u0061":"\\"x\\\\"}', "a")))
    assert.equal("2", (json.member('{"a\\"b":1,"é\\n":2}', "é\n")))
    assert.equal("1", (json.member('{"a\\"b":1,"é\\n":2}', 'a"b')))
  end)

  it("is the last one of its name, as in decoding", function ()
    local text = '{"a":1,"b":{"a":2},"a":[3],"c":4}'
    assert.equal("[3]", (json.member(text, "a")))
    assert.same({ 3 }, json.decode(text).a)
  end)
end)

describe("decoding random texts", function ()
  it("never raises, and always returns a value or a message", function ()
    local rng = random.new(77)
    local pieces = { "[", "]", "{", "}", ",", ":", '"', "\\", "\\u", "\\ud83d", "12345678901234567",
      "-", ".", "e", "null", "true", " ", "\n", "\0", "\255", "é", '"a":', "0" }
    for _ = 1, 5000 do
      local text = {}
      for i = 1, rng:int(1, 14) do text[i] = rng:pick(pieces) end
      text = table.concat(text)
      local ok, value, message = pcall(json.decode, text)
      assert.is_true(ok, text)
      assert.is_true(value ~= nil or type(message) == "string", text)
      if json.check(text) then assert.is_true(value ~= nil, text) end
    end
  end)
end)
