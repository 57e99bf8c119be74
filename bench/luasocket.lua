-- SPDX-License-Identifier: MIT
-- Reads a stream of COUNT tokens from a server that sends as fast as it can, with luasocket and
-- lua-cjson, for comparison with the library: `luasocket.lua stream URL COUNT`. Prints a line
-- "NAME VALUE".

local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"

local url, count = arg[2] .. "/generate_stream", tonumber(arg[3])
local body, rest, seen = '{"inputs":"water"}', "", 0

local function take (piece)
  if not piece then return 1 end
  rest = rest .. piece
  local from = 1
  while true do
    local first, last = rest:find("\n\n", from, true)
    if not first then break end
    local token = cjson.decode(rest:sub(from + 5, first - 1)).token
    if token.text then seen = seen + 1 end
    from = last + 1
  end
  rest = rest:sub(from)
  return 1
end

local cpu = os.clock()
assert(http.request {
  url = url, method = "POST", source = ltn12.source.string(body), sink = take,
  headers = { ["content-type"] = "application/json", ["content-length"] = tostring(#body) },
})
assert(seen == count + 1, "the stream was cut")
print(("tokens_per_cpu_s %.0f"):format(count / (os.clock() - cpu)))
