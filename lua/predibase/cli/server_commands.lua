-- SPDX-License-Identifier: MIT
--- Runs `predibase info`, `health`, `metrics` and `request`.
-- @module predibase.cli.server_commands

local failures = require "predibase.cli.failures"
local inputs = require "predibase.cli.inputs"
local json = require "predibase.json"
local output = require "predibase.cli.output"

local M = {}

local function new_client (arguments)
  return require("predibase").new(inputs.client(arguments))
end

local function sorted_names (fields)
  local names = {}
  for name in pairs(fields) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Prints the server's model and limits.
-- @tparam table arguments of the command line
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.info (arguments)
  local client, err = new_client(arguments)
  if not client then return nil, err end
  local info
  info, err = client:info()
  if not info then return nil, err end
  local out, names = output.new(), sorted_names(info)
  if arguments.json then
    out:write(output.json(info, names))
    return 0
  end
  for _, name in ipairs(names) do
    local value = info[name]
    out:write(("%s: %s\n"):format(name, type(value) == "table" and json.encode(value)
      or tostring(value)))
  end
  return 0
end

--- Tells whether the server can answer.
-- @tparam table arguments of the command line
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.health (arguments)
  local client, err = new_client(arguments)
  if not client then return nil, err end
  local healthy
  healthy, err = client:health()
  if not healthy then return nil, err end
  output.new():write(arguments.json and '{"healthy":true}\n' or "ok\n")
  return 0
end

local METRIC_FIELDS = { "name", "type", "value", "sum", "count", "series" }

--- Replaces numbers that JSON does not have by null.
local function finite (value)
  if type(value) == "number" and value - value ~= 0 then return json.null end
  return value
end

--- Returns a metric as one line of JSON.
local function metric_line (name, metric)
  local line = { name = name, type = metric.type, value = finite(metric.value),
    sum = finite(metric.sum), count = finite(metric.count), series = {} }
  for i, number in ipairs(metric.series) do
    local members = {}
    for k, label in ipairs(sorted_names(number.labels)) do
      members[k] = { label, number.labels[label] }
    end
    line.series[i] = json.object { { "part", number.part or json.null },
      { "labels", json.object(members) }, { "value", finite(number.value) } }
  end
  line.series = json.array(line.series)
  local members = {}
  for _, field in ipairs(METRIC_FIELDS) do
    if line[field] ~= nil then members[#members + 1] = { field, line[field] } end
  end
  return assert(json.encode(json.object(members))) .. "\n"
end

--- Prints the numbers that the server counts.
-- @tparam table arguments of the command line
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.metrics (arguments)
  local client, err = new_client(arguments)
  if not client then return nil, err end
  local metrics
  metrics, err = client:metrics { text = not arguments.json }
  if not metrics then return nil, err end
  local out = output.new()
  if not arguments.json then
    out:write(metrics)
    out:end_line()
    return 0
  end
  for _, name in ipairs(sorted_names(metrics)) do out:write(metric_line(name, metrics[name])) end
  return 0
end

--- Returns an answer as one line of JSON. A body that is JSON is not written as a string.
local function answer_line (answer)
  local fields = { status = answer.status, headers = json.object {}, body = answer.body }
  for i, name in ipairs(sorted_names(answer.headers)) do
    fields.headers[i] = { name, answer.headers[name] }
  end
  if answer.json ~= nil and json.check(answer.body) then
    -- Line ends can only stand between the values.
    fields.json, fields.body = json.raw((answer.body:gsub("[\r\n]+", " "))), nil
  end
  local members = {}
  for _, name in ipairs { "status", "headers", "json", "body" } do
    if fields[name] ~= nil then members[#members + 1] = { name, fields[name] } end
  end
  local text, message = json.encode(json.object(members))
  if text then return text .. "\n" end
  return nil, require("predibase.errors").new { kind = "protocol",
    message = "the answer cannot be JSON: " .. message }
end

local function print_events (out, stream, as_json)
  while true do
    local event, err = stream:next()
    if err then error(err, 0) end
    if not event then return end
    out:write(as_json and output.json(event, { "text" }) or event.text .. "\n")
  end
end

--- Sends a request to any path of the server and prints the answer.
-- @tparam table arguments of the command line
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.request (arguments)
  local body = inputs.body(arguments)
  if body and arguments.method == "GET" then failures.usage "a request with GET has no body" end
  local client, err = new_client(arguments)
  if not client then return nil, err end
  local out = output.new()
  local options = { accept = arguments.accept, stream = arguments.stream or nil,
    content_type = arguments.content_type, max_retries = arguments.max_retries }
  local answer
  answer, err = client:request(arguments.method, arguments.path, body, options)
  if not answer then return nil, err end
  if arguments.stream then
    local ok, problem = pcall(print_events, out, answer, arguments.json)
    answer:close()
    if not ok then error(problem, 0) end
    return 0
  end
  local text = answer.body
  if arguments.json then text, err = answer_line(answer) end
  if not text then return nil, err end
  out:write(text)
  out:end_line()
  return 0
end

return M
