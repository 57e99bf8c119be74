-- SPDX-License-Identifier: MIT
--- Serves the replies of a fixture over a socket, on luv's loop in this process, and provides the
-- loop with which a client in the same process waits for them. The pieces of a reply with `raw` are
-- written unchanged and include head and framing.

local uv = require "luv"

local M = {}

local Server = {}
Server.__index = Server

local REASONS = { [200] = "OK", [204] = "No Content" }

local function head (reply)
  local lines = { ("HTTP/1.1 %d %s\r\n"):format(reply.status, REASONS[reply.status] or "Whatever") }
  local names = {}
  for name in pairs(reply.headers) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    lines[#lines + 1] = ("%s: %s\r\n"):format(name, reply.headers[name])
  end
  if reply.status ~= 204 then lines[#lines + 1] = "transfer-encoding: chunked\r\n" end
  lines[#lines + 1] = "\r\n"
  return table.concat(lines)
end

--- Returns one chunk of a body.
function M.chunk (bytes)
  return ("%x\r\n"):format(#bytes) .. bytes .. "\r\n"
end

--- Returns everything that is written for a reply.
function M.bytes (reply)
  local parts = { head(reply) }
  for _, piece in ipairs(reply.pieces) do
    if type(piece) == "string" and piece ~= "" then parts[#parts + 1] = M.chunk(piece) end
  end
  if reply.ending == "end" and reply.status ~= 204 then parts[#parts + 1] = "0\r\n\r\n" end
  return table.concat(parts)
end

local function shut (connection)
  if not connection.socket:is_closing() then connection.socket:close() end
  connection.timer:stop()
  if not connection.timer:is_closing() then connection.timer:close() end
end

local function finish (connection, ending)
  local socket = connection.socket
  if ending == "end" then
    if connection.status ~= 204 and not connection.raw then socket:write "0\r\n\r\n" end
  elseif ending == "reset" and socket.close_reset then
    -- The written data must have left before the reset, which would discard it.
    connection.timer:start(20, 0, function ()
      if not socket:is_closing() then socket:close_reset() end
    end)
  elseif ending ~= "open" then
    socket:shutdown(function () shut(connection) end)
  end
end

--- Writes one piece after another, each in a separate turn of the loop.
local function write_pieces (connection, reply, at)
  if connection.socket:is_closing() then return end
  local piece = reply.pieces[at]
  if not piece then return finish(connection, reply.ending) end
  local seconds = type(piece) == "number" and piece or 0
  if type(piece) == "string" and #piece > 0 then
    connection.socket:write(reply.raw and piece or M.chunk(piece))
  end
  -- A pause only has to be noticeable, so it is kept short.
  connection.timer:start(seconds > 0 and 10 or 0, 0, function ()
    write_pieces(connection, reply, at + 1)
  end)
end

local function answer (server, connection)
  server.requests = server.requests + 1
  local reply = server.replies[math.min(server.requests, #server.replies)]
  connection.status, connection.raw = reply.status, reply.raw
  if not reply.raw then connection.socket:write(head(reply)) end
  write_pieces(connection, reply, 1)
end

local function accept (server)
  local socket = uv.new_tcp()
  server.tcp:accept(socket)
  socket:nodelay(true)
  local connection = { socket = socket, timer = uv.new_timer(), input = "" }
  server.connections[#server.connections + 1] = connection
  socket:read_start(function (_, data)
    if not data then return shut(connection) end
    connection.input = connection.input .. data
    local before, length = connection.input:match "^(.-\r\n)\r\n", nil
    if before then length = tonumber(before:lower():match "content%-length:%s*(%d+)" or 0) end
    if before and #connection.input >= #before + 2 + length then
      connection.input = connection.input:sub(#before + 3 + length)
      answer(server, connection)
    end
  end)
end

--- Replaces the replies for later requests; resets the request counter.
function Server:serve (replies)
  self.replies, self.requests = replies, 0
end

function Server:close ()
  self.tcp:close()
  self.sigpipe:close()
  for _, connection in ipairs(self.connections) do shut(connection) end
  uv.run "nowait"
  uv.run "nowait"
end

--- Starts a server on its own port.
-- @treturn table `url`, `requests` (how many came since `serve`)
function M.listen ()
  local server = setmetatable({ connections = {}, requests = 0, tcp = uv.new_tcp() }, Server)
  -- Without a handler, writing to a closed connection would end this process.
  server.sigpipe = uv.new_signal()
  server.sigpipe:start("sigpipe", function () end)
  assert(server.tcp:bind("127.0.0.1", 0))
  assert(server.tcp:listen(16, function () accept(server) end))
  server.url = "http://127.0.0.1:" .. server.tcp:getsockname().port
  return server
end

--- Returns a loop for a client, in which the server works while the client waits.
function M.loop ()
  local loop = {}
  function loop:watch (_, _, step)
    self.step = step
  end
  function loop:suspend ()
    uv.run "nowait"
    self.step(0.0005)
  end
  function loop:resume () end -- luacheck: ignore 212
  return loop
end

--- Runs one turn of the server's loop, for callers that poll.
function M.turn ()
  uv.run "nowait"
end

return M
