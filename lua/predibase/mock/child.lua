-- SPDX-License-Identifier: MIT
--- The other end of `predibase.mock.spawn`: a server that is told what to do on standard input.
-- One JSON object per line, `{"id":1,"command":"log",…}`, is answered by one on standard output,
-- `{"id":1,"result":…}` or `{"id":1,"error":"…"}`. When standard input ends, so does the process:
-- the server cannot outlive the program that started it.
-- @module predibase.mock.child

local lines = require "predibase.mock.lines"
local loop = require "predibase.mock.loop"
local options = require "predibase.mock.options"
local serde = require "predibase.mock.serde"
local server = require "predibase.mock.server"
local writer = require "predibase.mock.writer"

local M = {}

local NOWHERE = 1000       -- deeper than any stack: `error` adds no position

local running

local commands = {}

--- Starts the server: `{ options = … }`. Answers with `url`, `host` and `port`.
function commands.start(arguments)
  local message
  running, message = server.new(options.check(arguments.options, nil, NOWHERE))
  if not running then error(message, 0) end
  return { url = running.url, host = running.host, port = running.port }
end

--- Sets a script: `{ path = …, script = … }`.
function commands.script(arguments)
  running:script(arguments.path, arguments.script, NOWHERE)
  return true
end

--- Answers with the log and the server's own failures.
function commands.log()
  return { entries = running:log(), failures = running.failures }
end

--- Answers with the numbers of connections.
function commands.connections()
  return running:connections()
end

--- Closes the server; the process stays until its standard input ends.
function commands.close()
  running:close()
  return true
end

local function answer(line)
  local request = serde.plain((serde.read(line, function(reader)
    reader.strict = false       -- strings may hold any bytes
    return serde.any(reader)
  end)))
  local ok, result = pcall(commands[request.command], request)
  if not ok then return { id = request.id, error = tostring(result) } end
  return { id = request.id, result = result }
end

--- Runs until standard input ends, or the server has reached its limits.
-- @treturn number exit code
function M.main()
  local uv = loop.uv()
  local input, output = uv.new_pipe(false), uv.new_pipe(false)
  uv.pipe_open(input, 0)
  uv.pipe_open(output, 1)
  local done = false
  local feed = lines.new(function(line)
    uv.write(output, writer.encode(answer(line)) .. "\n")
  end)
  uv.read_start(input, function(err, data)
    if err or not data then
      done = true
    else
      feed(data)
    end
  end)
  local code = 0
  repeat
    uv.run("once")
    if running and running.ended == "max_seconds" then done = true end
  until done
  if running then running:close() end
  uv.run("nowait")
  return code
end

return M
