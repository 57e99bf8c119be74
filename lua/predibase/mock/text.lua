-- SPDX-License-Identifier: MIT
--- All that the stand-in's language model has read, as a list of documents.
-- @module predibase.mock.text

local M = {}

local PARTS = {
  "predibase.mock.text_stories",
  "predibase.mock.text_answers",
  "predibase.mock.text_advice",
}

-- Line breaks in the sources only wrap lines; an empty line is a line break of the text.
local function unwrap(text)
  text = text:gsub("^%s+", ""):gsub("%s+$", "")
  text = text:gsub("\n[ \t]*\n", "\0"):gsub("\n", " ")
  return (text:gsub("%z", "\n"))
end

--- Every document: `{ prompts = { string… }, answer = string, voice = nil|number }`.
-- Documents with a `voice` are read only for a request that names an adapter.
-- @treturn table array of documents
function M.documents()
  local documents = {}
  for _, name in ipairs(PARTS) do
    for _, entry in ipairs(require(name)) do
      documents[#documents + 1] = { prompts = entry[1], answer = unwrap(entry[2]) }
    end
  end
  for index, voice in ipairs(require "predibase.mock.text_voices") do
    for _, text in ipairs(voice.text) do
      documents[#documents + 1] = { prompts = {}, answer = unwrap(text), voice = index }
    end
  end
  return documents
end

--- The voices that adapters choose from: array of `{ name =, words = }`.
-- @treturn table
function M.voices()
  return require "predibase.mock.text_voices"
end

return M
