-- SPDX-License-Identifier: MIT
--- Reads the headers of responses.
-- @module predibase.response_headers

local errors = require "predibase.errors"

local M = {}

--- Returns a header of a response that is a string and not empty.
-- @tparam table headers lower-case name -> value; may contain other values than strings
-- @tparam string name in lower case
-- @treturn ?string
function M.text (headers, name)
  local value = headers[name]
  if type(value) == "string" and value ~= "" then return value end
  return nil
end

--- Returns the trace id for support requests: `x-b3-traceid`, or the id in W3C's `traceparent`.
-- @tparam table<string,string> headers lower-case name -> value
-- @treturn ?string
function M.trace_id (headers)
  local id = M.text(headers, "x-b3-traceid")
  if id then return errors.excerpt(id, 64) end
  local parent = M.text(headers, "traceparent")
  return parent and parent:match("^%x%x%-(" .. ("%x"):rep(32) .. ")%-")
end

-- Patterns of words in Content-Encoding that do not name a coding.
local PLAIN = { "^identity$", "^none$", "^utf%-?%d+$", "^us%-ascii$", "^ascii$", "^iso%-8859%-%d+$",
  "^latin%d$", "^windows%-125%d$" }

local function is_plain (word)
  for _, pattern in ipairs(PLAIN) do
    if word:find(pattern) then return true end
  end
  return false
end

--- Tells whether a body is compressed or coded in another way (RFC 9110 section 8.4). Servers and
-- proxies also write words into Content-Encoding that do not name a coding.
-- @tparam ?string value of the header Content-Encoding
-- @treturn boolean
function M.is_coded (value)
  for word in (value or ""):lower():gmatch "[^,%s]+" do
    if not is_plain(word) then return true end
  end
  return false
end

--- Tells whether a body is JSON: `application/json`, or a type that ends in `+json` (RFC 6839).
-- @tparam ?table headers lower-case name -> value
-- @treturn boolean
function M.is_json (headers)
  local value = headers and headers["content-type"]
  local kind = type(value) == "string" and value:match "^%s*([^;%s]+)"
  if not kind then return false end
  kind = kind:lower()
  return kind == "application/json" or kind:find "^[^/]+/[^/]+%+json$" ~= nil
end

return M
