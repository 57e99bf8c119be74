-- SPDX-License-Identifier: MIT
-- A client on luv's loop that sends given bytes and stores the bytes that it receives.

local uv = require "luv"
local server = require "spec.support.server"

local M = {}

local Client = {}
Client.__index = Client

--- Connects to a server and waits until the connection is established.
function M.connect (to)
  local self = setmetatable({ socket = uv.new_tcp(), received = "", reads = {} }, Client)
  uv.tcp_connect(self.socket, to.host, to.port, function (err)
    self.connected, self.failure = true, err
  end)
  server.run_until(function () return self.connected end)
  assert(not self.failure, self.failure)
  uv.read_start(self.socket, function (err, data)
    if err then self.failure = err end
    if data then
      self.received = self.received .. data
      self.reads[#self.reads + 1] = data
    else
      self.ended = true
    end
  end)
  return self
end

function Client:send (bytes)
  uv.write(self.socket, bytes)
  return self
end

--- Sends a POST with a JSON body, without waiting for the response.
function Client:post (path, body, headers)
  return self:send(M.request(path, body, headers))
end

--- Returns the bytes of a POST with a JSON body.
function M.request (path, body, headers)
  return ("POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n%scontent-length: %d")
    :format(path, headers or "", #body) .. "\r\n\r\n" .. body
end

--- Waits for a number of bytes, a plain text, or (without `what`) the end of the connection.
function Client:wait (what, seconds)
  return server.run_until(function ()
    if type(what) == "string" then return self.received:find(what, 1, true) end
    if type(what) == "number" then return #self.received >= what end
    return self.ended
  end, seconds)
end

--- Removes one response from the received bytes and returns it: status, headers, body (chunks
-- joined), chunks.
function Client:answer (seconds)
  local result
  server.run_until(function ()
    result = M.parse(self.received)
    return result or self.ended
  end, seconds)
  assert(result, "no whole answer: " .. self.received)
  self.received = self.received:sub(result.length + 1)
  return result
end

function Client:close ()
  if not uv.is_closing(self.socket) then uv.close(self.socket) end
  uv.run("nowait")
end

--- Parses one complete response at the beginning of some bytes, or returns nil.
function M.parse (bytes)
  local head, at = bytes:match("^(.-\r\n)\r\n()")
  if not head then return nil end
  local result = { status = tonumber(head:match("^HTTP/1%.1 (%d+)")), headers = {}, chunks = {},
    head = head }
  for name, value in head:gmatch("\n([^:\r\n]+): ([^\r\n]*)") do
    result.headers[name:lower()] = value
  end
  if result.status == 100 or result.status == 204 then
    result.length, result.body = at - 1, ""
    return result
  end
  if result.headers["transfer-encoding"] == "chunked" then
    while true do
      local size, start = bytes:match("^(%x+)\r\n()", at)
      if not size then return nil end
      size = tonumber(size, 16)
      if #bytes < start + size + 1 then return nil end
      at = start + size + 2
      if size == 0 then break end
      result.chunks[#result.chunks + 1] = bytes:sub(start, start + size - 1)
    end
    result.body = table.concat(result.chunks)
    result.length = at - 1
    return result
  end
  local size = tonumber(result.headers["content-length"])
  if not size or #bytes < at + size - 1 then return nil end
  result.body, result.length = bytes:sub(at, at + size - 1), at + size - 1
  return result
end

--- Makes one request on its own connection.
function M.ask (to, path, body, headers)
  local client = M.connect(to)
  client:post(path, body, headers)
  local result = client:answer()
  client:close()
  return result
end

return M
