-- SPDX-License-Identifier: MIT
-- Makes the calls of the rows, and finds what became of them.

local cases = require "spec.gateways.cases"
local child = require "spec.support.child"
local cjson = require "cjson"
local errors = require "predibase.errors"
local in_nginx = require "spec.support.in_nginx"
local mock = require "predibase.mock"
local process = require "spec.gateways.process"
local tasks = require "spec.gateways.tasks"
local uv = require "luv"

local M = {}

M.TOKEN = "pb_SENTINEL_7f3a"

-- Seconds after which a deployment that starts late listens.
local START = tonumber(os.getenv "START_SECONDS") or 5

-- What is common to all rows: the stand-in server, the authority.
local shared = {}

--- @tparam table values `model`, `ca_file`, `cpath` of Lua 5.4
function M.share (values) shared = values end

--- Returns the rows of a situation: one for each way to make the call.
-- @tparam table gateway `name`
-- @tparam table situation of the gateway
-- @treturn table array of `{ situation, case, method, client, path, upstream }`
function M.rows (gateway, situation)
  local case = cases.cases[situation.case]
  local rows = {}
  for _, method in ipairs(case.methods or { "generate", "stream" }) do
    for _, client in ipairs { "1.1", "2", "nginx" } do
      if client ~= "nginx" or situation.inside then
        local row = { situation = situation, case = case, method = method, client = client,
          path = ("/%s/%s/%s-%s"):format(gateway.name, situation.id, client, method) }
        if case.upstream == "dead" or case.upstream == "late" then
          row.upstream = process.port()
        elseif case.upstream ~= "none" then
          row.upstream = shared.model.port
        end
        rows[#rows + 1] = row
      end
    end
  end
  return rows
end

local function script (row)
  local faults = row.case.faults
  if type(faults) == "function" then faults = faults(row.method) end
  local turns = {}
  for i, turn in ipairs(faults and #faults > 0 and faults or { faults or {} }) do
    turns[i] = { answer = cases.TEXTS }
    for name, value in pairs(turn) do turns[i][name] = value end
  end
  local target = row.path .. (row.method == "stream" and "/generate_stream" or "/generate")
  shared.model:script(target, turns)
  for _, route in ipairs { "generate", "generate_stream" } do
    shared.model:script(("%s/before/%s"):format(row.path, route), row.case.beside
      and cases.SILENT or { answer = cases.TEXTS })
  end
  return target
end

--- Counts the requests that the model received for a path.
local function requests (model, target)
  local count = 0
  for _, entry in ipairs(model:log()) do
    if entry.path == target then count = count + 1 end
  end
  return count
end

local function start_caller (row)
  local case = row.case
  local job = { url = ("https://localhost:%d%s"):format(row.port, row.path), method = row.method,
    token = M.TOKEN, options = { timeout = { total = 120 } },
    before = case.before, pause = case.pause, after = case.after,
    beside = case.beside, prompt_bytes = case.prompt_bytes }
  for name, value in pairs(case.options or {}) do job.options[name] = value end
  if row.client == "nginx" then
    return in_nginx.start('assert(loadfile "spec/gateways/caller.lua")()',
      { NO_PUMP = "1", JOB = cjson.encode(job) },
      ("lua_ssl_trusted_certificate %s; lua_ssl_verify_depth 3;\n"):format(shared.ca_file))
  end
  job.ca_file, job.http_version = shared.ca_file, row.client
  return child.start("lua5.4", { args = { "spec/gateways/caller.lua" }, env = {
    JOB = cjson.encode(job), LUA_PATH = "./?.lua;./lua/?.lua;./lua/?/init.lua;;",
    LUA_CPATH = shared.cpath } })
end

--- Lets a server listen after a while; returns a function that closes it.
local function start_late (row)
  local late
  tasks.add(function ()
    tasks.sleep(START)
    late = assert(mock.listen { port = row.upstream,
      script = { ["*"] = { answer = cases.TEXTS } } })
  end)
  return function () if late then late:close() end end, function () return late end
end

--- Waits for the moment at which something happens to the gateway, and lets it happen.
local function act (row, caller, target, gateway)
  if row.method == "stream" then
    tasks.wait(function () return caller.stdout:find "token 3\n" or caller.code end, "tokens")
  else
    tasks.wait(function () return requests(shared.model, target) > 0 or caller.code end,
      "a request at the model")
  end
  gateway[row.situation.action](gateway)
end

--- Returns what no outcome may be, or nil: a list of problems.
local function problems_of (row, found)
  local problems = {}
  local function check (ok, text) if not ok then problems[#problems + 1] = text end end
  local all = table.concat(cases.TEXTS)
  local text = found.text or ""
  check(text == all:sub(1, #text), "the text is not the beginning of what was sent: " .. text)
  check(row.method == "ready" or not found.ok or text == all, "a text is missing: " .. text)
  check(found.kind ~= "cancelled" and found.kind ~= "config", "the call could not be made: "
    .. tostring(found.message))
  check(found.ok or errors.kinds[found.kind], "no kind of error: " .. tostring(found.kind))
  check(found.ok or #found.message > 10, "a message that says nothing")
  check(not (found.shown or ""):find(M.TOKEN, 1, true), "the token is in the error")
  check(found.after == nil or found.after == "ok", "the call afterwards: "
    .. tostring(found.after))
  return problems
end

--- Makes the call of a row in a task, and sets `found` (the outcome; `requests` is their number at
-- the model) and `problems`.
function M.run (row, gateway)
  local began = uv.hrtime()
  local target = script(row)
  local close, late
  if row.case.upstream == "late" then close, late = start_late(row) end
  local caller = start_caller(row)
  if row.situation.action then act(row, caller, target, gateway) end
  tasks.wait(function () return caller.code and caller.open == 0 end, "the call " .. row.path)
  if caller.dir then in_nginx.remove(caller) end
  local line = caller.stdout:match "outcome (%b{})\n"
  if not line then
    row.found, row.problems = {}, { ("the program failed: %s%s"):format(caller.stdout,
      caller.stderr:sub(-3000)) }
    return
  end
  row.found = cjson.decode(line)
  local model = late and late() or shared.model
  if row.method == "ready" then target = row.path .. "/health" end
  row.seconds = (uv.hrtime() - began) / 1e9
  row.found.requests = requests(model, target)
  row.problems = problems_of(row, row.found)
  if close then close() end
end

return M
