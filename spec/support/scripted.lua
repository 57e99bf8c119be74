-- SPDX-License-Identifier: MIT
-- A server on luv's loop that a spec controls, with one request per connection.

local uv = require "luv"

local M = {}

M.STREAM = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"

--- Returns one event of a stream, as LoRAX frames it.
function M.token (text, special)
  return ('data:{"token":{"id":5,"text":"%s","logprob":-0.5,"special":%s},'):format(
    text, tostring(special or false)) .. '"generated_text":null,"details":null}\n\n'
end

--- Returns the closing event.
function M.last (text, generated)
  return ('data:{"token":{"id":6,"text":"%s","logprob":-0.25,"special":false},'):format(text)
    .. ('"generated_text":"%s","details":{"finish_reason":"length","prompt_tokens":3,'):format(
      generated) .. '"generated_tokens":2,"seed":42}}\n\n'
end

--- Returns a complete response with a JSON body.
function M.json (status, body)
  return ("HTTP/1.1 %s\r\ncontent-type: application/json\r\nconnection: close\r\n"):format(status)
    .. ("content-length: %d\r\n\r\n%s"):format(#body, body)
end

local function whole (request)
  local head, body = request:match("^(.-\r\n)\r\n(.*)$")
  local length = head and head:lower():match("content%-length:%s*(%d+)")
  return head and #body >= tonumber(length or 0)
end

--- Starts a server. `handle(connection)` is called once for each complete request;
-- `connection.request` is its text, `connection:send(bytes)` answers, `connection:close()` ends it,
-- and `connection.closed` is true once the other side has closed it.
function M.listen (handle)
  local server = { connections = {} }
  -- Without a handler, writing to a closed connection would end this process.
  local sigpipe = uv.new_signal()
  sigpipe:start("sigpipe", function () end)
  sigpipe:unref()
  local tcp = uv.new_tcp()
  assert(tcp:bind("127.0.0.1", 0))
  assert(tcp:listen(16, function ()
    local socket = uv.new_tcp()
    tcp:accept(socket)
    local connection = { request = "", closed = false }
    function connection.send (_, bytes) socket:write(bytes) end
    function connection:close ()
      self.closed = true
      if not socket:is_closing() then
        socket:shutdown(function () if not socket:is_closing() then socket:close() end end)
      end
    end
    server.connections[#server.connections + 1] = connection
    socket:read_start(function (_, data)
      if not data then
        connection.closed = true
        if not socket:is_closing() then socket:close() end
        return
      end
      connection.request = connection.request .. data
      if whole(connection.request) and not connection.handled then
        connection.handled = true
        handle(connection)
      end
    end)
  end))
  server.url = "http://127.0.0.1:" .. tcp:getsockname().port
  function server:close ()
    tcp:close()
    sigpipe:close()
    for _, connection in ipairs(self.connections) do connection:close() end
    uv.run "nowait"
    uv.run "nowait"
  end
  return server
end

return M
