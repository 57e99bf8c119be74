-- SPDX-License-Identifier: MIT
--- The numbers that a server counts (LoRAX: GET /metrics).
--
-- LoRAX writes them as JSON or in Prometheus' text format, as the header Accept says; other servers
-- know the text only. Both become the same table.
-- @module predibase.metrics

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local headers_of = require "predibase.response_headers"
local json = require "predibase.json"
local request = require "predibase.request"
local response = require "predibase.response"

local M = {}

--- The options of `client:metrics`.
-- @table MetricsOptions
-- @extends CallOptions
-- @tfield ?boolean text return Prometheus' text format unread (default false)

--- The options of `client:metrics` for Prometheus' text format.
-- @table MetricsTextOptions
-- @extends MetricsOptions
-- @tfield true text return Prometheus' text format unread

--- A metric of a server.
-- @table Metric
-- @tfield string type "counter", "gauge", "histogram", "summary" or "untyped"
-- @tfield ?number value of a counter or a gauge
-- @tfield ?number sum of a histogram or a summary
-- @tfield ?number count of a histogram or a summary
-- @tfield MetricSeries[] series the numbers with labels

--- A number of a metric with labels.
-- @table MetricSeries
-- @tfield table<string,string> labels name -> value
-- @tfield number value the number
-- @tfield ?"sum"|"count"|"bucket" part which number of a histogram or a summary

-- The table of metrics.

--- Returns the metric of a name, which is made if it does not exist.
local function metric_of (metrics, name, kind)
  local metric = metrics[name]
  if not metric then
    metric = { type = kind, series = {} }
    metrics[name] = metric
  end
  return metric
end

