-- SPDX-License-Identifier: MIT
-- Reads the records of a real router in spec/fixtures/router; its README describes them.

local M = {}

local FOLDER = "spec/fixtures/router/"

M.GROUPS = { "chat", "chat-stream", "chat-tools", "classification", "completions", "deployment",
  "embeddings", "generate", "metrics", "overload", "shard-gone", "tokenize" }

local function expand (request)
  return (request:gsub("{{(.-)%*(%d+)}}", function (text, count)
    return text:rep(tonumber(count))
  end))
end

--- Returns the records of a group: an array of `{ name, request, response }`.
function M.group (name)
  local file = assert(io.open(FOLDER .. name .. ".txt", "rb"))
  local text, list, at = file:read("*a"), {}, 1
  file:close()
  while at <= #text do
    local record, asked, sent, start = text:match("^@ (%S+) (%d+) (%d+)\n()", at)
    assert(record, "a broken record in " .. name)
    local middle = start + tonumber(asked)
    at = middle + 1 + tonumber(sent)
    list[#list + 1] = { name = record, request = expand(text:sub(start, middle - 1)),
      response = text:sub(middle + 1, at - 1) }
    at = at + 1
  end
  return list
end

--- Returns one record.
function M.find (name)
  for _, group in ipairs(M.GROUPS) do
    for _, record in ipairs(M.group(group)) do
      if record.name == name then return record end
    end
  end
  error("no record " .. name)
end

--- Splits the bytes of an answer: `head`, the array `headers` of `{ name, value }`, `chunks` of a
-- chunked body or nil, and `body`.
function M.parse (bytes)
  local head, body = bytes:match("^(.-\r\n)\r\n(.*)$")
  local out = { line = head:match("^[^\r]*"), headers = {}, body = body }
  for name, value in head:gmatch("\n([^:\r\n]+): ([^\r\n]*)") do
    out.headers[#out.headers + 1] = { name, value }
    if name == "transfer-encoding" then out.chunks = {} end
  end
  local at = 1
  while out.chunks do
    local size, start = body:match("^(%x+)\r\n()", at)
    size = tonumber(size, 16)
    if size == 0 then break end
    out.chunks[#out.chunks + 1] = body:sub(start, start + size - 1)
    at = start + size + 2
  end
  if out.chunks then out.body = table.concat(out.chunks) end
  return out
end

return M
