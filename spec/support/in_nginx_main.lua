-- SPDX-License-Identifier: MIT
-- Runs in the first timer of an nginx that spec/support/in_nginx.lua starts.

local exit = os.exit

--- Ends the process without closing the Lua state, which is running this function.
local function leave (code)
  io.stdout:flush()
  if code == true or code == nil then code = 0 elseif code == false then code = 1 end
  exit(code)
end

--- Lets the servers on luv's loop work while a spec waits in nginx's loop: one turn of luv's loop
-- for each turn of nginx's. nginx cannot sleep for less than a millisecond, so luv sends a byte to
-- wake it up sooner.
local function pump ()
  local uv = require "luv"
  local echo, other = uv.new_tcp(), uv.new_tcp()
  local came
  assert(echo:bind("127.0.0.1", 0))
  assert(echo:listen(1, function ()
    echo:accept(other)
    other:read_start(function (_, byte)
      came = byte
      if byte then other:write(byte) end
    end)
  end))
  local sock = ngx.socket.tcp()
  assert(sock:connect("127.0.0.1", echo:getsockname().port))
  while true do
    came = nil
    assert(sock:send ".")
    repeat uv.run "nowait" until came
    assert(sock:receive(1))
  end
end

local function run ()
  local program, specs = os.getenv "PROGRAM", os.getenv "SPECS"
  if program then return assert(loadstring(program, "=program"))() end
  local interpreter = os.getenv "INTERPRETER"
  require "luv".exepath = function () return interpreter end     -- not nginx, which runs this
  local args = { [-1] = interpreter, [0] = "busted", "--run=installed", "-o", "TAP" }
  for file in specs:gmatch "%S+" do
    args[#args + 1] = file
    for _, pattern in ipairs(require "spec.support.selected".patterns(file)) do
      args[#args + 1] = "--filter=" .. pattern
    end
  end
  rawset(_G, "arg", args)     -- rawset avoids nginx's guard on globals
  require "busted.runner" { standalone = false }
end

return function ()
  os.exit = leave             -- luacheck: ignore 122
  io.stdout:setvbuf "line"
  if not os.getenv "NO_PUMP" then ngx.timer.at(0, pump) end
  local ok, err = xpcall(run, debug.traceback)
  if not ok then io.stderr:write(tostring(err), "\n") end
  leave(ok)
end
