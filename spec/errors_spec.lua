-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local random = require "spec.support.random"
local utf8 = require "predibase.utf8"

describe("errors.new", function ()
  it("knows exactly the documented kinds, each with its own exit code", function ()
    local exits, n = {}, 0
    for kind, facts in pairs(errors.kinds) do
      assert.is_boolean(facts.retryable, kind)
      assert.is_nil(exits[facts.exit], kind)
      exits[facts.exit] = kind
      n = n + 1
    end
    assert.equal(18, n)
    assert.is_nil(exits[0])
    assert.is_nil(exits[1])
    assert.is_nil(exits[64])
    assert.equal("cancelled", exits[130])
  end)

  it("sets retryable from the kind unless it is given", function ()
    local function retryable (fields)
      fields.message = ""
      return errors.new(fields).retryable
    end
    assert.is_true(retryable { kind = "rate_limited" })
    assert.is_true(retryable { kind = "connection" })
    assert.is_false(retryable { kind = "validation" })
    assert.is_false(retryable { kind = "timeout", phase = "token" })
    assert.is_true(retryable { kind = "timeout", phase = "connect" })
    assert.is_true(retryable { kind = "server", retryable = true })
    assert.is_false(retryable { kind = "rate_limited", retryable = false })
  end)

  it("copies the fields it is given", function ()
    local fields = { kind = "server", message = "m", status = 500, tokens = 3, partial_text = "a" }
    local err = errors.new(fields)
    fields.message = "changed"
    assert.equal("m", err.message)
    assert.equal(3, err.tokens)
    assert.equal("a", err.partial_text)
    assert.equal(500, err.status)
  end)

  it("raises for a kind that does not exist", function ()
    assert.error_matches(function () errors.new { kind = "oops" } end,
      "unknown kind of error: oops")
    assert.has_error(function () errors.new {} end)
  end)
end)

describe("an error", function ()
  it("prints its kind, its message and its other fields", function ()
    assert.equal("predibase: tls: bad certificate",
      tostring(errors.new { kind = "tls", message = "bad certificate" }))
    local full = errors.new {
      kind = "validation", message = "no", status = 422, attempts = 3, trace_id = "abc",
    }
    assert.equal("predibase: validation: no (status 422, 3 attempts, trace id abc)", tostring(full))
    assert.equal("predibase: server: down (1 attempt)",
      tostring(errors.new { kind = "server", message = "down", attempts = 1 }))
  end)

  it("prints even when a field has an unexpected type", function ()
    local err = errors.new { kind = "server", message = {}, status = true, trace_id = 5 }
    assert.matches("^predibase: server: table: .* %(status true, trace id 5%)$", tostring(err))
  end)

  it("can be concatenated with a string on both sides", function ()
    local err = errors.new { kind = "tool", message = "m" }
    assert.equal("a predibase: tool: m z", "a " .. err .. " z")
  end)

  it("is recognised by errors.is, unlike any other value", function ()
    assert.is_true(errors.is(errors.new { kind = "tool", message = "m" }))
    for _, value in ipairs { {}, "predibase: tool: m", 1, true, print, { kind = "tool" } } do
      assert.is_false(errors.is(value))
    end
    assert.is_false(errors.is(nil))
  end)
end)

