-- SPDX-License-Identifier: MIT
-- Streams over tokens that a spec writes down, without a transport.

local stream = require "predibase.stream"

local M = {}

--- A call as `predibase.call` makes them, whose one attempt is the given exchange.
local function call_of (exchange)
  local call = { client = { max_text = math.huge }, options = { hooks = {} }, responded = true }
  for _, name in ipairs { "announce", "matcher", "first", "finish", "retry" } do
    call[name] = function () end
  end
  function call.open () return exchange end
  function call.error (_, failure) return failure end
  return call
end

--- An exchange has to have `next`; the rest does nothing.
-- @tparam table exchange
-- @treturn table the stream
function M.over (exchange)
  exchange.close = exchange.close or function () end
  exchange.release = exchange.release or exchange.close
  return stream.new(call_of(exchange))
end

--- A stream of tokens that breaks after the last one: its error has the text so far.
-- @tparam table list tokens; a string is the text of a token
-- @treturn table the stream
function M.of (list)
  local i = 0
  return M.over { next = function ()
    i = i + 1
    local entry = list[i]
    if entry == nil then return nil, { kind = "connection", message = "broken" } end
    return type(entry) == "string" and { text = entry } or entry
  end }
end

return M
