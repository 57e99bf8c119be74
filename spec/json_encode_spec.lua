-- SPDX-License-Identifier: MIT
local json = require "predibase.json"
local random = require "spec.support.random"

local has_integers = rawget(math, "type") ~= nil

describe("json.encode", function ()
  it("writes integers exactly, also those stored as floats", function ()
    local cases = { [128.0] = "128", [0] = "0", [-7] = "-7", [2 ^ 53] = "9007199254740992",
      [123456789012345] = "123456789012345", [2 ^ 63] = "9223372036854775808",
      [-2 ^ 60] = "-1152921504606846976", [4294967295] = "4294967295" }
    for value, text in pairs(cases) do assert.equal(text, json.encode(value)) end
    if has_integers then
      for _, digits in ipairs { "9223372036854775807", "-9007199254740993" } do
        assert.equal(digits, json.encode(tonumber(digits)))
      end
    end
  end)

  it("writes floats with the fewest digits that read back as the same number", function ()
    local cases = { [0.1] = "0.1", [1 / 3] = "0.3333333333333333", [-0.34] = "-0.34",
      [0.1 + 0.2] = "0.30000000000000004", [1e300] = "1e+300", [1e-7] = "1e-07",
      [5e-324] = "5e-324", [123.456] = "123.456", [2 ^ 64] = "1.8446744073709552e+19" }
    for value, text in pairs(cases) do assert.equal(text, json.encode(value)) end
    assert.equal("-0.0", json.encode(-0.0 * 1))
  end)

  it("writes numbers with a point in any locale", function ()
    local before = os.setlocale(nil, "numeric")
    finally(function () os.setlocale(before, "numeric") end)
    local found
    for _, name in ipairs { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE" } do
      found = found or os.setlocale(name, "numeric")
    end
    -- If the machine has no such locale, this checks the result in the C locale.
    assert.equal("[0.5,0.1]", json.encode { 0.5, 0.1 })
    assert.same({ 0.5, -0.25 }, json.decode "[0.5,-0.25]")
    os.setlocale(before, "numeric")
    assert.same({ 0.5, -0.25 }, json.decode "[0.5,-0.25]")
  end)

  it("escapes what must be escaped, but not the slash", function ()
    assert.equal('"a/b"', json.encode "a/b")
    assert.equal('"\\\\/ \\"/\\""', json.encode '\\/ "/"')
    assert.equal('"</script>\\\\\\\\/"', json.encode "</script>\\\\/")
    assert.equal('"\\b\\t\\n\\f\\r\\u0000\\u0001\\u001f"', json.encode "\b\t\n\f\r\0\1\31")
    assert.equal('"é€😀\226\128\168"', json.encode "é€😀\226\128\168")
  end)

  it("refuses strings and keys that are not UTF-8", function ()
    assert.same({ nil, "cannot write a string that is not UTF-8 (byte 2) as JSON" },
      { json.encode "a\255" })
    assert.same({ nil, "cannot write a string that is not UTF-8 (byte 1) at stop[2] as JSON" },
      { json.encode { stop = { "a", "\237\160\128" } } })
    assert.is_nil((json.encode { ["\255"] = 1 }))
  end)

  it("sorts the keys of plain tables", function ()
    local value = { b = 2, c = { y = 2, x = 1 }, a = 1 }
    assert.equal('{"a":1,"b":2,"c":{"x":1,"y":2}}', json.encode(value))
  end)

  it("keeps the order of json.object", function ()
    assert.equal('{"z":1,"a":{"y":null,"b":[]}}', json.encode(json.object {
      { "z", 1 }, { "a", json.object { { "y", json.null }, { "b", json.array {} } } },
    }))
    assert.equal("{}", json.encode(json.object {}))
    assert.is_nil((json.encode(json.object { "a" })))
    assert.is_nil((json.encode(json.object { { 1, "a" } })))
    assert.is_nil((json.encode(json.object { { "a" } })))
  end)

  it("distinguishes empty arrays from empty objects by json.array", function ()
    assert.equal("{}", json.encode {})
    assert.equal("[]", json.encode(json.array {}))
    assert.equal("[1]", json.encode(json.array { 1 }))
    assert.is_nil((json.encode(json.array { a = 1 })))
    assert.is_nil((json.encode(json.array { 1, nil, 3 })))
  end)

  it("writes json.raw unchanged", function ()
    assert.equal('{"s": {"z":1,  "a":2.0}}', json.encode(json.raw '{"s": {"z":1,  "a":2.0}}'))
    assert.equal('{"schema":[1, 2]}', json.encode { schema = json.raw "[1, 2]" })
    assert.has_error(function () json.raw {} end)
  end)

  it("refuses arrays with holes and tables with mixed keys", function ()
    assert.same({ nil, "cannot write an array with holes as JSON" }, { json.encode { 1, nil, 3 } })
    assert.same({ nil, "cannot write an array with holes as JSON" }, { json.encode { [5] = 1 } })
    assert.is_nil((json.encode { [1e15] = 1 }))
    assert.is_nil((json.encode { 1, 2, a = 3 }))
    assert.is_nil((json.encode { [1.5] = 1 }))
    assert.is_nil((json.encode { [0] = 1 }))
    assert.is_nil((json.encode { [-1] = 1 }))
    assert.is_nil((json.encode { [true] = 1 }))
    assert.is_nil((json.encode { [{}] = 1 }))
    assert.is_nil((json.encode { [math.huge] = 1 }))
  end)

  it("refuses NaN and the infinities and names the place", function ()
    for _, value in ipairs { 0 / 0, 1 / 0, -1 / 0 } do
      assert.same({ nil, "cannot write a number that is not finite at a[2].b as JSON" },
        { json.encode { a = { 1, { b = value } } } })
    end
  end)

  it("refuses functions, coroutines and userdata and names the place", function ()
    assert.same({ nil, "cannot write a function at schema.properties.x as JSON" },
      { json.encode { schema = { properties = { x = print } } } })
    assert.same({ nil, "cannot write a function at schema.list[1][2] as JSON" },
      { json.encode(json.object { { "schema", { list = { { 1, print } } } } }) })
    assert.is_nil((json.encode(coroutine.create(function () end))))
    assert.is_nil((json.encode { io.stdout }))
    assert.is_nil((json.encode(nil)))
  end)

  it("shows no control characters of a key in the message", function ()
    local _, message = json.encode { ["a\27\n"] = print }
    assert.equal("cannot write a function at a?  as JSON", message)
  end)

  it("refuses cycles and deep nesting, but not a table that occurs twice", function ()
    local cycle = { a = {} }
    cycle.a.b = cycle
    assert.same({ nil, "cannot write a table that contains itself at a.b as JSON" },
      { json.encode(cycle) })
    local twice = { 1 }
    assert.equal("[[1],[1]]", json.encode { twice, twice })
    local function nest (n)
      local t = {}
      for _ = 2, n do t = { t } end
      return t
    end
    assert.equal(256, #json.encode(nest(128)))
    assert.is_nil((json.encode(nest(129))))
    assert.is_nil((json.encode(nest(5000))))
  end)

  it("ignores metatables and calls no metamethod", function ()
    local trap = setmetatable({ a = 1 }, {
      __index = error, __pairs = error, __len = error, __tostring = error, __eq = error,
      __metatable = false,
    })
    assert.equal('{"a":1}', json.encode(trap))
    local list = setmetatable({ 1, 2 }, { __index = function () return 3 end, __len = error })
    assert.equal("[1,2]", json.encode(list))
  end)

  it("works after a failure", function ()
    assert.is_nil((json.encode { a = { print } }))
    assert.equal('{"a":[1]}', json.encode { a = { 1 } })
  end)

  it("does not change the value that it writes", function ()
    local value = { b = { 1, 2 }, a = "x" }
    json.encode(value)
    assert.same({ b = { 1, 2 }, a = "x" }, value)
    assert.is_nil(getmetatable(value))
  end)
end)

describe("a seed of 64 bits", function ()
  it("is written and read exactly", function ()
    for _, digits in ipairs { "0", "42", "9007199254740993", "9223372036854775807",
      "18446744073709551615" } do
      local seed = json.decode(digits)
      local written = type(seed) == "string" and json.raw(seed) or seed
      assert.equal('{"seed":' .. digits .. "}", json.encode { seed = written })
      assert.same({ seed = seed }, json.decode('{"seed":' .. digits .. "}"))
    end
  end)
end)

describe("a random value", function ()
  local characters = { "a", "Z", "0", "/", "\\", '"', "\n", "\0", "\31", "\127", "é", "€", "😀",
    "\226\128\168", "integer:", "\\u", " " }

  local function text (rng)
    local out = {}
    for i = 1, rng:int(0, 12) do out[i] = rng:pick(characters) end
    return table.concat(out)
  end

  local function number (rng)
    local how = rng:int(1, 5)
    if how == 1 then return rng:int(-100, 100) end
    if how == 2 then return rng:int(-2147483647, 2147483647) * 4194304 end
    if how == 3 then return rng:int(1, 2147483646) / rng:int(1, 2147483646) end
    if how == 4 then return rng:int(-1000000, 1000000) / 1000 end
    return rng:int(1, 2147483646) * 2 ^ rng:int(-1000, 20)
  end

  -- Empty tables are left out, because Lua cannot distinguish `[]` from `{}`.
  local function value (rng, depth)
    local how = rng:int(1, depth > 0 and 6 or 4)
    if how == 1 then return text(rng) end
    if how == 2 then return number(rng) end
    if how == 3 then return rng:int(0, 1) == 1 end
    if how == 4 then return json.null end
    local t = {}
    for i = 1, rng:int(1, 5) do
      t[how == 5 and i or (text(rng) .. "k")] = value(rng, depth - 1)
    end
    return t
  end

  local function equal (a, b)
    if type(a) ~= "table" then return a == b end
    if type(b) ~= "table" then return false end
    for key in pairs(a) do if not equal(a[key], b[key]) then return false end end
    for key in pairs(b) do if a[key] == nil then return false end end
    return true
  end

  it("is the same after encoding and decoding, and its text is strict JSON", function ()
    local rng = random.new(4711)
    for _ = 1, 2000 do
      local before = value(rng, 4)
      local written, message = json.encode(before)
      assert.is_nil(message)
      assert.is_true(json.check(written), written)
      local after = json.decode(written)
      assert.is_true(equal(before, after), written)
      assert.equal(written, json.encode(after))
    end
  end)

  it("is written as the same text for any order of insertion", function ()
    local rng = random.new(99)
    for _ = 1, 200 do
      local keys, up, down = {}, {}, {}
      for i = 1, 12 do keys[i] = text(rng) end
      for i = 1, 12 do up[keys[i]] = keys[i] end
      for i = 12, 1, -1 do down[keys[i]] = keys[i] end
      assert.equal(json.encode(up), json.encode(down))
    end
  end)
end)

describe("the encoder in C", function ()
  local text = require "predibase.json_text"
  local mark = { array = getmetatable(json.array {}), object = getmetatable(json.object {}),
    raw = getmetatable(json.raw "1"), number = getmetatable(json.number "1") }
  local marks = { [mark.array] = 1, [mark.object] = 2, [mark.raw] = 3, [mark.number] = 3 }
  local in_lua = require "predibase.json.encode".new {
    escape = json.text, null = json.null, max_depth = json.MAX_DEPTH,
    array = { [mark.array] = true }, object = { [mark.object] = true },
    raw = { [mark.raw] = true, [mark.number] = true },
  }

  local STRINGS = { "", "a/b\\\"c", "\0\1\8\9\10\11\12\13\27\31\127", "ä€😀\244\143\191\191", "\128",
    "\237\160\128", "\192\175", "\244\144\128\128", "\226\130", ("x"):rep(300) .. "\n" }
  local NUMBERS = { 0, -0.0, 1, -1, 0.1, 1 / 3, -0.51220703, 1e15, 2 ^ 53 - 1, 2 ^ 53, -2 ^ 63,
    1e300, 1e-7, 5e-324, 2.2250738585072014e-308, 1 / 0, -1 / 0, 0 / 0, 123456789.125 }

  --- Makes a value that may not be writable.
  local function value_of (draw, depth)
    local kind = math.floor(draw() * (depth > 4 and 5 or 9))
    if kind == 0 then return STRINGS[math.floor(draw() * #STRINGS) + 1] end
    if kind == 1 then return NUMBERS[math.floor(draw() * #NUMBERS) + 1] end
    if kind == 2 then return draw() < 0.5 end
    if kind == 3 then return draw() < 0.9 and json.null or print end
    if kind == 4 then return draw() < 0.5 and json.number "1.50" or json.raw '{"a":[1]}' end
    local made, n = {}, math.floor(draw() * (draw() < 0.1 and 40 or 5))
    for i = 1, n do
      local inner = value_of(draw, depth + 1)
      if kind == 5 then made[i] = inner
      elseif kind == 6 then made["k" .. math.floor(draw() * 1000)] = inner
      elseif kind == 7 then made[i] = { STRINGS[math.floor(draw() * 4) + 1] .. i, inner }
      elseif draw() < 0.9 then made[STRINGS[math.floor(draw() * #STRINGS) + 1]] = inner
      else made[math.floor(draw() * 5) - 1] = inner end
    end
    if kind == 7 then return json.object(made) end
    return draw() < 0.2 and json.array(made) or made
  end

  it("writes what the encoder in Lua writes, or nothing", function ()
    local draw = require "predibase.random".new(7)
    local written = 0
    for _ = 1, 20000 do
      local value = value_of(draw, 0)
      local quick = text.encode(value, marks, json.null, nil)
      if quick then
        written = written + 1
        assert.equal((in_lua(value)), quick)
      end
    end
    assert.is_true(written > 5000)
  end)

  it("writes members and elements in order, whatever their order in the table is", function ()
    local nested = 1
    for depth = 1, 60 do
      -- A table that is made like this may return its elements in another order.
      nested = depth % 2 == 0 and { [4] = 4, [3] = 3, [1] = nested, [2] = 2 }
        or { [2] = 2, [5] = 5, [4] = 4, [1] = nested, [3] = "three" }
    end
    assert.equal((in_lua(nested)), (text.encode(nested, marks, json.null, nil)))
    for _, shared in ipairs { "", "a", "the same", "the same beginning " } do
      for _, n in ipairs { 15, 16, 17, 300 } do
        local object = { [shared] = true, [shared .. "\0"] = { b = 1, a = {} } }
        for i = n - 2, 1, -1 do object[shared .. i % 7 .. ("\255"):rep(i % 2) .. i] = i end
        assert.is_nil((text.encode(object, marks, json.null, nil)))
        for i = n - 2, 1, -1 do
          object[shared .. i % 7 .. ("\255"):rep(i % 2) .. i] = nil
          object[shared .. i % 7 .. ("ä\n"):rep(i % 2) .. i] = i
        end
        assert.equal((in_lua(object)), (text.encode(object, marks, json.null, nil)))
      end
    end
  end)

  it("leaves cycles, deep tables and wrong values to the encoder in Lua", function ()
    local cycle = { {} }
    cycle[1][1] = cycle
    local deep = {}
    for _ = 1, 128 do deep = { deep } end
    for _, value in ipairs { cycle, deep, print, { print }, { a = 0 / 0 }, { "\255" },
      { [2] = 1 }, { 1, [0] = 2 }, { 1, [1.5] = 2 }, { 1, [-1] = 2 }, { 1, [true] = 2 } } do
      assert.is_nil((text.encode(value, marks, json.null, nil)))
      assert.is_nil((json.encode(value)))
    end
    assert.is_truthy(json.encode(deep[1]))
    assert.has_error(function () text.encode() end)
    assert.has_error(function () text.encode(1) end)
  end)

  it("finds integers that a double may not hold, outside of strings", function ()
    for _, case in ipairs { "9007199254740992", "[-9007199254740993,1]",
      '{"a":"\\"","b":12345678901234567890}' } do
      assert.is_true(text.has_big_integers(case), case)
    end
    for _, case in ipairs { "1", "9007199254740991", '"9007199254740993"',
      '["\\\\","\\"9007199254740993"]',
      "0.9007199254740993123", "9007199254740993e1", '"', '"\\' } do
      assert.is_false(text.has_big_integers(case), case)
    end
    local long = '["' .. ("x\\\\"):rep(2000) .. '",9007199254740993]'
    assert.equal(has_integers and 9007199254740993 or "9007199254740993", json.decode(long)[2])
  end)
end)
