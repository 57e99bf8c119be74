-- SPDX-License-Identifier: MIT
-- Makes everything about one exchange from its number: what the server sends, what the client does,
-- and what may come of it. The same number always gives the same plan.

local answers = require "spec.wire_fuzz.fuzz_answers"
local http1 = require "spec.wire_fuzz.fuzz_http1"
local http2 = require "spec.wire_fuzz.fuzz_http2"
local random = require "spec.support.random"

local M = {}

local HEX = {}
for i = 0, 255 do HEX[string.char(i)] = ("%02x"):format(i) end

local function hex (bytes)
  return (bytes:gsub(".", HEX):gsub("\n", HEX))
end

local function word (piece)
  if type(piece) == "string" then return "s" .. hex(piece) end
  if type(piece) == "number" then return ("w%d"):format(piece) end
  return ("f%d-%d-%s-%s"):format(piece[1], piece[2], piece[3], hex(piece[4]))
end

--- Returns the script for fuzz_server.c.
local function script_of (made)
  local words = {}
  for i, piece in ipairs(made.pieces) do words[i] = word(piece) end
  words[#words + 1] = made.ending
  return "fuzz:" .. table.concat(words, ",") .. "."
end

-- The ports of the server: without TLS, HTTP/1.1 over TLS, HTTP/2, and HTTP/2 with narrow windows.
local LISTENERS = {
  curl = { "plain", "plain", "plain", "plain", "plain", "plain", "tls", "h2", "h2", "h2", "h2",
    "narrow" },
  nginx = { "plain", "plain", "plain", "tls" },
}

-- What the client does with a stream, and with a whole answer.
local READS = { "next", "next", "for", "for", "texts", "text", "poll" }
local LEAVES = { "close", "break", "forget", "raise", "cancel", "close client" }

local SEEDS = 2147483646

local function behaviour (rng, plan)
  local streams = #plan.texts > 0
  plan.act = "read"
  if rng:int(1, 3) == 1 then plan.act = streams and rng:pick(LEAVES) or "cancel" end
  if streams and rng:int(1, 400) == 1 then plan.act = "fork" end
  plan.read = streams and rng:pick(READS) or "call"
  plan.at = rng:int(0, #plan.texts)               -- tokens before the client leaves
  plan.after = rng:int(0, 4) / 1000               -- seconds before it is cancelled
end

--- Makes the plan of an exchange.
-- @tparam integer number of the exchange
-- @tparam string transport "curl" or "nginx"
-- @treturn table what `fuzz_http1` describes, and `number`, `call`, `texts`, `whole`, `listener`,
-- `script`, `padding`, `act`, `read`, `at`, `after`, `own` (it has a client of its own)
function M.new (number, transport)
  local rng = random.new(number % SEEDS + 1)
  for _ = 1, 3 do rng:int(0, 1) end               -- the first numbers of neighbours are alike
  local answer = answers.make(rng)
  local listener = rng:pick(LISTENERS[transport])
  local grammar = (listener == "h2" or listener == "narrow") and http2 or http1
  local plan = grammar.make(rng, answer)
  plan.number, plan.listener = number, listener
  plan.call, plan.texts, plan.whole = answer.call, answer.texts, answer.whole
  plan.script = script_of(plan)
  plan.padding = rng:int(1, 40) == 1 and rng:int(1000, 200000) or 0
  -- whether a client reads a response that comes before its request is sent is not defined
  if plan.padding > 0 then
    if plan.must == "succeed" then plan.must = "either" end
    plan.least, plan.alone = 0, true
    -- libcurl 7.88 stops sending over HTTP/2 when the response ends before the request
    plan.may_hang = grammar == http2
  end
  behaviour(rng, plan)
  plan.own = plan.alone or plan.act == "close client" or rng:int(1, 10) == 1
  return plan
end

return M
