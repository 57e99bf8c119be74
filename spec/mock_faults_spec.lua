-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own

local faults = require "predibase.mock.faults"

describe("predibase.mock.faults", function ()
  it("reads the faults of a path segment", function ()
    assert.same({ delay = 0.05, error_after = 3 }, faults.parse("delay=0.05;error_after=3"))
    assert.same({ final = false, close = true }, faults.parse("final=false;close"))
    assert.same({ error = "a b;c=d" }, faults.parse("error=a%20b%3Bc=d"))
    assert.same({ raw = "HTTP/1.1 200 OK\r\n\r\n" },
      faults.parse("raw=HTTP%2F1.1%20200%20OK%0D%0A%0D%0A"))
    assert.same({}, faults.parse(""))
  end)

  it("names the nearest fault for an unknown one", function ()
    local result, message = faults.parse("dely=1")
    assert.is_nil(result)
    assert.equal('unknown fault "dely"; did you mean "delay"?', message)
    assert.has_error(function () faults.check({ cut_aftr = 1 }) end,
      'unknown fault "cut_aftr"; did you mean "cut_after"?')
  end)

  it("refuses values of the wrong type", function ()
    local cases = {
      { { delay = "1" }, 'the fault "delay" must be a number that is not negative, got string' },
      { { delay = -1 }, 'the fault "delay" must be a number that is not negative, got number' },
      { { final = 1 }, 'the fault "final" must be a boolean, got number' },
      { { body = {} }, 'the fault "body" must be a string, got table' },
      { { raw = 5 }, 'the fault "raw" must be a string or an array, got number' },
      { { answer = { 1 } }, 'the fault "answer" must be an array of strings, got number' },
      { { reasoning = { {} } }, 'the fault "reasoning" must be an array of strings, got table' },
      { { tool_calls = "x" }, 'the fault "tool_calls" must be an array, got string' },
      { { when = 1 }, 'the fault "when" must be a string, got number' },
      { { slice = 0.5 }, 'the fault "slice" must be a whole number of bytes, at least 1' },
      { { status = 42 }, 'the fault "status" must be a whole number from 100 to 999' },
    }
    for _, case in ipairs(cases) do assert.equal(case[2], faults.complaint(case[1])) end
    assert.is_truthy(faults.complaint({ raw = { { explode = true } } }):find("action 1", 1, true))
    assert.is_truthy(faults.complaint({ raw = { { send = "a", close = true } } }))
    assert.is_nil(faults.complaint { raw = { { send = "a" }, { sleep = 0.1 }, { reset = true } } })
    for _, call in ipairs { {}, { name = "x" }, { arguments = "{}" }, 1,
        { name = "x", arguments = 1 } } do
      assert.is_truthy(faults.complaint({ tool_calls = { call } }):find("tool_calls", 1, true))
    end
    assert.is_nil(faults.complaint { tool_calls = { { name = "x", arguments = { "{", "}" } } } })
    assert.has_error(function () faults.check("delay") end, "faults must be a table, got string")
    local _, message = faults.parse("delay=soon")
    assert.equal('the fault "delay" must be a number, got string', message)
  end)

  it("takes a table of faults or an array of them as a script", function ()
    assert.same({ { delay = 1 } }, faults.check_script { delay = 1 })
    assert.same({ { overload = 1 }, {} }, faults.check_script { { overload = 1 }, {} })
    assert.has_error(function () faults.check_script { {}, { nope = 1 } } end)
  end)

  it("names the line of the caller", function ()
    local function caller () faults.check { nope = 1 } end
    local ok, message = pcall(caller)
    assert.is_false(ok)
    assert.is_truthy(message:find("mock_faults_spec.lua:", 1, true))
  end)
end)
