-- SPDX-License-Identifier: MIT
-- Bytes that a server sends behind a whole answer, and heads that say two things about where the
-- answer ends: what follows is never the answer to the next request.
--
-- Servers and gateways do it by mistake, and those who attack gateways on purpose. libcurl 7.88
-- takes what waits in a kept connection for the answer to what it sends next.

local https = require "spec.support.https"

local since_7_80 = require "spec.support.libcurl".KEEPS_CONNECTIONS and it or pending

describe("After an answer", function ()
  local testbed, peer

  setup(function ()
    testbed = https.new()
    peer = testbed:peer "stray"
  end)

  after_each(function () testbed:close_clients() end)
  teardown(function () testbed:close() end)

  --- Four calls, each after the peer has sent all that it wants to; the number of connections.
  local function calls (name)
    local scheme = name:find "^tls%-" and "https" or "http"
    local client = testbed:client(("%s://127.0.0.1:%d"):format(scheme, peer.port[name]), {
      api_token = false, max_retries = 0, http_version = "1.1" })
    local before, sent = peer:count("connection " .. name), peer:count("sent " .. name)
    for i = 1, 4 do
      local result, err = client:generate("number " .. i)
      -- libcurl 8.22 refuses two lengths
      if not result and name:find "two_lengths" then
        assert.equal("protocol", err.kind)
      else
        assert.equal("answer to " .. i, assert(result, err).generated_text)
      end
      peer:wait_for("sent " .. name, sent + i)
    end
    return peer:count("connection " .. name) - before
  end

  for _, prefix in ipairs { "", "tls-" } do
    for name, story in pairs {
      late = "another answer that comes later is not taken for the next one",
      together = "another answer that comes with it is not taken for the next one",
      goodbye = "a 408 that ends an idle connection is not taken for the next one",
      two_lengths = "with two lengths the connection is not used again",
      both_framings = "with a length and chunks the connection is not used again",
    } do
      it(("%s (%s%s)"):format(story, prefix, name), function ()
        assert.equal(4, calls(prefix .. name))
      end)
    end

    since_7_80(("with the same length twice the connection is used again (%s)"):format(prefix),
      function ()
      assert.equal(1, calls(prefix .. "twice_the_same"))
    end)
  end
end)
