-- SPDX-License-Identifier: MIT
--- Lists of texts that tasks send in several requests.
local async = require "predibase.async"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"

local function texts (count)
  local list = {}
  for i = 1, count do list[i] = "text " .. i end
  return list
end

describe("A list of texts in tasks", function ()
  local s

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)

  it("is cancelled with its task, which closes all of its requests", function ()
    local silent = lifetime.client(s, "/mute")
    async.run(function ()
      local task = async.spawn(function ()
        return silent:embed(texts(9), { batch_size = 1, concurrency = 5 })
      end)
      while silent.transport:size() < 5 do async.sleep(0.001) end
      task:cancel()
      assert.equal("cancelled", select(2, task:join()).kind)
      assert.equal(0, silent.transport:size())
    end)
    silent:close()
    assert.is_true(lifetime.quiet(s))
  end)
end)
