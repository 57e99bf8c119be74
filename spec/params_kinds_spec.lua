-- SPDX-License-Identifier: MIT
local json = require "predibase.json"
local kinds = require "predibase.params.kinds"
local parameters = require "spec.support.parameters"

local encoded, refused = parameters.encoded, parameters.refused

local has_integers = rawget(math, "type") ~= nil
local INTEGERS = { "best_of", "top_k", "max_new_tokens", "truncate", "return_k_alternatives" }
local SINGLES = { "temperature", "repetition_penalty", "frequency_penalty", "presence_penalty",
  "top_p", "typical_p" }
local BOOLEANS = { "do_sample", "ignore_eos_token", "return_full_text", "watermark", "details",
  "decoder_input_details", "apply_chat_template" }

describe("a number among the parameters", function ()
  it("may be an integer written as a float, and is sent as an integer", function ()
    for _, name in ipairs(INTEGERS) do
      local value = name == "best_of" and 1 or 20
      assert.equal(('{"%s":%d}'):format(name, value), encoded { [name] = value + 0.0 })
    end
  end)

  it("is refused with a fraction where an integer is required", function ()
    for _, name in ipairs(INTEGERS) do
      assert.equal(("`%s` must be an integer, got the number 20.5"):format(name),
        refused { [name] = 20.5 })
    end
  end)

  it("is refused when it is NaN or infinite", function ()
    for _, list in ipairs { INTEGERS, SINGLES, { "seed" } } do
      for _, name in ipairs(list) do
        assert.matches("^`" .. name .. "` must be .*, got the number nan$",
          refused { [name] = 0 / 0 })
        assert.matches("^`" .. name .. "` must be .*, got the number inf$",
          refused { [name] = math.huge })
        assert.matches("^`" .. name .. "` must be .*, got the number %-inf$",
          refused { [name] = -math.huge })
      end
    end
  end)

  it("is refused when it is of another Lua type", function ()
    for _, value in ipairs { "5", true, {}, print } do
      for _, name in ipairs(INTEGERS) do
        assert.matches("^`" .. name .. "` must be an integer, got ", refused { [name] = value })
      end
      for _, name in ipairs(SINGLES) do
        assert.matches("^`" .. name .. "` must be a number, got ", refused { [name] = value })
      end
    end
    assert.equal('`max_new_tokens` must be an integer, got the string "5"',
      refused { max_new_tokens = "5" })
  end)

  it("is refused outside the router's integer types", function ()
    assert.equal("`max_new_tokens` must be an integer <= 4294967295, got the number 4294967296",
      refused { max_new_tokens = 2^32 })
    assert.equal('{"max_new_tokens":4294967295}', encoded { max_new_tokens = 2^32 - 1 })
    assert.equal("`top_k` must be an integer <= 2147483647, got the number 2147483648",
      refused { top_k = 2^31 })
    assert.equal('{"top_k":2147483647}', encoded { top_k = 2^31 - 1 })
    assert.equal("`best_of` must be an integer >= 0, got the number -1", refused { best_of = -1 })
    assert.matches("^`truncate` must be an integer <= 9007199254740991, got the number 1e%+300$",
      refused { truncate = 1e300 })
  end)

  it("is refused outside its range with the router's own text", function ()
    local cases = {
      { "temperature", "`temperature` must be non-negative", { -0.1, -1e-3 }, { 0, 0.1, 100 } },
      { "repetition_penalty", "`repetition_penalty` must be strictly positive",
        { 0, -1, 1e-60 }, { 0.1, 1, 2 } },
      { "frequency_penalty", "`frequency_penalty` must be >= -2.0 and <= 2.0",
        { -2.1, 2.1 }, { -2, 0, 2 } },
      { "presence_penalty", "`presence_penalty` must be >= -2.0 and <= 2.0",
        { -2.1, 2.1 }, { -2, 0, 2 } },
      { "top_p", "`top_p` must be > 0.0 and < 1.0", { 0, 1.0001, -1 }, { 0.01, 0.9, 1 } },
      { "typical_p", "`typical_p` must be > 0.0 and < 1.0",
        { 0, 1, 1.0001, -1, 0.99999999999 }, { 0.01, 0.9 } },
      { "top_k", "`top_k` must be strictly positive", { 0, -1 }, { 1, 50 } },
      { "return_k_alternatives", "`return_k_alternatives` must be strictly positive",
        { 0, -1 }, { 1, 50 } },
      { "max_new_tokens", "`max_new_tokens` must be strictly positive", { 0, -1 }, { 1, 50 } },
      { "truncate", "`truncate` must be strictly positive", { 0, -1 }, { 1, 50 } },
    }
    for _, case in ipairs(cases) do
      local name, text, bad, good = case[1], case[2], case[3], case[4]
      for _, value in ipairs(bad) do assert.equal(text, refused { [name] = value }) end
      for _, value in ipairs(good) do
        assert.equal(('{"%s":%s}'):format(name, json.encode(value)), encoded { [name] = value })
      end
    end
  end)

  it("is refused when it is infinite as a 32-bit float", function ()
    for _, name in ipairs(SINGLES) do
      for _, value in ipairs { 1e39, -1e39, 3.5e38 } do
        assert.matches("^`" .. name .. "` must be a number that fits a 32%-bit float "
          .. "%(at most 3%.4e38%), got the number ", refused { [name] = value })
      end
    end
    assert.equal('{"temperature":3.4028234663852886e+38}',
      encoded { temperature = kinds.SINGLE_MAX })
  end)

  it("is accepted when the router rounds it to the largest 32-bit float", function ()
    assert.equal('{"temperature":3.4028235e+38}', encoded { temperature = 3.4028235e38 })
    assert.equal(kinds.SINGLE_MAX, kinds.to_single(3.4028235e38))
    assert.equal(-kinds.SINGLE_MAX, kinds.to_single(-3.4028235e38))
    assert.matches("32%-bit float", refused { temperature = kinds.SINGLE_LIMIT })
  end)
end)

