-- SPDX-License-Identifier: MIT
-- A conversation: a history in the model's own format, streamed answers, a token budget. Run it
-- with:
--   lua5.4 examples/chat.lua [QUESTION]...
-- `predibase chat` is the interactive version.

local predibase = require "predibase"

local questions = { "Why is the sky blue?", "And at night?", "Say it in five words." }
if arg and arg[1] then
  questions = {}
  for i, question in ipairs(arg) do questions[i] = question end
end

local client, err = predibase.new { defaults = { max_new_tokens = 40 } }
if not client then
  io.stderr:write(tostring(err), "\n")
  return os.exit(1)
end

-- Without `format` the name of the deployment determines it. Your own server has no deployment.
local session, problem = client:chat_session {
  format = os.getenv "PREDIBASE_DEPLOYMENT" or "mistral-7b-instruct-v0-2",
  system = "You are a patient teacher.",
  max_input_tokens = 1000,
}
if not session then
  io.stderr:write(tostring(problem), "\n")
  return os.exit(1)
end

for _, question in ipairs(questions) do
  print("> " .. question)
  local stream = session:stream(question)
  local ok, failure = pcall(function ()
    for piece in stream:texts() do
      io.write(piece)
      io.flush()
    end
  end)
  print()
  -- A failed turn is not added to the history, so the next question continues from the last
  -- complete one.
  if not ok then print("(" .. tostring(failure) .. ")") end
end

print(("%d messages; the last call left out %d"):format(#session.messages, session.left_out))

-- Two independent continuations of the same conversation.
local shorter, longer = session:fork(), session:fork()
print("shorter: " .. tostring(shorter:send("Shorter, please.", { max_new_tokens = 8 })))
print("longer: " .. tostring(longer:send "More, please."))
