-- SPDX-License-Identifier: MIT
-- Values of a wrong type, and names that do not exist. The analyser has to report each line that
-- ends in `expect`, and no other one (tools/analyse.sh).

local predibase = require "predibase"

local client = assert(predibase.new())

print(client:generate(5))                                       -- expect: param-type-mismatch
print(client:generate("Hello", { temperature = "hot" }))        -- expect: param-type-mismatch
print(client:generate("Hello", { adapter_source = "hug" }))     -- expect: param-type-mismatch
print(client:generate("Hello", { timeout = "30" }))             -- expect: param-type-mismatch
print(client:generate("Hello", { timeout = { total = "3" } }))  -- expect: param-type-mismatch
print(client:chat_completion("Hello"))                          -- expect: param-type-mismatch
print(client:request("HEAD", "/info"))                          -- expect: param-type-mismatch
print(client:genrate("Hello"))                                  -- expect: undefined-field

for token in client:generate_stream("Hello") do
  print(token.text, token.logprob)
  print(token.txt)                                              -- expect: undefined-field
end
for delta in client:chat_completion_stream({}) do
  print(delta.text, delta.reasoning)
  print(delta.logprob)                                          -- expect: undefined-field
end
for index, result in client:generate_many { "a", { prompt = "b", temperature = 1 } } do
  if result then print(index + 1, result.text) end
end
local answer = assert(client:generate("Hello"))
print(answer.usage.completion_tokens, answer.text:upper())
print(answer.usage.tokens)                                      -- expect: undefined-field
