-- SPDX-License-Identifier: MIT
-- Counts what the library does for one prompt: Lua functions called, files entered, and changes
-- from one file to another. The counts depend on the code alone, not on the machine.
-- usage: lua5.4 bench/calls.lua       (make build first; the server is spec/support/pipe_transport)

package.path = "./lua/?.lua;./lua/?/init.lua;./?.lua;" .. package.path
package.cpath = "./build/lua5.4/?.so;" .. package.cpath

local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"
local wire_chat = require "spec.support.wire_chat"

--- Runs a function twice, so that caches are filled, and counts the second time.
local function count (name, f)
  f()
  local files, calls, changes, last, n = {}, 0, 0, nil, 0
  debug.sethook(function ()
    local source = debug.getinfo(2, "S").source
    if not source:find("lua/predibase/", 1, true) then return end
    calls = calls + 1
    if not files[source] then
      files[source] = true
      n = n + 1
    end
    if source ~= last then changes = changes + 1 end
    last = source
  end, "c")
  f()
  debug.sethook()
  print(("%-30s %3d files, %4d calls, %4d changes of file"):format(name, n, calls, changes))
end

local ANSWER = '{"generated_text":"Blue.","details":null}'

local client = pipe.client { headers = { ["content-type"] = "application/json" }, body = ANSWER }
count("client:generate", function () assert(client:generate "Why is the sky blue?") end)
count("client:generate, options", function ()
  assert(client:generate("Why is the sky blue?", { max_new_tokens = 20, temperature = 0.5 }))
end)

local adapter = client:adapter("sky/1", { defaults = { max_new_tokens = 20 } })
count("adapter:generate", function () assert(adapter:generate "Why is the sky blue?") end)

local session = assert(client:chat_session { format = "chatml", system = "Be brief." })
count("session:send", function ()
  assert(session:send "Why is the sky blue?")
  session:undo()
end)
count("session:undo", function () session:undo() end)

local chatting = pipe.client { headers = { ["content-type"] = "application/json" },
  body = wire_chat.body { wire_chat.message "Blue." } }
local messages = { { role = "user", content = "Why is the sky blue?" } }
count("client:chat_completion", function () assert(chatting:chat_completion(messages)) end)

local answering = pipe.client { body = wire_chat.answer() }
count("client:chat_completion_stream", function ()
  assert(answering:chat_completion_stream(messages):text())
end)

local streaming = pipe.client { body = wire.answer() }
count("client:generate_stream", function ()
  assert(streaming:generate_stream("Why is the sky blue?"):text())
end)

count("client:generate_many of 10", function ()
  local prompts = {}
  for i = 1, 10 do prompts[i] = "Prompt " .. i end
  client:generate_many(prompts):results()
end)
