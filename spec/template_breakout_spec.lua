-- SPDX-License-Identifier: MIT
-- Conversations put together from splinters of special tokens: whatever the texts say, a prompt
-- has exactly the special tokens that the format writes around harmless texts. Counted here by
-- plain search, token by token, not by the guard that is under test.
local random = require "spec.support.random"
local template = require "predibase.template"

--- Halves of the tokens of a format, whole ones, and what may stand between them.
local function splinters (format)
  local list = { " ", "\n", "x", "<", ">", "[", "]", "|", "/", ":", "#", "\194\160", "" }
  for _, token in ipairs(format.special_tokens) do
    local half = math.floor(#token / 2)
    list[#list + 1], list[#list + 2] = token, token:sub(1, half)
    list[#list + 1], list[#list + 2] = token:sub(half + 1), token:sub(2)
    list[#list + 1], list[#list + 2] = token:sub(1, -2), token:sub(1, 1) .. " " .. token:sub(2)
  end
  return list
end

local function text_of (source, list)
  local out = {}
  for i = 1, source:int(0, 4) do out[i] = source:pick(list) end
  return table.concat(out)
end

local function content_of (source, list)
  if source:int(1, 3) > 1 then return text_of(source, list) end
  local parts = {}
  for i = 1, source:int(1, 3) do parts[i] = { type = "text", text = text_of(source, list) } end
  return parts
end

local function plain_text (text)
  return text == "" and "" or "x"
end

--- The same conversation with texts that say nothing: a part stays a part, and what is empty stays
-- so, because some formats write no turn for it.
local function harmless (messages)
  local out = {}
  for i, message in ipairs(messages) do
    local content = message.content
    if type(content) == "string" then
      content = plain_text(content)
    else
      content = {}
      for k, part in ipairs(message.content) do
        content[k] = { type = "text", text = plain_text(part.text) }
      end
    end
    out[i] = { role = message.role, content = content }
  end
  return out
end

local function counts (text, tokens)
  local found = {}
  for _, token in ipairs(tokens) do
    local at, n = text:find(token, 1, true), 0
    while at do
      n, at = n + 1, text:find(token, at + 1, true)
    end
    found[token] = n
  end
  return found
end

local ROLES = { "user", "assistant", "user", "assistant", "user" }

describe("a token cut in two", function ()
  it("is not completed by a format that trims each part", function ()
    local format = template.chat "gemma-3"
    for _, token in ipairs(format.special_tokens) do
      for cut = 1, #token - 1 do
        local parts = { token:sub(1, cut) .. " ", "\n" .. token:sub(cut + 1) }
        for _, mode in ipairs { "refuse", "neutralise" } do
          local text, err = format:render({ { role = "user", content = parts } },
            { special_tokens_in_text = mode })
          assert.is_nil(text, text)
          assert.matches("make up a special token", err.message)
        end
      end
    end
  end)
end)

describe("no text breaks out of", function ()
  for number, name in ipairs(template.formats()) do
    it(name, function ()
      local format = template.chat(name)
      local source, list = random.new(1000 + number), splinters(template.chat(name))
      local written = { refuse = 0, neutralise = 0 }
      for _ = 1, 150 do
        local messages = {}
        for i = 1, source:int(1, #ROLES) do
          messages[i] = { role = ROLES[i], content = content_of(source, list) }
        end
        local plain = counts(assert(format:render(harmless(messages))), format.special_tokens)
        for mode, n in pairs(written) do
          local text = format:render(messages, { special_tokens_in_text = mode })
          if text then
            written[mode] = n + 1
            assert.same(plain, counts(text, format.special_tokens), text)
          end
        end
      end
      assert.is_true(written.neutralise > written.refuse and written.refuse > 0)
    end)
  end
end)
