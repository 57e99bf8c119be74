-- SPDX-License-Identifier: MIT
--- The fixtures in spec/fixtures/wire: loads them, runs one through a client and compares the
-- outcome with the expected one. It is independent of the transport: the same fixtures run over a
-- pipe, over sockets and inside nginx.
--
-- A fixture is a table:
--
-- * `story`: what happened and why it matters
-- * `call`: the method of the client: "generate_stream" (the default), "generate",
--   "chat_completion", "chat_completion_stream", "completion" or "completion_stream"
-- * `status` (200), `headers` (lower-case name -> value), `body` or `pieces` (what the server
--   writes at a time; numbers are pauses in seconds), `ending`: "end" (the default), "cut" or
--   "reset" (the connection is lost), "open" (it stays open and nothing more comes); or `replies`,
--   an array of such tables, when the call makes several requests
-- * `options` of the call (`max_retries` is 0 unless given), `client`: options of the client
-- * `expect`: for a success `text`, `usage`, `finish_reason` (of `generate`: the one in `details`),
--   `seed` and `other_seed` (digits), `no_details`; of chats and completions also
--   `raw_finish_reason` (the same as `finish_reason` unless given), `no_raw_finish_reason`,
--   `reasoning`, `calls` (array of `{ name, raw arguments }`), `call_ids`, `choices` (texts),
--   `stop_sequence`: each must be absent unless given; for an error `kind`, `message` (a pattern),
--   `partial_text`, `status`, `error_type`, `retryable`, `longest_message`; for both `texts` (of
--   all tokens), `pieces` (of `stream:texts()`, where they are not the same), `tokens` (fields by
--   number), `absent` (fields that a token must not have), `ids` (digits), `attempts`, `requests`
--   (that reached the server)

local outcome = require "spec.support.outcome"
local wire = require "spec.support.wire"

local M = {}

M.DIRECTORY = "spec/fixtures/wire"

--- The API token of every client that runs fixtures: no outcome may contain it.
M.TOKEN = "pb_SENTINEL_7f3a"

--- Returns the names of all fixtures, sorted.
function M.names ()
  local lfs = require "lfs"       -- required here because host programs may lack it
  local names = {}
  for file in lfs.dir(M.DIRECTORY) do
    local name = file:match("^(.+)%.lua$")
    if name then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- Tells whether the call of a fixture returns its answer whole, and not as a stream.
function M.is_whole (fixture)
  return not fixture.call:find "_stream$"
end

local function complete (reply, is_whole)
  return {
    status = reply.status or 200,
    headers = reply.headers
      or (is_whole and { ["content-type"] = "application/json" } or wire.stream_head()),
    pieces = reply.pieces or { reply.body },
    ending = reply.ending or "end",
  }
end

--- Loads a fixture and fills in all defaults: `replies`, each with `status`, `headers`, `pieces`
-- and `ending`.
function M.load (name)
  local fixture = dofile(("%s/%s.lua"):format(M.DIRECTORY, name))
  fixture.name = name
  fixture.call = fixture.call or "generate_stream"
  local replies = {}
  for i, reply in ipairs(fixture.replies or { fixture }) do
    replies[i] = complete(reply, M.is_whole(fixture))
  end
  fixture.replies = replies
  return fixture
end

--- Returns all bytes of the body of a fixture's last reply.
function M.body (fixture)
  local bytes = {}
  for _, piece in ipairs(fixture.replies[#fixture.replies].pieces) do
    if type(piece) == "string" then bytes[#bytes + 1] = piece end
  end
  return table.concat(bytes)
end

--- Returns the replies of a fixture, with the body of the last one split into other pieces.
function M.sliced (fixture, pieces)
  local replies = {}
  for i, reply in ipairs(fixture.replies) do replies[i] = reply end
  local last = replies[#replies]
  replies[#replies] = { status = last.status, headers = last.headers, ending = last.ending,
    pieces = pieces }
  return replies
end

--- Returns the options of a client for a fixture.
function M.client_options (fixture, base_url, transport)
  local options = { base_url = base_url, transport = transport, api_token = M.TOKEN }
  for name, value in pairs(fixture.client or {}) do options[name] = value end
  return options
end

local QUESTION = "What colour is the sky?"

--- Returns what the model is asked: a prompt, or the messages of a chat.
local function input_of (fixture)
  if not fixture.call:find "^chat" then return QUESTION end
  return { { role = "user", content = QUESTION } }
end

local function call_options (fixture)
  local options = { max_retries = 0 }
  for name, value in pairs(fixture.options or {}) do options[name] = value end
  return options
end

--- Returns the part of the outcome that does not depend on how the tokens were read.
local function conclude (found, stream, err)
  found.err = err
  if not err then found.result = stream:result() end
  local token, again = stream:next()
  found.final = token == nil and again == err
  token, again = stream:poll()
  found.final = found.final and token == nil and again == err
  return found
end

--- The ways to read a stream to its end. `idle` is called when `poll` has nothing.
M.ways = {
  next = function (stream)
    local tokens = {}
    local token, err
    repeat
      token, err = stream:next()
      tokens[#tokens + 1] = token
    until not token
    return conclude({ tokens = tokens }, stream, err)
  end,

  poll = function (stream, idle)
    local tokens = {}
    local token, err
    repeat
      token, err = stream:poll()
      if err == "pending" then idle() else tokens[#tokens + 1] = token end
    until not token and err ~= "pending"
    return conclude({ tokens = tokens }, stream, err)
  end,

  ["for"] = function (stream)
    local tokens = {}
    local ok, err = pcall(function ()
      for token in stream do tokens[#tokens + 1] = token end
    end)
    return conclude({ tokens = tokens }, stream, not ok and err or nil)
  end,

  texts = function (stream)
    local pieces = {}
    local ok, err = pcall(function ()
      for piece in stream:texts() do pieces[#pieces + 1] = piece end
    end)
    return conclude({ pieces = pieces }, stream, not ok and err or nil)
  end,
}

--- Makes the call of a fixture with a client and reads its answer.
-- @tparam table client whose server serves this fixture
-- @tparam table fixture
-- @tparam[opt="next"] string way one of `ways`; a whole answer has only one
-- @tparam ?function idle what to do while `poll` has nothing
-- @treturn table `tokens` or `pieces`, `err` or `result`, `final` (every later call gave the same)
function M.run (client, fixture, way, idle)
  local input, options = input_of(fixture), call_options(fixture)
  if M.is_whole(fixture) then
    local result, err = client[fixture.call](client, input, options)
    return { result = result, err = err, final = (result == nil) == (err ~= nil) }
  end
  local stream = client[fixture.call](client, input, options)
  return M.ways[way or "next"](stream, idle)
end

--- Compares an outcome of `run` with what a fixture expects.
-- @treturn ?string the differences, one per line; nil when there are none
function M.problems (fixture, found)
  return outcome.problems(fixture.expect, found, M.TOKEN, fixture.call)
end

return M
