-- SPDX-License-Identifier: MIT
--- Shared by the specs of faults: bytes of responses, the ways to make a call, and the checks that
-- apply to every outcome.
--
-- A row of a table of faults:
--
-- * `name`: a sentence
-- * `raw`: actions of the stand-in server (see `predibase.mock.faults`), or a function that makes
--   them for "generate" or "stream"; or `script`, the same for whole scripts
-- * `only`: "generate" or "stream"; `patient`: true if a read with `poll` would only cost time
-- * `options` of the call (`max_retries` is 0 unless given), `client`: options of the client
-- * `expect`: `text` for a success, or `kind` and any other field of the error; `message` is a
--   pattern, `count` the number of tokens before the error, `requests` the number of requests that
--   the server got. Its fields `generate` and `stream` contain what differs for one of them.

local assert = require "luassert"
local errors = require "predibase.errors"
local fixture = require "spec.support.fixture"
local predibase = require "predibase"
local secrecy = require "spec.support.secrecy"
local stand_in = require "spec.support.server"
local transport = require "predibase.transport"
local uv = require "luv"
local wire = require "spec.support.wire"

local M = {}

local pools = 0               -- clients inside nginx so far

M.PROMPT = "What colour is the sky?"
M.TEXT = " The sky is blue."
M.PATHS = { generate = "/generate", stream = "/generate_stream" }
M.BODIES = { generate = '{"generated_text":" The sky is blue."}', stream = wire.answer() }
M.TYPES = { generate = "application/json", stream = "text/event-stream" }

-- The text of all successful responses above.
M.GOOD = { text = M.TEXT }

--- Returns the head of a successful response; `fields` are header lines without line ends.
function M.head (method, ...)
  local lines = { "HTTP/1.1 200 OK", "content-type: " .. M.TYPES[method], ... }
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