--- Adds a number. `part` is "sum", "count" or "bucket" for the numbers of histograms and summaries.
local function add (metric, part, labels, value)
  if not labels then
    metric[part or "value"] = value
  else
    metric.series[#metric.series + 1] = { part = part, labels = labels, value = value }
  end
end

local ESCAPES = { ["\\n"] = "\n", ['\\"'] = '"', ["\\\\"] = "\\" }

--- Reads labels such as `method="decode",le="1"`. Returns nil when they are not well formed.
local function read_labels (text)
  local labels, at = {}, 1
  while text:find("%S", at) do
    local name, after = text:match('^%s*([%a_][%w_]*)%s*=%s*"()', at)
    if not name then return nil end
    local from, place = after, after
    repeat
      place = text:find('["\\]', place)
      if not place then return nil end
      local is_escape = text:sub(place, place) == "\\"
      place = place + (is_escape and 2 or 1)
    until not is_escape
    labels[name] = text:sub(from, place - 2):gsub("\\.", ESCAPES)
    at = text:match("^%s*,()", place) or place
    if at == place and text:find("%S", at) then return nil end
  end
  return labels
end

local PARTS = { sum = true, count = true, bucket = true }

--- Splits the name of a number into that of its metric and its part.
local function split_name (name, metric, kind)
  if name == metric then return metric end
  local rest = name:sub(1, #metric) == metric and name:match("^_(%l+)$", #metric + 1)
  if rest and PARTS[rest] and (kind == "histogram" or kind == "summary") then
    return metric, rest
  end
end

-- JSON.

--- Adds one entry of `data` to its metric. Returns what is wrong, or nil.
local function add_entry (metric, name, entry, path)
  if type(entry) ~= "table" then return path .. " is not an object" end
  local key, value = entry.key, entry.value
  if type(key) ~= "string" then return path .. ".key is not a string" end
  if value == json.null then value = 0 / 0 end
  if type(value) ~= "number" then return path .. ".value is not a number" end
  local has_parts = metric.type == "histogram" or metric.type == "summary"
  -- LoRAX names the number of the counter lorax_request_count "count".
  if key == "" or PARTS[key] and not has_parts then
    metric.value = value
  elseif PARTS[key] then
    add(metric, key, nil, value)
  else
    local full, text = key:match "^([^{]+){(.*)}$"
    local labels = full and read_labels(text)
    local known, part = split_name(full or "", name, metric.type)
    if not labels or not known then return path .. ".key is not the name of a number" end
    add(metric, part, labels, value)
  end
end

local function read_json (object)
  local metrics, names = {}, {}
  for name in pairs(object) do names[#names + 1] = name end
  table.sort(names)                   -- so that the message is the same on every run
  for _, name in ipairs(names) do
    local given = object[name]
    if type(given) ~= "table" then return nil, name .. " is not an object" end
    if type(given.type) ~= "string" then return nil, name .. ".type is not a string" end
    local count = type(given.data) == "table" and checks.array(given.data)
    if not count then return nil, name .. ".data is not an array" end
    local metric = metric_of(metrics, name, given.type)
    for i = 1, count do
      local problem = add_entry(metric, name, given.data[i], ("%s.data[%d]"):format(name, i))
      if problem then return nil, problem end
    end
  end
  return metrics
end

-- Text (https://prometheus.io/docs/instrumenting/exposition_formats).

local NUMBERS = { NaN = 0 / 0, ["+Inf"] = math.huge, Inf = math.huge, ["-Inf"] = -math.huge }

local function read_number (text)
  if NUMBERS[text] then return NUMBERS[text] end
  return text:find "^[%d+.-][%d+.eE-]*$" and tonumber(text) or nil
end

--- Reads one line with a number. Returns nil when it is not well formed.
local function read_line (metrics, line, current)
  local name, rest = line:match "^([%a_:][%w_:]*)%s*(.*)$"
  if not name then return nil end
  local labels
  if rest:sub(1, 1) == "{" then
    -- The last brace ends the labels, because what follows are numbers.
    local inner, after = rest:match "^{(.*)}%s*([^}]*)$"
    labels, rest = inner and read_labels(inner), after
    if not labels then return nil end
    if next(labels) == nil then labels = nil end
  end
  local value = read_number(rest:match "^(%S+)%s*%-?%d*%s*$" or "")
  if not value then return nil end
  local known, part = split_name(name, current.name or "", current.type)
  add(metric_of(metrics, known or name, known and current.type or "untyped"), part, labels, value)
  return true
end

local function read_text (text)
  local metrics, current, number = {}, {}, 0
  for ended in (text .. "\n"):gmatch "([^\n]*)\n" do
    number = number + 1
    local line = ended:gsub("\r$", "")
    local name, kind = line:match "^#%s*TYPE%s+(%S+)%s+(%S+)%s*$"
    if name then
      current = { name = name, type = kind }
      metric_of(metrics, name, kind)
    elseif line:find "^%s*[^#%s]" and not read_line(metrics, line, current) then
      return nil, ("line %d of the metrics cannot be read"):format(number)
    end
  end
  return metrics
end

-- Answers.

--- Tells whether a body is a page, for example of a gateway that asks for a login.
local function is_page (body)
  return body:find "^%s*<" ~= nil
end

local function check_status (reply, meta)
  local is_good = reply.status >= 200 and reply.status <= 299 and not is_page(reply.body or "")
  if is_good then return true end
  return nil, response.error(reply, meta)
end

local function read (reply, meta)
  local ok, err = check_status(reply, meta)
  if not ok then return nil, err end
  local metrics, problem
  local body = reply.body or ""
  if headers_of.is_json(reply.headers) or body:find "^%s*[{%[]" then
    local object
    object, err = response.object(reply, meta)
    if not object then return nil, err end
    metrics, problem = read_json(object)
  else
    metrics, problem = read_text(body)
  end
  if metrics then return metrics end
  return nil, response.error(reply, meta, "in the answer, " .. problem)
end

local function read_raw (reply, meta)
  local ok, err = check_status(reply, meta)
  if not ok then return nil, err end
  return reply.body or ""
end

local NAMES = request.union(request.plain_names, { text = true })

--- The route of `client:metrics`.
M.ROUTE = {
  name = "metrics", path = "/metrics", verb = "GET", accept = "application/json", names = NAMES,
  read = read,
}

--- The route of `client:metrics` for text.
M.TEXT = {
  name = "metrics", path = "/metrics", verb = "GET", accept = "text/plain", names = NAMES,
  read = read_raw,
}

--- Returns the route that options ask for.
-- @tparam ?table options
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation`
function M.route (options)
  local text = type(options) == "table" and rawget(options, "text") or nil
  if text == nil or text == json.null or text == false then return M.ROUTE end
  if text == true then return M.TEXT end
  return nil, errors.new { kind = "validation", phase = "request",
    message = "text must be a boolean, got " .. checks.describe(text) }
end

return M
