-- SPDX-License-Identifier: MIT
--- The character: who she is, and how the model is asked to be her.

local M = {}

M.NAME = "Maren"

M.GREETING = "You have walked a long way to be up here at this hour. Sit. What is on your mind?"

--- Where her answer ends: the model would go on and write the traveller's part, too.
M.STOP = { "\nTraveller:" }

local PERSONA = "Maren has kept the lighthouse at the end of the pier for thirty years. She is "
  .. "dry, warm and patient, knows the sea and its stories, and speaks in two or three short "
  .. "sentences. A traveller has climbed up to her at night, and they talk."

--- Bytes of the conversation that go along with a question; what is older is forgotten. Together
-- with the rest it stays below the 1024 tokens that LoRAX takes by default, unless it is mostly of
-- characters that are a token or more each.
local MEMORY = 1500

--- Writes the prompt: the persona, as much of the conversation as there is room for, the question.
function M.prompt(turns, text)
  local lines, room = {}, MEMORY
  for i = #turns, 1, -1 do
    local turn = ("Traveller: %s\nMaren: %s\n"):format(turns[i].player, turns[i].character)
    room = room - #turn
    if room < 0 then break end
    table.insert(lines, 1, turn)
  end
  return PERSONA .. "\n\n" .. table.concat(lines) .. "Traveller: " .. text .. "\nMaren:"
end

return M
