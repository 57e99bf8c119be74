-- SPDX-License-Identifier: MIT
-- What the player does, and what is looked at meanwhile.

local ffi = require "ffi"

ffi.cdef [[
  int access(const char *path, int mode);
  int getpid(void);
  struct heap {                 // struct mallinfo2 of glibc
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
  };
  struct heap mallinfo2(void);
]]

local M = { began = love.timer.getTime() }

local frame = coroutine.yield

local function press (key)
  love.event.push("keypressed", key, key, false)
  love.event.push("keyreleased", key, key)
end

local function say (text)
  for character in text:gmatch "[%z\1-\127\194-\244][\128-\191]*" do
    love.event.push("textinput", character)
  end
  press "return"
end

local function shown ()
  return M.talk:known():sub(1, M.talk:shown())
end

local function until_state (state)
  while M.talk.state ~= state do frame() end
end

local function greeted ()
  until_state "listening"
end

--- Watches an answer from the question to its last letter.
local function watch (report)
  local steps, most, thought = 0, 0, false
  local before = ""
  while M.talk.state ~= "listening" and M.talk.state ~= "failed" do
    thought = thought or M.talk.state == "thinking" and shown() == ""
    local now = shown()
    assert(now:sub(1, #before) == before, "a letter was taken back: " .. before .. "|" .. now)
    if #now > #before then steps = steps + 1 end
    most = math.max(most, #now - #before)
    before = now
    frame()
  end
  report("thought", thought)
  report("steps", steps)
  report("most", most)
  report("said", shown())
end

function M.answer (report)
  greeted()
  report("greeting", shown())
  for _, question in ipairs { "Who are you?", "Wie heißt das Meer?" } do
    say(question)
    until_state "thinking"
    watch(report)
  end
  report("turns", #M.talk.turns)
  report("question", M.talk.turns[2].player)
end

function M.cancel (report)
  greeted()
  say "Tell me everything."
  until_state "speaking"
  while #shown() < 7 do frame() end
  press "escape"
  frame()
  report("state", M.talk.state)
  report("said", shown())
  report("known", M.talk:known())
  for _ = 1, 20 do frame() end
  report("later", shown())
  say "And now?"                        -- the next turn goes well
  until_state "thinking"
  press "escape"
  frame()
  report("thinking", M.talk.state)
end

function M.fail (report)
  greeted()
  say "Hello?"
  until_state "failed"
  report("kind", M.talk.failure.kind)
  report("words", require("words").explain(M.talk.failure))
  report("turns", #M.talk.turns)
  frame()
  press "return"                        -- asks the same again
  frame()
  frame()
  report("state", M.talk.state)
  report("asked", M.talk.asked)
end

-- As it is started without any settings.
function M.nowhere (report)
  frame()
  report("state", M.talk.state)
  report("kind", M.talk.failure.kind)
  say "Hello?"
  for _ = 1, 5 do frame() end
  report("later", M.talk.state)
end

-- Cost: how many system calls and how much memory the step of a frame takes.

local allocated = {}           -- state -> the most that a frame took, KiB; nil: not measured
local counting, count, state = false, nil, nil

function M.before ()
  if not counting then return end
  state, count = M.talk.state, collectgarbage "count"
  ffi.C.access("frame begins: " .. state, 0)
end

function M.after ()
  if not counting then return end
  ffi.C.access("frame ends", 0)
  local grown = collectgarbage "count" - count
  if M.talk.state ~= state then state = "changing" end
  allocated[state] = math.max(allocated[state] or 0, grown)
end

function M.cost (report)
  jit.off()                             -- its traces would be counted, too
  collectgarbage "stop"
  greeted()
  counting = true
  for _ = 1, 60 do frame() end
  say "Tell me everything."
  until_state "thinking"
  until_state "listening"
  for _ = 1, 60 do frame() end
  counting = false
  report("said", shown())
  for name, kib in pairs(allocated) do report("allocated_" .. name, kib) end
end

--- What this process holds: KiB in use on Lua's heap and on that of C, and open descriptors. The
-- resident memory would count what the allocators keep for later, and the code that LuaJIT
-- compiles.
local function holdings ()
  collectgarbage()
  collectgarbage()
  local files = assert(io.popen(("ls /proc/%d/fd"):format(ffi.C.getpid())))
  local _, open = files:read "*a":gsub("\n", "")
  files:close()
  return collectgarbage "count" + tonumber(ffi.C.mallinfo2().uordblks) / 1024, open
end

-- Two hundred answers, each third one cut short.
function M.long (report)
  greeted()
  local memory, files
  for i = 1, 200 do
    say("Question " .. i)
    until_state "speaking"
    press(i % 3 == 0 and "escape" or "return")
    while M.talk:busy() do
      press "return"
      frame()
    end
    if i == 50 then memory, files = holdings() end
  end
  local memory_after, files_after = holdings()
  report("memory", math.floor(memory_after - memory))
  report("files", files_after - files)
end

--- What is to be seen: an image for people, and the number of bright pixels in her box.
local function look (report, name)
  local image
  love.graphics.captureScreenshot(function (taken) image = taken end)
  while not image do frame() end
  local bright = 0
  local width, height = image:getDimensions()
  for y = math.floor(height * 0.63), math.floor(height * 0.86) do
    for x = math.floor(width * 0.22), math.floor(width * 0.94) do
      local r, g, b = image:getPixel(x, y)
      if r + g + b > 1.2 then bright = bright + 1 end
    end
  end
  image:encode("png", name .. ".png")
  report(name, bright)
end

local function resize (width, height)
  love.window.setMode(width, height, { resizable = true })
  love.resize(width, height)
  frame()
end

-- The server answers the first question never, the second one half, the third one whole, and the
-- fourth one with an error.
function M.draw (report)
  frame()
  look(report, "start")
  press "return"                        -- all at once: drawing takes its time without a GPU
  greeted()
  look(report, "greeting")
  say "Is it lonely up here, all winter long?"
  until_state "thinking"
  look(report, "thinking")
  press "escape"
  until_state "listening"
  say "I said: is it lonely up here?"
  while #M.talk:known() < 90 do frame() end
  press "return"                        -- all that is there, but she has not ended
  while #shown() < 90 do frame() end
  love.event.push("textinput", "And the storms?")
  frame()
  look(report, "speaking")
  press "escape"
  until_state "listening"
  press "return"
  until_state "thinking"
  while M.talk:busy() do
    press "return"                      -- all that is there
    frame()
  end
  look(report, "whole")
  resize(640, 480)
  look(report, "small")
  say "Hello?"
  until_state "failed"
  resize(1920, 1080)
  look(report, "failed")
end

return M
