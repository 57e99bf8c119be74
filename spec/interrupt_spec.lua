-- SPDX-License-Identifier: MIT
-- The state after a wait that was ended from outside, for example by Ctrl-C or a scheduler.

local blocking = require "predibase.loop.blocking"
local predibase = require "predibase"
local server = require "spec.support.server"

local since_7_80 = require "spec.support.libcurl".KEEPS_CONNECTIONS and it or pending

--- Makes a blocking loop whose n-th wait ends with an error.
local function interrupted_at (n)
  local loop, waits = blocking.new(), 0
  return {
    watch = function (_, ...) return loop:watch(...) end,
    resume = function (_, ...) return loop:resume(...) end,
    suspend = function ()
      waits = waits + 1
      if waits == n then return "interrupted!" end
      return loop:suspend()
    end,
  }
end

describe("a wait that is ended by an error", function ()
  local stand_in, client

  local function start (n)
    stand_in = server.spawn { delay = 0.01 }
    client = assert(predibase.new {
      base_url = stand_in.url, api_token = false, loop = interrupted_at(n),
    })
  end

  after_each(function ()
    client:close()
    server.stop()
  end)

  since_7_80("raises that error out of generate, and closes the connection", function ()
    start(2)
    local ok, err = pcall(client.generate, client, "Hello")
    assert.is_false(ok)
    assert.equal("interrupted!", err)
    assert.equal(0, client.transport:size())
    assert.is_truthy(client:generate("Hello", { max_new_tokens = 2 }))
  end)

  it("raises that error out of a stream, which can be read further", function ()
    start(3)
    local stream = client:generate_stream("Hello", { max_new_tokens = 8, seed = 1 })
    local texts, interrupts = {}, 0
    while true do
      local ok, token, err = pcall(stream.next, stream)
      if not ok then
        assert.equal("interrupted!", token)
        interrupts = interrupts + 1
      elseif token then
        texts[#texts + 1] = token.text
      else
        assert.is_nil(err)
        break
      end
    end
    assert.equal(1, interrupts)
    assert.equal(stream:result().generated_text, table.concat(texts))
  end)
end)
