-- SPDX-License-Identifier: MIT
-- only: luajit
--- Tools of a conversation inside nginx: each runs in a light thread of its own.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local in_nginx = require "spec.support.in_nginx"
local server = require "spec.support.server"

local PROGRAM = [[
  local function show (...)
    local list = { ... }
    for i, value in ipairs(list) do list[i] = tostring(value) end
    io.stdout:write(table.concat(list, " "), "\n")
    io.stdout:flush()
  end
  local predibase = require "predibase"
  local active, most, ended = 0, 0, 0
  local client = assert(predibase.new { base_url = os.getenv "URL", api_token = false,
    server = "openai", max_retries = 0 })
  local session = assert(client:chat_session { over = "chat", tools = { { name = "ask",
    run = function (arguments)
      active = active + 1
      most = math.max(most, active)
      local result = assert(client:completion(arguments.topic))
      active, ended = active - 1, ended + 1
      return result.text
    end } } })
  show(tostring(session:run "Go."), most, ended, #session.messages)
  session:reset()
  local stream, pending, text = session:run_stream "Go.", 0, ""
  while true do
    local delta, err = stream:poll()
    if delta then text = text .. delta.text
    elseif err == "pending" then pending = pending + 1 ngx.sleep(0.005)
    else break end
  end
  show(text, pending > 3, ended)
  session:reset()
  -- Another light thread reads and closes the stream.
  stream, active = session:run_stream "Go.", 0
  local thread = ngx.thread.spawn(function () return select(2, stream:text()) end)
  while active < 2 do ngx.sleep(0.01) end
  stream:close()
  local _, err = ngx.thread.wait(thread)
  show(err.kind, #session.messages)
  client:close()
]]

describe("tools inside nginx", function ()
  after_each(server.stop)

  it("run at the same time, are polled, and end with their stream", function ()
    local s = server.spawn { server = "openai", script = {
      ["/v1/chat/completions"] = {
        { when = '"role":"tool"', answer = "All is well." },
        { tool_calls = { { name = "ask", arguments = { topic = "one" }, id = "a" },
          { name = "ask", arguments = { topic = "two" }, id = "b" } }, answer = "" },
      },
      ["/v1/completions"] = { answer = "fine", head_delay = 0.3 },
    } }
    local process = in_nginx.eval(PROGRAM, { URL = s.url })
    assert.equal("All is well. 2 2 5\nAll is well. true 4\ncancelled 0\n", process.stdout,
      process.stderr)
  end)
end)
