-- SPDX-License-Identifier: MIT
--- What went wrong, in words for a player.

local M = {}

local WORDS = {
  config = "Nobody knows where to ask. Set PREDIBASE_BASE_URL, or PREDIBASE_API_TOKEN, "
    .. "PREDIBASE_TENANT_ID and PREDIBASE_DEPLOYMENT, and start the game again.",
  connection = "The line is dead. Is the server running?",
  timeout = "No answer came in time.",
  tls = "The server could not prove who it is, so nothing was said to it.",
  authentication = "The server does not accept the API token.",
  permission = "The API token is good, but not for this model.",
  not_found = "There is no such model at that address.",
  rate_limited = "Too many questions at once. Wait a moment.",
  overloaded = "The model is busy with others. Wait a moment.",
  generation = "The model lost its thread.",
  incomplete_generation = "The answer broke off in the middle.",
  validation = "The server does not take that question.",
  server = "Something broke on the server.",
  protocol = "What answered is not a language model.",
  too_large = "The answer was too long to be true.",
}

--- A sentence or two; the message itself stands behind it where it tells more.
function M.explain(err)
  local words = WORDS[err.kind] or "Something went wrong: " .. err.message
  if err.kind == "validation" then words = words .. " It says: " .. err.message end
  return words
end

return M
