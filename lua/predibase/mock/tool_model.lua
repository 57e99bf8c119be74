-- SPDX-License-Identifier: MIT
--- Stands in for a model that uses tools: chooses one whose name, description or parameters share
-- words with the user's question, and takes its arguments from the question.
-- A message is `{ role, text, calls = names of the tools that it calls }`.
-- @module predibase.mock.tool_model

local json = require "predibase.mock.router_json"
local structured = require "predibase.mock.structured"

local M = {}

local NO_TOOL = "no_tool"
local SMALL = 0.01         -- instead of a random number: small numbers, the first of an enum

-- Words that say nothing about what a tool is for.
local COMMON = {}
for word in ([[ the and for with from that this what when which given returns return tool function
    user get set how are you name of in an to is it my me please value values text string number
    current about some all any ]]):gmatch("%S+") do
  COMMON[word] = true
end

local function words_of (text)
  local list = {}
  -- `getWeather` and `get_weather` are two words each
  text = text:gsub("(%l)(%u)", "%1 %2"):lower()
  for word in text:gmatch("[%a\128-\255]+") do
    if #word > 2 and not COMMON[word] then list[#list + 1] = (word:gsub("s$", "")) end
  end
  return list
end

local function properties_of (tool)
  local parameters = tool.parameters
  local properties = type(parameters) == "table" and parameters.object
    and parameters.values.properties
  return type(properties) == "table" and properties.object and properties or { keys = {} }
end

-- Counts what a tool has in common with a question.
local function score (tool, asked)
  local sum = 0
  local function add (text, points)
    for _, word in ipairs(words_of(text)) do sum = sum + (asked[word] and points or 0) end
  end
  add(tool.name, 3)
  add(table.concat(properties_of(tool).keys, " "), 2)
  add(tool.description or "", 1)
  return sum
end

