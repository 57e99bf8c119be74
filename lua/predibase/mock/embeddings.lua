-- SPDX-License-Identifier: MIT
--- The routes `/embed` and `/v1/embeddings`. A vector counts the words of a text and their groups
-- of three letters, so texts that share words have similar vectors.
-- @module predibase.mock.embeddings

local inference = require "predibase.mock.inference"
local json = require "predibase.mock.router_json"
local reply = require "predibase.mock.reply"

local M = {}

local WORD, LETTERS, COMMON = 1, 0.25, 0.1     -- weights of a word, three letters, a common word

-- Words that say little about what a text is about.
local common = {}
for word in ([[ a an and are as at be but by can do does for from had has have he her his how i if
    in into is it its me my no not of on or our she so than that the their them then there they this
    to was we were what when where which who why will with would you your ]]):gmatch("%S+") do
  common[word] = true
end

-- Each line has words of one meaning.
local meaning = {}
for line in ([[car automobile vehicle
buy purchase order
price cost fee charge
cheap inexpensive affordable
refund repay reimburse
big large huge
small little tiny
begin start
end finish stop
quick fast rapid
doctor physician
movie film
house home
kid child children
error failure fault problem
delete remove erase
answer reply response
password login credential]]):gmatch("[^\n]+") do
  for word in line:gmatch("%S+") do meaning[word] = line:match("^%S+") end
end

-- The same hash on every Lua: a double holds each product exactly.
local function hash (text)
  local number = 7
  for i = 1, #text do number = (number * 31 + text:byte(i)) % 2147483647 end
  return (number * 48271) % 2147483647
end

-- The stem of an English word, roughly: `walked`, `walks` and `walking` are one word.
local function stem (word)
  local short = word:gsub("ies$", "y"):gsub("ing$", ""):gsub("ed$", ""):gsub("s$", "")
  return #short > 2 and short or word
end

--- Computes the vector of a text.
-- @tparam string text
-- @tparam number size of the vector
-- @treturn table array of numbers; the sum of their squares is 1, or 0 without words
function M.vector (text, size)
  local out, sum = {}, 0
  for i = 1, size do out[i] = 0 end
  local function add (feature, weight)
    local number = hash(feature)
    local i = number % size + 1
    out[i] = out[i] + (math.floor(number / size) % 2 == 0 and weight or -weight)
  end
  for word in text:lower():gmatch("[%w\128-\255]+") do
    if common[word] then
      add(word, COMMON)
    else
      local root = meaning[word] or meaning[stem(word)] or stem(word)
      add(root, WORD)
      for i = 0, #root - 2 do add((" " .. root .. " "):sub(i + 1, i + 3) .. "*", LETTERS) end
    end
  end
  for i = 1, size do sum = sum + out[i] * out[i] end
  for i = 1, size do out[i] = sum > 0 and out[i] / math.sqrt(sum) or 0 end
  return out
end

local function vector_json (context, text)
  local vector = context.faults.embedding or M.vector(text, context.server.options.embedding_size)
  local parts = {}
  for i, number in ipairs(vector) do
    -- a script spells NaN and the infinities as strings
    parts[i] = json.float(type(number) == "number" and number or nil)
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- Answers `/embed`.
-- @tparam table context
-- @tparam table body as `bodies.read` returns it
function M.one (context, body)
  inference.run(context, "embed", { body.inputs }, body.parameters or {}, function ()
    return ('{"embeddings":%s}'):format(vector_json(context, body.inputs))
  end)
end

--- Answers `/v1/embeddings`, whose shape is not OpenAI's.
-- @tparam table context
-- @tparam table body as `bodies.read` returns it
function M.several (context, body)
  if #body.input == 0 then return reply.refuse(context, "embedding_failure") end
  inference.run(context, "embed", body.input, body.parameters or {}, function ()
    local list = {}
    for i, text in ipairs(body.input) do
      list[i] = ('{"index":%d,"embedding":%s,"object":"embedding"}')
        :format(i - 1, vector_json(context, text))
    end
    return ('{"embeddings":[%s]}'):format(table.concat(list, ","))
  end)
end

return M
