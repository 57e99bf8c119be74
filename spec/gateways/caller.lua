-- SPDX-License-Identifier: MIT
-- Makes the calls of one row of the table: the client whose behaviour is recorded. Runs in an
-- interpreter, or inside nginx. The variable JOB is JSON, see spec/gateways/jobs.lua. Prints a line
-- for each token, and the outcome as JSON at the end.

local cjson = require "cjson"
local predibase = require "predibase"

local job = cjson.decode(os.getenv "JOB")
local nginx = rawget(_G, "ngx")

local function sleep (seconds)
  if nginx then return nginx.sleep(seconds) end
  require "luv".sleep(math.floor(seconds * 1000))
end

local function say (...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
  io.stdout:flush()
end

local prompt = ("word "):rep(math.ceil((job.prompt_bytes or 5) / 5))

local function read (stream)
  local count = 0
  while true do
    local token, err = stream:next()
    if not token then
      if err then return nil, err end
      return stream:result()
    end
    count = count + 1
    say("token", count)
  end
end

local function call (client, method)
  if method == "ready" then
    local ok, err = client:wait_ready { timeout = job.options.cold_start }
    return ok and { text = "", attempts = 1, usage = {} }, err
  end
  local options = { max_new_tokens = 30 }
  if method == "generate" then return client:generate(prompt, options) end
  return read(client:generate_stream(prompt, options))
end

local function outcome (result, err)
  if result then
    return { ok = true, text = result.text, tokens = result.usage.completion_tokens,
      attempts = result.attempts }
  end
  return { kind = err.kind, message = err.message, status = err.status, phase = err.phase,
    retryable = err.retryable, attempts = err.attempts, tokens = err.tokens,
    text = err.partial_text, shown = tostring(err) }
end

local options = { base_url = job.url, api_token = job.token, ca_file = job.ca_file,
  http_version = job.http_version }
for name, value in pairs(job.options) do options[name] = value end
local retried = {}
options.on_retry = function (info) retried[#retried + 1] = tostring(info.error) end
local client = assert(predibase.new(options))

-- Calls that only prepare the one that counts go to another path, where the model answers normally.
if job.before then
  local view = assert(client:with { base_url = job.url .. "/before" })
  for _ = 1, job.before do
    assert(call(view, job.method))
    if job.pause then sleep(job.pause) end
  end
  say "prepared"
end

-- A stream that stays open while the call that counts is made.
local open
if job.beside then
  open = assert(client:with { base_url = job.url .. "/before" }):generate_stream(prompt)
  for _ = 1, 3 do assert(open:next()) end
end

local measured = outcome(call(client, job.method))

-- Calls afterwards must succeed, over whatever connections there are by then.
if job.after then
  say "calls again"
  local view = assert(client:with { base_url = job.url .. "/before" })
  local result, err = call(view, job.method)
  measured.after = result and "ok" or err.kind .. ": " .. err.message
end
if open then open:close() end
client:close()
measured.retried = table.concat(retried, "; ")
say("outcome", cjson.encode(measured))
