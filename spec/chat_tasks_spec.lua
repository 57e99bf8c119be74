-- SPDX-License-Identifier: MIT
--- Conversations of several tasks over one client.
local async = require "predibase.async"
local predibase = require "predibase"
local server = require "spec.support.server"

describe("chat sessions in tasks", function ()
  after_each(server.stop)

  it("talk at the same time, and one of them to one task only", function ()
    local running = server.spawn { delay = 0.01 }
    local client = assert(predibase.new { base_url = running.url, api_token = false,
      defaults = { max_new_tokens = 5 } })
    local message
    async.run(function ()
      local a = assert(client:chat_session { format = "chatml", max_input_tokens = 1000 })
      local b = a:fork()
      local first = async.spawn(function () assert(a:send "One?") end)
      local second = async.spawn(function ()
        local stream = b:stream "Two?"
        while stream:next() do end
      end)
      async.sleep(0)
      local third = async.spawn(function ()
        local _, err = pcall(a.send, a, "Three?")
        return err
      end)
      message = tostring(third:await())
      first:await()
      second:await()
      assert.equal(2, #a.messages)
      assert.equal(2, #b.messages)
    end)
    assert.is_truthy(message:find("another call of this session is running", 1, true), message)
    client:close()
  end)
end)
