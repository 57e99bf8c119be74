-- SPDX-License-Identifier: MIT
--- The stand-in server in the foreground, as `predibase mock` runs it.
-- @module predibase.mock.command

local loop = require "predibase.mock.loop"
local options_of = require "predibase.mock.options"
local server = require "predibase.mock.server"

local M = {}

local function say(stream, text)
  stream:write(text, "\n")
  stream:flush()
end

--- Serves until SIGINT or SIGTERM, or until a limit is reached. Prints `listening on URL` when it
-- is ready, unless `quiet` is set; errors go to standard error.
-- @tparam[opt] table options those of a server, and `quiet`; `delay` is 1/30 s unless said
--   otherwise
-- @treturn number exit code: 0, or 1 when the server could not start
function M.run(options)
  local uv, message = loop.find()
  if not uv then
    say(io.stderr, message)
    return 1
  end
  local ok
  ok, options = pcall(options_of.check, options, options_of.run)
  if not ok then
    say(io.stderr, (tostring(options):gsub("^[^\n]-:%d+: ", "")))
    return 1
  end
  options.on_error = options.on_error or function(text) say(io.stderr, text) end
  local running
  running, message = server.new(options)
  if not running then
    say(io.stderr, message)
    return 1
  end
  local stop, signals = false, {}
  for _, name in ipairs { "sigint", "sigterm" } do
    local signal = uv.new_signal()
    uv.signal_start(signal, name, function() stop = true end)
    signals[#signals + 1] = signal
  end
  -- the URL is what callers wait for; without it there is only silence
  if not options.quiet then say(io.stdout, "listening on " .. running.url) end
  local function over()
    return stop or running.ended == "max_seconds"
      or (running.ended == "max_requests" and running.open == 0)
  end
  while not over() do uv.run("once") end
  running:close()
  for _, signal in ipairs(signals) do loop.close(uv, signal) end
  uv.run("nowait")
  return 0
end

local FLAGS = {
  ["--port"] = "port", ["--delay"] = "delay", ["--max-seconds"] = "max_seconds",
  ["--max-requests"] = "max_requests", ["--host"] = "host", ["--seed"] = "seed",
}

--- The same from a list of arguments, for programs without the `predibase` command:
-- `--port N --host ADDRESS --delay S --seed N --max-seconds N --max-requests N --quiet`. The bearer
-- token that clients must send comes from the environment variable PREDIBASE_MOCK_TOKEN, never from
-- here.
-- @tparam table arguments array of strings
-- @treturn number exit code: 64 for arguments that do not exist
function M.main(arguments)
  local options, i = {}, 1
  while arguments[i] do
    local flag, value = arguments[i]:match("^(%-%-[%w-]+)=?(.*)$")
    local name = FLAGS[flag]
    if flag == "--quiet" then
      options.quiet = true
    elseif name then
      if value == "" then
        i = i + 1
        value = arguments[i]
      end
      if name ~= "host" and name ~= "seed" then value = tonumber(value) end
      if not value then
        say(io.stderr, flag .. " needs a value")
        return 64
      end
      options[name] = value
    else
      say(io.stderr, "unknown argument " .. arguments[i])
      return 64
    end
    i = i + 1
  end
  local token = os.getenv("PREDIBASE_MOCK_TOKEN")
  if token and token ~= "" then options.token = token end
  return M.run(options)
end

return M
