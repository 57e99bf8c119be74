-- SPDX-License-Identifier: MIT
--- Runs `predibase generate`.
-- @module predibase.cli.generate_command

local lazy = require "predibase.lazy"
local failures = lazy "predibase.cli.failures"
local inputs = require "predibase.cli.inputs"
local output = require "predibase.cli.output"

local M = {}

local TOKEN_FIELDS = { "id", "text", "logprob", "special", "skipped", "alternative_tokens" }
local RESULT_FIELDS = {
  "generated_text", "reasoning", "details", "usage", "timing", "status", "attempts", "adapter_id",
  "model_id",
}

local function stream_text (out, stream)
  for piece in stream:texts() do out:write(piece) end
end

local function stream_json (out, stream)
  while true do
    local token, err = stream:next()
    if err then error(err, 0) end
    if not token then return end
    out:write(output.json(token, TOKEN_FIELDS))
  end
end

-- Streams the answer to standard output. The connection is closed also when that fails.
local function run_stream (out, client, prompt, parameters, arguments)
  local stream = client:generate_stream(prompt, parameters)
  local ok, err = pcall(arguments.json and stream_json or stream_text, out, stream)
  stream:close()
  if ok then return stream:result() end
  pcall(failures.is_quiet(err) and out.end_line or out.line, out)
  error(err, 0)
end

-- Prints JSON that fits a schema, as the model wrote it: a table would lose its order.
local function print_value (out, client, prompt, parameters, arguments)
  local value, result = client:generate_json(prompt, parameters)
  if value == nil then return nil, result end
  if not arguments.json then out:write(result.text .. "\n") end
  return result
end

--- Runs the command.
-- @tparam table arguments of the command line
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.run (arguments)
  local parameters = inputs.parameters(arguments)
  local options = inputs.client(arguments)
  local prompt, problem = inputs.prompt(arguments)
  if not prompt then return nil, problem end
  local client, err = require "predibase.client".new(options)
  if not client then return nil, err end
  collectgarbage "restart"              -- see `predibase.cli`

  local out = output.new()
  local result
  if arguments.schema then
    result, err = print_value(out, client, prompt, parameters, arguments)
    if not result then return nil, err end
  elseif arguments.no_stream then
    result, err = client:generate(prompt, parameters)
    if not result then return nil, err end
    if not arguments.json then out:write(result.text) end
  else
    result, err = run_stream(out, client, prompt, parameters, arguments)
    if not result then return nil, err end
  end
  local details = arguments.details and not arguments.json
  if arguments.json then
    out:write(output.json(result, RESULT_FIELDS))
  elseif details or arguments.stats then
    out:line()
  else
    out:end_line()
  end
  if details then io.stderr:write(output.details(result)) end
  if arguments.stats then io.stderr:write(output.stats(result), "\n") end
  return 0
end

return M
