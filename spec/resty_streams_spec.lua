-- SPDX-License-Identifier: MIT
-- only: luajit
--- Runs the specs of streams, batches and clients inside a real nginx, where the client uses
-- nginx's own sockets unless a spec gives it another transport.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local in_nginx = require "spec.support.in_nginx"

describe("inside nginx", function ()
  in_nginx.each({ "adapter", "batch", "chat", "chat_budget", "chat_completion", "chat_saved",
    "chat_stream", "client", "client_close", "client_secrecy", "completion", "event", "init",
    "json", "json_answer", "misuse", "retry", "roundtrip", "stream", "stream_clocks",
    "stream_close", "stream_coroutines", "stream_hooks", "stream_reentry", "stream_refusal",
    "stream_retry", "stream_size", "tokenize" }, it)
end)
