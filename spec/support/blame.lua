-- SPDX-License-Identifier: MIT
-- Checks that the error raised for misuse names the line of the spec that made the call.
--
--    local calling_line = require "spec.support.blame"
--    assert.matches("must be a string", calling_line(function () client:generate(5) end))

local assert = require "luassert"

--- Calls a function that must raise an error with a line of the file that contains the function.
-- @tparam function f
-- @treturn string the message
return function (f)
  local ok, message = pcall(f)
  assert.is_false(ok)
  local file = debug.getinfo(f, "S").short_src:match "([^/]+)$"
  assert.is_truthy(message:find(file:gsub("%p", "%%%0") .. ":%d+: "), message)
  return message
end
