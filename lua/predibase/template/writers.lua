-- SPDX-License-Identifier: MIT
--- The few ways in which chat formats write a conversation, as functions of a description.
--
-- A turn is described by what stands in front of its text and behind it, and optionally by what is
-- done to the text: `{ "<|user|>\n", "<|end|>\n", trim.both }`.
-- @module predibase.template.writers

local M = {}

--- What a format says when roles do not alternate.
M.ALTERNATE = "after an optional system message, roles must alternate user, assistant, user, …"

--- Finds the first message that breaks the alternation of user and something else.
-- @tparam table messages
-- @tparam integer from the place of the first user message
-- @treturn ?string what is wrong
function M.misplaced(messages, from)
  for i = from, #messages do
    if (messages[i].role == "user") ~= ((i - from) % 2 == 0) then
      return ("%s; message %d is of role %s"):format(M.ALTERNATE, i, messages[i].role)
    end
  end
end

local function unknown(role, turns)
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

--- Appends a turn; `false` instead of a turn leaves the message out.
local function append(out, turn, message)
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

--- Writes turn after turn.
-- @tparam table spec `turns`: role -> turn; `any`: the turn of every other role, in which `ROLE`
-- stands for its name; `without`: set of roles that it is not for; `bos`: begin with the token;
-- `alternate`: user and others must alternate, after a system message when it is `"after system"`;
-- `opening`: a function of the messages and the context that returns what is written first and how
-- many messages that has used up; `between`: what parts turns; `system_if_any`: leave an empty
-- system message out; `prompt`: what begins an answer; `ending`: what ends a text that no answer is
-- begun in
-- @treturn function
function M.turns(spec)
  return function (messages, context)
    local out, used = { spec.bos and context.bos_token or "" }, 0
    if spec.alternate then
      local after_system = spec.alternate == "after system" and messages[1].role == "system"
      local problem = M.misplaced(messages, after_system and 2 or 1)
      if problem then return nil, problem end
    end
    if spec.opening then out[2], used = spec.opening(messages, context) end
    for i = used + 1, #messages do
      local message = messages[i]
      local turn = spec.turns[message.role]
      if turn == nil and not (spec.without and spec.without[message.role]) then turn = spec.any end
      if turn == nil then return nil, unknown(message.role, spec.turns) end
      local silent = spec.system_if_any and message.role == "system" and message.content == ""
      if i > used + 1 then out[#out + 1] = spec.between end
      if not silent then append(out, turn, message) end
    end
    if context.add_generation_prompt then out[#out + 1] = spec.between end
    out[#out + 1] = context.add_generation_prompt and spec.prompt or spec.ending or ""
    return table.concat(out)
  end
end

--- Writes the family of `[INST]`: an answer follows on a question without a mark of its own.
-- @tparam table spec `user` and `assistant`: turns; `system`: where its text is put, `"first"` or
-- `"last"` (in front of that user message), nil where there must be none; `wrap`: what stands in
-- front of its text and behind it, and what is done to it; `bos_each`: begin each question with the
-- token; `strict`: refuse other roles, else leave them out
-- @treturn function
function M.instructions(spec)
  return function (messages, context)
    local system = spec.system and messages[1].role == "system" and messages[1].content
    if system and spec.wrap[3] then system = spec.wrap[3](system) end
    local from = system and 2 or 1
    local problem = M.misplaced(messages, from)
    if problem then return nil, problem end
    local holder = spec.system == "last" and #messages or from
    local out = { spec.bos_each and "" or context.bos_token }
    for i = from, #messages do
      local message = messages[i]
      local turn = spec[message.role == "user" and "user" or "assistant"]
      if message.role == "user" and i == holder and system then
        message = { role = "user", content = spec.wrap[1] .. system .. spec.wrap[2]
          .. message.content }
      elseif message.role ~= "user" and message.role ~= "assistant" then
        if spec.strict or message.role ~= "system" then
          return nil, unknown(message.role, { user = true, assistant = true })
        end
        turn = nil
      end
      if spec.bos_each and message.role == "user" then out[#out + 1] = context.bos_token end
      append(out, turn, message)
    end
    return table.concat(out)
  end
end

return M
