-- SPDX-License-Identifier: MIT
-- What the model does, and what the client does, in the situations of the table. Each gateway has
-- situations of its own, which name one of these cases.
--
-- * `faults`: of the stand-in server, for the call that counts; a table, or a function of the
--   method
-- * `methods`: "generate", "stream", "ready"; the first two unless given
-- * `upstream`: where the gateway sends the requests: "model" unless given, "dead" (nobody
--   listens), "late" (the model listens after some seconds), "none" (the gateway has no server)
-- * `options`: of the client; `before`, `pause`, `beside`, `after`, `prompt_bytes`:
--   see spec/gateways/caller.lua
-- * `action`: what happens to the gateway (its method of this name) when the client has three
--   tokens, or when the model has the request of `generate`; such a case has a gateway of its own

local M = {}

-- The answer of the model. The tokens are numbered, so that a lost one or a double one is seen.
M.TEXTS = {}
for i = 1, 30 do M.TEXTS[i] = (" w%d"):format(i) end

-- Longer than any time limit of a gateway here, in seconds.
local FOREVER = 90

local function by_method (generate, stream)
  return function (method) return method == "stream" and stream or generate end
end

-- The head of an answer without TLS, and events of three tokens.
local HEAD = "HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n"
local EVENT = 'data:{"token":{"id":%d,"text":" w%d","logprob":-0.5,"special":false},'
  .. '"generated_text":null,"details":null}\n\n'

local function chunk (text) return ("%x\r\n%s\r\n"):format(#text, text) end

--- Answers that break off. The connection ends a second after the bytes were sent, because a
-- gateway may drop bytes that it has not yet passed on.
local function broken_answer (ending)
  local events = ""
  for i = 1, 3 do events = events .. chunk(EVENT:format(i, i)) end
  return by_method(
    { raw = { { send = HEAD:format("application/json", "content-length: 1000")
      .. '{"generated_text":" w1' }, { sleep = 1 }, { [ending] = true } } },
    { raw = { { send = HEAD:format("text/event-stream", "transfer-encoding: chunked") .. events },
      { sleep = 1 }, { [ending] = true } } })
end

M.SILENT = { silent_after = 3, keepalive_interval = 0 }
local HEADLESS = { head_delay = FOREVER }
local REFUSES = { status = 503, body = "the model refuses" }

M.cases = {
  plain = {},
  limited = { before = 1 },
  refused = { upstream = "dead" },
  no_server = { upstream = "none" },
  closed = { faults = { raw = { { close = true } } } },
  cut = { faults = broken_answer "close" },
  reset = { faults = broken_answer "reset" },
  headless = { faults = HEADLESS },
  silent = { faults = M.SILENT, methods = { "stream" } },
  refuses = { faults = REFUSES },
  refuses_once = { faults = { REFUSES, {} } },
  too_large = { prompt_bytes = 300000 },
  starts = { upstream = "late", methods = { "generate", "stream", "ready" },
    options = { cold_start = 300, timeout = 300 } },
  again = { before = 2 },
  idle = { before = 1, pause = 2.5 },
  second = { beside = true },
  interrupted = { faults = by_method({ HEADLESS, {} }, M.SILENT) },
  continues = { faults = by_method({ head_delay = 4 }, { delay = 0.2 }), after = true },
}

return M