describe("errors.redact", function ()
  it("replaces every occurrence of every secret", function ()
    assert.equal("a [redacted] b [redacted] c [redacted]",
      errors.redact("a pb_12345 b pb_12345 c password", { "pb_12345", "password" }))
    assert.equal("[redacted]", errors.redact("pb_12345", { "pb_12345" }))
    assert.equal("[redacted][redacted]", errors.redact(("a"):rep(16), { ("a"):rep(8) }))
  end)

  it("skips secrets shorter than 8 bytes, which ordinary words may contain", function ()
    assert.equal("a message of 7 bytes", errors.redact("a message of 7 bytes", { "message", "a" }))
    assert.equal("[redacted]", errors.redact("messages", { "messages" }))
  end)

  it("treats secrets as plain text, not as patterns", function ()
    assert.equal("[redacted] axb45678", errors.redact("a.b45678 axb45678", { "a.b45678" }))
    assert.equal("x[redacted]y", errors.redact("x%d+[]%a+y", { "%d+[]%a+" }))
  end)

  it("replaces the whole of a secret that begins with another secret", function ()
    assert.equal("[redacted]!", errors.redact("pb_1234567890!", { "pb_12345", "pb_1234567890" }))
  end)

  it("finds secrets that are written with the escapes of JSON", function ()
    local secret = 'pb_"SEN\\T/I\195\169NEL'
    for _, spelling in ipairs {
      [[pb_\"SEN\\T/IéNEL]], [[pb_\"SEN\\T\/I\u00e9NEL]], [[pb_\u0022SEN\u005cT\u002FI\u00E9NEL]],
      [[\u0070\u0062_\"SEN\\T\/I\u00e9NE\u004c]], [[pb_\\\"SEN\\\\T\\\/IéNEL]],
    } do
      assert.equal('"[redacted]"', errors.redact('"' .. spelling .. '"', { secret }))
      assert.equal([[a\n[redacted]\t[redacted]\u00e9[redacted]\]], errors.redact(
        [[a\n]] .. spelling .. [[\t]] .. spelling .. [[\u00e9]] .. secret .. "\\", { secret }))
    end
    assert.equal([[pb_\"SEN]], errors.redact([[pb_\"SEN]], { secret }))
    assert.equal([[\u12 [redacted] \u]], errors.redact([[\u12 a\/b45678 \u]], { "a/b45678" }))
  end)

  it("finds them in any mixture of escapes", function ()
    local rng = random.new(99)
    for _ = 1, 2000 do
      local secret, text = "", ""
      for _ = 1, rng:int(8, 14) do
        local letter = rng:pick { "a", "b", '"', "\\", "/" }
        secret = secret .. letter
        local plain = letter:find "[ab/]" and letter or "\\" .. letter
        text = text .. rng:pick { plain, ("\\u%04x"):format(letter:byte()) }
      end
      local before, after = rng:pick { "", "x", "\\n", "\\u0020" }, rng:pick { "", "y", "\\t" }
      local got = errors.redact(before .. text .. after, { secret })
      assert.equal(before .. "[redacted]" .. after, got, text)
    end
  end)

  it("replaces the whole of an escaped secret that contains another secret", function ()
    assert.equal("[redacted]!", errors.redact([[pb_\"12345678!]], { "12345678", 'pb_"12345678' }))
  end)

  it("takes no quadratic time", function ()
    for _, piece in ipairs { "\\", "ab", [[a\u0062]], [[\"]] } do
      local text = piece:rep(100000)
      assert.is_string(errors.redact(text, { ("ab"):rep(4), '"b"b"b"b' }))
    end
  end)

  it("skips empty secrets and works without any", function ()
    assert.equal("text", errors.redact("text", { "" }))
    assert.equal("text", errors.redact("text", {}))
    assert.equal("text", errors.redact("text"))
  end)

  it("does not change the list it is given", function ()
    local secrets = { "a", "abc" }
    errors.redact("abc", secrets)
    assert.same({ "a", "abc" }, secrets)
  end)
end)

describe("errors.excerpt", function ()
  it("returns short printable text unchanged", function ()
    for _, text in ipairs { "", "plain", "é€😀 ok" } do assert.equal(text, errors.excerpt(text)) end
  end)

  it("replaces control characters and invalid UTF-8", function ()
    assert.equal("a b c?[31m d??", errors.excerpt("a\nb\tc\27[31m\rd\0\127"))
    assert.equal("x?y??z", errors.excerpt("x\255y\226\130z"))
    assert.equal("a?b", errors.excerpt("a\194\155b")) -- U+009B begins a terminal command
    assert.equal("a\194\160b", errors.excerpt("a\194\160b"))
  end)

  it("respects the limit, marks the cut and keeps characters whole", function ()
    local text = ("aé€😀"):rep(200)
    for limit = 0, 60 do
      local short = errors.excerpt(text, limit)
      assert.is_true(#short <= limit)
      assert.is_true(utf8.valid(short))
      if limit >= 3 then assert.equal("…", short:sub(-3)) end
    end
    assert.is_true(#errors.excerpt(text) <= 200)
    assert.is_true(#errors.excerpt(text) > 190)
  end)

  it("adds no mark to a text of exactly the limit", function ()
    assert.equal("abcdef", errors.excerpt("abcdef", 6))
    assert.equal("aé€", errors.excerpt("aé€", 6))
    assert.equal("abc…", errors.excerpt("abcdefg", 6))
  end)
end)
