-- SPDX-License-Identifier: MIT
--- Counts requests, and writes the counts for `/metrics` as text and as JSON.
-- Names and types are the router's; the bounds of its histograms are not.
-- @module predibase.mock.prometheus

local json = require "predibase.mock.router_json"

local M = {}

-- Every metric: its type, and the label of those that have one.
local METRICS = {
  { "lorax_batch_inference_success", "counter", "method" },
  { "lorax_request_count", "counter" },
  { "lorax_request_failure", "counter", "err" },
  { "lorax_batch_inference_count", "counter", "method" },
  { "lorax_batch_inference_failure", "counter", "method" },
  { "lorax_request_success", "counter" },
  { "lorax_batch_current_size", "gauge" },
  { "lorax_queue_length", "gauge" },
  { "lorax_batch_current_max_tokens", "gauge" },
  { "lorax_request_input_length", "histogram" },
  { "lorax_request_validation_duration", "histogram" },
  { "lorax_request_queue_duration", "histogram" },
  { "lorax_request_duration", "histogram" },
  { "lorax_request_max_new_tokens", "histogram" },
  { "lorax_request_inference_duration", "histogram" },
  { "lorax_request_generated_tokens", "histogram" },
  { "lorax_request_mean_time_per_token_duration", "histogram" },
}
local BOUNDS = { 0.001, 0.01, 0.1, 1, 10, 100, 1000 }

local FAILURES = { incomplete_generation = "incomplete", template_error = "template",
  tool_error = "bad_request" }

local Metrics = {}
Metrics.__index = Metrics

--- Makes a set of metrics.
-- @treturn Metrics
function M.new ()
  return setmetatable({ values = {} }, Metrics)
end

--- Counts.
-- @tparam string name
-- @tparam[opt] string label
-- @tparam[opt=1] number amount
function Metrics:add (name, label, amount)
  local series = self.values[name] or { keys = {}, counts = {} }
  label = label or ""
  if not series.counts[label] then series.keys[#series.keys + 1] = label end
  self.values[name], series.counts[label] = series, (series.counts[label] or 0) + (amount or 1)
end

--- Sets a gauge.
-- @tparam string name
-- @tparam number value
function Metrics:set (name, value)
  self.values[name] = { counts = { [""] = value } }
end

--- Adds a value to a histogram.
-- @tparam string name
-- @tparam number value
function Metrics:observe (name, value)
  local histogram = self.values[name] or { sum = 0, count = 0, buckets = {} }
  self.values[name] = histogram
  histogram.sum, histogram.count = histogram.sum + value, histogram.count + 1
  for i, bound in ipairs(BOUNDS) do
    histogram.buckets[i] = (histogram.buckets[i] or 0) + (value <= bound and 1 or 0)
  end
end

--- Counts a failed request.
-- @tparam string kind error_type
function Metrics:failed (kind)
  self:add("lorax_request_failure", FAILURES[kind] or kind)
end

--- Counts a request that succeeded.
-- @tparam number seconds
-- @tparam number validation seconds
-- @tparam[opt] table answer a generation with `ids` and `prompt_tokens`
function Metrics:succeeded (seconds, validation, answer)
  local inference = seconds - validation
  self:add("lorax_request_success")
  self:observe("lorax_request_validation_duration", validation)
  self:observe("lorax_request_queue_duration", 0)
  self:observe("lorax_request_inference_duration", inference)
  self:observe("lorax_request_duration", seconds)
  if answer then
    local tokens = #answer.ids
    self:observe("lorax_request_input_length", answer.prompt_tokens)
    self:observe("lorax_request_max_new_tokens", answer.most)
    self:observe("lorax_request_generated_tokens", tokens)
    self:observe("lorax_request_mean_time_per_token_duration", inference / math.max(tokens, 1))
  end
end

-- Returns the samples of a metric: `{ name, value }`.
local function samples (self, name, kind, label)
  local series, list = self.values[name], {}
  if kind == "gauge" then return { { name, series and series.counts[""] or 0 } } end
  if not series then return list end
  if kind == "counter" then
    for i, key in ipairs(series.keys) do
      local full = label and ("%s{%s=%s}"):format(name, label, json.string(key)) or name
      list[i] = { full, series.counts[key] }
    end
    return list
  end
  for i, bound in ipairs(BOUNDS) do
    list[i] = { ('%s_bucket{le="%s"}'):format(name, bound), series.buckets[i] }
  end
  list[#list + 1] = { ('%s_bucket{le="+Inf"}'):format(name), series.count }
  list[#list + 1] = { name .. "_sum", series.sum }
  list[#list + 1] = { name .. "_count", series.count }
  return list
end

local function number (value, decimals)
  local text = ("%.17g"):format(value)
  for digits = 1, 16 do
    local short = ("%." .. digits .. "g"):format(value)
    if tonumber(short) == value then
      text = short
      break
    end
  end
  if text:find("[eE]") then text = ("%.0f"):format(value) end
  return decimals and not text:find("%.") and text .. ".0" or text
end

-- The text of a series in the JSON form has the last word of its name, or its labels.
local function json_key (name)
  if name:find("{", 1, true) then return name end
  return name:match("_(sum)$") or name:match("_(count)$") or ""
end

--- Writes the metrics in the text format of Prometheus.
-- @treturn string
function Metrics:text ()
  local out = {}
  for _, metric in ipairs(METRICS) do
    local list = samples(self, metric[1], metric[2], metric[3])
    if #list > 0 then out[#out + 1] = ("# TYPE %s %s\n"):format(metric[1], metric[2]) end
    for _, sample in ipairs(list) do
      out[#out + 1] = sample[1] .. " " .. number(sample[2]) .. "\n"
    end
    if #list > 0 then out[#out + 1] = "\n" end
  end
  return table.concat(out)
end

--- Writes the metrics as JSON, as the router does.
-- @treturn string
function Metrics:json ()
  local out = {}
  for _, metric in ipairs(METRICS) do
    local data = {}
    for i, sample in ipairs(samples(self, metric[1], metric[2], metric[3])) do
      data[i] = ('{"key":%s,"value":%s}')
        :format(json.string(json_key(sample[1])), number(sample[2], true))
    end
    if #data > 0 then
      out[#out + 1] = ('%s:{"type":"%s","data":[%s]}')
        :format(json.string(metric[1]), metric[2], table.concat(data, ","))
    end
  end
  return "{" .. table.concat(out, ",") .. "}"
end

return M
