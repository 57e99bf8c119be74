-- SPDX-License-Identifier: MIT
-- Asks the base model and fine-tuned adapters the same question. Run it with:
--   lua5.4 examples/adapter.lua
-- Set PREDIBASE_ADAPTER to use another adapter than the one below.

local predibase = require "predibase"

local adapter = os.getenv "PREDIBASE_ADAPTER" or "my-repo/1"

local client, err = predibase.new { defaults = { max_new_tokens = 30 } }
if not client then
  io.stderr:write(tostring(err), "\n")
  return os.exit(1)
end

local function ask (label, options)
  local result, failure = client:generate("Classify: the parcel never came.", options)
  if result then
    print(label .. ": " .. result.generated_text)
  else
    -- For example, the server may not know the adapter.
    print(label .. ": " .. tostring(failure))
  end
end

ask("base model", {})
ask(adapter, { adapter_id = adapter })
ask("merged", {
  merged_adapters = {
    ids = { "my-repo/1", "my-repo/2" },
    weights = { 0.5, 0.5 },
    merge_strategy = "linear",
  },
})
