-- SPDX-License-Identifier: MIT
-- Many prompts, some at once: one bad one stops no other. Run it as it is:
--   lua5.4 examples/many.lua

local predibase = require "predibase"

local client, err = predibase.new { timeout = 120, defaults = { max_new_tokens = 20 } }
if not client then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end

local tickets = {
  "The parcel never came.",
  "The handle broke after a day.",
  "",
  "Thank you, it works well.",
}

-- The prompts one after the other, as from a file that does not fit into memory.
local function prompts()
  local i = 0
  return function ()
    i = i + 1
    return tickets[i] and ("Classify this ticket: " .. tickets[i])
  end
end

-- As they finish. A rate limit of the server slows all of them down together.
local failed = 0
for index, result, problem in client:generate_many(prompts(), { concurrency = 8 }) do
  if result then
    print(index, result.usage.completion_tokens .. " tokens", result.generated_text)
  else
    failed = failed + 1
    print(index, "failed", problem)
  end
end

-- In the order of the prompts, each with options of its own where it has some.
local results, errors = client:generate_many {
  "What is your name?",
  { prompt = "Classify: the parcel never came.", adapter_id = "my-repo/3", max_new_tokens = 4 },
  { prompt = "Tell me a story.", temperature = -1 },
}:results()
for i, result in ipairs(results) do print(i, result or errors[i].message) end

os.exit(failed == 0 and 0 or 1, true)
