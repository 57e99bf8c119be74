-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Heads that let two readers find two ends of a body (RFC 9112 section 6.3). Behind the body comes
-- another whole answer: a client that uses the wrong end, or uses the connection again, takes it
-- for the answer to its next request.
local faults = require "spec.support.faults"

local BOUND = { total = 20 }

local FOREIGN = "this answer belongs to nobody"

local function foreign (method)
  local body = method == "generate" and ('{"generated_text":"%s"}'):format(FOREIGN)
    or faults.BODIES.stream:gsub("blue", FOREIGN)
  return faults.sized(method, body)
end

local function length (value)
  return function (body)
    return "content-length: " .. value:gsub("N", tostring(#body)), body
  end
end

--- Like `length`, for a body in one chunk.
local function chunks (fields)
  return function (body)
    return fields:gsub("N", tostring(#body)), faults.chunk(body) .. faults.LAST_CHUNK
  end
end

-- What the head says; `expect` is "text" for the right answer, or "error".
local CASES = {
  { "chunks and a Content-Length that is too short", "text",
    chunks "content-length: 5\r\ntransfer-encoding: chunked" },
  { "chunks and a Content-Length that is too long", "text",
    chunks "content-length: 500000\r\ntransfer-encoding: chunked" },
  { "chunks before a Content-Length", "text",
    chunks "transfer-encoding: chunked\r\ncontent-length: 5" },
  { "chunks and the Content-Length of their data", "text",
    chunks "transfer-encoding: chunked\r\ncontent-length: N" },
  { "two Content-Lengths, the first too short", "error", length "5\r\ncontent-length: N" },
  { "two Content-Lengths, the last too short", "error", length "N\r\ncontent-length: 5" },
  { "two different Content-Lengths in one line", "error", length "5, N" },
  { "a Content-Length beyond every number", "error", length("1" .. ("0"):rep(23)) },
  { "a Content-Length beyond 64 bits by one", "error", length "18446744073709551616" },
  { "a negative Content-Length", "error", length "-5" },
  { "a Content-Length with a sign", "error", length "+N" },
  { "a Content-Length in hexadecimal", "error", length "0xN" },
  { "a Content-Length with a letter behind it", "error", length "Nx" },
  { "a comma behind a Content-Length", "error", length "N," },
  { "an empty Content-Length", "error", length "" },
  { "a transfer coding that nobody knows", "error", chunks "transfer-encoding: xchunked" },
  { "chunks in chunks", "error", chunks "transfer-encoding: chunked, chunked" },
  { "chunks that are not the last coding", "error", chunks "transfer-encoding: chunked, gzip" },
}

describe("Two ends of one body:", function ()
  local rig = faults.rig()
  setup(function () rig:start() end)
  teardown(function () rig:stop() end)

  for _, case in ipairs(CASES) do
    local what, expect, make = case[1], case[2], case[3]
    for _, way in ipairs(faults.ways {}) do
      it(("%s does not reach the next call (%s)"):format(what, way.name), function ()
        local fields, body = make(faults.BODIES[way.method])
        local bytes = faults.head(way.method, fields) .. body .. foreign(way.method)
        rig.server:script(faults.PATHS[way.method],
          { { raw = { { send = bytes } } }, { raw = { { send = faults.sized(way.method) } } } })
        local before = rig.server:connections().accepted
        local client = faults.client(rig.url)
        local found = faults.call(client, way, { timeout = BOUND })
        if expect == "text" then
          faults.check(found, faults.GOOD, way)
        else
          faults.check(found, { kind = "protocol", retryable = false }, way)
        end
        faults.check(faults.call(client, way, { timeout = BOUND }),
          { text = faults.TEXT, attempts = 1 }, way)
        assert.equal(2, rig.server:connections().accepted - before, "a connection was used again")
        rig:check_recovery(client, way)
      end)
    end
  end

  for _, fields in ipairs { "content-length: 1" .. ("0"):rep(23),
    "content-length: 5\r\ncontent-length: 6", "transfer-encoding: xchunked" } do
    for _, way in ipairs(faults.ways {}) do
      it(("an error is reported by its status in spite of %s (%s)"):format(
        fields:gsub("\r\n", ", "):gsub("0000+", "000..."), way.name), function ()
        local head = "HTTP/1.1 503 Service Unavailable\r\n" .. fields .. "\r\n\r\n"
        rig:run({ raw = { { send = head .. "Sorry" .. foreign(way.method) } },
          options = { timeout = BOUND },
          expect = { kind = "server", status = 503, attempts = 1, requests = 1 } }, way)
      end)
    end
  end
end)
