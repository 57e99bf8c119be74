-- SPDX-License-Identifier: MIT
-- A name server on luv's loop for nginx, which needs one for host names. Known names have the
-- address 127.0.0.1, and optionally ::1; all others do not exist (RFC 1035).

local uv = require "luv"

local M = {}

local Server = {}
Server.__index = Server

--- Returns the name in a question, and the position after it.
local function name_of (query)
  local labels, at = {}, 13
  while true do
    local length = query:byte(at)
    if not length or length == 0 then return table.concat(labels, "."):lower(), at + 1 end
    labels[#labels + 1] = query:sub(at + 1, at + length)
    at = at + length + 1
  end
end

-- Records for the types of questions: a reference to the name, type, IN, 60 s, the address.
local ADDRESSES = {
  ["\0\1"] = "\192\12\0\1\0\1\0\0\0\60\0\4\127\0\0\1",
  ["\0\28"] = "\192\12\0\28\0\1\0\0\0\60\0\16" .. ("\0"):rep(15) .. "\1",
}

local function answer (server, query)
  local name, at = name_of(query)
  local question, kind = query:sub(13, at + 3), query:sub(at, at + 1)
  server.asked[name] = (server.asked[name] or 0) + 1
  local found = server.known[name]
  local flags = found and "\129\128" or "\129\131"
  local address = found and (kind == "\0\1" or server.both) and ADDRESSES[kind]
  return query:sub(1, 2) .. flags .. "\0\1" .. (address and "\0\1" or "\0\0") .. "\0\0\0\0"
    .. question .. (address or "")
end

function Server:close ()
  self.udp:close()
  uv.run "nowait"
end

--- Starts a server that knows some names.
-- @tparam table names array
-- @tparam ?boolean both the names have an IPv4 and an IPv6 address
-- @treturn table `address`, as the directive `resolver` takes it; `asked`, how often, by name;
-- `silent`, a set of names that it does not answer
function M.start (names, both)
  local server = setmetatable({ udp = uv.new_udp(), known = {}, silent = {}, asked = {},
    both = both }, Server)
  for _, name in ipairs(names) do server.known[name] = true end
  assert(server.udp:bind("127.0.0.1", 0))
  server.udp:recv_start(function (_, query, from)
    if not query or not from then return end
    if server.silent[name_of(query)] then return end
    server.udp:try_send(answer(server, query), from.ip, from.port)
  end)
  server.address = "127.0.0.1:" .. server.udp:getsockname().port
  return server
end

return M