-- Returns the names of the tools that an assistant's message calls. For LoRAX its text holds the
-- JSON that the model had to write, or another form of a call.
local function calls_of (message, tools)
  if not message or message.role ~= "assistant" then return {} end
  if message.calls then return message.calls end
  local out, begins = {}, message.text:find("^%s*[{%[]")
  for _, tool in ipairs(tools) do
    local name = json.string(tool.name)
    if message.text:find('"_name":' .. name, 1, true)
        or begins and message.text:find(name, 1, true) then
      out[#out + 1] = tool.name
    end
  end
  return out
end

-- Looks at the messages since the user's last question. Returns the question, the results of tools
-- in their order, and the set of tools that were called.
local function turn (messages, tools)
  local at, results, called = #messages, {}, {}
  while at > 0 do
    local first = at
    while first > 0 and messages[first].role ~= "assistant" do first = first - 1 end
    local calls = calls_of(messages[first], tools)
    if #calls == 0 then break end
    for i = at, first + 1, -1 do table.insert(results, 1, messages[i].text) end
    for _, name in ipairs(calls) do called[name] = true end
    at = first - 1
  end
  while at > 0 and messages[at].role ~= "user" do at = at - 1 end
  return at > 0 and messages[at].text or "", results, called
end

--- Returns the user's last question: the last message of the user that is not a tool's result.
-- @tparam table messages
-- @tparam table tools array of `{ name, description, parameters }`
-- @treturn string
function M.question (messages, tools)
  return (turn(messages, tools))
end

-- Returns the names in a text: words with capital letters, joined, that do not begin a sentence.
local function names_in (text)
  local list, at = {}, 1
  while true do
    local from, stop = text:find("%f[%w\128-\255]%u[%w\128-\255-]*", at)
    if not from then return list end
    local last = stop
    repeat
      stop = last
      last = select(2, text:find("^ %u[%w\128-\255-]*", stop + 1))
    until not last
    local before = text:sub(1, from - 1):match("(%S)%s*$")
    local name = text:sub(from, stop)
    if before and not before:find("[.!?]") and name ~= "I" then list[#list + 1] = name end
    at = stop + 1
  end
end

-- Returns the parts of a question that can be arguments, the most likely ones first.
local function phrases (question, tool)
  local list, known = {}, {}
  local function add (text)
    text = text:gsub("^%s+", ""):gsub("[%s.,;:!?]+$", "")
    if text ~= "" and not known[text:lower()] then
      known[text:lower()] = true
      list[#list + 1] = text
    end
  end
  for text in question:gmatch('"([^"]+)"') do add(text) end
  for text in question:gmatch("%S+@%S+") do add(text) end
  for text in question:gmatch("%a+://%S+") do add(text) end
  for text in question:gmatch("[%d(][%d%s.()]*[%+%-%*/^][%d%s.()%+%-%*/^]*[%d)]") do add(text) end
  for _, name in ipairs(names_in(question)) do add(name) end
  local tool_words = {}
  for _, word in ipairs(words_of(tool.name .. " " .. table.concat(properties_of(tool).keys, " ")))
  do tool_words[word] = true end
  local rest = {}
  for word in question:gmatch("[%w\128-\255-]+") do
    local plain = words_of(word)[1]
    if plain and not tool_words[plain] then rest[#rest + 1] = word end
  end
  table.sort(rest, function (a, b) return #a > #b or #a == #b and a < b end)
  for _, word in ipairs(rest) do add(word) end
  return list
end

-- Begins a question with the word that a tool is about: its arguments usually follow.
local function turned (question, tool)
  local about = {}
  for _, word in ipairs(words_of(tool.name)) do about[word] = true end
  for at, word in question:gmatch("()(%a+)") do
    if about[words_of(word)[1]] then
      return question:sub(at) .. ". " .. question:sub(1, at - 1)
    end
  end
  return question
end

-- Makes what `structured` takes the values of arguments from.
local function source_of (question, tool)
  question = turned(question, tool)
  local list, numbers, at, number = phrases(question, tool), {}, 0, 0
  for digits in question:gmatch("%-?%d+%.?%d*") do numbers[#numbers + 1] = tonumber(digits) end
  local lower = question:lower()
  return {
    random = function () return SMALL end,
    words = function ()
      at = at + 1
      return list[at] or question
    end,
    number = function ()
      number = number + 1
      return numbers[number]
    end,
    mentions = function (text)
      return lower:find(text:lower(), 1, true) ~= nil
    end,
  }
end

--- Writes the arguments of a call.
-- @tparam table tool
-- @tparam string question
-- @treturn[1] string JSON
-- @treturn[2] nil
-- @treturn[2] string why its schema is not valid
function M.arguments (tool, question)
  if #properties_of(tool).keys == 0 then return "{}" end
  return structured.produce(tool.parameters, source_of(question, tool))
end

--- Chooses tools: those that share words with the question and have not been called since.
-- @tparam table tools
-- @tparam table messages
-- @treturn table array of tools, the best one first
-- @treturn string the question
-- @treturn table array of strings, the results of the tools that have been called
function M.choose (tools, messages)
  local question, results, called = turn(messages, tools)
  local asked, list = {}, {}
  for _, word in ipairs(words_of(question)) do asked[word] = true end
  for i, tool in ipairs(tools) do
    local points = score(tool, asked)
    if points > 0 and not called[tool.name] and tool.name ~= NO_TOOL then
      list[#list + 1] = { tool = tool, points = points, at = i }
    end
  end
  table.sort(list, function (a, b)
    return a.points > b.points or a.points == b.points and a.at < b.at
  end)
  for i, item in ipairs(list) do list[i] = item.tool end
  return list, question, results
end

--- Answers without calling a tool: with the results of tools, or with a text.
-- @tparam table results array of strings
-- @tparam string free_text
-- @treturn string
function M.conclusion (results, free_text)
  if #results == 0 then return (free_text:gsub("^ ", "")) end
  return "Here is the answer. " .. table.concat(results, " ")
end

--- Writes what a model writes that LoRAX forces to call a function.
-- @tparam table tools those that may be called; `no_tool` stands for an answer without a call
-- @tparam table messages
-- @tparam string free_text what the model would say without tools
-- @treturn[1] string JSON
-- @treturn[2] nil
-- @treturn[2] string why a schema is not valid
function M.call (tools, messages, free_text)
  local list, question, results = M.choose(tools, messages)
  local tool = #tools == 1 and tools[1] or list[1]
  if not tool or tool.name == NO_TOOL then
    return ('{"function":{"_name":"%s","content":%s}}')
      :format(NO_TOOL, json.string(M.conclusion(results, free_text)))
  end
  local arguments, complaint = M.arguments(tool, question)
  if not arguments then return nil, complaint end
  local rest = arguments == "{}" and "}" or "," .. arguments:sub(2)
  return ('{"function":{"_name":%s%s}'):format(json.string(tool.name), rest)
end

return M
