-- SPDX-License-Identifier: MIT
-- Many prompts, several at the same time. A prompt that fails does not stop the others. Run it
-- with:
--   lua5.4 examples/many.lua

local predibase = require "predibase"

local client, err = predibase.new { timeout = 120, defaults = { max_new_tokens = 20 } }
if not client then
  io.stderr:write(tostring(err), "\n")
  return os.exit(1)
end

local tickets = {
  "The parcel never came.",
  "The handle broke after a day.",
  "",
  "Thank you, it works well.",
}

-- Returns the prompts one by one, as if they came from a file that does not fit into memory.
local function prompts ()
  local i = 0
  return function ()
    i = i + 1
    return tickets[i] and ("Classify this ticket: " .. tickets[i])
  end
end

-- Results in the order in which they finish. A rate limit slows all prompts down together.
local failed = 0
for index, result, problem in client:generate_many(prompts(), { concurrency = 8 }) do
  if result then
    print(index, result.usage.completion_tokens .. " tokens", result.generated_text)
  else
    failed = failed + 1
    print(index, "failed", problem)
  end
end

-- Results in the order of the prompts. A prompt can have its own options.
local batch = client:generate_many {
  "What is your name?",
  { prompt = "Classify: the parcel never came.", adapter_id = "my-repo/3", max_new_tokens = 4 },
  { prompt = "Tell me a story.", temperature = -1 },
}
local results, errors = batch:results()
if results then
  for i, result in ipairs(results) do print(i, result or errors[i]) end
end

os.exit(failed == 0 and 0 or 1, true)
