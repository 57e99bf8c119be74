-- SPDX-License-Identifier: MIT
-- One complete answer. Run it with:
--   lua5.4 examples/generate.lua
-- The environment names the server: PREDIBASE_API_TOKEN, PREDIBASE_TENANT_ID and
-- PREDIBASE_DEPLOYMENT, or PREDIBASE_BASE_URL (`predibase mock` prints one).

local predibase = require "predibase"

local result, err = predibase.generate("What is your name?", {
  max_new_tokens = 40,
  temperature = 0.1,
  details = true,
})
if not result then
  io.stderr:write(tostring(err), "\n")
  return os.exit(1)
end

print(result.generated_text)
print(("%d tokens in, %d tokens out, %.2f seconds"):format(
  result.usage.prompt_tokens, result.usage.completion_tokens, result.timing.total))
