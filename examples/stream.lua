-- SPDX-License-Identifier: MIT
-- Three ways to read an answer while the model writes it. Run it with:
--   lua5.4 examples/stream.lua

local predibase = require "predibase"

local client, err = predibase.new { timeout = 120, defaults = { max_new_tokens = 40 } }
if not client then
  io.stderr:write(tostring(err), "\n")
  return os.exit(1)
end
io.stdout:setvbuf "no"

-- Pieces of text that can be shown at once: they never end inside a character. The loop raises
-- errors.
for piece in client:generate_stream("Tell me a story."):texts() do
  io.write(piece)
end
print()

-- Tokens, with all their fields. After ten tokens the loop stops: on Lua 5.4 `break` closes the
-- connection and the model stops; on the other Luas stream:close() does that.
local stream = client:generate_stream("Tell me a longer story.")
local count = 0
for token in stream do
  count = count + 1
  print(token.id, token.logprob, token.text)
  if count == 10 then break end
end
stream:close()

-- stream:next() raises nothing: it returns nil at the end, and nil and the error when the stream
-- breaks.
stream = client:generate_stream("And another one.")
local token
repeat
  token, err = stream:next()
until not token
if err then
  io.stderr:write(tostring(err), "\nso far: ", err.partial_text or "", "\n")
  return os.exit(1)
end
local result = assert(stream:result())
print(result.generated_text)
print(result.usage.completion_tokens .. " tokens, the first after "
  .. ("%.3f seconds"):format(result.timing.first_token))
