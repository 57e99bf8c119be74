-- SPDX-License-Identifier: MIT
--- The headers `traceparent` and `tracestate`, by which a service that collects traces finds out
-- which requests belong together (W3C Trace Context).
-- @module predibase.trace_context

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"

local M = {}

--- Largest size of a `tracestate` in bytes (W3C Trace Context section 3.3.1.5).
M.MAX_STATE = 512

local FORM = "^%x%x%-" .. ("%x"):rep(32) .. "%-" .. ("%x"):rep(16) .. "%-%x%x"

--- Tells why a text is not a `traceparent` (W3C Trace Context section 3.2).
-- @tparam string text
-- @treturn ?string the rest of a sentence; nil when it is one
function M.problem (text)
  local _, last = text:find(FORM)
  local version = text:sub(1, 2)
  -- Later versions may have more fields at the end.
  local more = last and text:sub(last + 1)
  if not last or text:find "%u" or version == "ff"
    or more ~= "" and (version == "00" or not more:find "^%-[!-~]*$") then
    return "must have the form 00-TRACE-PARENT-FLAGS with 32, 16 and 2 lower-case hexadecimal "
      .. 'digits, got "' .. errors.excerpt(text, checks.SHOWN) .. '"'
  end
  if text:sub(4, 35):find "^0+$" then return "has a trace id of zeros" end
  if text:sub(37, 52):find "^0+$" then return "has a parent id of zeros" end
end

--- Checks the option `traceparent`. Returns it, or nil and what is wrong.
-- @param value a string, a function, "pass" or false
-- @tparam string name of the option, for the message
-- @treturn[1] string|function|boolean
-- @treturn[2] nil
-- @treturn[2] string
function M.read (value, name)
  if value == false or checks.callable(value) then return value end
  if type(value) ~= "string" then
    return nil, ('%s must be a string, a function or "pass", got %s'):format(name,
      checks.describe(value))
  end
  if value == "pass" then
    if rawget(_G, "ngx") then return value end
    return nil, name .. ' = "pass" passes on the header of the request that nginx serves, so it '
      .. "can only be used inside nginx"
  end
  local problem = M.problem(value)
  if problem then return nil, name .. " " .. problem end
  return value
end

local function state_problem (text)
  if type(text) ~= "string" then return "must be a string" end
  if text == "" or #text > M.MAX_STATE or text:find "[^ -~]" then
    return ("must have 1 to %d printable characters of ASCII"):format(M.MAX_STATE)
  end
end

--- Returns the headers of the request that nginx serves; nothing in a timer.
local function of_nginx ()
  local ngx = rawget(_G, "ngx")
  local ok, parent, state = pcall(function ()
    return ngx.var.http_traceparent, ngx.var.http_tracestate
  end)
  -- What a browser sent may be anything. A header that is not valid is left out, with the state
  -- that belongs to it (W3C Trace Context section 4.3).
  if not ok or type(parent) ~= "string" or M.problem(parent) then return nil end
  if state ~= nil and state_problem(state) then state = nil end
  return parent, state
end

--- Makes the headers of a call. A function of the program is called.
-- @tparam string|function|boolean value as `read` returned it
-- @treturn[1] ?table array of `{ name, value }`; nil when the call has none
-- @treturn[2] nil
-- @treturn[2] string what is wrong with the result of the function
function M.headers (value)
  if not value then return nil end
  local parent, state = value, nil
  if value == "pass" then
    parent, state = of_nginx()
  elseif type(value) ~= "string" then
    parent, state = value()
    local problem = parent ~= nil and (type(parent) ~= "string" and "must be a string or nil, "
      .. "got " .. checks.describe(parent) or M.problem(parent))
    if problem then return nil, "the function traceparent: the result " .. problem end
    problem = parent and state ~= nil and state_problem(state)
    if problem then return nil, "the function traceparent: the second result " .. problem end
  end
  if not parent then return nil end
  local list = { { "traceparent", parent } }
  if state then list[2] = { "tracestate", state } end
  return list
end

return M
