-- SPDX-License-Identifier: MIT
-- What can go wrong, and how a program sees it. Run it as it is:
--   lua5.4 examples/errors.lua

local predibase = require "predibase"

local client, err = predibase.new {
  timeout = { connect = 5, total = 60 },
  max_retries = 3,
  on_retry = function(info)
    io.stderr:write("trying again after: ", tostring(info.error), "\n")
  end,
}
if not client then
  -- Nothing was sent: an argument or a variable is missing or wrong.
  io.stderr:write(err.kind, ": ", err.message, "\n")
  os.exit(1)
end

-- Values are checked before anything is sent; a bad one is an error, not a crash.
local result
result, err = client:generate("Hello", { temperature = -1 })
assert(result == nil and err.kind == "validation")
print(err.message)

-- A name that does not exist is a fault of the program, so it raises.
local ok, message = pcall(client.generate, client, "Hello", { max_tokens = 5 })
assert(not ok)
print(message)

-- A server that is not there.
local elsewhere = assert(predibase.new { base_url = "http://127.0.0.1:9", max_retries = 0 })
result, err = elsewhere:generate("Hello")
assert(result == nil)
print(err.kind, err.retryable, err)

-- A broken stream raises the error object inside `for`; it says what had arrived.
ok, err = pcall(function()
  for token in elsewhere:generate_stream("Hello") do
    io.write(token.text)
  end
end)
assert(not ok)
print(err.kind, err.tokens, err.partial_text)
