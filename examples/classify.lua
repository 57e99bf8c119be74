-- SPDX-License-Identifier: MIT
-- Finds the persons, places and organisations in the lines of a file, or labels the lines, as the
-- server does. Run it with:
--   lua5.4 examples/classify.lua letters.txt
-- docs/embeddings.md explains it.

local files = require "predibase.files"
local predibase = require "predibase"

local path = arg and arg[1] or "examples/texts/letters.txt"
local SURE = 0.9            -- ignore entities with a lower score

local client = assert(predibase.new())

local lines = {}
for line in files.lines(path) do lines[#lines + 1] = line end

local results, about = client:classify(lines)
if not results then
  io.stderr:write(tostring(about), "\n")
  return os.exit(1)
end

--- Counts a key of a table.
local function count (counts, key)
  counts[key] = (counts[key] or 0) + 1
end

--- Prints a table of counts, the largest first.
local function print_counts (title, counts)
  local keys = {}
  for key in pairs(counts) do keys[#keys + 1] = key end
  table.sort(keys, function (a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  local shown = {}
  for i, key in ipairs(keys) do shown[i] = ("%s (%d)"):format(key, counts[key]) end
  print(("%-14s%s"):format(title, table.concat(shown, ", ")))
end

local groups, labels = {}, {}
for i, result in ipairs(results) do
  if result.probs then
    -- The managed service, and vLLM, give each text one label.
    count(labels, result.label or "none")
    print(("%3d  %-10s %s"):format(i, result.label or "none", lines[i]))
  else
    -- LoRAX finds entities. `first` and `last` are positions in bytes, right for string.sub.
    for _, entity in ipairs(result) do
      if entity.score >= SURE then
        groups[entity.entity_group] = groups[entity.entity_group] or {}
        count(groups[entity.entity_group], lines[i]:sub(entity.first, entity.last))
      end
    end
  end
end

local names = {}
for name in pairs(groups) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do print_counts(name, groups[name]) end
if next(labels) then print_counts("labels", labels) end
print(("%d lines, %d requests, %.2f s"):format(#lines, about.requests, about.timing.total))
