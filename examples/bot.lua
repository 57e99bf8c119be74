-- SPDX-License-Identifier: MIT
-- A bot with two tools: it looks up trains in a table, and reckons. Run it with:
--   lua5.4 examples/bot.lua [QUESTION]...
-- docs/tools.md explains it.

local predibase = require "predibase"

local DEPARTURES = {
  Graz = { "07:12", "09:12", "11:42" },
  Linz = { "06:50", "08:20" },
}

local TOOLS = {
  {
    name = "list_trains",
    description = "Lists the departures of trains to a town",
    parameters = { type = "object", properties = { town = { type = "string" } },
      required = { "town" } },
    run = function (arguments)
      local times = DEPARTURES[arguments.town]
      if not times then return nil, "there are no trains to " .. arguments.town end
      return { town = arguments.town, departures = times }
    end,
  },
  {
    name = "add",
    description = "Adds two numbers",
    parameters = { type = "object", properties = { a = { type = "number" },
      b = { type = "number" } }, required = { "a", "b" } },
    run = function (arguments) return ("%.14g"):format(arguments.a + arguments.b) end,
  },
}

local questions = { "Please list the trains to the town Graz.", "Add 19 and 23, please.",
  "Please list the trains to the town Paris." }
if arg and arg[1] then
  questions = {}
  for i, question in ipairs(arg) do questions[i] = question end
end

local client = assert(predibase.new { defaults = { max_new_tokens = 200, temperature = 0 } })
local session = assert(client:chat_session {
  over = "chat", system = "Answer in one sentence.", tools = TOOLS,
})

--- Shows what the bot does between two answers.
local function show (call, result)
  print(("  (%s %s -> %s)"):format(call.name, call.raw_arguments, result))
end

for _, question in ipairs(questions) do
  print("> " .. question)
  local stream = session:run_stream(question, { max_rounds = 4, on_tool = show })
  local ok, err = pcall(function ()
    for piece in stream:texts() do
      io.write(piece)
      io.flush()
    end
  end)
  print()
  -- The history has not changed, so the next question can be asked all the same.
  if not ok then io.stderr:write(tostring(err), "\n") end
end

client:close()
