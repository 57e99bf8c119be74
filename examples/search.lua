-- SPDX-License-Identifier: MIT
-- Searches a file by meaning: the lines whose vectors are most similar to that of a question. Run
-- it with:
--   lua5.4 examples/search.lua "When will you reimburse my money?"
-- docs/embeddings.md explains it.

local files = require "predibase.files"
local predibase = require "predibase"

local PATH = "examples/texts/help.txt"
local BEST = 3              -- lines to print for each question

local QUESTIONS = { "When will you reimburse my money?", "How do I wash a cast iron pan?",
  "I forgot my password.", "Can I park my automobile at the shop?" }

local client = assert(predibase.new())

local lines = {}
for line in files.lines(PATH) do
  if line ~= "" then lines[#lines + 1] = line end
end

-- One vector for each line. The list goes out in requests of 32 lines, several at a time.
local vectors, about = client:embed(lines)
if not vectors then
  io.stderr:write(tostring(about), "\n")
  return os.exit(1)
end
print(("%d lines, %d numbers each, %d requests, %.2f s"):format(#vectors, #vectors[1],
  about.requests, about.timing.total))

--- Returns the numbers of the lines that are most similar to a question, the best first, and the
-- similarity of each line.
local function search (question)
  local wanted = assert(client:embed(question))
  local similarity, order = {}, {}
  for i, vector in ipairs(vectors) do
    similarity[i], order[i] = predibase.similarity(wanted, vector), i
  end
  table.sort(order, function (a, b)
    if similarity[a] ~= similarity[b] then return similarity[a] > similarity[b] end
    return a < b
  end)
  return order, similarity
end

for _, question in ipairs(arg and arg[1] and { arg[1] } or QUESTIONS) do
  print("\n" .. question)
  local order, similarity = search(question)
  for rank = 1, BEST do
    local line = order[rank]
    print(("  %.2f  %s"):format(similarity[line], lines[line]))
  end
end
