-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own

local faults = require "predibase.mock.faults"
local mock = require "predibase.mock"
local model = require "predibase.mock.model"
local predibase = require "predibase"
local random_faults = require "predibase.mock.random_faults"

describe("faults by chance", function ()
  it("are faults that a script could have", function ()
    for _, one in ipairs(random_faults.list) do assert.equal(one, faults.check(one)) end
  end)

  it("are as frequent as their rate, and all of them occur", function ()
    local random, count, seen = model.random("7"), 0, {}
    for _ = 1, 6000 do
      local one = random_faults.draw(0.2, random)
      if one then
        count = count + 1
        seen[one] = true
      end
    end
    assert.is_true(count > 1100 and count < 1300, tostring(count))
    for _, one in ipairs(random_faults.list) do assert.is_true(seen[one]) end
    assert.is_nil(random_faults.draw(0, random))
  end)

  it("refuses a rate that is none", function ()
    for _, rate in ipairs { 1.5, -1 } do
      local checked, message = mock.check { fault_rate = rate }
      assert.is_nil(checked)
      assert.is_truthy(message:find("--fault-rate must", 1, true))
    end
  end)

  it("changes no answer of a client that tries again", function ()
    local server = assert(mock.spawn { fault_rate = 0.3, seed = "11" })
    local calm = assert(mock.spawn {})
    local prompts = {}
    for i = 1, 60 do prompts[i] = "Question " .. i end
    local function answers (url)
      local client = assert(predibase.new { base_url = url, api_token = false, max_retries = 12 })
      client.shared.random = function () return 0.001 end
      local found, failed = client:generate_many(prompts, { concurrency = 8,
        max_new_tokens = 4 }):results()
      client:close()
      for i = 1, #found do found[i] = tostring(found[i]) end
      return found, failed
    end
    local found, failed = answers(server.url)
    assert.same({}, failed)
    assert.same(answers(calm.url), found)
    local statuses = {}
    for _, entry in ipairs(server:log()) do
      if entry.status then statuses[entry.status] = true end
    end
    assert.is_true(statuses[429] and statuses[500] and statuses[503])
    server:close()
    calm:close()
  end)
end)
