-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Responses that are compressed although the request did not allow it, some of them to a thousandth
-- of their size. Nothing is ever decompressed.
local faults = require "spec.support.faults"
local peer = require "spec.support.peer"
local uv = require "luv"

local MIB = 1024 * 1024

-- What is compressed has 100 MiB, and 100 KiB of it are sent. The sanitizers keep freed memory for
-- a while.
local MAX_GROWTH = 48 * MIB

local CODED = { kind = "protocol", message = "compressed", attempts = 1, retryable = false }
local TRANSFER = { kind = "protocol", message = "transfer coding", attempts = 1,
  retryable = false }
-- Bytes that nobody calls compressed are no answer, and no events.
local UNNAMED = { generate = { kind = "protocol", attempts = 1 },
  stream = { kind = "incomplete_generation", attempts = 3 } }

-- What is wrong, and a name of spec/support/coding_server.py.
local CASES = {
  { "gzip", "gzip", CODED },
  { "x-gzip", "x-gzip", CODED },
  { "deflate", "deflate", CODED },
  { "gzip that is cut off", "truncated", CODED },
  { "gzip in gzip", "twice", CODED },
  { "gzip in gzip that is named once", "twice-named-once", CODED },
  { "a hundred megabytes of gzip", "bomb", CODED },
  { "a hundred megabytes of deflate", "deflate-bomb", CODED },
  { "gzip that is not named", "unnamed", UNNAMED },
  { "a hundred megabytes of gzip that is not named", "unnamed-bomb", UNNAMED },
  { "the transfer coding gzip", "transfer", TRANSFER },
  { "the transfer coding gzip, cut off", "transfer-truncated", TRANSFER },
  { "a hundred megabytes of the transfer coding gzip", "transfer-bomb", TRANSFER },
  { "an error page of gzip", "page", { kind = "server", status = 503, attempts = 3 } },
  { "an error page of a hundred megabytes of gzip", "page-bomb", { kind = "server", status = 500,
    attempts = 3 } },
  { "an error page with the transfer coding gzip", "transfer-page", { kind = "server",
    status = 503, attempts = 3 } },
}

describe("Compression that was not asked for:", function ()
  local server

  setup(function () server = peer.start "coding_server" end)
  teardown(function () peer.stop() end)

  for _, case in ipairs(CASES) do
    local what, name, expect = case[1], case[2], case[3]
    for _, way in ipairs(faults.ways {}) do
      it(("%s is refused (%s)"):format(what, way.name), function ()
        local before, requests = uv.resident_set_memory(), server:count("request " .. name)
        local client = faults.client("http://127.0.0.1:" .. server.port[name])
        local found = faults.call(client, way, { max_retries = 2, timeout = { total = 60 } })
        faults.check(found, expect, way)
        local tries = (expect[way.method] or expect).attempts
        assert.equal(tries, server:count("request " .. name) - requests)
        assert.equal(0, server:count("asked for a coding: " .. name))
        assert.is_true(uv.resident_set_memory() - before < MAX_GROWTH, "memory grew")
        -- The next call gets an answer of its own, and not the rest of this one.
        faults.check(faults.call(client, way, { max_retries = 0 }), { kind = found.err.kind }, way)
        faults.check_idle(client)
        client:close()
      end)
    end
  end
end)