function M.chunk (bytes)
  return ("%x\r\n"):format(#bytes) .. bytes .. "\r\n"
end

M.LAST_CHUNK = "0\r\n\r\n"

M.CHUNKED = "transfer-encoding: chunked"

--- Returns a successful response with a Content-Length.
function M.sized (method, body, ...)
  body = body or M.BODIES[method]
  return M.head(method, "content-length: " .. #body, ...) .. body
end

--- Returns a successful response in one chunk.
function M.chunked (method, body)
  return M.head(method, M.CHUNKED) .. M.chunk(body or M.BODIES[method]) .. M.LAST_CHUNK
end

--- Returns a response with another status.
function M.status (line, body, ...)
  local lines = { "HTTP/1.1 " .. line, "content-length: " .. #body, ... }
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
end

--- Returns the ways in which a row is run.
function M.ways (row)
  local ways = {}
  if row.only ~= "stream" then ways[1] = { name = "generate", method = "generate" } end
  if row.only ~= "generate" then
    ways[#ways + 1] = { name = "stream", method = "stream", read = "next" }
    if not row.patient then
      ways[#ways + 1] = { name = "stream, polled", method = "stream", read = "poll" }
    end
  end
  return ways
end

--- Returns a client whose token is the secret to look for, and whose delays are not random.
function M.client (url, options)
  local all = { base_url = url, api_token = secrecy.TOKEN }
  for name, value in pairs(options or {}) do all[name] = value end
  local client = assert(predibase.new(all))
  client.shared.random = function () return 0.01 end
  M.own_connections(client)
  return client
end

--- Inside nginx all clients of a server share their unused connections. A test needs its own, as
-- with libcurl.
function M.own_connections (client)
  if not transport.in_nginx() then return end
  pools = pools + 1
  client.transport.target.pool = "pool of a test " .. pools
end

local function nap ()
  uv.sleep(1)
end

--- Makes a call and reads its answer to the end.
-- @treturn table `result` or `err`, `tokens`, `final` (every later call gave the same)
function M.call (client, way, options)
  local all = { max_retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  if way.method == "generate" then
    local result, err = client:generate(M.PROMPT, all)
    return { result = result, err = err, tokens = {}, final = true }
  end
  return fixture.ways[way.read](client:generate_stream(M.PROMPT, all), nap)
end

local function expectation (expect, method)
  local all = {}
  for name, value in pairs(expect) do all[name] = value end
  for name, value in pairs(expect[method] or {}) do all[name] = value end
  all.generate, all.stream = nil, nil
  return all
end

local FIELDS = { "kind", "phase", "status", "attempts", "retryable", "retry_after", "error_type",
  "partial_text" }

local function check_error (err, expect, tokens, is_stream)
  assert.is_true(errors.is(err))
  assert.is_table(errors.kinds[err.kind], "an unknown kind: " .. tostring(err.kind))
  for _, name in ipairs(FIELDS) do
    if expect[name] ~= nil then
      assert.equal(expect[name], err[name], name .. " of " .. tostring(err))
    end
  end
  if expect.message then
    assert.is_truthy(err.message:find(expect.message), err.message .. " ~ " .. expect.message)
  end
  assert.is_true(#err.message <= 4096)
  assert.is_true(#(err.body or "") <= 512)
  if is_stream then
    local parts = {}
    for i, token in ipairs(tokens) do parts[i] = token.text end
    assert.equal(table.concat(parts), err.partial_text)
    assert.equal(#tokens, err.tokens)
  end
end

--- Returns everything that a call produced, except the model's text, which may contain anything.
local function outside (found)
  local err, result, fields = found.err, found.result, {}
  for name, value in pairs(err or {}) do fields[name] = value end
  fields.partial_text = nil
  return { fields, err and tostring(err), result and result.headers }
end

--- Checks that there is exactly one outcome, that it is the expected one, and that it does not
-- contain the token.
function M.check (found, expect, way)
  expect = expectation(expect, way.method)
  if (found.result == nil) == (found.err == nil) then
    error("not exactly one outcome: " .. tostring(found.result) .. ", " .. tostring(found.err), 0)
  end
  assert.is_true(found.final, "a later call gave something else")
  assert.is_nil(secrecy.find(outside(found)))
  if expect.any then
    if found.err then check_error(found.err, {}, found.tokens, way.method == "stream") end
    return
  end
  if expect.kind then
    assert.is_nil(found.result, "expected an error of kind " .. expect.kind)
    check_error(found.err, expect, found.tokens, way.method == "stream")
    if way.method == "stream" then assert.equal(expect.count or 0, #found.tokens) end
  else
    assert.is_nil(found.err and tostring(found.err))
    assert.equal(expect.text, found.result.generated_text)
    if expect.attempts then assert.equal(expect.attempts, found.result.attempts) end
  end
end

--- Checks that a client has nothing left of a call.
function M.check_idle (client)
  assert.equal(0, client.transport:size())
end

local Rig = {}
Rig.__index = Rig

--- Starts the stand-in server; for `setup`.
function Rig:start ()
  self.server = stand_in.spawn { log_limit = 8, max_seconds = self.max_seconds }
  self.url = self.server.url
end

--- Stops the server; for `teardown`. Fails when a connection is open.
function Rig:stop () -- luacheck: ignore 212
  stand_in.stop()
end

--- Returns the number of requests so far.
function Rig:requests ()
  local log = self.server:log()
  return #log > 0 and log[#log].number or 0
end

--- Waits until no connection to the server is open.
function Rig:check_closed ()
  local server = self.server
  assert.is_truthy(server:wait(stand_in.left_alone, 20),
    "a connection to the server was left open")
  assert.same({}, server:failures())
end

--- Checks that the client can be used again, and leaves nothing when it is closed.
function Rig:check_recovery (client, way)
  M.check_idle(client)
  self.server:script(M.PATHS[way.method], { raw = { { send = M.sized(way.method) } } })
  M.check(M.call(client, way), M.GOOD, way)
  M.check_idle(client)
  client:close()
  self:check_closed()
end

--- Returns the script of a row.
local function script_of (row, method)
  local raw, script = row.raw, row.script
  if type(raw) == "function" then raw = raw(method) end
  if type(script) == "function" then script = script(method) end
  return script or { raw = raw }
end

--- Runs a row in one way.
function Rig:run (row, way)
  self.server:script(M.PATHS[way.method], script_of(row, way.method))
  local before = self:requests()
  local client = M.client(self.url, row.client)
  local found = M.call(client, way, row.options)
  M.check(found, row.expect, way)
  local wanted = expectation(row.expect, way.method).requests
  if wanted then assert.equal(wanted, self:requests() - before, "requests") end
  self:check_recovery(client, way)
  return found
end

--- Calls `it` for every row in every way. Use it inside `describe`.
-- @tparam table rows
-- @tparam function it of busted
function Rig:each (rows, it)
  for _, row in ipairs(rows) do
    for _, way in ipairs(M.ways(row)) do
      it(("%s (%s)"):format(row.name, way.name), function () self:run(row, way) end)
    end
  end
end

--- Returns an object that has a server and the checks above.
-- @tparam ?number max_seconds how long the server lives (60)
function M.rig (max_seconds)
  return setmetatable({ max_seconds = max_seconds }, Rig)
end

return M
