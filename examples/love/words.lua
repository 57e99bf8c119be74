-- SPDX-License-Identifier: MIT
--- Explains errors to the player.

local M = {}

local WORDS = {
  config = "No server is configured. Set PREDIBASE_BASE_URL, or PREDIBASE_API_TOKEN, "
    .. "PREDIBASE_TENANT_ID and PREDIBASE_DEPLOYMENT, and start the game again.",
  connection = "The server cannot be reached. Is it running?",
  timeout = "No answer came in time.",
  tls = "The server could not prove its identity, so nothing was sent to it.",
  authentication = "The server does not accept the API token.",
  permission = "The API token is valid, but not for this model.",
  not_found = "The model was not found at that address.",
  rate_limited = "Too many questions at once. Wait a moment.",
  overloaded = "The model is busy. Wait a moment.",
  generation = "The model lost its thread.",
  incomplete_generation = "The answer broke off in the middle.",
  validation = "The server does not accept that question.",
  server = "Something failed on the server.",
  protocol = "The response is not from a language model.",
  too_large = "The answer was too long.",
}

--- Returns one or two sentences, followed by the error's message if it says more.
function M.explain (err)
  local words = WORDS[err.kind] or "Something went wrong: " .. err.message
  if err.kind == "validation" then words = words .. " It says: " .. err.message end
  return words
end

return M
