-- SPDX-License-Identifier: MIT
-- A name server on luv's loop, for nginx, which looks names up by itself: the names that it knows
-- have the address 127.0.0.1, all others do not exist (RFC 1035).

local uv = require "luv"

local M = {}

local Server = {}
Server.__index = Server

--- The name of a question, and the place behind it.
local function name_of(query)
  local labels, at = {}, 13
  while true do
    local length = query:byte(at)
    if not length or length == 0 then return table.concat(labels, "."):lower(), at + 1 end
    labels[#labels + 1] = query:sub(at + 1, at + length)
    at = at + length + 1
  end
end

local ADDRESS = "\192\12\0\1\0\1\0\0\0\60\0\4\127\0\0\1"     -- the name asked for, A, IN, 60 s

local function answer(known, query)
  local name, at = name_of(query)
  local question = query:sub(13, at + 3)
  local is_a = query:sub(at, at + 1) == "\0\1"
  local found = known[name]
  local flags = found and "\129\128" or "\129\131"
  local count = found and is_a and "\0\1" or "\0\0"
  return query:sub(1, 2) .. flags .. "\0\1" .. count .. "\0\0\0\0" .. question
    .. (found and is_a and ADDRESS or "")
end

function Server:close()
  self.udp:close()
  uv.run "nowait"
end

--- Answers for some names.
-- @tparam table names array
-- @treturn table `address`, as the directive `resolver` takes it
function M.start(names)
  local known = {}
  for _, name in ipairs(names) do known[name] = true end
  local server = setmetatable({ udp = uv.new_udp() }, Server)
  assert(server.udp:bind("127.0.0.1", 0))
  server.udp:recv_start(function (_, query, from)
    if not query or not from then return end
    server.udp:try_send(answer(known, query), from.ip, from.port)
  end)
  server.address = "127.0.0.1:" .. server.udp:getsockname().port
  return server
end

return M
