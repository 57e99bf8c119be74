-- SPDX-License-Identifier: MIT
--- Makes the functions with which chat formats write a conversation, from descriptions.
--
-- A turn is described by the text in front of its content, the text after it, and optionally a
-- function that changes the content: `{ "<|user|>\n", "<|end|>\n", strings.strip }`.
-- @module predibase.template.built_in.writers

local M = {}

--- The message for roles that do not alternate.
M.ALTERNATE = "after an optional system message, roles must alternate user, assistant, user, …"

--- Finds the first message that breaks the alternation of user and other roles.
-- @tparam table messages
-- @tparam integer from index of the first user message
-- @treturn ?string what is wrong
function M.misplaced (messages, from)
  for i = from, #messages do
    if (messages[i].role == "user") ~= ((i - from) % 2 == 0) then
      return ("%s; message %d is of role %s"):format(M.ALTERNATE, i, messages[i].role)
    end
  end
end

local function unknown (role, turns)
  local known = {}
  for name in pairs(turns) do
    if type(name) == "string" then known[#known + 1] = name end
  end
  table.sort(known)
  if #known == 0 then
    return ('it cannot write a message of role "%s"; a model\'s own template may'):format(role)
  end
  return ('it cannot write a message of role "%s", only of %s'):format(role,
    table.concat(known, ", "))
end

--- Appends a turn; with `false` instead of a turn, the message is omitted.
local function append (out, turn, message)
  if not turn then return end
  local text = message.content
  if turn[3] then text = turn[3](text) end
  if text == "" and turn.empty then
    out[#out + 1] = turn.empty
    return
  end
  out[#out + 1] = turn[1]:gsub("ROLE", message.role)
  out[#out + 1] = text
  out[#out + 1] = turn[2]
end

--- Appends the turn of a message without calls. Returns what is wrong, or nil.
local function append_turn (out, spec, message)
  local turn = spec.turns[message.role]
  if turn == nil and not (spec.without and spec.without[message.role]) then turn = spec.any end
  if turn == nil then return unknown(message.role, spec.turns) end
  local silent = spec.system_if_any and message.role == "system" and message.content == ""
  if not silent then append(out, turn, message) end
end

--- Makes a writer that writes one turn after the other.
-- @tparam table spec `turns`: role -> turn; `any`: the turn of all other roles, in which `ROLE` is
-- replaced by the name; `without`: set of roles that `any` is not for; `bos`: begin with the token;
-- `alternate`: user and others must alternate, with `"after system"` after a system message;
-- `opening`: a function of the messages and the context that returns the text to begin with and the
-- number of messages that it covers, or nil and what is wrong; `calls`: a function of a message
-- with calls and the context that writes its turn; `result`: a function of the messages, the index
-- of one with the role `tool`, and the context that writes it; both return nil and what is wrong
-- when they fail; `between`: the text between turns; `system_if_any`: omit an empty system message;
-- `prompt`: the text that begins an answer; `ending`: the text at the end when no answer is begun
-- @treturn function see `write` in `predibase.template.format.new`
function M.turns (spec)
  return function (messages, context)
    local out, used = { spec.bos and context.bos_token or "" }, 0
    if spec.alternate then
      local after_system = spec.alternate == "after system" and messages[1].role == "system"
      local problem = M.misplaced(messages, after_system and 2 or 1)
      if problem then return nil, problem end
    end
    if spec.opening then
      out[2], used = spec.opening(messages, context)
      if not out[2] then return nil, used end
    end
    for i = used + 1, #messages do
      local message = messages[i]
      if i > used + 1 then out[#out + 1] = spec.between end
      local text, problem
      if message.tool_calls then
        text, problem = spec.calls(message, context)
      elseif message.role == "tool" and spec.result then
        text, problem = spec.result(messages, i, context)
      end
      if problem then return nil, problem end
      if text then
        out[#out + 1] = text
      else
        problem = append_turn(out, spec, message)
        if problem then return nil, problem end
      end
    end
    if context.add_generation_prompt then out[#out + 1] = spec.between end
    out[#out + 1] = context.add_generation_prompt and spec.prompt or spec.ending or ""
    return table.concat(out)
  end
end

--- Returns the index of the last question.
local function last_question (messages)
  for i = #messages, 1, -1 do
    if messages[i].role == "user" then return i end
  end
end

--- Writes a message that has to do with tools: nil for every other message.
local function tool_turn (tools, message)
  if message.tool_calls then return tools.calls(message.tool_calls) end
  if message.role == "tool" then return tools.result(message) end
  return nil
end

--- Returns the messages that have nothing to do with tools.
local function talk (messages, spec)
  if not spec.tools then return messages end
  local out = {}
  for _, message in ipairs(messages) do
    if message.role ~= "tool" and not message.tool_calls then out[#out + 1] = message end
  end
  return out
end

--- Returns the text of the tools and the question that they are written in front of; they are also
-- written in front of earlier questions with the same text.
local function available (spec, messages, context)
  if not context.tools then return "" end
  local last = last_question(messages)
  if not last then return nil, "tools are written in front of the last question; there is none" end
  local text, problem = spec.tools.available(context.tools)
  return text, problem or messages[last].content
end

--- Makes a writer for the formats with `[INST]`, in which answers have no mark of their own.
-- @tparam table spec `user` and `assistant`: turns; `system`: where the system text is inserted,
-- `"first"` or `"last"` (in front of that user message), nil if there must be none; `wrap`: the
-- text in front of the system text, the text after it, and optionally a function that changes it;
-- `bos_each`: begin each question with the token; `strict`: refuse other roles instead of omitting
-- them; `tools`: functions that write `available` tools, the `calls` of a message, and a message
-- that is a `result`
-- @treturn function see `write` in `predibase.template.format.new`
function M.instructions (spec)
  return function (messages, context)
    local system = spec.system and messages[1].role == "system" and messages[1].content
    if system and spec.wrap[3] then system = spec.wrap[3](system) end
    local from = system and 2 or 1
    local problem = M.misplaced(talk(messages, spec), from)
    if problem then return nil, problem end
    local tools, asked = available(spec, messages, context)
    if not tools then return nil, asked end
    local holder = spec.system == "last" and #messages or from
    local out = { spec.bos_each and "" or context.bos_token }
    for i = from, #messages do
      local message = messages[i]
      local turn, text = spec[message.role == "user" and "user" or "assistant"], nil
      if spec.tools then text, problem = tool_turn(spec.tools, message) end
      if problem then return nil, problem end
      if message.role == "user" and message.content == asked then out[#out + 1] = tools end
      if message.role == "user" and i == holder and system then
        message = { role = "user", content = spec.wrap[1] .. system .. spec.wrap[2]
          .. message.content }
      elseif not text and message.role ~= "user" and message.role ~= "assistant" then
        if spec.strict or message.role ~= "system" then
          return nil, unknown(message.role, { user = true, assistant = true })
        end
        turn = nil
      end
      if spec.bos_each and message.role == "user" then out[#out + 1] = context.bos_token end
      if text then out[#out + 1] = text else append(out, turn, message) end
    end
    return table.concat(out)
  end
end

return M
