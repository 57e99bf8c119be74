-- SPDX-License-Identifier: MIT
-- Runs the situations of the gateways, and compares docs/gateways.md with what was found.
-- usage: luajit spec/gateways/main.lua [--page] [--only SITUATION] [GATEWAY]...
-- With --page it writes the tables into the page. spec/gateways/run.sh sets the variables.

local authority = require "spec.support.ca"
local jobs = require "spec.gateways.jobs"
local mock = require "predibase.mock"
local page = require "spec.gateways.page"
local process = require "spec.gateways.process"
local scratch = require "spec.support.scratch"
local tasks = require "spec.gateways.tasks"
local uv = require "luv"

-- Calls that are under way at the same time; most of them wait.
local AT_MOST = 24

-- Modules of spec/gateways.
local NAMES = { "envoy", "haproxy", "caddy", "nginx_proxy" }

local function arguments ()
  local options, i = { gateways = {} }, 1
  while arg[i] do
    if arg[i] == "--page" then
      options.page = true
    elseif arg[i] == "--only" then
      i = i + 1
      options.only = arg[i]
    else
      table.insert(options.gateways, arg[i])
    end
    i = i + 1
  end
  if #options.gateways == 0 then options.gateways = NAMES end
  return options
end

--- Starts a gateway for some rows, makes their calls, and ends it; in a task.
local function serve (gateway, rows, pair, run)
  local folder = scratch.new()
  local running = gateway.start(rows, folder, pair)
  local left = #rows
  for _, row in ipairs(rows) do
    run(function ()
      local fine, problem = pcall(jobs.run, row, running)
      if not fine then row.found, row.problems = {}, { tostring(problem) } end
      left = left - 1
    end)
  end
  tasks.wait(function () return left == 0 end, "the calls of " .. gateway.name, 3600)
  running:finish()
  if not os.getenv "KEEP" then scratch.remove(folder) else print(folder) end
end

--- Adds the tasks of a gateway; returns its rows by situation. What happens to a whole gateway
-- needs one for each call, and settings of a whole gateway (`global`) need one for the situation.
local function add (gateway, only, pair, run)
  local all, together = {}, {}
  local function serve_later (rows)
    if #rows > 0 then tasks.add(function () serve(gateway, rows, pair, run) end) end
  end
  for _, situation in ipairs(gateway.situations) do
    local rows = (not only or only == situation.id) and jobs.rows(gateway, situation) or {}
    all[situation.id] = rows
    if situation.action then
      for _, row in ipairs(rows) do serve_later { row } end
    elseif situation.global then
      serve_later(rows)
    else
      for _, row in ipairs(rows) do together[#together + 1] = row end
    end
  end
  serve_later(together)
  return all
end

--- Returns whether a program is installed.
local function is_installed (program)
  if program:find "/" then return uv.fs_stat(program) ~= nil end
  for folder in os.getenv "PATH":gmatch "[^:]+" do
    if uv.fs_stat(folder .. "/" .. program) then return true end
  end
  return false
end

--- Prints what was found, with the messages of the errors.
local function report (gateway, all)
  local passed, failed = 0, 0
  for _, situation in ipairs(gateway.situations) do
    for _, row in ipairs(all[situation.id]) do
      local found, good = row.found, #row.problems == 0
      if good then passed = passed + 1 else failed = failed + 1 end
      print(("%s %s, %s, %s, HTTP %s: %s, %.1f s"):format(good and "ok" or "not ok",
        gateway.name, situation.id, row.method, row.client,
        found.ok and "ok" or tostring(found.kind), row.seconds or 0))
      if found.message then
        print(("#   %s%s [%s, %s, %s attempts, %s requests, %s]"):format(
          found.status and found.status .. " " or "", found.message, found.phase or "",
          found.retryable and "retryable" or "not retryable", tostring(found.attempts),
          tostring(found.requests), tostring(found.tokens)))
      end
      if found.retried and found.retried ~= "" then print("#   retried: " .. found.retried) end
      for _, problem in ipairs(row.problems) do print("#   PROBLEM: " .. problem) end
    end
  end
  return passed, failed
end

local options = arguments()
local ca = authority.new()
local pair = ca:issue "localhost"
local model = assert(mock.listen { log_limit = 100000 })
jobs.share { model = model, ca_file = ca.file, cpath = os.getenv "CALLER_CPATH" }
local run, found = tasks.at_most(AT_MOST), {}
for _, name in ipairs(options.gateways) do
  local gateway = require("spec.gateways." .. name)
  if is_installed(gateway.program) then
    found[#found + 1] = { gateway = gateway, rows = add(gateway, options.only, pair, run) }
  else
    print(gateway.program .. " is not installed")
    print "1 skipped"
  end
end
tasks.run()
model:close()
process.release()
ca:remove()

local passed, failed = 0, 0
for _, each in ipairs(found) do
  local p, f = report(each.gateway, each.rows)
  passed, failed = passed + p, failed + f
  if not options.only and f == 0 then
    local made = page.table_of(each.gateway, each.rows)
    if options.page then
      page.write(each.gateway, made)
    else
      local lines = page.differences(each.gateway, made)
      local good = #lines == 0
      print(("%s the table of %s in %s is what was found"):format(good and "ok" or "not ok",
        each.gateway.name, page.FILE))
      for _, line in ipairs(lines) do print("#   " .. line) end
      if good then passed = passed + 1 else failed = failed + 1 end
    end
  end
end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0)
