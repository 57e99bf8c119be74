-- SPDX-License-Identifier: MIT
--- Tells a body that was cut off from one that is wrong.
--
-- With a Content-Length or in chunks HTTP itself says that something is missing. Without them the
-- end of the connection (or of the HTTP/2 stream) is the end of the body, whether the server had
-- sent all of it or died; but the JSON in it then is not closed.
-- @module predibase.response.cut

local M = {}

--- The place behind a string of JSON that begins at `at`, or nil when it does not end.
local function behind_string(text, at)
  at = at + 1
  while true do
    local place = text:find('["\\]', at)
    if not place then return nil end
    if text:byte(place) == 34 then return place + 1 end
    at = place + 2
  end
end

--- Does a text begin as an object or an array of JSON and end before that is closed?
-- @tparam string text
-- @treturn boolean
function M.is_open(text)
  local at = text:match "^[ \t\r\n]*()[%[{]"
  if not at then return false end
  local depth = 0
  while true do
    local place = text:find('["%[%]{}]', at)
    if not place then return true end
    local byte = text:byte(place)
    if byte == 34 then
      at = behind_string(text, place)
      if not at then return true end
    else
      depth = depth + ((byte == 91 or byte == 123) and 1 or -1)
      if depth == 0 then return false end
      at = place + 1
    end
  end
end

local CUT = { kind = "connection", phase = "body", sent = true,
  message = "the connection ended in the middle of the answer" }

--- What became of an answer that cannot be read.
-- @tparam table reply `status`, `headers` (lower-case name -> value), `body`
-- @treturn ?table a failure, as a transport gives it; nil: the body was not cut off
function M.failure(reply)
  local status, headers, body = reply.status, reply.headers or {}, reply.body or ""
  if type(status) ~= "number" or status < 200 or status > 299 or status == 204 then return nil end
  if headers["content-length"] or headers["transfer-encoding"] then return nil end
  if body:find "%S" then return M.is_open(body) and CUT or nil end
  local kind = headers["content-type"]
  return type(kind) == "string" and kind:lower():find "^%s*application/json" and CUT or nil
end

return M
