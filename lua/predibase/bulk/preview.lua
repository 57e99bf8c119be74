-- SPDX-License-Identifier: MIT
--- Prepares the first rows of a run without sending them, and counts the tokens of their prompts.
-- @module predibase.bulk.preview

local errors = require "predibase.errors"
local json = require "predibase.json"
local request = require "predibase.request"

local M = {}

-- Members of bodies that are texts, or arrays with texts in them.
local TEXTS = { "inputs", "prompt", "input", "messages" }

-- Deepest nesting of arrays and tables with texts: a part of a message's content.
local DEPTH = 4

--- Adds the texts of a value to a list.
local function collect (value, list, depth)
  if type(value) == "string" then
    list[#list + 1] = value
  elseif type(value) == "table" and depth > 0 then
    collect(value.content or value.text, list, depth - 1)
    for _, inner in ipairs(value) do collect(inner, list, depth - 1) end
  end
end

--- Returns the texts that the model reads, from the body of a request.
local function texts_of (body)
  local object = json.decode(body)
  local list = {}
  for _, name in ipairs(TEXTS) do
    if type(object) == "table" then collect(object[name], list, DEPTH) end
  end
  return list
end

--- Counts the tokens of the texts of a body. Returns nil and an error when the server cannot.
local function count_tokens (client, body)
  local sum = 0
  for _, text in ipairs(texts_of(body)) do
    local tokens, err = client:tokenize(text)
    if not tokens then return nil, err end
    sum = sum + #tokens
  end
  return sum
end

--- Makes the request of a row. Returns it, or nil and an error.
local function request_of (dialect, row, at)
  local entry, err = dialect:prepare(row, at)
  if not entry then return nil, err end
  local plan
  plan, err = dialect:plan(entry)
  if not plan then return nil, err end
  return request.make(plan, entry.input)
end

--- Describes the request of a row. Secrets in its body are replaced.
local function describe (made, client, dialect, row, at)
  local shown = { number = at.number, line = at.line }
  local sent, err = request_of(dialect, row, at)
  if not sent then
    shown.err = err
    return shown
  end
  shown.method, shown.url = sent.method, sent.url
  shown.body = sent.body and errors.redact(sent.body, sent.secrets)
  if sent.body and not made.tokenize_err then
    shown.tokens, made.tokenize_err = count_tokens(client, sent.body)
  end
  return shown
end

--- Prepares the first rows, and counts all of them.
-- @tparam table client
-- @tparam table parts `source`, `dialect` and `choice` of the run, and `is_counted` (boolean: the
-- source is read to its end; a pipe would have to wait for it)
-- @tparam integer most number of requests to make
-- @treturn[1] table
--
-- * `requests`: array of `{ number =, line =, method =, url =, body =, tokens =, err = }`, where
--   `err` is the error of a row that cannot be sent; `tokens` is nil when they cannot be counted
-- * `rows`: how many rows the run takes; nil when they are not counted
-- * `tokens`: those that the prompts of all rows have if they are as long as the first ones; nil
--   when that is not known
-- * `tokenize_err`: why the tokens could not be counted
-- @treturn[2] nil
-- @treturn[2] table the error: the source cannot be read
function M.run (client, parts, most)
  local source, choice = parts.source, parts.choice
  local made = { requests = {} }
  local number, rows, counted, tokens = 0, 0, 0, 0
  while not choice:is_over(number + 1) and (parts.is_counted or rows < most) do
    local row, at, err = source:next()
    if row == nil then
      if err then return nil, err end
      break
    end
    number = number + 1
    if choice:takes(number) then
      rows = rows + 1
      if rows <= most then
        local shown = describe(made, client, parts.dialect, row, at)
        made.requests[rows] = shown
        if shown.tokens then counted, tokens = counted + 1, tokens + shown.tokens end
      end
    end
  end
  if parts.is_counted then
    made.rows = rows
    if counted > 0 then made.tokens = tokens / counted * rows end
  end
  return made
end

return M
