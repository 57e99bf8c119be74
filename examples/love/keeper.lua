-- SPDX-License-Identifier: MIT
--- The character: her name and greeting, and the prompt that makes the model speak as her.

local M = {}

M.NAME = "Maren"

M.GREETING = "You have walked a long way to be up here at this hour. Sit. What is on your mind?"

--- The end of her answer. Without it the model would also write the traveller's part.
M.STOP = { "\nTraveller:" }

local PERSONA = "Maren has kept the lighthouse at the end of the pier for thirty years. She is "
  .. "dry, warm and patient, knows the sea and its stories, and speaks in two or three short "
  .. "sentences. A traveller has climbed up to her at night, and they talk."

--- Maximum bytes of the conversation in a prompt; older turns are left out. Together with the rest
-- the prompt stays below LoRAX's default limit of 1024 tokens, unless most characters take a token
-- or more each.
local MEMORY = 1500

--- Returns the prompt: the persona, the most recent turns that fit, and the question.
function M.prompt (turns, text)
  local lines, left = {}, MEMORY
  for i = #turns, 1, -1 do
    local turn = ("Traveller: %s\nMaren: %s\n"):format(turns[i].player, turns[i].character)
    left = left - #turn
    if left < 0 then break end
    table.insert(lines, 1, turn)
  end
  return PERSONA .. "\n\n" .. table.concat(lines) .. "Traveller: " .. text .. "\nMaren:"
end

return M
