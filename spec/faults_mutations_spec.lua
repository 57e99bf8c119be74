-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Good answers with small damages anywhere: whatever the bytes are, a call has one outcome, and the
-- next one is not touched by it.
local errors = require "predibase.errors"
local faults = require "spec.support.faults"
local lifetime = require "spec.support.lifetime"
local random = require "spec.support.random"
local router_records = require "spec.support.router_records"
local transport = require "predibase.transport"

-- FAULT_DAMAGES: how many answers are damaged in all (tools/faults.sh).
local COUNT = math.ceil((tonumber(os.getenv "FAULT_DAMAGES") or 1350) / 9)

-- What a real router sent (spec/fixtures/router).
local RECORDS = { generate = "generate", stream = "generate-stream" }

local ANSWERS = {
  sized = { bytes = faults.sized, text = faults.TEXT },
  chunked = { bytes = faults.chunked, text = faults.TEXT },
  recorded = { text = " one two three",
    bytes = function (method) return router_records.find(RECORDS[method]).response end },
}

-- Pieces of HTTP, of event streams and of JSON, where they mean something else.
local INSERTS = { "\r\n", "\n", "\r\n\r\n", "\0", "\255", ":", "0\r\n\r\n", "5\r\n", "ffffffff\r\n",
  "HTTP/1.1 500 Oops\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "content-length: 5\r\n",
  "transfer-encoding: chunked\r\n", "content-type: text/html\r\n", "content-encoding: gzip\r\n",
  "data: ", "data: [DONE]\n\n", ":\n\n", "event: x\n", '"', "{", "}", "[", "null",
  '"error":"oh",', "1e999", "\\ud83d", "\240\159\152", ("["):rep(300), "pb_SENTINEL_7f3a" }

describe("A damaged answer", function ()
  local rig = faults.rig(900)
  setup(function () rig:start() end)
  teardown(function () rig:stop() end)

  for framing, answer in pairs(ANSWERS) do
    for number, way in ipairs(faults.ways {}) do
      it(("has one outcome, whatever the damage (%s, %s)"):format(framing, way.name), function ()
        local rng = random.new(1000 * number + #framing)
        local path, good = faults.PATHS[way.method], answer.bytes(way.method)
        local files = lifetime.files()
        local client = faults.client(rig.url)
        local broken = 0
        for i = 1, COUNT do
          local bytes = rng:mutate(good, INSERTS)
          rig.server:script(path, { { raw = bytes }, { raw = { { send = good } } } })
          local found = faults.call(client, way, { timeout = { total = 60 } })
          local ok, problem = pcall(faults.check, found, { any = true }, way)
          if not ok then error(("damage %d: %s\n%q"):format(i, tostring(problem), bytes), 0) end
          if found.err then
            broken = broken + 1
            assert.is_true(errors.is(found.err))
            assert.not_equal("timeout", found.err.kind)
          end
          faults.check_idle(client)
          faults.check(faults.call(client, way), { text = answer.text }, way)
        end
        assert.is_true(broken > COUNT / 10 and broken < COUNT)
        rig:check_recovery(client, way)
        if not transport.in_nginx() then assert.equal(files, lifetime.files()) end
      end)
    end
  end
end)
