-- SPDX-License-Identifier: MIT
--- Runs the stand-in server in the foreground, as `predibase mock` does.
-- @module predibase.mock.foreground

local server = require "predibase.mock.server"
local usage = require "predibase.usage"
local uv_of = require "predibase.mock.uv"

local M = {}

-- The options that only `run` has, and those whose default is another one in `run`.
local OPTIONS = {
  quiet = false,
  delay = 1 / 30,                   -- about 30 tokens per second, like a real server
}

local function say (stream, text)
  local ok, message = stream:write(text, "\n")
  if ok then ok, message = stream:flush() end
  return ok, message
end

local function complain (message)
  say(io.stderr, "predibase: " .. message)
end

--- Checks options of a command line. The message names an option as the user typed it.
-- @tparam ?table options those of `run`
-- @treturn[1] table options, complete
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.check (options)
  local ok, checked = usage.catch(server.check, options, OPTIONS)
  if ok then return checked end
  return nil, (tostring(checked):gsub('^the option "([%w_]+)"', function (name)
    return "--" .. name:gsub("_", "-")
  end))
end

-- Prints the URL, for which programs wait, and a line for the shell in which the client runs.
local function announce (url)
  local ok, message = say(io.stdout,
    ("listening on %s\nexport PREDIBASE_BASE_URL=%s"):format(url, url))
  if not ok then complain("standard output: " .. message) end
  return ok
end

--- Serves until SIGINT or SIGTERM, or until a limit is reached. When it is ready it prints
-- `listening on URL` and the line for a shell that sets PREDIBASE_BASE_URL, unless `quiet` is set;
-- errors go to standard error.
-- @tparam[opt] table options those of a server, and `quiet`; `delay` is 1/30 s unless given
-- @treturn number exit code: 0, 64 for a wrong option, 1 when the server could not start
function M.run (options)
  local uv, message = uv_of.find()
  if not uv then
    complain(message)
    return 1
  end
  options, message = M.check(options)
  if not options then
    complain(message)
    return 64
  end
  options.on_error = options.on_error or complain
  local running
  running, message = server.new(options)
  if not running then
    complain(message)
    return 1
  end
  local stop, signals = false, {}
  for _, name in ipairs { "sigint", "sigterm" } do
    local signal = uv.new_signal()
    uv.signal_start(signal, name, function () stop = true end)
    signals[#signals + 1] = signal
  end
  local function over ()
    return stop or running.ended == "max_seconds" or running.ended == "crash"
      or (running.ended == "max_requests" and running.open == 0)
  end
  local said = options.quiet or announce(running.url)
  while said and not over() do uv.run("once") end
  running:close()
  uv_of.finish(uv, signals[1], signals[2])
  return said and 0 or 1
end

local FLAGS = {
  ["--port"] = "port", ["--delay"] = "delay", ["--max-seconds"] = "max_seconds",
  ["--max-requests"] = "max_requests", ["--host"] = "host", ["--seed"] = "seed",
  ["--server"] = "server", ["--classify"] = "classify",
  ["--fault-rate"] = "fault_rate",
}

-- Options whose values are not numbers.
local TEXTS = { host = true, seed = true, server = true, classify = true }

--- Serves with the options of a command line, for programs without the `predibase` command:
-- `--server NAME --classify NAME --port N --host ADDRESS --delay S --seed N --max-seconds N
-- --max-requests N --fault-rate X --quiet`. The bearer token that clients must send can only come
-- from the environment variable PREDIBASE_MOCK_TOKEN.
-- @tparam table arguments array of strings
-- @treturn number exit code of `run`; 64 for an unknown argument
function M.main (arguments)
  local options, i = {}, 1
  while arguments[i] do
    local flag, equals, value = arguments[i]:match("^(%-%-[%w-]+)(=?)(.*)$")
    local name = FLAGS[flag]
    if flag == "--quiet" then
      options.quiet = true
    elseif name then
      if equals == "" then
        i = i + 1
        value = arguments[i]
      end
      if not TEXTS[name] then value = tonumber(value) end
      if not value then
        complain(flag .. " needs a value")
        return 64
      end
      options[name] = value
    else
      complain("unknown argument " .. arguments[i])
      return 64
    end
    i = i + 1
  end
  local token = os.getenv("PREDIBASE_MOCK_TOKEN")
  if token and token ~= "" then options.token = token end
  return M.run(options)
end

return M