describe("kinds.to_single", function ()
  it("rounds to the nearest 32-bit float", function ()
    assert.equal(0.100000001490116119384765625, kinds.to_single(0.1))
    assert.equal(1, kinds.to_single(0.99999999999))
    assert.equal(16777216, kinds.to_single(16777217))
    assert.equal(-16777220, kinds.to_single(-16777219))
    assert.equal(kinds.SINGLE_MAX, kinds.to_single(kinds.SINGLE_MAX))
    assert.equal(2^-149, kinds.to_single(1e-45))
    assert.equal(-2^-149, kinds.to_single(-1e-45))
    assert.equal(0, kinds.to_single(1e-46))
    assert.equal(2^-126, kinds.to_single(2^-126))
  end)
end)

describe("a boolean among the parameters", function ()
  it("is refused when it is anything else, and the message describes the value", function ()
    assert.equal('`details` must be a boolean, got the string "true"', refused { details = "true" })
    for _, name in ipairs(BOOLEANS) do
      assert.equal(("`%s` must be a boolean, got the number 1"):format(name),
        refused { [name] = 1 })
      assert.equal(('{"%s":false}'):format(name), encoded { [name] = false })
    end
  end)
end)

describe("seed", function ()
  it("is exact up to 2^64 - 1 as a string of digits", function ()
    assert.equal('{"seed":18446744073709551615}', encoded { seed = "18446744073709551615" })
    assert.equal('{"seed":9007199254740993}', encoded { seed = "9007199254740993" })
    assert.equal('{"seed":123}', encoded { seed = "123" })
    assert.equal('{"seed":7}', encoded { seed = "0000000000000000000000007" })
    assert.equal('{"seed":0}', encoded { seed = "000" })
  end)

  it("may be any non-negative integer, or a float below 2^53", function ()
    assert.equal('{"seed":0}', encoded { seed = 0 })
    assert.equal('{"seed":0}', encoded { seed = -0.0 })
    assert.equal('{"seed":9007199254740991}', encoded { seed = 2^53 - 1 })
    if has_integers then
      assert.equal('{"seed":9007199254740993}', encoded { seed = tonumber("9007199254740993") })
      assert.equal('{"seed":9223372036854775807}',
        encoded { seed = rawget(math, "maxinteger") })
    end
  end)

  it("is refused as a float that may have lost digits, with a hint", function ()
    for _, value in ipairs { 2^53, 2^53 + 2, 2^63, 2^64 - 1, 2^64 } do
      assert.matches("^`seed` must be an integer from 0 to 18446744073709551615, got the number "
        .. ".*; a float above 2%^53 %- 1 may have lost digits, write the seed as a string$",
        refused { seed = value })
    end
  end)

  it("is refused when negative, fractional, above 2^64 - 1, or not a number", function ()
    for _, value in ipairs { -1, 1.5, "-1", "1.5", "0x10", "", " 5", "18446744073709551616",
      "99999999999999999999", "100000000000000000000", true, {} } do
      assert.matches("^`seed` must be an integer from 0 to 18446744073709551615, got ",
        refused { seed = value })
    end
  end)
end)

describe("stop", function ()
  it("is sent as an array, empty or not", function ()
    assert.equal('{"stop":[]}', encoded { stop = {} })
    assert.equal('{"stop":["\\n","é","\\u0000"]}', encoded { stop = { "\n", "é", "\0" } })
  end)

  it("does not limit the number of stop sequences, because the server has a limit", function ()
    local many = {}
    for i = 1, 100 do many[i] = "s" .. i end
    assert.equal(('{"stop":%s}'):format(json.encode(many)), encoded { stop = many })
  end)

  it("may be a single string", function ()
    assert.equal('{"stop":["END"]}', encoded { stop = "END" })
    assert.equal("`stop[1]` must not be empty: it would end every answer at its first token",
      refused { stop = "" })
  end)

  it("is refused with holes, other keys, other values, and empty strings", function ()
    assert.equal("`stop` must be an array of strings; the table given has no value at position 2",
      refused { stop = { [1] = "a", [3] = "b" } })
    assert.equal('`stop` must be an array of strings; the table given has the key the string "x"',
      refused { stop = { "a", x = "b" } })
    assert.equal("`stop[2]` must be a string, got the number 5", refused { stop = { "a", 5 } })
    assert.matches("^`stop%[1%]` must not be empty", refused { stop = { "" } })
    assert.equal("`stop[1]` must be valid UTF-8, got byte 0xff at position 2",
      refused { stop = { "a\255" } })
    assert.equal("`stop` must be an array of strings, got the number 5", refused { stop = 5 })
    local cycle = {}
    cycle[1] = cycle
    assert.equal("`stop[1]` must be a string, got a table", refused { stop = cycle })
  end)
end)

describe("api_token as a parameter", function ()
  it("is sent, and is refused without being shown", function ()
    assert.equal('{"api_token":"hf_abc"}', encoded { api_token = "hf_abc" })
    for _, value in ipairs { "hf_SENTINEL\n", " hf_SENTINEL", "hf_SENTINEL x", "\0hf_SENTINEL" } do
      local message = refused { api_token = value }
      assert.matches("^`api_token` ", message)
      assert.is_nil(message:find("SENTINEL", 1, true))
    end
    assert.equal("`api_token` must be a string, got a number", refused { api_token = 5 })
  end)
end)
