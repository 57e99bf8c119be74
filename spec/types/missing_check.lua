-- SPDX-License-Identifier: MIT
-- Results that are used although there may be an error. The analyser has to report each line that
-- ends in `expect`, and no other one (tools/analyse.sh).

local predibase = require "predibase"

local client = predibase.new()
client:close()                                          -- expect: need-check-nil

local sure = assert(predibase.new())
local unchecked = sure:generate "Hello"
print(unchecked.text)                                   -- expect: need-check-nil

local result, err = sure:generate "Hello"
if result then
  print(result.text, result.usage.total_tokens)
else
  print(err.kind, err.message, err.partial_text or "")
end

local answer, failure = sure:chat_completion { { role = "user", content = "Hello" } }
if not answer then error(failure) end
print(answer.message.content)

local vectors, about = sure:embed { "a", "b" }
print(#vectors[1])                                      -- expect: need-check-nil
print(about.requests)

local one, problem = sure:embed "a"
if one then print(#one) else print(problem) end

local session = sure:chat_session { system = "Be brief." }
session:reset()                                         -- expect: need-check-nil

local value = sure:generate_json("A town: ", { schema = '{"type":"object"}' })
print(value.name)                                       -- expect: need-check-nil

local value_2, result_2 = sure:generate_json "A town: "
if value_2 then print(value_2.name, result_2.text) end

local ok, raised = pcall(function () for token in sure:generate_stream "x" do print(token) end end)
if not ok and predibase.is_error(raised) then print(raised.kind, raised.tokens) end
