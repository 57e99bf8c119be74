-- SPDX-License-Identifier: MIT
-- What can go wrong, and how a program handles it. Run it with:
--   lua5.4 examples/errors.lua

local predibase = require "predibase"

local client, err = predibase.new {
  timeout = { connect = 5, total = 60 },
  max_retries = 3,
  on_retry = function (info)
    io.stderr:write("trying again after: ", tostring(info.error), "\n")
  end,
}
if not client then
  -- Nothing was sent: an argument or a variable is missing or wrong.
  io.stderr:write(err.kind, ": ", err.message, "\n")
  return os.exit(1)
end

-- Values are checked before anything is sent. A wrong value is a returned error.
local result
result, err = client:generate("Hello", { temperature = -1 })
assert(result == nil and err.kind == "validation")
print(err.message)

-- An option that does not exist is a programming error, so it raises an error. An editor with our
-- types (docs/editors.md) marks it; the next line keeps it silent.
---@diagnostic disable-next-line: param-type-mismatch
local ok, message = pcall(client.generate, client, "Hello", { max_tokens = 5 })
assert(not ok)
print(message)

-- A server that cannot be reached.
local elsewhere = assert(predibase.new { base_url = "http://127.0.0.1:9", max_retries = 0 })
result, err = elsewhere:generate("Hello")
assert(result == nil)
print(err.kind, err.retryable, err)

-- When a stream breaks, the `for` loop raises the error object, which contains the text so far.
local finished, failure = pcall(function ()
  for token in elsewhere:generate_stream("Hello") do
    io.write(token.text)
  end
end)
assert(not finished and predibase.is_error(failure))
print(failure.kind, failure.tokens, failure.partial_text)
