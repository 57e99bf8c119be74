-- SPDX-License-Identifier: MIT
--- Makes the error objects of the library, and removes secrets and unprintable bytes from texts.
-- @module predibase.errors

local for_failures = require "predibase.for_failures"
local safe_text = for_failures "predibase.errors.safe_text"

local M = {}

--- An error. `tostring` of it is one line for a log.
-- @table Error
-- @tfield ErrorKind kind what happened: one of `kinds`, see docs/errors.md
-- @tfield string message what happened, in a sentence
-- @tfield boolean retryable whether the same call may succeed later
-- @tfield ?integer status of HTTP
-- @tfield ?string error_type the server's word for the kind
-- @tfield ?string phase where the call was
-- @tfield ?number retry_after seconds after which the server wants to be asked again
-- @tfield ?boolean sent whether the request may have reached the server
-- @tfield ?integer attempts the number of attempts
-- @tfield ?string request_id the `X-Request-Id` that was sent
-- @tfield ?string trace_id for questions to the provider
-- @tfield ?string partial_text the text that was received before the error
-- @tfield ?string partial_reasoning the reasoning that was received before the error
-- @tfield ?integer tokens the number of tokens that were received before the error
-- @tfield ?table<string,string> headers of the response: lower-case name -> value
-- @tfield ?string body an excerpt of the response, at most 512 bytes
-- @tfield ?Error[] earlier the errors of the other clients, with the option `fallback`
-- @tfield ?integer line where in a file or a template
-- @tfield ?integer column where in a template
-- @tfield ?string path the part of a JSON value that does not fit its schema
-- @tfield ?string reason why it does not fit
-- @tfield ?boolean unfinished a file ends before its header does
-- @tfield ?Message[] messages the new messages of `session:run`
-- @tfield ?string traceback of the task that raised the error

--- Every kind of error. `retryable` is the default of the field of that name; a `timeout` is also
-- retryable when its phase is `connect`. `exit` is the exit code of the `predibase` command, which
-- uses 1 for internal errors and 64 for wrong usage.
M.kinds = {
  config = { retryable = false, exit = 2 },
  validation = { retryable = false, exit = 3 },
  authentication = { retryable = false, exit = 4 },
  permission = { retryable = false, exit = 5 },
  not_found = { retryable = false, exit = 6 },
  rate_limited = { retryable = true, exit = 7 },
  overloaded = { retryable = true, exit = 8 },
  generation = { retryable = false, exit = 9 },
  incomplete_generation = { retryable = true, exit = 10 },
  template = { retryable = false, exit = 11 },
  tool = { retryable = false, exit = 12 },
  timeout = { retryable = false, exit = 13 },
  connection = { retryable = true, exit = 14 },
  tls = { retryable = false, exit = 15 },
  protocol = { retryable = false, exit = 16 },
  server = { retryable = false, exit = 17 },
  too_large = { retryable = false, exit = 18 },
  cancelled = { retryable = false, exit = 130 },
}

local mt = { __name = "predibase.error" }

function mt.__tostring (err)
  local notes = {}
  if err.status then notes[#notes + 1] = "status " .. tostring(err.status) end
  if err.attempts then
    notes[#notes + 1] = ("%s attempt%s"):format(tostring(err.attempts),
      err.attempts == 1 and "" or "s")
  end
  if err.trace_id then notes[#notes + 1] = "trace id " .. tostring(err.trace_id) end
  local text = ("predibase: %s: %s"):format(tostring(err.kind), tostring(err.message))
  if #notes == 0 then return text end
  return ("%s (%s)"):format(text, table.concat(notes, ", "))
end

--- Lets `"failed: " .. err` join the text of the error.
function mt.__concat (a, b)
  return tostring(a) .. tostring(b)
end

--- Makes an error object. Raises when `kind` is not one of `kinds`, which is a bug of the library.
-- @tparam table fields are copied; `kind` and `message` are required, `retryable` is set from the
-- kind when it is nil
-- @treturn Error the error
function M.new (fields)
  local kind = M.kinds[fields.kind]
  if not kind then error("unknown kind of error: " .. tostring(fields.kind)) end
  local err = {}
  for name, value in pairs(fields) do err[name] = value end
  if err.retryable == nil then
    err.retryable = kind.retryable or (err.kind == "timeout" and err.phase == "connect")
  end
  return setmetatable(err, mt)
end

--- Adds fields to an error object, or replaces them.
-- @tparam Error err
-- @tparam table fields
-- @treturn Error the error
function M.add (err, fields)
  for name, value in pairs(fields) do err[name] = value end
  return err
end

--- Tells whether a value is an error object of this library.
-- @param value anything
-- @treturn boolean
function M.is (value)
  return type(value) == "table" and getmetatable(value) == mt
end

--- Length in bytes of the shortest secret that is replaced. A shorter one also occurs in ordinary
-- words, and the rest of such a word would reveal it.
M.MIN_SECRET = 8

--- Replaces every occurrence of every secret by `[redacted]`, also where it is written as in a
-- JSON string (`\"`, `\/`, `\u0022`) or in a JSON text inside a JSON string. Overlapping secrets
-- are replaced as one, so that no part of them remains. Call this before a text is shortened: a
-- secret of which only a part is left is not found.
-- @tparam string text
-- @tparam ?string[] secrets array of strings; those shorter than `MIN_SECRET` are skipped
-- @treturn string
function M.redact (text, secrets)
  if not secrets or #secrets == 0 then return text end
  return safe_text.redact(text, secrets, M.MIN_SECRET)
end

--- Makes a printable excerpt of a text. White space characters become spaces. Other control
-- characters and bytes that are not UTF-8 become `?`. No character is cut in half.
-- @tparam string text
-- @tparam[opt=200] integer limit largest size of the result in bytes
-- @treturn string ends in `…` when the text was shortened and `limit` is at least 3
function M.excerpt (text, limit)
  return safe_text.excerpt(text, limit or 200)
end

return M
