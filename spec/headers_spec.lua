-- SPDX-License-Identifier: MIT
local headers = require "predibase.headers"

local function refused (given)
  local list, problem = headers.check(given)
  assert.is_nil(list)
  return problem
end

describe("headers.check", function ()
  it("returns an array sorted by name", function ()
    assert.same({ { "A", "1" }, { "b", "2" }, { "X-Team", "blue" } },
      headers.check { ["X-Team"] = "blue", b = "2", A = "1" })
    assert.same({}, headers.check {})
  end)

  it("writes numbers as text", function ()
    assert.same({ { "X-A", "5" }, { "X-B", "0.5" } },
      headers.check { ["X-A"] = 5.0, ["X-B"] = 0.5 })
    assert.equal('header "X-A" must be a string or a finite number, got a number',
      refused { ["X-A"] = 0 / 0 })
  end)

  it("removes spaces from the ends of a value, as every receiver does", function ()
    assert.same({ { "X-A", "b c" } }, headers.check { ["X-A"] = "  b c " })
  end)

  it("refuses control characters without showing the value", function ()
    for _, tail in ipairs { "\r\nX-Injected: yes", "\n", "\r", "\0", "\t", "\127", "\27[2J" } do
      local problem = refused { ["X-A"] = "SENTINEL" .. tail }
      assert.matches('^header "X%-A" must not have control characters, got byte 0x', problem)
      assert.is_nil(problem:find("SENTINEL", 1, true))
    end
    assert.matches("strip it, it probably came from a file", refused { ["X-A"] = "x\n" })
  end)

  it("refuses invalid names", function ()
    assert.equal("headers must not have an empty name", refused { [""] = "x" })
    for _, name in ipairs { "X Team", "X:Y", "X\r\nY", "Ü", "X\0", "(x)", "a/b", "\127" } do
      assert.matches("is not a valid header name", refused { [name] = "x" })
    end
    assert.is_table(headers.check { ["!#$%&'*+-.^_`|~09azAZ"] = "x" })
  end)

  it("refuses headers that the client sets, in any case, and tells what to use instead", function ()
    for _, name in ipairs { "Host", "Authorization", "Content-Length", "Content-Type",
      "Transfer-Encoding", "Connection", "Expect", "Accept-Encoding", "Accept", "User-Agent", "TE",
      "Trailer", "Upgrade", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization" } do
      for _, spelling in ipairs { name, name:lower(), name:upper() } do
        assert.matches("is set by the client", refused { [spelling] = "x" })
      end
    end
    assert.equal('header "authorization" is set by the client; use api_token',
      refused { authorization = "Bearer x" })
    assert.equal('header "User-Agent" is set by the client; use user_agent',
      refused { ["User-Agent"] = "x" })
  end)

  it("refuses values that are not strings, and empty ones", function ()
    assert.equal('header "X-A" must be a string or a finite number, got a table',
      refused { ["X-A"] = { "x" } })
    assert.equal('header "X-A" must be a string or a finite number, got a boolean',
      refused { ["X-A"] = true })
    for _, value in ipairs { "", " ", "   " } do
      assert.equal('header "X-A" is empty; leave it out', refused { ["X-A"] = value })
    end
  end)

  it("refuses a header that is given twice in different case", function ()
    assert.equal('header "x-team" is given twice, also as "X-Team"',
      refused { ["X-Team"] = "a", ["x-team"] = "b" })
  end)

  it("refuses values that are not a table with names as keys", function ()
    assert.equal('headers must be a table such as { ["X-Team"] = "blue" }, got the string "X: y"',
      refused("X: y"))
    assert.equal('headers must have names as keys, such as { ["X-Team"] = "blue" }, '
      .. "got the number 1", refused { "X-Team: blue" })
  end)

  it("refuses more than 100 headers and more than 16 KiB", function ()
    local many = {}
    for i = 1, 1000 do many["X-" .. i] = i end
    assert.equal("headers must be at most 100, got 1000", refused(many))
    assert.equal("headers must have at most 16384 bytes in all, got 16385",
      refused { ["X-A"] = ("x"):rep(16382) })
    assert.is_table(headers.check { ["X-A"] = ("x"):rep(16381) })
  end)

  it("calls no metamethod and changes nothing", function ()
    local function bad () error("metamethod called") end
    local given = setmetatable({ ["X-A"] = 1 }, { __index = bad, __pairs = bad, __newindex = bad })
    assert.same({ { "X-A", "1" } }, headers.check(given))
    assert.equal(1, given["X-A"])
  end)
end)

describe("headers.merge", function ()
  it("replaces headers of the same name in any case", function ()
    local base = { { "X-A", "1" }, { "X-C", "3" } }
    assert.same({ { "x-a", "2" }, { "X-B", "4" }, { "X-C", "3" } },
      headers.merge(base, { { "x-a", "2" }, { "X-B", "4" } }))
    assert.same({ { "X-A", "1" }, { "X-C", "3" } }, base)
  end)

  it("checks the limits for the merged headers", function ()
    local base, more = {}, {}
    for i = 1, 60 do base["A-" .. i], more["B-" .. i] = i, i end
    local merged, problem = headers.merge(headers.check(base), headers.check(more))
    assert.is_nil(merged)
    assert.equal("headers must be at most 100, got 120", problem)
  end)
end)

describe("headers.shown", function ()
  it("hides secret values of any length, and does not change the list", function ()
    local list = { { "X-Api-Key", "abc" }, { "X-Team", "blue" }, { "cookie", "session=1" } }
    assert.same({ { "X-Api-Key", "[redacted]" }, { "X-Team", "blue" }, { "cookie", "[redacted]" } },
      headers.shown(list))
    assert.equal("abc", list[1][2])
  end)
end)

describe("headers.add_secrets", function ()
  it("selects values by the names of their headers", function ()
    local secrets = {}
    headers.add_secrets({ { "X-Api-Key", "abcdefgh" }, { "X-Team", "blueblue" },
      { "Cookie", "session=1" }, { "X-Token-Kind", "short" } }, secrets)
    assert.same({ "abcdefgh", "session=1" }, secrets)
  end)
end)
