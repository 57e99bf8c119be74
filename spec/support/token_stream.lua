-- SPDX-License-Identifier: MIT
-- Makes streams of given tokens for specs, without a transport.

local generate = require "predibase.generate"
local stream = require "predibase.stream"

local M = {}

--- Returns a call like those of `predibase.call`, whose only attempt is the given exchange.
local function call_of (exchange)
  local call = { client = { max_text = math.huge }, options = { hooks = {} }, responded = true,
    route = generate.STREAM }
  function call.request () return {} end
  for _, name in ipairs { "announce", "matcher", "splitter", "first", "finish", "retry", "abandon",
    "mark" } do
    call[name] = function () end
  end
  function call.waited () return 0 end
  function call.head () return {} end
  function call.ready () return true end
  function call.fall_back (_, err) return nil, err end
  function call.failed (_, err) return nil, err end
  function call.open () return exchange end
  function call.error (_, failure) return failure end
  return call
end

--- Returns a stream over an exchange.
-- @tparam table exchange with `next`; `close` and `release` are optional
-- @treturn table the stream
function M.over (exchange)
  exchange.close = exchange.close or function () end
  exchange.release = exchange.release or exchange.close
  return stream.new(call_of(exchange))
end

--- Returns a stream of tokens that breaks after the last one; its error contains the text so far.
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
