-- SPDX-License-Identifier: MIT
-- Options that do not exist. The analyser has to report each line that ends in `expect`, and no
-- other one (tools/analyse.sh).

local predibase = require "predibase"

local client = assert(predibase.new { base_url = "http://127.0.0.1:8080", max_retries = 1 })
assert(predibase.new { base_ur = "http://127.0.0.1:8080" })         -- expect: param-type-mismatch

print(client:generate("Hello", { max_new_tokens = 5, timeout = 3, extra = { new_field = 1 } }))
print(client:generate("Hello", { max_tokens = 5 }))                 -- expect: param-type-mismatch
print(client:generate("Hello", { timeout = { totl = 3 } }))         -- expect: param-type-mismatch
print(client:generate("Hello", { keep_text = false }))              -- expect: param-type-mismatch
print(predibase.generate("Hello", { temprature = 1 }))              -- expect: param-type-mismatch

client:generate_stream("Hello", { keep_text = false, on_token = print }):close()
client:generate_stream("Hello", { stop_on_server = true }):close()  -- expect: param-type-mismatch

print(client:chat_completion({ { role = "user", content = "Hello" } }, { max_tokens = 5 }))
print(client:chat_completion({}, { max_toknes = 5 }))               -- expect: param-type-mismatch
print(client:chat_session { sytem = "Be brief." })                  -- expect: param-type-mismatch
print(client:embed({ "a", "b" }, { bach_size = 5 }))                -- expect: param-type-mismatch
print(client:run_bulk { input = "a.csv", ouput = "b.csv" })         -- expect: param-type-mismatch
print(client:wait_ready { timeout = 5, on_wate = print })           -- expect: param-type-mismatch
print(predibase.template.new("{a}", { alow_extra = true }))         -- expect: param-type-mismatch
